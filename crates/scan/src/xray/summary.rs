//! What Xray has found in an image: `POST api/v2/summary/artifact`, or v1 where there is no v2.
//!
//! Of all answers of Xray this one alone says which bytes it is about (`general.sha256`, the checksum of the
//! manifest), so it is the one that binds: an artifact in it that names another checksum, or none, is refused. Status
//! 200 with errors in the answer is an error, and an empty answer is an image that Xray does not know, not a clean one.

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use waxseal_core::Digest;
use waxseal_core::limits::REPORT_BYTES;

use super::error::{Error, ErrorKind};
use super::place::{Place, sha256};
use super::problem::{Reported, plain};
use super::{Xray, json};

/// Most artifacts of one answer.
const ARTIFACTS: usize = 64;

const WHAT: &str = "the summary of the image";

/// A summary that is about the image that was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The version of the API: 2, or 1 for older servers.
    pub version: u8,
    /// The answer, as it came.
    pub answer: Box<RawValue>,
    /// How Xray names the artifacts in it, as `docker://app:1.0`; one, unless the same bytes stand at several places.
    pub components: Vec<String>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    artifacts: Option<Vec<WireArtifact>>,
    #[serde(default)]
    errors: Option<Vec<Reported>>,
}

#[derive(Deserialize)]
struct WireArtifact {
    #[serde(default)]
    general: Option<WireGeneral>,
}

#[derive(Deserialize)]
struct WireGeneral {
    #[serde(default)]
    component_id: Option<String>,
    #[serde(default)]
    sha256: Option<String>,
}

impl Xray {
    /// Reads the summary of the image of this digest: of the artifact at `place`, or of all with its checksum.
    pub async fn summary(&self, digest: &Digest, place: Option<&Place>) -> Result<Summary, Error> {
        self.transport().told(self.summary_said(digest, place).await, WHAT)
    }

    async fn summary_said(&self, digest: &Digest, place: Option<&Place>) -> Result<Summary, Error> {
        let hex = sha256(digest)?;
        let asked = match place {
            // Paths begin with the key of the Artifactory, which is `default` since Xray 3.
            Some(place) => serde_json::json!({ "paths": [format!("default/{place}")] }),
            None => serde_json::json!({ "checksums": [hex] }),
        };
        let mut version = 2;
        let mut request = self.request(
            Method::POST,
            self.scoped("api/v2/summary/artifact"),
            Some(asked),
            REPORT_BYTES as u64,
            WHAT,
        );
        let mut answer = self.transport().call(&request).await?;
        if answer.is_absent() {
            version = 1;
            request.url = self.scoped("api/v1/summary/artifact");
            answer = self.transport().call(&request).await?;
        }
        read(version, &answer.ok()?, &hex, request.what)
    }
}

fn read(version: u8, body: &[u8], hex: &str, what: &str) -> Result<Summary, Error> {
    let answer: Box<RawValue> = json::parse(body, what)?;
    let wire: Wire = serde_json::from_str(answer.get()).map_err(|error| {
        Error::new(ErrorKind::Protocol, format!("{what}: the answer is no summary")).caused_by(error)
    })?;
    if let Some(first) = wire.errors.iter().flatten().next() {
        return Err(Error::new(ErrorKind::Reported, format!("{what}: Xray reports an error: {first}")));
    }
    let artifacts = wire.artifacts.unwrap_or_default();
    if artifacts.is_empty() {
        let context = format!("{what}: Xray knows no artifact sha256:{hex}, so it is not scanned");
        return Err(Error::new(ErrorKind::NotScanned, context));
    }
    if artifacts.len() > ARTIFACTS {
        let context = format!("{what}: more than {ARTIFACTS} artifacts");
        return Err(Error::new(ErrorKind::LimitExceeded, context));
    }
    let mut components = Vec::new();
    for artifact in artifacts {
        let general = artifact.general.unwrap_or(WireGeneral { component_id: None, sha256: None });
        match general.sha256.as_deref() {
            Some(found) if found.eq_ignore_ascii_case(hex) => {}
            found => {
                let found = found
                    .map_or_else(|| "no checksum".to_owned(), |found| format!("sha256:{}", plain(found)));
                let context = format!("{what}: it is about {found}, and the image is sha256:{hex}");
                return Err(Error::new(ErrorKind::OtherImage, context));
            }
        }
        components.extend(general.component_id);
    }
    Ok(Summary { version, answer, components })
}
