//! Reports that a judging command writes beside what it prints.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

/// The reports of a run.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReportsArgs {
    /// Write a report to this file, whatever was decided: sarif=FILE, junit=FILE, html=FILE or codequality=FILE (repeatable)
    #[arg(long = "report", value_name = "FORM=FILE")]
    pub(crate) targets: Vec<ReportTarget>,
}

impl ReportsArgs {
    /// The files that are written.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.targets.iter().map(|target| target.path.as_path())
    }
}

/// A report, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportTarget {
    pub(crate) form: ReportForm,
    pub(crate) path: PathBuf,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for test reports
    Junit,
    /// One page, a file that needs no other
    Html,
    /// GitLab's code quality
    Codequality,
}

impl std::str::FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected sarif=FILE, junit=FILE, html=FILE or codequality=FILE";
        let (form, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or(expected)?;
        let form = ReportForm::from_str(form, false).map_err(|_| expected.to_owned())?;
        Ok(Self { form, path: path.into() })
    }
}
