//! The job of attesting a report: a scanner's words about an image, signed about its digest.
//!
//! What is signed is waxseal's own predicate, made of the report; on request the same in the form of other tools. A report
//! of another image is refused, and one that names no digest too, unless a person says which digest was scanned: a tag may
//! have moved since. A scan that is not complete is refused, or on request signed as what it is, never as clean.

use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use waxseal_core::manifest::Manifest;
use waxseal_core::scan::{SCAN_PREDICATE, Scan, ScannerDatabase, foreign};
use waxseal_core::signing::Predicate;
use waxseal_core::{Digest, Platform, PredicateType, Signer};
use waxseal_scan::report::{Concern, ImageDigests};
use waxseal_scan::{Report, ReportFormat, predicate};

use crate::attest::{Attested, Attesting, Claim};
use crate::error::{Error, ErrorKind};
use crate::image::Image;

/// How far ahead of our clock a scan may have been finished, in minutes: further, and it would never pass (rule N2).
const AHEAD_MINUTES: i64 = 5;

/// A job that attests a report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestingScan {
    /// How attestations are written.
    pub attesting: Attesting,
    /// Of an index: the image of this platform.
    pub platform: Option<Platform>,
    /// The forms that the scan is attested in besides waxseal's own.
    pub also: Vec<Also>,
    /// Whether the report itself is put into the predicate. Its digest is there in any case.
    pub embed: bool,
    /// Whether a scan that is not complete is attested, as what it is.
    pub allow_incomplete: bool,
    /// The digest that the report is of, where a person knows and the report does not say: of the image, of an index
    /// through which it is reached or of its configuration.
    pub is_for: Option<Digest>,
    /// When the scan was finished, where the report does not say.
    pub finished_on: Option<Timestamp>,
    /// Of when the scanner's database is, where the report does not say.
    pub database_updated_on: Option<Timestamp>,
}

/// A form for other tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Also {
    /// cosign's `vuln/v1`, with the report in it: for Kyverno, policy-controller and Ratify.
    CosignVuln,
    /// in-toto's `vulns/v0.2`, which wants the date of the scanner's database.
    InTotoVulns,
    /// The report as it is: an SBOM or VEX document under its own type, any other under cosign's `custom`.
    Raw,
}

impl AttestingScan {
    /// A job that attests complete scans in waxseal's own form.
    pub const fn new(attesting: Attesting) -> Self {
        Self {
            attesting,
            platform: None,
            also: Vec::new(),
            embed: false,
            allow_incomplete: false,
            is_for: None,
            finished_on: None,
            database_updated_on: None,
        }
    }

    /// Attests a report, read from these bytes, with each of `signers`. All predicates are made before the first is
    /// signed. `shown` is how messages call the report.
    pub async fn attest(
        &self,
        image: Image,
        (shown, report, bytes): (&str, Report, &[u8]),
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Vec<Attested>, Error> {
        let mut image = match &self.platform {
            Some(platform) => image.for_platform(platform).await?,
            None => image,
        };
        self.bind(shown, &report, &mut image).await?;
        let Report { format, scan, .. } = report;
        // What was read of a large report is gone before it is signed, which needs as much memory again.
        let claims = self.claims(shown, format, &self.completed(shown, scan, bytes)?, bytes)?;
        let mut attested = Vec::new();
        // A report as it is says nowhere that can be relied on whose it is: it takes the place of nothing, or a clean one
        // would take away what another scanner found.
        let keeping = Attesting { replace: false, ..self.attesting.clone() };
        for (claim, raw) in &claims {
            let attesting = if *raw { &keeping } else { &self.attesting };
            attested.extend(Box::pin(attesting.attest(image.clone(), claim, signers)).await?);
        }
        Ok(attested)
    }

    /// Whether the report is of the image. What a person says fills a gap, and overrules nothing that the report says.
    async fn bind(&self, shown: &str, report: &Report, image: &mut Image) -> Result<(), Error> {
        let digests = digests(image).await?;
        let subject = &report.subject;
        let named: Vec<_> =
            subject.digests.iter().chain(&subject.image_ids).map(ToString::to_string).collect();
        let named = named.join(", ");
        let other = |said: String| {
            let index = if digests.own.is_empty() { ", an index of images" } else { "" };
            Err(Error::new(
                ErrorKind::OtherImage,
                format!("{shown} is {said}, not of {}{index}", image.pinned()),
            ))
        };
        let unbound = |why: String| {
            Err(Error::new(
                ErrorKind::UnboundReport,
                format!("{shown} names {why}: nothing shows that it is of {}", image.pinned()),
            ))
        };
        let concern = subject.concerns(&digests);
        if let Some(digest) = self.is_for {
            return match concern {
                _ if !digests.contains(&digest) => other(format!("said to be of {digest}")),
                Concern::Other => other(format!("said to be of {digest} and names itself {named}")),
                _ => Ok(()),
            };
        }
        match concern {
            Concern::Same => Ok(()),
            Concern::Other => other(format!("of {named}")),
            Concern::OneOfSeveral => {
                unbound(format!("{named}, an index and the image of one platform in it, which is not told"))
            }
            _ => match subject.names.as_slice() {
                [] => unbound("no image at all and no digest".to_owned()),
                names => unbound(format!("{} and no digest", names.join(", "))),
            },
        }
    }

    /// The scan with what a person has said of it.
    fn completed(&self, shown: &str, mut scan: Scan, bytes: &[u8]) -> Result<Scan, Error> {
        if !scan.is_complete() && !self.allow_incomplete {
            let status = scan.run.status;
            let filtered = if scan.run.filtered { ", findings were left out" } else { "" };
            let covered = if scan.run.coverage.vulnerabilities {
                ""
            } else {
                ", and it does not show that vulnerabilities were looked for"
            };
            return Err(Error::new(
                ErrorKind::IncompleteScan,
                format!("{shown} is no complete scan: its status is {status}{filtered}{covered}"),
            ));
        }
        match (scan.run.finished_on, self.finished_on) {
            (Some(own), Some(said)) if own != said => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{shown} says itself that the scan was finished on {own}, not on {said}"),
                ));
            }
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::ScanWithoutTime,
                    format!(
                        "{shown} does not say when the scan was finished: as old as that nobody would take it"
                    ),
                ));
            }
            (own, said) => scan.run.finished_on = own.or(said),
        }
        let latest = self.attesting.now.checked_add(SignedDuration::from_mins(AHEAD_MINUTES));
        if let (Some(finished), Ok(latest)) = (scan.run.finished_on, latest)
            && finished > latest
        {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{shown}: the scan would have been finished on {finished}, which is in the future"),
            ));
        }
        if let Some(date) = self.database_updated_on {
            let database = scan.scanner.db.get_or_insert_with(ScannerDatabase::default);
            match database.last_update {
                Some(own) if own != date => {
                    return Err(Error::new(
                        ErrorKind::Usage,
                        format!("{shown} says itself that the scanner's database is of {own}, not of {date}"),
                    ));
                }
                _ => database.last_update = Some(date),
            }
        }
        if self.embed
            && let Some(raw) = &mut scan.report
        {
            let value: Box<RawValue> = serde_json::from_slice(bytes).map_err(|error| {
                unsignable(&format!("{shown} as a part of the predicate")).caused_by(error)
            })?;
            raw.embedded = Some(value);
        }
        Ok(scan)
    }

    /// What is attested, waxseal's own form first, each with whether it is the report as it is.
    fn claims(
        &self,
        shown: &str,
        format: ReportFormat,
        scan: &Scan,
        bytes: &[u8],
    ) -> Result<Vec<(Claim, bool)>, Error> {
        let mut claims = vec![(claim(scan)?, false)];
        for also in &self.also {
            let what = || unsignable(&format!("{shown} as {}", also.name()));
            let predicate = match also {
                Also::CosignVuln => {
                    let json =
                        predicate::cosign_vuln(scan, bytes).map_err(|error| what().caused_by(error))?;
                    object(foreign::COSIGN_VULN, &json)?
                }
                Also::InTotoVulns => {
                    let json = predicate::in_toto_vulns(scan).map_err(|error| what().caused_by(error))?;
                    object(foreign::IN_TOTO_VULNS_V02, &json)?
                }
                Also::Raw => {
                    let kind = match format {
                        ReportFormat::CycloneDx => "cyclonedx",
                        ReportFormat::Spdx => "spdxjson",
                        ReportFormat::OpenVex => "openvex",
                        _ => "custom",
                    };
                    Predicate::of_file(kind, bytes, self.attesting.now)
                        .map_err(|error| what().caused_by(error))?
                }
            };
            claims.push((Claim::Predicate(predicate), *also == Also::Raw));
        }
        Ok(claims)
    }
}

impl Also {
    /// The name of the form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CosignVuln => "cosign-vuln",
            Self::InTotoVulns => "in-toto-vulns",
            Self::Raw => "raw",
        }
    }
}

/// The digests that a report may name of this image, and those of its siblings.
async fn digests(image: &mut Image) -> Result<ImageDigests, Error> {
    let (digest, fetched) = (*image.digest(), image.manifest().await?);
    let mut digests = ImageDigests::default();
    match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
        Ok(Manifest::Index(_)) => digests.indexes.push(digest),
        Ok(Manifest::Image(manifest)) => digests.own.extend([digest, manifest.config.digest]),
        _ => digests.own.push(digest),
    }
    for index in image.via() {
        digests.indexes.push(index.descriptor.digest);
        if let Ok(Manifest::Index(index)) = Manifest::parse(&index.bytes, Some(&index.descriptor.media_type))
        {
            let listed = index.manifests.iter().map(|listed| listed.digest);
            digests.others.extend(listed.filter(|listed| *listed != digest));
        }
    }
    Ok(digests)
}

/// What can be attested of a scan: waxseal's own predicate.
fn claim(scan: &Scan) -> Result<Claim, Error> {
    let json = scan.to_predicate().map_err(|error| unsignable("the scan").caused_by(error))?;
    Ok(Claim::Predicate(object(SCAN_PREDICATE, &json)?))
}

fn object(kind: &str, json: &str) -> Result<Predicate, Error> {
    let kind: PredicateType = kind.parse().map_err(|error| unsignable("the scan").caused_by(error))?;
    Predicate::object(kind, json.as_bytes()).map_err(|error| unsignable("the scan").caused_by(error))
}

/// Why nothing was attested.
pub(super) fn unsignable(what: &str) -> Error {
    Error::new(ErrorKind::InvalidImage, format!("{what} cannot be put into an attestation"))
}
