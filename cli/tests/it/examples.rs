//! The examples of the help texts, run as they stand.
//!
//! Each verb has a line in [`VERBS`]: which files, variables and registries its examples need, and what stands for
//! the parts that an example leaves open, as `registry.example.com` or `sha256:...`. Nothing else is replaced. The
//! examples of one verb run one after another in one folder, so that the second may read what the first wrote.

use waxseal_core::Digest;
use waxseal_core::scan::{Scan, ScanStatus, Scanner};
use waxseal_testkit::softhsm::{PIN, SoftHsm};
use waxseal_testkit::xray::{Artifact, Xray};
use waxseal_testkit::{IndexBuilder, Registry, fixtures};

use crate::room::{Room, SECRET, small};
use crate::scans::summary;

/// The setting of a verb's examples.
#[derive(Default)]
struct Setting {
    variables: Vec<(&'static str, String)>,
    replacements: Vec<(&'static str, String)>,
    /// What must live as long as the examples run, such as a registry.
    _guests: Vec<Box<dyn std::any::Any>>,
}

/// A verb whose examples are run.
struct Verb {
    name: &'static str,
    /// Prepares the folder.
    prepare: fn(&Room) -> Setting,
}

const VERBS: &[Verb] = &[
    Verb { name: "generate-key-pair", prepare: generate_key_pair },
    Verb { name: "import-key-pair", prepare: import_key_pair },
    Verb { name: "pkcs11-tool list-tokens", prepare: token },
    Verb { name: "pkcs11-tool list-keys-uris", prepare: token },
    Verb { name: "public-key", prepare: public_key },
    Verb { name: "sign-blob", prepare: sign_blob_or_by_token },
    Verb { name: "verify-blob", prepare: verify_blob },
    Verb { name: "attest", prepare: attest },
    Verb { name: "attest-blob", prepare: attest_blob },
    Verb { name: "payload", prepare: sign_payload },
    Verb { name: "sign-payload", prepare: sign_payload },
    Verb { name: "attach response", prepare: attach_response },
    Verb { name: "generate", prepare: attest },
    Verb { name: "attach attestation", prepare: attach_attestation },
    Verb { name: "verify-attestation", prepare: verify_attestation },
    Verb { name: "verify-blob-attestation", prepare: verify_blob_attestation },
    Verb { name: "download attestation", prepare: verify_attestation },
    Verb { name: "download sbom", prepare: download_sbom },
    Verb { name: "inventory", prepare: inventory },
    Verb { name: "gate", prepare: gate },
    Verb { name: "manifest verify", prepare: gate },
    Verb { name: "dockerfile verify", prepare: gate },
    Verb { name: "policy check", prepare: policy },
    Verb { name: "policy explain", prepare: policy },
    Verb { name: "policy new", prepare: policy_new },
    Verb { name: "policy schema", prepare: policy },
    Verb { name: "pack", prepare: pack },
    Verb { name: "pack diff", prepare: pack },
    Verb { name: "pack verify", prepare: unpack },
    Verb { name: "unpack", prepare: unpack },
    Verb { name: "policy sign", prepare: signed_policy },
    Verb { name: "record verify", prepare: signed_policy },
    Verb { name: "promote", prepare: promote },
    Verb { name: "policy test", prepare: policy_new },
    Verb { name: "save", prepare: save },
    Verb { name: "load", prepare: save },
    Verb { name: "scan annotate", prepare: reports },
    Verb { name: "scan attest", prepare: scan_attest },
    Verb { name: "scan diff", prepare: reports },
    Verb { name: "scan fetch", prepare: scan },
    Verb { name: "scan sbom", prepare: scan },
    Verb { name: "scan show", prepare: reports },
];

fn generate_key_pair(room: &Room) -> Setting {
    room.write("password.txt", "canary\n");
    Setting::default()
}

fn import_key_pair(room: &Room) -> Setting {
    room.write("openssl.pem", fixtures::read("openssl-keys/p384.sec1.pem"));
    room.write("old.pem", fixtures::read("openssl-keys/p256-imported.pbkdf2.pem"));
    room.write("old.txt", "example\n");
    room.write("new.txt", "canary\n");
    Setting::default()
}

fn public_key(room: &Room) -> Setting {
    room.write("release.key", fixtures::private_key_pem("p256"));
    room.write("password.txt", "example\n");
    token(room)
}

/// A token with the key `app`; nothing where `SoftHSM` is not installed, and then examples with tokens are not run.
fn token(room: &Room) -> Setting {
    let folder = room.path("home/hsm");
    std::fs::create_dir_all(&folder).unwrap();
    let Some(hsm) = SoftHsm::new(&folder) else { return Setting::default() };
    hsm.token("release");
    hsm.import("release", &fixtures::path("cosign/keys/p384.plain.pem"), "app", "01");
    room.write("pin.txt", PIN);
    Setting { variables: vec![hsm.variable()], ..Setting::default() }
}

fn sign_blob_or_by_token(room: &Room) -> Setting {
    let mut setting = sign_blob(room);
    setting.variables.extend(token(room).variables);
    setting
}

fn sign_blob(room: &Room) -> Setting {
    room.write("release.key", fixtures::private_key_pem("p256"));
    room.write("release.pub", fixtures::public_key_pem("p256"));
    room.write("app.tar.gz", "an archive");
    room.write("notes.txt", "notes");
    Setting { variables: vec![("WAXSEAL_PASSWORD", "example".to_owned())], ..Setting::default() }
}

fn verify_blob(room: &Room) -> Setting {
    let mut setting = sign_blob_or_by_token(room);
    run(room, &setting, &examples(room, "sign-blob"));
    setting.variables.clear();
    setting.replacements.push(("sha256:...", Digest::of("an archive").to_string()));
    setting
}

/// A registry with an image of two platforms, and a key.
fn attest(room: &Room) -> Setting {
    let setting = attest_blob(room);
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "app", "1.0");
    index.push_to(&registry, "app", "latest");
    room.write("build.json", statement(&index.digest()));
    let replacements = vec![("registry.example.com", registry.host())];
    Setting { replacements, _guests: vec![Box::new(registry)], ..setting }
}

fn attest_blob(room: &Room) -> Setting {
    let setting = sign_blob(room);
    room.write("app.key", fixtures::private_key_pem("p256"));
    room.write("a.pub", fixtures::public_key_pem("p256"));
    for name in ["a.txt", "sbom.json"] {
        room.write(name, "{}");
    }
    room.write("s.json", vulnerabilities());
    room.write("build.json", statement(&Digest::of("an archive")));
    Setting { replacements: vec![("2c26b46b...", Digest::of("an archive").hex())], ..setting }
}

/// cosign's predicate of a scan of a moment ago, with Trivy's report of one package in it.
fn vulnerabilities() -> String {
    let now = jiff::Timestamp::now();
    let found =
        r#"{"VulnerabilityID":"CVE-2026-0001","PkgName":"a","InstalledVersion":"1","Severity":"LOW"}"#;
    let results = format!(
        r#"[{{"Target":"app","Class":"os-pkgs","Type":"debian","Packages":[{{"Name":"a","Version":"1"}}],"Vulnerabilities":[{found}]}}]"#
    );
    let report = format!(
        r#"{{"SchemaVersion":2,"ArtifactName":"app","ArtifactType":"container_image","Results":{results}}}"#
    );
    format!(
        r#"{{"invocation":{{}},"scanner":{{"uri":"pkg:github/aquasecurity/trivy@0.58.0","version":"0.58.0","db":{{}},"result":{report}}},"metadata":{{"scanStartedOn":"{now}","scanFinishedOn":"{now}"}}}}"#
    )
}

/// The predicate of a scan of a moment ago in which nothing was found.
fn clean_scan() -> String {
    let mut scan = Scan::new(Scanner::new("Scanner", "pkg:generic/scanner"));
    scan.run.status = ScanStatus::Complete;
    scan.run.finished_on = Some(jiff::Timestamp::now());
    scan.run.coverage.vulnerabilities = true;
    scan.run.components = Some(1);
    scan.to_predicate().unwrap()
}

/// The same, with an SBOM of the index and a scan of today.
fn verify_attestation(room: &Room) -> Setting {
    let mut setting = attest(room);
    let name = "registry.example.com/app:1.0";
    room.write("scan.json", clean_scan());
    room.write("link.json", r#"{"name":"build"}"#);
    let types = [
        ("cyclonedx", "sbom.json"),
        ("vuln", "s.json"),
        ("custom", "a.txt"),
        ("scan", "scan.json"),
        ("link", "link.json"),
    ];
    let lines = types
        .map(|(kind, file)| format!("waxseal attest --key app.key --type {kind} --predicate {file} {name}"));
    run(room, &setting, &lines);
    let image = setting.replacements.iter().find(|(open, _)| *open == "registry.example.com");
    setting.variables.push(("IMAGE", format!("{}/app:1.0", image.unwrap().1)));
    setting
}

fn verify_blob_attestation(room: &Room) -> Setting {
    let setting = attest_blob(room);
    run(room, &setting, &examples(room, "attest-blob"));
    setting
}

fn statement(about: &Digest) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"https://example.com/review/v1","predicate":{{}}}}"#,
        about.hex()
    )
}

/// A request for the signature of an image, whose digest stands for the one that is left open.
fn sign_payload(room: &Room) -> Setting {
    let mut setting = attest(room);
    let image = setting.replacements[0].1.clone() + "/app:1.0";
    let line = format!("waxseal payload {image} --out req.json --raw to-sign");
    run(room, &setting, &[line]);
    let request: serde_json::Value = serde_json::from_str(&room.text("req.json")).unwrap();
    let digest = request["summary"]["subjects"][0]["digest"].as_str().unwrap().to_owned();
    setting.replacements.push(("sha256:...", digest));
    setting.variables.push(("IMAGE", image));
    setting
}

/// The same, and what came back to it in three forms.
fn attach_response(room: &Room) -> Setting {
    let setting = sign_payload(room);
    room.write("app.pub", fixtures::public_key_pem("p256"));
    let lines = ["waxseal sign-payload req.json --key app.key --out resp.json".to_owned()];
    run(room, &setting, &lines);
    let response: serde_json::Value = serde_json::from_str(&room.text("resp.json")).unwrap();
    for (file, kind) in [("s1", "dsse"), ("s2", "simple-signing")] {
        room.write(file, response["signatures"][kind].as_str().unwrap());
    }
    room.write("scanned.txt", room.text("resp.json").replace(',', ",\n"));
    setting
}

fn policy(room: &Room) -> Setting {
    let text = "apiVersion: waxseal/v1
kind: Policy
name: production
keys: { release: release.pub }
rules:
  - images: [registry.example.com/**]
    require: [{ signature: { by: [release], signedFor: same } }]
";
    room.write("policy.yaml", text);
    room.write("release.pub", fixtures::public_key_pem("p256"));
    Setting::default()
}

/// The same, with an image that is signed for a name, and a case of it.
fn policy_new(room: &Room) -> Setting {
    let setting = policy(room);
    let registry = Registry::start();
    room.sign("p256", &crate::room::image(&registry), &[]);
    let case =
        format!("{{ image: \"{}\", expect: refuse, reason: unmatched }}", registry.image("app", "1.0"));
    room.write(
        "cases.yaml",
        format!("apiVersion: waxseal/v1\nkind: PolicyTest\npolicy: policy.yaml\ncases: [{case}]\n"),
    );
    let replacements = vec![("registry.example.com", registry.host())];
    Setting { replacements, _guests: vec![Box::new(registry)], ..setting }
}

fn attach_attestation(room: &Room) -> Setting {
    let setting = attest(room);
    room.write("app.pub", fixtures::public_key_pem("p256"));
    let name = setting.replacements[0].1.clone() + "/app:1.0";
    let made = ["attest", "--key=app.key", "--predicate=a.txt", "--upload=false", "--bundle=b.json", &name];
    let password = room.write("password.txt", "example");
    let envelope = room.run(&[&made[..], &["--password-file", &password]].concat()).ends(0);
    room.write("app.att", envelope.data());
    setting
}

fn download_sbom(room: &Room) -> Setting {
    let setting = attest_blob(room);
    let registry = Registry::start();
    crate::attest::with_sbom(&registry, 1, b"{}");
    let replacements = vec![("registry.example.com", registry.host())];
    Setting { replacements, _guests: vec![Box::new(registry)], ..setting }
}

/// A registry with an image that is signed and scanned, manifests that name it, and a program that prints a pod of it.
fn inventory(room: &Room) -> Setting {
    let setting = verify_attestation(room);
    room.write("release.pub", fixtures::public_key_pem("p256"));
    let host = setting.replacements[0].1.clone();
    room.ok(&["copy", &format!("{host}/app:1.0"), &format!("{host}/team/app:1.0")]);
    room.write("app.yaml", format!("kind: Pod\nspec: {{containers: [{{image: '{host}/app:1.0'}}]}}\n"));
    let pods = room.write(
        "pods.json",
        format!(r#"{{"kind":"Pod","spec":{{"containers":[{{"image":"{host}/app:1.0"}}]}}}}"#),
    );
    let rule = format!("  - images: ['{host}/**']\n    require: [{{ signature: {{ by: [release] }} }}]\n");
    let keys = "keys: { release: { file: release.pub } }";
    let head = "apiVersion: waxseal/v1\nkind: Policy\nname: example";
    room.write("policy.yaml", format!("{head}\n{keys}\nrules:\n{rule}"));
    let kubectl = room.write("home/bin/kubectl", format!("#!/bin/sh\ncat {pods}\n"));
    std::fs::set_permissions(kubectl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    setting
}

/// A signed image, and every kind of document that names it.
fn gate(room: &Room) -> Setting {
    let registry = Registry::start();
    small("app").push_to(&registry, "app", "1.0");
    let name = registry.image("app", "1.0");
    room.sign("p256", &name, &[]);
    std::fs::copy(room.path("p256.pub"), room.path("release.pub")).unwrap();
    let pod = format!("kind: Pod\nspec: {{containers: [{{name: app, image: {name}}}]}}\n");
    room.write("app.yaml", &pod);
    room.write("rendered.yaml", &pod);
    room.write("compose.yaml", format!("services: {{app: {{image: {name}}}, cron: {{build: .}}}}\n"));
    room.write("Dockerfile", format!("ARG TAG=1.0\nFROM {}/app:${{TAG}}\n", registry.host()));
    room.write("images.txt", format!("# deployed\n{name}\n"));
    policy(room);
    room.write("policy.yaml", room.text("policy.yaml").replace("registry.example.com", &registry.host()));
    room.write(
        "task.yaml",
        format!("kind: Task\napiVersion: tekton.dev/v1\nspec: {{steps: [{{image: {name}}}]}}\n"),
    );
    let replacements = vec![("registry.example.com", registry.host())];
    Setting { replacements, _guests: vec![Box::new(registry)], ..Setting::default() }
}

fn save(_: &Room) -> Setting {
    let (registry, other) = (Registry::start(), Registry::start());
    IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build().push_to(&registry, "app", "1.0");
    let replacements =
        vec![("registry.example.com", registry.host()), ("registry.site.example", other.host())];
    Setting { replacements, _guests: vec![Box::new(registry), Box::new(other)], ..Setting::default() }
}

/// A registry with a signed image, a policy for it, the inventory of a site that has nothing, and keys.
fn pack(room: &Room) -> Setting {
    let (registry, site) = (Registry::start(), Registry::start());
    small("app").push_to(&registry, "app", "1.0");
    for (name, key) in [("release", "p256"), ("pack", "p256-other"), ("site", "ed25519")] {
        room.write(&format!("{name}.key"), fixtures::private_key_pem(key));
        room.write(&format!("{name}.pub"), fixtures::public_key_pem(key));
    }
    let host = registry.host();
    let policy = format!(
        "apiVersion: waxseal/v1\nkind: Policy\nname: site\nkeys:\n  release: {{ file: release.pub }}\n\
         rules:\n  - images: [\"{host}/**\"]\n    require:\n      - signature: {{ by: [release] }}\n"
    );
    room.write("policy.yaml", policy);
    room.write("site.json", r#"{"schema":"waxseal/inventory/v1","holdings":[]}"#);
    let setting = Setting {
        variables: vec![
            ("WAXSEAL_PASSWORD", "example".to_owned()),
            ("WAXSEAL_POLICY", "policy.yaml".to_owned()),
            ("HOST", host.clone()),
        ],
        replacements: vec![("registry.example.com", host), ("registry.site.example", site.host())],
        _guests: vec![Box::new(registry), Box::new(site)],
    };
    run(room, &setting, &["waxseal sign --key release.key registry.example.com/app:1.0".to_owned()]);
    setting
}

fn unpack(room: &Room) -> Setting {
    let setting = pack(room);
    run(room, &setting, &examples(room, "pack"));
    setting
}

/// A signed and scanned image to be promoted, a policy, a list, and a tag that names another image.
fn promote(room: &Room) -> Setting {
    let mut setting = attest_blob(room);
    let registry = Registry::start();
    let host = registry.host();
    for tag in ["1.0", "v1.0", "v1.1"] {
        small("app").push_to(&registry, "dev/app", tag);
    }
    let other = small("other").push_to(&registry, "archive/app", "current");
    room.write("scan.json", clean_scan());
    room.write("ci.key", fixtures::private_key_pem("p256"));
    let key = "keys: { release: { file: release.pub } }";
    let rule = format!("{{ images: ['{host}/dev/**'], require: [{{ signature: {{ by: [release] }} }}] }}");
    room.write("p.yaml", format!("apiVersion: waxseal/v1\nkind: Policy\nname: p\n{key}\nrules: [{rule}]\n"));
    room.write("release.txt", format!("{host}/dev/app:1.0 {host}/prod/app\n"));
    let image = format!("{host}/dev/app:1.0");
    let lines = [
        format!("waxseal sign --key app.key {image}"),
        format!("waxseal attest --key app.key --type scan --predicate scan.json {image}"),
    ];
    run(room, &setting, &lines);
    setting.variables.extend([
        ("FROM", image),
        ("TO", format!("{host}/stage/app:1.0")),
        ("REPOSITORY", format!("{host}/dev/app")),
        ("ARCHIVE", format!("{host}/archive/app")),
    ]);
    Setting {
        replacements: vec![("registry.example.com", host), ("sha256:...", other.to_string())],
        _guests: vec![Box::new(registry)],
        ..setting
    }
}

fn scan(room: &Room) -> Setting {
    let (registry, xray) = (Registry::start(), Xray::start().with_token(SECRET));
    let digest = small("app").push_to(&registry, "app", "1.0");
    let artifact = Artifact::new("docker-local", "app/1.0/manifest.json", &digest);
    xray.add(artifact.after_trigger(&["SCANNING", "DONE"]));
    room.write("token", SECRET);
    for name in ["scanner.key", "build.key"] {
        room.write(name, fixtures::private_key_pem("p256"));
    }
    Setting {
        variables: vec![
            ("JF_URL", xray.url()),
            ("JF_ACCESS_TOKEN", SECRET.to_owned()),
            ("WAXSEAL_PASSWORD", "example".to_owned()),
        ],
        replacements: vec![("registry.example.com", registry.host()), ("https://acme.jfrog.io", xray.url())],
        _guests: vec![Box::new(registry), Box::new(xray)],
    }
}

fn reports(room: &Room) -> Setting {
    let report = summary("app:1.0", &Digest::of("app"), "High");
    room.write("released.json", &report);
    room.write("report.json", &report);
    for name in ["app", "jobs"] {
        let pod = "kind: Pod\nspec: {containers: [{image: registry.example.com/app:1.0}]}\n";
        room.write(&format!("{name}.yaml"), pod);
    }
    Setting::default()
}

fn scan_attest(room: &Room) -> Setting {
    let registry = Registry::start();
    let image = small("app");
    image.push_to(&registry, "app", "1.0");
    room.write("ci.key", fixtures::private_key_pem("p256"));
    let report = crate::scan_attest::of(&image.digest());
    room.write("report.json", report.to_string());
    // Neither a digest nor a time.
    room.write("jf.json", fixtures::read("scans/xray/scan-json-docker.json"));
    Setting {
        variables: vec![("WAXSEAL_PASSWORD", "example".to_owned()), ("IMAGE", registry.image("app", "1.0"))],
        replacements: vec![
            ("registry.example.com", registry.host()),
            ("sha256:...", image.digest().to_string()),
        ],
        _guests: vec![Box::new(registry)],
    }
}

/// A signed image, a policy for it, and keys of somebody who signs policies and records.
fn signed_policy(room: &Room) -> Setting {
    policy(room);
    let registry = Registry::start();
    small("app").push_to(&registry, "app", "1.0");
    let name = registry.image("app", "1.0");
    room.sign("p256", &name, &[]);
    let text = room.text("policy.yaml").replace("registry.example.com", &registry.host());
    room.write("policy.yaml", text.replace("keys:", "serial: 7\nkeys:"));
    for name in ["team", "gate"] {
        room.write(&format!("{name}.key"), fixtures::plain_private_key_pem("p384"));
        room.write(&format!("{name}.pub"), fixtures::public_key_pem("p384"));
    }
    Setting {
        variables: vec![("IMAGE", name)],
        replacements: vec![("registry.example.com", registry.host())],
        _guests: vec![Box::new(registry)],
    }
}

#[test]
fn examples_of_help_texts_run() {
    for Verb { name, prepare } in VERBS {
        let room = Room::new();
        let setting = prepare(&room);
        let lines = examples(&room, name);
        assert!(!lines.is_empty(), "{name} has no examples");
        run(&room, &setting, &lines);
    }
}

/// The examples of a verb's help: lines under `Examples:` that are indented by four spaces.
fn examples(room: &Room, verb: &str) -> Vec<String> {
    let words: Vec<_> = verb.split(' ').chain(["--help"]).collect();
    let help = room.run(&words).ends(0);
    let (_, behind) = help.data().split_once("\nExamples:\n").unwrap_or_default();
    let lines = behind.lines().take_while(|line| !line.is_empty());
    let examples: Vec<_> = lines.filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect();
    for example in &examples {
        // What is wrapped cannot be copied.
        assert!(
            example.starts_with("waxseal ") || example.starts_with("kubectl "),
            "{verb}: an example is too long for its line, at {example:?}"
        );
    }
    examples
}

fn run(room: &Room, setting: &Setting, lines: &[String]) {
    let with_token = setting.variables.iter().any(|(name, _)| *name == "SOFTHSM2_CONF");
    for line in lines.iter().filter(|line| with_token || !line.contains("pkcs11")) {
        let mut typed = line.clone();
        for (open, filled) in &setting.replacements {
            typed = typed.replace(open, filled);
        }
        let mut command = room.shell(&typed);
        command.envs(setting.variables.iter().map(|(name, value)| (*name, value)));
        let run = room.end(&mut command);
        assert_eq!(run.code, 0, "{line}\n{run}");
    }
}
