//! Image names: what a person typed, and what it was resolved to.
//!
//! An [`ImageRef`] can be resolved but never verified; a [`PinnedRef`] is the only thing that the jobs accept,
//! so that a tag that moves between two steps changes nothing (rule L1). Names are normalised as Docker does
//! it: `busybox` is `docker.io/library/busybox:latest`, `index.docker.io` is `docker.io`. Upper case in a
//! repository is refused.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use crate::digest::{Digest, DigestError};
use crate::limits::{REFERENCE_BYTES, REPOSITORY_BYTES, TAG_BYTES};

/// The registry of names that have none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// The names under which the default registry is also known.
const DEFAULT_REGISTRY_ALIASES: [&str; 3] =
    ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// The repository that names without a slash stand in, at the default registry.
const DEFAULT_NAMESPACE: &str = "library/";
/// The tag of names that have neither tag nor digest.
const DEFAULT_TAG: &str = "latest";

/// A repository of a registry, normalised.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// A repository from its registry (`host[:port]`) and its path within it.
    pub fn new(registry: &str, path: &str) -> Result<Self, ReferenceError> {
        let registry = parse_registry(registry)?;
        check_path(path)?;
        let repository = Self { registry, path: path.to_owned() };
        if repository.registry.len().saturating_add(repository.path.len()) >= REPOSITORY_BYTES {
            return Err(ReferenceError::TooLong { limit: REPOSITORY_BYTES });
        }
        Ok(repository)
    }

    /// Host and port of the registry as a person would name it: `docker.io`, `registry.example.com:5000`, `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path of the repository within its registry: `library/busybox`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and port that the registry's protocol is spoken to. Docker's name is not its registry's.
    pub fn api_host(&self) -> &str {
        if self.registry == DEFAULT_REGISTRY { "registry-1.docker.io" } else { &self.registry }
    }

    /// The name as cosign writes it in a `docker-reference`: Docker's registry is `index.docker.io` there.
    pub fn docker_reference(&self) -> String {
        let registry = if self.registry == DEFAULT_REGISTRY { "index.docker.io" } else { &self.registry };
        format!("{registry}/{}", self.path)
    }

    /// Whether the registry is a loopback address literal or `localhost`: there plain http is allowed (rule C2).
    pub fn is_loopback(&self) -> bool {
        let (host, _) = split_port(&self.registry);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The repository with this digest.
    pub fn pin(&self, digest: Digest) -> PinnedRef {
        PinnedRef { place: Place::Repository(self.clone()), digest }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    /// Reads a repository name; a tag or a digest in it is an error.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: ImageRef = text.parse()?;
        if reference.explicit_tag || reference.digest.is_some() {
            return Err(ReferenceError::NotARepository);
        }
        Ok(reference.repository)
    }
}

/// A tag: up to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let mut bytes = text.bytes();
        let valid =
            bytes.next().is_some_and(word) && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
        if valid && text.len() <= TAG_BYTES { Ok(Self(text.to_owned())) } else { Err(ReferenceError::Tag) }
    }
}

/// An image name as a person typed it: repository, and a tag, a digest or both.
///
/// It can be resolved; it cannot be verified:
///
/// ```compile_fail,E0308
/// # use waxseal_core::{Evidence, ImageRef, Policy, Subject, Verifier};
/// fn judge(verifier: &Verifier, name: ImageRef) {
///     let subject = Subject::new(name); // wants a `PinnedRef`
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ImageRef {
    repository: Repository,
    tag: Tag,
    explicit_tag: bool,
    digest: Option<Digest>,
}

impl ImageRef {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag; `latest` where neither a tag nor a digest was typed, none where only a digest was.
    pub fn tag(&self) -> Option<&Tag> {
        (self.explicit_tag || self.digest.is_none()).then_some(&self.tag)
    }

    /// The tag, if one was typed.
    pub fn typed_tag(&self) -> Option<&Tag> {
        self.explicit_tag.then_some(&self.tag)
    }

    /// The digest, if one was typed. It wins over the tag.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The name with this digest, once it was resolved.
    pub fn pin(&self, digest: Digest) -> PinnedRef {
        self.repository.pin(digest)
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ImageRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > REFERENCE_BYTES {
            return Err(ReferenceError::TooLong { limit: REFERENCE_BYTES });
        }
        if text.contains("://") {
            return Err(ReferenceError::Scheme);
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().map_err(ReferenceError::Digest)?)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(name);
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag.parse()?)),
            None => (rest, None),
        };
        let registry = parse_registry(registry.unwrap_or(DEFAULT_REGISTRY))?;
        let namespace =
            if registry == DEFAULT_REGISTRY && !path.contains('/') { DEFAULT_NAMESPACE } else { "" };
        let repository = Repository::new(&registry, &format!("{namespace}{path}"))?;
        let explicit_tag = tag.is_some();
        let tag = tag.unwrap_or_else(|| Tag(DEFAULT_TAG.to_owned()));
        Ok(Self { repository, tag, explicit_tag, digest })
    }
}

/// Where a pinned image stands.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// In a repository of a registry.
    Repository(Repository),
    /// In a layout directory or an archive, which have no name of their own.
    Local {
        /// How the person named it (`oci:dir`).
        shown: String,
        /// The name that the image goes by, if one is known (`--identity`, or a full `ref.name`).
        identity: Option<Repository>,
    },
}

/// An image by its digest: the only thing that is signed, attested or verified.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PinnedRef {
    place: Place,
    digest: Digest,
}

impl PinnedRef {
    /// An image in a layout or an archive; `shown` is how the person named the place.
    pub fn local(shown: impl Into<String>, identity: Option<Repository>, digest: Digest) -> Self {
        Self { place: Place::Local { shown: shown.into(), identity }, digest }
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The repository that the image goes by, if it has one.
    pub fn repository(&self) -> Option<&Repository> {
        match &self.place {
            Place::Repository(repository) => Some(repository),
            Place::Local { identity, .. } => identity.as_ref(),
        }
    }

    /// The digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Another image at the same place.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { place: self.place.clone(), digest }
    }
}

impl fmt::Display for PinnedRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Repository(repository) => write!(f, "{repository}@{}", self.digest),
            Place::Local { shown, .. } => write!(f, "{shown}@{}", self.digest),
        }
    }
}

impl fmt::Debug for PinnedRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no image name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// It begins with a scheme.
    #[error("an image name has no scheme: write registry/repository:tag, without https://")]
    Scheme,
    /// It, or its repository, is too long.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The registry is no host name, address, or host with a port.
    #[error("{registry:?} is no registry: expected host[:port]")]
    Registry {
        /// What stood in its place.
        registry: String,
    },
    /// There is no repository.
    #[error("the repository is missing")]
    NoRepository,
    /// The repository has an upper-case letter.
    #[error("a repository is written in lower case: {path:?}")]
    UpperCase {
        /// The repository as typed.
        path: String,
    },
    /// The repository has a character or a separator that cannot stand there.
    #[error(
        "{path:?} is no repository: expected lower-case letters and digits, separated by one of . _ __ - or /"
    )]
    Path {
        /// The repository as typed.
        path: String,
    },
    /// The tag has a character that cannot stand there, or is empty or too long.
    #[error(
        "a tag is 1 to {TAG_BYTES} letters, digits, '_', '.' and '-', and begins with none of the last two"
    )]
    Tag,
    /// The digest is none.
    #[error("{0}")]
    Digest(#[source] DigestError),
    /// A repository was wanted, and a tag or a digest stands behind it.
    #[error("a repository was expected, without tag and digest")]
    NotARepository,
}

/// Splits off the registry: the part before the first slash if it has a dot or a colon, or is `localhost`.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':', '['])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn split_port(registry: &str) -> (&str, Option<&str>) {
    match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    }
}

fn parse_registry(text: &str) -> Result<String, ReferenceError> {
    let invalid = || ReferenceError::Registry { registry: text.to_owned() };
    let lower = text.to_ascii_lowercase();
    let (host, port) = split_port(&lower);
    if let Some(port) = port {
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || port.parse::<u16>().is_err() {
            return Err(invalid());
        }
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or_else(invalid)?;
        address.parse::<Ipv6Addr>().map_err(|_| invalid())?;
    } else {
        let label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner)
        };
        if !host.split('.').all(label) {
            return Err(invalid());
        }
    }
    if port.is_none() && DEFAULT_REGISTRY_ALIASES.contains(&host) {
        return Ok(DEFAULT_REGISTRY.to_owned());
    }
    Ok(lower)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, such components separated by slashes (distribution specification).
fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.is_empty() {
        return Err(ReferenceError::NoRepository);
    }
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ReferenceError::UpperCase { path: path.to_owned() });
    }
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let component = |component: &str| {
        let edges = [component.bytes().next(), component.bytes().next_back()];
        let separators = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        edges.iter().all(|edge| edge.is_some_and(word))
            && separators
                .into_iter()
                .all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
    };
    if path.split('/').all(component) { Ok(()) } else { Err(ReferenceError::Path { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn normalises_as_docker_does() {
        let at_digest = format!("app@{DIGEST}");
        let tag_and_digest = format!("quay.io/a/b:1@{DIGEST}");
        let cases = [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("team/app", "docker.io/team/app:latest"),
            ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
            ("docker.io/library/busybox", "docker.io/library/busybox:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
            ("Registry.Example.com/app", "registry.example.com/app:latest"),
            ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("[2001:db8::1]/app", "[2001:db8::1]/app:latest"),
            ("a/b__c.d-e--f", "docker.io/a/b__c.d-e--f:latest"),
            (&at_digest, &format!("docker.io/library/app@{DIGEST}")),
            (&tag_and_digest, &format!("quay.io/a/b:1@{DIGEST}")),
        ];
        for (typed, normalised) in cases {
            let reference: ImageRef = typed.parse().unwrap();
            assert_eq!(reference.to_string(), normalised);
            assert_eq!(normalised.parse::<ImageRef>().unwrap().to_string(), normalised);
        }
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in [
            "",
            ":tag",
            "@sha256:00",
            "UPPER",
            "a/B",
            "a//b",
            "/a",
            "a/",
            "a/../b",
            ".a",
            "a.",
            "a..b",
            "a___b",
            "-a",
            "a:",
            "a:-x",
            "a:.x",
            "a:x/y",
            "a b",
            "a\n",
            "ä",
            "https://a/b",
            "host:port/a",
            "host:99999/a",
            "ho_st:1/a",
            "[::1/a",
            "[::g]/a",
            "-x.com/a",
            "x..com/a",
            "a@sha256:short",
            "a@md5:00",
            "a:b:c",
            "a:1@",
            "localhost:/a",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text:?}");
        }
        assert_eq!("a/B".parse::<ImageRef>(), Err(ReferenceError::UpperCase { path: "a/B".to_owned() }));
        assert!(format!("a:{}", "x".repeat(129)).parse::<ImageRef>().is_err());
        assert!(format!("r.example/{}", "x".repeat(255)).parse::<ImageRef>().is_err());
    }

    #[test]
    fn knows_loopback_and_the_registry_api() {
        let repository = |text: &str| text.parse::<Repository>().unwrap();
        for text in ["localhost:5000/a", "127.0.0.1/a", "127.8.8.8:1/a", "[::1]:5000/a"] {
            assert!(repository(text).is_loopback(), "{text}");
        }
        for text in
            ["example.com/a", "localhost.example.com/a", "registry.local/a", "10.0.0.1/a", "0.0.0.0/a"]
        {
            assert!(!repository(text).is_loopback(), "{text}");
        }
        assert_eq!(repository("busybox").api_host(), "registry-1.docker.io");
        assert_eq!(repository("busybox").docker_reference(), "index.docker.io/library/busybox");
        assert!("a:tag".parse::<Repository>().is_err());
    }
}
