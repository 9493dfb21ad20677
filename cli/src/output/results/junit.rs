//! `JUnit`'s XML, as the test reports of pipelines read it: one test case for each image.

use std::fmt::Write as _;

use super::{Entry, Results, State, file};
use crate::output::escape;

/// The document.
pub(super) fn junit(results: &Results) -> String {
    let (tests, failures) = (results.entries.len(), results.count(State::Refused));
    let (errors, skipped) = (results.count(State::Undecided), results.count(State::Exempt));
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"0\""
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"waxseal\" {counts}>");
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" {counts} timestamp=\"{}\">",
        attribute(&results.policy),
        attribute(&results.time)
    );
    let _ = writeln!(
        xml,
        "    <properties><property name=\"policyDigest\" value=\"{}\"/></properties>",
        attribute(&results.policy_digest)
    );
    for entry in &results.entries {
        case(&mut xml, entry);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn case(xml: &mut String, entry: &Entry) {
    let first = entry.places.first();
    let path = first.and_then(file);
    let _ = write!(
        xml,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"0\"",
        attribute(&entry.name),
        attribute(path.unwrap_or("images"))
    );
    if let (Some(path), Some(line)) = (path, first.and_then(|place| place.line)) {
        let _ = write!(xml, " file=\"{}\" line=\"{line}\"", attribute(path));
    }
    xml.push_str(">\n");
    let (message, code) = (attribute(&entry.message()), attribute(entry.code()));
    let places: Vec<_> = entry.places.iter().map(|place| content(&place.to_string())).collect();
    let places = places.join("\n");
    let _ = match entry.state {
        State::Refused => {
            writeln!(xml, "      <failure type=\"{code}\" message=\"{message}\">{places}</failure>")
        }
        State::Undecided => {
            writeln!(xml, "      <error type=\"{code}\" message=\"{message}\">{places}</error>")
        }
        State::Exempt => writeln!(xml, "      <skipped message=\"{message}\"/>"),
        State::Warned | State::Admitted => {
            writeln!(xml, "      <system-out>{}</system-out>", content(&entry.message()))
        }
    };
    xml.push_str("    </testcase>\n");
}

fn attribute(words: &str) -> String {
    content(words).replace('"', "&quot;").replace('\'', "&apos;")
}

/// A text between tags. What XML 1.0 has no place for is written out.
fn content(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    for character in escape(words).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
            }
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::attribute;

    #[test]
    fn nothing_is_written_that_xml_has_no_place_for() {
        assert_eq!(attribute("a\u{fffe}\u{0}\n<&>\"'"), "a\\u{fffe}\\u{0}\\u{a}&lt;&amp;&gt;&quot;&apos;");
    }
}
