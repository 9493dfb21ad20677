//! `waxseal scan`.

mod fetch;
mod sbom;

use crate::args::scan::{ScanArgs, ScanWhat};
use crate::exit::Exit;
use crate::fault::Fault;

/// Does something with scans.
pub(crate) async fn run(args: &ScanArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        ScanWhat::Fetch(args) => fetch::run(args, offline).await,
        ScanWhat::Sbom(args) => sbom::run(args, offline).await,
    }
}
