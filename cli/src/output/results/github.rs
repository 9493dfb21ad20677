//! GitHub's workflow commands, step summary and outputs.
//!
//! A command is a line that begins with `::`. No line here begins with a text from outside, and nothing in a line ends it:
//! whoever names an image must not be able to set an output, add a path or stop the commands of a job.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::{EXPLAINED, Entry, Results, State, file};
use crate::fault::Fault;
use crate::output::html::text;
use crate::output::{self, escape};

/// Largest summary of a step that GitHub takes, in bytes (1 MiB), less some room for others.
const SUMMARY_BYTES: usize = 900 << 10;

/// Writes the commands to stdout, and the summary and the outputs to the files that the runner names.
pub(crate) fn github(results: &Results) -> Result<(), Fault> {
    output::raw(commands(results).as_bytes())?;
    for (variable, text) in [("GITHUB_STEP_SUMMARY", summary(results)), ("GITHUB_OUTPUT", outputs(results))] {
        if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
            append(Path::new(&path), &text)?;
        }
    }
    Ok(())
}

fn append(path: &Path, text: &str) -> Result<(), Fault> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Fault::file(path, "written", &error))
}

/// One command for each place of an image that was not simply admitted.
fn commands(results: &Results) -> String {
    let mut lines = String::new();
    for entry in &results.entries {
        let word = match entry.state {
            State::Refused | State::Undecided => "error",
            State::Warned => "warning",
            State::Exempt => "notice",
            State::Admitted => {
                let digest = entry.digest.as_deref().unwrap_or_default();
                let _ = writeln!(lines, "admitted: {} {digest}", data(&entry.name));
                continue;
            }
        };
        for place in &entry.places {
            let mut properties = Vec::new();
            if let Some(path) = file(place) {
                properties.push(format!("file={}", property(path.trim_start_matches("./"))));
                properties.extend(place.line.map(|line| format!("line={line}")));
                properties.extend(place.column.map(|column| format!("col={column}")));
            }
            properties
                .push(format!("title={}", property(&format!("{}: {}", entry.state.word(), entry.code()))));
            let _ = writeln!(lines, "::{word} {}::{}", properties.join(","), data(&entry.message()));
        }
    }
    for (place, note) in &results.notes {
        let _ = writeln!(lines, "::notice::{}", data(&format!("{place}: {note}")));
    }
    lines
}

/// What stands behind the second `::`.
fn data(words: &str) -> String {
    escape(words).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(words: &str) -> String {
    data(words).replace(':', "%3A").replace(',', "%2C")
}

/// A table in HTML, in one block: what stands in it is not read as Markdown.
fn summary(results: &Results) -> String {
    let counted: Vec<_> = State::ALL
        .into_iter()
        .filter(|state| results.count(*state) > 0)
        .map(|state| format!("{} {}", results.count(state), state.word()))
        .collect();
    let mut page = format!("<h3>waxseal: {}</h3>\n", results.outcome().name());
    let _ = write!(
        page,
        "<p>{}, by the policy {}</p>\n<table><tr><th>Verdict</th><th>Image</th><th>Why</th><th>Named in</th></tr>\n",
        counted.join(", "),
        text(&results.policy)
    );
    let mut entries: Vec<&Entry> = results.entries.iter().collect();
    entries.sort_by_key(|entry| entry.state);
    let mut left = entries.len();
    for entry in entries {
        let row = row(entry);
        if page.len().saturating_add(row.len()) > SUMMARY_BYTES {
            break;
        }
        page.push_str(&row);
        left = left.saturating_sub(1);
    }
    page.push_str("</table>\n");
    if left > 0 {
        let _ = writeln!(page, "<p>and {} more</p>", output::counted(left, "image"));
    }
    page.push('\n');
    page
}

fn row(entry: &Entry) -> String {
    let digest =
        entry.digest.as_deref().map(|digest| format!("<br><code>{digest}</code>")).unwrap_or_default();
    let why = match (&entry.miss, &entry.exempt) {
        (Some(miss), _) => format!(
            "<a href=\"{EXPLAINED}\">{}</a>: {}<br>{}",
            text(entry.code()),
            text(miss.words()),
            text(&miss.hint)
        ),
        (None, Some(exempt)) => text(exempt),
        (None, None) => String::new(),
    };
    let places: Vec<_> = entry.places.iter().take(3).map(|place| text(&place.to_string())).collect();
    let more = match entry.places.len().saturating_sub(3) {
        0 => String::new(),
        more => format!("<br>and {more} more"),
    };
    format!(
        "<tr><td>{}</td><td>{}{digest}</td><td>{why}</td><td>{}{more}</td></tr>\n",
        entry.state.word(),
        text(&entry.name),
        places.join("<br>")
    )
}

/// `verdict`, `images` in JSON, and `digest` where there is one image: each on one line.
fn outputs(results: &Results) -> String {
    let images: Vec<_> = results
        .entries
        .iter()
        .map(|entry| json!({ "image": entry.name, "digest": entry.digest, "verdict": entry.state.word() }))
        .collect();
    let mut lines = format!("verdict={}\n", results.outcome().name());
    if let [only] = results.entries.as_slice() {
        // What was not admitted is not to be deployed by whoever reads on.
        let digest = only.digest.as_deref().filter(|_| !only.state.stops()).unwrap_or_default();
        let _ = writeln!(lines, "digest={digest}");
    }
    let _ = writeln!(lines, "images={}", serde_json::Value::from(images));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_command() {
        assert_eq!(data("100%\r\n::set-output name=x::y"), "100%25\\u{d}\\u{a}::set-output name=x::y");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
