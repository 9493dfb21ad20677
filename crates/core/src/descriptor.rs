//! Descriptors: what an object is said to be, and the digest and size that hold it to that.
//!
//! Every read in the program is "the bytes of this descriptor": size-capped and hashed before they are handed
//! out. The digest and the size bind; the media type, the artifact type and the annotations are hints (rule L6).

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::json::{Names, Path};

/// A content descriptor (image specification, "OCI Content Descriptors").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Descriptor {
    /// Media type of the object.
    pub media_type: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Number of its bytes.
    pub size: u64,
    /// Type of the artifact, if the object is a manifest of one. A hint (rule L6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations of the descriptor. Never signed as such.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform of an image in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Other places of the content (foreign layers). Never followed (T-53).
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

impl Descriptor {
    /// A descriptor of an object with nothing but type, digest and size.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
            urls: Vec::new(),
        }
    }

    /// The descriptor of `bytes`, by SHA-256.
    pub fn of(media_type: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Whether `bytes` are the ones that this descriptor describes.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.size == bytes.len() as u64 && Digest::of_with(self.digest.algorithm(), bytes) == self.digest
    }
}

/// How the names in a descriptor's JSON are compared; `path` begins at the descriptor.
pub fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => {
            Names::Known(&["mediaType", "digest", "size", "artifactType", "annotations", "platform", "urls"])
        }
        [platform] if platform == "platform" => {
            Names::Known(&["os", "architecture", "variant", "os.version"])
        }
        _ => Names::Exact,
    }
}

fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The platform that an image of an index is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Platform {
    /// Operating system, by Go's name (`linux`).
    pub os: String,
    /// Architecture, by Go's name (`amd64`).
    pub architecture: String,
    /// Variant of the architecture (`v8`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Version of the operating system, for Windows.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl Platform {
    /// A platform without a variant.
    pub fn new(os: impl Into<String>, architecture: impl Into<String>) -> Self {
        Self { os: os.into(), architecture: architecture.into(), variant: None, os_version: None }
    }

    /// Whether an image for `offered` is one that `self`, as a person typed it, asks for. What was not typed is
    /// not compared, and `arm64` has `v8` as its variant where none is written.
    pub fn accepts(&self, offered: &Self) -> bool {
        fn variant(platform: &Platform) -> Option<&str> {
            match (platform.architecture.as_str(), platform.variant.as_deref()) {
                ("arm64", None) => Some("v8"),
                (_, variant) => variant,
            }
        }
        self.os == offered.os
            && self.architecture == offered.architecture
            && (self.variant.is_none() || variant(self) == variant(offered))
            && (self.os_version.is_none() || self.os_version == offered.os_version)
    }

    /// Whether this is `unknown/unknown`, as build attestations in an index have it (rule P4).
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(f, ":{version}")?;
        }
        Ok(())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let (text, os_version) = match text.split_once(':') {
            Some((text, version)) if !version.is_empty() => (text, Some(version.to_owned())),
            Some(_) => return Err(PlatformError),
            None => (text, None),
        };
        let mut parts = text.split('/');
        let (Some(os), Some(architecture), variant, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(PlatformError);
        };
        if os.is_empty() || architecture.is_empty() || variant == Some("") {
            return Err(PlatformError);
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(ToOwned::to_owned),
            os_version,
        })
    }
}

/// The text is not `os/architecture[/variant][:os-version]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a platform is written os/architecture[/variant], as in linux/arm64/v8")]
#[non_exhaustive]
pub struct PlatformError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_null_as_empty_and_keeps_the_digest_strict() {
        let text =
            format!(r#"{{"mediaType":"t","digest":"{}","size":2,"annotations":null}}"#, Digest::of("{}"));
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert!(descriptor.matches(b"{}"));
        assert!(!descriptor.matches(b"{} "));
        assert!(!descriptor.matches(b"[]"));
        assert!(serde_json::from_str::<Descriptor>(&text.replace("sha256:4", "sha256:A")).is_err());
        assert!(serde_json::from_str::<Descriptor>(&text.replace(":2,", ":-2,")).is_err());
    }

    #[test]
    fn a_platform_without_a_variant_takes_any() {
        let parse = |text: &str| text.parse::<Platform>().unwrap();
        assert!(parse("linux/arm64").accepts(&parse("linux/arm64/v8")));
        assert!(parse("linux/arm64/v8").accepts(&parse("linux/arm64")));
        assert!(!parse("linux/arm/v7").accepts(&parse("linux/arm/v6")));
        assert!(!parse("linux/amd64").accepts(&parse("windows/amd64")));
        for text in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/arm/", "linux/amd64:"] {
            assert_eq!(text.parse::<Platform>(), Err(PlatformError), "{text}");
        }
    }
}
