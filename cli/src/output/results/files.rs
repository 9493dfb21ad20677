//! The files that reports are written to: begun before anything is judged, whole when they stand there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Results, codequality, junit, page, sarif};
use crate::args::reports::{ReportForm, ReportTarget};
use crate::fault::Fault;
use crate::file::Growing;

/// Reports that are to be written.
#[derive(Debug)]
pub(crate) struct ReportFiles(Vec<(ReportForm, PathBuf, Growing)>);

impl ReportFiles {
    /// Begins to write: what cannot be written is said before anything is judged. What stands there stays until the end.
    pub(crate) fn begin(targets: &[ReportTarget]) -> Result<Self, Fault> {
        let begun =
            targets.iter().map(|target| Ok((target.form, target.path.clone(), Growing::new(&target.path)?)));
        begun.collect::<Result<_, Fault>>().map(Self)
    }

    /// Writes every report, however it was decided. One that cannot be written does not keep the others from it.
    pub(crate) fn finish(self, results: &Results) -> Result<(), Fault> {
        let mut outcome = Ok(());
        for (form, path, file) in self.0 {
            let written = write(form, &path, file, results);
            if outcome.is_ok() {
                outcome = written;
            }
        }
        outcome
    }
}

fn write(form: ReportForm, path: &Path, mut file: Growing, results: &Results) -> Result<(), Fault> {
    let text = match form {
        ReportForm::Sarif => sarif::sarif(results),
        ReportForm::Junit => junit::junit(results),
        ReportForm::Html => page::page(results),
        ReportForm::Codequality => codequality::codequality(results),
    };
    file.write_all(text.as_bytes()).map_err(|error| Fault::file(path, "written", &error))?;
    file.finish()
}
