//! `waxseal scan`.

mod annotate;
mod attest;
mod diff;
mod fetch;
mod sbom;
mod show;

use crate::args::scan::{ScanArgs, ScanWhat};
use crate::exit::Exit;
use crate::fault::Fault;

/// Does something with scans.
pub(crate) async fn run(args: &ScanArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        ScanWhat::Annotate(args) => annotate::run(args),
        ScanWhat::Attest(args) => attest::run(args, offline).await,
        ScanWhat::Diff(args) => diff::run(args),
        ScanWhat::Fetch(args) => fetch::run(args, offline).await,
        ScanWhat::Sbom(args) => sbom::run(args, offline).await,
        ScanWhat::Show(args) => show::run(args),
    }
}
