//! Which image a report says that it is about.

use waxseal_core::Digest;

/// The names and digests by which a report calls its image. None of it is proof: whoever attests compares it with the
/// digest of the image at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportSubject {
    /// Names, as they stand.
    pub names: Vec<String>,
    /// Digests of manifests or indexes.
    pub digests: Vec<Digest>,
    /// Digests of image configurations, which scanners call image ids.
    pub image_ids: Vec<Digest>,
}

/// Whether a report is about an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// It names one of the image's digests.
    Same,
    /// It names digests, and none of them is the image's.
    Other,
    /// It names no digest.
    Unsaid,
}

impl ReportSubject {
    /// Whether the report is about the image that has these digests: of its manifest, of the index through which it
    /// was reached, of its configuration.
    pub fn concerns(&self, image: &[Digest]) -> Concern {
        let mut named = self.digests.iter().chain(&self.image_ids).peekable();
        if named.peek().is_none() {
            return Concern::Unsaid;
        }
        if named.any(|digest| image.contains(digest)) { Concern::Same } else { Concern::Other }
    }

    /// Notes a name: `NAME`, `NAME:TAG`, or `NAME@DIGEST`, whose digest is noted too.
    pub(super) fn name(&mut self, name: &str) {
        let name = name.trim();
        if name.is_empty() {
            return;
        }
        if let Some((_, digest)) = name.rsplit_once('@') {
            self.digest(digest);
        }
        push(&mut self.names, name.to_owned());
    }

    /// Notes the digest of a manifest or an index; what is no digest is passed over.
    pub(super) fn digest(&mut self, digest: &str) {
        if let Some(digest) = read(digest) {
            push(&mut self.digests, digest);
        }
    }

    /// Notes the digest of an image's configuration; what is no digest is passed over.
    pub(super) fn image_id(&mut self, digest: &str) {
        if let Some(digest) = read(digest) {
            push(&mut self.image_ids, digest);
        }
    }

    /// Notes what a package URL of type `oci` says: `pkg:oci/NAME@sha256%3AHEX?repository_url=...`.
    pub(super) fn purl(&mut self, purl: &str) {
        let Some(rest) = purl.strip_prefix("pkg:oci/") else { return };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        if let Some((_, version)) = rest.rsplit_once('@') {
            self.digest(&version.replace("%3A", ":").replace("%3a", ":"));
        }
        push(&mut self.names, purl.to_owned());
    }
}

/// A digest with its algorithm, or the bare hexadecimal of a SHA-256.
fn read(text: &str) -> Option<Digest> {
    let text = text.trim();
    text.parse().ok().or_else(|| format!("sha256:{text}").parse().ok())
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_images_report_is_told_apart() {
        let (image, other) = (Digest::of("image"), Digest::of("other"));
        let mut subject = ReportSubject::default();
        assert_eq!(subject.concerns(&[image]), Concern::Unsaid);
        subject.name("registry.example.com/app:1");
        subject.digest("sha256:short");
        assert_eq!(subject.concerns(&[image]), Concern::Unsaid);
        subject.name(&format!("registry.example.com/app@{image}"));
        assert_eq!(subject.concerns(&[image]), Concern::Same);
        assert_eq!(subject.concerns(&[other]), Concern::Other);
        assert_eq!(subject.concerns(&[other, image]), Concern::Same);
        subject.image_id(&other.hex());
        assert_eq!(subject.concerns(&[other]), Concern::Same);
    }

    #[test]
    fn reads_package_urls_of_images() {
        let digest = Digest::of("image");
        let mut subject = ReportSubject::default();
        subject
            .purl(&format!("pkg:oci/app@sha256%3A{}?repository_url=registry.example.com/app", digest.hex()));
        assert_eq!(subject.digests, [digest]);
        subject.purl("pkg:npm/app@1");
        assert_eq!(subject.names.len(), 1);
    }
}
