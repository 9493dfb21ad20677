//! Checking a pack: everything about it, before anything is written anywhere (rule K1).
//!
//! Every byte follows from the manifest, the manifest's signature is held against the receiver's key, its serial number
//! against the last one, and each image against the receiver's policy, by the evidence in the pack and under the name
//! that it had. What the pack says about itself decides nothing.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use waxseal_core::pack::{PackEnvelope, PackImage, PackManifest};
use waxseal_core::verify::Outcome;
use waxseal_core::{Digest, KeyId, PinnedRef, Subject, TrustedKey, Verdict, Verified, Verifier};
use waxseal_oci::archive::sealed::Sealed;
use waxseal_oci::transfer::{self, Options, Progress, Silent};
use waxseal_oci::{LocalName, Location};

use super::serials::Serials;
use super::{MANIFEST, entries};
use crate::decide::Decision;
use crate::error::{Error, ErrorKind};
use crate::image::Image;

/// The name and version of the JSON form of a verdict over a pack.
pub const PACK_VERDICT_SCHEMA: &str = "waxseal/pack-verdict/v1";

/// What a receiver asks of a pack. It needs keys, or a decision, or both.
#[derive(Clone)]
#[non_exhaustive]
pub struct Receiving {
    /// Whose packs are taken: any one of them must have signed the manifest. Without any, the signature is not checked.
    pub keys: Vec<TrustedKey>,
    /// By what the images are judged. Without it, they are taken as the signer of the pack verified them.
    pub decision: Option<Decision>,
    /// The choices of the deployment about keys.
    pub verifier: Verifier,
    /// The serial numbers of the packs that were received.
    pub serials: Option<Serials>,
    /// The least serial number that is taken. It needs a key: nobody else vouches for the number.
    pub serial_at_least: Option<u64>,
    /// The time at which it is judged.
    pub now: Timestamp,
    /// Hears how far the hashing is.
    pub progress: Arc<dyn Progress>,
}

impl core::fmt::Debug for Receiving {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Receiving")
            .field("keys", &self.keys.len())
            .field("decision", &self.decision)
            .field("serials", &self.serials)
            .finish_non_exhaustive()
    }
}

/// What was decided about a pack.
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody reads decides nothing"]
#[non_exhaustive]
pub enum PackVerdict {
    /// It may be unpacked.
    Admit(Box<AdmittedPack>),
    /// It may not.
    Refuse(Box<PackReport>),
    /// Something could not be read that is needed to decide about an image.
    Undecided(Box<PackReport>),
}

/// A pack that was checked, whole. It is made by [`Receiving::check`] alone.
#[derive(Clone, Debug)]
pub struct AdmittedPack {
    pub(super) sealed: Sealed,
    pub(super) manifest: PackManifest,
    /// Who signed the manifest, if that was asked.
    pub(super) signed: Option<Verified<PackManifest>>,
    pub(super) serials: Option<Serials>,
    /// The keys that the receiver trusts for packs.
    pub(super) trusted: Vec<KeyId>,
    pub(super) now: Timestamp,
    report: PackReport,
}

/// What was asked of a pack, and what was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PackReport {
    /// How a person named it.
    pub shown: String,
    /// What the manifest says, if it could be read. In a refusal nobody vouches for it.
    pub manifest: Option<PackManifest>,
    /// Bytes of the pack, unpacked.
    pub length: u64,
    /// The keys that signed it, if that was asked and holds.
    pub signed_by: Option<Vec<KeyId>>,
    /// The images, with what was decided about each if that was asked.
    pub images: Vec<JudgedImage>,
    /// What speaks against it.
    pub findings: Vec<PackFinding>,
}

/// An image of a pack, and what was decided about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JudgedImage {
    /// Its name and its digest.
    pub image: PackImage,
    /// The verdict by the receiver's policy, if there is one.
    pub verdict: Option<Verdict>,
}

/// Something that speaks against a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackFinding {
    /// Why.
    pub reason: PackReason,
    /// What was found, in words. It may come from outside: escape it before a terminal shows it.
    pub found: String,
}

impl PackFinding {
    pub(super) fn new(reason: PackReason, found: impl Into<String>) -> Self {
        Self { reason, found: found.into() }
    }
}

/// Why a pack is refused. The code of a reason is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PackReason {
    /// It is no pack: no sealed archive, or one without a manifest that can be read.
    Malformed,
    /// Its bytes are not those that its manifest lists.
    ContentMismatch,
    /// Nobody signed its manifest.
    Unsigned,
    /// The manifest was not signed by a key that is trusted for packs, or that key does not count.
    UntrustedSignature,
    /// Its serial number is below the last one, or below the least one that is taken.
    SerialTooLow,
    /// Its serial number was received before, with other content.
    SerialReused,
    /// An image in it is not whole.
    IncompleteImage,
    /// An image in it is refused by the receiver's policy, or not verified by it.
    ImageRefused,
    /// Nothing could be decided about an image in it.
    ImageUndecided,
}

impl PackReason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "pack-malformed",
            Self::ContentMismatch => "pack-content-mismatch",
            Self::Unsigned => "pack-unsigned",
            Self::UntrustedSignature => "pack-signature-untrusted",
            Self::SerialTooLow => "pack-serial-too-low",
            Self::SerialReused => "pack-serial-reused",
            Self::IncompleteImage => "pack-image-incomplete",
            Self::ImageRefused => "pack-image-refused",
            Self::ImageUndecided => "pack-image-undecided",
        }
    }

    /// Every reason, for the table in the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Malformed,
        Self::ContentMismatch,
        Self::Unsigned,
        Self::UntrustedSignature,
        Self::SerialTooLow,
        Self::SerialReused,
        Self::IncompleteImage,
        Self::ImageRefused,
        Self::ImageUndecided,
    ];
}

impl Receiving {
    /// A receiver who asks nothing yet, at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            keys: Vec::new(),
            decision: None,
            verifier: Verifier::new(),
            serials: None,
            serial_at_least: None,
            now,
            progress: Arc::new(Silent::default()),
        }
    }

    /// Checks a pack: a file, the list of its parts, or the name under which it was split.
    pub async fn check(&self, path: &Path) -> Result<PackVerdict, Error> {
        if self.keys.is_empty() && self.decision.is_none() {
            return Err(Error::new(
                ErrorKind::Usage,
                "a pack is checked by the key of who packs, by a policy, or by both: what it brings along is not trusted",
            ));
        }
        if self.keys.is_empty() && self.serial_at_least.is_some() {
            return Err(Error::new(
                ErrorKind::Usage,
                "a serial number counts only if the key that signs packs is known",
            ));
        }
        let mut report = PackReport {
            shown: path.display().to_string(),
            manifest: None,
            length: 0,
            signed_by: None,
            images: Vec::new(),
            findings: Vec::new(),
        };
        let sealed = match Sealed::open(path).await {
            Ok(sealed) => sealed,
            Err(error) => return report.of(PackReason::Malformed, error),
        };
        report.length = sealed.length();
        let bytes = match sealed.read(MANIFEST, waxseal_core::limits::PACK_MANIFEST_BYTES).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                return Ok(report.refuse(PackReason::Malformed, format!("no {MANIFEST}: it is no pack")));
            }
            Err(error) => return report.of(PackReason::Malformed, error),
        };
        let read = PackEnvelope::parse(&bytes).and_then(|envelope| Ok((envelope.claimed()?, envelope)));
        let (manifest, envelope) = match read {
            Ok(read) => read,
            Err(error) => return Ok(report.refuse(PackReason::Malformed, error.to_string())),
        };
        report.manifest = Some(manifest.clone());
        report.images =
            manifest.images.iter().map(|image| JudgedImage { image: image.clone(), verdict: None }).collect();
        // The cheap questions first: nobody waits for gigabytes to be hashed that come from the wrong hand.
        let signed = match self.signature(&envelope)? {
            Ok(signed) => signed,
            Err(finding) => {
                report.findings.push(finding);
                return Ok(PackVerdict::Refuse(Box::new(report)));
            }
        };
        report.signed_by = signed.as_ref().map(|signed| signed.proof().keys.clone());
        if let Some(finding) = self.serial(&manifest)? {
            report.findings.push(finding);
            return Ok(PackVerdict::Refuse(Box::new(report)));
        }
        let listed = entries(&manifest, &bytes);
        if let Err(error) = sealed.check(listed, Arc::clone(&self.progress)).await {
            return report.of(PackReason::ContentMismatch, error);
        }
        for image in &manifest.images {
            if let Some(finding) = whole(&sealed, &manifest, image).await? {
                report.findings.push(finding);
            }
        }
        if !report.findings.is_empty() {
            return Ok(PackVerdict::Refuse(Box::new(report)));
        }
        let mut outcome = Outcome::Admit;
        if let Some(decision) = &self.decision {
            outcome = judge(decision, &sealed, path, &mut report).await?;
        }
        Ok(match outcome {
            Outcome::Admit => PackVerdict::Admit(Box::new(AdmittedPack {
                sealed,
                manifest,
                signed,
                serials: self.serials.clone(),
                trusted: self.trusted(),
                now: self.now,
                report,
            })),
            Outcome::Undecided => PackVerdict::Undecided(Box::new(report)),
            // Whatever is not known here is not admitted.
            _ => PackVerdict::Refuse(Box::new(report)),
        })
    }

    /// The verified manifest, or none if nobody asks who signed it.
    fn signature(
        &self,
        envelope: &PackEnvelope,
    ) -> Result<Result<Option<Verified<PackManifest>>, PackFinding>, Error> {
        if self.keys.is_empty() {
            return Ok(Ok(None));
        }
        if envelope.signatures() == 0 {
            return Ok(Err(PackFinding::new(
                PackReason::Unsigned,
                "no key signed the manifest of this pack",
            )));
        }
        Ok(match self.verifier.pack(envelope, &self.keys, self.now)? {
            Ok(verified) => Ok(Some(verified)),
            Err(finding) => {
                let words = [
                    Some(finding.reason.code().to_owned()),
                    finding.key.map(|key| format!("key {key}")),
                    finding.expected.map(|expected| format!("expected {expected}")),
                    finding.found.map(|found| format!("found {found}")),
                ];
                let words: Vec<String> = words.into_iter().flatten().collect();
                Err(PackFinding::new(PackReason::UntrustedSignature, words.join(", ")))
            }
        })
    }

    fn trusted(&self) -> Vec<KeyId> {
        self.keys.iter().map(|trusted| trusted.key().id()).collect()
    }

    fn serial(&self, manifest: &PackManifest) -> Result<Option<PackFinding>, Error> {
        if let Some(least) = self.serial_at_least.filter(|least| manifest.serial < *least) {
            let found = format!("serial {} of {}, expected at least {least}", manifest.serial, manifest.name);
            return Ok(Some(PackFinding::new(PackReason::SerialTooLow, found)));
        }
        match &self.serials {
            Some(serials) => serials.against(manifest, &self.trusted()),
            None => Ok(None),
        }
    }
}

/// Judges every image by what the pack has of it, under the name that it had.
async fn judge(
    decision: &Decision,
    sealed: &Sealed,
    path: &Path,
    report: &mut PackReport,
) -> Result<Outcome, Error> {
    let mut decision = decision.clone();
    // What is let through without a look is not what the receiver's policy has verified (rules V2, K1).
    decision.exemptions = false;
    decision.evidence_in_place = true;
    let mut worst = Outcome::Admit;
    for judged in &mut report.images {
        let image = image(sealed, path, &judged.image);
        let verdict = Box::pin(decision.decide(image, None)).await?;
        let name = &judged.image.name;
        if verdict.verified().is_none() {
            let undecided = verdict.outcome() == Outcome::Undecided;
            let (reason, outcome) = if undecided {
                (PackReason::ImageUndecided, Outcome::Undecided)
            } else {
                (PackReason::ImageRefused, Outcome::Refuse)
            };
            if worst != Outcome::Refuse {
                worst = outcome;
            }
            let why = match &verdict {
                Verdict::Admit(admission) => {
                    format!("admitted as {}, and not verified", admission.basis.name())
                }
                _ => verdict.nearest_miss().map_or_else(
                    || "nothing that it asks for".to_owned(),
                    |miss| miss.reason.code().to_owned(),
                ),
            };
            report.findings.push(PackFinding::new(reason, format!("{name}@{}: {why}", judged.image.digest)));
        }
        judged.verdict = Some(verdict);
    }
    Ok(worst)
}

/// An image of a pack as the jobs take it.
pub(super) fn image(sealed: &Sealed, path: &Path, image: &PackImage) -> Image {
    let location = Location::Archive { path: path.to_owned(), which: LocalName::Digest(image.digest) };
    let repository = Some(image.name.repository().clone());
    let pinned = PinnedRef::local(format!("pack:{}", path.display()), repository, image.digest);
    Image::in_store(location, sealed.store(), sealed.store(), Subject::new(pinned))
}

/// Whether every manifest and every blob of an image is in the pack or said to be left out; what is missing if not.
async fn whole(
    sealed: &Sealed,
    manifest: &PackManifest,
    image: &PackImage,
) -> Result<Option<PackFinding>, Error> {
    let gathered = match transfer::gather(&sealed.store(), &image.digest.into(), &Options::default()).await {
        Ok(gathered) => gathered,
        Err(error) if is_fault_of_the_pack(&error) => {
            let found = format!("{}@{}: {error}", image.name, image.digest);
            return Ok(Some(PackFinding::new(PackReason::IncompleteImage, found)));
        }
        Err(error) => return Err(error.into()),
    };
    let sizes: HashMap<&str, u64> =
        manifest.entries.iter().map(|entry| (entry.path.as_str(), entry.size)).collect();
    let omitted: HashSet<(Digest, u64)> =
        manifest.omitted.iter().map(|blob| (blob.digest, blob.size)).collect();
    let mut missing = gathered.blobs().map(|(blob, _)| blob).filter(|blob| {
        let path = format!("blobs/{}/{}", blob.digest.algorithm(), blob.digest.hex());
        sizes.get(path.as_str()) != Some(&blob.size) && !omitted.contains(&(blob.digest, blob.size))
    });
    Ok(missing.next().map(|blob| {
        let found = format!(
            "{}@{}: the blob {} of {} bytes is missing",
            image.name, image.digest, blob.digest, blob.size
        );
        PackFinding::new(PackReason::IncompleteImage, found)
    }))
}

/// Whether an error is about what the pack holds, and not about the medium that it stands on.
fn is_fault_of_the_pack(error: &waxseal_oci::Error) -> bool {
    use waxseal_oci::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::InvalidLayout
            | Kind::DigestMismatch
            | Kind::SizeMismatch
            | Kind::LimitExceeded
            | Kind::Malformed
            | Kind::Unsupported
            | Kind::InvalidName
            | Kind::NotFound
    )
}

impl PackReport {
    fn refuse(mut self, reason: PackReason, found: impl Into<String>) -> PackVerdict {
        self.findings.push(PackFinding::new(reason, found));
        PackVerdict::Refuse(Box::new(self))
    }

    /// A refusal, if the error is about what the pack holds. A file that is not there is none.
    fn of(self, reason: PackReason, error: waxseal_oci::Error) -> Result<PackVerdict, Error> {
        if is_fault_of_the_pack(&error) && error.kind() != waxseal_oci::ErrorKind::NotFound {
            let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})"));
            return Ok(self.refuse(reason, format!("{error}{}", cause.unwrap_or_default())));
        }
        Err(error.into())
    }
}

impl AdmittedPack {
    /// What was asked, and what was found.
    pub const fn report(&self) -> &PackReport {
        &self.report
    }

    /// What the pack holds.
    pub const fn manifest(&self) -> &PackManifest {
        &self.manifest
    }

    /// Whether the receiver's own policy has verified the images.
    pub fn is_judged(&self) -> bool {
        self.report.images.iter().all(|image| image.verdict.is_some())
    }
}

impl PackVerdict {
    /// Which of the three it is.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Admit(_) => Outcome::Admit,
            Self::Refuse(_) => Outcome::Refuse,
            Self::Undecided(_) => Outcome::Undecided,
        }
    }

    /// What was asked, and what was found.
    pub const fn report(&self) -> &PackReport {
        match self {
            Self::Admit(pack) => &pack.report,
            Self::Refuse(report) | Self::Undecided(report) => report,
        }
    }

    /// The verdict as JSON of the schema [`PACK_VERDICT_SCHEMA`].
    pub fn to_json(&self) -> Value {
        let report = self.report();
        let manifest = report.manifest.as_ref();
        let images: Vec<Value> = report
            .images
            .iter()
            .map(|judged| {
                let verdict = judged.verdict.as_ref().map(Verdict::to_json);
                let verdict = verdict.and_then(|text| serde_json::from_str::<Value>(&text).ok());
                json!({ "name": judged.image.name.to_string(), "digest": judged.image.digest, "verdict": verdict })
            })
            .collect();
        let findings: Vec<Value> = report
            .findings
            .iter()
            .map(|finding| json!({ "reason": finding.reason.code(), "found": finding.found }))
            .collect();
        json!({
            "schema": PACK_VERDICT_SCHEMA,
            "verdict": self.outcome().name(),
            "pack": report.shown,
            "name": manifest.map(|manifest| manifest.name.clone()),
            "serial": manifest.map(|manifest| manifest.serial),
            "created": manifest.map(|manifest| manifest.created.to_string()),
            "bytes": report.length,
            "entries": manifest.map(|manifest| manifest.entries.len()),
            "omitted": manifest.map(|manifest| manifest.omitted.len()),
            "signature": match &report.signed_by {
                Some(keys) => json!({ "checked": true, "keys": keys }),
                None => json!({ "checked": false }),
            },
            "images": images,
            "findings": findings,
        })
    }
}
