//! An inventory for spreadsheets (RFC 4180).
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end for a formula and runs it: such a
//! cell gets a `'` in front (OWASP, "CSV Injection"). Names of images come from whoever may push.

use waxseal::inventory::{Inventory, InventoryImage, ScanState};

use super::view;

const HEAD: [&str; 16] = [
    "image",
    "repository",
    "digest",
    "names",
    "kind",
    "running",
    "signature",
    "signers",
    "scan",
    "score",
    "complete",
    "scanners",
    "scanned_on",
    "workloads",
    "verdict",
    "reason",
];

/// The table, one image a line.
pub(crate) fn csv(taken: &Inventory) -> String {
    let mut text = line(HEAD.iter().map(|name| (*name).to_owned()));
    for image in &taken.images {
        text.push_str(&line(cells(image).into_iter()));
    }
    text
}

fn cells(image: &InventoryImage) -> [String; 16] {
    let joined = |list: &mut dyn Iterator<Item = String>| list.collect::<Vec<_>>().join("; ");
    let scan = match &image.scan {
        ScanState::Scanned(scan) => Some(scan),
        _ => None,
    };
    let signers = match &image.signature {
        waxseal::inventory::SignerState::Signed { signers } => {
            joined(&mut signers.iter().map(|signer| signer.name.clone()))
        }
        _ => String::new(),
    };
    let reasons = [view::why_not_signed(image), view::why_not_scanned(image), view::why_not_admitted(image)];
    let mut codes: Vec<_> = reasons.into_iter().flatten().map(|(code, _)| code.to_owned()).collect();
    codes.dedup();
    [
        image.image.clone(),
        image.repository.clone().unwrap_or_default(),
        image.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
        joined(&mut image.names.iter().cloned()),
        image.kind.map(|kind| kind.name().to_owned()).unwrap_or_default(),
        image.running.to_string(),
        image.signature.name().to_owned(),
        signers,
        image.scan.name().to_owned(),
        scan.map(|scan| scan.score.to_string()).unwrap_or_default(),
        scan.map(|scan| scan.complete.to_string()).unwrap_or_default(),
        scan.map(|scan| joined(&mut scan.scanners.iter().map(|one| one.scanner.clone()))).unwrap_or_default(),
        scan.and_then(|scan| scan.oldest.clone()).unwrap_or_default(),
        joined(&mut image.workloads.iter().map(view::workload)),
        image.verdict.as_ref().map(|verdict| verdict.outcome.to_owned()).unwrap_or_default(),
        codes.join("; "),
    ]
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.map(|cell| escaped(&cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell: nothing in it is a formula, ends the cell or moves a terminal.
fn escaped(cell: &str) -> String {
    let mut safe = crate::output::escape(cell);
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        safe.insert(0, '\'');
    }
    if safe.contains([',', '"', ';', '\'', ' ']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_cell() {
        for (cell, written) in [
            ("app:1.0", "app:1.0"),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\\u{9}=1\""),
            ("a,b", "\"a,b\""),
            ("a\r\n=1", "a\\u{d}\\u{a}=1"),
        ] {
            assert_eq!(escaped(cell), written, "{cell:?}");
        }
    }
}
