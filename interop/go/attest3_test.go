package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/cosign/v3/pkg/cosign"
	"github.com/sigstore/cosign/v3/pkg/cosign/attestation"
	cbundle "github.com/sigstore/cosign/v3/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v3/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v3/pkg/oci/remote"
	"github.com/sigstore/cosign/v3/pkg/oci/static"
	"github.com/sigstore/cosign/v3/pkg/types"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// attest takes the steps of `cosign attest` of version 3.
func (cosign3) attest(ctx context.Context, image name.Digest, how attesting) error {
	digest, err := v1.NewHash(image.DigestStr())
	if err != nil {
		return err
	}
	statement, err := attestation.GenerateStatement(attestation.GenerateOpts{
		Predicate: strings.NewReader(how.kind.predicate),
		Type:      how.kind.typed,
		Digest:    digest.Hex,
		Repo:      image.Repository.String(),
	})
	if err != nil {
		return err
	}
	payload, err := statement.MarshalJSON()
	if err != nil {
		return err
	}
	signer, err := how.key.unlocked()
	if err != nil {
		return err
	}
	if how.format == bundle {
		pair, err := newKeypair(signer)
		if err != nil {
			return err
		}
		none := root.ServiceConfiguration{}
		offline, err := root.NewSigningConfig(root.SigningConfigMediaType02, nil, nil, nil, none, nil, none)
		if err != nil {
			return err
		}
		content := &sign.DSSEData{Data: payload, PayloadType: types.IntotoPayloadType}
		made, err := cbundle.SignData(ctx, content, pair, "", nil, offline, nil, cbundle.SignOptions{})
		if err != nil {
			return err
		}
		return ociremote.WriteAttestationNewBundleFormat(image, made, how.kind.uri)
	}
	wrapped := dsse.WrapSigner(signer, types.IntotoPayloadType)
	envelope, err := wrapped.SignMessage(bytes.NewReader(payload), options.WithContext(ctx))
	if err != nil {
		return err
	}
	layer, err := static.NewAttestation(envelope, static.WithLayerMediaType(types.DssePayloadType),
		static.WithAnnotations(map[string]string{"predicateType": how.kind.uri}))
	if err != nil {
		return err
	}
	entity, err := mutate.AttachAttestationToEntity(ociremote.SignedUnknown(image), layer)
	if err != nil {
		return err
	}
	return ociremote.WriteAttestations(image.Repository, entity)
}

// verifyAttestation takes the steps of `cosign verify-attestation` of version 3.
func (c cosign3) verifyAttestation(ctx context.Context, image name.Digest, how attesting) ([]string, error) {
	check, err := c.checks(verifying{key: how.key, format: how.format})
	if err != nil {
		return nil, err
	}
	check.ClaimVerifier = cosign.IntotoSubjectClaimVerifier
	verified, _, err := cosign.VerifyImageAttestations(ctx, image, check)
	if err != nil {
		return nil, err
	}
	return ofKind(verified, how.kind, func(payload []byte) (string, error) {
		var statement attestation.Statement
		if err := statement.UnmarshalJSON(payload); err != nil {
			return "", err
		}
		if how.kind.typed == "vuln" {
			return statement.PredicateType, json.Unmarshal(payload, &attestation.CosignVulnStatement{})
		}
		return statement.PredicateType, nil
	})
}
