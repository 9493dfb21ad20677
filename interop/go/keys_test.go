package interop

import (
	"crypto"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sigstore/cosign/v3/pkg/cosign"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
)

// password encrypts every key of a run.
const password = "interop"

// key is a key pair that cosign 3 generated and encrypted, made anew by each run.
type key struct {
	name string
	// private and public are the files cosign.key and cosign.pub.
	private, public       string
	privatePEM, publicPEM []byte
	// own is the digest that cosign signs with and its verify does not expect; 0 if they agree.
	own crypto.Hash
	// short is the name of the algorithm with which the key signs over SHA-256 all the same.
	short string
}

var kinds = []struct {
	name    string
	details protocommon.PublicKeyDetails
	own     crypto.Hash
	short   string
}{
	{name: "P-256", details: protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256},
	{name: "P-384", details: protocommon.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384, own: crypto.SHA384, short: "ecdsa-sha2-256-nistp384"},
	{name: "P-521", details: protocommon.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512, own: crypto.SHA512, short: "ecdsa-sha2-256-nistp521"},
	{name: "RSA-2048", details: protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256},
	{name: "Ed25519", details: protocommon.PublicKeyDetails_PKIX_ED25519_PH},
}

// keyRing makes each kind of key once a run; generating and unlocking are slow on purpose.
var keyRing = struct {
	sync.Mutex
	made    map[string]*key
	signers map[*key]signature.SignerVerifier
}{made: map[string]*key{}, signers: map[*key]signature.SignerVerifier{}}

// keyOf is the run's key of a kind; use tells apart keys of one kind.
func keyOf(t testing.TB, kind, use string) *key {
	t.Helper()
	keyRing.Lock()
	defer keyRing.Unlock()
	if made := keyRing.made[kind+use]; made != nil {
		return made
	}
	for _, k := range kinds {
		if k.name != kind {
			continue
		}
		algorithm := must[signature.AlgorithmDetails](t)(signature.GetAlgorithmDetails(k.details))
		pair := must[*cosign.KeysBytes](t)(cosign.GenerateKeyPairWithAlgorithm(&algorithm, pass))
		made := &key{
			name:       k.name,
			private:    filepath.Join(workDir, kind+use+".key"),
			public:     filepath.Join(workDir, kind+use+".pub"),
			privatePEM: pair.PrivateBytes,
			publicPEM:  pair.PublicBytes,
			own:        k.own,
			short:      k.short,
		}
		for path, content := range map[string][]byte{made.private: pair.PrivateBytes, made.public: pair.PublicBytes} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		keyRing.made[kind+use] = made
		return made
	}
	t.Fatalf("no kind of key is called %q", kind)
	return nil
}

// unlocked is the key as cosign 3 loads it from its file, once a run.
func (k *key) unlocked() (signature.SignerVerifier, error) {
	keyRing.Lock()
	defer keyRing.Unlock()
	if signer := keyRing.signers[k]; signer != nil {
		return signer, nil
	}
	signer, err := cosign.LoadPrivateKey(k.privatePEM, []byte(password), nil)
	if err != nil {
		return nil, err
	}
	keyRing.signers[k] = signer
	return signer, nil
}

func pass(bool) ([]byte, error) { return []byte(password), nil }
