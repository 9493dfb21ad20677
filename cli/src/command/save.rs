//! `waxseal save`.

use std::sync::Arc;

use waxseal::Saving;

use super::copy::{explained, options, report};
use crate::args::save::SaveArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::progress::Bar;
use crate::session::{Session, location};

/// Saves an image with everything that hangs on it in a directory.
pub(crate) async fn run(args: &SaveArgs, offline: bool) -> Result<Exit, Fault> {
    let from = location(&args.image)?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let bar = Arc::new(Bar::new("saving"));
    let mut job = Saving::default();
    job.options = options(args.platform.as_deref(), args.force, &bar)?;
    let saved = job.save(&session.client, &from, &args.dir, &session.finding).await;
    bar.clear();
    let saved = saved.map_err(|error| explained(error, args.platform.is_some()))?;
    report(&saved, "saved", args.output)?;
    Ok(Exit::Done)
}
