package interop

import (
	"bytes"
	"context"
	"encoding/base64"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	intotov1 "github.com/in-toto/attestation/go/v1"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	cbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	"github.com/sigstore/cosign/v2/pkg/oci/walk"
	"github.com/sigstore/cosign/v2/pkg/types"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/sigstore/sigstore/pkg/signature/payload"
	"google.golang.org/protobuf/encoding/protojson"
)

// cosign2 takes the steps of `cosign sign` and `cosign verify` of version 2, with a key and without
// a transparency log. Its bundles need --trusted-root, even an empty one.
type cosign2 struct{}

func (cosign2) name() string { return "cosign " + versionOf("github.com/sigstore/cosign/v2") }

func (c cosign2) sign(ctx context.Context, image name.Digest, how signing) error {
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

func (c cosign2) signOne(ctx context.Context, image name.Digest, how signing) error {
	if how.format == bundle {
		return c.signBundle(ctx, image, how)
	}
	return c.signLegacy(ctx, image, how)
}

// signBundle leaves the annotations out, as `cosign sign --new-bundle-format` of version 2 does.
func (cosign2) signBundle(ctx context.Context, image name.Digest, how signing) error {
	signer, err := cosign.LoadPrivateKey(how.key.privatePEM, []byte(password), nil)
	if err != nil {
		return err
	}
	public, err := signer.PublicKey()
	if err != nil {
		return err
	}
	publicPEM, err := cryptoutils.MarshalPublicKeyToPEM(public)
	if err != nil {
		return err
	}
	digest, err := v1.NewHash(image.DigestStr())
	if err != nil {
		return err
	}
	statement, err := protojson.Marshal(&intotov1.Statement{
		Type:          intotov1.StatementTypeUri,
		Subject:       []*intotov1.ResourceDescriptor{{Digest: map[string]string{digest.Algorithm: digest.Hex}}},
		PredicateType: types.CosignSignPredicateType,
	})
	if err != nil {
		return err
	}
	wrapped := dsse.WrapSigner(signer, types.IntotoPayloadType)
	envelope, err := wrapped.SignMessage(bytes.NewReader(statement), options.WithContext(ctx))
	if err != nil {
		return err
	}
	made, err := cbundle.MakeNewBundle(public, nil, statement, envelope, publicPEM, nil)
	if err != nil {
		return err
	}
	return ociremote.WriteAttestationNewBundleFormat(image, made, types.CosignSignPredicateType)
}

func (cosign2) signLegacy(ctx context.Context, image name.Digest, how signing) error {
	signer, err := cosign.LoadPrivateKey(how.key.privatePEM, []byte(password), nil)
	if err != nil {
		return err
	}
	message, err := payload.Cosign{Image: image, Annotations: asAny(how.annotations)}.MarshalJSON()
	if err != nil {
		return err
	}
	made, err := signer.SignMessage(bytes.NewReader(message), options.WithContext(ctx))
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

func (c cosign2) verify(ctx context.Context, image name.Digest, how verifying) error {
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

// verifyLayout is `cosign verify --local-image`.
func (c cosign2) verifyLayout(ctx context.Context, directory string, how verifying) error {
	check, err := c.checks(how)
	if err != nil {
		return err
	}
	_, _, err = cosign.VerifyLocalImageSignatures(ctx, directory, check)
	return err
}

// checks are those of `cosign verify --key KEY --insecure-ignore-tlog`, and for a bundle
// `--new-bundle-format --trusted-root FILE` with a file that trusts nothing.
func (cosign2) checks(how verifying) (*cosign.CheckOpts, error) {
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
		check.TrustedMaterial, err = root.NewTrustedRootFromJSON([]byte(emptyTrustedRoot))
		if err != nil {
			return nil, err
		}
	}
	return check, nil
}
