//! What verified statements say of an image, for conditions to be held against.
//!
//! Everything here comes out of a verification: by the keys that the policy has for such statements, of the newest scan of
//! each scanner, complete and with components counted. What is not signed by one of these keys is as good as not there.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::value::RawValue;
use waxseal_core::candidate::Evidence;
use waxseal_core::limits::INDEX_DEPTH;
use waxseal_core::policy::{AttestationRequirement, Oldest, ScanRules};
use waxseal_core::predicate::PredicateType;
use waxseal_core::reference::Tag;
use waxseal_core::scan::Scan;
use waxseal_core::scan::foreign::SCAN_TYPES;
use waxseal_core::verify::{Attestation, Verified};
use waxseal_core::{Digest, Platform, Policy, TrustedKey, Verdict, Verifier};
use waxseal_oci::{Attached, Store};
use waxseal_scan::Reports;
use waxseal_scan::sbom::{self, Component};

use super::condition::Condition;
use super::keys::Keys;
use crate::error::{Error, ErrorKind};
use crate::evidence::{Looking, look};
use crate::image::Image;

/// The predicate types of lists of components that are read.
pub(super) const SBOM_TYPES: [&str; 9] = [
    "https://cyclonedx.org/bom",
    "https://cyclonedx.org/bom/v1.4",
    "https://cyclonedx.org/bom/v1.5",
    "https://cyclonedx.org/bom/v1.6",
    "https://cyclonedx.org/bom/v1.7",
    "https://spdx.dev/Document",
    "https://spdx.dev/Document/v2.2",
    "https://spdx.dev/Document/v2.3",
    "https://spdx.dev/Document/v2",
];

/// Why nothing is known where rules only warn.
const NOBODY: &str = "no key whose word counts: no rule for the image is enforced";

/// What is known of what is promoted.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The tag by which the source was named.
    pub(super) tag: Option<Tag>,
    /// The image or, of an index without statements of its own, each of its images.
    pub(super) images: Vec<ImageFacts>,
}

/// What verified statements say of one image.
#[derive(Clone, Debug)]
pub(super) struct ImageFacts {
    pub(super) digest: Digest,
    /// The newest scan of each scanner.
    pub(super) scans: Known<Vec<Scan>>,
    pub(super) components: Known<Vec<Component>>,
    /// Packages with their licences, by SBOMs and by scans that looked for licences.
    pub(super) licenses: Known<Vec<(String, Vec<String>)>>,
}

/// Something that statements say, or why they do not.
#[derive(Clone, Debug)]
pub(super) enum Known<T> {
    Said(T),
    /// No verified statement says it.
    Nothing(String),
    /// Something could not be read.
    Unreadable(String),
}

impl<T> Known<T> {
    const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing(_))
    }
}

/// Who reads, whose word counts, and when.
pub(super) struct Asking<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) looking: &'a Looking,
    /// Where the rules read the evidence of the image and of the images that it lists (rule L7).
    pub(super) places: &'a [Store],
    pub(super) keys: &'a Keys,
    pub(super) now: Timestamp,
    /// Whether the image itself has the signatures that were asked for, so that an index may leave its build attestations
    /// out (rule P4).
    pub(super) signed: bool,
}

impl Asking<'_> {
    /// What is needed to answer the conditions, and nothing else.
    pub(super) async fn facts(&self, image: &Image, conditions: &[Condition]) -> Result<Facts, Error> {
        let mut facts = Facts { tag: image.tag().cloned(), images: Vec::new() };
        let scans = conditions.iter().any(Condition::needs_scans);
        let components = conditions.iter().any(Condition::needs_components);
        if scans || components {
            Box::pin(self.images(image.clone(), (scans, components), 0, &mut facts.images)).await?;
        }
        Ok(facts)
    }

    /// The image, if anything is said of it; else, of an index, its images: scanners look at the images of platforms, and
    /// what is said of an index says nothing of them (rule P3).
    async fn images(
        &self,
        mut image: Image,
        wanted: (bool, bool),
        depth: usize,
        found: &mut Vec<ImageFacts>,
    ) -> Result<(), Error> {
        let own = self.of(&image, wanted).await?;
        let nothing = (wanted.0 && own.scans.is_nothing())
            || (wanted.1 && own.components.is_nothing() && own.licenses.is_nothing());
        let index = if nothing { image.index().await? } else { None };
        let Some(index) = index.filter(|index| !index.manifests.is_empty()) else {
            found.push(own);
            return Ok(());
        };
        if depth >= INDEX_DEPTH {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                format!("{}: indexes nest deeper than {INDEX_DEPTH} levels", image.pinned()),
            ));
        }
        let mut seen = BTreeSet::new();
        for descriptor in &index.manifests {
            let build_attestation = descriptor.platform.as_ref().is_some_and(Platform::is_unknown);
            if !(build_attestation && self.signed) && seen.insert(descriptor.digest) {
                let child = image.child(&descriptor.digest).await?;
                Box::pin(self.images(child, wanted, depth.saturating_add(1), found)).await?;
            }
        }
        Ok(())
    }

    async fn of(&self, image: &Image, (scans, components): (bool, bool)) -> Result<ImageFacts, Error> {
        let mut looking = self.looking.clone();
        looking.tags = vec![Attached::Attestations];
        let mut evidence = Evidence::default();
        for place in self.places {
            evidence.extend([look(place, image.digest(), &looking).await.evidence]);
        }
        let scans =
            if scans || components { self.scans(image, &evidence)? } else { Known::Nothing(String::new()) };
        let listed =
            if components { self.components(image, &evidence)? } else { Known::Nothing(String::new()) };
        let licenses = licenses(&scans, &listed);
        Ok(ImageFacts { digest: *image.digest(), scans, components: listed, licenses })
    }

    fn scans(&self, image: &Image, evidence: &Evidence) -> Result<Known<Vec<Scan>>, Error> {
        let keys = self.keys.of_scans();
        if keys.is_empty() {
            return Ok(Known::Nothing(NOBODY.to_owned()));
        }
        let mut rules = ScanRules::new();
        // That is the policy's to say; here it is only counted.
        rules.deny_malicious = false;
        let wanted = attested(&SCAN_TYPES, keys)?.scan(rules, Oldest::Unlimited)?;
        Ok(self.read(image, evidence, wanted, "scan", |attestation| {
            let text = attestation.predicate.as_deref().map(RawValue::get).unwrap_or_default();
            match Scan::read(attestation.predicate_type.as_str(), text, &Reports::new()) {
                Some(Ok(scan)) => Ok(vec![scan]),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("nothing reads it as a scan".to_owned()),
            }
        }))
    }

    fn components(&self, image: &Image, evidence: &Evidence) -> Result<Known<Vec<Component>>, Error> {
        if let Some(unreadable) = evidence.unreadable.first() {
            // One that lists more may stand where nobody could read.
            return Ok(Known::Unreadable(unreadable.message.clone()));
        }
        let keys = self.keys.of_components();
        if keys.is_empty() {
            return Ok(Known::Nothing(NOBODY.to_owned()));
        }
        let wanted = attested(&SBOM_TYPES, keys)?;
        let read = self.read(image, evidence, wanted, "SBOM", |attestation| {
            let text = attestation.predicate.as_deref().map(RawValue::get).unwrap_or_default();
            match sbom::components(attestation.predicate_type.as_str(), text) {
                Some(Ok(components)) => Ok(components),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("nothing reads it as an SBOM".to_owned()),
            }
        });
        Ok(match read {
            Known::Said(components) if components.is_empty() => {
                Known::Nothing("a verified SBOM that lists no component".to_owned())
            }
            other => other,
        })
    }

    /// Reads every statement that the requirement accepts, each predicate once.
    fn read<T>(
        &self,
        image: &Image,
        evidence: &Evidence,
        wanted: AttestationRequirement,
        what: &str,
        read: impl Fn(&Verified<Attestation>) -> Result<Vec<T>, String>,
    ) -> Known<Vec<T>> {
        let policy = Policy::requiring(wanted);
        let verdict = self.verifier.verify(&image.subject, evidence, &policy, self.now);
        if let Verdict::Undecided(report) = &verdict {
            let why = report.findings.iter().find_map(|finding| finding.found.clone());
            return Known::Unreadable(why.unwrap_or_else(|| "something could not be read".to_owned()));
        }
        if verdict.verified().is_none() {
            let miss = verdict.nearest_miss().map(|finding| {
                let found = finding.found.as_ref().map(|found| format!(" ({found})")).unwrap_or_default();
                format!(": {}{found}", finding.reason.meaning())
            });
            return Known::Nothing(format!("no verified {what} that counts{}", miss.unwrap_or_default()));
        }
        let mut all = Vec::new();
        let mut seen = BTreeSet::new();
        for attestation in verdict.attestations() {
            let text = attestation.predicate.as_deref().map(RawValue::get).unwrap_or_default();
            if seen.insert(Digest::of(text)) {
                match read(attestation) {
                    Ok(read) => all.extend(read),
                    Err(why) => {
                        return Known::Nothing(format!("a verified {what} that cannot be read: {why}"));
                    }
                }
            }
        }
        Known::Said(all)
    }
}

fn attested(types: &[&str], keys: Vec<TrustedKey>) -> Result<AttestationRequirement, Error> {
    let types: Result<Vec<PredicateType>, _> = types.iter().map(|one| one.parse()).collect();
    let types = types.map_err(|error| Error::new(ErrorKind::Policy, error.to_string()))?;
    Ok(AttestationRequirement::by(types, keys)?)
}

fn licenses(
    scans: &Known<Vec<Scan>>,
    components: &Known<Vec<Component>>,
) -> Known<Vec<(String, Vec<String>)>> {
    let mut licensed = Vec::new();
    let mut covered = false;
    if let Known::Said(components) = components {
        covered = true;
        for component in components.iter().filter(|one| one.package || !one.licenses.is_empty()) {
            let name = component.names.last().cloned().unwrap_or_default();
            licensed.push((name, component.licenses.clone()));
        }
    }
    if let Known::Said(scans) = scans {
        for scan in scans.iter().filter(|scan| scan.run.coverage.licenses == Some(true)) {
            covered = true;
            licensed.extend(scan.licenses.iter().map(|license| (String::new(), vec![license.id.clone()])));
        }
    }
    match (components, scans) {
        (Known::Unreadable(why), _) | (_, Known::Unreadable(why)) => Known::Unreadable(why.clone()),
        _ if covered && !licensed.is_empty() => Known::Said(licensed),
        (Known::Nothing(why), _) => Known::Nothing(why.clone()),
        _ => Known::Nothing("verified statements that name no package".to_owned()),
    }
}
