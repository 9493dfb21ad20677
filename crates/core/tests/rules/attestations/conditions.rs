//! Y5: conditions on what a statement says. They are held against the newest alone, and only what is true passes.

use waxseal_core::policy::{AttestationRequirement, Condition, PolicyError};
use waxseal_core::predicate::CYCLONE_DX;
use waxseal_core::{Format, Policy, Reason, Verdict};

use super::make::{about, ago, attested, scan_predicate, scanned, wanted};
use crate::make::{BOTH, Case, admitted, annotations, changed, image, key, pair, refused};

const TYPE: &str = "https://example.com/review/v1";

fn review(condition: &str) -> AttestationRequirement {
    wanted(TYPE, &["release"]).condition(Condition::parse(condition).unwrap())
}

fn reviewed(condition: &str, predicate: &str) -> Case {
    let statement = about(image(), TYPE, predicate);
    Case::new(&Policy::requiring(review(condition)), [attested(Format::Bundle, &key("release"), &statement)])
}

#[test]
pub(crate) fn y5_only_what_is_true_passes() {
    for (condition, good, bad) in [
        ("predicate.result == 'PASSED'", r#"{"result":"PASSED"}"#, r#"{"result":"FAILED"}"#),
        ("predicate.reviewers.size() >= 2", r#"{"reviewers":["a","b"]}"#, r#"{"reviewers":["a"]}"#),
        (
            "predicate.checks.all(c, c.ok)",
            r#"{"checks":[{"ok":true}]}"#,
            r#"{"checks":[{"ok":true},{"ok":false}]}"#,
        ),
        ("!has(predicate.waived)", "{}", r#"{"waived":null}"#),
    ] {
        pair(condition, &reviewed(condition, good), &reviewed(condition, bad), Reason::ConditionNotMet);
    }
}

#[test]
pub(crate) fn y5_an_error_refuses() {
    let good = r#"{"result":"PASSED","count":2}"#;
    for (condition, bad) in [
        ("predicate.result == 'PASSED'", r#"{"Result":"PASSED"}"#),
        ("predicate.count > 1", r#"{"result":"PASSED","count":"2"}"#),
        ("has(predicate.count) ? predicate.count > 1 : predicate.result", r#"{"result":"PASSED"}"#),
    ] {
        pair(condition, &reviewed(condition, good), &reviewed(condition, bad), Reason::ConditionError);
    }
    let many = format!(r#"{{"list":[{}]}}"#, vec!["1"; 400].join(","));
    let few = r#"{"list":[1,1]}"#;
    let condition = "predicate.list.all(a, predicate.list.all(b, a == b))";
    pair("too many turns", &reviewed(condition, few), &reviewed(condition, &many), Reason::ConditionError);
}

/// A refusal says what was asked, and why it has no answer.
#[test]
fn y5_a_refusal_says_what_was_asked() {
    let miss = |case: Case| {
        let verdict = case.verdict();
        let miss = verdict.nearest_miss().unwrap().clone();
        (miss.expected.unwrap(), miss.found.unwrap())
    };
    let condition = "predicate.result == 'PASSED'";
    assert_eq!(
        miss(reviewed(condition, r#"{"result":"no"}"#)),
        (condition.to_owned(), "it is false".to_owned())
    );
    assert_eq!(miss(reviewed(condition, "{}")), (condition.to_owned(), "there is no \"result\"".to_owned()));
}

/// What can be asked about, each from the signed statement and nothing else.
#[test]
fn y5_conditions_speak_of_the_verified_statement() {
    let name = crate::make::REPOSITORY;
    let hex = image().hex();
    let statement = changed(
        &about(image(), TYPE, "{}"),
        "\"digest\"",
        "\"annotations\":{\"stage\":\"release\"},\"digest\"",
    );
    for (condition, holds) in [
        (format!("predicateType == '{TYPE}'"), true),
        (format!("subject.name == '{name}'"), true),
        (format!("subject.digest.sha256 == '{hex}'"), true),
        ("annotations.stage == 'release' && subject.annotations == annotations".to_owned(), true),
        ("annotations.stage == 'debug'".to_owned(), false),
        ("subject.digest.sha256 == ''".to_owned(), false),
    ] {
        for format in BOTH {
            let policy = Policy::requiring(review(&condition));
            let case = Case::new(&policy, [attested(format, &key("release"), &statement)]);
            if holds {
                admitted(&condition, &case.verdict());
            } else {
                refused(&condition, &case.verdict(), Reason::ConditionNotMet);
            }
        }
    }
}

/// N1: the newest is selected first; an older one on which the condition holds does not help.
#[test]
fn n1_conditions_are_held_against_the_newest() {
    let policy = Policy::requiring(
        wanted("vuln", &["release"]).condition(Condition::parse("predicate.scanner.version == '2'").unwrap()),
    );
    let with = |time, version: &str| {
        let predicate = scan_predicate("pkg:generic/scanner", &ago(time).to_string())
            .replace("\"uri\"", &format!("\"version\":\"{version}\",\"uri\""));
        attested(Format::Bundle, &key("release"), &about(image(), waxseal_core::predicate::VULN, &predicate))
    };
    let good = Case::new(&policy, [with(100, "1"), with(50, "2")]);
    let bad = Case::new(&policy, [with(100, "2"), with(50, "1")]);
    pair("the newest", &good, &bad, Reason::ConditionNotMet);
}

/// S1: of what nothing takes back, one statement meets all of it; two that meet a half each do not add up.
#[test]
fn s1_one_statement_meets_every_condition() {
    let both = review("predicate.a == 1").condition(Condition::parse("predicate.b == 2").unwrap());
    let policy = Policy::requiring(both);
    let statement =
        |predicate: &str| attested(Format::Bundle, &key("release"), &about(image(), TYPE, predicate));
    let good = Case::new(&policy, [statement(r#"{"a":1}"#), statement(r#"{"a":1,"b":2}"#)]);
    let bad = Case::new(&policy, [statement(r#"{"a":1,"b":1}"#), statement(r#"{"a":2,"b":2}"#)]);
    pair("two halves", &good, &bad, Reason::ConditionNotMet);
}

/// A statement with several subjects that match: one of them meets the annotations and the condition.
#[test]
fn s1_one_subject_meets_all_of_it() {
    let policy = Policy::requiring(
        review("subject.name.endsWith('/b')").annotations(annotations(&[("stage", "release")])),
    );
    let hex = image().hex();
    let with = |annotated: &str, other: &str| {
        let statement = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"r.example.com/{annotated}","annotations":{{"stage":"release"}},"digest":{{"sha256":"{hex}"}}}},{{"name":"r.example.com/{other}","digest":{{"sha256":"{hex}"}}}}],"predicateType":"{TYPE}","predicate":{{}}}}"#
        );
        Case::new(&policy, [attested(Format::Bundle, &key("release"), &statement)])
    };
    pair("name and annotation", &with("b", "a"), &with("a", "b"), Reason::ConditionNotMet);
}

#[test]
fn y5_what_is_no_condition_is_no_policy() {
    for text in [
        "",
        "predicate.result = 'PASSED'",
        "result == 'PASSED'",
        "predicate.now()",
        "predicate.list.all(a, true).all(b, predicate.list.all(c, predicate.list.all(d, true)))",
        "predicate.text.matches('(')",
        "{'a': 1}.a == 1",
        "1u == 1",
        "b'a' == 'a'",
        "predicate.?a == 1",
        "predicate.all(predicate, true)",
        "predicate.all(a, predicate.all(a, true))",
        "predicate.all(for, true)",
        "has(predicate)",
        "predicate result",
        "predicate.size(1)",
        "type(predicate) == type(1)",
    ] {
        let found = Condition::parse(text);
        assert!(matches!(found, Err(PolicyError::Condition { .. })), "{text}");
    }
    let Err(PolicyError::Condition { at, why }) = Condition::parse("predicate.a == 1 && pred.b") else {
        panic!()
    };
    assert_eq!(at, 20);
    assert!(why.contains("\"pred\"") && why.contains("predicateType"), "{why}");
}

/// The condition is part of what the policy's digest covers, and of its words.
#[test]
fn y3_the_digest_of_a_policy_covers_its_conditions() {
    let with = |condition: &str| Policy::requiring(review(condition));
    assert_eq!(with("predicate.a == 1").digest(), with("predicate.a == 1").digest());
    assert_ne!(with("predicate.a == 1").digest(), with("predicate.a == 2").digest());
    assert_ne!(with("true").digest(), Policy::requiring(wanted(TYPE, &["release"])).digest());
    assert!(with("predicate.a == 1").requirements()[0].describe().ends_with("where predicate.a == 1"));
}

/// Y6: a type that carries a result, and nothing that looks at it.
#[test]
fn y6_a_result_that_nobody_reads() {
    let unread = |kind: &str| wanted(kind, &["release"]).reads_results();
    for kind in [
        "vuln",
        "scan",
        "https://slsa.dev/verification_summary/v1",
        "https://in-toto.io/attestation/test-result/v0.1",
        "https://in-toto.io/attestation/svr/v0.1",
    ] {
        let predicate_type = kind.parse::<waxseal_core::PredicateType>().unwrap().to_string();
        assert_eq!(unread(kind), Err(PolicyError::ResultUnread { predicate_type }));
        let read = wanted(kind, &["release"]).condition(Condition::parse("predicate.result == 'x'").unwrap());
        assert_eq!(read.reads_results(), Ok(()));
    }
    for kind in [CYCLONE_DX, "slsaprovenance1", "openvex"] {
        assert_eq!(unread(kind), Ok(()));
    }
    // At a command line it is said.
    let verdict = |wanted: AttestationRequirement| -> Verdict {
        Case::new(&Policy::requiring(wanted), [attested(Format::Bundle, &key("release"), &scanned(ago(10)))])
            .verdict()
    };
    let silent = verdict(wanted("vuln", &["release"]));
    assert!(silent.report().unchecked.contains(&"attested-result"));
    let asked = wanted("vuln", &["release"]).condition(Condition::parse("has(predicate.scanner)").unwrap());
    assert!(!verdict(asked).report().unchecked.contains(&"attested-result"));
}
