//! Options of scanners that make them leave findings out, so that their report is not the whole.

/// The options among `parameters`, and the variables in front of them, that leave findings out, as they stand.
pub(super) fn that_leave_out(tool: &str, parameters: &[String]) -> Vec<String> {
    let words = || tool.split_whitespace().chain(parameters.iter().map(String::as_str));
    let mut found: Vec<_> = words().filter(|word| variable_leaves_out(word)).map(ToOwned::to_owned).collect();
    let scanners = scanners(tool, words());
    for (place, parameter) in parameters.iter().enumerate() {
        let next = place.checked_add(1).and_then(|next| parameters.get(next)).map(String::as_str);
        if scanners.iter().any(|scanner| scanner.leaves_out(parameter, next, parameters)) {
            found.push(parameter.clone());
        }
    }
    found
}

/// Whose options they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scanner {
    JFrog,
    Trivy,
    Grype,
    /// One that we have no table for, or a program that runs another one.
    Other,
}

/// Programs that run what stands behind them.
const RUNNERS: [&str; 5] = ["sudo", "env", "exec", "time", "nohup"];

/// The scanner that the first word names; an image that is scanned may be named after another one. A program that we
/// do not know may run one of those that we know (`docker run aquasec/trivy`): then the options of both are looked for.
fn scanners<'a>(tool: &str, words: impl Iterator<Item = &'a str>) -> Vec<Scanner> {
    let mut command = tool.split_whitespace().filter(|word| !is_variable(word)).map(base_name);
    let command = command.find(|name| !RUNNERS.contains(&name.as_str())).unwrap_or_default();
    match Scanner::of(&command) {
        Scanner::Other => {
            let run = words.map(|word| Scanner::of(&base_name(word)));
            let mut all = vec![Scanner::Other];
            all.extend(run.filter(|scanner| matches!(scanner, Scanner::Trivy | Scanner::Grype)));
            all.dedup();
            all
        }
        scanner => vec![scanner],
    }
}

/// The name of a program or an image, without its folder, tag and digest.
fn base_name(word: &str) -> String {
    let word = word.split('@').next().unwrap_or_default();
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(name).to_owned()
}

/// Whether a word sets a variable: `TRIVY_SEVERITY=HIGH`.
fn is_variable(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Whether a word sets a variable in the place of an option that leaves findings out: Trivy and Grype read one for
/// each of their options.
fn variable_leaves_out(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=').filter(|_| is_variable(word)) else { return false };
    let (scanner, option) = match (name.strip_prefix("TRIVY_"), name.strip_prefix("GRYPE_")) {
        (Some(option), _) => (Scanner::Trivy, option),
        (_, Some(option)) => (Scanner::Grype, option),
        _ => return false,
    };
    let option = option.to_lowercase().replace('_', "-");
    !value.is_empty() && scanner.leaves_out(&format!("--{option}={value}"), None, &[])
}

impl Scanner {
    fn of(name: &str) -> Self {
        match name {
            "jf" | "jfrog" => Self::JFrog,
            "trivy" => Self::Trivy,
            "grype" => Self::Grype,
            _ => Self::Other,
        }
    }

    const fn table(self) -> &'static [&'static str] {
        match self {
            Self::JFrog => &JFROG,
            Self::Trivy => &TRIVY,
            Self::Grype => &GRYPE,
            Self::Other => &OTHERS,
        }
    }

    /// Whether `parameter` leaves findings out. `next` stands behind it, `all` are all parameters.
    fn leaves_out(self, parameter: &str, next: Option<&str>, all: &[String]) -> bool {
        let (name, attached) = match severity_in_short(parameter) {
            Some(severity) if self == Self::Trivy => severity,
            _ => split(parameter),
        };
        let value = attached.or(next);
        let both = || all.iter().map(|one| split(one)).any(|(name, on)| name == "--vuln" && !is_off(on));
        match name {
            // Violations instead of vulnerabilities, unless both are asked for.
            "--watches" | "--repo-path" | "--project" => self == Self::JFrog && !both(),
            // All severities named is nothing left out.
            "--severity" if self == Self::Trivy => !value.is_some_and(all_severities),
            "--scanners" | "--security-checks" if self == Self::Trivy => {
                !value.is_some_and(|value| value.split(',').any(|one| one.trim() == "vuln"))
            }
            // A switch takes its value behind an equals sign alone.
            name => self.table().contains(&name) && !is_off(attached),
        }
    }
}

/// Trivy's `-s` by its long name, where it is one, with its value: attached, or none for the word behind it. Switches
/// may stand before it (`-qs HIGH`).
fn severity_in_short(parameter: &str) -> Option<(&str, Option<&str>)> {
    let letters = parameter.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
    let rest = letters.trim_start_matches(['q', 'd']).strip_prefix('s')?;
    let value = rest.strip_prefix('=').unwrap_or(rest);
    Some(("--severity", Some(value).filter(|value| !value.is_empty())))
}

/// Whether a switch is switched off.
fn is_off(attached: Option<&str>) -> bool {
    attached.is_some_and(|value| ["false", "f", "0"].iter().any(|off| value.eq_ignore_ascii_case(off)))
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
/// The last one is a variable's name alone (`GRYPE_VEX_DOCUMENTS`).
const GRYPE: [&str; 7] = [
    "--only-fixed",
    "--only-notfixed",
    "--ignore-states",
    "--exclude",
    "--vex",
    "--ignore-wontfix",
    "--vex-documents",
];

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
            // What is scanned may be named after another scanner.
            ("jf docker scan acme.io/tools/trivy:1", "--min-severity High"),
            ("trivy image acme.io/tools/jf:1", "--ignore-unfixed"),
            ("C:\\tools\\Trivy.exe image", "--ignore-unfixed"),
            ("sudo trivy image", "-s HIGH app"),
            ("docker run", "--rm aquasec/trivy:0.50 image -s HIGH app"),
            ("trivy image", "-sCRITICAL app"),
            ("trivy image", "-s=CRITICAL app"),
            ("trivy image", "-qs CRITICAL app"),
            ("trivy image", "--ignore-unfixed false"),
            ("TRIVY_SEVERITY=HIGH trivy image", "-f json app"),
            ("TRIVY_IGNORE_UNFIXED=true trivy image", "-f json app"),
            ("GRYPE_ONLY_FIXED=1 grype", "-o json app"),
            ("docker run", "-e GRYPE_VEX_DOCUMENTS=a.json anchore/grype app"),
            ("jf scan", "--watches w1 --vuln=false app"),
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
            ("grype", "-s all-layers app"),
            ("trivy image acme.io/tools/jf:1", "--min-severity High"),
            ("trivy image", "-sUNKNOWN,LOW,MEDIUM,HIGH,CRITICAL app"),
            ("trivy image", "-q app"),
            ("TRIVY_SEVERITY=UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL trivy image", "-f json app"),
            ("TRIVY_IGNORE_UNFIXED=0 trivy image", "-f json app"),
            ("TRIVY_CACHE_DIR=/tmp trivy image", "-f json app"),
            ("jf scan", "--watches w1 --vuln=true app"),
        ] {
            assert_eq!(left_out(tool, line), 0, "{tool} {line}");
        }
    }
}
