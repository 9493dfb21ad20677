//! JFrog Xray, asked by its REST API about one image.
//!
//! [`Xray`] knows one platform (`https://acme.jfrog.io`), its Xray and, to find where an image stands, its
//! Artifactory. It never asks a registry, never follows a redirect to another place, and decides nothing: it reads
//! what Xray says, makes sure that it is all of it and about the bytes that were asked for, and hands it on as it
//! came. What the answers mean is the readers' ([`crate::report`]).
//!
//! **What it withstands.** Every answer has a largest size and a deadline; JSON that two readers could take in two
//! ways is refused; lists are as long as they say; the checksum in a summary is that of the image. Credentials go to
//! the platform's own scheme, host and port. Status 200 is no success: errors in the answer, an answer about nothing,
//! and words that are not documented are errors. *Not scanned*, *pending*, *partial*, *failed* and *not supported* are
//! five different outcomes and none of them is clean.
//!
//! Shapes are those of JFrog's REST pages and of jfrog-client-go (@ 0f2168d0).

mod address;
mod archive;
mod credential;
mod error;
mod export;
mod json;
mod options;
mod place;
mod problem;
mod report;
mod status;
mod summary;
mod transport;
mod violations;

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use url::Url;

use self::transport::{Request, Transport};

pub use address::Platform;
pub use credential::{Credential, Secret};
pub use error::{Error, ErrorKind};
pub use export::{Sbom, SbomFormat};
pub use options::{EXPORT_SECONDS, REQUEST_SECONDS, XrayOptions};
pub use place::Place;
pub use report::{
    Document, DocumentArtifact, DocumentImage, DocumentServer, DocumentSummary, DocumentViolations, Parts,
    SCHEMA,
};
pub use status::{State, Status};
pub use summary::Summary;
pub use violations::{VIOLATIONS, Violations};

/// Largest small answer, in bytes (64 KiB).
const SMALL_BYTES: u64 = 64 << 10;

/// One platform and who asks it.
pub struct Xray {
    transport: Transport,
    platform: Platform,
    project: Option<String>,
    deadline: Duration,
    export_deadline: Duration,
}

/// Which Xray it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version {
    /// As `3.111.9`.
    pub version: String,
    /// The revision, if it is told.
    pub revision: Option<String>,
}

#[derive(Deserialize)]
struct WireVersion {
    xray_version: String,
    #[serde(default)]
    xray_revision: Option<String>,
}

impl Xray {
    /// A client with these settings. Nothing is contacted; a setting that does not hold is an error now.
    pub fn new(options: &XrayOptions) -> Result<Self, Error> {
        Ok(Self {
            transport: Transport::new(options)?,
            platform: options.platform.clone(),
            project: options.project.clone(),
            deadline: options.deadline,
            export_deadline: options.export_deadline,
        })
    }

    /// The platform.
    pub const fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The project whose scope is asked in.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// Asks which Xray it is: `GET api/v1/system/version`.
    pub async fn version(&self) -> Result<Version, Error> {
        self.transport().told(self.version_said().await, "the version of Xray")
    }

    async fn version_said(&self) -> Result<Version, Error> {
        let url = self.platform.xray("api/v1/system/version");
        let request = self.request(Method::GET, url, None, SMALL_BYTES, "the version of Xray");
        let wire: WireVersion = json::parse(&self.transport.call(&request).await?.ok()?, request.what)?;
        if wire.xray_version.is_empty() {
            return Err(Error::new(ErrorKind::Protocol, "the version of Xray: the answer names none"));
        }
        Ok(Version {
            version: problem::plain(&wire.xray_version),
            revision: wire.xray_revision.filter(|text| !text.is_empty()).map(|text| problem::plain(&text)),
        })
    }

    /// Asks Xray to scan the artifact at `place`, also if it has scanned it before: `POST api/v1/scanArtifact`. The
    /// answer carries no result; [`Xray::status`] says when there is one.
    pub async fn trigger(&self, place: &Place) -> Result<(), Error> {
        self.transport().told(self.trigger_said(place).await, "the start of the scan")
    }

    async fn trigger_said(&self, place: &Place) -> Result<(), Error> {
        let asked = serde_json::json!({ "componentID": format!("docker://{}", place.component()?) });
        let url = self.scoped("api/v1/scanArtifact");
        let request = self.request(Method::POST, url, Some(asked), SMALL_BYTES, "the start of the scan");
        let body = self.transport.call(&request).await?.ok()?;
        match problem::of_body(&body) {
            Some(said) => {
                Err(Error::new(ErrorKind::Reported, format!("the start of the scan: Xray reports: {said}")))
            }
            None => Ok(()),
        }
    }

    const fn transport(&self) -> &Transport {
        &self.transport
    }

    const fn export_deadline(&self) -> Duration {
        self.export_deadline
    }

    /// The address of a part of Xray's API, within the project.
    fn scoped(&self, part: &str) -> Url {
        let mut url = self.platform.xray(part);
        if let Some(project) = &self.project {
            url.query_pairs_mut().append_pair("projectKey", project);
        }
        url
    }

    fn request(
        &self,
        method: Method,
        url: Url,
        asked: Option<serde_json::Value>,
        limit: u64,
        what: &'static str,
    ) -> Request {
        Request {
            method,
            url,
            json: asked.map(|asked| asked.to_string()),
            accept: "application/json",
            limit,
            deadline: self.deadline,
            what,
        }
    }
}

impl core::fmt::Debug for Xray {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Xray").field("platform", &self.platform).finish_non_exhaustive()
    }
}
