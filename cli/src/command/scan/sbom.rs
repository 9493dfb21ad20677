//! `waxseal scan sbom`.

use jiff::Timestamp;
use waxseal::Attesting;
use waxseal_scan::xray::SbomFormat;

use crate::args::scan::sbom::{SbomForm, ScanSbomArgs};
use crate::command::attest;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::session::{Session, location};
use crate::xray::{Teller, borrowed, fault};

/// Fetches a bill of materials and prints it.
pub(crate) async fn run(args: &ScanSbomArgs, offline: bool) -> Result<Exit, Fault> {
    let stdin = args.attesting.standard_input(&args.xray, &args.registry)?;
    let form = match args.form {
        SbomForm::Cyclonedx => SbomFormat::CycloneDx,
        SbomForm::Spdx if args.vex => {
            return Err(Fault::usage("--vex is of CycloneDX: an SPDX document has no room for it"));
        }
        SbomForm::Spdx => SbomFormat::Spdx,
    };
    let location = location(&args.image)?;
    let mut job = args.xray.fetching(args.platform.as_deref(), args.rescan)?;
    job.violations = false;
    let xray = args.xray.client(offline)?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    job.finding = session.finding.clone();
    let signers = args.attesting.open(&session, stdin)?;
    let teller = Teller::new();
    let fetched =
        job.sbom(&session.client, &xray, &location, (form, args.vex), &|step| teller.tell(step)).await;
    teller.clear();
    let fetched = fetched.map_err(fault)?;
    output::raw(&fetched.document)?;
    if !fetched.document.ends_with(b"\n") {
        output::raw(b"\n")?;
    }
    if args.attesting.attest {
        let claim = fetched.claim(Timestamp::now())?;
        let job = Attesting::new(Timestamp::now());
        let attested = Box::pin(job.attest(fetched.image, &claim, &borrowed(&signers))).await?;
        attested.iter().for_each(attest::tell);
    }
    Ok(Exit::Done)
}
