//! The tags under which objects are attached to an image.
//!
//! Three kinds stand under a tag made of the image's digest (cosign's tag scheme); referrers of a registry
//! without the referrers API stand in an index under a fourth (distribution specification, "Referrers Tag Schema").

use waxseal_core::Digest;
use waxseal_core::reference::Tag;

pub use crate::registry::fallback_tag;

/// Digits of a digest that the fallback tag keeps: the specification cuts the encoded part there.
const FALLBACK_DIGITS: usize = 64;

/// What is attached to an image under a tag of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Attached {
    /// `sha256-<hex>.sig`.
    Signatures,
    /// `sha256-<hex>.att`.
    Attestations,
    /// `sha256-<hex>.sbom`.
    Sbom,
}

impl Attached {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Signatures, Self::Attestations, Self::Sbom];

    /// How the tag ends.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Signatures => ".sig",
            Self::Attestations => ".att",
            Self::Sbom => ".sbom",
        }
    }

    /// The tag of what is attached to `digest`; none for SHA-512, whose tag would be too long (rule G7).
    pub fn tag(self, digest: &Digest) -> Option<Tag> {
        format!("{}-{}{}", digest.algorithm(), digest.hex(), self.suffix()).parse().ok()
    }
}

/// Whether a tag is one of those that name something attached to an image, and no image.
pub fn is_attached_tag(tag: &str) -> bool {
    let digits = ["sha256-", "sha512-"].iter().find_map(|prefix| tag.strip_prefix(prefix));
    let Some(digits) = digits else { return false };
    let digits = Attached::ALL.iter().find_map(|kind| digits.strip_suffix(kind.suffix())).unwrap_or(digits);
    digits.len() == FALLBACK_DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use waxseal_core::digest::Algorithm;

    #[test]
    fn names_what_is_attached() {
        let digest = Digest::of("{}");
        let hex = digest.hex();
        assert_eq!(Attached::Signatures.tag(&digest).unwrap().as_str(), format!("sha256-{hex}.sig"));
        assert_eq!(fallback_tag(&digest).unwrap().as_str(), format!("sha256-{hex}"));
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert!(is_attached_tag(&format!("sha256-{hex}{suffix}")));
        }
        for other in ["1.0".to_owned(), format!("sha256-{hex}.old"), "sha256-abc".to_owned(), hex] {
            assert!(!is_attached_tag(&other), "{other}");
        }
    }

    #[test]
    fn a_longer_digest_has_a_fallback_tag_only() {
        let digest = Digest::of_with(Algorithm::Sha512, "{}");
        assert_eq!(Attached::Signatures.tag(&digest), None);
        let tag = fallback_tag(&digest).unwrap();
        assert_eq!(tag.as_str().len(), "sha512-".len() + 64);
        assert!(is_attached_tag(tag.as_str()));
    }
}
