//! What went wrong, as the command line tells it: what, why, and one thing to try.

use std::error::Error as _;
use std::io;

use waxseal_core::limits::POLICY_PROBLEMS;
use waxseal_core::policy::file::PolicyFileError;

use crate::exit::Exit;
use crate::xray;

/// Something went wrong. A refusal is none: it is a verdict.
#[derive(Debug)]
pub(crate) struct Fault {
    exit: Exit,
    code: &'static str,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Fault {
    /// What was typed does not make sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// A key, a policy or a setting does not hold.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(Exit::Configuration, "configuration", message)
    }

    /// A mistake of the program.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, "internal", message)
            .hint("this is a mistake of waxseal: please report it with the command that you ran")
    }

    /// The whole command took longer than it may.
    pub(crate) fn timeout(limit: std::time::Duration) -> Self {
        Self::new(Exit::Undecided, "timeout", format!("not done within {limit:?} (--timeout)"))
    }

    /// A file that belongs to the configuration cannot be read: a password, a certificate, a policy.
    pub(crate) fn setting(path: &std::path::Path, error: &io::Error) -> Self {
        let mut fault = Self::configuration(format!("{} cannot be read", path.display()));
        fault.causes.push(error.to_string());
        fault
    }

    /// A file could not be read that was to be judged or signed, or could not be written. For what belongs to the
    /// configuration see [`Fault::setting`].
    pub(crate) fn file(path: &std::path::Path, what: &str, error: &io::Error) -> Self {
        let mut fault = Self::new(Exit::Undecided, "io", format!("{} cannot be {what}", path.display()));
        fault.causes.push(error.to_string());
        fault
    }

    /// A report cannot be read: nothing is known of its image.
    pub(crate) fn report(path: &std::path::Path, error: &waxseal_scan::ReportError) -> Self {
        let fault = Self::new(Exit::Undecided, error.code(), format!("{}: {error}", path.display()));
        match error {
            waxseal_scan::ReportError::Unknown { .. } | waxseal_scan::ReportError::Ambiguous { .. } => {
                fault.hint("name its format with --report-format")
            }
            _ => fault,
        }
    }

    /// A scan has no result, or leaves things out.
    pub(crate) fn incomplete(path: &std::path::Path, why: &str) -> Self {
        let code = waxseal::ErrorKind::IncompleteScan.code();
        Self::new(Exit::Undecided, code, format!("{}: no result that holds: {why}", path.display()))
            .hint("wait until the scan is over, and take its whole report, without filters")
    }

    /// A manifest cannot be read, or not be changed as asked.
    pub(crate) fn manifest(path: &std::path::Path, error: &waxseal::manifest::ManifestError) -> Self {
        let code = waxseal::ErrorKind::Manifest.code();
        Self::new(Exit::Configuration, code, format!("{}: {error}", path.display())).hint(error.hint())
    }

    /// A document that names images cannot be read, or not be pinned.
    pub(crate) fn document(error: &waxseal::mention::DocumentError) -> Self {
        let code = waxseal::ErrorKind::Manifest.code();
        Self::new(Exit::Configuration, code, error.to_string()).hint(error.hint())
    }

    /// What was to be signed is about another digest than was expected.
    pub(crate) fn other_digest(message: &str) -> Self {
        Self::new(Exit::Refused, "subject-mismatch", message)
            .hint("sign nothing of it: it is not what was expected")
    }

    /// A request or a response that is not taken: it is refused, whoever made it (rule G5).
    pub(crate) fn detached(what: &str, error: &waxseal_core::signing::detached::DetachedError) -> Self {
        use waxseal_core::signing::detached::DetachedError as Detached;
        let fault = Self::new(Exit::Refused, error.code(), format!("{what}: {error}"));
        fault.hint(match error {
            Detached::Prehashed { .. } => "ask for the payload itself: `waxseal payload` writes it",
            Detached::NotCanonical { .. }
            | Detached::Disagree { .. }
            | Detached::Type { .. }
            | Detached::Malformed { .. }
            | Detached::Signing(_) => "sign nothing of it, and ask for a request as `waxseal payload` makes it",
            Detached::OtherRequest { .. } => "name the request that this is the response to, as it was kept",
            Detached::OtherKey { .. } => "name the key that you expect to have signed; if it is another one, it has not",
            Detached::DoesNotVerify { .. } => "name the public half of the key that signed, and the request that it signed",
            Detached::OfNoPayload { .. } => {
                "sign the files of `payload --raw` themselves: openssl pkeyutl -sign -rawin -digest sha256 -inkey KEY -in \
                 FILE (Ed25519 without -digest); and name the public half of that key"
            }
            Detached::MissingSignature { .. } => {
                "sign that payload too, or write the other format alone: --format legacy or --format bundle"
            }
            _ => "a request is what `waxseal payload` writes, a response what `waxseal sign-payload` writes, as it stands",
        })
    }

    fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// The same with one thing to try.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same for what is no trouble of the network here, but a setting that does not hold: credentials, where they
    /// are all that is asked about.
    #[must_use]
    pub(crate) fn into_configuration(mut self) -> Self {
        self.exit = Exit::Configuration;
        self
    }

    /// How the program ends.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What stood behind it, nearest first.
    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    /// One thing to try.
    pub(crate) fn hinted(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Output could not be written.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let mut fault = Self::new(Exit::Undecided, "io", "the output cannot be written");
        fault.causes.push(error.to_string());
        fault
    }
}

impl From<waxseal::Error> for Fault {
    fn from(error: waxseal::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&waxseal::Error> for Fault {
    fn from(error: &waxseal::Error) -> Self {
        use waxseal::ErrorKind as Kind;
        use waxseal_oci::ErrorKind as Store;
        let exit = match error.kind() {
            Kind::Usage
            | Kind::ScanWithoutTime
            | Kind::AmbiguousBlob
            | Kind::BlobTooLarge
            | Kind::Store(Store::InvalidName) => Exit::Usage,
            Kind::Key
            | Kind::ExampleKey
            | Kind::Policy
            | Kind::PolicyNotSigned
            | Kind::Record
            | Kind::NoName
            | Kind::Manifest
            | Kind::PackState
            | Kind::Store(Store::Configuration | Store::Credentials) => Exit::Configuration,
            Kind::TagMoved
            | Kind::RecordNotSigned
            | Kind::NotVerified
            | Kind::PackOvertaken
            | Kind::NothingAttached
            | Kind::NoWorkload
            | Kind::OtherImage
            | Kind::UnboundReport => Exit::Refused,
            Kind::Xray(kind) => xray::exit(kind),
            _ => Exit::Undecided,
        };
        let mut fault = Self::new(exit, error.code(), error.to_string());
        if let Some(policy) = error.source().and_then(|cause| cause.downcast_ref::<PolicyFileError>()) {
            fault.causes = policy.problems().iter().take(POLICY_PROBLEMS).map(ToString::to_string).collect();
            fault.hint = policy.problems().first().map(|problem| problem.hint.clone());
            return fault;
        }
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Libraries like to repeat their source's words.
            if !fault.message.contains(&text) && !fault.causes.iter().any(|known| known.contains(&text)) {
                fault.causes.push(text);
            }
            source = cause.source();
        }
        let manifest =
            error.source().and_then(|cause| cause.downcast_ref::<waxseal::manifest::ManifestError>());
        let token = error.source().and_then(|cause| cause.downcast_ref::<waxseal::keys::Pkcs11Error>());
        fault.hint = token.and_then(waxseal::keys::Pkcs11Error::hint).or_else(|| {
            let hint = manifest.map(waxseal::manifest::ManifestError::hint).or_else(|| hint(error.kind()));
            hint.map(ToOwned::to_owned)
        });
        fault
    }
}

impl From<waxseal_oci::Error> for Fault {
    fn from(error: waxseal_oci::Error) -> Self {
        waxseal::Error::from(error).into()
    }
}

/// One thing to try, where there is one.
const fn hint(kind: waxseal::ErrorKind) -> Option<&'static str> {
    use waxseal::ErrorKind as Kind;
    use waxseal_oci::ErrorKind as Store;
    Some(match kind {
        Kind::Xray(kind) => return xray::hint(kind),
        Kind::Store(Store::Unauthorized) => {
            "log in with `waxseal login REGISTRY`, or give --registry-username and --registry-password-stdin"
        }
        Kind::Store(Store::Forbidden) => {
            "the credentials in use may not do this; if the registry answers 403 for what is not there, \
             give --absent-status 403"
        }
        Kind::Store(Store::ForeignRealm) => {
            "if that token service belongs to the registry, allow it with --auth-realm HOST"
        }
        Kind::Store(Store::Tls) => "give the registry's certificate authority with --registry-cacert FILE",
        Kind::Store(Store::PlainHttp) => "give --allow-http-registry if the registry speaks plain http",
        Kind::Store(Store::NotFound) => "check the name and the tag; a private image needs credentials",
        Kind::Store(Store::Transport | Store::Timeout) => {
            "check the registry's name, the network and the proxy settings, and try again"
        }
        Kind::Store(Store::TooManyRequests) => "the registry limits how often it is asked: wait, or log in",
        Kind::Store(Store::Offline) => "leave --offline out, or copy the image to a layout first",
        Kind::Store(Store::LostUpdate) => "somebody else writes to the same tag: run the command again",
        Kind::PartlyWritten => {
            "run the command again: what stands is not written twice; a registry with immutable tags takes \
             --format bundle only"
        }
        Kind::NoName => "name the repository that the image is for with --identity, or use --format bundle",
        Kind::TagMoved => "sign the digest that you built, REGISTRY/REPOSITORY@sha256:..., not the tag",
        Kind::NoWorkload => {
            "name the manifests of what runs the image; --report-is-for says which image it is, --all takes every workload"
        }
        Kind::UnboundReport => {
            "note the digest at the push, and say that it was scanned with --report-is-for sha256:...; what was scanned of an \
             index is the image of one platform: name it with --platform"
        }
        Kind::IncompleteScan => {
            "wait until the scan is over, and take its whole report, without filters; --allow-incomplete signs it as what \
             it is"
        }
        Kind::ScanWithoutTime => {
            "say when with --finished-on 2026-01-31T12:00:00Z, or right behind the scan with --finished-on now"
        }
        Kind::OtherImage => {
            "take the report of this very image; of an index a scanner looks at the image of one platform: name that one with \
             --platform; --report-is-for says only what a report does not"
        }
        Kind::NotVerified => "have it signed as the policy asks; `waxseal verify` says what is missing",
        Kind::PackIncomplete => {
            "have it packed without --have, or with an inventory of this very registry: `waxseal inventory --registry`"
        }
        Kind::PackState => "name another file with --state, or give --no-state with --serial-at-least N",
        Kind::PackOvertaken => "a newer pack was received in the meantime: unpack the newest",
        Kind::NothingAttached => "`waxseal tree` shows everything that hangs on the image",
        Kind::ExampleKey => {
            "make a key with `waxseal generate-key-pair`, or give --allow-example-keys for a trial"
        }
        Kind::AmbiguousBlob => {
            "sign an image with `waxseal sign`; wrap the blob in an archive to sign it as a file"
        }
        _ => return None,
    })
}
