//! `waxseal login`.

use clap::Args;

use super::registry::ConnectionArgs;

/// Keep the credentials of a registry where Docker keeps them, after trying them
///
/// They are tried on the registry first; what it refuses is not kept (exit code 4). They go to the credential helper
/// that Docker's config.json names, else into that file (in `$DOCKER_CONFIG` or ~/.docker), which is not encrypted; its other
/// members stay as they are, and its mode becomes 0600. A config.json that is a symbolic link is followed if both
/// belong to you.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct LoginArgs {
    /// Registry: HOST or HOST:PORT
    #[arg(value_name = "REGISTRY")]
    pub(crate) registry: String,
    /// User (asked for on a terminal)
    #[arg(short, long, value_name = "USER")]
    pub(crate) username: Option<String>,
    /// Password (it is seen by other processes: prefer --password-stdin)
    #[arg(short, long, value_name = "PASSWORD", env = "WAXSEAL_REGISTRY_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    /// Read the password from standard input (one line end at its end is not part of it)
    #[arg(long)]
    pub(crate) password_stdin: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const AFTER: &str = "\
Examples:
  In a pipeline:
    echo \"$REGISTRY_PASSWORD\" | waxseal login registry.example.com -u robot --password-stdin
  On a terminal, which asks for the password:
    waxseal login registry.example.com -u alice";
