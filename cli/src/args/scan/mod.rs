//! `waxseal scan`.

pub(crate) mod annotate;
pub(crate) mod attest;
pub(crate) mod diff;
pub(crate) mod fetch;
pub(crate) mod sbom;
pub(crate) mod show;

use clap::{Args, Subcommand};

/// Scan results: fetched, shown, compared, attested, and set on workloads
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
    Annotate(Box<annotate::ScanAnnotateArgs>),
    Attest(Box<attest::ScanAttestArgs>),
    Diff(Box<diff::ScanDiffArgs>),
    Fetch(Box<fetch::ScanFetchArgs>),
    Sbom(Box<sbom::ScanSbomArgs>),
    Show(Box<show::ScanShowArgs>),
}
