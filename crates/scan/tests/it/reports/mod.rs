//! Reports of scanners, real and hostile.

mod completeness;
mod hostile;
mod predicates;

use std::path::{Path, PathBuf};

use waxseal_scan::Report;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/scans")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(name: &str) -> Report {
    Report::read(&bytes(name), None).unwrap_or_else(|error| panic!("{name}: {error}"))
}
