//! Each field of the rules: only that field flips the verdict.

use jiff::SignedDuration;
use waxseal_core::policy::{
    GracePeriod, GraceStart, IgnoreRule, LicenseRules, Oldest, ScanRules, SecretRule, SeveritySource, VexRule,
};
use waxseal_core::predicate::OPEN_VEX;
use waxseal_core::scan::{
    Applicability, CvssRating, CvssScore, License, Package, Scan, ScanFinding, ScanStatus, Secrets, Severity,
    Violation, ViolationKind,
};
use waxseal_core::{Format, Policy, Reason};

use super::make::{days, finding, judged, requirement, rules, scan, statement, with};
use crate::attestations::make::{about, ago, attested};
use crate::make::{Case, image, key, other_image, pair, trusted};

/// A scan under two sets of rules: good under the first, refused under the second for that reason.
fn under(name: &str, scan: &Scan, good: ScanRules, bad: ScanRules, reason: Reason) {
    pair(name, &judged(good, core::slice::from_ref(scan)), &judged(bad, core::slice::from_ref(scan)), reason);
}

/// Two scans under the same rules.
fn between(name: &str, rules: &ScanRules, good: &Scan, bad: &Scan, reason: Reason) {
    let case = |scan: &Scan| judged(rules.clone(), core::slice::from_ref(scan));
    pair(name, &case(good), &case(bad), reason);
}

fn at_most(severity: Severity) -> ScanRules {
    rules(|rules| rules.max_severity = Some(severity))
}

fn found(id: &str, severity: Severity) -> Scan {
    with(|scan| scan.findings = vec![finding(id, severity)])
}

/// A rule that does not hold for the scan, beside what `change` says: shows that `change` takes the finding away.
fn but(change: impl FnOnce(&mut ScanRules)) -> ScanRules {
    rules(|rules| {
        rules.max_severity = Some(Severity::Medium);
        change(rules);
    })
}

#[test]
pub(crate) fn max_severity() {
    let (high, medium) = (at_most(Severity::High), at_most(Severity::Medium));
    under("the rule", &scan(), high, medium, Reason::SeverityTooHigh);
    let bad = found("CVE-1", Severity::Critical);
    between("the scan", &at_most(Severity::High), &scan(), &bad, Reason::SeverityTooHigh);
    let verdict = judged(at_most(Severity::High), &[bad]).verdict();
    let told = verdict.nearest_miss().unwrap().found.clone().unwrap();
    assert_eq!(told, "CVE-1 (Critical) in openssl 1.0, fixed in 1.1");
}

#[test]
pub(crate) fn unknown_severity_as() {
    let unknown = found("CVE-1", Severity::Unknown);
    let low = rules(|rules| {
        rules.max_severity = Some(Severity::Medium);
        rules.unknown_severity_as = Severity::Low;
    });
    under("High unless said otherwise", &unknown, low, at_most(Severity::Medium), Reason::SeverityTooHigh);
}

#[test]
pub(crate) fn severity_source() {
    let by = |source| but(|rules| rules.severity_source = source);
    let rated = |own, research, score: f64| {
        with(|scan| {
            let mut rated = finding("CVE-1", own);
            rated.research_severity = research;
            rated.cvss.v3 = CvssRating::new(CvssScore::new(score), None);
            scan.findings = vec![rated];
        })
    };
    let (low, high) = (Severity::Low, Severity::High);
    let reason = Reason::SeverityTooHigh;
    under(
        "own",
        &rated(low, Some(high), 9.0),
        by(SeveritySource::Scanner),
        by(SeveritySource::Research),
        reason,
    );
    under(
        "research",
        &rated(high, Some(low), 1.0),
        by(SeveritySource::Research),
        by(SeveritySource::Scanner),
        reason,
    );
    under(
        "cvss3",
        &rated(high, Some(high), 1.0),
        by(SeveritySource::Cvss3),
        by(SeveritySource::Research),
        reason,
    );
    for one in [rated(low, Some(low), 7.0), rated(low, Some(high), 1.0), rated(high, Some(low), 1.0)] {
        let max = by(SeveritySource::Max);
        between("the worst of all", &max, &rated(low, Some(low), 1.0), &one, reason);
    }
    let none = found("CVE-1", high);
    under("no research", &none, at_most(high), by(SeveritySource::Research), reason);
}

#[test]
pub(crate) fn max_count() {
    let at_most = |most| rules(|rules| rules.max_count = [(Severity::High, most)].into());
    under("the rule", &scan(), at_most(1), at_most(0), Reason::TooManyVulnerabilities);
    // One vulnerability in two packages counts once, two without an id count twice.
    let both = |first: &str, second: &str| {
        with(|scan| {
            scan.findings = vec![finding(first, Severity::High), finding(second, Severity::High)];
            scan.findings[1].package = Package::new("deb", "other", "1");
        })
    };
    let reason = Reason::TooManyVulnerabilities;
    between("two", &at_most(1), &both("CVE-1", "cve-1"), &both("CVE-1", "CVE-2"), reason);
    between("nameless", &at_most(1), &both("CVE-1", "CVE-1"), &both("", ""), reason);
}

#[test]
pub(crate) fn only_fixable() {
    let wanted = but(|rules| rules.only_fixable = true);
    let unfixed = with(|scan| {
        scan.findings[0].fixed_versions.clear();
        scan.run.coverage.fixes = Some(true);
    });
    between("a fix", &wanted, &unfixed, &scan(), Reason::SeverityTooHigh);
    let silent = |said| {
        with(|scan| {
            scan.findings[0].fixed_versions.clear();
            scan.run.coverage.fixes = said;
        })
    };
    between("nobody would say", &wanted, &silent(Some(true)), &silent(None), Reason::NotCovered);
    under("the rule", &unfixed, wanted, but(|_| {}), Reason::SeverityTooHigh);
}

#[test]
pub(crate) fn only_applicable() {
    let wanted = but(|rules| rules.only_applicable = true);
    let says = |word: &str| with(|scan| scan.findings[0].applicability = Some(Applicability::parse(word)));
    for word in ["applicable", "not_covered", "undetermined", "missing_context", "not_scanned", "whatever"] {
        between(word, &wanted, &says("not_applicable"), &says(word), Reason::SeverityTooHigh);
    }
    let absent = with(|scan| scan.findings[0].applicability = None);
    between("no word", &wanted, &says("not_applicable"), &absent, Reason::SeverityTooHigh);
    under("the rule", &says("not_applicable"), wanted.clone(), but(|_| {}), Reason::SeverityTooHigh);
    let nobody_looked = |looked| {
        with(|scan| {
            scan.findings[0].applicability = Some(Applicability::parse("not_applicable"));
            scan.run.coverage.applicability = looked;
        })
    };
    for looked in [None, Some(false)] {
        let good = nobody_looked(Some(true));
        between("nobody looked", &wanted, &good, &nobody_looked(looked), Reason::NotCovered);
    }
}

#[test]
pub(crate) fn ignore() {
    let rule = |id: &str, until| IgnoreRule::new(id, "not reachable", days(until)).unwrap();
    let with_rule = |rule: IgnoreRule| but(|rules| rules.ignore = vec![rule]);
    let good = || with_rule(rule("CVE-1", 1));
    let reason = Reason::SeverityTooHigh;
    under("the rule", &scan(), good(), but(|_| {}), reason);
    under("another id", &scan(), good(), with_rule(rule("CVE-11", 1)), reason);
    under("expired", &scan(), good(), with_rule(rule("CVE-1", 0)), reason);
    let alias = with(|scan| {
        scan.findings[0].id = "XRAY-1".to_owned();
        scan.findings[0].aliases = vec!["CVE-1".to_owned()];
    });
    under("an alias", &alias, good(), but(|_| {}), reason);
    for (good, bad) in [
        (rule("CVE-1", 1).package("openssl"), rule("CVE-1", 1).package("libssl")),
        (rule("CVE-1", 1).package("openssl@1.0"), rule("CVE-1", 1).package("openssl@1.1")),
        (rule("CVE-1", 1).package("pkg:deb/openssl@1.0"), rule("CVE-1", 1).package("pkg:deb/openssl")),
        (
            rule("CVE-1", 1).image("registry.example.com/prod/*".parse().unwrap()),
            rule("CVE-1", 1).image("registry.example.com/dev/*".parse().unwrap()),
        ),
    ] {
        under("narrowed", &scan(), with_rule(good), with_rule(bad), reason);
    }
    let in_layers = |layers: &[&str]| {
        with(|scan| scan.findings[0].layers = layers.iter().map(|layer| (*layer).to_owned()).collect())
    };
    let layer = with_rule(rule("CVE-1", 1).layer("sha256:a"));
    for layers in [&["sha256:b"][..], &["sha256:a", "sha256:b"], &[]] {
        between("a layer", &layer, &in_layers(&["sha256:a"]), &in_layers(layers), reason);
    }
}

/// An ignore rule that has expired is said, also where the scan passes without it.
#[test]
pub(crate) fn an_expired_ignore_rule_is_reported() {
    let rule = IgnoreRule::new("CVE-1", "soon", days(0)).unwrap();
    let noted = |most| {
        let rules = rules(|rules| {
            rules.max_severity = Some(most);
            rules.ignore = vec![rule.clone()];
        });
        let verdict = judged(rules, &[scan()]).verdict();
        let said = |finding: &waxseal_core::Finding| finding.reason == Reason::IgnoreExpired;
        let found = verdict.report().findings.iter().find(|finding| said(finding)).unwrap().found.clone();
        (found.unwrap(), verdict.outcome().name())
    };
    let (said, outcome) = noted(Severity::High);
    assert!(said.contains("expired") && said.contains("soon"), "{said}");
    assert_eq!(outcome, "admit");
    assert_eq!(noted(Severity::Low).1, "refuse");
}

#[test]
pub(crate) fn what_an_ignore_rule_must_have() {
    for (id, reason) in [("", "why"), (" ", "why"), ("CVE-1", ""), ("CVE-1", " ")] {
        assert_eq!(IgnoreRule::new(id, reason, days(1)).unwrap_err().code(), "policy-scan-rule");
    }
}

#[test]
fn a_day_of_an_ignore_rule_counts_to_its_end() {
    let expiry = |text: &str| IgnoreRule::expiry(text).map(|time| time.to_string());
    assert_eq!(expiry("2026-12-31").unwrap(), "2027-01-01T00:00:00Z");
    assert_eq!(expiry("2026-12-31T12:00:00+01:00").unwrap(), "2026-12-31T11:00:00Z");
    for text in
        ["", "soon", "31.12.2026", "2026-13-01", "2026-12-31T12:00:00", "2026-12-31 12:00", "20261231"]
    {
        assert_eq!(expiry(text).unwrap_err().code(), "policy-scan-rule", "{text}");
    }
}

#[test]
pub(crate) fn deny_ids() {
    let denied = |id: &str| rules(|rules| rules.deny_ids = vec![id.to_owned()]);
    under("the rule", &scan(), denied("CVE-2"), denied("cve-1"), Reason::DeniedVulnerability);
    // Whatever takes it away otherwise.
    let ignored = |id: &str| {
        rules(|rules| {
            rules.deny_ids = vec![id.to_owned()];
            rules.ignore = vec![IgnoreRule::new("CVE-1", "why", days(1)).unwrap()];
        })
    };
    under("ignored", &scan(), ignored("CVE-2"), ignored("CVE-1"), Reason::DeniedVulnerability);
}

#[test]
pub(crate) fn licenses() {
    let allow = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        rules(|rules| rules.licenses = Some(LicenseRules::allow(names)))
    };
    let deny = |name: &str| rules(|rules| rules.licenses = Some(LicenseRules::deny(vec![name.to_owned()])));
    under("allow", &scan(), allow(&["MIT"]), allow(&["ISC"]), Reason::DeniedLicense);
    under("deny", &scan(), deny("ISC"), deny("MIT"), Reason::DeniedLicense);
    let unknown = with(|scan| scan.licenses = vec![License::new("Unknown", 1)]);
    let known = |unknown| {
        rules(|rules| {
            let mut wanted = LicenseRules::allow(vec!["MIT".to_owned()]);
            wanted.allow_unknown = unknown;
            rules.licenses = Some(wanted);
        })
    };
    under("unknown", &unknown, known(true), known(false), Reason::DeniedLicense);
    let choice = with(|scan| scan.licenses = vec![License::new("MIT OR GPL-2.0-only", 1)]);
    let any_of = |any| {
        rules(|rules| {
            let mut wanted = LicenseRules::allow(vec!["MIT".to_owned()]);
            wanted.any_of = any;
            rules.licenses = Some(wanted);
        })
    };
    under("any of", &choice, any_of(true), any_of(false), Reason::DeniedLicense);
    for looked in [None, Some(false)] {
        let not = with(|scan| scan.run.coverage.licenses = looked);
        between("nobody looked", &deny("ISC"), &scan(), &not, Reason::NotCovered);
    }
}

#[test]
pub(crate) fn deny_malicious() {
    let malicious = |bad| {
        with(|scan| {
            scan.findings = vec![finding("XRAY-1", Severity::Low)];
            scan.findings[0].malicious = bad;
            scan.findings[0].fixed_versions.clear();
        })
    };
    between("by default", &ScanRules::new(), &malicious(false), &malicious(true), Reason::MaliciousPackage);
    let allowed = rules(|rules| rules.deny_malicious = false);
    under("the rule", &malicious(true), allowed, ScanRules::new(), Reason::MaliciousPackage);
    // Nothing takes it away but its name.
    let named = rules(|rules| rules.ignore = vec![IgnoreRule::new("XRAY-1", "a mistake", days(1)).unwrap()]);
    let fixable = rules(|rules| rules.only_fixable = true);
    under("only by its name", &malicious(true), named, fixable, Reason::MaliciousPackage);
}

#[test]
pub(crate) fn secrets() {
    let most = |max, active| rules(|rules| rules.secrets = Some(SecretRule::at_most(max, active)));
    under("all", &scan(), most(2, false), most(1, false), Reason::TooManySecrets);
    under("active", &scan(), most(1, true), most(0, true), Reason::TooManySecrets);
    let not = with(|scan| scan.run.coverage.secrets = None);
    between("nobody looked", &most(2, false), &scan(), &not, Reason::NotCovered);
    let none = with(|scan| scan.secrets = None);
    let zero = with(|scan| scan.secrets = Some(Secrets::default()));
    between("nobody says", &most(0, false), &zero, &none, Reason::NotCovered);
}

#[test]
pub(crate) fn max_db_age() {
    let oldest = |hours| rules(|rules| rules.max_db_age = Some(SignedDuration::from_hours(hours)));
    let updated = |at| with(|scan| scan.scanner.db.as_mut().unwrap().last_update = at);
    let old = updated(Some(ago(3 * 3_600)));
    under("the rule", &old, oldest(3), oldest(2), Reason::DatabaseTooOld);
    between("no date", &oldest(2), &scan(), &updated(None), Reason::DatabaseTooOld);
    between("a date to come", &oldest(2), &scan(), &updated(Some(days(1))), Reason::DatabaseTooOld);
    let none = with(|scan| scan.scanner.db = None);
    between("no database", &oldest(2), &scan(), &none, Reason::DatabaseTooOld);
}

#[test]
pub(crate) fn require_complete() {
    let part = rules(|rules| rules.require_complete = false);
    let status = |status| with(|scan| scan.run.status = status);
    let filtered = with(|scan| scan.run.filtered = true);
    for scan in [status(ScanStatus::Partial), filtered] {
        under("the rule", &scan, part.clone(), ScanRules::new(), Reason::ScanIncomplete);
    }
    // Whoever accepts a part does not accept nothing.
    for nothing in [ScanStatus::Failed, ScanStatus::NotScanned, ScanStatus::Pending] {
        let partial = status(ScanStatus::Partial);
        between("nothing", &part, &partial, &status(nothing), Reason::ScanIncomplete);
    }
    let not_covered = with(|scan| scan.run.coverage.vulnerabilities = false);
    between("a list of packages", &part, &scan(), &not_covered, Reason::ScanIncomplete);
}

#[test]
pub(crate) fn min_components() {
    let least = |components| rules(|rules| rules.min_components = components);
    under("the rule", &scan(), least(3), least(4), Reason::TooFewComponents);
    let components = |count| with(|scan| scan.run.components = count);
    between("one by default", &ScanRules::new(), &scan(), &components(Some(0)), Reason::TooFewComponents);
    between("no number", &ScanRules::new(), &scan(), &components(None), Reason::TooFewComponents);
    under("nobody needs to know", &components(None), least(0), least(1), Reason::TooFewComponents);
}

#[test]
pub(crate) fn watches_and_violations() {
    let violation = |watch: &str, fails, ignored| {
        with(|scan| {
            let mut violation = Violation::new(ViolationKind::Security, Severity::High, "XRAY-1");
            violation.watch = watch.to_owned();
            violation.fail_build = fails;
            violation.ignored = ignored;
            scan.violations = vec![violation];
        })
    };
    let wanted = |watches: &[&str], fails| {
        rules(|rules| {
            rules.watches = watches.iter().map(|watch| (*watch).to_owned()).collect();
            rules.require_no_fail_build_violation = fails;
        })
    };
    let reason = Reason::ScannerPolicyViolated;
    let fails = violation("prod", true, false);
    under("the rule", &fails, ScanRules::new(), wanted(&[], true), reason);
    under("another watch", &fails, wanted(&["dev"], true), wanted(&["prod"], true), reason);
    between("it fails a build", &wanted(&[], true), &violation("prod", false, false), &fails, reason);
    between("ignored there", &wanted(&[], true), &violation("prod", true, true), &fails, reason);
    let harmless = violation("prod", false, false);
    under("any violation of a watch", &harmless, wanted(&["prod"], true), wanted(&["prod"], false), reason);
    let not = with(|scan| scan.run.coverage.violations = None);
    between("nobody looked", &wanted(&[], true), &scan(), &not, Reason::NotCovered);
}

#[test]
pub(crate) fn grace_period() {
    let grace = |days, from| but(|rules| rules.grace_period = Some(GracePeriod::new(days, from)));
    let dated = |published, fixed| {
        with(|scan| {
            scan.findings[0].published_on = published;
            scan.findings[0].fix_available_on = fixed;
        })
    };
    let reason = Reason::SeverityTooHigh;
    let known = dated(Some(days(-3)), Some(days(-1)));
    under("days", &known, grace(4, GraceStart::Published), grace(2, GraceStart::Published), reason);
    under("from when", &known, grace(2, GraceStart::FixAvailable), grace(2, GraceStart::Published), reason);
    let two = grace(2, GraceStart::Published);
    between("no date", &two, &dated(Some(days(-1)), None), &dated(None, Some(days(-1))), reason);
    between("a date to come", &two, &dated(Some(days(-1)), None), &dated(Some(days(1)), None), reason);
}

#[test]
pub(crate) fn scanners() {
    let named = |name: &str, version: Option<&str>| {
        rules(|rules| {
            let mut rule = waxseal_core::policy::ScannerRule::new(name);
            rule.min_version = version.map(ToOwned::to_owned);
            rules.scanners = vec![rule];
        })
    };
    for name in ["Scanner", "scanner", "pkg:generic/scanner"] {
        under(name, &scan(), named(name, None), named("another", None), Reason::OtherScanner);
    }
    under(
        "version",
        &scan(),
        named("Scanner", Some("2.5")),
        named("Scanner", Some("2.6")),
        Reason::ScannerTooOld,
    );
    let silent = with(|scan| scan.scanner.version.clear());
    between("no version", &named("Scanner", Some("2.5")), &scan(), &silent, Reason::ScannerTooOld);
}

/// A VEX document takes a finding away if its signer, its justification and its subject are those that count.
#[test]
pub(crate) fn vex() {
    let document = |status: &str, justification: &str| {
        format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","timestamp":"{}","statements":[{{"vulnerability":{{"name":"CVE-1"}},"status":"{status}","justification":"{justification}"}}]}}"#,
            ago(30)
        )
    };
    let rule = || VexRule::by(vec![trusted("vex")], vec!["vulnerable_code_not_present".to_owned()]).unwrap();
    let policy = || Policy::requiring(requirement(but(|rules| rules.vex = vec![rule()])));
    let case = |signer: &str, digest, text: &str| {
        let scan = attested(Format::Bundle, &key("security"), &statement(&scan()));
        let vex = attested(Format::Bundle, &key(signer), &about(digest, OPEN_VEX, text));
        Case::new(&policy(), [scan, vex])
    };
    let absent = "vulnerable_code_not_present";
    let good = || case("vex", image(), &document("not_affected", absent));
    let reason = Reason::SeverityTooHigh;
    pair("another key", &good(), &case("security", image(), &document("not_affected", absent)), reason);
    pair("another image", &good(), &case("vex", other_image(), &document("not_affected", absent)), reason);
    pair("affected", &good(), &case("vex", image(), &document("affected", absent)), reason);
    pair(
        "no such reason",
        &good(),
        &case("vex", image(), &document("not_affected", "inline_mitigations_already_exist")),
        reason,
    );
    pair(
        "unreadable",
        &good(),
        &case(
            "vex",
            image(),
            &document("not_affected", absent).replace("\"statements\":[", "\"statements\":[7,"),
        ),
        reason,
    );
    pair(
        "fixed",
        &case("vex", image(), &document("fixed", "")),
        &case("vex", image(), &document("under_investigation", "")),
        reason,
    );
    let no_rule = Policy::requiring(requirement(but(|_| {})));
    let vex =
        attested(Format::Bundle, &key("vex"), &about(image(), OPEN_VEX, &document("not_affected", absent)));
    let scanned = attested(Format::Bundle, &key("security"), &statement(&scan()));
    pair("the rule", &good(), &Case::new(&no_rule, [scanned, vex]), reason);
    assert_eq!(VexRule::by(vec![trusted("vex")], Vec::new()).unwrap_err().code(), "policy-scan-rule");
}

/// What cannot be meant is refused where the rules are made.
#[test]
pub(crate) fn rules_that_mean_nothing() {
    for (name, wrong) in [
        ("scanner", rules(|rules| rules.scanners = vec![waxseal_core::policy::ScannerRule::new(" ")])),
        ("unknown", rules(|rules| rules.unknown_severity_as = Severity::Unknown)),
        ("none", rules(|rules| rules.max_count = [(Severity::None, 1)].into())),
        ("unknown count", rules(|rules| rules.max_count = [(Severity::Unknown, 0)].into())),
        ("id", rules(|rules| rules.deny_ids = vec![String::new()])),
        ("watch", rules(|rules| rules.watches = vec![String::new()])),
        ("age", rules(|rules| rules.max_db_age = Some(SignedDuration::from_secs(-1)))),
        ("no licence", rules(|rules| rules.licenses = Some(LicenseRules::allow(Vec::new())))),
        ("both", {
            let mut both = LicenseRules::allow(vec!["MIT".to_owned()]);
            both.deny = vec!["ISC".to_owned()];
            rules(|rules| rules.licenses = Some(both))
        }),
    ] {
        let error = crate::attestations::make::wanted("scan", &["security"])
            .scan(wrong, Oldest::Unlimited)
            .unwrap_err();
        assert_eq!(error.code(), "policy-scan-rule", "{name}");
    }
    let other = crate::attestations::make::wanted("slsaprovenance1", &["security"])
        .scan(ScanRules::new(), Oldest::Unlimited);
    assert_eq!(other.unwrap_err().code(), "policy-no-scan");
}

/// A finding that a scanner gives no name and no severity is still one.
#[test]
pub(crate) fn a_finding_without_anything_counts() {
    let nothing = ScanFinding::new("", Severity::None, Package::default());
    let bad = with(|scan| scan.findings = vec![nothing]);
    let clean = with(|scan| scan.findings.clear());
    between("nothing", &at_most(Severity::None), &clean, &bad, Reason::SeverityTooHigh);
}
