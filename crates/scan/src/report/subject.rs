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
    /// The most specific digest that it names is the image's.
    Same,
    /// The most specific digest that it names is not the image's.
    Other,
    /// It names the index, and beside it an image of one platform: which one of them is not to be told from here.
    OneOfSeveral,
    /// It names no digest.
    Unsaid,
}

/// The digests of an image, or of an index of images, that a report is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageDigests {
    /// Of an image of one platform: its manifest and its configuration. Of an index: none.
    pub own: Vec<Digest>,
    /// The indexes through which it was reached, and the index itself.
    pub indexes: Vec<Digest>,
    /// What those indexes list besides it: images of other platforms.
    pub others: Vec<Digest>,
}

impl ImageDigests {
    /// Whether this is one of its digests: its own, or that of an index through which it was reached.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.own.contains(digest) || self.indexes.contains(digest)
    }
}

impl ReportSubject {
    /// Whether the report is about the image with these digests.
    ///
    /// Scanners look at the image of one platform and name the index by which it was pulled beside it. So the most specific
    /// digest decides: an index counts only where nothing else is named, or everybody's report would be of every platform.
    pub fn concerns(&self, image: &ImageDigests) -> Concern {
        let named = || self.digests.iter().chain(&self.image_ids);
        let is_index = |digest: &Digest| image.indexes.contains(digest);
        if named().next().is_none() {
            return Concern::Unsaid;
        }
        if named().any(|digest| image.own.contains(digest)) {
            return Concern::Same;
        }
        if !named().any(is_index) {
            return Concern::Other;
        }
        if self.image_ids.is_empty() && self.digests.iter().all(is_index) {
            return Concern::Same;
        }
        // An image id that is an index's is what some stores of images call theirs: it does not say which image it was.
        let another = self.image_ids.iter().any(|id| !is_index(id))
            || self.digests.iter().any(|digest| !is_index(digest) && image.others.contains(digest));
        if another && !image.own.is_empty() { Concern::Other } else { Concern::OneOfSeveral }
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

    fn image(own: &[Digest]) -> ImageDigests {
        ImageDigests { own: own.to_vec(), ..ImageDigests::default() }
    }

    #[test]
    fn another_images_report_is_told_apart() {
        let (one, other) = (Digest::of("image"), Digest::of("other"));
        let mut subject = ReportSubject::default();
        assert_eq!(subject.concerns(&image(&[one])), Concern::Unsaid);
        subject.name("registry.example.com/app:1");
        subject.digest("sha256:short");
        assert_eq!(subject.concerns(&image(&[one])), Concern::Unsaid);
        subject.name(&format!("registry.example.com/app@{one}"));
        assert_eq!(subject.concerns(&image(&[one])), Concern::Same);
        assert_eq!(subject.concerns(&image(&[other])), Concern::Other);
        assert_eq!(subject.concerns(&image(&[other, one])), Concern::Same);
        subject.image_id(&other.hex());
        assert_eq!(subject.concerns(&image(&[other])), Concern::Same);
    }

    #[test]
    fn the_most_specific_digest_decides() {
        let [index, manifest, config, sibling, theirs, unknown] =
            ["index", "manifest", "config", "sibling", "their config", "unknown"].map(Digest::of);
        let child = ImageDigests { own: vec![manifest, config], indexes: vec![index], others: vec![sibling] };
        let whole = ImageDigests { indexes: vec![index], ..ImageDigests::default() };
        for (digests, ids, of_child, of_whole) in [
            (vec![index], vec![], Concern::Same, Concern::Same),
            (vec![index], vec![config], Concern::Same, Concern::OneOfSeveral),
            (vec![index], vec![theirs], Concern::Other, Concern::OneOfSeveral),
            (vec![index], vec![index], Concern::OneOfSeveral, Concern::OneOfSeveral),
            (vec![index, manifest], vec![], Concern::Same, Concern::OneOfSeveral),
            (vec![index, sibling], vec![], Concern::Other, Concern::OneOfSeveral),
            (vec![index, unknown], vec![], Concern::OneOfSeveral, Concern::OneOfSeveral),
            (vec![manifest], vec![], Concern::Same, Concern::Other),
            (vec![sibling], vec![], Concern::Other, Concern::Other),
            (vec![], vec![config], Concern::Same, Concern::Other),
            (vec![], vec![theirs], Concern::Other, Concern::Other),
        ] {
            let subject = ReportSubject { digests, image_ids: ids, ..ReportSubject::default() };
            assert_eq!(subject.concerns(&child), of_child, "{subject:?}");
            assert_eq!(subject.concerns(&whole), of_whole, "{subject:?}");
        }
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
