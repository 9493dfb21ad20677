package interop

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// workDir holds the keys and layouts of a run.
var workDir string

func TestMain(m *testing.M) {
	os.Exit(runAndReport(m))
}

func runAndReport(m *testing.M) int {
	directory, err := os.MkdirTemp("", "waxseal-interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	workDir = directory
	code := m.Run()
	if len(report.rows) == 0 {
		return code
	}
	text := report.markdown()
	fmt.Println(text)
	if path := os.Getenv("INTEROP_TABLE"); path != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// row is a line of a table: one way to sign and to verify, over all places and shapes.
type row struct {
	// key and format are empty in rows that stand outside the matrix.
	key    string
	format format
	// signed and verified name the peers.
	signed, verified string
	// how are the flags that were needed; what is tested, outside the matrix.
	how string
	// attestation says that the row is about one; how is its type then, or what is tested.
	attestation bool
	// layout says that it was in no registry: the only cell is inLayout.
	layout bool
	// expected is what each cell should say: ok if empty.
	expected string
	// why says why it is not ok.
	why   string
	cells map[string]string
}

// emptyTrustedRoot is a file for --trusted-root that trusts nothing.
const emptyTrustedRoot = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// What a cell says.
const (
	ok = "ok"
	// refused is a peer's limit, or right where the test is that it refuses.
	refused = "refused"
	// admitted is a peer that verifies what it should not.
	admitted = "admitted"
	// failed is another outcome than expected.
	failed = "**FAILED**"
)

// report collects the rows in the order in which they were announced.
var report = &results{}

type results struct {
	sync.Mutex
	rows []*row
}

// announce puts a row into the table.
func (r *results) announce(announced row) *row {
	r.Lock()
	defer r.Unlock()
	announced.cells = map[string]string{}
	if announced.expected == "" {
		announced.expected = ok
	}
	r.rows = append(r.rows, &announced)
	return &announced
}

// record notes what a test found, when it ends; a cell that two tests fill keeps the worse.
func (r *results) record(t *testing.T, into *row, cell string) {
	t.Cleanup(func() {
		r.Lock()
		defer r.Unlock()
		switch {
		case t.Failed():
			into.cells[cell] = failed
		case into.cells[cell] != failed:
			into.cells[cell] = into.expected
		}
	})
}

// cellOf names a column: where the evidence stands, and what was signed.
func cellOf(placeKind, shape string) string { return placeKind + ", " + shape }

func columns() []string {
	var names []string
	for _, placeKind := range placeKinds {
		for _, shape := range shapes {
			names = append(names, cellOf(placeKind, shape))
		}
	}
	return names
}

// outcome is what all cells of a row say, or the first that says something else than expected.
func (r *row) outcome() string {
	for _, column := range columns() {
		switch cell := r.cells[column]; cell {
		case r.expected:
		case "":
			return "not run"
		default:
			return cell
		}
	}
	return r.expected
}

// markdown is the report: a summary of the matrix, the matrix, and what stands outside it.
func (r *results) markdown() string {
	r.Lock()
	defer r.Unlock()
	three, two := cosign3{}.name(), cosign2{}.name()
	var text strings.Builder
	line := func(format string, arguments ...any) { fmt.Fprintf(&text, format+"\n", arguments...) }

	line("# waxseal and cosign")
	line("")
	line("Written by the tests in interop/go: do not edit. One side signs, the other verifies, with a key and without a")
	line("transparency log. Each row of the matrix stands for four signatures: on an image and on an index, in a registry")
	line("with the referrers API and in one without it (fallback tag). The keys are new in each run.")
	line("")
	line("%s; %s; %s; go-containerregistry %s; sigstore-go %s; %s.",
		waxsealVersion(), three, two, versionOf("github.com/google/go-containerregistry"),
		versionOf("github.com/sigstore/sigstore-go"), goVersion())
	line("")
	line("## In short")
	line("")
	directions := [][2]string{{"waxseal", three}, {"waxseal", two}, {three, "waxseal"}, {two, "waxseal"}}
	table(line, []string{"key", "format", "waxseal → " + three, "waxseal → " + two, three + " → waxseal", two + " → waxseal"})
	var notes []string
	for _, kind := range kinds {
		for _, format := range formats {
			cells := []string{kind.name, string(format)}
			for _, direction := range directions {
				found, ways := r.summary(kind.name, format, direction)
				if ways != "" {
					if !slices.Contains(notes, ways) {
						notes = append(notes, ways)
					}
					found += fmt.Sprintf(" (%d)", slices.Index(notes, ways)+1)
				}
				cells = append(cells, found)
			}
			line("| %s |", strings.Join(cells, " | "))
		}
	}
	line("")
	for at, ways := range notes {
		line("- (%d) with %s", at+1, ways)
	}
	line("")
	line("The arrow leads from who signs to who verifies. waxseal is given `--key`; cosign `--key` and `--insecure-ignore-tlog`,")
	line("and %s for a bundle also `--trusted-root` with a file that may trust nothing:", two)
	line("`%s`.", emptyTrustedRoot)
	line("")
	line("## Every cell")
	line("")
	table(line, append(append([]string{"key", "format", "signed by", "verified by", "with"}, columns()...), "why"))
	for _, row := range r.rows {
		if row.key != "" {
			line("| %s | %s | %s | %s | %s | %s | %s |", row.key, row.format, row.signed, row.verified, code(row.how), row.filled(columns()), row.why)
		}
	}
	line("")
	line("## Beyond the matrix")
	line("")
	line("With P-256 keys. `admitted` is a verifier that does not see what it should refuse.")
	line("")
	table(line, append(append([]string{"what", "format", "signed by", "verified by"}, columns()...), "why"))
	for _, row := range r.rows {
		if row.key == "" && !row.layout && !row.attestation {
			line("| %s | %s | %s | %s | %s | %s |", row.how, row.format, row.signed, row.verified, row.filled(columns()), row.why)
		}
	}
	line("")
	line("## Attestations")
	line("")
	line("With P-256 keys: `waxseal attest` and `waxseal verify-attestation`, and what `cosign attest` and `cosign verify-attestation` do.")
	line("The predicate of the URI type holds 2^53 + 1: what waxseal signs keeps it, a cosign signs another number.")
	line("")
	table(line, append(append([]string{"what", "format", "signed by", "verified by"}, columns()...), "why"))
	for _, row := range r.rows {
		if row.attestation {
			line("| %s | %s | %s | %s | %s | %s |", row.how, row.format, row.signed, row.verified, row.filled(columns()), row.why)
		}
	}
	line("")
	line("## Without a registry")
	line("")
	line("OCI layouts in a directory, with P-256 keys unless told otherwise: `waxseal verify --local-image` and `cosign verify --local-image`.")
	line("")
	table(line, []string{"what", "format", "written by", "verified by", inLayout, "why"})
	for _, row := range r.rows {
		if row.layout {
			line("| %s | %s | %s | %s | %s | %s |", row.how, row.format, row.signed, row.verified, row.filled([]string{inLayout}), row.why)
		}
	}
	return text.String()
}

// summary is what became of a key, a format and a direction, and the flags if it needs any.
func (r *results) summary(key string, format format, direction [2]string) (outcome, with string) {
	found := "not run"
	var ways []string
	for _, row := range r.rows {
		if row.key != key || row.format != format || row.signed != direction[0] || row.verified != direction[1] {
			continue
		}
		found = row.outcome()
		switch {
		case found == ok && row.how == "":
			return ok, ""
		case found == ok:
			ways = append(ways, code(row.how))
		case found != refused:
			return found, ""
		}
	}
	if len(ways) > 0 {
		return ok, strings.Join(ways, " or ")
	}
	return found, ""
}

func table(line func(string, ...any), heads []string) {
	line("| %s |", strings.Join(heads, " | "))
	line("|%s", strings.Repeat(" --- |", len(heads)))
}

func (r *row) filled(columns []string) string {
	var cells []string
	for _, column := range columns {
		cell := r.cells[column]
		if cell == "" {
			cell = "–"
		}
		cells = append(cells, cell)
	}
	return strings.Join(cells, " | ")
}

func code(flags string) string {
	if flags == "" {
		return ""
	}
	return "`" + flags + "`"
}

// versionOf reads the version of a module from go.mod, without the leading v.
func versionOf(module string) string {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		return "of unknown version"
	}
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(words) >= 2 && words[0] == module {
			return strings.TrimPrefix(words[1], "v")
		}
	}
	return "of unknown version"
}

func waxsealVersion() string {
	said, err := exec.Command(os.Getenv("WAXSEAL"), "--version").Output()
	if err != nil {
		return "waxseal of unknown version"
	}
	return strings.TrimSpace(string(said))
}
