//! Deciding by a policy file: which requests that takes, and what rules say about places and platforms.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use waxseal::{Decision, Finding, Image};
use waxseal_core::policy::{Exemption, Mirror, Mode, PolicySet, Rule, RulePlatforms, Unmatched};
use waxseal_core::verify::Basis;
use waxseal_core::{Policy, PredicateType, Reason, Repository, Verdict};
use waxseal_core::{key::LocalSigner, policy::AttestationRequirement};
use waxseal_oci::{Attached, Location};
use waxseal_testkit::rng::now;
use waxseal_testkit::{IndexBuilder, Registry};

use crate::scene::{BOTH, Layer, Scene, admitted, by, client, refused, sign, signer, trusted};

fn rule(registry: &Registry, policy: Policy) -> Rule {
    Rule::new(vec![format!("{}/team/*", registry.host()).parse().unwrap()], policy).unwrap()
}

fn set(rules: impl IntoIterator<Item = Rule>) -> PolicySet {
    rules
        .into_iter()
        .fold(PolicySet::new("test"), waxseal_core::policy::PolicySetBuilder::rule)
        .build()
        .unwrap()
}

async fn decide(set: PolicySet, name: &str) -> Verdict {
    let client = client();
    let location: Location = name.parse().unwrap();
    let image = Image::find(&client, &location, &Finding::default()).await.unwrap();
    Decision::new(set, client, now()).decide(image, None).await.unwrap()
}

fn attested(signer: &LocalSigner) -> Policy {
    let kind: PredicateType = "https://cyclonedx.org/bom".parse().unwrap();
    Policy::requiring(AttestationRequirement::by(vec![kind], vec![trusted(signer)]).unwrap())
}

/// However many rules there are, each place is looked at once, and for what any of them asks.
#[tokio::test]
async fn rules_share_one_look() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let several = || {
        set([
            rule(&scene.registry, by(&scene.alice)).named("first"),
            rule(&scene.registry, by(&scene.alice)).named("second").platforms(RulePlatforms::All),
            rule(&scene.registry, by(&scene.mallory)).named("third").mode(Mode::Warn),
        ])
    };
    let verdict = decide(several(), &scene.by_tag()).await;
    admitted(&verdict);
    assert_eq!(verdict.report().warnings.len(), 1);
    let lines = scene.registry.lines();
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "asked twice: {lines:#?}");
    let attestations = Attached::Attestations.tag(&scene.digest()).unwrap().to_string();
    assert!(!lines.iter().any(|line| line.ends_with(&attestations)), "nobody asked for any: {lines:#?}");
    // One rule that asks for an attestation makes the look wider, and is not met.
    let wider = set([
        rule(&scene.registry, by(&scene.alice)),
        rule(&scene.registry, attested(&scene.alice)).platforms(RulePlatforms::All),
    ]);
    scene.registry.clear_requests();
    refused(&decide(wider, &scene.by_tag()).await, Reason::ImageSignature);
    let lines = scene.registry.lines();
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "asked twice: {lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(&attestations)), "{lines:#?}");
}

/// What is exempt or nobody's is not looked at: with a digest in its name that takes no request at all.
#[tokio::test]
async fn what_no_rule_judges_costs_nothing() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let until = now() + SignedDuration::from_hours(1);
    let all = vec![format!("{}/team/*", scene.registry.host()).parse().unwrap()];
    let exempting = PolicySet::new("t")
        .rule(rule(&scene.registry, by(&scene.mallory)))
        .exempt(Exemption::new(all, "until the mend", until).unwrap())
        .build()
        .unwrap();
    let verdict = decide(exempting.clone(), &scene.by_digest()).await;
    assert!(matches!(verdict.basis(), Some(Basis::Exempt { .. })));
    let other = "registry.example.com/x".parse().unwrap();
    let elsewhere = PolicySet::new("t").rule(Rule::new(vec![other], by(&scene.alice)).unwrap());
    refused(&decide(elsewhere.clone().build().unwrap(), &scene.by_digest()).await, Reason::Unmatched);
    let admitting = elsewhere.unmatched(Unmatched::Admit).build().unwrap();
    let verdict = decide(admitting, &scene.by_digest()).await;
    assert!(matches!(verdict.basis(), Some(Basis::Unmatched)));
    assert_eq!(scene.registry.requests().len(), 0);
    // Whoever needs a verified image leaves exemptions out of account.
    let client = client();
    let location: Location = scene.by_digest().parse().unwrap();
    let image = Image::find(&client, &location, &Finding::default()).await.unwrap();
    let mut decision = Decision::new(exempting, client, now());
    decision.exemptions = false;
    refused(&decision.decide(image, None).await.unwrap(), Reason::SignatureMismatch);
}

/// Rule L7: a rule may name the repository that its evidence stands in; another rule reads beside the image.
#[tokio::test]
async fn l7_a_rule_reads_where_it_says() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let there: Repository = format!("{}/signatures/app", scene.registry.host()).parse().unwrap();
    let moved = || rule(&scene.registry, by(&scene.mallory)).signature_repository(there.clone());
    refused(&decide(set([moved()]), &scene.by_tag()).await, Reason::NoSignature);
    let layer = Layer::legacy(&scene.mallory, scene.digest());
    scene.registry.put_blob("signatures/app", layer.bytes.clone().unwrap());
    let manifest = crate::scene::manifest(&[layer], None);
    let media_type = waxseal_core::media_type::OCI_MANIFEST;
    scene.registry.put_manifest("signatures/app", &scene.sig_tag(), media_type, manifest);
    admitted(&decide(set([moved()]), &scene.by_tag()).await);
    admitted(&decide(set([moved(), rule(&scene.registry, by(&scene.alice))]), &scene.by_tag()).await);
}

/// Rule Y4: a mirror's images are judged under the name that they come from.
#[tokio::test]
async fn y4_a_mirror_is_known_by_another_name() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let named = "registry.example.com/prod/*".parse().unwrap();
    let rule = || Rule::new(vec![named], by(&scene.alice)).unwrap();
    let here = format!("{}/team", scene.registry.host());
    let mirror = Mirror::new(&here, "registry.example.com/prod").unwrap();
    let mapped = PolicySet::new("t").rule(rule()).mirror(mirror).build().unwrap();
    let verdict = decide(mapped, &scene.by_tag()).await;
    admitted(&verdict);
    assert!(verdict.report().subject.starts_with(&here), "the place itself is what is admitted");
}

/// Rule P4, by rules: the index itself, all of it, or the images for some platforms.
#[tokio::test]
async fn p4_rules_say_which_images_of_an_index() {
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, Scene::REPOSITORY, "1.0");
    let alice = signer("alice");
    let child = registry.image(Scene::REPOSITORY, &index.children[0].0.digest.to_string());
    sign(&child, BOTH, &alice).await.unwrap();
    let name = registry.image(Scene::REPOSITORY, "1.0");
    let judged = async |platforms: RulePlatforms| {
        decide(set([rule(&registry, by(&alice)).platforms(platforms)]), &name).await
    };
    let listed = |word: &str| RulePlatforms::Listed(vec![word.parse().unwrap()]);
    admitted(&judged(listed("linux/amd64")).await);
    refused(&judged(listed("linux/arm64")).await, Reason::PlatformNotAdmitted);
    refused(&judged(listed("windows/amd64")).await, Reason::PlatformNotAdmitted);
    refused(&judged(RulePlatforms::All).await, Reason::PlatformNotAdmitted);
    refused(&judged(RulePlatforms::Index).await, Reason::NoSignature);
    sign(&name, BOTH, &alice).await.unwrap();
    admitted(&judged(RulePlatforms::All).await);
    admitted(&judged(RulePlatforms::Index).await);
    // An image that is no index stands for itself, whatever the rule says of platforms.
    let set = set([rule(&registry, by(&alice)).platforms(RulePlatforms::All)]);
    admitted(&decide(set, &child).await);
}
