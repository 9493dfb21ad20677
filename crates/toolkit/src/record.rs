//! Decision records: written beside a decision, read with their signature, and replayed from what an archive holds.
//!
//! A replay decides again, over the same digest, by the same policy and as of the same moment, and compares. It makes nothing
//! trusted: what a record says is never taken for a decision (rule Y6).

use jiff::Timestamp;
use waxseal_core::document::{self, DocumentKind};
use waxseal_core::limits::DOCUMENT_BYTES;
use waxseal_core::policy::{PolicySet, RulePlatforms};
use waxseal_core::record::{Record, RecordedImage};
use waxseal_core::{Signer, TrustedKey, Verifier};
use waxseal_oci::{Client, Store};

use crate::decide::Decision;
use crate::error::{Error, ErrorKind};
use crate::image::Image;

/// Most records of one file.
const RECORDS: usize = 10_000;

/// What a record says of an image: the name as it was typed, and where the image stood.
pub fn image(name: &str, image: &Image) -> RecordedImage {
    let mut recorded = RecordedImage::named(name);
    recorded.repository = image.pinned().repository().map(ToString::to_string);
    recorded
}

/// A record as one line: JSON, or a DSSE envelope around it where somebody signs.
pub fn line(record: &Record, signer: Option<&dyn Signer>) -> Result<String, Error> {
    let text = record.to_json();
    let Some(signer) = signer else { return Ok(text) };
    let envelope = document::sign(DocumentKind::Record, text.as_bytes(), signer)
        .map_err(|error| Error::new(ErrorKind::Key, "the record cannot be signed").caused_by(error))?;
    Ok(String::from_utf8_lossy(&envelope).into_owned())
}

/// Reads the records of a file, one a line. With `keys`, each must be signed by one of them at `now`; without, none may be
/// signed: whoever does not say whose records count would believe anybody's.
pub fn read(
    bytes: &[u8],
    keys: &[TrustedKey],
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Vec<Record>, Error> {
    if bytes.len() as u64 > DOCUMENT_BYTES {
        let words = format!("{} bytes of records, the limit is {DOCUMENT_BYTES}", bytes.len());
        return Err(Error::new(ErrorKind::Record, words));
    }
    let lines: Vec<_> =
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.is_empty() {
        return Err(Error::new(ErrorKind::Record, "there is no record"));
    }
    if lines.len() > RECORDS {
        let words = format!("{} records, the limit is {RECORDS}", lines.len());
        return Err(Error::new(ErrorKind::Record, words));
    }
    lines.into_iter().map(|line| one(line, keys, verifier, now)).collect()
}

fn one(line: &[u8], keys: &[TrustedKey], verifier: &Verifier, now: Timestamp) -> Result<Record, Error> {
    let payload = match (keys.is_empty(), document::is_envelope(line)) {
        (true, true) => {
            return Err(Error::new(
                ErrorKind::Usage,
                "the record is signed, and nobody says by whom it has to be",
            ));
        }
        (true, false) => line.to_vec(),
        (false, false) => {
            return Err(Error::new(ErrorKind::RecordNotSigned, "the record is not signed"));
        }
        (false, true) => {
            let document = verifier.document(DocumentKind::Record, line, keys, now).map_err(|finding| {
                let words = format!("the record does not count: {}", finding.reason.meaning());
                let error = Error::new(ErrorKind::RecordNotSigned, words);
                match finding.found.as_deref().filter(|found| !found.is_empty()) {
                    Some(found) => error.caused_by(found),
                    None => error,
                }
            })?;
            document.payload.clone()
        }
    };
    Record::parse(&payload)
        .map_err(|error| Error::new(ErrorKind::Record, "the record cannot be read").caused_by(error))
}

/// Deciding again what a record says was decided.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Replaying {
    /// The rules: those of the record, where the digest of the policy is the same.
    pub policy: PolicySet,
    /// The choices of the deployment. It looks back from `present` (rule T2).
    pub verifier: Verifier,
    /// Now: revocations are judged at this time.
    pub present: Timestamp,
    client: Client,
}

impl Replaying {
    /// A replay by this policy. `client` reaches the repositories that rules name for evidence.
    pub const fn new(policy: PolicySet, verifier: Verifier, client: Client, present: Timestamp) -> Self {
        Self { policy, verifier, present, client }
    }

    /// Decides over the image as of the time of the record, and records it. Of an image in a layout or an archive the evidence
    /// is read beside it, also where a rule names a repository for it (rule L7).
    pub async fn replay(&self, record: &Record, image: Image) -> Result<Record, Error> {
        let at: Timestamp = record.time.parse().map_err(|error: jiff::Error| {
            Error::new(ErrorKind::Record, format!("the record's time {:?} is none", record.time))
                .caused_by(error)
        })?;
        if at > self.present {
            let words = format!("the record is of {at}, which is still to come");
            return Err(Error::new(ErrorKind::Record, words));
        }
        let mut policy = self.policy.clone();
        if record.image.all_platforms {
            policy = policy.with_platforms(&RulePlatforms::All);
        }
        let mut again = record.image.clone();
        again.repository = image.pinned().repository().map(ToString::to_string);
        again.index = record.image.index.map(|_| *image.digest());
        let mut decision = Decision::new(policy, self.client.clone(), at);
        decision.verifier = self.verifier.clone().looking_back_from(self.present);
        decision.exemptions = !record.image.without_exemptions;
        decision.evidence_in_place = !matches!(image.store, Store::Registry(_));
        decision.platform = record
            .image
            .platform
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error| Error::new(ErrorKind::Record, format!("the record's platform: {error}")))?;
        let verdict = Box::pin(decision.decide(image, record.image.namespace.as_deref())).await?;
        Ok(Record::of(&verdict, &decision.policy, again))
    }
}
