//! `waxseal load`.

use std::sync::Arc;

use waxseal::Loading;

use super::copy::{explained, options, report};
use crate::args::load::LoadArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::progress::Bar;
use crate::session::{Session, location};

/// Loads the image of a directory, with everything that hangs on it.
pub(crate) async fn run(args: &LoadArgs, offline: bool) -> Result<Exit, Fault> {
    let to = location(&args.image)?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let bar = Arc::new(Bar::new("loading"));
    let mut job = Loading::default();
    job.options = options(None, args.force, &bar)?;
    let loaded = job.load(&session.client, &args.dir, &to, &session.finding).await;
    bar.clear();
    let loaded = loaded.map_err(|error| {
        let fault = explained(error, false);
        match fault.code() {
            "invalid-name" => fault.hint("name one of them: waxseal copy oci:DIR:TAG IMAGE"),
            "not-found" => {
                fault.hint("check the directory: `waxseal save` and `cosign save` write such ones")
            }
            _ => fault,
        }
    })?;
    report(&loaded, "loaded", args.output)?;
    Ok(Exit::Done)
}
