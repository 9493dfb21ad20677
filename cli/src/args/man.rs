//! `waxseal man`.

use std::path::PathBuf;

use clap::Args;

/// Print the manual page, or write one for each command into a directory
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ManArgs {
    /// Write waxseal.1, waxseal-sign.1 and so on into this directory, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

const AFTER: &str = "\
Examples:
  Read it:
    waxseal man | man -l -
  Install every page:
    waxseal man --dir /usr/local/share/man/man1";
