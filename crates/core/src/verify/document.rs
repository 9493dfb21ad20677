//! Documents of our own, verified by the keys that somebody names for them.

use jiff::Timestamp;

use super::image::unknown_signer;
use super::{Finding, Proof, Reason, Verified, Verifier};
use crate::digest::Digest;
use crate::document::{Document, DocumentKind};
use crate::dsse::Envelope;
use crate::key::Scheme;
use crate::limits::DOCUMENT_BYTES;
use crate::policy::TrustedKey;

impl Verifier {
    /// Verifies a document of this kind: a signature of any one of `keys`, which must count at `now`, over its original bytes.
    /// The finding says why it is refused.
    pub fn document(
        &self,
        kind: DocumentKind,
        bytes: &[u8],
        keys: &[TrustedKey],
        now: Timestamp,
    ) -> Result<Verified<Document>, Box<Finding>> {
        if bytes.len() as u64 > DOCUMENT_BYTES {
            let expected = format!("at most {DOCUMENT_BYTES} bytes");
            let finding = Finding::new(Reason::LimitExceeded);
            return Err(Box::new(finding.compared(expected, format!("{} bytes", bytes.len()))));
        }
        let envelope = Envelope::parse(bytes)
            .map_err(|error| Box::new(Finding::new(error.reason()).found(error.to_string())))?;
        if envelope.signatures().is_empty() {
            return Err(Box::new(
                Finding::new(Reason::MissingSignature).found("an envelope without signatures"),
            ));
        }
        let message = envelope.signed_bytes();
        let mut nearest: Option<Finding> = None;
        for signature in envelope.signatures() {
            for trusted in keys {
                let schemes = Scheme::accepted_for(trusted.key().algorithm());
                let Some(scheme) = trusted.key().verify(&message, &signature.signature, schemes) else {
                    continue;
                };
                match self.counts(&envelope, kind, trusted, scheme, now) {
                    Ok(()) => {
                        let key = trusted.key().id();
                        let document = Document {
                            kind,
                            payload: envelope.payload().to_vec(),
                            key_name: trusted.name().to_owned(),
                            key,
                            scheme,
                        };
                        let proof = Proof { keys: vec![key], policy: Digest::of(key.to_string()), at: now };
                        return Ok(Verified::assertion(document, proof));
                    }
                    Err(finding) => nearest = nearest.max_by_reason(finding.by(trusted)),
                }
            }
        }
        Err(Box::new(nearest.unwrap_or_else(|| unknown_signer(None, keys))))
    }

    /// Everything that must hold beside the signature itself.
    fn counts(
        &self,
        envelope: &Envelope,
        kind: DocumentKind,
        trusted: &TrustedKey,
        scheme: Scheme,
        now: Timestamp,
    ) -> Result<(), Finding> {
        if !trusted.allows(scheme) {
            return Err(Finding::new(Reason::AlgorithmNotAllowed).found(scheme.code()));
        }
        if envelope.payload_type() != kind.payload_type() {
            let finding = Finding::new(Reason::PayloadTypeMismatch);
            return Err(finding.compared(kind.payload_type(), envelope.payload_type()));
        }
        self.key_counts(trusted, now)
    }
}

/// The finding that came closest.
trait Nearest {
    fn max_by_reason(self, other: Finding) -> Option<Finding>;
}

impl Nearest for Option<Finding> {
    fn max_by_reason(self, other: Finding) -> Option<Finding> {
        match self {
            Some(before) if before.reason >= other.reason => Some(before),
            _ => Some(other),
        }
    }
}
