//! `waxseal scan`.

pub(crate) mod fetch;
pub(crate) mod sbom;

use clap::{Args, Subcommand};

/// Scan results: fetch what a scanner found in an image
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct ScanArgs {
    #[command(subcommand)]
    pub(crate) what: ScanWhat,
}

/// What is done with scans.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum ScanWhat {
    Fetch(Box<fetch::ScanFetchArgs>),
    Sbom(Box<sbom::ScanSbomArgs>),
}
