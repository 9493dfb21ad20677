package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/in-toto/in-toto-golang/in_toto"
)

// attesting is what a peer is told when it attests, and when it verifies what was attested.
type attesting struct {
	key    *key
	format format
	kind   kind
}

// attester attests and verifies attestations. It verifies as `verify-attestation --type` does, and
// gives the statements that it took.
type attester interface {
	name() string
	attest(ctx context.Context, image name.Digest, how attesting) error
	verifyAttestation(ctx context.Context, image name.Digest, how attesting) ([]string, error)
}

var attesters = []attester{cosign3{}, cosign2{}}

// kind is a type of predicate, as it is typed and as it is signed, with one to attest.
type kind struct {
	typed, uri, predicate string
}

// exact is a number that no float holds.
const exact = "9007199254740993"

var attestedKinds = []kind{
	{"custom", "https://cosign.sigstore.dev/attestation/v1", "free text, not JSON\n"},
	{"vuln", "https://cosign.sigstore.dev/attestation/vuln/v1", `{"invocation":{"parameters":[],"uri":"https://ci.example.com/1","event_id":"1","builder.id":"ci"},` +
		`"scanner":{"uri":"pkg:generic/scanner@1.2.3","version":"1.2.3","db":{"uri":"https://db.example.com","version":"1"},"result":{"findings":[]}},` +
		`"metadata":{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":"2026-01-01T00:01:00Z"}}`},
	{"spdxjson", "https://spdx.dev/Document", `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","packages":[]}`},
	{"spdx", "https://spdx.dev/Document", "SPDXVersion: SPDX-2.3\nPackageName: app\n"},
	{"cyclonedx", "https://cyclonedx.org/bom", `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[]}`},
	{"slsaprovenance", "https://slsa.dev/provenance/v0.2", `{"builder":{"id":"https://ci.example.com"},"buildType":"https://example.com/build/v0","invocation":{},"metadata":{},"materials":[]}`},
	{"slsaprovenance1", "https://slsa.dev/provenance/v1", `{"buildDefinition":{"buildType":"https://example.com/build/v1","externalParameters":{"ref":"main"},"internalParameters":{},"resolvedDependencies":[]},` +
		`"runDetails":{"builder":{"id":"https://ci.example.com"},"metadata":{"invocationId":"1"}}}`},
	{"link", "https://in-toto.io/Link/v1", `{"_type":"link","name":"build","command":["make"],"materials":{},"products":{},"byproducts":{},"environment":{}}`},
	{"openvex", "https://openvex.dev/ns", `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex/1","author":"security","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[]}`},
	{"https://example.com/review/v1", "https://example.com/review/v1", `{"builds":` + exact + `,"note":"gr\u00f6\u00dfe <&>"}`},
}

func kindOf(typed string) kind {
	at := slices.IndexFunc(attestedKinds, func(kind kind) bool { return kind.typed == typed })
	return attestedKinds[at]
}

func (w waxseal) attest(ctx context.Context, image name.Digest, how attesting) error {
	file, err := os.CreateTemp(workDir, "predicate")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(how.kind.predicate); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return w.run(ctx, "attest", "--key", how.key.private, "--format", string(how.format), "--type", how.kind.typed,
		"--predicate", file.Name(), image.String())
}

func (w waxseal) verifyAttestation(ctx context.Context, image name.Digest, how attesting) ([]string, error) {
	directory, err := os.MkdirTemp(workDir, "verified")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	printed := filepath.Join(directory, "envelopes")
	verdict := filepath.Join(directory, "verdict")
	err = w.run(ctx, "verify-attestation", "--key", how.key.public, "--format", string(how.format), "--type", how.kind.typed,
		"--output-file", printed, "--verdict-file", verdict, image.String())
	if failed, is := err.(*failure); is {
		said, _ := os.ReadFile(verdict)
		failed.said += string(said)
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	lines, err := os.ReadFile(printed)
	if err != nil {
		return nil, err
	}
	var statements []string
	for line := range strings.Lines(string(lines)) {
		statement, err := statementIn([]byte(line))
		if err != nil {
			return nil, err
		}
		statements = append(statements, statement)
	}
	return statements, nil
}

// statementIn is the payload of an envelope.
func statementIn(envelope []byte) (string, error) {
	var wire struct{ Payload string }
	if err := json.Unmarshal(envelope, &wire); err != nil {
		return "", err
	}
	statement, err := base64.StdEncoding.DecodeString(wire.Payload)
	return string(statement), err
}

// signed is what both cosigns hand out of a verified attestation.
type signed interface{ Payload() ([]byte, error) }

// ofKind takes the statements of the type that was asked for, as `cosign verify-attestation` does: each is
// read into the type that the name stands for. read is the cosign's own way to read any statement.
func ofKind[S signed](verified []S, kind kind, read func(statement []byte) (string, error)) ([]string, error) {
	var taken, found []string
	for _, one := range verified {
		envelope, err := one.Payload()
		if err != nil {
			return nil, err
		}
		statement, err := statementIn(envelope)
		if err != nil {
			return nil, err
		}
		predicateType, err := read([]byte(statement))
		if err != nil {
			return nil, err
		}
		found = append(found, predicateType)
		if predicateType != kind.uri {
			continue
		}
		typed := map[string]any{
			"link":           &in_toto.LinkStatement{},
			"slsaprovenance": &in_toto.ProvenanceStatementSLSA02{},
			"spdx":           &in_toto.SPDXStatement{},
			"spdxjson":       &in_toto.SPDXStatement{},
			"cyclonedx":      &in_toto.CycloneDXStatement{},
		}
		if into := typed[kind.typed]; into != nil {
			if err := json.Unmarshal([]byte(statement), into); err != nil {
				return nil, err
			}
		}
		taken = append(taken, statement)
	}
	if len(taken) == 0 {
		return nil, fmt.Errorf("none of the attestations matched the predicate type: %s, found: %s", kind.typed, strings.Join(found, ","))
	}
	return taken, nil
}

// attestingPair is who attests, who verifies, and in which format.
type attestingPair struct {
	signer, verifier attester
	format           format
}

func attestingPairs(wax waxseal) []attestingPair {
	var all []attestingPair
	for _, theirs := range attesters {
		for _, format := range formats {
			all = append(all, attestingPair{wax, theirs, format}, attestingPair{theirs, wax, format})
		}
	}
	return all
}

func (p attestingPair) String() string {
	return fmt.Sprintf("%s, %s to %s", p.format, p.signer.name(), p.verifier.name())
}

func (p attestingPair) row(how string) row {
	return row{attestation: true, how: how, format: p.format, signed: p.signer.name(), verified: p.verifier.name()}
}

// says is what a peer says when it refuses: a code of waxseal's, or words of the cosigns.
func (p attestingPair) says(code, words string) string {
	if p.verifier.name() == "waxseal" {
		return `"code":"` + code + `"`
	}
	return words
}

// TestAttestations attests each type of predicate with one side and verifies it with the other.
func TestAttestations(t *testing.T) {
	wax := theWaxseal(t)
	key := keyOf(t, "P-256", "")
	for _, pair := range attestingPairs(wax) {
		for _, kind := range attestedKinds {
			announced := pair.row("`" + kind.typed + "`")
			why, limit := limitOf(pair, kind)
			if limit != "" {
				announced.expected, announced.why = refused, why
			}
			row := report.announce(announced)
			everywhere(t, pair.String()+" "+kind.typed, func(t *testing.T, p place, shape string) {
				report.record(t, row, cellOf(p.kind, shape))
				pushed := p.push(t, shape)
				how := attesting{key: key, format: pair.format, kind: kind}
				if err := pair.signer.attest(t.Context(), pushed.digest, how); err != nil {
					t.Fatal(err)
				}
				taken, err := pair.verifier.verifyAttestation(t.Context(), pushed.digest, how)
				if limit != "" {
					mustRefuse(t, peerOf(pair.verifier), err, limit)
					return
				}
				if err != nil {
					t.Fatalf("%s refuses: %v", pair.verifier.name(), err)
				}
				if len(taken) != 1 || !strings.Contains(taken[0], kind.uri) {
					t.Errorf("taken: %q", taken)
				}
				// What waxseal signs keeps its numbers; a cosign reads them as floats.
				keeps := strings.Contains(taken[0], exact)
				if strings.Contains(kind.predicate, exact) && keeps != (pair.signer.name() == "waxseal") {
					t.Errorf("the number %s: %q", exact, taken)
				}
			})
		}
	}
}

// limitOf is what a cosign cannot do with a type, and what it says then.
func limitOf(pair attestingPair, kind kind) (why, says string) {
	switch {
	case kind.typed != "spdx" || pair.verifier.name() == "waxseal":
		return "", ""
	case pair.format == bundle:
		return "sigstore-go reads no statement whose predicate is a string", "invalid attestation"
	case pair.verifier.name() == (cosign3{}).name():
		return "it reads no type where the predicate is a string", "none of the attestations matched the predicate type: spdx"
	default:
		return "", ""
	}
}

// peerOf is the same peer where only its name is asked for.
func peerOf(attester attester) peer {
	return attester.(peer)
}

// TestOtherTypesAndKeysAreRefused wants what was not attested.
func TestOtherTypesAndKeysAreRefused(t *testing.T) {
	wax := theWaxseal(t)
	first, second := keyOf(t, "P-256", ""), keyOf(t, "P-256", "-other")
	for _, pair := range attestingPairs(wax) {
		otherType, otherKey := pair.row("a type that was not attested"), pair.row("another key")
		otherType.expected, otherKey.expected = refused, refused
		rows := []*row{report.announce(otherType), report.announce(otherKey)}
		everywhere(t, pair.String(), func(t *testing.T, p place, shape string) {
			pushed := p.push(t, shape)
			how := attesting{key: first, format: pair.format, kind: kindOf("vuln")}
			if err := pair.signer.attest(t.Context(), pushed.digest, how); err != nil {
				t.Fatal(err)
			}
			byOther := pair.says("signature-mismatch", invalidLegacyEnvelope)
			if pair.format == bundle {
				byOther = pair.says("untrusted-key", invalidBundle)
			}
			for at, wanted := range []struct {
				how  attesting
				says string
			}{
				{attesting{first, pair.format, kindOf("cyclonedx")}, pair.says("predicate-type-mismatch", "none of the attestations matched")},
				{attesting{second, pair.format, kindOf("vuln")}, byOther},
			} {
				t.Run(strings.ReplaceAll(rows[at].how, " ", "_"), func(t *testing.T) {
					report.record(t, rows[at], cellOf(p.kind, shape))
					_, err := pair.verifier.verifyAttestation(t.Context(), pushed.digest, wanted.how)
					mustRefuse(t, peerOf(pair.verifier), err, wanted.says)
				})
			}
		})
	}
}

// TestBothFormatsOfAttestations attests in both formats at once, as waxseal does unless told otherwise, and
// lets a cosign add one of its own by another key.
func TestBothFormatsOfAttestations(t *testing.T) {
	wax := theWaxseal(t)
	first, second := keyOf(t, "P-256", ""), keyOf(t, "P-256", "-other")
	for _, theirs := range attesters {
		for _, format := range formats {
			to := attestingPair{wax, theirs, format}
			from := attestingPair{theirs, wax, format}
			rows := []*row{
				report.announce(to.row("both formats at once, read in this one")),
				report.announce(to.row("the same, after " + theirs.name() + " added one by another key")),
				report.announce(from.row("one that was added beside waxseal's")),
			}
			everywhere(t, fmt.Sprintf("%s with %s", format, theirs.name()), func(t *testing.T, p place, shape string) {
				pushed := p.push(t, shape)
				verifies := func(into *row, verifier attester, key *key) {
					t.Run(strings.ReplaceAll(into.how, " ", "_"), func(t *testing.T) {
						report.record(t, into, cellOf(p.kind, shape))
						how := attesting{key, format, kindOf("vuln")}
						if _, err := verifier.verifyAttestation(t.Context(), pushed.digest, how); err != nil {
							t.Errorf("%s refuses: %v", verifier.name(), err)
						}
					})
				}
				if err := wax.attest(t.Context(), pushed.digest, attesting{first, both, kindOf("vuln")}); err != nil {
					t.Fatal(err)
				}
				verifies(rows[0], theirs, first)
				if err := theirs.attest(t.Context(), pushed.digest, attesting{second, format, kindOf("vuln")}); err != nil {
					t.Fatal(err)
				}
				verifies(rows[1], theirs, first)
				verifies(rows[2], wax, second)
			})
		}
	}
}
