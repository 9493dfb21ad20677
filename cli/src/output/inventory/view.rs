//! What of an image is shown, however it is shown.

use waxseal::inventory::{AttachedClaims, InventoryImage, ScanState, SignerState, Workload};

/// A name that a person knows the image by: the first that is written, its digest left out.
pub(super) fn name(image: &InventoryImage) -> &str {
    let written = image.names.first().map_or(image.image.as_str(), String::as_str);
    match &image.repository {
        // By digest alone: the repository says more.
        Some(repository) if written == image.image => repository,
        _ => written.split_once("@sha").map_or(written, |(name, _)| name),
    }
}

/// Who signed it, in a few words.
pub(super) fn signed(image: &InventoryImage) -> String {
    match &image.signature {
        SignerState::Signed { signers } => {
            signers.iter().map(|signer| signer.name.as_str()).collect::<Vec<_>>().join(", ")
        }
        SignerState::NotVerified => image.attached.as_ref().map(claimed).unwrap_or_default(),
        SignerState::Unknown { why } => format!("unknown ({})", why.code),
        state => state.name().to_owned(),
    }
}

/// What hangs on an image by its own word.
fn claimed(attached: &AttachedClaims) -> String {
    if attached.is_empty() {
        return "nothing attached".to_owned();
    }
    let mut parts = Vec::new();
    if attached.signatures > 0 {
        parts.push(crate::output::counted(attached.signatures, "signature"));
    }
    parts.extend(attached.attestations.iter().map(|(kind, count)| match count {
        1 => kind.clone(),
        several => format!("{several} {kind}"),
    }));
    if attached.rejected > 0 {
        parts.push(format!("{} unreadable", attached.rejected));
    }
    format!("claimed: {}", parts.join(", "))
}

/// The score, or why there is none.
pub(super) fn score(image: &InventoryImage) -> String {
    match &image.scan {
        ScanState::Scanned(scan) if scan.complete => scan.score.to_string(),
        ScanState::Scanned(scan) => format!("{} or worse", scan.score),
        ScanState::NotVerified => String::new(),
        ScanState::Unknown { why } => format!("unknown ({})", why.code),
        state => state.name().to_owned(),
    }
}

/// What the policy decides, and where not what was verified on what ground.
pub(super) fn verdict(image: &InventoryImage) -> String {
    match &image.verdict {
        Some(verdict) => match (verdict.basis, &verdict.namespace) {
            (Some(basis), _) if basis != "verified" => format!("{} ({basis})", verdict.outcome),
            (None, Some(namespace)) => format!("{} (in {namespace})", verdict.outcome),
            _ => verdict.outcome.to_owned(),
        },
        None => "unknown".to_owned(),
    }
}

/// Why the policy does not admit it.
pub(super) fn why_not_admitted(image: &InventoryImage) -> Option<(&str, &str)> {
    let why = image.verdict.as_ref()?.why.as_ref()?;
    Some((&why.code, &why.reason))
}

/// How old the oldest scan is that counts.
pub(super) fn age(image: &InventoryImage) -> String {
    match &image.scan {
        ScanState::Scanned(scan) => scan.age_seconds.map(span).unwrap_or_default(),
        _ => String::new(),
    }
}

/// A time span in its largest unit.
fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let found = units.iter().find_map(|(length, unit)| {
        let count = seconds.checked_div(*length).filter(|count| *count > 0)?;
        Some(format!("{count} {unit}"))
    });
    found.unwrap_or_else(|| "now".to_owned())
}

/// A workload in a few words.
pub(super) fn workload(workload: &Workload) -> String {
    let name = match (&workload.namespace, workload.name.is_empty()) {
        (Some(namespace), false) => format!("{namespace}/{}", workload.name),
        (Some(namespace), true) => format!("{namespace}/?"),
        (None, false) => workload.name.clone(),
        (None, true) => "?".to_owned(),
    };
    match workload.pods {
        0 | 1 => format!("{} {name}", workload.kind),
        pods => format!("{} {name} ({pods} pods)", workload.kind),
    }
}

/// Why it is not signed, or why nobody knows.
pub(super) fn why_not_signed(image: &InventoryImage) -> Option<(&str, &str)> {
    match &image.signature {
        SignerState::Unsigned { why } | SignerState::Unknown { why } => Some((&why.code, &why.reason)),
        _ => None,
    }
}

/// Why it counts as not scanned, or why nobody knows.
pub(super) fn why_not_scanned(image: &InventoryImage) -> Option<(&str, &str)> {
    match &image.scan {
        ScanState::Unscanned { why } | ScanState::Unknown { why } => Some((&why.code, &why.reason)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn spans_have_one_unit() {
        for (seconds, words) in
            [(0, "now"), (59, "now"), (60, "1 min"), (7_199, "1 h"), (86_400, "1 d"), (864_000, "10 d")]
        {
            assert_eq!(super::span(seconds), words);
        }
    }
}
