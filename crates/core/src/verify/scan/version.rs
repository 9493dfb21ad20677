//! Versions of scanners, compared number by number.

/// Whether `version` is `wanted` or later. Numbers with dots, a `v` before them; what follows a hyphen or a plus sign is
/// left out, except that a version with a hyphen comes before the one without. What has no number is never enough.
pub(super) fn at_least(version: &str, wanted: &str) -> bool {
    match (read(version), read(wanted)) {
        (Some(version), Some(wanted)) => version >= wanted,
        _ => false,
    }
}

/// The numbers, without zeros at the end, and whether it is a release.
fn read(text: &str) -> Option<(Vec<u64>, bool)> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let text = text.split('+').next().unwrap_or_default();
    let (numbers, before) = text.split_once('-').map_or((text, false), |(numbers, _)| (numbers, true));
    let mut numbers = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some((numbers, !before))
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn numbers_are_compared_as_numbers() {
        for (version, wanted, enough) in [
            ("3.100.1", "3.99", true),
            ("3.99", "3.100", false),
            ("3.1", "3.1.0", true),
            ("v0.58.1", "0.58", true),
            ("0.58.0-rc1", "0.58", false),
            ("0.58.0+build", "0.58", true),
            ("", "0.1", false),
            ("dev", "0.1", false),
            ("1", "dev", false),
        ] {
            assert_eq!(at_least(version, wanted), enough, "{version} {wanted}");
        }
    }
}
