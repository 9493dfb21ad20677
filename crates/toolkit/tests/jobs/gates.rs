//! The gate: one resolve a name, one look a digest, one verdict an image, whatever names it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use waxseal::gate::Watch;
use waxseal::mention::{Document, Mention, Place, Source};
use waxseal::{Decision, Finding, Gate, GateResult};
use waxseal_core::media_type::OCI_MANIFEST;
use waxseal_core::policy::{Mode, PolicySet, Rule};
use waxseal_core::verify::Outcome;
use waxseal_core::{Digest, Policy, Reason};

use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

use crate::scene::{BOTH, Scene, by, client, sign, signer};

fn gate(set: PolicySet) -> (Gate, waxseal_oci::Client) {
    let client = client();
    (Gate::new(Decision::new(set, client.clone(), now()), Finding::default()), client)
}

fn mention(name: &str, namespace: Option<&str>) -> Mention {
    let mut place = Place::of(Source::Argument);
    place.namespace = namespace.map(ToOwned::to_owned);
    Mention::new(name.parse().unwrap(), place)
}

async fn judge(policy: Policy, names: &[&str]) -> GateResult {
    let (gate, client) = gate(PolicySet::everywhere(policy));
    let mentions = names.iter().map(|name| mention(name, None)).collect();
    gate.judge(&client, mentions, Vec::new(), &()).await
}

/// Every request that was made, and that none was made twice.
#[track_caller]
fn each_once(registry: &Registry) -> usize {
    let lines = registry.lines();
    let distinct: BTreeSet<_> = lines.iter().collect();
    let twice: Vec<_> =
        distinct.iter().filter(|line| lines.iter().filter(|other| other == *line).count() > 1).collect();
    assert!(twice.is_empty(), "asked twice: {twice:#?}");
    lines.len()
}

#[derive(Default)]
struct Counter {
    expected: AtomicUsize,
    judged: AtomicUsize,
}

impl Watch for Counter {
    fn expect(&self, images: usize) {
        self.expected.fetch_add(images, Ordering::Relaxed);
    }

    fn judged(&self) {
        self.judged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Must show: 1,000 workloads with 100 distinct images make each request of the registry once.
#[tokio::test]
async fn a_thousand_workloads_cost_each_request_once() {
    let (registry, alice) = (Registry::start(), signer("alice"));
    let names: Vec<_> =
        (0..100).map(|at| registry.image(&format!("team/app{}", at % 10), &format!("v{at}"))).collect();
    futures_util::stream::iter(names.iter().enumerate())
        .for_each_concurrent(8, |(at, name)| {
            let (registry, alice) = (&registry, &alice);
            async move {
                let image = ImageBuilder::new().file("at", at.to_string()).build();
                image.push_to(registry, &format!("team/app{}", at % 10), &format!("v{at}"));
                sign(name, BOTH, alice).await.unwrap();
            }
        })
        .await;
    registry.clear_requests();

    let mut text = String::new();
    for at in 0..1_000 {
        let image = &names[at % 100];
        let _ = write!(
            text,
            "---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {{name: d{at}, namespace: n{}}}\nspec:\n  template:\n    spec:\n      \
             containers:\n      - {{name: app, image: '{image}'}}\n",
            at % 7
        );
    }
    let document = Document::manifest("all.yaml", text.into_bytes(), &[], None).unwrap();
    assert_eq!(document.mentions().len(), 1_000);
    let (gate, client) = gate(PolicySet::everywhere(by(&alice)));
    let counter = Counter::default();
    let result = gate.judge(&client, document.mentions().to_vec(), Vec::new(), &counter).await;
    assert_eq!(result.outcome(), Outcome::Admit, "{}", result.to_json());
    let counts = result.counts();
    assert_eq!((counts.images, counts.admitted, counts.places), (100, 100, 1_000));
    assert_eq!((counter.expected.into_inner(), counter.judged.into_inner()), (100, 100));
    // The tag, `.sig` and its layer, the referrers, the bundle's manifest and the bundle.
    assert_eq!(each_once(&registry), 600);
    assert_eq!(result.images[0].places.len(), 10);
    assert_eq!(result.images[0].places[0].to_string(), "all.yaml:9:28: Deployment n0/d0, container app");
}

#[tokio::test]
async fn several_names_of_one_digest_share_a_look_and_the_verdict() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    scene.image.push_to(&scene.registry, Scene::REPOSITORY, "latest");
    scene.registry.clear_requests();
    let latest = scene.registry.image(Scene::REPOSITORY, "latest");
    let names = [scene.by_tag(), latest, scene.by_digest(), scene.by_tag()];
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let result = judge(by(&scene.alice), &names).await;
    // Two tags, and what hangs on the one digest.
    assert_eq!(each_once(&scene.registry), 7);
    assert_eq!(result.images.len(), 3);
    assert!(result.images.iter().all(|image| image.digest() == Some(&scene.digest())));
    assert_eq!(result.images[0].places.len(), 2);
    assert_eq!(result.outcome(), Outcome::Admit);
}

#[tokio::test]
async fn the_worst_outcome_decides_and_silences_no_other() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let unsigned = ImageBuilder::new().file("b", "b").build();
    unsigned.push_to(&scene.registry, "unsigned", "1");
    scene.registry.rule(Match::path("/v2/down/"), Behaviour::status(500));
    let (good, bad) = (scene.by_tag(), scene.registry.image("unsigned", "1"));
    let (missing, down) = (scene.registry.image("app", "none"), scene.registry.image("down", "1"));
    for (names, expected) in [
        (&[&good][..], Outcome::Admit),
        (&[&good, &missing], Outcome::Undecided),
        (&[&down, &good], Outcome::Undecided),
        (&[&missing, &bad, &good], Outcome::Refuse),
        (&[], Outcome::Admit),
    ] {
        let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
        let result = judge(by(&scene.alice), &names).await;
        assert_eq!(result.outcome(), expected, "{names:?}");
        let named: Vec<_> = result.images.iter().map(|image| image.name.as_str()).collect();
        assert_eq!(named, names);
        for image in &result.images {
            assert_eq!(image.outcome() == Outcome::Admit, image.name == good, "{}", image.name);
        }
    }
    let result = judge(by(&scene.alice), &[&missing]).await;
    let image = &result.images[0];
    assert_eq!(image.error().unwrap().code(), "not-found");
    assert_eq!((image.digest(), image.nearest_miss().unwrap().reason), (None, Reason::Unreadable));
    assert!(!image.requirements().is_empty());
}

#[tokio::test]
async fn an_image_has_a_verdict_for_each_namespace_that_rules_ask_for() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let glob = |text: &str| text.parse().unwrap();
    let images = || vec![glob(&format!("{}/**", scene.registry.host()))];
    let rule = |policy| Rule::new(images(), policy).unwrap();
    let set = PolicySet::new("test")
        .rule(rule(by(&scene.alice)).named("all"))
        .rule(rule(by(&scene.mallory)).named("secret").namespaces(vec!["secret-*".parse().unwrap()]))
        .rule(
            rule(by(&scene.mallory))
                .named("trial")
                .namespaces(vec!["trial".parse().unwrap()])
                .mode(Mode::Warn),
        )
        .build()
        .unwrap();
    let (gate, client) = gate(set);
    let name = scene.by_tag();
    let namespaces = [Some("prod"), Some("secret-1"), None, Some("trial"), Some("prod")];
    let mentions = namespaces.iter().map(|namespace| mention(&name, *namespace)).collect();
    let result = gate.judge(&client, mentions, Vec::new(), &()).await;
    assert_eq!(each_once(&scene.registry), 6);
    let found: Vec<_> = result
        .images
        .iter()
        .map(|image| (image.namespace.as_deref(), image.outcome(), image.places.len()))
        .collect();
    assert_eq!(found[0], (Some("prod"), Outcome::Admit, 2));
    assert_eq!(found[1], (Some("secret-1"), Outcome::Refuse, 1));
    // Where it is not known in which namespace it is to run, what is enforced anywhere holds.
    assert_eq!(found[2], (None, Outcome::Refuse, 1));
    assert_eq!(found[3], (Some("trial"), Outcome::Admit, 1));
    assert_eq!(result.images[3].verdict().unwrap().report().warnings.len(), 1);
    assert_eq!(result.images[1].requirements().iter().filter(|wanted| !wanted.met).count(), 1);
    let rule = result.images[1].requirements().iter().find(|wanted| !wanted.met).unwrap().rule.clone();
    assert_eq!(rule.as_deref(), Some("secret"));
}

#[tokio::test]
async fn the_result_is_one_json_document() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let (good, missing) = (scene.by_tag(), scene.registry.image("app", "none"));
    let result = judge(by(&scene.alice), &[&good, &missing]).await;
    let json: Value = serde_json::from_str(&result.to_json()).unwrap();
    assert_eq!(json["schema"], "waxseal/gate/v1");
    assert_eq!(json["outcome"], "undecided");
    assert_eq!(
        json["counts"],
        json!({"images": 2, "admitted": 1, "refused": 0, "undecided": 1, "places": 2})
    );
    assert_eq!(json["policy"]["digest"], by(&scene.alice).digest().to_string());
    let [one, two] = json["images"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!(
        (&one["image"], &one["outcome"], &one["basis"]),
        (&json!(good), &json!("admit"), &json!("verified"))
    );
    assert_eq!(one["digest"], scene.digest().to_string());
    assert_eq!(one["places"], json!([{"source": "argument"}]));
    assert_eq!(
        (&one["verdict"]["schema"], &one["verdict"]["verdict"]),
        (&json!("waxseal/verdict/v1"), &json!("admit"))
    );
    assert_eq!((two.get("digest"), &two["verdict"]["verdict"]), (None, &json!("undecided")));
}

/// A chart as `helm push` writes it.
fn push_chart(registry: &Registry, repository: &str, tag: &str) -> Digest {
    let config = json!({"name": "app", "version": "1.0.0", "apiVersion": "v2"}).to_string();
    let (config, chart) = (config.into_bytes(), b"a chart".to_vec());
    let descriptor = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2,
        "config": descriptor("application/vnd.cncf.helm.config.v1+json", &config),
        "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &chart)],
        "annotations": {"org.opencontainers.image.title": "app"},
    });
    registry.put_blob(repository, config);
    registry.put_blob(repository, chart);
    registry.put_manifest(repository, tag, OCI_MANIFEST, manifest.to_string())
}

#[tokio::test]
async fn charts_are_signed_and_gated_as_images_are() {
    let (registry, alice, mallory) = (Registry::start(), signer("alice"), signer("mallory"));
    let digest = push_chart(&registry, "charts/app", "1.0.0");
    let name = registry.image("charts/app", "1.0.0");
    let before = judge(by(&alice), &[&name]).await;
    assert_eq!(before.outcome(), Outcome::Refuse);
    assert_eq!(before.images[0].nearest_miss().unwrap().reason, Reason::NoSignature);
    sign(&name, BOTH, &alice).await.unwrap();
    let after = judge(by(&alice), &[&name]).await;
    assert_eq!((after.outcome(), after.images[0].digest()), (Outcome::Admit, Some(&digest)));
    assert_eq!(judge(by(&mallory), &[&name]).await.outcome(), Outcome::Refuse);
    // It is no image of a platform.
    let (mut gate, client) = gate(PolicySet::everywhere(by(&alice)));
    gate.decision.platform = Some("linux/amd64".parse().unwrap());
    let result = gate.judge(&client, vec![mention(&name, None)], Vec::new(), &()).await;
    assert_eq!(result.outcome(), Outcome::Undecided);
}
