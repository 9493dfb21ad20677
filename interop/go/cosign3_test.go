package interop

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	intotov1 "github.com/in-toto/attestation/go/v1"
	"github.com/sigstore/cosign/v3/pkg/cosign"
	cbundle "github.com/sigstore/cosign/v3/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v3/pkg/oci"
	"github.com/sigstore/cosign/v3/pkg/oci/layout"
	"github.com/sigstore/cosign/v3/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v3/pkg/oci/remote"
	"github.com/sigstore/cosign/v3/pkg/oci/static"
	"github.com/sigstore/cosign/v3/pkg/oci/walk"
	"github.com/sigstore/cosign/v3/pkg/types"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/sigstore/sigstore/pkg/signature/payload"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// cosign3 takes the steps of `cosign sign` and `cosign verify` of version 3, with a key and without
// a transparency log.
type cosign3 struct{}

func (cosign3) name() string { return "cosign " + versionOf("github.com/sigstore/cosign/v3") }

func (c cosign3) sign(ctx context.Context, image name.Digest, how signing) error {
	if !how.recursive {
		return c.signOne(ctx, image, how)
	}
	entity, err := ociremote.SignedEntity(image)
	if err != nil {
		return err
	}
	return walk.SignedEntity(ctx, entity, func(ctx context.Context, entity oci.SignedEntity) error {
		digest, err := entity.(interface{ Digest() (v1.Hash, error) }).Digest()
		if err != nil {
			return err
		}
		return c.signOne(ctx, image.Context().Digest(digest.String()), how)
	})
}

func (c cosign3) signOne(ctx context.Context, image name.Digest, how signing) error {
	signer, err := how.key.unlocked()
	if err != nil {
		return err
	}
	pair, err := newKeypair(signer)
	if err != nil {
		return err
	}
	if how.format == bundle {
		return c.signBundle(ctx, image, pair, how.annotations)
	}
	return c.signLegacy(ctx, image, pair, how.annotations)
}

func (cosign3) signBundle(ctx context.Context, image name.Digest, pair *keypair, annotations map[string]string) error {
	digest, err := v1.NewHash(image.DigestStr())
	if err != nil {
		return err
	}
	signed, err := structpb.NewStruct(asAny(annotations))
	if err != nil {
		return err
	}
	statement, err := protojson.Marshal(&intotov1.Statement{
		Type: intotov1.StatementTypeUri,
		Subject: []*intotov1.ResourceDescriptor{{
			Digest:      map[string]string{digest.Algorithm: digest.Hex},
			Annotations: signed,
		}},
		PredicateType: types.CosignSignPredicateType,
		Predicate:     &structpb.Struct{},
	})
	if err != nil {
		return err
	}
	none := root.ServiceConfiguration{}
	offline, err := root.NewSigningConfig(root.SigningConfigMediaType02, nil, nil, nil, none, nil, none)
	if err != nil {
		return err
	}
	content := &sign.DSSEData{Data: statement, PayloadType: "application/vnd.in-toto+json"}
	made, err := cbundle.SignData(ctx, content, pair, "", nil, offline, nil, cbundle.SignOptions{})
	if err != nil {
		return err
	}
	return ociremote.WriteAttestationNewBundleFormat(image, made, types.CosignSignPredicateType)
}

func (cosign3) signLegacy(ctx context.Context, image name.Digest, pair *keypair, annotations map[string]string) error {
	message, err := payload.Cosign{Image: image, Annotations: asAny(annotations)}.MarshalJSON()
	if err != nil {
		return err
	}
	made, _, err := pair.SignData(ctx, message)
	if err != nil {
		return err
	}
	layer, err := static.NewSignature(message, base64.StdEncoding.EncodeToString(made))
	if err != nil {
		return err
	}
	entity, err := ociremote.SignedEntity(image)
	if err != nil {
		return err
	}
	entity, err = mutate.AttachSignatureToEntity(entity, layer)
	if err != nil {
		return err
	}
	return ociremote.WriteSignatures(image.Repository, entity)
}

func (c cosign3) verify(ctx context.Context, image name.Digest, how verifying) error {
	check, err := c.checks(how)
	if err != nil {
		return err
	}
	if how.format == bundle {
		_, _, err = cosign.VerifyImageAttestations(ctx, image, check)
	} else {
		_, _, err = cosign.VerifyImageSignatures(ctx, image, check)
	}
	return err
}

// verifyLayout is `cosign verify --local-image`, which chooses the format by what it finds.
func (c cosign3) verifyLayout(ctx context.Context, directory string, how verifying) error {
	bundles, err := cosign.HasLocalBundles(directory)
	if err != nil {
		return err
	}
	how.format = legacy
	if bundles {
		how.format = bundle
	}
	check, err := c.checks(how)
	if err != nil {
		return err
	}
	if bundles {
		_, _, err = cosign.VerifyLocalImageAttestations(ctx, directory, check)
	} else {
		_, _, err = cosign.VerifyLocalImageSignatures(ctx, directory, check)
	}
	return err
}

// save is `cosign save`: the referrers first, of which the last write of index.json leaves blobs.
func (cosign3) save(_ context.Context, image name.Digest, directory string) error {
	referrers, err := ociremote.Referrers(image, "")
	if err != nil {
		return err
	}
	for _, referrer := range referrers.Manifests {
		signed, err := ociremote.SignedImage(image.Context().Digest(referrer.Digest.String()))
		if err != nil {
			return err
		}
		if err := layout.WriteSignedImage(directory, signed); err != nil {
			return err
		}
	}
	entity, err := ociremote.SignedEntity(image)
	if err != nil {
		return err
	}
	if signed, is := entity.(oci.SignedImageIndex); is {
		return layout.WriteSignedImageIndex(directory, signed)
	}
	signed, is := entity.(oci.SignedImage)
	if !is {
		return fmt.Errorf("%T is neither an image nor an index", entity)
	}
	return layout.WriteSignedImage(directory, signed)
}

// checks are those of `cosign verify --key KEY --insecure-ignore-tlog`.
func (cosign3) checks(how verifying) (*cosign.CheckOpts, error) {
	verifier, err := how.key.verifier(how.digest)
	if err != nil {
		return nil, err
	}
	check := &cosign.CheckOpts{
		SigVerifier:     verifier,
		IgnoreTlog:      true,
		Annotations:     asAny(how.annotations),
		ClaimVerifier:   cosign.SimpleClaimVerifier,
		NewBundleFormat: how.format == bundle,
	}
	if check.NewBundleFormat {
		check.ClaimVerifier = cosign.IntotoSubjectClaimVerifier
	}
	return check, nil
}

// verifier loads the public key as both cosigns do for --key: SHA-256 unless told otherwise.
func (k *key) verifier(digest crypto.Hash) (signature.Verifier, error) {
	if digest == 0 {
		digest = crypto.SHA256
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(k.publicPEM)
	if err != nil {
		return nil, err
	}
	return signature.LoadVerifier(public, digest)
}

// keypair hands a cosign signer to sigstore-go, as cosign's unexported type of the same purpose
// does: the algorithm is the key's own, Ed25519ph for Ed25519.
type keypair struct {
	signer    signature.SignerVerifier
	public    crypto.PublicKey
	hint      []byte
	algorithm signature.AlgorithmDetails
}

func newKeypair(signer signature.SignerVerifier) (*keypair, error) {
	public, err := signer.PublicKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	algorithm, err := signature.GetDefaultAlgorithmDetails(public, *cosign.GetDefaultLoadOptions(nil)...)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	hint := []byte(base64.StdEncoding.EncodeToString(sum[:]))
	return &keypair{signer: signer, public: public, hint: hint, algorithm: algorithm}, nil
}

func (k *keypair) GetHashAlgorithm() protocommon.HashAlgorithm { return k.algorithm.GetProtoHashType() }

func (k *keypair) GetSigningAlgorithm() protocommon.PublicKeyDetails {
	return k.algorithm.GetSignatureAlgorithm()
}

func (k *keypair) GetHint() []byte { return k.hint }

func (k *keypair) GetKeyAlgorithm() string {
	switch k.public.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA"
	case *rsa.PublicKey:
		return "RSA"
	case ed25519.PublicKey:
		return "ED25519"
	default:
		return ""
	}
}

func (k *keypair) GetPublicKey() crypto.PublicKey { return k.public }

func (k *keypair) GetPublicKeyPem() (string, error) {
	encoded, err := cryptoutils.MarshalPublicKeyToPEM(k.public)
	return string(encoded), err
}

func (k *keypair) SignData(ctx context.Context, data []byte) ([]byte, []byte, error) {
	var digest []byte
	with := []signature.SignOption{options.WithContext(ctx)}
	if kind := k.algorithm.GetHashType(); kind != 0 {
		hash := kind.New()
		hash.Write(data)
		digest = hash.Sum(nil)
		with = append(with, options.WithDigest(digest))
	}
	made, err := k.signer.SignMessage(bytes.NewReader(data), with...)
	return made, digest, err
}

func asAny(annotations map[string]string) map[string]any {
	if annotations == nil {
		return nil
	}
	loose := map[string]any{}
	for name, value := range annotations {
		loose[name] = value
	}
	return loose
}
