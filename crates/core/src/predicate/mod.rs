//! Predicate types: what a statement says about its subject, named by a URI.
//!
//! People write a short name of cosign's or a URI; what is signed, and what is compared, is the URI, byte for byte, inside
//! the signed payload and nowhere else. A type is never the one of an image signature: a signature is no attestation,
//! nor the other way round (rule S3).

mod claims;
pub(crate) mod openvex;
pub(crate) mod summary;

use core::fmt;
use core::str::FromStr;

pub(crate) use claims::Claims;

use crate::limits::PREDICATE_TYPE_BYTES;
use crate::statement::COSIGN_SIGN;

/// The URI of a predicate type, as in `predicateType` of a statement. Two are equal if their URIs are, byte for byte.
///
/// ```
/// use waxseal_core::predicate::{PredicateType, ShortName};
/// let typed: PredicateType = "cyclonedx".parse()?;
/// assert_eq!(typed.as_str(), "https://cyclonedx.org/bom");
/// assert_eq!(typed, ShortName::CycloneDx.into());
/// assert_eq!("https://example.com/review/v1".parse::<PredicateType>()?.as_str(), "https://example.com/review/v1");
/// assert!("cyclone-dx".parse::<PredicateType>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PredicateType(String);

impl PredicateType {
    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first short name of this type, if it has one.
    pub fn short_name(&self) -> Option<ShortName> {
        ShortName::ALL.iter().copied().find(|name| name.uri() == self.0)
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ShortName> for PredicateType {
    fn from(name: ShortName) -> Self {
        Self(name.uri().to_owned())
    }
}

/// Reads a short name, or a URI: a scheme, a colon, and visible ASCII, at most [`PREDICATE_TYPE_BYTES`] long.
impl FromStr for PredicateType {
    type Err = PredicateTypeError;

    fn from_str(text: &str) -> Result<Self, PredicateTypeError> {
        if let Ok(name) = text.parse::<ShortName>() {
            return Ok(name.into());
        }
        if text == COSIGN_SIGN {
            return Err(PredicateTypeError::Signature);
        }
        if text.len() > PREDICATE_TYPE_BYTES {
            return Err(PredicateTypeError::TooLong { found: text.len() });
        }
        let uri = text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                && !rest.trim_start_matches('/').is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_graphic())
        });
        if uri {
            Ok(Self(text.to_owned()))
        } else {
            Err(PredicateTypeError::Unknown { found: text.to_owned() })
        }
    }
}

/// The short names: cosign's own, with the URIs that cosign signs for them (cosign `pkg/cosign/attestation`,
/// `options.PredicateTypeMap`), and waxseal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ShortName {
    /// `custom`: any file, kept as text.
    Custom,
    /// `slsaprovenance`: SLSA provenance v0.2.
    SlsaProvenance,
    /// `slsaprovenance02`: the same.
    SlsaProvenance02,
    /// `slsaprovenance1`: SLSA provenance v1.
    SlsaProvenance1,
    /// `link`: an in-toto link.
    Link,
    /// `spdx`: an SPDX document, its text in a JSON string.
    Spdx,
    /// `spdxjson`: an SPDX document in JSON.
    SpdxJson,
    /// `cyclonedx`: a `CycloneDX` document in JSON.
    CycloneDx,
    /// `vuln`: cosign's own form of a vulnerability scan.
    Vuln,
    /// `openvex`: an `OpenVEX` document.
    OpenVex,
    /// `scan`: waxseal's form of a scan, which cosign does not know by name.
    Scan,
}

impl ShortName {
    /// Every short name. Where two have one URI, the plainer one comes first.
    pub const ALL: &'static [Self] = &[
        Self::Custom,
        Self::SlsaProvenance,
        Self::SlsaProvenance02,
        Self::SlsaProvenance1,
        Self::Link,
        Self::SpdxJson,
        Self::Spdx,
        Self::CycloneDx,
        Self::Vuln,
        Self::OpenVex,
        Self::Scan,
    ];

    /// The name as it is typed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::SlsaProvenance => "slsaprovenance",
            Self::SlsaProvenance02 => "slsaprovenance02",
            Self::SlsaProvenance1 => "slsaprovenance1",
            Self::Link => "link",
            Self::Spdx => "spdx",
            Self::SpdxJson => "spdxjson",
            Self::CycloneDx => "cyclonedx",
            Self::Vuln => "vuln",
            Self::OpenVex => "openvex",
            Self::Scan => "scan",
        }
    }

    /// The URI that is signed.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Custom => CUSTOM,
            Self::SlsaProvenance | Self::SlsaProvenance02 => SLSA_PROVENANCE_V02,
            Self::SlsaProvenance1 => SLSA_PROVENANCE_V1,
            Self::Link => LINK,
            Self::Spdx | Self::SpdxJson => SPDX,
            Self::CycloneDx => CYCLONE_DX,
            Self::Vuln => VULN,
            Self::OpenVex => OPEN_VEX,
            Self::Scan => SCAN,
        }
    }
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ShortName {
    type Err = PredicateTypeError;

    fn from_str(text: &str) -> Result<Self, PredicateTypeError> {
        Self::ALL
            .iter()
            .copied()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| PredicateTypeError::Unknown { found: text.to_owned() })
    }
}

/// cosign's `custom`: `{"Data": text, "Timestamp": RFC 3339}`.
pub const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";
/// SLSA provenance v0.2.
pub const SLSA_PROVENANCE_V02: &str = "https://slsa.dev/provenance/v0.2";
/// SLSA provenance v1.
pub const SLSA_PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";
/// In-toto link.
pub const LINK: &str = "https://in-toto.io/Link/v1";
/// SPDX document: an object, or the text of a tag-value document in a string.
pub const SPDX: &str = "https://spdx.dev/Document";
/// `CycloneDX` document.
pub const CYCLONE_DX: &str = "https://cyclonedx.org/bom";
/// cosign's vulnerability scan.
pub const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
/// `OpenVEX` document.
pub const OPEN_VEX: &str = "https://openvex.dev/ns";
/// waxseal's scan.
pub const SCAN: &str = "urn:waxseal:predicate:scan:v1";

/// Why a text is no predicate type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PredicateTypeError {
    /// Neither a short name nor a URI.
    #[error("{found:?} is neither a URI nor one of {}", names())]
    Unknown {
        /// What was typed.
        found: String,
    },
    /// Longer than [`PREDICATE_TYPE_BYTES`].
    #[error("a predicate type of {found} bytes, the limit is {PREDICATE_TYPE_BYTES}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// The type of an image signature.
    #[error("{COSIGN_SIGN} is the type of image signatures, which are no attestations: use sign and verify")]
    Signature,
}

/// The short names, for an error or a help text.
pub fn names() -> String {
    ShortName::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_name_of_cosign_has_its_uri() {
        let cosign = [
            ("custom", "https://cosign.sigstore.dev/attestation/v1"),
            ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
            ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
            ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
            ("link", "https://in-toto.io/Link/v1"),
            ("spdx", "https://spdx.dev/Document"),
            ("spdxjson", "https://spdx.dev/Document"),
            ("cyclonedx", "https://cyclonedx.org/bom"),
            ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
            ("openvex", "https://openvex.dev/ns"),
        ];
        for (name, uri) in cosign {
            let found: PredicateType = name.parse().unwrap();
            assert_eq!(found.as_str(), uri, "{name}");
            assert_eq!(found, uri.parse().unwrap(), "{name}");
            assert!(found.short_name().is_some());
        }
        assert_eq!(cosign.len() + 1, ShortName::ALL.len());
    }

    #[test]
    fn a_uri_is_taken_as_it_is_and_nothing_else() {
        for text in ["https://example.com/Review/v1?a=b#c", "urn:example:a", "s3+x.y-z:b"] {
            assert_eq!(text.parse::<PredicateType>().unwrap().as_str(), text);
            assert_eq!(text.parse::<PredicateType>().unwrap().short_name(), None);
        }
        for text in
            ["", "review", "Vuln", "vuln ", "https:", "https://", "1x:a", ":a", "a:b c", "a:\u{e9}", "/a"]
        {
            let error = text.parse::<PredicateType>().unwrap_err();
            assert_eq!(error, PredicateTypeError::Unknown { found: text.to_owned() });
        }
        let long = format!("urn:{}", "a".repeat(PREDICATE_TYPE_BYTES));
        assert!(matches!(long.parse::<PredicateType>(), Err(PredicateTypeError::TooLong { .. })));
        assert!(long[..PREDICATE_TYPE_BYTES].parse::<PredicateType>().is_ok());
    }

    #[test]
    fn the_type_of_a_signature_is_none_of_an_attestation() {
        assert_eq!(COSIGN_SIGN.parse::<PredicateType>(), Err(PredicateTypeError::Signature));
    }
}
