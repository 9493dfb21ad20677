//! Y and V: which rules of a policy file an image is judged by, and what they say together.

use jiff::{SignedDuration, Timestamp};
use waxseal_core::policy::{
    Exemption, Mirror, Mode, PolicyError, PolicySet, PolicySetBuilder, Rule, RulePlatforms, Selector,
    SignedFor, Unmatched,
};
use waxseal_core::verify::{Basis, Outcome, PlatformVerdict};
use waxseal_core::{
    Candidate, Digest, Evidence, Format, PinnedRef, Policy, Reason, Repository, Subject, Verdict, Verifier,
};
use waxseal_testkit::rng::now;
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder};

use crate::make::{
    REPOSITORY, admitted, by, by_release, image, key, other_image, refused, signed, signed_as, undecided,
    unreadable,
};

const PROD: &str = "registry.example.com/prod/**";

fn rule(glob: &str, policy: Policy) -> Rule {
    Rule::new(vec![glob.parse().unwrap()], policy).unwrap()
}

fn set(rules: impl IntoIterator<Item = Rule>) -> PolicySet {
    rules.into_iter().fold(PolicySet::new("test"), PolicySetBuilder::rule).build().unwrap()
}

fn pinned(repository: &str) -> PinnedRef {
    repository.parse::<Repository>().unwrap().pin(image())
}

/// What the set says of an image, with this evidence, in this namespace.
struct Question<'a> {
    set: &'a PolicySet,
    pinned: PinnedRef,
    evidence: Evidence,
    namespace: Option<&'a str>,
    now: Timestamp,
    exemptions: bool,
}

impl<'a> Question<'a> {
    fn new(set: &'a PolicySet, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        let mut evidence = Evidence::new();
        evidence.candidates.extend(candidates);
        Self { set, pinned: pinned(REPOSITORY), evidence, namespace: None, now: now(), exemptions: true }
    }

    fn of(mut self, repository: &str) -> Self {
        self.pinned = pinned(repository);
        self
    }

    fn within(mut self, namespace: &'a str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    fn verdict(&self) -> Verdict {
        let selector = Selector::new(&self.pinned, self.now).namespace(self.namespace);
        let selector = if self.exemptions { selector } else { selector.without_exemptions() };
        let applied = self.set.select(&selector);
        let subject = Subject::new(self.pinned.clone()).known_as(applied.name().cloned());
        let verifier = Verifier::new();
        let judged: Vec<_> = applied
            .groups()
            .iter()
            .map(|group| verifier.verify(&subject, &self.evidence, &group.policy, self.now))
            .collect();
        verifier.decide(&subject, &applied, &judged)
    }
}

fn by_release_signed() -> [Candidate; 1] {
    [signed(Format::Bundle, &key("release"))]
}

#[test]
fn y1_every_rule_that_matches_must_hold() {
    let both = set([
        rule("registry.example.com/**", Policy::requiring(by(&["release"]))),
        rule(PROD, Policy::requiring(by(&["security"]))),
        rule("registry.example.com/dev/**", Policy::requiring(by(&["nobody"]))),
    ]);
    let two = [signed(Format::Bundle, &key("release")), signed(Format::Legacy, &key("security"))];
    let verdict = Question::new(&both, two).verdict();
    admitted("both", &verdict);
    assert_eq!(verdict.verified().unwrap().proof().policy, both.digest());
    let rules: Vec<_> =
        verdict.report().requirements.iter().map(|one| one.rule.as_deref().unwrap()).collect();
    assert_eq!(rules, ["registry.example.com/**", PROD]);
    refused("one of two", &Question::new(&both, by_release_signed()).verdict(), Reason::UntrustedKey);
    // Where only the first one applies, it is enough.
    let elsewhere = Question::new(&both, by_release_signed()).of("registry.example.com/qa/app");
    admitted("one rule", &elsewhere.verdict());
}

#[test]
pub(crate) fn y1_an_image_that_no_rule_is_for_is_refused() {
    let only = set([rule(PROD, by_release())]);
    admitted("matched", &Question::new(&only, by_release_signed()).verdict());
    let other = || Question::new(&only, by_release_signed()).of("registry.example.com/dev/app");
    refused("unmatched", &other().verdict(), Reason::Unmatched);
    for (unmatched, said) in [(Unmatched::Warn, 1), (Unmatched::Admit, 0)] {
        let set = PolicySet::new("t").rule(rule(PROD, by_release())).unmatched(unmatched).build().unwrap();
        let verdict = Question::new(&set, by_release_signed()).of("registry.example.com/dev/app").verdict();
        assert!(matches!(verdict.basis(), Some(Basis::Unmatched)), "{unmatched:?}");
        assert!(verdict.verified().is_none());
        assert_eq!(verdict.report().findings.len(), said);
        // It is no answer for an image that a rule is for.
        refused("matched", &Question::new(&set, []).verdict(), Reason::NoSignature);
    }
}

/// An image in a layout that goes by no name is nobody's, whatever its patterns; flags are for every image.
#[test]
fn y2_an_image_without_a_name_matches_no_pattern() {
    let pinned = PinnedRef::local("oci:dir", None, image());
    let only = set([rule(PROD, by_release())]);
    let mut question = Question::new(&only, by_release_signed());
    question.pinned = pinned.clone();
    refused("no name", &question.verdict(), Reason::Unmatched);
    let everywhere = PolicySet::everywhere(by_release());
    let mut question = Question::new(&everywhere, by_release_signed());
    question.pinned = pinned;
    let verdict = question.verdict();
    admitted("every image", &verdict);
    assert_eq!(verdict.report().policy_digest, by_release().digest());
    assert_eq!(verdict.report().requirements[0].rule, None);
}

#[test]
fn y1_what_is_enforced_beats_what_warns() {
    let warning = || rule("registry.example.com/**", Policy::requiring(by(&["security"]))).mode(Mode::Warn);
    let both = set([warning(), rule(PROD, by_release())]);
    let verdict = Question::new(&both, by_release_signed()).verdict();
    admitted("enforced and met", &verdict);
    assert_eq!(verdict.report().warnings.len(), 1);
    assert!(verdict.to_json().contains(r#""warnings":[{"verdict":"refuse""#), "{}", verdict.to_json());
    refused("enforced and not met", &Question::new(&both, []).verdict(), Reason::NoSignature);
    // Alone it admits, and what it admits is not verified.
    let alone = set([warning()]);
    let verdict = Question::new(&alone, by_release_signed()).verdict();
    assert!(matches!(verdict.basis(), Some(Basis::Warned)));
    assert!(verdict.verified().is_none() && verdict.signatures().is_empty());
    admitted("met", &Question::new(&alone, [signed(Format::Bundle, &key("security"))]).verdict());
}

#[test]
fn y1_a_namespace_narrows_a_rule() {
    let here = |mode| {
        let narrowed = rule(PROD, by_release()).namespaces(vec!["prod-*".parse().unwrap()]).mode(mode);
        set([narrowed])
    };
    let enforced = here(Mode::Enforce);
    let question = || Question::new(&enforced, by_release_signed());
    admitted("there", &question().within("prod-1").verdict());
    refused("elsewhere", &question().within("dev").verdict(), Reason::Unmatched);
    admitted("nowhere", &question().verdict());
    // What only warns would admit an image that it was perhaps not written for.
    let warning = here(Mode::Warn);
    let question = || Question::new(&warning, []);
    assert!(matches!(question().within("prod-1").verdict().basis(), Some(Basis::Warned)));
    refused("nowhere", &question().verdict(), Reason::Unmatched);
}

#[test]
fn v3_an_exemption_admits_one_image_until_its_day() {
    let until = now() + SignedDuration::from_hours(1);
    let exempting = |exemption: Exemption| {
        PolicySet::new("t").rule(rule(PROD, by_release())).exempt(exemption).build().unwrap()
    };
    let exemption = || Exemption::new(vec![PROD.parse().unwrap()], "until the mend", until).unwrap();
    let set = exempting(exemption().digest(image()));
    let verdict = Question::new(&set, []).verdict();
    assert!(matches!(verdict.basis(), Some(Basis::Exempt { reason, .. }) if reason == "until the mend"));
    assert!(verdict.verified().is_none(), "what is exempt is not verified");
    assert!(verdict.to_json().contains(r#""exempt":{"reason":"until the mend""#));
    // At its moment it applies no longer, and it is said.
    let verdict = Question::new(&set, []).at(until).verdict();
    refused("expired", &verdict, Reason::NoSignature);
    assert!(verdict.report().findings.iter().any(|finding| finding.reason == Reason::ExemptionExpired));
    let mut question = Question::new(&set, []);
    question.exemptions = false;
    refused("not asked for", &question.verdict(), Reason::NoSignature);
    let set = exempting(exemption().digest(other_image()));
    refused("another digest", &Question::new(&set, []).verdict(), Reason::NoSignature);
    let elsewhere = Exemption::new(vec!["registry.example.com/dev/*".parse().unwrap()], "x", until).unwrap();
    refused("another name", &Question::new(&exempting(elsewhere), []).verdict(), Reason::NoSignature);
    assert!(Exemption::new(vec![PROD.parse().unwrap()], " ", until).is_err());
    assert!(Exemption::new(Vec::new(), "x", until).is_err());
}

#[test]
fn y4_rules_see_the_name_that_a_place_goes_by() {
    let same = by(&["release"]).signed_for(SignedFor::Same);
    let with = |mirror: Mirror| {
        PolicySet::new("t").rule(rule(PROD, Policy::requiring(same.clone()))).mirror(mirror).build().unwrap()
    };
    let mirror = |from: &str| Mirror::new(from, "registry.example.com/prod").unwrap();
    let set = with(mirror("site.local/prod"));
    // Signed for registry.example.com/prod/app, and verified behind the gap under that name.
    admitted("mapped", &Question::new(&set, by_release_signed()).of("site.local/prod/app").verdict());
    let outside = Question::new(&set, by_release_signed()).of("site.local/production/app").verdict();
    refused("beside it", &outside, Reason::Unmatched);
    let longer = PolicySet::new("t")
        .rule(rule(PROD, by_release()))
        .mirror(Mirror::new("site.local", "elsewhere.example.com").unwrap())
        .mirror(mirror("site.local/prod"))
        .build()
        .unwrap();
    admitted("the longest", &Question::new(&longer, by_release_signed()).of("site.local/prod/app").verdict());
    let twice =
        PolicySet::new("t").rule(rule(PROD, by_release())).mirror(mirror("a.b")).mirror(mirror("a.b"));
    assert!(matches!(twice.build(), Err(PolicyError::Mirror { .. })));
}

#[test]
fn v1_what_cannot_be_read_leaves_an_enforced_rule_undecided() {
    let both =
        set([rule(PROD, by_release()), rule("registry.example.com/**", Policy::requiring(by(&["b"])))]);
    let mut question = Question::new(&both, [signed(Format::Bundle, &key("b"))]);
    question.evidence.unreadable.push(unreadable(None));
    undecided("one rule open", &question.verdict());
    let warning = set([rule(PROD, by_release()).mode(Mode::Warn)]);
    let mut question = Question::new(&warning, []);
    question.evidence.unreadable.push(unreadable(None));
    assert!(matches!(question.verdict().basis(), Some(Basis::Warned)));
}

/// A verdict that is missing, by other requirements, over another image, at another time or over less than a rule asks for is
/// no verdict by that rule.
#[test]
fn only_the_verdicts_of_the_rules_themselves_are_put_together() {
    let set = set([rule(PROD, by_release()), rule(PROD, by_release()).platforms(RulePlatforms::All)]);
    let pinned = pinned(REPOSITORY);
    let applied = set.select(&Selector::new(&pinned, now()));
    assert_eq!(applied.groups().len(), 2);
    let subject = Subject::new(pinned.clone());
    let mut evidence = Evidence::new();
    evidence.candidates.extend(by_release_signed());
    let verifier = Verifier::new();
    let group = &applied.groups()[0].policy;
    let own = verifier.verify(&subject, &evidence, group, now());
    admitted("itself", &own);
    let built = ImageBuilder::new().file("hello", "world").build();
    let single = |own: &Verdict| {
        let bytes = &built.manifest.1;
        verifier.single(&subject, bytes, None, own.clone(), &RulePlatforms::All).unwrap()
    };
    admitted("both", &verifier.decide(&subject, &applied, &[own.clone(), single(&own)]));
    undecided("one missing", &verifier.decide(&subject, &applied, std::slice::from_ref(&own)));
    undecided("not over its platforms", &verifier.decide(&subject, &applied, &[own.clone(), own.clone()]));
    let weaker = verifier.verify(&subject, &evidence, &Policy::requiring(by(&["release", "x"])), now());
    admitted("by another policy", &weaker);
    undecided("by another policy", &verifier.decide(&subject, &applied, &[weaker, single(&own)]));
    let later = verifier.verify(&subject, &evidence, group, now() + SignedDuration::from_secs(1));
    undecided("at another time", &verifier.decide(&subject, &applied, &[later, single(&own)]));
    let other = Subject::new(pinned.with_digest(other_image()));
    undecided("over another image", &verifier.decide(&other, &applied, &[own.clone(), single(&own)]));
}

/// A list of platforms judges the images for those, at least one; others may be what they are.
#[test]
fn p4_a_list_of_platforms() {
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let children: Vec<_> = index.children.iter().map(|(descriptor, _)| descriptor.digest).collect();
    let listed =
        |words: &[&str]| RulePlatforms::Listed(words.iter().map(|word| word.parse().unwrap()).collect());
    let verdict = |platforms: &RulePlatforms, signed: &[Digest]| judge_index(&index, platforms, signed);
    admitted("the one", &verdict(&listed(&["linux/amd64"]), &children[..1]));
    refused("the other", &verdict(&listed(&["linux/arm64"]), &children[..1]), Reason::PlatformNotAdmitted);
    let both = listed(&["linux/amd64", "linux/arm64"]);
    refused("one of two", &verdict(&both, &children[..1]), Reason::PlatformNotAdmitted);
    admitted("both", &verdict(&both, &children));
    let none = listed(&["windows/amd64"]);
    refused("none there", &verdict(&none, &[index.digest()]), Reason::PlatformNotAdmitted);
    refused("all", &verdict(&RulePlatforms::All, &children[..1]), Reason::PlatformNotAdmitted);
}

/// Signatures on its images are none on the index, whoever admits it by them.
#[test]
fn p4_an_index_is_signed_itself_or_only_its_images_are() {
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let children: Vec<_> = index.children.iter().map(|(descriptor, _)| descriptor.digest).collect();
    let platforms = RulePlatforms::Listed(vec!["linux/amd64".parse().unwrap()]);
    let by_images = judge_index(&index, &platforms, &children);
    admitted("by its images", &by_images);
    assert!(!by_images.signatures().is_empty() && !by_images.report().is_signed_itself());
    let own = judge_index(&index, &platforms, &[index.digest()]);
    admitted("itself", &own);
    assert!(own.report().is_signed_itself());
    let mut other = own.report().clone();
    other.digest = other_image();
    assert!(!other.is_signed_itself(), "what was said of one image is said of no other");
    // Not a rule that only warns says it.
    let warning = set([rule(PROD, by_release()).mode(Mode::Warn)]);
    let verdict = Question::new(&warning, by_release_signed()).verdict();
    admitted("warned of nothing", &verdict);
    assert!(!verdict.report().is_signed_itself());
    let enforced = set([rule(PROD, by_release())]);
    assert!(Question::new(&enforced, by_release_signed()).verdict().report().is_signed_itself());
}

fn judge_index(index: &BuiltImage, platforms: &RulePlatforms, with: &[Digest]) -> Verdict {
    let set = set([rule(PROD, by_release()).platforms(platforms.clone())]);
    let pinned = REPOSITORY.parse::<Repository>().unwrap().pin(index.digest());
    let applied = set.select(&Selector::new(&pinned, now()));
    let policy = &applied.groups()[0].policy;
    let verifier = Verifier::new();
    let mut evidence = Evidence::new();
    let release = key("release");
    evidence
        .candidates
        .extend(with.iter().map(|digest| signed_as(Format::Bundle, &release, *digest, REPOSITORY, &[])));
    let subject = Subject::new(pinned);
    let bytes = &index.manifest.1;
    let own = verifier.verify(&subject, &evidence, policy, now());
    let images: Vec<_> = index
        .children
        .iter()
        .map(|(descriptor, _)| {
            let child = subject.child(bytes, None, &descriptor.digest).unwrap();
            PlatformVerdict::new(descriptor.digest, verifier.verify(&child, &evidence, policy, now()))
        })
        .collect();
    let combined = verifier.combine_for(&subject, (bytes, None), &own, &images, policy, platforms).unwrap();
    verifier.decide(&subject, &applied, &[combined])
}

#[test]
fn y3_the_digest_covers_what_decides_and_nothing_else() {
    let until = now() + SignedDuration::from_hours(1);
    let base = || PolicySet::new("name").rule(rule(PROD, by_release()));
    let other = || rule("registry.example.com/qa/*", Policy::requiring(by(&["security"])));
    let digest = base().build().unwrap().digest();
    let again = PolicySet::new("other name").rule(rule(PROD, by_release()).named("first")).build().unwrap();
    assert_eq!(again.digest(), digest, "names decide nothing");
    let (there, back) = (base().rule(other()).build().unwrap(), set([other(), rule(PROD, by_release())]));
    assert_eq!(there.digest(), back.digest(), "nor does the order");
    let exemption = Exemption::new(vec![PROD.parse().unwrap()], "x", until).unwrap();
    let changed = [
        base().rule(other()).build().unwrap(),
        base().unmatched(Unmatched::Warn).build().unwrap(),
        base().serial(1).build().unwrap(),
        base().exempt(exemption).build().unwrap(),
        base().mirror(Mirror::new("a.b", "c.d").unwrap()).build().unwrap(),
        set([rule(PROD, by_release()).mode(Mode::Warn)]),
        set([rule(PROD, by_release()).platforms(RulePlatforms::All)]),
        set([rule(PROD, by_release()).namespaces(vec!["a".parse().unwrap()])]),
        set([rule(PROD, by_release()).signature_repository("a.b/c".parse().unwrap())]),
        set([rule(PROD, Policy::requiring(by(&["security"])))]),
        PolicySet::everywhere(by_release()),
    ];
    let mut digests: Vec<_> = changed.iter().map(PolicySet::digest).chain([digest]).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), changed.len() + 1);
    assert!(matches!(PolicySet::new("t").build(), Err(PolicyError::NoRule)));
    assert!(matches!(Rule::new(Vec::new(), by_release()), Err(PolicyError::NoImage)));
}

/// A refusal names the rule and the requirement that are not met, and the nearest miss is of those.
#[test]
fn a_refusal_names_its_rule() {
    let set = set([
        rule("registry.example.com/**", Policy::requiring(by(&["release"]))).named("base"),
        rule(PROD, Policy::requiring(by(&["security"]))).named("production").platforms(RulePlatforms::Index),
    ]);
    let verdict = Question::new(&set, by_release_signed()).verdict();
    assert_eq!(verdict.outcome(), Outcome::Refuse);
    let unmet: Vec<_> = verdict.report().requirements.iter().filter(|one| !one.met).collect();
    assert_eq!(unmet.len(), 1);
    assert_eq!(unmet[0].rule.as_deref(), Some("production"));
    let at = verdict.nearest_miss().unwrap().requirement.unwrap();
    assert_eq!(verdict.report().requirements[at].rule.as_deref(), Some("production"));
}
