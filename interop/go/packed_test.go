package interop

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	signed3 "github.com/sigstore/cosign/v3/pkg/oci/layout"
	remote3 "github.com/sigstore/cosign/v3/pkg/oci/remote"
)

// TestPackedByWaxseal packs an image and an index, signed recursively in either format, unpacks the file with Go's own tar
// reader, loads it as `cosign load` does, and lets the cosigns verify what was loaded, and what waxseal's `unpack` wrote.
func TestPackedByWaxseal(t *testing.T) {
	wax := theWaxseal(t)
	key := keyOf(t, "P-256", "")
	for _, format := range formats {
		for _, shape := range shapes {
			row := report.announce(row{
				layout: true, format: format, signed: wax.name(), verified: cosigns[0].name() + " and " + cosigns[1].name(),
				how: "`pack` of an " + shape + " signed with -r, unpacked with tar and loaded as `cosign load` does, and by `unpack`",
			})
			t.Run(string(format)+" "+shape, func(t *testing.T) {
				report.record(t, row, inLayout)
				opened, closePlace := openPlace(referrersAPI)
				t.Cleanup(closePlace)
				pushed := opened.push(t, shape)
				if err := wax.sign(t.Context(), pushed.digest, signing{key: key, format: format, recursive: true}); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), "app.wax.tar")
				tagged := pushed.digest.Context().Tag("1.0")
				if err := wax.pack(t.Context(), key, tagged, file); err != nil {
					t.Fatal(err)
				}
				directory := untar(t, file)
				fullNames(t, directory, tagged)
				loaded := loadPack3(t, directory, pushed.digest)
				site, closeSite := openPlace(fallbackTag)
				t.Cleanup(closeSite)
				if err := wax.unpack(t.Context(), key, file, site.host); err != nil {
					t.Fatal(err)
				}
				unpacked := must[name.Digest](t)(name.NewDigest(site.host + "/team/app@" + pushed.digest.DigestStr()))
				for _, peer := range cosigns {
					for _, image := range append([]name.Digest{pushed.digest}, pushed.images...) {
						how := verifying{key: key, format: format}
						if err := peer.verify(t.Context(), unpacked.Context().Digest(image.DigestStr()), how); err != nil {
							t.Errorf("%s refuses %s, which was unpacked: %v", peer.name(), image.DigestStr(), err)
						}
					}
					// `cosign load` takes along what hangs on the image itself.
					if err := peer.verify(t.Context(), loaded, verifying{key: key, format: format}); err != nil {
						t.Errorf("%s refuses what was loaded: %v", peer.name(), err)
					}
				}
			})
		}
	}
}

func (w waxseal) pack(ctx context.Context, key *key, image name.Tag, file string) error {
	return w.run(ctx, "pack", "--image-key", key.public, "--key", key.private, "--out", file, image.String())
}

func (w waxseal) unpack(ctx context.Context, key *key, file, host string) error {
	return w.run(ctx, "unpack", "--image-key", key.public, "--key", key.public, "--no-state", "--to", host, file)
}

// untar unpacks a file with Go's reader; whatever it finds there must be a plain file with a name inside.
func untar(t *testing.T, file string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "unpacked")
	archive := tar.NewReader(must[*os.File](t)(os.Open(file)))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return directory
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(header.Name) {
			t.Fatalf("%s of the kind %c", header.Name, header.Typeflag)
		}
		path := filepath.Join(directory, header.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, must[[]byte](t)(io.ReadAll(archive)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fullNames wants the image under the name that `ctr images import` gives it.
func fullNames(t *testing.T, directory string, image name.Tag) {
	t.Helper()
	root := must[v1.ImageIndex](t)(layout.ImageIndexFromPath(directory))
	for _, descriptor := range must[*v1.IndexManifest](t)(root.IndexManifest()).Manifests {
		if descriptor.Annotations["io.containerd.image.name"] == image.String() {
			return
		}
	}
	t.Errorf("no entry is called %s", image)
}

// loadPack3 is `cosign load`, into a registry of its own.
func loadPack3(t *testing.T, directory string, image name.Digest) name.Digest {
	t.Helper()
	opened, closePlace := openPlace(referrersAPI)
	t.Cleanup(closePlace)
	repository := must[name.Repository](t)(name.NewRepository(opened.host + "/team/app"))
	entity, err := signed3.SignedImageIndex(directory)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote3.WriteSignedImageIndexImages(repository.Tag("1.0"), entity, directory); err != nil {
		t.Fatal(err)
	}
	return repository.Digest(image.DigestStr())
}
