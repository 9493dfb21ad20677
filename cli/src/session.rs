//! What the commands share: the client, made from flags and environment, and the keys.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal::ErrorKind;
use waxseal::keys::{KeyName, KeyPlaces};
use waxseal::policy::Loaded;
use waxseal::policy::signature::{SerialGuard, Signed};
use waxseal::{Finding, Image};
use waxseal_core::policy::PolicySet;
use waxseal_core::{PublicKey, Repository, TrustedKey};
use waxseal_oci::registry::{AbsentStatus, ClientIdentity, Login, PlainHttp};
use waxseal_oci::{Client, ClientOptions, Credential, CredentialSources, Location, RegistryName, Secret};
use zeroize::Zeroizing;

use crate::args::policy::{PolicyArgs, PolicySignatureArgs};
use crate::args::registry::{ConnectionArgs, RegistryArgs};
use crate::fault::Fault;
use crate::password::{Part, from_standard_input};

/// Largest file with certificates that is read, in bytes.
const PEM_BYTES: u64 = 4 << 20;

/// The client of one run, and where evidence stands.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) finding: Finding,
}

impl Session {
    /// Takes flags and environment; nothing is contacted. `names` are all names of images that the command was given:
    /// credentials from flags are for the one registry that they and the repository of signatures are of.
    pub(crate) fn new<N: AsRef<str>>(
        args: &RegistryArgs,
        offline: bool,
        identity: Option<&str>,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, Fault> {
        // What is no name is told by whoever reads it.
        let locations = names.into_iter().filter_map(|name| name.as_ref().parse::<Location>().ok());
        let registries = locations.filter_map(|location| match location {
            Location::Registry(name) => Some(RegistryName::from(name.repository())),
            _ => None,
        });
        Self::of(args, offline, identity, registries)
    }

    /// The same for a command that names registries.
    pub(crate) fn of(
        args: &RegistryArgs,
        offline: bool,
        identity: Option<&str>,
        registries: impl IntoIterator<Item = RegistryName>,
    ) -> Result<Self, Fault> {
        let mut options = options(&args.connection, offline)?;
        let mut finding = Finding::default();
        finding.evidence_repository =
            repository(args.signature_repository.as_deref(), "--signature-repository")?;
        finding.identity = repository(identity, "--identity")?;
        let evidence = finding.evidence_repository.as_ref().map(RegistryName::from);
        options.login = login(args, registries.into_iter().chain(evidence))?;
        for text in &args.absent_status {
            let (registry, status) = match text.split_once('=') {
                Some((registry, status)) => (Some(registry.to_owned()), status),
                None => (None, text.as_str()),
            };
            let status = status
                .parse()
                .map_err(|_| Fault::usage(format!("--absent-status {text}: expected 403 or HOST=403")))?;
            options.absent_statuses.push(AbsentStatus::new(registry, status));
        }
        Ok(Self { client: Client::new(options)?, finding })
    }

    /// A session without a registry, for commands that have only keys and files.
    pub(crate) fn without_registry(offline: bool) -> Result<Self, Fault> {
        Self::of(&RegistryArgs::default(), offline, None, [])
    }

    /// Resolves an image's name.
    pub(crate) async fn image(&self, name: &str) -> Result<Image, Fault> {
        Ok(Image::find(&self.client, &location(name)?, &self.finding).await?)
    }

    /// Reads a public key.
    pub(crate) async fn public_key(&self, name: &str) -> Result<PublicKey, Fault> {
        let name: KeyName = name.parse()?;
        waxseal::keys::public_key(&name, self.places()).await.map_err(|error| {
            let fault = Fault::from(error);
            // What is set for a registry does not hold for the server of a key.
            match (&name, fault.code()) {
                (KeyName::Https(_), "tls") => fault.hint(
                    "the server of a key goes by the system's certificate authorities (SSL_CERT_FILE names others), \
                     not by --registry-cacert or --allow-insecure-registry; or fetch the key and name the file",
                ),
                _ => fault,
            }
        })
    }

    /// Reads public keys to be trusted, each named as it was typed.
    pub(crate) async fn trusted(&self, names: &[String]) -> Result<Vec<TrustedKey>, Fault> {
        let mut keys = Vec::new();
        for name in names {
            // A PIN in the name is nobody's business.
            let shown = name.parse::<KeyName>()?.to_string();
            keys.push(TrustedKey::new(shown, self.public_key(name).await?));
        }
        Ok(keys)
    }

    /// Reads the policy file that decides, signed as the flags ask for (rule Y7).
    pub(crate) async fn policy(&self, args: &PolicyArgs) -> Result<PolicySet, Fault> {
        match args.file()? {
            Some(path) => Ok(self.signed_policy(path, &args.signature).await?.set),
            None => Err(Fault::usage("no policy file").hint("name one with --policy FILE")),
        }
    }

    /// The same with the file and the keys.
    pub(crate) async fn signed_policy(
        &self,
        path: &Path,
        args: &PolicySignatureArgs,
    ) -> Result<Loaded, Fault> {
        if args.keys.is_empty() {
            return self.loaded_policy(path).await;
        }
        let serial = match args.serial_at_least {
            Some(least) => SerialGuard::AtLeast(least),
            None => SerialGuard::Remembered(policies_seen()?),
        };
        let keys = self.trusted(&args.keys).await?;
        let mut wanted = Signed::by(keys, serial, Timestamp::now());
        wanted.name.clone_from(&args.name);
        wanted.signature.clone_from(&args.path);
        let loaded = waxseal::policy::signature::load(path, self.places(), &wanted).await;
        loaded.map_err(|error| match error.kind() {
            ErrorKind::PolicyNotSigned => Fault::from(error).hint(
                "take the policy and its signature from whoever maintains it; `waxseal policy sign` makes one",
            ),
            _ => error.into(),
        })
    }

    /// Reads a policy file and the keys that it names, whoever wrote it: to show it or to sign it, not to decide by it.
    pub(crate) async fn loaded_policy(&self, path: &Path) -> Result<Loaded, Fault> {
        Ok(waxseal::policy::load(path, self.places()).await?)
    }

    /// Where keys are read from besides files.
    pub(crate) fn places(&self) -> KeyPlaces<'_> {
        KeyPlaces::new(&|name| std::env::var(name).ok(), &self.client)
    }
}

/// Where the last serial seen of each policy is remembered: the folder for state of the XDG base directories.
fn policies_seen() -> Result<PathBuf, Fault> {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = path("XDG_STATE_HOME").or_else(|| Some(path("HOME")?.join(".local/state")));
    let state = state.map(|state| state.join("waxseal/policies"));
    state.ok_or_else(|| {
        Fault::configuration(
            "there is no place to remember the policy's serial: neither XDG_STATE_HOME nor HOME is set",
        )
        .hint("say the least serial that counts with --policy-serial-at-least N")
    })
}

/// How a registry is reached, whoever asks: the flags of the connection, and the credential files of the environment.
pub(crate) fn options(args: &ConnectionArgs, offline: bool) -> Result<ClientOptions, Fault> {
    let mut options = ClientOptions::default();
    options.offline = offline;
    options.allow_insecure = args.allow_insecure_registry;
    if args.allow_http_registry {
        options.plain_http = PlainHttp::Every;
    }
    for path in &args.registry_cacert {
        options.ca_certificates.push(file(path)?.to_vec());
    }
    if let (Some(certificate), Some(key)) = (&args.registry_client_cert, &args.registry_client_key) {
        let bytes = file(key)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Fault::configuration(format!("{} is not PEM", key.display())))?;
        options.client_identity = Some(ClientIdentity::new(file(certificate)?.to_vec(), Secret::new(text)));
    }
    options.server_name.clone_from(&args.registry_server_name);
    options.credentials = sources();
    options.auth_realms.clone_from(&args.auth_realm);
    Ok(options)
}

/// An image's name.
pub(crate) fn location(name: &str) -> Result<Location, Fault> {
    Ok(name.parse::<Location>()?)
}

fn repository(text: Option<&str>, flag: &str) -> Result<Option<Repository>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|error| Fault::usage(format!("{flag} {text}: {error}")))
}

/// Credentials from flags and variables, for the one registry that everything is named of. They would be sent to each
/// of several, and one of those may be nobody's friend.
fn login(
    args: &RegistryArgs,
    registries: impl Iterator<Item = RegistryName>,
) -> Result<Option<Login>, Fault> {
    let Some(given) = given(args)? else { return Ok(None) };
    let names: BTreeSet<String> = registries.map(|registry| registry.to_string()).collect();
    let mut names = names.into_iter();
    let (first, second) = (names.next(), names.next());
    let Some(registry) = first else {
        // Nothing is asked of a registry, so the credentials stay where they are.
        return Ok(None);
    };
    if let Some(other) = second {
        return Err(Fault::usage(format!(
            "one password or token would be sent to different registries: {registry} and {other}"
        ))
        .hint(
            "log in to each with `waxseal login REGISTRY`, and leave --registry-username, --registry-token and \
             WAXSEAL_REGISTRY_TOKEN out; COSIGN_REPOSITORY counts as a registry too",
        ));
    }
    let credential = match given {
        Given::Token(token) => Credential::RegistryToken(Secret::new(token.clone())),
        Given::Password(user, password) => Credential::basic(user.clone(), Secret::new(password.clone())),
        Given::Stdin(user) => {
            let password = from_standard_input(Part::All)?;
            if password.is_empty() {
                return Err(Fault::configuration("the registry's password is empty"));
            }
            Credential::basic(user.clone(), Secret::new(password.as_str()))
        }
    };
    Ok(Some(Login::new(registry, credential)))
}

/// Which credentials were given.
enum Given<'a> {
    Token(&'a String),
    Password(&'a String, &'a String),
    Stdin(&'a String),
}

/// What was typed wins over a variable that happens to be set: a token over the variable of a password, a user over
/// the variable of a token. The variable of a password says nothing without a user.
fn given(args: &RegistryArgs) -> Result<Option<Given<'_>>, Fault> {
    let (typed, stdin) = (args.typed, args.registry_password_stdin);
    let user = args.registry_username.as_ref();
    let filled = |text: &&String| !text.is_empty();
    let token = args
        .registry_token
        .as_ref()
        .filter(|token| typed.token || (filled(token) && user.is_none() && !typed.password && !stdin));
    let password =
        args.registry_password.as_ref().filter(|password| typed.password || (filled(password) && !stdin));
    if typed.token && (user.is_some() || typed.password || stdin) {
        return Err(Fault::usage(
            "--registry-token takes the place of a user and a password: give one of them",
        ));
    }
    if typed.password && stdin {
        return Err(Fault::usage("the registry's password is given twice: as a flag, and on standard input"));
    }
    match (token, user, password) {
        (Some(token), ..) => Ok(Some(Given::Token(token))),
        (None, Some(user), _) if stdin => Ok(Some(Given::Stdin(user))),
        (None, Some(user), Some(password)) => Ok(Some(Given::Password(user, password))),
        (None, Some(_), None) => Err(Fault::usage("--registry-username needs a password")
            .hint("give --registry-password-stdin, or WAXSEAL_REGISTRY_PASSWORD")),
        (None, None, _) if stdin => Err(Fault::usage("--registry-password-stdin needs --registry-username")),
        (None, None, Some(_)) if typed.password => {
            Err(Fault::usage("--registry-password needs --registry-username"))
        }
        (None, None, _) => Ok(None),
    }
}

pub(crate) fn sources() -> CredentialSources {
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(Into::into);
    let mut sources = CredentialSources::default();
    sources.docker_config = path("DOCKER_CONFIG");
    sources.registry_auth_file = path("REGISTRY_AUTH_FILE");
    sources.home = path("HOME");
    sources.xdg_runtime_dir = path("XDG_RUNTIME_DIR");
    sources
}

/// A file of certificates or of a client's key, whole: part of it could be other authorities than were meant.
/// A file with certificates or a key.
pub(crate) fn file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(PEM_BYTES.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| Fault::setting(path, &error))?;
    if bytes.len() as u64 > PEM_BYTES {
        return Err(Fault::configuration(format!(
            "{} is larger than {PEM_BYTES} bytes: too large for certificates",
            path.display()
        ))
        .hint("name a file with the certificates of the registry alone"));
    }
    Ok(bytes)
}

/// Many commands run over several images at once; this is how many.
pub(crate) const CONCURRENT_IMAGES: usize = 32;
