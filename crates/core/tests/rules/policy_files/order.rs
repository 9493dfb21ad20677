//! Properties of whole files: a requirement more never helps, order never matters, a key twice never counts twice.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use waxseal_core::Verdict;
use waxseal_core::verify::Outcome;

use super::make::parse;
use super::world::{Of, World, load};

thread_local! {
    static WORLD: World = World::new();
}

const KEYS: &str = "apiVersion: waxseal/v1
kind: Policy
name: generated
keys: { release: release.pub, alice: alice.pub, bob: bob.pub, carol: carol.pub, builder: builder.pub, second: second.pub }
";

/// A requirement, with `by` apart, so that its order can be changed.
#[derive(Clone, Debug)]
struct Wanted {
    attested: bool,
    by: Vec<&'static str>,
    threshold: usize,
    name: &'static str,
    staged: bool,
}

#[derive(Clone, Debug)]
struct Written {
    images: &'static str,
    mode: &'static str,
    require: Vec<Wanted>,
}

impl Wanted {
    fn text(&self) -> String {
        let staged = if self.staged { ", annotations: { stage: release }" } else { "" };
        let kind =
            if self.attested { "attestation: { type: https://example.com/build/v1," } else { "signature: {" };
        format!(
            "      - {kind} by: [{}], threshold: {}, signedFor: {}{staged} }}\n",
            self.by.join(", "),
            self.threshold,
            self.name
        )
    }
}

fn text(rules: &[Written]) -> String {
    let rule = |rule: &Written| {
        let require: String = rule.require.iter().map(Wanted::text).collect();
        format!("  - images: [\"{}\"]\n    mode: {}\n    require:\n{require}", rule.images, rule.mode)
    };
    format!("{KEYS}rules:\n{}", rules.iter().map(rule).collect::<String>())
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let by = |names: Vec<&'static str>| subsequence(names, 1..=3).prop_shuffle();
    let signed = (Just(false), by(vec!["release", "alice", "bob", "carol"]));
    let attested = (Just(true), by(vec!["builder", "second", "release"]));
    let names = select(vec!["any", "same", "[\"registry.example.com/prod/*\"]"]);
    (prop_oneof![signed, attested], any::<Index>(), names, any::<bool>()).prop_map(
        |((attested, by), at, name, staged)| {
            let threshold = at.index(by.len()) + 1;
            Wanted { attested, by, threshold, name, staged }
        },
    )
}

fn written() -> impl Strategy<Value = Written> {
    let images =
        select(vec!["registry.site.local/**", "registry.site.local/prod/*", "registry.site.local/qa/*"]);
    let mode = select(vec!["enforce", "enforce", "warn"]);
    (images, mode, proptest::collection::vec(wanted(), 1..4)).prop_map(|(images, mode, require)| Written {
        images,
        mode,
        require,
    })
}

fn rules() -> impl Strategy<Value = Vec<Written>> {
    proptest::collection::vec(written(), 1..4)
}

/// Rules with everything in them in another order.
fn turned(rules: Vec<Written>) -> impl Strategy<Value = Vec<Written>> {
    let one = |rule: Written| {
        let require: Vec<_> = rule
            .require
            .into_iter()
            .map(|wanted| {
                Just(wanted.by.clone()).prop_shuffle().prop_map(move |by| Wanted { by, ..wanted.clone() })
            })
            .collect();
        let (images, mode) = (rule.images, rule.mode);
        require.prop_flat_map(|require| Just(require).prop_shuffle()).prop_map(move |require| Written {
            images,
            mode,
            require,
        })
    };
    let all: Vec<_> = rules.into_iter().map(one).collect();
    all.prop_flat_map(|all| Just(all).prop_shuffle())
}

fn judge(rules: &[Written]) -> Verdict {
    let set = load(&text(rules)).unwrap_or_else(|error| panic!("{error}\n{}", text(rules)));
    WORLD.with(|world| world.verdict(&set, Of::Image))
}

fn badness(verdict: &Verdict) -> u8 {
    match verdict.outcome() {
        Outcome::Admit => u8::from(verdict.verified().is_none()),
        Outcome::Undecided => 2,
        _ => 3,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_requirement_more_never_helps(rules in rules(), at in any::<Index>(), more in wanted()) {
        let before = judge(&rules);
        let mut longer = rules.clone();
        let at = at.index(longer.len());
        longer[at].require.push(more);
        let after = judge(&longer);
        prop_assert!(badness(&after) >= badness(&before), "{:?} {:?}\n{}", before.outcome(), after.outcome(), text(&longer));
    }

    #[test]
    fn the_order_of_rules_requirements_and_keys_changes_nothing(
        (rules, turned) in rules().prop_flat_map(|rules| (Just(rules.clone()), turned(rules))),
    ) {
        let (first, second) = (judge(&rules), judge(&turned));
        prop_assert_eq!(first.outcome(), second.outcome());
        prop_assert_eq!(first.basis().map(waxseal_core::verify::Basis::name), second.basis().map(waxseal_core::verify::Basis::name));
        let reason = |verdict: &Verdict| verdict.nearest_miss().map(|finding| finding.reason);
        prop_assert_eq!(reason(&first), reason(&second));
    }

    /// Neither in `by`, nor under a second name.
    #[test]
    fn a_key_twice_never_helps_a_threshold(mut wanted in wanted(), at in any::<Index>()) {
        let twice = wanted.by[at.index(wanted.by.len())];
        wanted.by.push(twice);
        let rule = |wanted: Wanted| text(&[Written { images: "registry.site.local/**", mode: "enforce", require: vec![wanted] }]);
        let error = parse(&rule(wanted.clone())).unwrap_err();
        prop_assert_eq!(error.problems()[0].code.code(), "key-named-twice");
        wanted.by.pop();
        wanted.by.push("again");
        let again = rule(wanted).replace("keys: {", &format!("keys: {{ again: {twice}.pub,"));
        prop_assert_eq!(load(&again).unwrap_err().problems()[0].code.code(), "same-key-twice");
    }
}
