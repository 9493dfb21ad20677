//! `waxseal scan diff`.

use std::path::Path;

use waxseal::scan::ScanDiff;

use crate::args::scan::diff::{ScanDiffArgs, ScanDiffOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::standard_input;
use crate::output::{self, escape, scan};
use crate::report::why_incomplete;

/// Compares two reports.
pub(crate) fn run(args: &ScanDiffArgs) -> Result<Exit, Fault> {
    standard_input([&args.old, &args.new].map(|path| ("a report", path == Path::new("-"))))?;
    file::fits([], [args.old.as_path(), args.new.as_path()])?;
    let (old, new) = (args.report.read(&args.old)?, args.report.read(&args.new)?);
    let diff = ScanDiff::between(&old.scan, &new.scan);
    let failing: Vec<_> = diff.failing(&args.fail_on).collect();
    match args.output {
        ScanDiffOutput::Text => output::raw(scan::diff_text(&diff).as_bytes())?,
        ScanDiffOutput::Json => output::data(&scan::diff_json(&diff, &failing).to_string())?,
    }
    for (path, report) in [(&args.old, &old), (&args.new, &new)] {
        if let Some(why) = why_incomplete(report) {
            output::talk(&format!("warning: {}: {why}", escape(&path.display().to_string())));
        }
    }
    if !diff.same_scanner {
        output::talk(&format!(
            "warning: the reports are of different scanners, {} and {}, which differ about the same image",
            escape(&old.scan.scanner.name),
            escape(&new.scan.scanner.name)
        ));
    }
    if args.fail_on.is_empty() {
        return Ok(Exit::Done);
    }
    if !failing.is_empty() {
        let conditions: Vec<_> = args.fail_on.iter().map(ToString::to_string).collect();
        output::talk(&format!("{} of them fail ({})", failing.len(), conditions.join(", ")));
        return Ok(Exit::Refused);
    }
    if diff.is_certain() {
        return Ok(Exit::Done);
    }
    output::talk("undecided: a scan that is not complete does not show everything that changed");
    Ok(Exit::Undecided)
}
