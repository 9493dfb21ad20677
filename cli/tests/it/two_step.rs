//! `payload`, `sign-payload`, `attach response` and `generate`: a key that never meets a network.

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_core::encoding::base64_encode;
use waxseal_testkit::{IndexBuilder, Registry, fixtures};

use crate::room::{Room, Run, image, oci, small};

/// A room with an image in a registry, and a public key; a second room with the private key.
fn rooms(key: &str) -> (Room, Room, Registry, String) {
    let (online, offline, registry) = (Room::new(), Room::new(), Registry::start());
    online.write("app.pub", fixtures::public_key_pem(key));
    offline.write("app.key", fixtures::plain_private_key_pem(key));
    let name = image(&registry);
    (online, offline, registry, name)
}

/// Asks for a signature; the request.
fn asked(room: &Room, name: &str, more: &[&str]) -> Value {
    room.run(&[&["payload", name, "--out", "req.json"][..], more].concat()).ends(0).prints_nothing();
    serde_json::from_str(&room.text("req.json")).unwrap()
}

/// Carries the request over, signs it without a network where that can be had, and carries the response back.
fn signed(online: &Room, offline: &Room, more: &[&str]) -> Run {
    offline.write("req.json", online.read("req.json"));
    let arguments = ["sign-payload", "req.json", "--key", "app.key", "--out", "resp.json"];
    let run = offline.without_network(&[&arguments[..], more].concat()).ends(0);
    online.write("resp.json", offline.read("resp.json"));
    run
}

fn attach(room: &Room, name: &str, more: &[&str]) -> Run {
    let fixed = ["attach", "response", name, "--key", "app.pub", "--request", "req.json"];
    room.run(&[&fixed[..], more].concat())
}

fn verify(room: &Room, name: &str, more: &[&str]) -> Run {
    room.run(&[&["verify", "--key", "app.pub"][..], more, &[name]].concat())
}

#[test]
fn a_signature_in_three_steps() {
    for key in ["p256-imported", "p384", "ed25519", "rsa2048"] {
        let (online, offline, _registry, name) = rooms(key);
        let request = asked(&online, &name, &["-a", "stage=release"]);
        assert_eq!(request["schema"], "waxseal/signing-request/v1");
        let digest = small("app").digest().to_string();
        let run = signed(&online, &offline, &["--expect-digest", &digest]);
        let repository = name.rsplit_once(':').unwrap().0;
        run.says_each(&["to be signed: an image's signature", &digest, repository, "stage=release"]);
        // The other machine has nothing but the request, the key and the response.
        assert_eq!(offline.names(), ["app.key", "req.json", "resp.json"]);
        assert!(online.read("resp.json").len() < 1_200);
        verify(&online, &name, &[]).ends(1).says("no-signature");
        let run = online.run(&[
            "attach",
            "response",
            "resp.json",
            &name,
            "--key",
            "app.pub",
            "--request",
            "req.json",
            "-o",
            "json",
        ]);
        let record = run.ends(0).says("attached, signed by").json();
        assert_eq!(
            (&record["schema"], &record["digest"]),
            (&json!("waxseal/attach-response/v1"), &json!(digest))
        );
        for format in ["legacy", "bundle"] {
            verify(&online, &name, &["--format", format, "-a", "stage=release", "--signed-for", "same"])
                .ends(0);
        }
        // It is what `sign` would have written, and stands there once (rule G3).
        offline.ok(&["sign", "--key", "app.key", "-a", "stage=release", &name]);
        let again = offline.run(&["sign", "--key", "app.key", "-a", "stage=release", &name]).ends(0);
        again.says_each(&["already signed by", "(legacy)", "(bundle)"]);
        let run = attach(&online, &name, &["--from-text", "resp.json", "-o", "json"]).ends(0);
        assert_eq!(run.json()["signatures"][0]["already"], true);
        assert_eq!(run.json()["signatures"][1]["already"], true);
        let verdict = verify(&online, &name, &["-o", "verdict"]).ends(0).json();
        assert_eq!(verdict["signatures"].as_array().unwrap().len(), 2, "{verdict}");
    }
}

#[test]
fn an_attestation_in_three_steps() {
    let (online, offline, _registry, name) = rooms("p256-imported");
    online.write("sbom.json", r#"{ "n": 9007199254740993 }"#);
    asked(&online, &name, &["--type", "cyclonedx", "--predicate", "sbom.json"]);
    signed(&online, &offline, &[]).says("an attestation of the type https://cyclonedx.org/bom");
    let attach = || attach(&online, &name, &["--from-text", "resp.json"]).ends(0);
    attach().says_each(&["attached, signed by", "(legacy): https://cyclonedx.org/bom", "(bundle)"]);
    attach().says("already attached");
    for format in ["legacy", "bundle"] {
        let verify = ["verify-attestation", "--key", "app.pub", "--type", "cyclonedx", "--format", format];
        assert_eq!(online.ok(&[&verify[..], &[&name]].concat()).lines().count(), 1);
    }
    verify(&online, &name, &[]).ends(1).says("predicate-type-mismatch");
    // A type needs something that has it.
    online.run(&["payload", &name, "--type", "vuln"]).ends(2).says("nothing to attest");
    online.run(&["payload", &name, "-a", "a=b", "--predicate", "sbom.json"]).ends(2);
}

#[test]
fn what_came_back_is_refused_where_it_does_not_hold() {
    let (online, offline, registry, name) = rooms("p256-imported");
    asked(&online, &name, &[]);
    signed(&online, &offline, &[]);
    let other = registry.image("other", "1.0");
    small("other").push_to(&registry, "other", "1.0");
    online.write("other.pub", fixtures::public_key_pem("p256-other"));
    let refused = |arguments: &[&str], code: &str| {
        let fixed = ["attach", "response", "--request", "req.json"];
        let run = online.run(&[&fixed[..], arguments].concat()).ends(1);
        run.says(&format!("[{code}]")).prints_nothing();
        for name in [&name, &other] {
            verify(&online, name, &[]).ends(1).says("no-signature");
        }
    };
    refused(&["resp.json", &name, "--key", "other.pub"], "untrusted-key");
    refused(&["resp.json", &other, "--key", "app.pub"], "subject-mismatch");
    let elsewhere = small("other").digest().to_string();
    refused(&["resp.json", &name, "--key", "app.pub", "--expect-digest", &elsewhere], "tag-moved");
    let mut response: Value = serde_json::from_str(&online.text("resp.json")).unwrap();
    response["signatures"]["dsse"] = response["signatures"]["simple-signing"].clone();
    online.write("bad.json", response.to_string());
    refused(&["bad.json", &name, "--key", "app.pub"], "signature-mismatch");
    response["signatures"].as_object_mut().unwrap().remove("dsse");
    online.write("bad.json", response.to_string());
    refused(&["bad.json", &name, "--key", "app.pub"], "missing-signature");
    online.write("bad.json", "{}");
    refused(&["bad.json", &name, "--key", "app.pub"], "detached-schema");
    online.write("bare.sig", "AAAA");
    refused(&[&name, "--key", "app.pub", "--signature", "bare.sig"], "signature-mismatch");
    // The request that was kept is another one.
    online.run(&["payload", &name, "-a", "a=b", "--out", "other.json"]).ends(0);
    let run = online.run(&[
        "attach",
        "response",
        "resp.json",
        &name,
        "--key",
        "app.pub",
        "--request",
        "other.json",
    ]);
    run.ends(1).says("[other-request]");
    attach(&online, &name, &[]).ends(2).says("there is nothing to attach");
    // One format alone is enough where it was meant.
    online.write("bad.json", response.to_string());
    attach(&online, &name, &["--from-text", "bad.json", "--format", "legacy"]).ends(0);
    verify(&online, &name, &["--format", "legacy"]).ends(0);
    verify(&online, &name, &["--format", "bundle"]).ends(1);
}

#[test]
fn nothing_is_signed_but_what_is_shown() {
    let (online, offline, _registry, name) = rooms("p256-imported");
    let mut request = asked(&online, &name, &[]);
    let sign = |request: &Value, more: &[&str]| {
        offline.write("req.json", request.to_string());
        offline.run(&[&["sign-payload", "req.json"][..], more].concat())
    };
    let digest = small("app").digest().to_string();
    // The summary says whatever it says.
    let claimed = small("other").digest().to_string();
    request["summary"]["subjects"][0]["digest"] = json!(claimed);
    let run = sign(&request, &[]).ends(0).says(&digest).says("nothing was signed");
    assert!(!run.stderr.contains(&claimed), "{run}");
    run.prints_nothing();
    let key = ["--key", "app.key", "--out", "resp.json"];
    let run = sign(&request, &[&key[..], &["--expect-digest", &claimed]].concat());
    run.ends(1).says("[subject-mismatch]").prints_nothing();
    let mut prehashed = request.clone();
    prehashed["payloads"] = json!({ "dsse": base64_encode(Digest::of("x").as_bytes()) });
    sign(&prehashed, &key).ends(1).says("[prehashed-payload]").prints_nothing();
    let mut disagree = request.clone();
    online.write("to.json", online.read("req.json"));
    let other = asked(&online, &name, &["-a", "stage=release"]);
    disagree["payloads"]["dsse"] = other["payloads"]["dsse"].clone();
    sign(&disagree, &key).ends(1).says("[payloads-disagree]").prints_nothing();
    assert_eq!(offline.names(), ["app.key", "req.json"], "nothing was written");
    let response = sign(&request, &["--key", "app.key"]).ends(0).json();
    assert_eq!(response["schema"], "waxseal/signing-response/v1");
    // What a terminal would act on is shown as what it is.
    let hostile = asked(&online, &name, &["-a", "stage=\u{1b}[2J\u{202e}"]);
    sign(&hostile, &[]).ends(0).says(r"stage=\u{1b}[2J\u{202e}");
}

/// Bare signatures by openssl over the files of `--raw`.
#[test]
fn openssl_signs_the_raw_files() {
    if !crate::room::is_installed("openssl") {
        return;
    }
    for (key, more) in [
        ("p256-imported", "-digest sha256"),
        ("ed25519", ""),
        ("rsa2048", "-digest sha256"),
        ("p384", "-digest sha384"),
    ] {
        let (online, offline, _registry, name) = rooms(key);
        asked(&online, &name, &["--raw", "to-sign"]);
        let files = ["simple-signing.bin", "dsse-pae.bin"];
        offline.end(&mut offline.shell("true"));
        for file in files {
            for name in [file.to_owned(), format!("{file}.sha256")] {
                offline.write(&name, online.read(&format!("to-sign/{name}")));
            }
            offline.end(&mut offline.shell(&format!("sha256sum --check --strict {file}.sha256"))).ends(0);
            let line =
                format!("openssl pkeyutl -sign -rawin {more} -inkey app.key -in {file} -out {file}.sig");
            offline.end(&mut offline.shell(&line)).ends(0);
            online.write(&format!("{file}.sig"), offline.read(&format!("{file}.sig")));
        }
        let signatures = ["--signature", "dsse-pae.bin.sig", "--signature", "simple-signing.bin.sig"];
        attach(&online, &name, &signatures[..2]).ends(1).says("[missing-signature]");
        attach(&online, &name, &signatures).ends(0).says("attached, signed by");
        for format in ["legacy", "bundle"] {
            verify(&online, &name, &["--format", format]).ends(0);
        }
        // The request on the other machine makes the same files.
        offline.write("req.json", online.read("req.json"));
        offline.run(&["sign-payload", "req.json", "--raw", "again"]).ends(0);
        for file in files {
            assert_eq!(offline.read(&format!("again/{file}")), offline.read(file));
        }
    }
}

#[test]
fn text_of_a_qr_code_is_taken_as_it_is_pasted() {
    let (online, offline, _registry, name) = rooms("p256-imported");
    let broken = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(40).map(|line| line.iter().collect::<String>() + "\r\n").collect::<String>()
    };
    let run = online.run(&["payload", &name, "--out", "req.json", "--qr"]).ends(0);
    assert!(run.data().contains('\u{2588}') && run.data().lines().count() > 30, "{run}");
    assert!(!run.data().contains('\u{1b}'), "no colours where there is no terminal");
    online.run(&["payload", &name, "--qr"]).ends(2);
    let request = broken(&online.text("req.json"));
    let run = offline.pipe(request, &["sign-payload", "--from-text", "-", "--key", "app.key"]).ends(0);
    let response = broken(run.data());
    let arguments =
        ["attach", "response", &name, "--key", "app.pub", "--request", "req.json", "--from-text", "-"];
    online.pipe(response, &arguments).ends(0);
    verify(&online, &name, &[]).ends(0);
    offline.write("req.json", online.read("req.json"));
    let run = offline.run(&["sign-payload", "req.json", "--key", "app.key", "--qr"]).ends(0);
    assert!(run.data().contains('\u{2588}'));
    // What is too large for one says its size.
    online.write("large.txt", "x".repeat(3_000));
    let large = ["payload", &name, "--out", "large.json", "--qr", "--predicate", "large.txt"];
    online.run(&large).ends(2).says("too many for a QR code, which takes 2953").prints_nothing();
    assert!(!online.path("large.json").exists());
}

#[test]
fn images_in_layouts_and_of_platforms() {
    let (online, offline, registry, _) = rooms("p256-imported");
    small("app").write_layout(&online.path("app"), "1.0");
    let layout = oci(&online.path("app"), "1.0");
    online.run(&["payload", &layout, "--out", "req.json"]).ends(4).says("[image-without-name]");
    asked(&online, &layout, &["--identity", "registry.example.com/team/app"]);
    signed(&online, &offline, &[]).says("registry.example.com/team/app");
    attach(&online, &layout, &["--from-text", "resp.json"]).ends(0);
    let same = ["--identity", "registry.example.com/team/app", "--signed-for", "same"];
    verify(&online, &layout, &same).ends(0);

    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "index", "1.0");
    let name = registry.image("index", "1.0");
    let child = index.children[1].0.digest.to_string();
    asked(&online, &name, &["--platform", "linux/arm64"]);
    signed(&online, &offline, &["--expect-digest", &child]);
    attach(&online, &name, &["--from-text", "resp.json"]).ends(1).says("[subject-mismatch]");
    attach(&online, &name, &["--from-text", "resp.json", "--platform", "linux/arm64"]).ends(0);
    verify(&online, &name, &["--platform", "linux/arm64"]).ends(0);
    verify(&online, &name, &["--platform", "linux/amd64"]).ends(1);
}

/// As cosign does: the payload and nothing else.
#[test]
fn generate_prints_the_payload() {
    let (online, offline, _registry, name) = rooms("p256-imported");
    asked(&online, &name, &["-a", "stage=release", "--raw", "raw"]);
    let payload = online.run(&["generate", "-a", "stage=release", &name]).ends(0).stdout;
    assert_eq!(payload, online.read("raw/simple-signing.bin"));
    assert_eq!(payload.last(), Some(&b'}'));
    let line = format!("ln -s \"$(command -v waxseal)\" cosign && ./cosign generate -a stage=release {name}");
    assert_eq!(online.end(&mut online.shell(&line)).ends(0).stdout, payload);
    if crate::room::is_installed("openssl") {
        offline.write("payload.json", payload.clone());
        let line = "openssl dgst -sha256 -sign app.key -out payload.sig payload.json";
        offline.end(&mut offline.shell(line)).ends(0);
        online.write("payload.sig", offline.read("payload.sig"));
        online.write("payload.json", payload);
        let attach = ["attach", "signature", "--key", "app.pub", "--payload", "payload.json"];
        online.ok(&[&attach[..], &["--signature", "payload.sig", &name]].concat());
        verify(&online, &name, &["-a", "stage=release"]).ends(0);
    }
}
