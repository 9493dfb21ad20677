//! What a policy file may hold at most: whatever is beyond is refused, at once, and never in part.

#![expect(clippy::disallowed_methods, reason = "the core has no clock, its tests have one")]

use std::time::{Duration, Instant};

use waxseal_core::limits::{POLICY_ALIASES, POLICY_BYTES, POLICY_DEPTH, POLICY_LIST, POLICY_TEXT_BYTES};
use waxseal_core::policy::RepositoryGlob;
use waxseal_core::policy::file::PolicyFile;

use super::make::{POLICY, problems, with};

/// The time within which hostile files are refused; without the compiler's optimisation it takes some times as long.
const SOON: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 100 });

fn refused(name: &str, text: &[u8], code: &str) {
    // The slowest of three is the machine's doing.
    let took = (0..3).map(|_| {
        let start = Instant::now();
        let error = PolicyFile::parse(text).unwrap_err();
        let took = start.elapsed();
        assert_eq!(error.problems()[0].code.code(), code, "{name}: {}", error.problems()[0]);
        took
    });
    let took = took.min().unwrap();
    assert!(took < SOON, "{name}: {took:?}");
}

#[test]
fn bombs_are_refused_at_once() {
    let laughs = |levels: usize, width: usize| {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..levels {
            let inner = vec![format!("*a{}", level - 1); width].join(", ");
            text = format!("{text}a{level}: &a{level} [{inner}]\n");
        }
        text
    };
    refused("a billion laughs", laughs(10, 9).as_bytes(), "too-many-nodes");
    refused("many aliases", format!("- &a b\n{}", "- *a\n".repeat(1_000)).as_bytes(), "alias");
    refused("laughs within the budget of aliases", laughs(9, 7).as_bytes(), "too-many-nodes");
    let long = "x".repeat(POLICY_TEXT_BYTES);
    let texts = format!(
        "a: &a {long}\nb: &b [{0}]\nc: &c [{1}]\nd: [{2}]\n",
        ["*a"; 20].join(", "),
        ["*b"; 20].join(", "),
        ["*c"; 20].join(", ")
    );
    refused("laughs of texts", texts.as_bytes(), "too-many-nodes");
    refused("a loop", b"a: &a [*a]\n", "alias");
    refused("a loop of two", b"a: &a { b: &b [*a] }\n", "alias");
    refused("an alias of nothing", b"a: *b\n", "syntax");
    refused("deep lists", "[".repeat(100_000).as_bytes(), "syntax");
    refused("deep mappings", "{a: ".repeat(100_000).as_bytes(), "syntax");
    let blocks: Vec<_> = (0..1_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    refused("deep blocks", blocks.concat().as_bytes(), "syntax");
    refused("a scalar of 50 MiB", "x".repeat(50 << 20).as_bytes(), "too-large");
    refused(
        "a quoted scalar of 50 MiB",
        format!("name: \"{}\"", "x".repeat(50 << 20)).as_bytes(),
        "too-large",
    );
    refused("many values", "- a\n".repeat(200_000).as_bytes(), "too-many-nodes");
    refused("a scalar of 1 MiB", "x".repeat(1 << 20).as_bytes(), "wrong-type");
    refused("many documents", "--- a\n".repeat(100_000).as_bytes(), "documents");
    let anchors: Vec<_> = (0..30_000).map(|at| format!("- &a{at} b\n")).collect();
    refused("many anchors", anchors.concat().as_bytes(), "wrong-type");
    refused("many tags", "- !a b\n".repeat(10_000).as_bytes(), "tag");
    refused("many directives", "%TAG !a! b\n".repeat(10_000).as_bytes(), "syntax");
}

#[test]
fn each_limit_has_two_sides() {
    let deep = |levels: usize| format!("{}x{}", "[".repeat(levels), "]".repeat(levels));
    let code = |text: &str| PolicyFile::parse(text.as_bytes()).unwrap_err().problems()[0].code.code();
    assert_eq!(code(&deep(POLICY_DEPTH)), "wrong-type");
    assert_ne!(code(&deep(POLICY_DEPTH + 1)), "wrong-type");

    let aliases = |count: usize| {
        with(
            "[\"registry.example.com/prod/**\"]",
            &format!("[&a \"registry.example.com/prod/**\"{}]", ", *a".repeat(count)),
        )
    };
    assert_eq!(problems(&aliases(POLICY_ALIASES)), []);
    assert_eq!(problems(&aliases(POLICY_ALIASES + 1))[0].code.code(), "alias");

    let many = |count: usize| {
        with(
            "[\"registry.example.com/prod/**\"]",
            &format!("[{}]", vec!["registry.example.com/*"; count].join(", ")),
        )
    };
    assert_eq!(problems(&many(POLICY_LIST)), []);
    assert_eq!(problems(&many(POLICY_LIST + 1))[0].code.code(), "too-many-items");

    let named = |length: usize| with("name: production", &format!("name: {}", "x".repeat(length)));
    assert_eq!(problems(&named(POLICY_TEXT_BYTES)), []);
    assert_eq!(problems(&named(POLICY_TEXT_BYTES + 1))[0].code.code(), "text");

    let filled = |length: usize| format!("{POLICY}#{}", "x".repeat(length - POLICY.len() - 1));
    let most = usize::try_from(POLICY_BYTES).unwrap();
    assert_eq!(problems(&filled(most)), []);
    assert_eq!(problems(&filled(most + 1))[0].code.code(), "too-large");
}

#[test]
fn catastrophic_patterns_end() {
    let name = format!("localhost/{}", "a/".repeat(110) + "a").parse().unwrap();
    let stars = format!("localhost/{}b", "**/".repeat(80));
    let inner = format!("localhost/{}/b", vec!["*a*a*"; 40].join("/"));
    for pattern in [stars, inner, format!("localhost/{}b", "*a".repeat(100))] {
        let start = Instant::now();
        let glob: RepositoryGlob = pattern.parse().unwrap();
        assert!(!glob.matches(&name));
        assert!(start.elapsed() < SOON, "{pattern}");
    }
    let policy = with(
        "[\"registry.example.com/prod/**\"]",
        &format!("[{}]", vec![format!("localhost/{}b", "**/".repeat(80)); 1_000].join(", ")),
    );
    let start = Instant::now();
    let _ = problems(&policy);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
