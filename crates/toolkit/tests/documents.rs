//! The book says what the code says: every stable code stands in docs/verification.md, and no other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot read the book has failed"
)]

use std::collections::BTreeSet;
use std::path::Path;

use waxseal_core::Reason;
use waxseal_core::key::{KeyError, SignError};
use waxseal_core::signing::detached::DetachedError;

fn book() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verification.md");
    std::fs::read_to_string(path).expect("docs/verification.md")
}

/// The first cells of a table's rows, below a heading.
fn codes(book: &str, heading: &str) -> BTreeSet<String> {
    let section = book.split(&format!("\n## {heading}\n")).nth(1).expect("the heading");
    let section = section.split("\n## ").next().expect("a section");
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn every_reason_stands_in_the_book() {
    let expected: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code().to_owned()).collect();
    assert_eq!(codes(&book(), "Reasons"), expected);
}

#[test]
fn the_reasons_stand_in_order_of_nearness() {
    let book = book();
    let at = |reason: &Reason| book.find(&format!("\n| `{}` |", reason.code())).expect("a row");
    assert!(Reason::ALL.windows(2).all(|pair| at(&pair[0]) < at(&pair[1])));
}

#[test]
fn every_error_stands_in_the_book() {
    let written = codes(&book(), "Errors");
    let store = waxseal_oci::ErrorKind::ALL.iter().map(|kind| kind.code());
    let jobs = waxseal::ErrorKind::ALL.iter().map(|kind| kind.code());
    let keys = KeyError::ALL.iter().chain(SignError::ALL).copied();
    let elsewhere = DetachedError::CODES.iter().copied();
    for code in store.chain(jobs).chain(keys).chain(elsewhere) {
        assert!(written.contains(code), "{code} does not stand in docs/verification.md");
    }
}

#[test]
fn every_reason_against_a_pack_stands_in_its_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/air-gap.md");
    let page = std::fs::read_to_string(page).expect("docs/air-gap.md");
    for reason in waxseal::pack::PackReason::ALL {
        assert!(page.contains(&format!("\n| `{}` |", reason.code())), "{}", reason.code());
    }
}

#[test]
fn every_rule_of_this_page_is_quoted() {
    let book = book();
    for rule in [
        "L1", "L2", "L3", "L4", "L5", "L6", "L7", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9",
        "S10", "P1", "P2", "P3", "P4", "N1", "N2", "N3", "N4", "T1", "T2", "V1", "V2", "V3", "V4", "Y1",
        "Y2", "Y3", "Y4",
    ] {
        let quoted = book.contains(&format!("({rule})"))
            || book.contains(&format!("{rule},"))
            || book.contains(&format!("{rule} |"));
        assert!(quoted, "rule {rule} does not stand in docs/verification.md");
    }
}

/// The names of all tests of this repository, by the attribute in front of them.
fn tests() -> BTreeSet<String> {
    fn read(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                read(&path, names);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                for part in text.split("test]\n").skip(1) {
                    let function = part.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
                    names.extend(function.map(ToOwned::to_owned));
                }
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names = BTreeSet::new();
    for folder in ["crates", "cli"] {
        read(&root.join(folder), &mut names);
    }
    names
}

#[test]
fn every_test_that_the_threats_name_exists() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/threats.md");
    let page = std::fs::read_to_string(page).expect("docs/threats.md");
    let table = page.split("\n## Tests\n").nth(1).expect("the table of tests");
    let tests = tests();
    let mut named = 0_usize;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cell = row.trim_end_matches([' ', '|']).rsplit(" | ").next().expect("a cell");
        for name in cell.split('`').skip(1).step_by(2) {
            assert!(tests.contains(name), "{name} is no test of this repository");
            named = named.saturating_add(1);
        }
    }
    assert!(named >= 100, "only {named} tests are named");
}
