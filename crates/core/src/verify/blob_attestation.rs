//! Attestations about blobs: files that stand in no registry, named by their digests.
//!
//! The blob itself is not needed, only its digests; whoever brings them vouches for them. What signs a blob is no
//! attestation about it, and the other way round (rule S3).

use jiff::Timestamp;

use super::blob::OldBundle;
use super::image::About;
use super::{Reason, Verdict, Verifier};
use crate::candidate::{Candidate, Evidence, EvidenceStore, Origin};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::encoding::base64_decode;
use crate::json;
use crate::limits::BUNDLE_BYTES;
use crate::media_type;
use crate::policy::Policy;

/// Reads a file that holds an attestation about the blob with this digest: a Sigstore bundle, a DSSE envelope in JSON or
/// in base64, or cosign's older bundle around one.
pub fn attestation_file(bytes: &[u8], about: Digest) -> Candidate {
    let origin = Origin::new(EvidenceStore::File, about);
    let rejected =
        |reason, found: String| Candidate::rejected(Origin::new(EvidenceStore::File, about), reason, found);
    if bytes.len() as u64 > BUNDLE_BYTES {
        return rejected(
            Reason::LimitExceeded,
            format!("{} bytes, the limit is {BUNDLE_BYTES}", bytes.len()),
        );
    }
    let text = core::str::from_utf8(bytes).unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return rejected(Reason::MalformedEnvelope, "an empty file, or no text".to_owned());
    }
    if !text.starts_with('{') {
        return match base64_decode(text) {
            Ok(envelope) => self::envelope(origin, &envelope),
            Err(_) => rejected(Reason::MalformedEnvelope, "neither JSON nor base64".to_owned()),
        };
    }
    if let Err(error) = json::check(bytes, <[String]>::is_empty) {
        return rejected(Reason::of_json(&error, Reason::MalformedEnvelope), error.to_string());
    }
    match serde_json::from_slice::<OldBundle>(bytes) {
        Err(error) => rejected(Reason::MalformedBundle, error.to_string()),
        Ok(OldBundle { base64_signature: Some(text), cert, .. }) => {
            // The certificate slot must not bring a key of its own: the operator's key decides (T-16, rule S8).
            if cert.is_some_and(|cert| !cert.trim().is_empty()) {
                let found = "an older bundle with a certificate".to_owned();
                return rejected(Reason::CertificateSignatureUnsupported, found);
            }
            match base64_decode(&text) {
                Ok(envelope) => self::envelope(origin, &envelope),
                Err(error) => rejected(Reason::MalformedSignature, error.to_string()),
            }
        }
        Ok(OldBundle { media_type: Some(_), .. }) => Candidate::bundle(origin, bytes, BUNDLE_BYTES),
        Ok(_) => envelope(origin, bytes),
    }
}

fn envelope(origin: Origin, bytes: &[u8]) -> Candidate {
    Candidate::attestation(origin, &Descriptor::of(media_type::DSSE_ENVELOPE, bytes), bytes, BUNDLE_BYTES)
}

impl Verifier {
    /// Judges a blob by the attestations that files hold ([`attestation_file`]), and by its digest; `also` are digests of
    /// it by other algorithms. Whoever brings the digests vouches for them. `name` is for output. A requirement of a
    /// signature is met by none of this.
    pub fn blob_attestation(
        &self,
        name: impl Into<String>,
        digest: Digest,
        also: &[Digest],
        attestations: impl IntoIterator<Item = Candidate>,
        policy: &Policy,
        now: Timestamp,
    ) -> Verdict<Digest> {
        let mut evidence = Evidence::new();
        evidence.candidates.extend(attestations);
        let all: Vec<_> = core::iter::once(&digest).chain(also).collect();
        let about = About { own: all.clone(), covered: all, repository: None, blob: true };
        self.judge(about, &evidence, policy, now).verdict(digest, name.into(), &digest, policy, now)
    }
}
