//! Whether the name of an image in a manifest is what a report calls its image.

use waxseal_core::{Digest, ImageRef};

/// A name that a report gives its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReportName {
    /// With a registry: it is that image and no other.
    Full(ImageRef),
    /// Without one, as Xray writes it (`team/app:1.0`): the end of a name in any registry. The path, and the tag.
    End(String, String),
}

impl ReportName {
    /// Reads a name as scanners write it; what is none (the path of an archive) is passed over.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.split_once("://").map_or(text, |(_, name)| name);
        let (host, rest) = text.split_once('/').unwrap_or(("", text));
        if host.contains(['.', ':']) || host == "localhost" {
            return text.parse().ok().map(Self::Full);
        }
        let whole = if host.is_empty() { rest } else { text };
        let whole = whole.split_once('@').map_or(whole, |(name, _)| name);
        // The rules of a name are those of a repository at some registry.
        let parsed: ImageRef = format!("registry.invalid/{whole}").parse().ok()?;
        let tag = parsed.tag()?.to_string();
        Some(Self::End(parsed.repository().path().to_owned(), tag))
    }

    /// Whether it names the repository of this image.
    pub(super) fn is_repository_of(&self, image: &ImageRef) -> bool {
        match self {
            Self::Full(name) => name.repository() == image.repository(),
            Self::End(end, _) => {
                let path = image.repository().path();
                path.strip_suffix(end.as_str())
                    .is_some_and(|before| before.is_empty() || before.ends_with('/'))
            }
        }
    }

    /// Whether it has the tag of this image; none where one of the two has no tag.
    pub(super) fn has_tag_of(&self, image: &ImageRef) -> Option<bool> {
        let tag = image.tag()?.as_str();
        match self {
            Self::Full(name) => name.tag().map(|own| own.as_str() == tag),
            Self::End(_, own) => Some(own == tag),
        }
    }

    /// Whether the registry is not part of it.
    pub(super) const fn is_end(&self) -> bool {
        matches!(self, Self::End(..))
    }
}

/// How an image of a manifest stands to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kinship {
    /// The report is of this digest.
    Digest,
    /// The report is of this name, and one of the two says no digest.
    Name,
    /// The same repository and tag, and another digest.
    OtherDigest,
    /// The same repository, and another digest; tags do not say more.
    OtherBuild,
    /// Another image.
    None,
}

/// How an image stands to a report with these names and digests.
pub(super) fn kinship(image: &ImageRef, names: &[ReportName], digests: &[Digest]) -> Kinship {
    if image.digest().is_some_and(|digest| digests.contains(digest)) {
        return Kinship::Digest;
    }
    let of_repository: Vec<_> = names.iter().filter(|name| name.is_repository_of(image)).collect();
    let tags: Vec<_> = of_repository.iter().map(|name| name.has_tag_of(image)).collect();
    let same_tag = tags.contains(&Some(true));
    match (image.digest().is_some() && !digests.is_empty(), same_tag) {
        (true, true) => Kinship::OtherDigest,
        (true, false) if !of_repository.is_empty() => Kinship::OtherBuild,
        (false, true) => Kinship::Name,
        _ => Kinship::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> ImageRef {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_read_as_scanners_write_them() {
        let full = |text: &str| Some(ReportName::Full(image(text)));
        let end = |path: &str, tag: &str| Some(ReportName::End(path.to_owned(), tag.to_owned()));
        assert_eq!(ReportName::read("registry.example.com/app:1"), full("registry.example.com/app:1"));
        assert_eq!(ReportName::read("localhost/app:1"), full("localhost/app:1"));
        assert_eq!(ReportName::read("docker://team/app:1"), end("team/app", "1"));
        assert_eq!(ReportName::read("app"), end("app", "latest"));
        let digest = Digest::of("app");
        assert_eq!(ReportName::read(&format!("team/app:1@{digest}")), end("team/app", "1"));
        for none in ["", "app.tar.gz:x:y", "a b", "fixtures/IMAGE", "registry.example.com/App"] {
            assert_eq!(ReportName::read(none), None, "{none}");
        }
    }

    #[test]
    fn a_report_is_of_an_image_by_digest_or_by_name() {
        let (own, other) = (Digest::of("app"), Digest::of("other"));
        let names: Vec<_> = ["registry.example.com/team/app:1", "base/os:9"]
            .iter()
            .filter_map(|name| ReportName::read(name))
            .collect();
        let with = |text: &str, digests: &[Digest]| kinship(&image(text), &names, digests);
        for (text, digests, expected) in [
            (format!("registry.example.com/team/app:1@{own}"), vec![own], Kinship::Digest),
            (format!("mirror.example.com/any@{own}"), vec![own], Kinship::Digest),
            (format!("registry.example.com/team/app:1@{other}"), vec![own], Kinship::OtherDigest),
            (format!("registry.example.com/team/app@{other}"), vec![own], Kinship::OtherBuild),
            (format!("registry.example.com/team/app:2@{other}"), vec![own], Kinship::OtherBuild),
            (format!("mirror.example.com/any@{other}"), vec![own], Kinship::None),
            ("registry.example.com/team/app:1".to_owned(), vec![own], Kinship::Name),
            ("registry.example.com/team/app:1".to_owned(), vec![], Kinship::Name),
            (format!("registry.example.com/team/app:1@{own}"), vec![], Kinship::Name),
            (format!("registry.example.com/team/app@{own}"), vec![], Kinship::None),
            ("registry.example.com/team/app:2".to_owned(), vec![own], Kinship::None),
            ("registry.example.com/team/app".to_owned(), vec![own], Kinship::None),
            ("mirror.example.com/team/app:1".to_owned(), vec![own], Kinship::None),
            ("mirror.example.com/x/base/os:9".to_owned(), vec![own], Kinship::Name),
            ("mirror.example.com/xbase/os:9".to_owned(), vec![own], Kinship::None),
        ] {
            assert_eq!(with(&text, &digests), expected, "{text}");
        }
    }
}
