package interop

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// place is a registry in memory, on a port of its own on loopback.
type place struct {
	kind string
	host string
}

const (
	// referrersAPI lists referrers by the endpoint of OCI 1.1.
	referrersAPI = "referrers API"
	// fallbackTag has no such endpoint; the index at the tag sha256-<hex> lists them.
	fallbackTag = "fallback tag"
)

var placeKinds = []string{referrersAPI, fallbackTag}

func openPlace(kind string) (place, func()) {
	server := httptest.NewServer(registry.New(
		registry.WithReferrersSupport(kind == referrersAPI),
		registry.Logger(log.New(io.Discard, "", 0)),
	))
	return place{kind: kind, host: strings.TrimPrefix(server.URL, "http://")}, server.Close
}

const (
	// image has the media types of Docker's schema 2.
	image = "image"
	// index has those of OCI, and two images.
	index = "index"
)

var shapes = []string{image, index}

// thing is an image or an index that was pushed.
type thing struct {
	digest name.Digest
	// images are those of an index.
	images []name.Digest
}

// push puts a new image or index into the registry, whose only one it is.
func (p place) push(t testing.TB, shape string) thing {
	t.Helper()
	repository := must[name.Repository](t)(name.NewRepository(p.host + "/team/app"))
	content := newContent(t, shape)
	digest := must[v1.Hash](t)(content.Digest())
	pushed := thing{digest: repository.Digest(digest.String())}
	tag := repository.Tag("1.0")
	var err error
	switch content := content.(type) {
	case v1.Image:
		err = remote.Write(tag, content)
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, content)
		for _, child := range must[*v1.IndexManifest](t)(content.IndexManifest()).Manifests {
			pushed.images = append(pushed.images, repository.Digest(child.Digest.String()))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return pushed
}

// newContent is an image or an index that no other test has.
func newContent(t testing.TB, shape string) interface{ Digest() (v1.Hash, error) } {
	t.Helper()
	one := func() v1.Image { return must[v1.Image](t)(random.Image(64, 1)) }
	if shape == image {
		return one()
	}
	var parts []mutate.IndexAddendum
	for _, architecture := range []string{"amd64", "arm64"} {
		part := mutate.ConfigMediaType(mutate.MediaType(one(), types.OCIManifestSchema1), types.OCIConfigJSON)
		parts = append(parts, mutate.IndexAddendum{
			Add:        part,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	return mutate.IndexMediaType(mutate.AppendManifests(empty.Index, parts...), types.OCIImageIndex)
}
