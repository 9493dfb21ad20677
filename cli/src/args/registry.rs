//! How registries are reached. The names are cosign's where cosign has the flag.

use std::path::PathBuf;

use clap::Args;

/// Flags of every command that reaches a registry.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct RegistryArgs {
    /// User for the registry
    #[arg(long, value_name = "USER")]
    pub(crate) registry_username: Option<String>,
    /// Password for the registry (it is seen by other processes: prefer --registry-password-stdin)
    #[arg(long, value_name = "PASSWORD", env = "WAXSEAL_REGISTRY_PASSWORD", hide_env_values = true)]
    pub(crate) registry_password: Option<String>,
    /// Read the password for the registry from standard input
    #[arg(long, conflicts_with_all = ["registry_password", "registry_token"])]
    pub(crate) registry_password_stdin: bool,
    /// Bearer token for the registry
    #[arg(long, value_name = "TOKEN", env = "WAXSEAL_REGISTRY_TOKEN", hide_env_values = true)]
    #[arg(conflicts_with_all = ["registry_username", "registry_password"])]
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
