//! Signatures of images: one request covers both formats, so that they cannot name different images.

use std::collections::BTreeMap;

use super::{Part, Parts, SigningError, bound};
use crate::bundle::Bundle;
use crate::candidate::Format;
use crate::digest::{Algorithm, Digest};
use crate::dsse::{Envelope, pae};
use crate::key::{PublicKey, Scheme, Signature, Signer};
use crate::limits::{BUNDLE_BYTES, SIMPLE_SIGNING_BYTES};
use crate::media_type::IN_TOTO;
use crate::simple_signing::SimpleSigning;
use crate::statement::Statement;

/// What is to be signed about one image, in one or both formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRequest {
    digest: Digest,
    name: Option<String>,
    annotations: BTreeMap<String, String>,
    parts: Parts,
}

impl SigningRequest {
    /// What is to be signed for the image with this digest.
    ///
    /// `name` is the name that the image goes by, as cosign writes it (`docker-reference`); the legacy format
    /// cannot do without one (rule G4), nor can it name a SHA-512 image (rule G7).
    pub fn image(
        digest: Digest,
        name: Option<String>,
        annotations: BTreeMap<String, String>,
        formats: &[Format],
    ) -> Result<Self, SigningError> {
        let mut parts = Vec::new();
        for format in [Format::Legacy, Format::Bundle] {
            if !formats.contains(&format) {
                continue;
            }
            let (payload, message) = match format {
                Format::Legacy => {
                    let name = name.as_deref().ok_or(SigningError::NoName)?;
                    if digest.algorithm() != Algorithm::Sha256 {
                        return Err(SigningError::LegacyNeedsSha256);
                    }
                    let payload = SimpleSigning::write(name, &digest, &annotations);
                    bound(format, payload.len(), SIMPLE_SIGNING_BYTES)?;
                    (payload.clone(), payload)
                }
                Format::Bundle => {
                    let payload = Statement::write_signature(name.as_deref(), &digest, &annotations);
                    let message = pae(IN_TOTO, &payload);
                    (payload, message)
                }
            };
            parts.push(Part { format, payload, message });
        }
        Ok(Self { digest, name, annotations, parts: Parts::new(parts)? })
    }

    /// The image.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The name that the image goes by.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The annotations.
    pub const fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The bytes that are stored, for each format.
    pub fn payloads(&self) -> impl Iterator<Item = (Format, &[u8])> {
        self.parts.0.iter().map(|part| (part.format, part.payload.as_slice()))
    }

    /// The bytes to be signed, for each format.
    pub fn messages(&self) -> impl Iterator<Item = (Format, &[u8])> {
        self.parts.messages()
    }

    /// Signs all of it with one signer.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedImage, SigningError> {
        let signatures = self.parts.sign(signer)?;
        self.assemble(signer.public_key(), &[signer.scheme()], &signatures)
    }

    /// Puts together what was signed elsewhere: one signature for each format of the request, each verified with
    /// `key` by one of `schemes` first.
    pub fn assemble(
        self,
        key: &PublicKey,
        schemes: &[Scheme],
        signatures: &[(Format, Signature)],
    ) -> Result<SignedImage, SigningError> {
        let mut signed = SignedImage { digest: self.digest, legacy: None, bundle: None };
        for (part, signature) in self.parts.verified(key, schemes, signatures)? {
            match part.format {
                Format::Legacy => {
                    signed.legacy =
                        Some(LegacySignature { payload: part.payload, signature: signature.to_base64() });
                }
                Format::Bundle => {
                    let envelope = Envelope::new(IN_TOTO, part.payload, vec![signature.as_bytes().to_vec()]);
                    let bundle = Bundle::write_envelope(&key.id(), &envelope).into_bytes();
                    bound(part.format, bundle.len(), BUNDLE_BYTES)?;
                    signed.bundle = Some(bundle);
                }
            }
        }
        Ok(signed)
    }
}

/// The signatures of one image, ready to be stored. Each was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedImage {
    /// The image.
    pub digest: Digest,
    /// A layer of a `.sig` manifest.
    pub legacy: Option<LegacySignature>,
    /// The bytes of a bundle.
    pub bundle: Option<Vec<u8>>,
}

/// A legacy signature: a layer and its annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LegacySignature {
    /// The bytes of the layer.
    pub payload: Vec<u8>,
    /// The value of the annotation `dev.cosignproject.cosign/signature`.
    pub signature: String,
}

impl LegacySignature {
    /// A layer and the base64 of the signature over it, as they come from elsewhere. Nothing is verified here.
    pub fn new(payload: impl Into<Vec<u8>>, signature: impl Into<String>) -> Self {
        Self { payload: payload.into(), signature: signature.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_names_one_image_in_both_formats() {
        let digest = Digest::of("image");
        let request = SigningRequest::image(
            digest,
            Some("registry.example.com/app".to_owned()),
            BTreeMap::new(),
            &[Format::Bundle, Format::Legacy],
        )
        .unwrap();
        let messages: Vec<_> = request.messages().collect();
        assert_eq!(messages.len(), 2);
        for (_, message) in messages {
            assert!(String::from_utf8_lossy(message).contains(&digest.hex()));
        }
    }

    #[test]
    fn the_legacy_format_needs_a_name_and_sha256() {
        let image = |digest, name: Option<&str>, formats: &[Format]| {
            SigningRequest::image(digest, name.map(ToOwned::to_owned), BTreeMap::new(), formats)
        };
        let long = Digest::of_with(Algorithm::Sha512, "image");
        let digest = Digest::of("image");
        assert!(matches!(image(digest, None, &[Format::Legacy]), Err(SigningError::NoName)));
        assert!(image(digest, None, &[Format::Bundle]).is_ok());
        assert!(matches!(image(long, Some("a"), &[Format::Legacy]), Err(SigningError::LegacyNeedsSha256)));
        assert!(image(long, Some("a"), &[Format::Bundle]).is_ok());
        assert!(matches!(image(digest, Some("a"), &[]), Err(SigningError::NoFormat)));
    }
}
