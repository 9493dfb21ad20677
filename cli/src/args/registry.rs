//! How registries are reached. The names are cosign's where cosign has the flag.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};

/// Flags of every command that reaches a registry.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct RegistryArgs {
    // Before the flags that it is about: they are taken out of what was parsed one by one.
    #[command(flatten)]
    pub(crate) typed: Typed,
    /// User for the registry; all names have to be of one registry then
    #[arg(long, value_name = "USER")]
    pub(crate) registry_username: Option<String>,
    /// Password for the registry (it is seen by other processes: prefer --registry-password-stdin)
    #[arg(long, value_name = "PASSWORD", env = "WAXSEAL_REGISTRY_PASSWORD", hide_env_values = true)]
    pub(crate) registry_password: Option<String>,
    /// Read the password for the registry from standard input (one line end at its end is not part of it)
    #[arg(long)]
    pub(crate) registry_password_stdin: bool,
    /// Bearer token for the registry; all names have to be of one registry then
    #[arg(long, value_name = "TOKEN", env = "WAXSEAL_REGISTRY_TOKEN", hide_env_values = true)]
    pub(crate) registry_token: Option<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Status with which a registry says that something is not there: 403 or HOST=403 (repeatable)
    #[arg(long, value_name = "[HOST=]403", env = "WAXSEAL_ABSENT_STATUS", value_delimiter = ',')]
    pub(crate) absent_status: Vec<String>,
    /// Repository that signatures are read from and written to, instead of the image's own
    #[arg(long, value_name = "REPOSITORY", env = "COSIGN_REPOSITORY")]
    pub(crate) signature_repository: Option<String>,
}

/// Flags about the connection to a registry, whoever asks.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct ConnectionArgs {
    /// Certificate authorities of the registry and of whoever it leads to, in PEM; only these are trusted there
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_cacert: Vec<PathBuf>,
    /// Client certificate for the registry itself, in PEM
    #[arg(long, value_name = "FILE", requires = "registry_client_key")]
    pub(crate) registry_client_cert: Option<PathBuf>,
    /// Key of the client certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "registry_client_cert")]
    pub(crate) registry_client_key: Option<PathBuf>,
    /// Name that the certificate of the registry itself must carry
    #[arg(long, value_name = "NAME")]
    pub(crate) registry_server_name: Option<String>,
    /// Accept any TLS certificate of the registry itself, but not of a token service or a server that it leads to
    #[arg(long)]
    pub(crate) allow_insecure_registry: bool,
    /// Speak plain http to a registry that does not speak TLS (loopback may always)
    #[arg(long)]
    pub(crate) allow_http_registry: bool,
    /// Token service that may get the registry's credentials although it is another host (repeatable)
    #[arg(long, value_name = "HOST[:PORT]", env = "WAXSEAL_AUTH_REALM", value_delimiter = ',')]
    pub(crate) auth_realm: Vec<String>,
}

/// Which of the credentials were typed. The others, if they are there, come from variables, which yield to what was typed;
/// the rules of the parser for flags that exclude one another cannot tell the two apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Typed {
    pub(crate) password: bool,
    pub(crate) token: bool,
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        Ok(Self { password: typed("registry_password"), token: typed("registry_token") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Typed {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command
    }
}
