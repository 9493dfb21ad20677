//! The job of fetching what Xray knows of an image: a report, or a bill of materials.
//!
//! The name is resolved once, to one digest (rule L1). Xray is asked where that digest stands, waited for, and read;
//! what it says is bound to the digest by the checksum in its summary. At the end the tag is resolved again: if it has
//! moved, Xray may have been asked about one image and have answered about another, and nothing is given back.

use std::time::Duration;

use jiff::Timestamp;
use waxseal_core::signing::Predicate;
use waxseal_core::{Digest, PinnedRef, Platform, Repository, Signer};
use waxseal_oci::{Client, Location};
use waxseal_scan::xray::{
    Document, ErrorKind as XrayKind, Parts, Place, SbomFormat, State, Status, Version, Xray,
};
use waxseal_scan::{Report, ReportFormat};

use super::attest::{AttestingScan, unsignable};
use crate::attest::{Attested, Claim};
use crate::error::{Error, ErrorKind};
use crate::image::{Finding, Image};
use crate::version::VERSION;

/// How messages call a report that was just fetched.
const SHOWN: &str = "the report of Xray";
/// How long a scan is waited for, in seconds: as `jf` does.
pub const WAIT_SECONDS: u64 = 1_200;
/// How long Xray may go on saying that it has not begun a scan that it was asked for, in seconds.
pub const BEGIN_SECONDS: u64 = 60;

/// A fetching job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetching {
    /// The key of the repository in Artifactory, where the registry does not tell it or several have the image.
    pub repository: Option<String>,
    /// Of an index: the image of this platform.
    pub platform: Option<Platform>,
    /// Whether Xray is asked to scan again what it has scanned before.
    pub rescan: bool,
    /// Whether the violations of watches are read too.
    pub violations: bool,
    /// Whether the result of a scan that is partial or failed is given back, as what it is.
    pub allow_incomplete: bool,
    /// How long the end of the scan is waited for.
    pub wait: Duration,
    /// How long a scan may take to begin.
    pub begin: Duration,
    /// The first pause between two questions; it doubles, up to [`Fetching::longest_poll`].
    pub poll: Duration,
    /// The longest pause between two questions.
    pub longest_poll: Duration,
    /// Where images are found.
    pub finding: Finding,
}

impl Default for Fetching {
    fn default() -> Self {
        Self {
            repository: None,
            platform: None,
            rescan: false,
            violations: true,
            allow_incomplete: false,
            wait: Duration::from_secs(WAIT_SECONDS),
            begin: Duration::from_secs(BEGIN_SECONDS),
            poll: Duration::from_secs(1),
            longest_poll: Duration::from_secs(10),
            finding: Finding::default(),
        }
    }
}

/// What is being done, for whoever watches.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// The image was found in Artifactory.
    Found {
        /// The image.
        image: &'a PinnedRef,
        /// Where it stands.
        place: &'a Place,
    },
    /// Xray was asked to scan it.
    Triggered,
    /// The scan is not over.
    Waiting {
        /// How far it is.
        state: State,
        /// How long it was waited for.
        waited: Duration,
    },
    /// This is read.
    Reading(&'static str),
}

/// What watches a job: it is told each step.
pub type Watch<'a> = &'a (dyn Fn(Step<'_>) + Sync);

/// What Xray says of an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchedReport {
    /// The image.
    pub image: Image,
    /// Where it stands in Artifactory.
    pub place: Place,
    /// How far its scan came: done, unless an incomplete one was allowed.
    pub state: State,
    /// Which Xray it was.
    pub version: Version,
    /// The report: every answer as it came, in one document of the schema `waxseal/xray-report/v1`.
    pub document: String,
    /// What the document says, as the readers of reports read it.
    pub report: Report,
}

/// A bill of materials that Xray wrote.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchedSbom {
    /// The image.
    pub image: Image,
    /// Where it stands in Artifactory.
    pub place: Place,
    /// Its form.
    pub format: SbomFormat,
    /// Its bytes, as they stood in the export.
    pub document: Vec<u8>,
}

/// An image that Xray can be asked about.
pub(super) struct Subject {
    pub(super) image: Image,
    /// What the name was resolved to, before a platform was chosen.
    resolved: Digest,
    pub(super) place: Place,
    version: Version,
}

impl FetchedReport {
    /// Attests the report of the image that it was fetched for.
    pub async fn attest(
        self,
        job: &AttestingScan,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Vec<Attested>, Error> {
        Box::pin(job.attest(self.image, (SHOWN, self.report, self.document.as_bytes()), signers)).await
    }
}

impl FetchedSbom {
    /// What can be attested of the image: the document, as it stands. `now` is not written into it.
    pub fn claim(&self, now: Timestamp) -> Result<Claim, Error> {
        let kind = if self.format == SbomFormat::Spdx { "spdxjson" } else { "cyclonedx" };
        let predicate = Predicate::of_file(kind, &self.document, now);
        Ok(Claim::Predicate(predicate.map_err(|error| unsignable("the bill of materials").caused_by(error))?))
    }
}

impl Fetching {
    /// Fetches the report of an image. `clock` tells the time at which the last answer was read.
    pub async fn report(
        &self,
        client: &Client,
        xray: &Xray,
        location: &Location,
        clock: impl Fn() -> Timestamp,
        watch: Watch<'_>,
    ) -> Result<FetchedReport, Error> {
        let mut subject = self.subject(client, xray, location, watch).await?;
        let status = self.scanned(xray, &subject, watch).await?;
        let state = self.accept(&subject, status.state())?;
        watch(Step::Reading("the summary"));
        let summary = xray.summary(subject.image.digest(), Some(&subject.place)).await?;
        let violations = if self.violations && self.has_violations(&subject, &status)? {
            watch(Step::Reading("the violations"));
            Some(xray.violations(&subject.place).await?)
        } else {
            None
        };
        self.still_there(client, location, &subject).await?;
        let pinned = subject.image.pinned();
        let name = pinned.repository().map_or_else(|| location.to_string(), Repository::docker_reference);
        let mut parts = Parts::new(&name, pinned.digest(), &subject.version, summary, clock());
        parts.tag = subject.image.tag().map(waxseal_core::reference::Tag::as_str);
        parts.place = Some(&subject.place);
        parts.status = Some(&status);
        parts.violations = violations;
        let document = Document::new(xray, parts).to_json()?;
        let report = read(&document)?;
        if report.scan.run.components.is_none() && subject.image.index().await?.is_some() {
            return Err(unlooked(&subject.image));
        }
        Ok(FetchedReport {
            image: subject.image,
            place: subject.place,
            state,
            version: subject.version,
            document,
            report,
        })
    }

    /// Fetches the bill of materials of an image. `vex` asks for what Xray knows of vulnerabilities in it, which
    /// SPDX has no room for.
    pub async fn sbom(
        &self,
        client: &Client,
        xray: &Xray,
        location: &Location,
        (format, vex): (SbomFormat, bool),
        watch: Watch<'_>,
    ) -> Result<FetchedSbom, Error> {
        let subject = self.subject(client, xray, location, watch).await?;
        let status = self.scanned(xray, &subject, watch).await?;
        self.accept(&subject, status.state())?;
        watch(Step::Reading("the bill of materials"));
        let digest = *subject.image.digest();
        let sbom = xray.sbom(&subject.place, &digest, format, vex).await?;
        // An export is asked for by name and names no bytes; the summary of the same name does.
        xray.summary(&digest, Some(&subject.place)).await?;
        self.still_there(client, location, &subject).await?;
        let Subject { image, place, .. } = subject;
        Ok(FetchedSbom { image, place, format: sbom.format, document: sbom.document.to_vec() })
    }

    async fn subject(
        &self,
        client: &Client,
        xray: &Xray,
        location: &Location,
        watch: Watch<'_>,
    ) -> Result<Subject, Error> {
        let mut image = Image::find(client, location, &self.finding).await?;
        let resolved = *image.digest();
        if let Some(platform) = &self.platform {
            image = image.for_platform(platform).await?;
        }
        // Whether this is an Xray at all, before anything it says is believed.
        let version = xray.version().await?;
        let place = self.place(xray, &mut image).await?;
        watch(Step::Found { image: image.pinned(), place: &place });
        Ok(Subject { image, resolved, place, version })
    }

    /// Whether a scan that came this far may be read.
    fn accept(&self, subject: &Subject, state: State) -> Result<State, Error> {
        let kind = match state {
            State::Done => return Ok(state),
            State::Partial | State::Failed if self.allow_incomplete => return Ok(state),
            State::Partial => XrayKind::Partial,
            State::Failed => XrayKind::Failed,
            State::NotScanned => XrayKind::NotScanned,
            State::NotSupported => XrayKind::NotSupported,
            _ => XrayKind::Pending,
        };
        let context = format!("{}: the status of its scan is {}", subject.image.pinned(), state.word());
        Err(Error::new(ErrorKind::Xray(kind), context))
    }

    /// Whether there are violations to be read. Findings can be whole where the comparison with watches is not.
    fn has_violations(&self, subject: &Subject, status: &Status) -> Result<bool, Error> {
        match status.violations {
            Some(state @ (State::Failed | State::Partial)) => {
                if self.allow_incomplete {
                    return Ok(false);
                }
                let context = format!(
                    "{}: the scan is done, and its comparison with the watches is {}",
                    subject.image.pinned(),
                    state.word()
                );
                let kind = if state == State::Failed { XrayKind::Failed } else { XrayKind::Partial };
                Err(Error::new(ErrorKind::Xray(kind), context))
            }
            _ => Ok(true),
        }
    }

    /// Whether the tag still names what it named in the beginning (rule G4).
    async fn still_there(
        &self,
        client: &Client,
        location: &Location,
        subject: &Subject,
    ) -> Result<(), Error> {
        if subject.image.tag().is_none() {
            return Ok(());
        }
        let now = Image::find(client, location, &self.finding).await?;
        if *now.digest() == subject.resolved {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::TagMoved,
            format!(
                "{location} has moved from {} to {} while Xray was asked: what it said may be about either",
                subject.resolved,
                now.digest()
            ),
        ))
    }
}

/// An index has no packages of its own: where Xray shows none of its images' either, an empty list says nothing.
fn unlooked(image: &Image) -> Error {
    Error::new(
        ErrorKind::Xray(XrayKind::NotScanned),
        format!(
            "{}: it is an index, and Xray shows no component that it has looked at in it: ask about one of its images \
             (--platform, as linux/amd64)",
            image.pinned()
        ),
    )
}

/// What the document says. What cannot be read by whoever gets it is no result.
fn read(document: &str) -> Result<Report, Error> {
    let mut report =
        Report::read(document.as_bytes(), Some(ReportFormat::XrayDocument)).map_err(|error| {
            Error::new(ErrorKind::Xray(XrayKind::Protocol), "the answers of Xray cannot be read as a report")
                .caused_by(error)
        })?;
    "waxseal scan fetch".clone_into(&mut report.scan.invocation.tool);
    VERSION.clone_into(&mut report.scan.invocation.tool_version);
    Ok(report)
}
