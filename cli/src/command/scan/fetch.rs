//! `waxseal scan fetch`.

use jiff::Timestamp;
use waxseal_scan::xray::State;

use crate::args::scan::fetch::ScanFetchArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::standard_input;
use crate::output::{self, escape};
use crate::session::{Session, location};
use crate::xray::{Teller, fault};

/// Fetches a report and prints it.
pub(crate) async fn run(args: &ScanFetchArgs, offline: bool) -> Result<Exit, Fault> {
    standard_input([
        ("the token for Xray", args.xray.token_stdin),
        ("the registry's password", args.registry.registry_password_stdin),
    ])?;
    let location = location(&args.image)?;
    let mut job = args.xray.fetching(args.platform.as_deref(), args.rescan)?;
    job.violations = !args.skip_violations;
    job.allow_incomplete = args.allow_incomplete;
    let xray = args.xray.client(offline)?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    job.finding = session.finding.clone();
    let teller = Teller::new();
    let fetched =
        job.report(&session.client, &xray, &location, Timestamp::now, &|step| teller.tell(step)).await;
    teller.clear();
    let fetched = fetched.map_err(fault)?;
    output::data(&fetched.document)?;
    let image = escape(&fetched.image.to_string());
    if fetched.state == State::Done {
        output::talk(&format!("{image}: scanned by Xray {}", escape(&fetched.version.version)));
    } else {
        output::talk(&format!(
            "warning: {image}: the status of this scan is {}: it does not show what is in the image",
            fetched.state.word()
        ));
    }
    Ok(Exit::Done)
}
