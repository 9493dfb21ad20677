//! `waxseal policy`.

mod check;
mod explain;
mod new;
mod schema;
mod sign;
mod test;

use crate::args::policy::{PolicyCommandArgs, PolicyWhat};
use crate::exit::Exit;
use crate::fault::Fault;

/// Does something with policy files.
pub(crate) async fn run(args: &PolicyCommandArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        PolicyWhat::Check(args) => check::run(args, offline).await,
        PolicyWhat::Explain(args) => explain::run(args, offline).await,
        PolicyWhat::New(args) => new::run(args, offline).await,
        PolicyWhat::Schema(_) => schema::run(),
        PolicyWhat::Sign(args) => sign::run(args, offline).await,
        PolicyWhat::Test(args) => test::run(args, offline).await,
    }
}
