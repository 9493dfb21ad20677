//! Options of scanners that make them leave findings out, so that their report is not the whole.

/// The options among `parameters` that leave findings out, as they stand.
pub(super) fn that_leave_out(tool: &str, parameters: &[String]) -> Vec<String> {
    let table = table(tool);
    let has = |name: &str| parameters.iter().any(|parameter| split(parameter).0 == name);
    let mut found = Vec::new();
    for (place, parameter) in parameters.iter().enumerate() {
        let (name, value) = split(parameter);
        let value =
            value.or_else(|| place.checked_add(1).and_then(|next| parameters.get(next)).map(String::as_str));
        let leaves_out = match name {
            // Violations instead of vulnerabilities, unless both are asked for.
            "--watches" | "--repo-path" | "--project" => *table == JFROG && !has("--vuln"),
            // All severities named is nothing left out.
            "--severity" | "-s" if *table == TRIVY => !value.is_some_and(all_severities),
            "--scanners" | "--security-checks" if *table == TRIVY => {
                !value.is_some_and(|value| value.split(',').any(|one| one.trim() == "vuln"))
            }
            name => table.contains(&name) && value != Some("false"),
        };
        if leaves_out {
            found.push(parameter.clone());
        }
    }
    found
}

const JFROG: [&str; 4] = ["--min-severity", "--fixable-only", "--exclude-scan", "--exclusions"];
const TRIVY: [&str; 10] = [
    "--ignore-unfixed",
    "--ignore-status",
    "--ignorefile",
    "--ignore-policy",
    "--vex",
    "--pkg-types",
    "--vuln-type",
    "--pkg-relationships",
    "--skip-dirs",
    "--skip-files",
];
const GRYPE: [&str; 6] =
    ["--only-fixed", "--only-notfixed", "--ignore-states", "--exclude", "--vex", "--ignore-wontfix"];

/// Of tools that we have no table for: what any scanner calls such options, Docker Scout and Snyk among them.
const OTHERS: [&str; 17] = [
    "--min-severity",
    "--fixable-only",
    "--only-fixed",
    "--only-notfixed",
    "--only-unfixed",
    "--only-severity",
    "--only-package-type",
    "--only-cve-id",
    "--severity",
    "--severity-threshold",
    "--ignore-unfixed",
    "--ignore-base",
    "--exclude-base-image-vulns",
    "--ignorefile",
    "--exclude",
    "--vex",
    "--vex-location",
];

fn table(tool: &str) -> &'static [&'static str] {
    let tool = tool.to_lowercase();
    let named = |word: &str| tool.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    if named("trivy") {
        &TRIVY
    } else if named("grype") {
        &GRYPE
    } else if named("jf") || named("jfrog") {
        &JFROG
    } else {
        &OTHERS
    }
}

fn split(parameter: &str) -> (&str, Option<&str>) {
    parameter.split_once('=').map_or((parameter, None), |(name, value)| (name, Some(value)))
}

fn all_severities(value: &str) -> bool {
    let named: Vec<_> = value.split(',').map(|word| word.trim().to_lowercase()).collect();
    ["unknown", "low", "medium", "high", "critical"]
        .iter()
        .all(|word| named.iter().any(|named| named == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(tool: &str, line: &str) -> usize {
        let parameters: Vec<_> = line.split(' ').map(ToOwned::to_owned).collect();
        that_leave_out(tool, &parameters).len()
    }

    #[test]
    fn knows_the_options_that_leave_findings_out() {
        for (tool, line) in [
            ("jf docker scan", "app:1 --min-severity=High"),
            ("jf scan", "--fixable-only app"),
            ("jf scan", "--watches w1 app"),
            ("trivy image", "--severity HIGH,CRITICAL app"),
            ("/usr/bin/trivy", "-s CRITICAL app"),
            ("trivy", "--ignore-unfixed app"),
            ("trivy", "--scanners=secret app"),
            ("grype", "--only-fixed app"),
            ("docker scout cves", "--only-severity critical app"),
            ("snyk container test", "--severity-threshold=high app"),
        ] {
            assert_eq!(left_out(tool, line), 1, "{tool} {line}");
        }
        for (tool, line) in [
            ("jf docker scan", "app:1 --format=simple-json --fail=false"),
            ("jf scan", "--watches w1 --vuln app"),
            ("trivy image", "--severity UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL app"),
            ("trivy", "--ignore-unfixed=false app"),
            ("trivy", "--scanners vuln,secret app"),
            ("grype", "-o json app"),
        ] {
            assert_eq!(left_out(tool, line), 0, "{tool} {line}");
        }
    }
}
