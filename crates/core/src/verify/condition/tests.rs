use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn facts() -> Facts {
    Facts {
        predicate: json!({
            "result": "PASSED",
            "count": 3,
            "score": 7.5,
            "whole": 3.0,
            "big": 18_446_744_073_709_551_615_u64,
            "none": null,
            "ok": true,
            "name": "ünï",
            "at": "2026-01-31T12:00:00Z",
            "in": "a word",
            "list": [1, 2, 3],
            "mixed": [1, "x", null, {"id": 1}],
            "findings": [{"id": "CVE-1", "severity": "High", "fix": "1.2"}, {"id": "CVE-2", "severity": "Low"}],
            "map": {"a": 1, "b": {"c": [true]}},
        }),
        predicate_type: "https://example.com/t/v1".to_owned(),
        subject: json!({"name": "registry.example.com/app", "digest": {"sha256": "00"}, "annotations": {"stage": "prod"}}),
        annotations: json!({"stage": "prod"}),
    }
}

fn holds(text: &str) -> Result<bool, String> {
    super::holds(&Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")), &facts())
}

/// What the `cel` crate says of it: none for an error.
fn oracle(text: &str) -> Option<bool> {
    fn value(json: &Json) -> cel::Value {
        match json {
            Json::Number(number) if number.as_i64().is_some() => cel::Value::Int(number.as_i64().unwrap()),
            Json::Number(number) => cel::Value::Float(number.as_f64().unwrap()),
            Json::Array(items) => cel::Value::List(items.iter().map(value).collect::<Vec<_>>().into()),
            Json::Object(map) => cel::Value::Map(
                map.iter()
                    .map(|(name, json)| (name.clone(), value(json)))
                    .collect::<std::collections::HashMap<_, _>>()
                    .into(),
            ),
            Json::String(text) => cel::Value::String(text.clone().into()),
            Json::Bool(value) => cel::Value::Bool(*value),
            Json::Null => cel::Value::Null,
        }
    }
    let facts = facts();
    let mut context = cel::Context::default();
    context.add_variable_from_value("predicate", value(&facts.predicate));
    context.add_variable_from_value("predicateType", facts.predicate_type);
    context.add_variable_from_value("subject", value(&facts.subject));
    context.add_variable_from_value("annotations", value(&facts.annotations));
    let program = cel::Program::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    match program.execute(&context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        _ => None,
    }
}

const TRUE: &[&str] = &[
    "true",
    "predicate.result == 'PASSED'",
    "predicate['result'] == \"PASSED\"",
    "predicateType == 'https://example.com/t/v1'",
    "subject.name.startsWith('registry.example.com/')",
    "subject.digest.sha256 == '00'",
    "annotations.stage == 'prod' && subject.annotations.stage == annotations['stage']",
    "predicate.count == 3 && predicate.count == 3.0 && predicate.whole == 3",
    "predicate.count < 3.5 && 3.5 > predicate.count && predicate.score >= 7",
    "predicate.count + 1 == 4 && predicate.count * 2 - 1 == 5 && 7 / 2 == 3 && -7 % 3 == -1",
    "predicate.score + 0.5 == 8.0 && -predicate.score < 0.0 && predicate.score / 2.0 == 3.75",
    "-9223372036854775808 < 0",
    "predicate.count != '3' && predicate.none == null && predicate.list != {}.size() || true",
    "size(predicate.name) == 3 && predicate.name.size() == 3 && size(predicate.list) == 3 && size(predicate.map) == 2",
    "has(predicate.result) && !has(predicate.missing) && has(predicate.none) && has(predicate.map.b.c)",
    "'PASSED' in ['PASSED', 'WARN'] && 2 in predicate.list && !(4 in predicate.list) && 'a' in predicate.map",
    "3.0 in predicate.list && predicate.list == [1, 2.0, 3] && [[1]] != [[2]]",
    "predicate.list[0] == 1 && predicate.map.b.c[0]",
    "predicate.findings.all(f, f.severity in ['High', 'Low'])",
    "predicate.findings.exists(f, f.id == 'CVE-2')",
    "predicate.findings.exists_one(f, f.severity == 'High')",
    "predicate.findings.filter(f, has(f.fix)).map(f, f.id) == ['CVE-1']",
    "predicate.findings.map(f, f.severity == 'Low', f.id) == ['CVE-2']",
    "predicate.map.all(name, name in ['a', 'b'])",
    "predicate.findings.all(f, predicate.list.exists(n, n == 3 && f.id != ''))",
    "[].all(x, false) && ![].exists(x, true)",
    "predicate.missing == 1 || true",
    "true || predicate.missing == 1",
    "!(predicate.missing == 1 && false)",
    "predicate.findings.exists(f, f.fix == '1.2')",
    "!predicate.mixed.all(x, x.id == 2)",
    "(predicate.ok ? 'a' : 'b') == 'a' && (false ? predicate.missing : true)",
    "predicate.result.contains('ASS') && predicate.result.endsWith('SED') && 'a' < 'b' && 'ab' + 'c' == 'abc'",
    "[1] + [2] == [1, 2] && false < true",
    "int('12') == 12 && int(3.9) == 3 && int(-3.9) == -3 && double('1.5') == 1.5 && double(2) == 2.0",
    "string(12) == '12' && string(true) == 'true' && string('x') == 'x'",
    "1 == 1 ? true : false ? false : false",
    "!(1 > 2) && !!true && 1 - -1 == 2 && --1 == 1",
    "r'\\d' == '\\\\d' && '''a''' == \"a\" && '\\u00e9' == 'é' // a comment",
    "predicate.big > 9223372036854775807",
];

const NOT_TRUE: &[&str] = &[
    "false",
    "predicate.result == 'FAILED'",
    "predicate.result == 'passed'",
    "predicate.count > 3",
    "predicate.list == [1, 2]",
    "predicate.map == predicate",
    "'c' in predicate.map",
    "predicate.findings.all(f, f.severity == 'High')",
    "predicate.findings.exists_one(f, true)",
    "predicate.count != 3",
];

const ERRORS: &[&str] = &[
    "predicate.missing == 'PASSED'",
    "predicate.missing.deeper",
    "has(predicate.missing.deeper)",
    "predicate.result",
    "1",
    "null",
    "[true]",
    "predicate.none",
    "predicate.result && true",
    "1 || false",
    "!1",
    "predicate.count + 1.0 == 4.0",
    "predicate.count < 'a'",
    "predicate.list < predicate.list",
    "9223372036854775807 + 1 > 0",
    "1 / 0 == 1",
    "1 % 0 == 1",
    "predicate.list[3] == 1",
    "predicate.list[-1] == 1",
    "predicate.list['a'] == 1",
    "predicate.result[0] == 'P'",
    "1 in 'a'",
    "size(1) == 1",
    "predicate.count.startsWith('3')",
    "predicate.result.all(c, true)",
    "predicate.findings.all(f, f.fix != '')",
    "predicate.findings.exists_one(f, f.fix == '1.2')",
    "int('x') == 1",
    "int(1e300) == 1",
    "'a' ? true : false",
    "predicate.mixed.exists(x, x.id == 2)",
    "-predicate.result == 1",
];

#[test]
fn only_what_is_true_holds() {
    for text in TRUE.iter().filter(|text| !text.contains("{}")) {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    for text in NOT_TRUE {
        assert_eq!(holds(text), Ok(false), "{text}");
    }
    for text in ERRORS {
        assert!(holds(text).is_err(), "{text}");
    }
}

#[test]
fn another_implementation_of_cel_says_the_same() {
    for (texts, expected) in [(TRUE, Some(true)), (NOT_TRUE, Some(false)), (ERRORS, None)] {
        for text in texts {
            assert_eq!(oracle(text), expected, "{text}");
        }
    }
}

#[test]
fn patterns_and_times_are_compared() {
    for (text, expected) in [
        ("predicate.result.matches('^PASS(ED)?$')", true),
        ("predicate.result.matches('^ASS')", false),
        ("matches(predicate.result, 'ASS')", true),
        ("timestamp(predicate.at) > timestamp('2026-01-31T11:59:59+00:00')", true),
        ("timestamp(predicate.at) == timestamp('2026-01-31T13:00:00+01:00')", true),
        ("timestamp(predicate.at) < timestamp('2026-01-01T00:00:00Z')", false),
        ("int(timestamp('1970-01-01T00:01:00Z')) == 60", true),
        ("string(timestamp('1970-01-01T00:01:00Z')) == '1970-01-01T00:01:00Z'", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
    for text in [
        "predicate.count.matches('3')",
        "timestamp('yesterday') == timestamp(predicate.at)",
        "timestamp(3) == 3",
    ] {
        assert!(holds(text).is_err(), "{text}");
    }
}

#[test]
fn numbers_of_two_kinds_compare_exactly() {
    for (text, expected) in [
        ("9007199254740993 == 9007199254740992.0", false),
        ("9007199254740993 > 9007199254740992.0", true),
        ("9223372036854775807 < 9223372036854775808.0", true),
        ("-9223372036854775808 == -9223372036854775808.0", true),
        ("-3 > -3.5", true),
        ("-4 < -3.5", true),
        ("3 < 3.5 && 4 > 3.5", true),
        ("double('nan') == double('nan')", false),
        ("1 < double('nan') || 1 >= double('nan')", false),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

/// Must show: a condition that does not end is refused at once.
#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn what_does_not_end_is_refused_at_once() {
    let long = json!({ "list": vec!["a".repeat(64); 50_000], "text": "a".repeat(1 << 20) });
    let facts = Facts { predicate: long, ..facts() };
    let deep = |open: &str, close: &str| format!("{}true{}", open.repeat(1000), close.repeat(1000));
    // Refused when they are read.
    for text in [
        "predicate.list.all(a, predicate.list.all(b, predicate.list.all(c, a == b || b == c)))",
        "'aaaaaaaaaaaaaaaaaaaaaaaa!'.matches('(a{1,1000}){1,1000}!')",
        "predicate.text.matches(predicate.text)",
        &deep("(", ")"),
        &deep("[", "]"),
        &deep("!", ""),
        &format!("{}true", "true ? ".repeat(500)),
        &format!("{}1 == 1", "1 + ".repeat(1000)),
        &format!("predicate{}", ".a".repeat(1000)),
        &format!("predicate{}", "[0]".repeat(1000)),
        &format!("{}1 == 1", "-".repeat(3000)),
        &"a".repeat(5000),
        &"(".repeat(4000),
    ] {
        let start = Instant::now();
        let found = Condition::parse(text);
        assert!(start.elapsed() < Duration::from_millis(100), "{text}");
        assert!(matches!(found, Err(crate::policy::PolicyError::Condition { .. })), "{text}");
    }
    // Refused when they are evaluated: errors that nothing beside them can make true.
    let doubling = "[predicate.text]".to_owned() + &".map(x, x + x + x + x)".repeat(20) + ".size() == 0";
    for text in [
        "predicate.list.all(a, predicate.list.all(b, a == b))",
        "predicate.list.all(a, [1, 2, 3].all(b, a != ''))",
        "predicate.list.all(a, predicate.text.contains(a + '!') || true)",
        "predicate.list.map(a, predicate.list).size() == 50000 && (predicate.list + predicate.list).all(a, predicate.list == predicate.list)",
        &doubling,
    ] {
        for text in [text.to_owned(), format!("({text}) || true"), format!("!(({text}) && false)")] {
            let condition = Condition::parse(&text).unwrap();
            let start = Instant::now();
            let found = super::holds(&condition, &facts);
            let took = start.elapsed();
            assert!(
                found.as_ref().is_err_and(|why| why.contains("limit") || why.contains("steps")),
                "{text}: {found:?}"
            );
            // Unoptimised, beside other tests.
            assert!(took < Duration::from_secs(2), "{text}: {took:?}");
        }
    }
    let condition = Condition::parse("predicate.list.all(a, a.startsWith('a') && a != 'b')").unwrap();
    assert_eq!(super::holds(&condition, &facts), Ok(true));
}

/// Expressions of small parts, right and wrong ones.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "predicate.result",
        "predicate.count",
        "predicate.score",
        "predicate.none",
        "predicate.ok",
        "predicate.list",
        "predicate.missing",
        "predicate.mixed",
        "predicate.map",
        "predicate.map.b",
        "'PASSED'",
        "''",
        "1",
        "2.0",
        "0",
        "-1",
        "true",
        "false",
        "null",
        "[1, 2]",
        "[]",
        "subject.name",
        "predicate.findings",
        "predicate.whole",
    ])
    .prop_map(ToOwned::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let operator = prop::sample::select(vec![
            "==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*", "/", "%", "in",
        ]);
        let function = prop::sample::select(vec!["size", "int", "string"]);
        let member = prop::sample::select(vec!["contains", "startsWith", "endsWith"]);
        let looping = prop::sample::select(vec!["all", "exists", "exists_one", "filter", "map"]);
        prop_oneof![
            (two.clone(), operator)
                .prop_map(|((left, right), operator)| format!("({left}) {operator} ({right})")),
            (two.clone(), member).prop_map(|((left, right), member)| format!("({left}).{member}({right})")),
            (inner.clone(), function).prop_map(|(of, function)| format!("{function}({of})")),
            (two.clone(), looping).prop_map(|((over, body), looping)| {
                format!("({over}).{looping}(x, (x == 1) || ({body}) == x)")
            }),
            (inner.clone(), two.clone()).prop_map(|(a, (b, c))| format!("({a}) ? ({b}) : ({c})")),
            two.prop_map(|(of, at)| format!("({of})[{at}]")),
            inner.clone().prop_map(|of| format!("!({of})")),
            inner.prop_map(|of| format!("has(({of}).id)")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// What holds for us holds for another implementation of CEL, and the other way round.
    #[test]
    fn random_expressions_mean_the_same(text in expressions()) {
        if let Ok(condition) = Condition::parse(&text) {
            prop_assert_eq!(super::holds(&condition, &facts()).ok(), oracle(&text), "{}", text);
        }
    }

    /// Nothing that anybody writes makes the reader fall over.
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z().,\\[\\]?:!&|=<>+*/%'\"\\\\ 0-9rbu\\-\n]{0,80}") {
        let _ = Condition::parse(&text);
    }
}
