//! A policy from what images carry, with comments on what is left to decide.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::json;
use waxseal_core::scan::Severity;

/// What verifies of what one image carries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    /// The names of the keys that signed it.
    pub(crate) signed: BTreeSet<String>,
    /// The names under which it was signed, none where a signature has none.
    pub(crate) names: BTreeSet<Option<String>>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Types of attestations with the keys that made them, and what a rule can ask of their result.
    pub(crate) attested: BTreeMap<(String, String), Result>,
}

/// What the statements of a type say of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Result {
    /// Nothing: any one stands.
    None,
    /// A scan in which nothing is worse.
    Scan(Severity),
    /// A result for which somebody must write a rule.
    Other,
}

/// The text of a policy. `keys` are names with the places that were typed; `carried` are images by their repositories.
pub(crate) fn new_text(
    name: &str,
    keys: &[(&str, &str)],
    carried: &BTreeMap<String, Vec<Carried>>,
) -> String {
    let mut text = String::from(
        "# Made of what these images carry today: read it before you trust it.\n\
         # `waxseal policy check` says what its author should know; docs/policy.md has every field.\n\
         apiVersion: waxseal/v1\nkind: Policy\n",
    );
    let _ = writeln!(text, "name: {}", json!(name));
    text.push_str("# Paths are relative to this file.\nkeys:\n");
    for (name, place) in keys {
        let used = carried
            .values()
            .flatten()
            .any(|image| image.signed.contains(*name) || image.attested.keys().any(|(_, key)| key == name));
        let mark = if used { "  " } else { "  # nothing that is there verifies with it: " };
        let _ = writeln!(text, "{mark}{}: {{ key: {} }}", json!(name), json!(place));
    }
    text.push_str("rules:\n");
    for (repository, images) in carried {
        rule(&mut text, repository, images);
    }
    text.push_str("# What no rule is for is refused.\nunmatched: refuse\n");
    text
}

fn rule(text: &mut String, repository: &str, images: &[Carried]) {
    let _ =
        writeln!(text, "  # A pattern takes more of them in: registry/team/** is every repository below.");
    let _ = writeln!(text, "  - images: [{}]", json!(repository));
    text.push_str("    require:\n");
    let (Some(first), rest) = (images.first(), images.get(1..).unwrap_or_default()) else { return };
    // Only what every image carries can be asked of all.
    let signed: Vec<_> =
        first.signed.iter().filter(|key| rest.iter().all(|image| image.signed.contains(*key))).collect();
    let any: BTreeSet<_> = images.iter().flat_map(|image| &image.signed).collect();
    let (by, threshold) =
        if signed.is_empty() { (any.into_iter().collect(), 1) } else { (signed.clone(), signed.len()) };
    let mut wanted = format!("by: {}", json!(by));
    if threshold > 1 {
        let _ = write!(wanted, ", threshold: {threshold}");
    }
    let names: BTreeSet<_> = images.iter().flat_map(|image| image.names.iter().flatten()).collect();
    let unnamed = images.iter().any(|image| image.names.contains(&None));
    if unnamed || names.is_empty() {
        text.push_str("      # Signed without a name: one signed image can stand in for another.\n");
    } else if names.iter().all(|name| is_called(name, repository)) {
        wanted.push_str(", signedFor: same");
    } else {
        let _ = writeln!(text, "      # Signed as {}: say so with signedFor.", json!(names));
    }
    for (name, value) in &first.annotations {
        if rest.iter().all(|image| image.annotations.get(name) == Some(value)) {
            let _ = writeln!(
                text,
                "      # Signed with an annotation: annotations: {{ {}: {} }}",
                json!(name),
                json!(value)
            );
        }
    }
    let _ = writeln!(text, "      - signature: {{ {wanted} }}");
    for ((kind, key), result) in &first.attested {
        let at = (kind.clone(), key.clone());
        let Some(all) = rest.iter().map(|image| image.attested.get(&at)).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let wanted = format!("type: {}, by: {}", json!(kind), json!([key]));
        let worst = all.into_iter().chain([result]).copied().reduce(worse).unwrap_or(Result::Other);
        let _ = match worst {
            Result::None => writeln!(text, "      - attestation: {{ {wanted} }}"),
            Result::Scan(severity) => writeln!(
                text,
                "      # Nothing worse than {severity} was found. How old may a scan be?\n      - attestation: {{ {wanted}, maxAge: 7d, scan: {{ maxSeverity: {severity} }} }}"
            ),
            Result::Other => writeln!(
                text,
                "      # It has a result: say what it must be, under scan, vsa or where.\n      # - attestation: {{ {wanted} }}"
            ),
        };
    }
}

fn worse(one: Result, other: Result) -> Result {
    match (one, other) {
        (Result::Scan(one), Result::Scan(other)) => Result::Scan(one.max(other)),
        (Result::None, Result::None) => Result::None,
        _ => Result::Other,
    }
}

/// Whether a signed name is the repository's: cosign signs `index.docker.io` for `docker.io`.
fn is_called(name: &str, repository: &str) -> bool {
    let parsed =
        |text: &str| text.parse::<waxseal_core::ImageRef>().ok().map(|image| image.repository().clone());
    parsed(name).is_some() && parsed(name) == parsed(repository)
}
