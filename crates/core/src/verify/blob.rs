//! Signatures of blobs: files that stand in no registry.
//!
//! A blob is read once, piece by piece, with constant memory: [`Blob`] takes the pieces and judges at the end.
//! What signs a blob never signs an image (rules S3, G2), and an envelope signs no blob. The payload of a legacy image
//! signature is bytes like any other: who verifies it as a blob learns that these bytes were signed, and no more.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Admission, Basis, Finding, ImageSignature, Proof, Reason, Report, RequirementReport, Verdict, Verified,
    Verifier,
};
use crate::bundle::{Bundle, Content, Material, MessageDigest};
use crate::candidate::{EvidenceStore, Format, Origin};
use crate::digest::Digest;
use crate::encoding::base64_decode;
use crate::json::{self, Names, Path};
use crate::key::{Ed25519Stream, HashAlgorithm, Prehashed, Prehasher, Scheme};
use crate::limits::{BUNDLE_BYTES, KEY_FILE_BYTES};
use crate::policy::{Policy, Requirement, RulePlatforms, SignedFor, Terms, TrustedKey};

/// The signature of a blob as a file holds it.
#[derive(Clone, Debug)]
pub struct BlobSignature {
    format: Format,
    signature: Vec<u8>,
    hint: Option<String>,
    digest: Option<(MessageDigest, Vec<u8>)>,
}

impl BlobSignature {
    /// Reads a signature file: a Sigstore bundle with a message signature, cosign's older bundle
    /// (`base64Signature`), a signature in base64, or its bytes as they are.
    pub fn parse(bytes: &[u8]) -> Result<Self, BlobSignatureError> {
        let text = core::str::from_utf8(bytes).map(|text| text.trim_end_matches(['\r', '\n']));
        // The bytes of a signature may begin with a brace too, but are no text.
        if text.is_ok_and(|text| text.trim_ascii_start().starts_with('{')) {
            return Self::parse_json(bytes);
        }
        if bytes.len() as u64 > KEY_FILE_BYTES {
            return Err(BlobSignatureError::new(Reason::LimitExceeded, format!("{} bytes", bytes.len())));
        }
        let signature = match text {
            Ok("") => return Err(BlobSignatureError::new(Reason::MissingSignature, "an empty file")),
            // ASN.1 begins with '0' too, but is never all base64.
            Ok(text) => base64_decode(text).unwrap_or_else(|_| bytes.to_vec()),
            Err(_) => bytes.to_vec(),
        };
        Ok(Self { format: Format::Legacy, signature, hint: None, digest: None })
    }

    fn parse_json(bytes: &[u8]) -> Result<Self, BlobSignatureError> {
        let malformed = |why: String| BlobSignatureError::new(Reason::MalformedBundle, why);
        if bytes.len() as u64 > BUNDLE_BYTES {
            return Err(BlobSignatureError::new(Reason::LimitExceeded, format!("{} bytes", bytes.len())));
        }
        json::check(bytes, interpreted).map_err(|error| {
            BlobSignatureError::new(Reason::of_json(&error, Reason::MalformedBundle), error.to_string())
        })?;
        let old: OldBundle = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        if let Some(text) = old.base64_signature {
            // The certificate slot must not bring a key of its own: the operator's key decides (T-16, rule S8).
            if old.cert.is_some_and(|cert| !cert.trim().is_empty()) {
                let found = "an older bundle with a certificate";
                return Err(BlobSignatureError::new(Reason::CertificateSignatureUnsupported, found));
            }
            let signature = base64_decode(&text)
                .map_err(|error| BlobSignatureError::new(Reason::MalformedSignature, error.to_string()))?;
            if signature.is_empty() {
                return Err(BlobSignatureError::new(Reason::MissingSignature, "an empty base64Signature"));
            }
            return Ok(Self { format: Format::Legacy, signature, hint: None, digest: None });
        }
        let bundle = Bundle::parse(bytes, BUNDLE_BYTES)
            .map_err(|error| BlobSignatureError::new(error.reason(), error.to_string()))?;
        let Content::Message { signature, digest } = bundle.content else {
            let found = "an envelope: the signature of an image or an attestation";
            return Err(BlobSignatureError::new(Reason::NotASignature, found));
        };
        let Material::Key { hint } = bundle.material else {
            let found = "a bundle with a certificate";
            return Err(BlobSignatureError::new(Reason::CertificateSignatureUnsupported, found));
        };
        if signature.is_empty() {
            return Err(BlobSignatureError::new(Reason::MissingSignature, "an empty signature"));
        }
        Ok(Self { format: Format::Bundle, signature, hint, digest })
    }
}

/// The old bundle is read at its top only; what is no old bundle is checked again as what it is.
fn interpreted(path: Path<'_>) -> Names {
    if path.is_empty() { Names::Known(&["base64Signature", "cert"]) } else { Names::Exact }
}

/// Members of cosign's bundle for blobs before version 3, and of no other.
#[derive(Deserialize)]
pub(super) struct OldBundle {
    #[serde(rename = "base64Signature")]
    pub(super) base64_signature: Option<String>,
    pub(super) cert: Option<String>,
    /// Of a bundle of today.
    #[serde(rename = "mediaType")]
    pub(super) media_type: Option<String>,
}

/// Why a file holds no signature of a blob. It is a refusal, not an error: [`Verifier::blob`] takes it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobSignatureError {
    /// The reason.
    pub reason: Reason,
    /// What was found.
    pub found: String,
}

impl BlobSignatureError {
    fn new(reason: Reason, found: impl Into<String>) -> Self {
        Self { reason, found: found.into() }
    }
}

/// A blob that is being judged, piece by piece.
pub struct Blob<'a> {
    verifier: &'a Verifier,
    name: String,
    signature: Result<BlobSignature, BlobSignatureError>,
    policy: &'a Policy,
    now: Timestamp,
    prehasher: Prehasher,
    streams: Vec<(usize, Ed25519Stream)>,
}

impl Verifier {
    /// Begins to judge a blob by the signature that a file holds; `name` is for output. The policy's keys,
    /// thresholds and windows count; annotations and names are not signed with a blob and are refused if wanted.
    pub fn blob<'a>(
        &'a self,
        name: impl Into<String>,
        signature: Result<BlobSignature, BlobSignatureError>,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Blob<'a> {
        let keys = || policy.requirements().iter().flat_map(Requirement::keys);
        let mut schemes: Vec<_> =
            keys().flat_map(|key| Scheme::accepted_for(key.key().algorithm())).copied().collect();
        // The verdict names the blob by its SHA-256.
        schemes.push(Scheme::EcdsaP256Sha256);
        // A digest in the bundle is compared too, by whichever hash it names.
        if let Ok(BlobSignature { digest: Some((algorithm, _)), .. }) = &signature {
            schemes.push(match algorithm {
                MessageDigest::Sha256 => Scheme::EcdsaP256Sha256,
                MessageDigest::Sha384 => Scheme::EcdsaP384Sha384,
                MessageDigest::Sha512 => Scheme::EcdsaP521Sha512,
            });
        }
        let streams = signature.as_ref().map_or_else(
            |_| Vec::new(),
            |signature| {
                keys()
                    .enumerate()
                    .filter_map(|(at, key)| Some((at, key.key().ed25519_stream(&signature.signature)?)))
                    .collect()
            },
        );
        Blob {
            verifier: self,
            name: name.into(),
            signature,
            policy,
            now,
            prehasher: Prehasher::for_schemes(&schemes),
            streams,
        }
    }

    /// Judges a blob of which only the digest is at hand, and which the caller vouches for. Only signatures over that
    /// very hash can count; a signature by Ed25519 is over the bytes and never does.
    pub fn blob_digest(
        &self,
        name: impl Into<String>,
        signature: &Result<BlobSignature, BlobSignatureError>,
        policy: &Policy,
        digest: Digest,
        now: Timestamp,
    ) -> Verdict<Digest> {
        let hashes = Prehashed::vouched(&digest);
        Whole { verifier: self, policy, now, digest, hashes, pure: BTreeSet::new() }
            .verdict(name.into(), signature)
    }
}

impl Blob<'_> {
    /// The next bytes of the blob.
    pub fn update(&mut self, bytes: &[u8]) {
        self.prehasher.update(bytes);
        for (_, stream) in &mut self.streams {
            stream.update(bytes);
        }
    }

    /// The verdict, after the last byte.
    pub fn finish(self) -> Verdict<Digest> {
        let Self { verifier, name, signature, policy, now, prehasher, streams } = self;
        let pure = streams.into_iter().filter_map(|(at, stream)| stream.verify().then_some(at)).collect();
        let hashes = prehasher.finish();
        // SHA-256 is always computed: see `Verifier::blob`.
        let digest = hashes.digest().unwrap_or_else(|| Digest::of([]));
        Whole { verifier, policy, now, digest, hashes, pure }.verdict(name, &signature)
    }
}

/// A blob that was read to its end.
struct Whole<'a> {
    verifier: &'a Verifier,
    policy: &'a Policy,
    now: Timestamp,
    digest: Digest,
    hashes: Prehashed,
    /// The keys, counted over all requirements, whose pure Ed25519 signature it is.
    pure: BTreeSet<usize>,
}

impl Whole<'_> {
    fn verdict(self, name: String, signature: &Result<BlobSignature, BlobSignatureError>) -> Verdict<Digest> {
        let policy = self.policy;
        let mut first_key = 0_usize;
        let mut findings = Vec::new();
        let mut requirements = Vec::new();
        let mut accepted = Vec::new();
        for (at, requirement) in policy.requirements().iter().enumerate() {
            let wanted = requirement.terms();
            let judged = match (signature, requirement) {
                (Ok(signature), Requirement::Signature(_)) => self.judge(signature, wanted, first_key),
                (Ok(_), Requirement::Attestation(_)) => {
                    Err(Finding::new(Reason::NotAnAttestation).found("the signature of a blob"))
                }
                (Err(error), _) => Err(Finding::new(error.reason).found(error.found.clone())),
            };
            first_key = first_key.saturating_add(wanted.keys.len());
            let counted = usize::from(judged.is_ok());
            let met = counted >= wanted.wanted();
            requirements.push(RequirementReport {
                rule: None,
                wanted: requirement.describe(),
                met,
                counted,
                threshold: wanted.wanted(),
            });
            let mut found = match judged {
                Ok(signature) => {
                    let mut finding = Finding::new(Reason::Accepted);
                    finding.key = Some(signature.key_name.clone());
                    accepted.push(signature);
                    vec![finding]
                }
                Err(finding) => vec![finding],
            };
            if counted > 0 && !met {
                let expected = format!("{} distinct keys", wanted.wanted());
                found.push(Finding::new(Reason::ThresholdNotMet).compared(expected, "one signature"));
            }
            for finding in &mut found {
                finding.requirement = Some(at);
            }
            findings.extend(found);
        }
        let met = requirements.iter().all(|requirement| requirement.met);
        let report = Report {
            subject: name,
            digest: self.digest,
            policy: policy.name().to_owned(),
            policy_digest: policy.digest(),
            at: self.now,
            looking_back_from: self.verifier.present,
            requirements,
            findings,
            evidence: Vec::new(),
            unchecked: vec!["transparency-log"],
            warnings: Vec::new(),
            scope: RulePlatforms::Index,
            signed: None,
        };
        if met {
            let proof = super::proof(&accepted, &[], policy, self.now);
            let basis = Basis::Verified(Verified::assertion(self.digest, proof));
            Verdict::Admit(Box::new(Admission {
                basis,
                signatures: accepted,
                attestations: Vec::new(),
                report,
            }))
        } else {
            Verdict::Refuse(Box::new(report))
        }
    }

    /// Holds the signature against one requirement, whose keys are counted from `first_key`.
    fn judge(
        &self,
        signature: &BlobSignature,
        wanted: &Terms,
        first_key: usize,
    ) -> Result<Verified<ImageSignature>, Finding> {
        if !wanted.formats.contains(&signature.format) {
            return Err(super::image::format_excluded(&wanted.formats, signature.format));
        }
        if let Some((algorithm, named)) = &signature.digest {
            let hash = match algorithm {
                MessageDigest::Sha256 => HashAlgorithm::Sha256,
                MessageDigest::Sha384 => HashAlgorithm::Sha384,
                MessageDigest::Sha512 => HashAlgorithm::Sha512,
            };
            let found = match self.hashes.get(hash) {
                Some(computed) if computed == named.as_slice() => None,
                Some(_) => Some(format!("a blob with {}", self.digest)),
                // Only a vouched digest leaves a hash out.
                None => Some(format!("{}, which cannot be compared with it", self.digest)),
            };
            if let Some(found) = found {
                let expected = format!("the {hash} digest that the bundle names");
                return Err(Finding::new(Reason::BlobMismatch).compared(expected, found));
            }
        }
        let signer = wanted.keys.iter().enumerate().find_map(|(nth, trusted)| {
            let scheme = if self.pure.contains(&first_key.saturating_add(nth)) {
                Scheme::Ed25519
            } else {
                let schemes = Scheme::accepted_for(trusted.key().algorithm());
                trusted.key().verify_prehashed(&self.hashes, &signature.signature, schemes)?
            };
            Some((trusted, scheme))
        });
        let Some((trusted, scheme)) = signer else {
            return Err(unknown_signer(signature, &wanted.keys));
        };
        self.counts(trusted, scheme, wanted).map_err(|mut finding| {
            finding.key = Some(trusted.name().to_owned());
            finding
        })?;
        let read = ImageSignature {
            format: signature.format,
            origin: Origin::new(EvidenceStore::File, self.digest),
            digest: self.digest,
            name: None,
            kind: "blob".to_owned(),
            annotations: BTreeMap::new(),
            key_name: trusted.name().to_owned(),
            key: trusted.key().id(),
            scheme,
            payload: Vec::new(),
            signature: signature.signature.clone(),
        };
        let proof = Proof { keys: vec![read.key], policy: self.policy.digest(), at: self.now };
        Ok(Verified::assertion(read, proof))
    }

    /// Everything that must hold beside the signature itself.
    fn counts(&self, trusted: &TrustedKey, scheme: Scheme, wanted: &Terms) -> Result<(), Finding> {
        if !trusted.allows(scheme) {
            return Err(Finding::new(Reason::AlgorithmNotAllowed).found(scheme.code()));
        }
        if let Some((name, value)) = wanted.annotations.first_key_value() {
            let found = "the signature of a blob, which has no annotations";
            return Err(Finding::new(Reason::AnnotationMissing).compared(format!("{name}={value}"), found));
        }
        if wanted.signed_for != SignedFor::Any {
            return Err(Finding::new(Reason::SignedForMismatch).found("no name"));
        }
        self.verifier.key_counts(trusted, self.now)
    }
}

fn unknown_signer(signature: &BlobSignature, keys: &[TrustedKey]) -> Finding {
    super::image::unknown_signer(signature.hint.as_deref(), keys)
}
