//! The bill of materials that Xray writes of an image: `POST api/v2/component/exportDetails`, or v1 where there is no
//! v2.
//!
//! The answer is a ZIP archive, opened in memory. Exactly one document in it must be of the form that was asked for.
//! An export says nothing about which bytes it is of unless it names a checksum of its subject: one that names
//! another image's is refused, and whoever asks compares the summary's checksum and the tag before and after.

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use waxseal_core::Digest;

use super::error::{Error, ErrorKind};
use super::place::{Place, sha256};
use super::{Xray, archive, json, problem};

/// Largest archive, in bytes (64 MiB).
const ARCHIVE_BYTES: u64 = 64 << 20;
const WHAT: &str = "the export of the image";

/// The form of a bill of materials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SbomFormat {
    /// CycloneDX as JSON.
    CycloneDx,
    /// SPDX as JSON.
    Spdx,
}

impl SbomFormat {
    /// Its name, as a person writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
        }
    }
}

/// A bill of materials, as it stood in the archive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sbom {
    /// Its form.
    pub format: SbomFormat,
    /// Its bytes.
    pub document: Bytes,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default, rename = "bomFormat")]
    bom_format: Option<String>,
    #[serde(default, rename = "spdxVersion")]
    spdx_version: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    hashes: Option<Vec<Hash>>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

impl Xray {
    /// Reads the bill of materials of the artifact at `place`, whose manifest has this digest. `vex` asks Xray to put
    /// what it knows of vulnerabilities into a CycloneDX document.
    pub async fn sbom(
        &self,
        place: &Place,
        digest: &Digest,
        format: SbomFormat,
        vex: bool,
    ) -> Result<Sbom, Error> {
        self.transport().told(self.sbom_said(place, digest, format, vex).await, WHAT)
    }

    async fn sbom_said(
        &self,
        place: &Place,
        digest: &Digest,
        format: SbomFormat,
        vex: bool,
    ) -> Result<Sbom, Error> {
        let hex = sha256(digest)?;
        let mut asked = serde_json::json!({
            "package_type": "docker",
            "component_name": place.component()?,
            "path": place.to_string(),
            "output_format": "json",
        });
        let switches = match format {
            SbomFormat::CycloneDx => serde_json::json!({
                "cyclonedx": true, "cyclonedx_format": "json", "vex": vex,
            }),
            SbomFormat::Spdx => serde_json::json!({ "spdx": true, "spdx_format": "json" }),
        };
        if let (Some(asked), serde_json::Value::Object(switches)) = (asked.as_object_mut(), switches) {
            asked.extend(switches);
        }
        let mut request = self.request(
            Method::POST,
            self.scoped("api/v2/component/exportDetails"),
            Some(asked.clone()),
            ARCHIVE_BYTES,
            WHAT,
        );
        request.accept = "application/octet-stream";
        request.deadline = self.export_deadline();
        let mut answer = self.transport().call(&request).await?;
        if answer.is_absent() {
            if let Some(asked) = asked.as_object_mut() {
                asked.remove("path");
                asked.insert("sha_256".to_owned(), hex.clone().into());
            }
            request.url = self.scoped("api/v1/component/exportDetails");
            request.json = Some(asked.to_string());
            answer = self.transport().call(&request).await?;
        }
        let body = answer.ok()?;
        // Trouble is told as JSON, under status 200 too.
        if body.first() == Some(&b'{') {
            let said = problem::of_body(&body).unwrap_or_else(|| "JSON in place of an archive".to_owned());
            return Err(Error::new(ErrorKind::Reported, format!("{WHAT}: Xray reports: {said}")));
        }
        pick(archive::files(&body, ".json")?, format, &hex)
    }
}

fn pick(files: Vec<archive::File>, format: SbomFormat, hex: &str) -> Result<Sbom, Error> {
    let mut picked = None;
    for file in files {
        let head: Head = match json::parse(&file.bytes, WHAT) {
            Ok(head) => head,
            Err(error) => {
                return Err(Error::new(ErrorKind::Protocol, format!("{WHAT}: {} cannot be read", file.name))
                    .caused_by(error));
            }
        };
        let is_it = match format {
            SbomFormat::CycloneDx => head.bom_format.as_deref() == Some("CycloneDX"),
            SbomFormat::Spdx => head.spdx_version.is_some(),
        };
        if !is_it {
            continue;
        }
        if picked.is_some() {
            let context = format!("{WHAT}: several documents of the form {}", format.name());
            return Err(Error::new(ErrorKind::Protocol, context));
        }
        let hashes =
            head.metadata.and_then(|metadata| metadata.component).and_then(|component| component.hashes);
        for hash in hashes.unwrap_or_default() {
            if hash.alg.eq_ignore_ascii_case("SHA-256") && !hash.content.eq_ignore_ascii_case(hex) {
                let context = format!(
                    "{WHAT}: it is of sha256:{}, and the image is sha256:{hex}",
                    problem::plain(&hash.content)
                );
                return Err(Error::new(ErrorKind::OtherImage, context));
            }
        }
        picked = Some(Sbom { format, document: file.bytes.into() });
    }
    picked.ok_or_else(|| {
        Error::new(ErrorKind::Protocol, format!("{WHAT}: no document of the form {} in it", format.name()))
    })
}
