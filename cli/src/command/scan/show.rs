//! `waxseal scan show`.

use crate::args::scan::show::{ScanShowArgs, ScanShowOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::output::{self, scan};
use crate::report;

/// Shows a report.
pub(crate) fn run(args: &ScanShowArgs) -> Result<Exit, Fault> {
    file::fits([], [args.report.as_path()])?;
    let read = args.format.read(&args.report)?;
    match args.output {
        ScanShowOutput::Text => output::raw(scan::text(&read).as_bytes())?,
        ScanShowOutput::Json => output::data(&scan::json(&read)?)?,
        ScanShowOutput::Html => output::raw(scan::page(&read).as_bytes())?,
        ScanShowOutput::Score => {
            report::tell_notes(&args.report, &read);
            report::complete(&args.report, &read)?;
            output::data(read.scan.score().as_str())?;
        }
    }
    Ok(Exit::Done)
}
