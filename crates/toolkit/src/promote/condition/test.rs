//! Conditions held against what is known of an image.

use serde::Serialize;
use waxseal_core::policy::LicenseRules;
use waxseal_core::scan::{Scan, ScanFinding};
use waxseal_scan::sbom::Component;

use super::{Asks, Condition, Group, TextTest, Which};
use crate::promote::facts::{Facts, ImageFacts, Known};

/// Things that one answer names; the others are counted.
const SHOWN: usize = 5;
/// Longest text from a report that an answer shows, in characters.
const TEXT: usize = 120;

/// What became of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The condition as it was typed.
    pub condition: String,
    /// What came of it.
    pub outcome: AnswerOutcome,
    /// What was found. It may come from outside: escape it before a terminal shows it.
    pub found: String,
    /// Whether it is about the source's tag.
    #[serde(skip)]
    pub about_the_tag: bool,
}

/// The outcomes of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum AnswerOutcome {
    /// It is so.
    Holds,
    /// Something could not be read, and might have answered.
    Undecided,
    /// No verified statement says it: what nobody has looked at is not clean.
    Unscanned,
    /// It is not so.
    DoesNotHold,
}

impl Condition {
    /// Holds it against every image that is promoted: it must be so of each.
    pub(in crate::promote) fn answer(&self, facts: &Facts) -> Answer {
        let (outcome, found) = if let Asks::Tag(test) = &self.asks {
            match &facts.tag {
                Some(tag) => (held(test.holds(tag.as_str(), str::to_owned)), format!("the tag {tag}")),
                None => (AnswerOutcome::DoesNotHold, "an image that was named without a tag".to_owned()),
            }
        } else {
            let several = facts.images.len() > 1;
            let each = facts.images.iter().map(|image| {
                let (outcome, found) = self.about(image);
                let whose = if several { format!("{}: ", image.digest) } else { String::new() };
                (outcome, format!("{whose}{found}"))
            });
            // The worst of them.
            each.max_by_key(|(outcome, _)| *outcome)
                .unwrap_or((AnswerOutcome::Unscanned, "no image".to_owned()))
        };
        Answer { condition: self.to_string(), outcome, found, about_the_tag: self.is_about_the_tag() }
    }

    fn about(&self, image: &ImageFacts) -> (AnswerOutcome, String) {
        match &self.asks {
            Asks::Tag(_) => (AnswerOutcome::Undecided, String::new()),
            Asks::Vulnerabilities(group, comparison, wanted) => known(&image.scans, |scans| {
                // Each scanner's newest (rule N4).
                let each = scans.iter().map(|scan| {
                    let found = group.count(&scan.summary());
                    (held(comparison.holds(found, *wanted)), vulnerabilities(scan, *group, found))
                });
                each.max_by_key(|(outcome, _)| *outcome)
            }),
            Asks::Component(which, test) => {
                known(&image.components, |components| Some(named(*which, test, components)))
            }
            Asks::License { rules, any, known: only_known } => {
                known(&image.licenses, |licensed| Some(licenses(rules, *any, *only_known, licensed)))
            }
        }
    }
}

const fn held(holds: bool) -> AnswerOutcome {
    if holds { AnswerOutcome::Holds } else { AnswerOutcome::DoesNotHold }
}

fn known<T>(
    facts: &Known<T>,
    answer: impl FnOnce(&T) -> Option<(AnswerOutcome, String)>,
) -> (AnswerOutcome, String) {
    match facts {
        Known::Said(facts) => {
            answer(facts).unwrap_or((AnswerOutcome::Unscanned, "no verified statement".to_owned()))
        }
        Known::Nothing(why) => (AnswerOutcome::Unscanned, why.clone()),
        Known::Unreadable(why) => (AnswerOutcome::Undecided, why.clone()),
    }
}

fn vulnerabilities(scan: &Scan, group: Group, found: u64) -> String {
    let mut worst: Vec<&ScanFinding> =
        scan.findings.iter().filter(|finding| group.has(finding.severity())).collect();
    worst.sort_by_key(|finding| (core::cmp::Reverse(finding.severity()), finding.id.clone()));
    worst.dedup_by(|one, other| !one.id.is_empty() && one.id == other.id);
    let words: Vec<_> = worst
        .iter()
        .map(|finding| {
            let id = if finding.id.is_empty() { "a vulnerability without an id" } else { &finding.id };
            let package = &finding.package;
            let fix = match finding.fixed_versions.first() {
                Some(first) => format!("fixed in {}", shown(first)),
                None => "no fix".to_owned(),
            };
            let (name, version) = (shown(&package.name), shown(&package.version));
            format!("{} ({}) in {name} {version}, {fix}", shown(id), finding.severity())
        })
        .collect();
    let behind = if words.is_empty() { String::new() } else { format!(": {}", some_of(&words)) };
    format!("{found} {}vulnerabilities by {}{behind}", group.word(), shown(&scan.scanner.name))
}

fn named(which: Which, test: &TextTest, components: &[Component]) -> (AnswerOutcome, String) {
    // Names of packages differ in case from one list to the next.
    let meets = |component: &&Component| {
        let mut names = component.names.iter().map(|name| test.holds(name, str::to_lowercase));
        if matches!(test, TextTest::NotOneOf(_)) {
            names.all(|meets| meets)
        } else {
            names.any(|meets| meets)
        }
    };
    let (fitting, others): (Vec<_>, Vec<_>) = components.iter().partition(|component| meets(component));
    let names = |list: &[&Component]| {
        let names: Vec<_> =
            list.iter().filter_map(|component| component.names.last()).map(|name| shown(name)).collect();
        some_of(&names)
    };
    let all = components.len();
    match which {
        Which::Any if fitting.is_empty() => (AnswerOutcome::DoesNotHold, format!("none of {all} components")),
        Which::Any => (AnswerOutcome::Holds, names(&fitting)),
        Which::No if fitting.is_empty() => (AnswerOutcome::Holds, format!("none of {all} components")),
        Which::No => (AnswerOutcome::DoesNotHold, names(&fitting)),
        Which::All if others.is_empty() => (AnswerOutcome::Holds, format!("all of {all} components")),
        Which::All => (AnswerOutcome::DoesNotHold, names(&others)),
    }
}

/// `licensed` are packages with their licences; an empty list is a package whose licence nobody knows.
fn licenses(
    rules: &LicenseRules,
    any: bool,
    only_known: bool,
    licensed: &[(String, Vec<String>)],
) -> (AnswerOutcome, String) {
    let good = |licenses: &[String]| match licenses {
        [] => rules.allows(""),
        licenses if any => licenses.iter().any(|license| rules.allows(license)),
        licenses => licenses.iter().all(|license| rules.allows(license)),
    };
    let asked: Vec<_> =
        licensed.iter().filter(|(_, licenses)| !(only_known && licenses.is_empty())).collect();
    let words = |(name, licenses): &(String, Vec<String>)| {
        let licenses =
            if licenses.is_empty() { "no known license".to_owned() } else { licenses.join(" and ") };
        if name.is_empty() { shown(&licenses) } else { format!("{} ({})", shown(name), shown(&licenses)) }
    };
    let (fitting, others): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(_, licenses)| good(licenses));
    let list =
        |these: &[&(String, Vec<String>)]| some_of(&these.iter().map(|one| words(one)).collect::<Vec<_>>());
    match (any, fitting.is_empty(), others.is_empty()) {
        (true, false, _) => (AnswerOutcome::Holds, list(&fitting)),
        (false, _, true) => (AnswerOutcome::Holds, format!("all of {} packages", fitting.len())),
        _ => (AnswerOutcome::DoesNotHold, list(&others)),
    }
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(TEXT).collect();
    if short.len() < text.len() { format!("{short}...") } else { short }
}

fn some_of(list: &[String]) -> String {
    let first = list.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    match list.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use waxseal_core::Digest;
    use waxseal_core::scan::{Package, ScanStatus, Scanner, Severity};

    use super::*;

    fn image() -> ImageFacts {
        ImageFacts {
            digest: Digest::of("image"),
            scans: Known::Nothing("no scan".to_owned()),
            components: Known::Nothing("no SBOM".to_owned()),
            licenses: Known::Nothing("no SBOM".to_owned()),
        }
    }

    fn of(images: Vec<ImageFacts>) -> Facts {
        Facts { tag: Some("v1.2".parse().unwrap()), images }
    }

    fn outcome(text: &str, facts: &Facts) -> AnswerOutcome {
        text.parse::<Condition>().unwrap().answer(facts).outcome
    }

    fn scan(found: &[(&str, Severity)]) -> Scan {
        let mut scan = Scan::new(Scanner::new("Scanner", "pkg:generic/scanner"));
        scan.run.status = ScanStatus::Complete;
        scan.findings = found
            .iter()
            .map(|(id, severity)| ScanFinding::new(*id, *severity, Package::new("deb", "a", "1")))
            .collect();
        scan
    }

    #[track_caller]
    fn check(facts: &Facts, holds: &[&str], fails: &[&str]) {
        for text in holds {
            assert_eq!(outcome(text, facts), AnswerOutcome::Holds, "{text}");
        }
        for text in fails {
            assert_eq!(outcome(text, facts), AnswerOutcome::DoesNotHold, "{text}");
        }
    }

    #[test]
    fn tags_are_compared_as_they_are_written() {
        check(
            &of(vec![image()]),
            &[
                "tag equals v1.2",
                "tag starts-with v",
                "tag ends-with .2",
                "tag contains 1.",
                "tag one-of v1.1,v1.2",
                "tag not-one-of latest",
            ],
            &[
                "tag equals V1.2",
                "tag starts-with 1",
                "tag ends-with v",
                "tag contains rc",
                "tag one-of v1,latest",
                "tag not-one-of v1.2",
            ],
        );
        let nameless = Facts { tag: None, images: vec![image()] };
        check(&nameless, &[], &["tag not-one-of latest", "tag equals v1.2"]);
    }

    #[test]
    fn vulnerabilities_count_once_each_and_dockers_groups_leave_none_out() {
        let found = [
            ("CVE-1", Severity::Critical),
            ("CVE-1", Severity::Critical),
            ("CVE-2", Severity::High),
            ("CVE-3", Severity::Medium),
            ("CVE-4", Severity::Unknown),
            ("CVE-5", Severity::Low),
            ("CVE-6", Severity::Information),
        ];
        let facts = of(vec![ImageFacts { scans: Known::Said(vec![scan(&found)]), ..image() }]);
        check(
            &facts,
            &[
                "critical = 1",
                "major = 3",
                "minor = 2",
                "all = 6",
                "high = 2",
                "medium = 1",
                "low = 1",
                "critical >= 1",
                "critical < 2",
                "critical <= 1",
                "critical > 0",
                "critical != 2",
            ],
            &[
                "critical = 0",
                "critical >= 2",
                "critical < 1",
                "critical <= 0",
                "critical > 1",
                "critical != 1",
            ],
        );
        let answer = "critical = 0".parse::<Condition>().unwrap().answer(&facts);
        assert_eq!(answer.found, "1 critical vulnerabilities by Scanner: CVE-1 (Critical) in a 1, no fix");
    }

    #[test]
    fn each_scanner_and_each_image_must_meet_it() {
        let (clean, bad) = (scan(&[]), scan(&[("CVE-1", Severity::Critical)]));
        let with = |scans: &[&Scan]| ImageFacts {
            scans: Known::Said(scans.iter().map(|&scan| scan.clone()).collect()),
            ..image()
        };
        assert_eq!(outcome("critical = 0", &of(vec![with(&[&clean, &clean])])), AnswerOutcome::Holds);
        assert_eq!(outcome("critical = 0", &of(vec![with(&[&clean, &bad])])), AnswerOutcome::DoesNotHold);
        assert_eq!(outcome("critical >= 1", &of(vec![with(&[&clean, &bad])])), AnswerOutcome::DoesNotHold);
        let two = of(vec![with(&[&clean]), with(&[&bad])]);
        assert_eq!(outcome("critical = 0", &two), AnswerOutcome::DoesNotHold);
        let one_without = of(vec![with(&[&clean]), image()]);
        assert_eq!(outcome("critical = 0", &one_without), AnswerOutcome::Unscanned);
    }

    #[test]
    fn what_nobody_looked_at_is_not_clean_and_what_cannot_be_read_is_neither() {
        let unreadable = ImageFacts {
            scans: Known::Unreadable("503".to_owned()),
            components: Known::Unreadable("503".to_owned()),
            licenses: Known::Unreadable("503".to_owned()),
            ..image()
        };
        for text in [
            "critical = 0",
            "all >= 0",
            "no component contains x",
            "component not-one-of x",
            "license not-one-of GPL",
        ] {
            assert_eq!(outcome(text, &of(vec![image()])), AnswerOutcome::Unscanned, "{text}");
            assert_eq!(outcome(text, &of(vec![unreadable.clone()])), AnswerOutcome::Undecided, "{text}");
            assert_eq!(outcome(text, &of(Vec::new())), AnswerOutcome::Unscanned, "{text}");
        }
    }

    #[test]
    fn components_go_by_each_of_their_names_in_any_case() {
        let component = |names: &[&str]| {
            let mut component = Component::default();
            component.names = names.iter().map(|&name| name.to_owned()).collect();
            component
        };
        let all = vec![component(&["org.apache/log4j-core", "Log4j-Core"]), component(&["zlib"])];
        let facts = of(vec![ImageFacts { components: Known::Said(all), ..image() }]);
        check(
            &facts,
            &[
                "component equals log4j-core",
                "component contains apache",
                "component starts-with z",
                "component ends-with lib",
                "component one-of a,zlib",
                "component not-one-of openssl",
                "no component equals log4j",
                "all component not-one-of openssl",
            ],
            &[
                "component equals log4j",
                "no component contains log4j",
                "component not-one-of log4j-core",
                "component not-one-of org.apache/log4j-core,x",
                "component one-of a,b",
                "all component one-of zlib",
            ],
        );
    }

    #[test]
    fn every_licence_must_be_good_unless_one_is_asked_for() {
        let licensed = |list: &[(&str, &[&str])]| {
            let all = list.iter().map(|(name, licenses)| {
                ((*name).to_owned(), licenses.iter().map(|&license| license.to_owned()).collect())
            });
            of(vec![ImageFacts { licenses: Known::Said(all.collect()), ..image() }])
        };
        let facts = licensed(&[("a", &["MIT"]), ("b", &["Apache-2.0"])]);
        check(
            &facts,
            &[
                "license one-of MIT,Apache-2.0",
                "license one-of mit,apache-2.0",
                "license not-one-of GPL-3.0-only",
                "any license one-of MIT",
            ],
            &["license one-of MIT", "license not-one-of MIT", "any license one-of GPL-3.0-only"],
        );
        let unknown = licensed(&[("a", &["MIT"]), ("b", &[])]);
        check(
            &unknown,
            &["known license one-of MIT", "license one-of MIT,unknown", "known license not-one-of ISC"],
            &["license one-of MIT", "license not-one-of ISC"],
        );
    }
}
