package interop

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// layoutReader verifies what an OCI layout holds.
type layoutReader interface {
	name() string
	verifyLayout(ctx context.Context, directory string, how verifying) error
}

// inLayout is the only cell of a row that is no registry's.
const inLayout = "result"

// TestLayoutOfWaxseal signs in a layout that another tool wrote, and lets the cosigns read it.
func TestLayoutOfWaxseal(t *testing.T) {
	wax := theWaxseal(t)
	key := keyOf(t, "P-256", "")
	for _, format := range formats {
		for _, reader := range []layoutReader{cosign3{}, cosign2{}} {
			if format == bundle && reader.name() == (cosign2{}).name() {
				// It reads no bundles from layouts, and none of its flags asks for them.
				continue
			}
			for _, shape := range shapes {
				result := row{
					layout: true, format: format, signed: wax.name(), verified: reader.name(),
					how: "`sign` in a layout of another tool, " + shape,
				}
				if format == bundle && shape == index {
					result.expected, result.why = refused, "looks for the bundles of an image, not of an index"
				}
				row := report.announce(result)
				t.Run(string(format)+" "+reader.name()+" "+shape, func(t *testing.T) {
					report.record(t, row, inLayout)
					directory := writeLayout(t, shape)
					if err := wax.signLayout(t.Context(), directory, signing{key: key, format: format}); err != nil {
						t.Fatal(err)
					}
					err := reader.verifyLayout(t.Context(), directory, verifying{key: key, format: format})
					switch {
					case row.expected == refused && (err == nil || !strings.Contains(err.Error(), "no signatures associated")):
						t.Errorf("%s should find no signature: %v", reader.name(), err)
					case row.expected == ok && err != nil:
						t.Errorf("%s refuses: %v", reader.name(), err)
					}
				})
			}
		}
	}
}

// TestLayoutOfCosign lets waxseal read what `cosign save` writes.
func TestLayoutOfCosign(t *testing.T) {
	wax := theWaxseal(t)
	key := keyOf(t, "P-256", "")
	theirs := cosign3{}
	for _, format := range formats {
		for _, shape := range shapes {
			row := report.announce(row{
				layout: true, format: format, signed: theirs.name(), verified: wax.name(), how: "`cosign save`, " + shape,
			})
			t.Run(string(format)+" "+shape, func(t *testing.T) {
				report.record(t, row, inLayout)
				opened, closePlace := openPlace(referrersAPI)
				t.Cleanup(closePlace)
				pushed := opened.push(t, shape)
				if err := theirs.sign(t.Context(), pushed.digest, signing{key: key, format: format}); err != nil {
					t.Fatal(err)
				}
				directory := filepath.Join(t.TempDir(), "saved")
				if err := theirs.save(t.Context(), pushed.digest, directory); err != nil {
					t.Fatal(err)
				}
				if err := wax.verifyLayout(t.Context(), directory, verifying{key: key, format: format}); err != nil {
					t.Errorf("waxseal refuses: %v", err)
				}
			})
		}
	}
}

// writeLayout writes a layout as a build tool does: nothing in it is cosign's.
func writeLayout(t *testing.T, shape string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "layout")
	path := must[layout.Path](t)(layout.Write(directory, empty.Index))
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "1.0"})
	var err error
	switch content := newContent(t, shape).(type) {
	case v1.Image:
		err = path.AppendImage(content, named)
	case v1.ImageIndex:
		err = path.AppendIndex(content, named)
	}
	if err != nil {
		t.Fatal(err)
	}
	return directory
}
