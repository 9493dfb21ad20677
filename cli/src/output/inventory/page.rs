//! An inventory as one page.

use std::fmt::Write as _;

use waxseal::inventory::{Inventory, InventoryImage, ScanState, SignerState};
use waxseal_core::scan::Severity;

use super::view;
use crate::output::counted;
use crate::output::html::{self, Choice, LIST_SCRIPT, text};

/// The page.
pub(crate) fn page(taken: &Inventory) -> String {
    let mut page = html::begin("Images - inventory", LIST_SCRIPT);
    let _ = writeln!(
        page,
        "<h1>{}</h1>\n<div class=\"facts\"><div>{}</div></div>",
        counted(taken.summary.images, "image"),
        text(&taken.time)
    );
    if taken.verified {
        figures(&mut page, taken);
        let keys: Vec<_> = taken.keys.iter().map(|key| text(&key.name)).collect();
        let _ = writeln!(page, "<p class=\"legend\">By the word of {}.</p>", keys.join(", "));
    } else {
        page.push_str(
            "<p class=\"warning\"><strong>Not verified:</strong> no key was given. What is attached is listed by its own \
             word, and anybody who may push could have put it there.</p>\n",
        );
    }
    if !taken.complete {
        page.push_str(
            "<p class=\"warning\"><strong>Not complete:</strong> something could not be read. There may be more than \
             is listed.</p>\n",
        );
    }
    list(&mut page, taken);
    troubles(&mut page, taken);
    html::end(
        &mut page,
        "An inventory tells what was there when it was taken. It admits nothing.",
        LIST_SCRIPT,
    );
    page
}

fn figures(page: &mut String, taken: &Inventory) {
    let summary = &taken.summary;
    page.push_str("<ul class=\"counts\">");
    for (count, word, class) in [
        (summary.signed, "signed", "good"),
        (summary.unsigned, "unsigned", "bad"),
        (summary.scanned, "scanned", "good"),
        (summary.unscanned, "unscanned", "bad"),
        (summary.unknown, "unknown", "open"),
        (summary.refused.unwrap_or_default(), "refused", "bad"),
    ] {
        if count > 0 {
            let _ = write!(page, "<li class=\"{class}\"><strong>{count}</strong><span>{word}</span></li>");
        }
    }
    page.push_str("</ul>\n");
}

/// What the scan of an image is called in the filter, and its class.
fn scan_word(image: &InventoryImage) -> (&'static str, &'static str) {
    match &image.scan {
        ScanState::Scanned(scan) => (scan.score.as_str(), scan.score.as_str()),
        ScanState::Unscanned { .. } => ("unscanned", "bad"),
        ScanState::Unknown { .. } => ("unknown", "open"),
        _ => ("not verified", "quiet"),
    }
}

fn verdict_word(image: &InventoryImage) -> (&'static str, &'static str) {
    match image.verdict.as_ref().map(|verdict| verdict.outcome) {
        Some("admit") => ("admit", "good"),
        Some("refuse") => ("refuse", "bad"),
        Some(_) => ("undecided", "open"),
        None => ("unknown", "open"),
    }
}

fn signed_word(image: &InventoryImage) -> (&'static str, &'static str) {
    match &image.signature {
        SignerState::Signed { .. } => ("signed", "good"),
        SignerState::Unsigned { .. } => ("unsigned", "bad"),
        SignerState::Unknown { .. } => ("unknown", "open"),
        _ => ("not verified", "quiet"),
    }
}

fn list(page: &mut String, taken: &Inventory) {
    if taken.images.is_empty() {
        page.push_str("<p>There is no image in the list.</p>\n");
        return;
    }
    page.push_str("<h2>Images</h2>\n");
    let mut words = Vec::new();
    if taken.policy.is_some() {
        for (word, class) in
            [("refuse", "bad"), ("undecided", "open"), ("admit", "good"), ("unknown", "open")]
        {
            let count = taken.images.iter().filter(|image| verdict_word(image).0 == word).count();
            words.push(Choice { group: "verdict", label: "Verdict", word, class, count });
        }
    }
    if taken.verified {
        let count = |group: fn(&InventoryImage) -> (&'static str, &'static str), word: &str| {
            taken.images.iter().filter(|image| group(image).0 == word).count()
        };
        for (word, class) in [("signed", "good"), ("unsigned", "bad"), ("unknown", "open")] {
            let (group, label, count) = ("signed", "Signature", count(signed_word, word));
            words.push(Choice { group, label, word, class, count });
        }
        let severities = Severity::OF_FINDINGS.into_iter().chain([Severity::None]);
        let severities = severities.map(|severity| (severity.as_str(), severity.as_str()));
        for (word, class) in severities.chain([("unscanned", "bad"), ("unknown", "open")]) {
            let (group, label, count) = ("scan", "Score", count(scan_word, word));
            words.push(Choice { group, label, word, class, count });
        }
    }
    html::controls(page, "Search for an image, a signer, a workload", &words);
    let by = if taken.verified { "Signed by" } else { "Attached" };
    let _ = writeln!(
        page,
        "<div class=\"scroll\"><table id=\"list\" class=\"list\">\n<thead><tr><th>Image</th><th>{by}</th>\
         <th>Score</th><th class=\"number\">Scanned</th><th>Runs in</th>{}</tr></thead>\n<tbody>",
        if taken.policy.is_some() { "<th>Verdict</th>" } else { "" }
    );
    for image in &taken.images {
        row(page, image, taken.policy.is_some());
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn row(page: &mut String, image: &InventoryImage, by_policy: bool) {
    let ((signed, signed_class), (scan, scan_class)) = (signed_word(image), scan_word(image));
    let mut name = text(view::name(image));
    if image.running_digest_unknown {
        name.push_str("<span class=\"tag bad\">running digest unknown</span>");
    }
    if let Some(digest) = &image.digest {
        let _ = write!(name, "<span class=\"why id\">{digest}</span>");
    }
    for platform in &image.platforms {
        let words = platform.platform.as_deref().unwrap_or("no platform");
        let _ = write!(name, "<span class=\"tag\">{}</span>", text(words));
    }
    let why = |why: Option<(&str, &str)>| match why {
        Some((code, reason)) => {
            format!("<span class=\"why\" title=\"{}\">{}</span>", text(reason), text(code))
        }
        None => String::new(),
    };
    let (rank, age) = match &image.scan {
        ScanState::Scanned(scan) => {
            let rank = Severity::OF_FINDINGS.iter().rev().position(|other| *other == scan.score);
            let rank =
                rank.and_then(|rank| i64::try_from(rank).ok()).map_or(0, |rank| rank.saturating_add(1));
            (rank, scan.age_seconds.unwrap_or(-1))
        }
        // Nobody knows how bad it is.
        ScanState::Unscanned { .. } => (99, -1),
        _ => (98, -1),
    };
    let workloads: Vec<_> =
        image.workloads.iter().map(|one| format!("<li>{}</li>", text(&view::workload(one)))).collect();
    let workloads =
        if workloads.is_empty() { String::new() } else { format!("<ul>{}</ul>", workloads.join("")) };
    let (decided, decided_class) = verdict_word(image);
    let verdict = if by_policy {
        let words = text(&view::verdict(image));
        format!("<td class=\"state {decided_class}\">{words}{}</td>", why(view::why_not_admitted(image)))
    } else {
        String::new()
    };
    let _ = writeln!(
        page,
        "<tr data-signed=\"{signed}\" data-scan=\"{scan}\" data-verdict=\"{decided}\"><td>{name}</td>\
         <td class=\"{signed_class}\">{}{}</td>\
         <td class=\"state {scan_class}\" data-value=\"{rank}\">{}{}</td>\
         <td class=\"number\" data-value=\"{age}\">{}</td><td>{workloads}</td>{verdict}</tr>",
        text(&signed_by(image)),
        why(view::why_not_signed(image)),
        text(&scored(image)),
        why(view::why_not_scanned(image)),
        view::age(image),
    );
}

/// Who signed it; why nobody knows stands below.
fn signed_by(image: &InventoryImage) -> String {
    match &image.signature {
        SignerState::Unknown { .. } => "unknown".to_owned(),
        _ => view::signed(image),
    }
}

/// The score; why nobody knows it stands below.
fn scored(image: &InventoryImage) -> String {
    match &image.scan {
        ScanState::Unknown { .. } => "unknown".to_owned(),
        _ => view::score(image),
    }
}

fn troubles(page: &mut String, taken: &Inventory) {
    let of_images = taken.images.iter().flat_map(|image| &image.troubles);
    let all: Vec<_> = taken.unreadable.iter().chain(of_images).collect();
    if all.is_empty() {
        return;
    }
    page.push_str("<h2>Not to be read</h2>\n<ul class=\"plain\">");
    for trouble in all {
        let _ = writeln!(
            page,
            "<li>{}: {} <code>{}</code></li>",
            text(&trouble.what),
            text(&trouble.message),
            text(&trouble.code)
        );
    }
    page.push_str("</ul>\n");
}
