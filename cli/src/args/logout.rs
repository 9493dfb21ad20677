//! `waxseal logout`.

use clap::Args;

/// Forget the credentials of a registry, in Docker's config.json and its credential helper
///
/// Entries for single repositories below the registry stay, and so do Podman's files. No network is used.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// Registry: HOST or HOST:PORT
    #[arg(value_name = "REGISTRY")]
    pub(crate) registry: String,
}
