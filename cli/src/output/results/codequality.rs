//! Code quality, as GitLab reads it in a merge request: one entry for each place of an image that was not simply admitted.

use serde_json::{Value, json};

use super::{Results, State, file};
use crate::output::escape;

/// The list.
pub(super) fn codequality(results: &Results) -> String {
    let mut entries = Vec::new();
    for entry in results.entries.iter().filter(|entry| entry.state != State::Admitted) {
        for place in &entry.places {
            let path = file(place).map_or_else(|| entry.name.as_str(), |path| path.trim_start_matches("./"));
            entries.push(json!({
                "description": entry.message(),
                "check_name": entry.code(),
                "fingerprint": entry.fingerprint(place),
                "severity": severity(entry.state),
                "location": { "path": escape(path), "lines": { "begin": place.line.unwrap_or(1).max(1) } },
            }));
        }
    }
    // Two containers alike in one object would be one to GitLab.
    let mut seen = std::collections::HashMap::new();
    for entry in &mut entries {
        let print = entry.get("fingerprint").and_then(Value::as_str).unwrap_or_default().to_owned();
        let count = seen.entry(print.clone()).or_insert(0_usize);
        *count = count.saturating_add(1);
        if *count > 1
            && let Some(place) = entry.get_mut("fingerprint")
        {
            *place = waxseal_core::Digest::of(format!("{print} {count}")).hex().into();
        }
    }
    Value::from(entries).to_string()
}

const fn severity(state: State) -> &'static str {
    match state {
        State::Refused => "critical",
        State::Undecided => "major",
        State::Warned => "minor",
        State::Exempt | State::Admitted => "info",
    }
}
