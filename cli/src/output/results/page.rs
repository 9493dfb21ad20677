//! Results as one page.

use std::fmt::Write as _;

use super::{EXPLAINED, Entry, Results, State};
use crate::output::counted;
use crate::output::html::{self, Choice, LIST_SCRIPT, text};

/// Places of an image that are shown; the rest is counted.
const PLACES: usize = 8;

/// The page.
pub(super) fn page(results: &Results) -> String {
    let mut page = html::begin("Verdicts - waxseal", LIST_SCRIPT);
    let _ = writeln!(
        page,
        "<h1>{}</h1>\n<div class=\"facts\"><div>Judged at {}, by the policy {}</div><div><code>{}</code></div></div>",
        counted(results.entries.len(), "image"),
        text(&results.time),
        text(&results.policy),
        text(&results.policy_digest)
    );
    page.push_str("<ul class=\"counts\">");
    for state in State::ALL {
        let count = results.count(state);
        if count > 0 {
            let _ = write!(
                page,
                "<li class=\"{}\"><strong>{count}</strong><span>{}</span></li>",
                state.class(),
                state.word()
            );
        }
    }
    page.push_str("</ul>\n");
    list(&mut page, results);
    if !results.notes.is_empty() {
        page.push_str("<h2>Not judged</h2>\n<ul class=\"plain\">");
        for (place, note) in &results.notes {
            let _ = writeln!(page, "<li>{}: {}</li>", text(&place.to_string()), text(note));
        }
        page.push_str("</ul>\n");
    }
    html::end(
        &mut page,
        "A page is a file that anybody can write: what decides is the verdict of the program.",
        LIST_SCRIPT,
    );
    page
}

fn list(page: &mut String, results: &Results) {
    if results.entries.is_empty() {
        page.push_str("<p>There is no image in the list.</p>\n");
        return;
    }
    let words: Vec<_> = State::ALL
        .into_iter()
        .map(|state| Choice {
            group: "verdict",
            label: "Verdict",
            word: state.word(),
            class: state.class(),
            count: results.count(state),
        })
        .collect();
    page.push_str("<h2>Images</h2>\n");
    html::controls(page, "Search for an image, a reason, a file", &words);
    page.push_str(
        "<div class=\"scroll\"><table id=\"list\" class=\"list\">\n<thead><tr><th>Verdict</th><th>Image</th><th>Why</th>\
         <th>Named in</th></tr></thead>\n<tbody>\n",
    );
    let mut entries: Vec<&Entry> = results.entries.iter().collect();
    entries.sort_by_key(|entry| entry.state);
    for entry in entries {
        row(page, entry);
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn row(page: &mut String, entry: &Entry) {
    let rank = State::ALL.iter().rev().position(|state| *state == entry.state).unwrap_or(0);
    let mut image = text(&entry.name);
    if let Some(digest) = &entry.digest {
        let _ = write!(image, "<span class=\"why id\">{}</span>", text(digest));
    }
    let mut why = String::new();
    if let Some(miss) = &entry.miss {
        let _ = write!(
            why,
            "<a href=\"{EXPLAINED}\" rel=\"noopener noreferrer\">{}</a><span class=\"why\">{}</span>",
            text(entry.code()),
            text(miss.words())
        );
    }
    if let Some(exempt) = &entry.exempt {
        let _ = write!(why, "<span class=\"why\">{}</span>", text(exempt));
    }
    for (wanted, met) in &entry.requirements {
        let mark = if *met { "met" } else { "NOT met" };
        let _ = write!(why, "<span class=\"why\">required: {} ({mark})</span>", text(wanted));
    }
    if let Some(miss) = &entry.miss {
        let _ = write!(why, "<span class=\"why\">try: {}</span>", text(&miss.hint));
    }
    let mut places: Vec<_> = entry
        .places
        .iter()
        .take(PLACES)
        .map(|place| format!("<li>{}</li>", text(&place.to_string())))
        .collect();
    if let Some(more) = entry.places.len().checked_sub(PLACES).filter(|more| *more > 0) {
        places.push(format!("<li>and {more} more</li>"));
    }
    let _ = writeln!(
        page,
        "<tr data-verdict=\"{0}\"><td class=\"state {1}\" data-value=\"{rank}\">{0}</td><td>{image}</td><td>{why}</td>\
         <td><ul>{2}</ul></td></tr>",
        entry.state.word(),
        entry.state.class(),
        places.join("")
    );
}
