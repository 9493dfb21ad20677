package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	signed3 "github.com/sigstore/cosign/v3/pkg/oci/layout"
	remote3 "github.com/sigstore/cosign/v3/pkg/oci/remote"
)

// fixtures is the folder of what released cosigns made.
const fixtures = "../../testdata/cosign"

// fixture is a repository that a released cosign filled.
type fixture struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`
	Repository string `json:"repository"`
	Tag        string `json:"tag"`
	Digest     string `json:"digest"`
	Registry   string `json:"registry"`
	Key        string `json:"key"`
}

func theFixtures(t *testing.T) []fixture {
	t.Helper()
	var listed struct {
		Cases []fixture `json:"cases"`
	}
	if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(filepath.Join(fixtures, "cases.json"))), &listed); err != nil {
		t.Fatal(err)
	}
	return listed.Cases
}

// publicKey is the one that the fixture is verified with.
func (f fixture) publicKey(t *testing.T) *key {
	t.Helper()
	return &key{publicPEM: must[[]byte](t)(os.ReadFile(filepath.Join(fixtures, "keys", f.Key+".pub")))}
}

// restore fills a registry of the fixture's kind: what has no tag first, as referrers that it lists itself.
func (f fixture) restore(t *testing.T) name.Repository {
	t.Helper()
	kind := fallbackTag
	if strings.HasPrefix(f.Registry, "with ") {
		kind = referrersAPI
	}
	opened, closePlace := openPlace(kind)
	t.Cleanup(closePlace)
	repository := must[name.Repository](t)(name.NewRepository(opened.host + "/team/app"))
	root := must[v1.ImageIndex](t)(layout.ImageIndexFromPath(filepath.Join(fixtures, f.Repository)))
	listed := must[*v1.IndexManifest](t)(root.IndexManifest()).Manifests
	for _, tagged := range []bool{false, true} {
		for _, descriptor := range listed {
			tag := descriptor.Annotations["org.opencontainers.image.ref.name"]
			if (tag != "") != tagged {
				continue
			}
			var reference name.Reference = repository.Digest(descriptor.Digest.String())
			if tagged {
				reference = repository.Tag(tag)
			}
			var err error
			if descriptor.MediaType.IsIndex() {
				err = remote.WriteIndex(reference, must[v1.ImageIndex](t)(root.ImageIndex(descriptor.Digest)))
			} else {
				err = remote.Write(reference, must[v1.Image](t)(root.Image(descriptor.Digest)))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return repository
}

// TestSavedByWaxseal saves each repository twice, with cosign's packages and with waxseal, and lets the cosigns verify
// both directories, and what `cosign load` makes of both. Whose directory it is may make no difference to them.
func TestSavedByWaxseal(t *testing.T) {
	wax := theWaxseal(t)
	all := theFixtures(t)
	if len(all) < 80 {
		t.Fatalf("%d fixtures", len(all))
	}
	row := report.announce(row{
		layout: true, format: both, signed: wax.name(), verified: cosigns[0].name() + " and " + versionOf("github.com/sigstore/cosign/v2"),
		how: fmt.Sprintf("`save` of %d repositories of several keys, read and loaded as cosign's own `save` of them is", len(all)),
	})
	report.record(t, row, inLayout)
	for _, fixture := range all {
		t.Run(fixture.ID, func(t *testing.T) {
			repository := fixture.restore(t)
			image := repository.Digest(fixture.Digest)
			ours, theirs := filepath.Join(t.TempDir(), "ours"), filepath.Join(t.TempDir(), "theirs")
			if err := wax.save(t.Context(), repository.Tag(fixture.Tag), ours); err != nil {
				t.Fatal(err)
			}
			if err := (cosign3{}).save(t.Context(), image, theirs); err != nil {
				t.Fatal(err)
			}
			how := verifying{key: fixture.publicKey(t)}
			for _, reader := range []layoutReader{cosign3{}, cosign2{}} {
				how.format = legacy
				same(t, reader.name()+" reads the directory",
					reader.verifyLayout(t.Context(), ours, how), reader.verifyLayout(t.Context(), theirs, how))
			}
			fromOurs, fromTheirs := load3(t, ours, fixture), load3(t, theirs, fixture)
			for _, peer := range cosigns {
				for _, how.format = range formats {
					same(t, peer.name()+" verifies what was loaded, "+string(how.format),
						peer.verify(t.Context(), fromOurs, how), peer.verify(t.Context(), fromTheirs, how))
				}
			}
		})
	}
}

// same says where two directories have different outcomes.
func same(t *testing.T, what string, ours, theirs error) {
	t.Helper()
	if (ours == nil) != (theirs == nil) {
		t.Errorf("%s: saved by waxseal: %v; saved by cosign: %v", what, ours, theirs)
	}
}

// load3 is `cosign load`, into a registry of its own.
func load3(t *testing.T, directory string, f fixture) name.Digest {
	t.Helper()
	opened, closePlace := openPlace(referrersAPI)
	t.Cleanup(closePlace)
	repository := must[name.Repository](t)(name.NewRepository(opened.host + "/team/app"))
	entity, err := signed3.SignedImageIndex(directory)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote3.WriteSignedImageIndexImages(repository.Tag(f.Tag), entity, directory); err != nil {
		t.Fatal(err)
	}
	return repository.Digest(f.Digest)
}

func (w waxseal) save(ctx context.Context, image name.Tag, directory string) error {
	return w.run(ctx, "save", "--dir", directory, image.String())
}
