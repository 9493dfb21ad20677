//! `waxseal scan fetch`.

use jiff::Timestamp;
use waxseal::Attesting;
use waxseal::scan::{AttestingScan, FetchedReport};
use waxseal_scan::xray::State;

use crate::args::scan::fetch::ScanFetchArgs;
use crate::command::attest;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, escape};
use crate::session::{Session, location};
use crate::xray::{Teller, borrowed, fault};

/// Fetches a report and prints it.
pub(crate) async fn run(args: &ScanFetchArgs, offline: bool) -> Result<Exit, Fault> {
    let stdin = args.attesting.standard_input(&args.xray, &args.registry)?;
    let location = location(&args.image)?;
    let mut job = args.xray.fetching(args.platform.as_deref(), args.rescan)?;
    job.violations = !args.skip_violations;
    job.allow_incomplete = args.allow_incomplete;
    let xray = args.xray.client(offline)?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    job.finding = session.finding.clone();
    let signers = args.attesting.open(&session, stdin)?;
    let teller = Teller::new();
    let fetched =
        job.report(&session.client, &xray, &location, Timestamp::now, &|step| teller.tell(step)).await;
    teller.clear();
    let fetched = fetched.map_err(fault)?;
    output::data(&fetched.document)?;
    tell(&fetched);
    if args.attesting.attest {
        let mut job = AttestingScan::new(Attesting::new(Timestamp::now()));
        job.allow_incomplete = args.allow_incomplete;
        fetched.attest(&job, &borrowed(&signers)).await?.iter().for_each(attest::tell);
    }
    Ok(Exit::Done)
}

/// What the report says, in a line, and what a reader of it should know.
fn tell(fetched: &FetchedReport) {
    let image = escape(&fetched.image.pinned().to_string());
    let scan = &fetched.report.scan;
    let summary = scan.summary();
    let counts: Vec<_> =
        summary.by_severity.iter().map(|(severity, count)| format!("{severity} {count}")).collect();
    let counts = if counts.is_empty() { "no vulnerabilities".to_owned() } else { counts.join(", ") };
    let watches = match (scan.run.coverage.violations, scan.violations.len()) {
        (Some(true), 1) => ", 1 violation".to_owned(),
        (Some(true), violations) => format!(", {violations} violations"),
        _ => String::new(),
    };
    let version = escape(&fetched.version.version);
    output::talk(&format!("{image}: score {} by Xray {version} ({counts}{watches})", summary.score));
    for note in &fetched.report.notes {
        output::talk(&format!("note: {}", escape(&note.to_string())));
    }
    if fetched.state != State::Done {
        output::talk(&format!(
            "warning: {image}: the status of this scan is {}: it does not show what is in the image",
            fetched.state.word()
        ));
    }
}
