//! An inventory as a table for a terminal.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use waxseal::inventory::{Inventory, InventoryImage, Trouble};

use super::view;
use crate::output::{counted, escape};

/// Workloads that a row names; the others are counted.
const WORKLOADS: usize = 2;

/// The table and the figures.
pub(crate) fn text(taken: &Inventory) -> String {
    let mut text = String::new();
    if taken.images.is_empty() {
        text.push_str("no image\n");
    } else {
        let mut table = Table::new();
        table.load_style(NOTHING);
        let by = if taken.verified { "signed by" } else { "attached (not verified)" };
        let mut head = vec!["image", "digest", by, "score", "scanned", "runs in"];
        if taken.policy.is_some() {
            head.insert(0, "verdict");
        }
        table.set_header(head);
        for image in &taken.images {
            let mut row = vec![
                escape(view::name(image)),
                image.digest.as_ref().map(waxseal_core::Digest::short).unwrap_or_default(),
                escape(&view::signed(image)),
                view::score(image),
                view::age(image),
                workloads(image),
            ];
            if taken.policy.is_some() {
                row.insert(0, escape(&view::verdict(image)));
            }
            table.add_row(row);
        }
        for line in table.to_string().lines() {
            let _ = writeln!(text, "{}", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()));
        }
    }
    let summary = &taken.summary;
    let _ = write!(text, "\n{}", counted(summary.images, "image"));
    if taken.verified {
        let _ = write!(
            text,
            ": {} signed, {} unsigned, {} scanned, {} unscanned",
            summary.signed, summary.unsigned, summary.scanned, summary.unscanned
        );
    }
    if let Some(refused) = summary.refused {
        let _ = write!(text, ", {refused} refused");
    }
    if summary.unknown > 0 {
        let _ = write!(text, ", {} unknown", summary.unknown);
    }
    text.push('\n');
    text
}

fn workloads(image: &InventoryImage) -> String {
    let shown: Vec<_> =
        image.workloads.iter().take(WORKLOADS).map(|one| escape(&view::workload(one))).collect();
    match image.workloads.len().saturating_sub(WORKLOADS) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What could not be read, in one line.
pub(crate) fn trouble(trouble: &Trouble) -> String {
    format!("{}: {} [{}]", escape(&trouble.what), escape(&trouble.message), escape(&trouble.code))
}
