package interop

import (
	"context"
	"crypto"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

// format is one of the two shapes that a signature has in a registry.
type format string

const (
	// legacy is a simple signing payload at the tag sha256-<hex>.sig.
	legacy format = "legacy"
	// bundle is a Sigstore bundle 0.3 in a referrer of the image.
	bundle format = "bundle"
	// both is what waxseal writes unless told otherwise; the cosigns cannot.
	both format = "both"
)

var formats = []format{legacy, bundle}

// signing is what a peer is told when it signs.
type signing struct {
	key         *key
	format      format
	annotations map[string]string
	// recursive signs each image of an index too.
	recursive bool
	// algorithm is the argument of waxseal's --signing-algorithm; the cosigns choose by the key.
	algorithm string
}

// verifying is what a peer is told when it verifies.
type verifying struct {
	key         *key
	format      format
	annotations map[string]string
	// digest is the argument of cosign's --signature-digest-algorithm; 0 is its default, SHA-256.
	digest crypto.Hash
	// everyImage judges each image of an index too; waxseal alone can.
	everyImage bool
}

// peer signs and verifies. An error of sign or verify is the peer's own.
type peer interface {
	name() string
	sign(ctx context.Context, image name.Digest, how signing) error
	verify(ctx context.Context, image name.Digest, how verifying) error
}

// cosigns are the peers that waxseal is held against.
var cosigns = []peer{cosign3{}, cosign2{}}

// must ends the test where the scene cannot be set.
func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
