//! JFrog Xray: what can be typed about it, and how its client is made.
//!
//! The variables are those of JFrog's own tools: `JF_URL`, `JF_ACCESS_TOKEN`, `JF_USER`, `JF_PASSWORD`. What was typed
//! wins over them. No flag takes a token, which other processes would see.

use std::path::PathBuf;
use std::sync::Mutex;

use waxseal::keys::KeySigner;
use waxseal::scan::{Fetching, Step};
use waxseal_core::{Platform as ImagePlatform, Signer};
use waxseal_scan::xray::{Credential, ErrorKind, Platform, Secret, State, Xray, XrayOptions};

use crate::args::Timeout;
use crate::args::registry::RegistryArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::standard_input;
use crate::output::progress::Wait;
use crate::output::{self, escape};
use crate::password::{self, Part, Stdin};
use crate::session::{self, Session};
use crate::signer::SignerArgs;

/// Flags of every command that asks Xray.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::doc_markdown, reason = "these comments are help texts, shown as they stand")]
#[command(next_help_heading = "Xray options")]
pub(crate) struct XrayArgs {
    /// Address of the JFrog platform, or of its Xray: https://HOST[/PATH][/xray] (default: JF_URL)
    #[arg(long, value_name = "URL")]
    pub(crate) xray: Option<String>,
    /// Read the token from this file (default: JF_ACCESS_TOKEN, or JF_USER and JF_PASSWORD)
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Read the token from standard input
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) token_stdin: bool,
    /// Send the token as the password of this user, for platforms that do not take it as a bearer
    #[arg(long, value_name = "USER")]
    pub(crate) token_user: Option<String>,
    /// Certificate authorities of the platform, in PEM; only these are trusted there
    #[arg(long, value_name = "FILE")]
    pub(crate) xray_cacert: Vec<PathBuf>,
    /// Key of the repository in Artifactory (default: the one that the registry tells)
    #[arg(long, value_name = "KEY")]
    pub(crate) repo: Option<String>,
    /// Key of the project to ask in
    #[arg(long, value_name = "KEY")]
    pub(crate) project: Option<String>,
    /// How long the end of the scan is waited for (default: 20m)
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<Timeout>,
}

/// Flags of commands that can sign what they fetch.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::doc_markdown, reason = "these comments are help texts, shown as they stand")]
#[command(next_help_heading = "Key options")]
pub(crate) struct AttestFetchedArgs {
    /// Attest it too, beside the image, in both formats
    #[arg(long, requires = "key")]
    pub(crate) attest: bool,
    /// Private key to attest with: a file, env://VAR, pkcs11:... or - for stdin (repeatable: each key signs)
    #[arg(long, value_name = "KEY", requires = "attest")]
    pub(crate) key: Vec<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
}

impl AttestFetchedArgs {
    /// Whose standard input it is, with the flags about Xray and the registry.
    pub(crate) fn standard_input(&self, xray: &XrayArgs, registry: &RegistryArgs) -> Result<Stdin, Fault> {
        let keys = self.key.iter().map(|key| ("a key", key == "-"));
        standard_input(keys.chain([
            ("the token for Xray", xray.token_stdin),
            ("the registry's password", registry.registry_password_stdin),
        ]))
    }

    /// The signers, opened before anything is waited for.
    pub(crate) fn open(&self, session: &Session, stdin: Stdin) -> Result<Vec<KeySigner>, Fault> {
        self.key.iter().map(|name| self.signer.open(session, name, stdin)).collect()
    }
}

/// The signers, as a job takes them.
pub(crate) fn borrowed(signers: &[KeySigner]) -> Vec<&(dyn Signer + Sync)> {
    signers.iter().map(|signer| signer as &(dyn Signer + Sync)).collect()
}

/// A variable that is set, and not to nothing.
fn variable(name: &str) -> Result<Option<String>, Fault> {
    match std::env::var_os(name).filter(|value| !value.is_empty()).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => Err(Fault::configuration(format!("the variable {name} is not UTF-8"))),
    }
}

impl XrayArgs {
    /// The client. Nothing is contacted.
    pub(crate) fn client(&self, offline: bool) -> Result<Xray, Fault> {
        let from_environment = variable("JF_URL")?;
        let address = self.xray.as_ref().or(from_environment.as_ref()).ok_or_else(|| {
            Fault::usage("which Xray? --xray URL or the variable JF_URL names it")
                .hint("as --xray https://acme.jfrog.io")
        })?;
        let platform = Platform::parse(address).map_err(waxseal::Error::from)?;
        let same = match (&self.xray, &from_environment) {
            (Some(_), Some(other)) => Platform::parse(other).is_ok_and(|other| other == platform),
            _ => true,
        };
        let mut options = XrayOptions::new(platform);
        options.credential = self.credential(same)?;
        options.project.clone_from(&self.project);
        options.offline = offline;
        for path in &self.xray_cacert {
            options.ca_certificates.push(session::file(path)?.to_vec());
        }
        Ok(Xray::new(&options).map_err(waxseal::Error::from)?)
    }

    /// Who asks. `same` says that the variables are about the platform that is asked: a token of one is not sent to
    /// another.
    fn credential(&self, same: bool) -> Result<Credential, Fault> {
        let typed = match &self.token_file {
            Some(path) => Some(Secret::new(password::secret_file(path)?.as_str())),
            None if self.token_stdin => Some(Secret::new(password::from_standard_input(Part::All)?.as_str())),
            None => None,
        };
        let basic = |user: String, password: Secret| Credential::basic(user, password);
        match (typed, &self.token_user) {
            (Some(token), Some(user)) => return Ok(basic(user.clone(), token)),
            (Some(token), None) => return Ok(Credential::Token(token)),
            _ => {}
        }
        let (token, user, word) =
            (variable("JF_ACCESS_TOKEN")?, variable("JF_USER")?, variable("JF_PASSWORD")?);
        let given = match (token, user, word) {
            (Some(token), ..) => match &self.token_user {
                Some(user) => basic(user.clone(), Secret::new(token)),
                None => Credential::Token(Secret::new(token)),
            },
            (None, Some(user), Some(word)) => basic(user, Secret::new(word)),
            _ if self.token_user.is_some() => {
                return Err(Fault::usage("--token-user needs a token")
                    .hint("give --token-file or --token-stdin, or set JF_ACCESS_TOKEN"));
            }
            _ => return Ok(Credential::Anonymous),
        };
        if same {
            return Ok(given);
        }
        Err(Fault::usage(
            "--xray and JF_URL name two platforms, and the credentials in the variables are JF_URL's",
        )
        .hint("give the token of the platform that --xray names with --token-file, or unset JF_URL"))
    }

    /// The job, as far as these flags tell.
    pub(crate) fn fetching(&self, platform: Option<&str>, rescan: bool) -> Result<Fetching, Fault> {
        let mut job = Fetching::default();
        job.repository.clone_from(&self.repo);
        job.rescan = rescan;
        job.platform = platform
            .map(|text| {
                text.parse::<ImagePlatform>()
                    .map_err(|error| Fault::usage(format!("--platform {text}: {error}")))
            })
            .transpose()?;
        if let Some(wait) = self.wait {
            job.wait = wait.0;
        }
        Ok(job)
    }
}

/// How the program ends where Xray gave no result.
pub(crate) const fn exit(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Configuration | ErrorKind::PlainHttp => Exit::Configuration,
        // We looked, and it is about another image.
        ErrorKind::OtherImage => Exit::Refused,
        _ => Exit::Undecided,
    }
}

/// One thing to try, where there is one.
pub(crate) const fn hint(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Unauthorized => {
            "give the token of the platform with --token-file or in JF_ACCESS_TOKEN; where it is not taken as a bearer, \
             add --token-user USER"
        }
        ErrorKind::Forbidden => {
            "the token has to allow reading the repository and Xray, in the project that --project names, and starting \
             scans where the image was not scanned; --skip-violations does without watches"
        }
        ErrorKind::NotFound => {
            "check --xray (the address of the platform, with the path of a proxy if there is one), and name the key of \
             the repository in Artifactory with --repo"
        }
        ErrorKind::NotScanned => {
            "have the repository indexed by Xray (Administration, Xray, Indexed Resources); of an index, name one \
             platform with --platform"
        }
        ErrorKind::NotSupported => {
            "Xray does not scan such artifacts; of an index, name one platform with --platform"
        }
        ErrorKind::Pending => "run the command again later, or wait longer with --wait 1h",
        ErrorKind::Partial | ErrorKind::Failed => {
            "look at the scan in Xray, and try --rescan; where only watches failed, --skip-violations does without \
             them; --allow-incomplete prints what there is, as what it is"
        }
        ErrorKind::Ambiguous => "name the key of the repository with --repo",
        ErrorKind::Incomplete => "run the command again: the list may have changed while it was read",
        ErrorKind::OtherImage => {
            "Xray has scanned another image under this name: push the image again, or name it by its digest"
        }
        ErrorKind::Tls => "give the certificate authority of the platform with --xray-cacert FILE",
        ErrorKind::PlainHttp => "name the platform by https://; plain http is for loopback addresses",
        ErrorKind::Transport | ErrorKind::Timeout => {
            "check the address of the platform, the network and the proxy settings, and try again"
        }
        ErrorKind::RefusedAddress => {
            "name the address that it leads to with --xray, if it is the platform's own"
        }
        ErrorKind::TooManyRequests => "the platform limits how often it is asked: wait, and try again",
        ErrorKind::Offline => "leave --offline out: Xray is asked over the network",
        _ => return None,
    })
}

/// What went wrong while Xray was asked.
pub(crate) fn fault(error: waxseal::Error) -> Fault {
    let moved = error.kind() == waxseal::ErrorKind::TagMoved;
    let fault = Fault::from(error);
    if moved {
        return fault.hint(
            "name the digest that you want to know about, REGISTRY/REPOSITORY@sha256:..., not the tag",
        );
    }
    fault
}

/// Tells what is being done: on a terminal in one line that changes, elsewhere a line for each change.
pub(crate) struct Teller {
    wait: Wait,
    last: Mutex<Option<State>>,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self { wait: Wait::new(), last: Mutex::default() }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.wait.clear();
    }

    pub(crate) fn tell(&self, step: Step<'_>) {
        match step {
            Step::Found { image, place } => {
                let text = format!("{}: {}", escape(&image.to_string()), escape(&place.to_string()));
                self.wait.above(&text);
            }
            Step::Triggered => self.wait.above("Xray was asked to scan it"),
            Step::Waiting { state, waited } => {
                let text = format!("Xray: {} ({} s)", state.word(), waited.as_secs());
                let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if !self.wait.say(&text) && *last != Some(state) {
                    output::talk(&text);
                }
                *last = Some(state);
            }
            Step::Reading(what) => {
                self.wait.say(&format!("Xray: reading {what}"));
            }
            _ => {}
        }
    }
}
