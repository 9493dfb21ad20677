//! `inventory`: what runs, who signed it, what its scans say.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waxseal_core::scan::{Package, Scan, ScanFinding, ScanStatus, Scanner, Severity};
use waxseal_core::{Digest, Platform};
use waxseal_oci::Attached;
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry};

use crate::room::{Room, Run, oci, pushed, small};

/// A registry and a room with the key pair `p256`.
fn scene() -> (Room, Registry) {
    let room = Room::new().variable("WAXSEAL_PASSWORD", "example");
    room.keys("p256");
    (room, Registry::start())
}

/// The predicate of a complete scan by this scanner, so many days ago, with one finding of this severity.
fn scan(scanner: &str, severity: &str, days: i64) -> String {
    let mut scan = Scan::new(Scanner::new(scanner, format!("pkg:generic/{scanner}")));
    scan.run.status = ScanStatus::Complete;
    scan.run.finished_on = Some(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days + 1));
    scan.run.coverage.vulnerabilities = true;
    scan.run.components = Some(3);
    let package = Package::new("deb", "openssl", "3.0");
    scan.findings.push(ScanFinding::new("CVE-2026-1", Severity::parse(severity), package));
    scan.to_predicate().unwrap()
}

fn attest(room: &Room, image: &str, predicate: &str) {
    room.write("predicate.json", predicate);
    room.ok(&["attest", "--key", "p256.key", "--type", "scan", "--predicate", "predicate.json", image]);
}

fn sign(room: &Room, image: &str) {
    room.ok(&["sign", "--key", "p256.key", image]);
}

fn inventory(room: &Room, more: &[&str]) -> Run {
    room.run(&[&["inventory", "--key", "p256.pub"][..], more].concat())
}

fn json_of(room: &Room, more: &[&str]) -> Value {
    inventory(room, &[&["-o", "json"][..], more].concat()).json()
}

/// The entry of a repository.
fn of<'a>(inventory: &'a Value, registry: &Registry, repository: &str) -> &'a Value {
    let name = format!("{}/{repository}", registry.host());
    let found = inventory["images"].as_array().unwrap().iter().find(|image| image["repository"] == name);
    found.unwrap_or_else(|| panic!("{repository}: {inventory:#}"))
}

#[test]
fn signers_and_scores_are_those_that_a_key_verifies() {
    let (room, registry) = scene();
    for repository in ["signed", "scanned", "bare"] {
        pushed(&registry, repository);
    }
    let name = |repository: &str| registry.image(repository, "1.0");
    sign(&room, &name("signed"));
    sign(&room, &name("scanned"));
    attest(&room, &name("scanned"), &scan("trivy", "Low", 30));
    attest(&room, &name("scanned"), &scan("trivy", "High", 2));
    attest(&room, &name("scanned"), &scan("grype", "Medium", 5));
    let all = [name("signed"), name("scanned"), name("bare")];
    let names: Vec<&str> = all.iter().map(String::as_str).collect();

    let done = inventory(&room, &[&["-o", "json"][..], &names].concat()).ends(0);
    let found = done.json();
    assert_eq!(found["schema"], "waxseal/inventory/v1");
    assert_eq!((&found["verified"], &found["complete"]), (&true.into(), &true.into()));
    let summary =
        json!({ "images": 3, "signed": 2, "unsigned": 1, "scanned": 1, "unscanned": 2, "unknown": 0 });
    assert_eq!(found["summary"], summary);
    let signed = of(&found, &registry, "signed");
    assert_eq!(signed["signature"]["signers"][0]["name"], "p256.pub");
    assert_eq!(signed["signature"]["signers"][0]["formats"], json!(["bundle", "legacy"]));
    assert_eq!(
        (&signed["scan"]["state"], &signed["scan"]["code"]),
        (&"unscanned".into(), &"no-attestation".into())
    );
    // The newest of each scanner: the older and better one does not count, and neither does the worst of all times.
    let scanned = &of(&found, &registry, "scanned")["scan"];
    assert_eq!((&scanned["score"], &scanned["complete"]), (&"High".into(), &true.into()));
    assert_eq!(scanned["scanners"].as_array().unwrap().len(), 2);
    let days = scanned["ageSeconds"].as_i64().unwrap() / 86_400;
    assert_eq!(days, 5, "the oldest of those that count");
    let bare = of(&found, &registry, "bare");
    assert_eq!(
        (&bare["signature"]["state"], &bare["signature"]["code"]),
        (&"unsigned".into(), &"no-signature".into())
    );

    // Another key signed nothing here.
    room.keys("p256-other");
    let line = ["inventory", "--key", "p256-other.pub", "-o", "json"];
    let other = room.run(&[&line[..], &names].concat()).ends(0).json();
    assert_eq!(other["summary"]["unsigned"], 3);
    assert_eq!(of(&other, &registry, "signed")["signature"]["code"], "signature-mismatch");
    assert_eq!(of(&other, &registry, "scanned")["scan"]["state"], "unscanned");
    // What is too old is no scan any more.
    let recent = json_of(&room, &[&["--max-age", "3d"][..], &names].concat());
    assert_eq!(of(&recent, &registry, "scanned")["scan"]["code"], "too-old");
    let text = inventory(&room, &names).ends(0);
    for part in
        ["p256.pub", "High", "5 d", "unsigned", "3 images: 2 signed, 1 unsigned, 1 scanned, 2 unscanned"]
    {
        assert!(text.data().contains(part), "{part}: {text}");
    }
}

#[test]
fn what_fails_is_what_was_named_and_only_that() {
    let (room, registry) = scene();
    pushed(&registry, "signed");
    let bare = pushed(&registry, "bare");
    let (signed, unsigned) = (registry.image("signed", "1.0"), registry.image("bare", "1.0"));
    sign(&room, &signed);
    inventory(&room, &["--fail-on", "unsigned", &signed]).ends(0);
    inventory(&room, &["--fail-on", "unsigned", &signed, &unsigned]).ends(1).says("unsigned: 1 image");
    inventory(&room, &["--fail-on", "unscanned", &signed]).ends(1).says("unscanned: 1 image");
    attest(&room, &signed, &scan("trivy", "Critical", 0));
    inventory(&room, &["--fail-on", "unscanned", "--fail-on", "unsigned", &signed]).ends(0);
    // One by digest a line, for a loop.
    let names = inventory(&room, &["--only", "unsigned", "-o", "names", &signed, &unsigned]).ends(0);
    assert_eq!(names.data(), format!("{}/bare@{}\n", registry.host(), bare.digest()));
    // What could not be read is not known to be signed, and not known to be unsigned.
    let digest = bare.digest();
    registry.rule(Match::path(format!("/referrers/{digest}")), Behaviour::status(403));
    let unknown = inventory(&room, &["--fail-on", "unsigned", "-o", "json", &signed, &unsigned]).ends(3);
    assert_eq!(unknown.json()["complete"], false);
    assert_eq!(of(&unknown.json(), &registry, "bare")["signature"]["state"], "unknown");
    // The others are looked at all the same.
    assert_eq!(unknown.json()["summary"]["signed"], 1);
}

#[test]
fn without_a_key_nothing_is_verified_and_nothing_can_be_asked() {
    let (room, registry) = scene();
    pushed(&registry, "app");
    let name = registry.image("app", "1.0");
    sign(&room, &name);
    attest(&room, &name, &scan("trivy", "Low", 1));
    let done = room.run(&["inventory", "-o", "json", &name]).ends(0).says("nothing is verified");
    let found = done.json();
    assert_eq!((&found["verified"], &found["keys"]), (&false.into(), &json!([])));
    let image = of(&found, &registry, "app");
    assert_eq!(image["signature"]["state"], "not-verified");
    assert_eq!(image["attached"], json!({ "signatures": 2, "attestations": { "scan": 2 }, "rejected": 0 }));
    let text = room.ok(&["inventory", &name]);
    assert!(text.contains("claimed: 2 signatures, 2 scan") && !text.contains("p256"), "{text}");
    for asked in [&["--fail-on", "unsigned"][..], &["--only", "unscanned"], &["--max-age", "7d"]] {
        room.run(&[&["inventory", &name][..], asked].concat())
            .ends(2)
            .says("--key release.pub")
            .prints_nothing();
    }
    room.run(&["inventory"]).ends(2).says("no image is named");
    room.run(&["inventory", "--fail-on", "refused", &name]).ends(2);
}

#[test]
fn a_cluster_is_asked_what_it_runs_and_a_manifest_what_it_names() {
    let (room, registry) = scene();
    let old = small("old");
    old.push_to(&registry, "app", "1.0");
    let name = registry.image("app", "1.0");
    sign(&room, &name);
    // The tag has moved since the pods were started.
    let new = pushed(&registry, "app");
    let container = |image: &str| json!({ "name": "app", "image": image });
    let pod = |number: usize, image: &str, id: &str| {
        json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": { "name": format!("app-{number}"), "namespace": "prod",
                "ownerReferences": [{ "kind": "ReplicaSet", "name": "app-5d", "controller": true }] },
            "spec": { "containers": [container(image)] },
            "status": { "phase": "Running", "containerStatuses": [{ "name": "app", "image": image, "imageID": id }] },
        })
    };
    let running = format!("{}/app@{}", registry.host(), old.digest());
    let mut ended = pod(9, &name, &running);
    ended["status"]["phase"] = "Succeeded".into();
    let dump = json!({ "kind": "List", "apiVersion": "v1", "items": [
        pod(1, &name, &running), pod(2, &name, &running), pod(3, &name, ""), ended,
    ]});
    room.write("pods.json", dump.to_string());
    let done = inventory(&room, &["-o", "json", "-f", "pods.json"]).ends(0).says("1 pod left out");
    let found = done.json();
    let by_digest = |digest: Digest| {
        let all = found["images"].as_array().unwrap();
        all.iter().find(|image| image["digest"] == digest.to_string()).unwrap().clone()
    };
    let (ran, named) = (by_digest(old.digest()), by_digest(new.digest()));
    assert_eq!((&ran["signature"]["state"], &ran["running"]), (&"signed".into(), &true.into()));
    let workload = json!([{ "kind": "ReplicaSet", "namespace": "prod", "name": "app-5d", "containers": ["app"], "pods": 2 }]);
    assert_eq!(ran["workloads"], workload);
    // One that has not started: the name is all that there is.
    assert_eq!((&named["signature"]["state"], &named["running"]), (&"unsigned".into(), &false.into()));
    // On standard input, and those that have ended too.
    let line = ["inventory", "--key", "p256.pub", "--ended", "-o", "json", "-f", "-"];
    let all = room.pipe(dump.to_string(), &line).ends(0).json();
    assert_eq!(all["endedPods"], 0);

    // Manifests, several files, and one image in several workloads is looked at once.
    room.write("a.yaml", format!("kind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {{containers: [{{image: '{name}'}}]}}}}}}\n---\nkind: CronJob\nmetadata: {{name: night}}\nspec: {{jobTemplate: {{spec: {{template: {{spec: {{initContainers: [{{image: '{name}'}}]}}}}}}}}}}\n"));
    registry.clear_requests();
    let text = inventory(&room, &["-f", "a.yaml", "-f", "pods.json"]).ends(0);
    assert!(text.data().contains("CronJob night, Deployment web and 1 more"), "{text}");
    let lines = registry.lines();
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "asked twice: {lines:#?}");

    room.write("none.yaml", "kind: ConfigMap\n");
    inventory(&room, &["-f", "none.yaml"]).ends(2).says("the files name no image");
    room.write("bad.yaml", "kind: [\n");
    inventory(&room, &["-f", "bad.yaml"]).ends(4).says("bad.yaml");
    // A name that is none is told, and the others are looked at.
    room.write("odd.yaml", format!("kind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{image: 'UP PER'}}, {{image: '{name}'}}]}}\n"));
    let odd = inventory(&room, &["-o", "json", "-f", "odd.yaml"]).ends(3);
    assert_eq!(
        (&odd.json()["summary"]["unsigned"], &odd.json()["summary"]["unknown"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn an_index_is_scanned_if_each_of_its_images_is() {
    let (room, registry) = scene();
    let arm = ImageBuilder::new().file("a", "arm").platform("linux/arm64").build();
    let amd = ImageBuilder::new().file("a", "amd").platform("linux/amd64").build();
    // As BuildKit leaves it there.
    let build = ImageBuilder::new().layer_of("application/vnd.in-toto+json", "{}").build();
    let mut listed = build.descriptor();
    listed.platform = Some(Platform::new("unknown", "unknown"));
    listed.annotations.insert("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned());
    let index =
        IndexBuilder::new().image(arm.clone()).image(amd.clone()).image_as(build.clone(), listed).build();
    index.push_to(&registry, "app", "1.0");
    let name = registry.image("app", "1.0");
    sign(&room, &name);
    let by_digest = |digest: Digest| registry.image("app", &digest.to_string());
    attest(&room, &by_digest(arm.digest()), &scan("trivy", "Low", 1));
    let found = json_of(&room, &[&name]);
    let image = of(&found, &registry, "app");
    // What a build leaves there is no image.
    assert_eq!(image["platforms"].as_array().unwrap().len(), 2, "{image:#}");
    assert_eq!((&image["kind"], &image["scan"]["state"]), (&"index".into(), &"unscanned".into()));
    assert!(image["scan"]["reason"].as_str().unwrap().starts_with("linux/amd64: "), "{image:#}");
    attest(&room, &by_digest(amd.digest()), &scan("trivy", "Critical", 3));
    let found = json_of(&room, &[&name]);
    let scan_of = &of(&found, &registry, "app")["scan"];
    assert_eq!((&scan_of["score"], &scan_of["byPlatform"]), (&"Critical".into(), &true.into()));
    assert_eq!(scan_of["ageSeconds"].as_i64().unwrap() / 86_400, 3);
    // One of the index itself counts for itself.
    attest(&room, &name, &scan("trivy", "Low", 0));
    let found = json_of(&room, &[&name]);
    assert_eq!(of(&found, &registry, "app")["scan"]["score"], "Low");
    assert_eq!(of(&found, &registry, "app")["scan"]["byPlatform"], false);
}

#[test]
fn a_registry_is_listed_page_by_page_with_everything_that_stands_there() {
    let (room, registry) = (scene().0, Registry::start().with_page_size(2));
    let app = pushed(&registry, "team/app");
    app.push_to(&registry, "team/app", "latest");
    for repository in ["team/web", "team/tools/cli", "teams/other", "zoo"] {
        pushed(&registry, repository);
    }
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "team/multi", "1.0");
    let name = registry.image("team/app", "1.0");
    sign(&room, &name);
    attest(&room, &name, &scan("trivy", "Low", 1));
    room.ok(&["sign", "--key", "p256.key", "-r", &registry.image("team/multi", "1.0")]);

    let prefix = format!("{}/team", registry.host());
    registry.clear_requests();
    let found = json_of(&room, &["--registry", &prefix]);
    let repositories: BTreeSet<_> = found["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["repository"].as_str().unwrap())
        .collect();
    let expected = ["team/app", "team/multi", "team/tools/cli", "team/web"]
        .map(|path| format!("{}/{path}", registry.host()));
    assert_eq!(repositories.into_iter().collect::<Vec<_>>(), expected);
    assert!(registry.count("GET", "/v2/_catalog") > 1);
    // Tags of one digest are one image, and what is attached is none.
    assert_eq!(of(&found, &registry, "team/app")["names"].as_array().unwrap().len(), 2);
    assert_eq!(found["summary"]["signed"], 2);
    let lines = registry.lines();
    let asked_twice: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("/referrers/") && lines.iter().filter(|other| other == line).count() > 1)
        .collect();
    assert!(asked_twice.is_empty(), "{asked_twice:?}");

    // Everything that stands there, whatever it is.
    for path in ["team/app", "team/multi"] {
        let held = found["holdings"].as_array().unwrap().iter();
        let held =
            held.clone().find(|held| held["repository"] == format!("{}/{path}", registry.host())).unwrap();
        let listed: BTreeSet<String> = held["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect();
        let stands: BTreeSet<String> = registry.manifests(path).iter().map(ToString::to_string).collect();
        assert_eq!(listed, stands, "{path}");
    }
    let layers = found["holdings"][0]["blobs"].as_array().unwrap();
    assert!(layers.len() >= 2, "{layers:?}");

    // One repository, where there is no catalogue.
    let closed = registry.without_catalog();
    inventory(&room, &["--registry", &closed.host()]).ends(3).says("--repository HOST/PATH").prints_nothing();
    let one = json_of(&room, &["--repository", &format!("{}/team/web", closed.host())]);
    assert_eq!(one["summary"]["images"], 1);
    let missing = format!("{}/team/missing", closed.host());
    inventory(&room, &["--repository", &missing]).ends(3).says("team/missing");
}

#[test]
fn a_catalogue_has_a_scope_of_its_own_and_says_odd_names() {
    let (room, registry) = (scene().0, Registry::start().with_bearer("robot", "canary-5up3rs3cret"));
    pushed(&registry, "app");
    let line = ["inventory", "-o", "names", "--registry", &registry.host()];
    room.run(&line).ends(3).says("registry-unauthorized").prints_nothing();
    let with = ["--registry-username", "robot", "--registry-password-stdin"];
    let done = room.pipe("canary-5up3rs3cret", &[&line[..], &with].concat()).ends(0);
    assert_eq!(done.data().lines().count(), 1);
    let scopes: BTreeSet<_> =
        registry.token_requests().into_iter().filter(|one| one.granted).flat_map(|one| one.scopes).collect();
    assert_eq!(scopes.into_iter().collect::<Vec<_>>(), ["registry:catalog:*", "repository:app:pull"]);

    let odd = Registry::start();
    pushed(&odd, "app");
    let body = r#"{"repositories":["app","UPPER","../../etc"]}"#;
    odd.rule(Match::get("/v2/_catalog"), Behaviour::OtherBody(body.into()));
    let done = room.run(&["inventory", "-o", "json", "--registry", &odd.host()]).ends(3).says("UPPER");
    assert_eq!(done.json()["unreadable"].as_array().unwrap().len(), 2);
    assert_eq!(done.json()["summary"]["images"], 1);
    for (body, code) in [
        ("[]", "[malformed]"),
        (r#"{"repositories":[1]}"#, "[malformed]"),
        (r#"{"repositories":[],"repositories":["x"]}"#, "[malformed]"),
    ] {
        odd.clear_rules();
        odd.rule(Match::get("/v2/_catalog"), Behaviour::OtherBody(body.into()));
        room.run(&["inventory", "--registry", &odd.host()]).ends(3).says(code);
    }
}

#[test]
fn an_image_that_says_it_is_evidence_is_looked_at_where_it_runs() {
    let (room, registry) = scene();
    let app = pushed(&registry, "app");
    // An image that refers to another one runs like any other.
    let hidden = ImageBuilder::new().file("a", "b").subject(app.descriptor()).build();
    hidden.push_to(&registry, "hidden", "1.0");
    let referrer = ImageBuilder::new().artifact("text/plain").layer("x").subject(app.descriptor()).build();
    referrer.push_to(&registry, "app", "note");
    let found = json_of(&room, &["--registry", &registry.host()]);
    assert_eq!(of(&found, &registry, "hidden")["kind"], "image");
    assert_eq!(found["summary"]["images"], 2, "{found:#}");
    // By its own name it is what it is, and is judged.
    let named = json_of(&room, &[&registry.image("app", "note")]);
    let image = of(&named, &registry, "app");
    assert_eq!((&image["kind"], &image["signature"]["state"]), (&"evidence".into(), &"unsigned".into()));
    // A chart is no image, and signed like one.
    let chart = ImageBuilder::new()
        .config("application/vnd.cncf.helm.config.v1+json", "{}")
        .layer_of("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "chart")
        .build();
    chart.push_to(&registry, "chart", "1.0");
    sign(&room, &registry.image("chart", "1.0"));
    let found = json_of(&room, &[&registry.image("chart", "1.0")]);
    let image = of(&found, &registry, "chart");
    assert_eq!((&image["kind"], &image["signature"]["state"]), (&"artifact".into(), &"signed".into()));
    assert_eq!(image["artifactType"], "application/vnd.cncf.helm.config.v1+json");
}

#[test]
fn layouts_are_listed_as_registries_are_and_the_example_key_is_nobodys() {
    let (room, _) = scene();
    small("app").write_layout(&room.path("app"), "1.0");
    let name = oci(&room.path("app"), "1.0");
    room.ok(&["sign", "--key", "p256.key", "--identity", "registry.example.com/app", &name]);
    let found = json_of(&room, &[&name]);
    assert_eq!(
        found["images"][0]["signature"]["signers"][0]["signedFor"],
        json!(["registry.example.com/app"])
    );
    assert!(found["holdings"][0]["repository"].as_str().unwrap().starts_with("oci:"));
    inventory(&room, &["oci:missing"]).ends(3).says("missing");
    inventory(&room, &["UPPER"]).ends(2).says("UPPER");
}

#[test]
fn a_hostile_name_does_nothing_anywhere() {
    let (room, _) = scene();
    let hostile = "=cmd|' /C calc'!A0<script>alert(1)</script>\u{1b}[2J\u{202e}\n::error::x";
    let pod = json!({ "kind": "Pod", "metadata": { "name": hostile, "namespace": hostile },
        "spec": { "containers": [{ "name": hostile, "image": hostile }] } });
    room.write("pod.json", pod.to_string());
    for form in ["text", "csv", "html", "names"] {
        let done = inventory(&room, &["-o", form, "-f", "pod.json"]).ends(3);
        let said = format!("{}{}", done.data(), done.stderr);
        assert!(!said.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r')), "{form}: {said:?}");
        assert!(!said.contains('\u{202e}') && !said.contains("\n::error"), "{form}: {said:?}");
    }
    let csv = inventory(&room, &["-o", "csv", "-f", "pod.json"]).ends(3);
    assert!(csv.data().lines().nth(1).unwrap().starts_with("\"'=cmd"), "{csv}");
    assert_eq!(csv.data().lines().count(), 2);
    let page = inventory(&room, &["-o", "html", "-f", "pod.json"]).ends(3);
    assert!(!page.data().contains("<script>alert") && page.data().contains("&lt;script&gt;alert"), "{page}");
    assert!(page.data().contains("default-src 'none'") && !page.data().contains("http://"), "{page}");
}

#[test]
fn what_is_attached_by_tag_is_known_to_stand_there() {
    let (room, registry) = scene();
    let image = pushed(&registry, "app");
    let name = registry.image("app", "1.0");
    room.ok(&["sign", "--key", "p256.key", "--format", "legacy", &name]);
    // The image is gone from the listing, and its signature is not.
    let tag = Attached::Signatures.tag(&image.digest()).unwrap();
    let signature = registry.manifest("app", tag.as_str()).unwrap();
    registry.remove_tag("app", "1.0");
    let found = json_of(&room, &["--registry", &registry.host()]);
    assert_eq!(found["summary"]["images"], 0);
    assert_eq!(found["holdings"][0]["manifests"], json!([signature.digest.to_string()]));
}

#[test]
fn a_policy_file_says_whose_word_counts_for_what_and_what_is_refused() {
    let (room, registry) = scene();
    room.keys("p256-other");
    for repository in ["app", "bare", "else/where"] {
        pushed(&registry, repository);
    }
    let name = registry.image("app", "1.0");
    sign(&room, &name);
    // The release key is not asked what it has scanned.
    attest(&room, &name, &scan("trivy", "Low", 1));
    let host = registry.host();
    room.write(
        "policy.yaml",
        format!(
            "apiVersion: waxseal/v1\nkind: Policy\nname: site\nkeys:\n  release: {{ file: p256.pub }}\n  \
             security: {{ file: p256-other.pub }}\nrules:\n  - images: ['{host}/*']\n    require: [{{ signature: {{ by: \
             [release] }} }}]\n  - images: ['{host}/*']\n    namespaces: [prod]\n    require:\n      - attestation: {{ type: \
             scan, by: [security], maxAge: 7d, scan: {{ maxSeverity: High }} }}\n"
        ),
    );
    let pod = |namespace: &str, image: &str| {
        format!(
            "kind: Pod\nmetadata: {{ name: x, namespace: {namespace} }}\nspec: {{ containers: [{{ image: '{image}' }}] }}\n"
        )
    };
    let (bare, elsewhere) = (registry.image("bare", "1.0"), registry.image("else/where", "1.0"));
    room.write("dev.yaml", [pod("dev", &name), pod("dev", &bare), pod("dev", &elsewhere)].join("---\n"));
    room.write("app.yaml", pod("dev", &name));
    room.write("prod.yaml", [pod("dev", &name), pod("prod", &name)].join("---\n"));
    let by_policy = |more: &[&str]| room.run(&[&["inventory", "--policy", "policy.yaml"][..], more].concat());

    registry.clear_requests();
    let found = by_policy(&["-o", "json", "-f", "dev.yaml"]).ends(0).json();
    let lines = registry.lines();
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "asked twice: {lines:#?}");
    assert_eq!(found["policy"]["name"], "site");
    let keys: Vec<_> =
        found["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(keys, ["release", "security"]);
    assert_eq!(found["summary"]["refused"], 2);
    let app = of(&found, &registry, "app");
    assert_eq!(app["verdict"], json!({ "outcome": "admit", "basis": "verified", "namespace": "dev" }));
    assert_eq!((&app["signature"]["state"], &app["scan"]["state"]), (&"signed".into(), &"unscanned".into()));
    assert_eq!(of(&found, &registry, "bare")["verdict"]["code"], "no-signature");
    assert_eq!(of(&found, &registry, "else/where")["verdict"]["code"], "unmatched");

    // In the namespace where it comes out worst.
    let found = by_policy(&["-o", "json", "-f", "prod.yaml"]).ends(0).json();
    let verdict = &of(&found, &registry, "app")["verdict"];
    assert_eq!((&verdict["outcome"], &verdict["namespace"]), (&"refuse".into(), &"prod".into()));
    let text = by_policy(&["--fail-on", "refused", "-f", "prod.yaml"]).ends(1).says("refused: 1 image");
    assert!(text.data().contains("refuse (in prod)") && text.data().contains("1 refused"), "{text}");
    by_policy(&["--fail-on", "refused", &name]).ends(1).says("refused: 1 image");
    by_policy(&["--fail-on", "refused", "-f", "app.yaml"]).ends(0);
    let names = by_policy(&["--only", "refused", "-o", "names", "-f", "dev.yaml"]).ends(0);
    assert_eq!(names.data().lines().count(), 2, "{names}");
    let page = by_policy(&["-o", "html", "-f", "prod.yaml"]).ends(0);
    assert!(page.data().contains("data-verdict=\"refuse\""), "{page}");
    // The scan that counts makes the difference.
    room.write("predicate.json", scan("trivy", "Low", 1));
    let other = ["--key", "p256-other.key", "--type", "scan", "--predicate", "predicate.json"];
    room.ok(&[&["attest", "--password-file", "p256-other.password"][..], &other, &[&name]].concat());
    by_policy(&["--fail-on", "refused", "-f", "prod.yaml"]).ends(0);

    inventory(&room, &["--policy", "policy.yaml", &name]).ends(2);
    inventory(&room, &["--policy-key", "p256.pub", &name]).ends(2).says("--policy FILE");
    by_policy(&["--policy-key", "p256.pub", "--policy-serial-at-least", "1", &name]).ends(4);
    inventory(&room, &["--fail-on", "refused", &name]).ends(2).says("--policy FILE");
    by_policy(&["--output-file", "policy.yaml", &name]).ends(2).says("overwritten");
    room.write("bad.yaml", "kind: Policy\n");
    room.run(&["inventory", "--policy", "bad.yaml", &name]).ends(4);
}
