//! Keys in PKCS#11 tokens, wherever a key is named. The PIN has the word that every run is searched for.

use serde_json::Value;
use waxseal_testkit::softhsm::{PIN, SoftHsm};
use waxseal_testkit::{Registry, fixtures};

use crate::room::{Room, pushed};

/// A room with the token `release`, which holds these keys under their names; its module has to be named. Nothing where
/// `SoftHSM` is not installed.
#[expect(clippy::print_stderr, reason = "what is passed over is told")]
fn room(keys: &[&str]) -> Option<(Room, SoftHsm)> {
    let room = Room::new();
    let folder = room.path("home/hsm");
    std::fs::create_dir_all(&folder).unwrap();
    let Some(hsm) = SoftHsm::new(&folder) else {
        eprintln!("passed over: SoftHSM is not installed");
        return None;
    };
    hsm.token("release");
    for (at, key) in keys.iter().enumerate() {
        let file = fixtures::path(&format!("cosign/keys/{key}.plain.pem"));
        hsm.import("release", &file, key, &format!("{:02x}", at + 1));
        room.write(&format!("{key}.pub"), fixtures::public_key_pem(key));
    }
    room.write("pin.txt", format!("{PIN}\n"));
    let (variable, settings) = hsm.variable();
    Some((room.variable(variable, settings), hsm))
}

/// The name of a key of the token, and behind `?` what else is given.
fn name(hsm: &SoftHsm, key: &str, query: &str) -> String {
    format!("pkcs11:token=release;object={key}?module-path={}{query}", hsm.module().display())
}

#[test]
fn an_image_is_signed_and_attested_by_keys_of_every_kind() {
    let kinds = ["p256-imported", "p384", "rsa2048", "ed25519"];
    let Some((room, hsm)) = room(&kinds) else { return };
    let registry = Registry::start();
    let image = pushed(&registry, "app");
    let by_digest = format!("{}/app@{}", registry.host(), image.digest());
    room.write("claim.json", "{}");
    for kind in kinds {
        let (signing, public) = (name(&hsm, kind, "&pin-source=pin.txt"), name(&hsm, kind, ""));
        let file = format!("{kind}.pub");
        room.run(&["verify", "--key", &file, &by_digest]).ends(1);
        room.run(&["sign", "--key", &signing, &by_digest])
            .ends(0)
            .says("signed by")
            .says("legacy")
            .says("bundle");
        room.run(&["sign", "--key", &signing, &by_digest]).ends(0).says("already signed");
        room.run(&["attest", "--key", &signing, "--type", "custom", "--predicate", "claim.json", &by_digest])
            .ends(0)
            .says("attested by");
        for key in [&file, &public] {
            for format in ["legacy", "bundle"] {
                room.run(&["verify", "--key", key, "--format", format, &by_digest]).ends(0);
            }
            room.run(&["verify-attestation", "--key", key, "--type", "custom", &by_digest]).ends(0);
        }
    }
    // Several keys, one of them in a file: each signs.
    room.write("own.key", fixtures::plain_private_key_pem("p521"));
    let token = name(&hsm, "p384", "&pin-source=pin.txt");
    let other = pushed(&registry, "other");
    let other = format!("{}/other@{}", registry.host(), other.digest());
    room.run(&["sign", "--key", &token, "--key", "own.key", &other]).ends(0);
    room.run(&["verify", "--key", &name(&hsm, "p384", ""), &other]).ends(0);
    // Another key of the same token has not signed it.
    room.run(&["verify", "--key", &name(&hsm, "ed25519", ""), &other]).ends(1);
}

#[test]
fn a_blob_is_signed_and_attested_and_its_key_is_printed() {
    let Some((room, hsm)) = room(&["p256-imported"]) else { return };
    let room = room
        .variable("WAXSEAL_PKCS11_PIN", PIN)
        .variable("COSIGN_PKCS11_MODULE_PATH", hsm.module().display().to_string());
    room.write("blob", "a blob");
    let key = "pkcs11:object=p256-imported";
    assert_eq!(room.ok(&["public-key", "--key", key]), room.text("p256-imported.pub"));
    room.run(&["sign-blob", "--key", key, "--bundle", "bundle", "--output-signature", "sig", "blob"]).ends(0);
    for evidence in [["--bundle", "bundle"], ["--signature", "sig"]] {
        for key in [key, "p256-imported.pub"] {
            room.run(&["verify-blob", "--key", key, evidence[0], evidence[1], "blob"])
                .ends(0)
                .says("Verified OK");
        }
    }
    room.write("claim.json", "{}");
    let attest = [
        "attest-blob",
        "--key",
        key,
        "--type",
        "custom",
        "--predicate",
        "claim.json",
        "--bundle",
        "att",
        "blob",
    ];
    room.run(&attest).ends(0);
    room.run(&["verify-blob-attestation", "--key", key, "--type", "custom", "--bundle", "att", "blob"])
        .ends(0);
    // A key in a token is no file that could be overwritten or read out.
    room.run(&["import-key-pair", "--key", key]).ends(2).says("does not leave its token").prints_nothing();
    room.run(&["sign-blob", "--key", key, "--password-file", "pin.txt", "blob"]).ends(2).says("pin-source");
    room.run(&["sign-blob", "--key", key, "--signing-algorithm", "ed25519", "blob"])
        .ends(2)
        .says("ecdsa-p256-sha256");
}

/// What a verdict calls the key has neither the PIN nor the places of this machine.
#[test]
fn a_verdict_names_the_key_without_its_pin() {
    let Some((room, hsm)) = room(&["p384"]) else { return };
    let registry = Registry::start();
    let image = pushed(&registry, "app");
    let by_digest = format!("{}/app@{}", registry.host(), image.digest());
    let key = name(&hsm, "p384", &format!("&pin-value={PIN}"));
    room.run(&["sign", "--key", &key, &by_digest])
        .ends(0)
        .says("pin-value: a PIN on the command line is seen");
    let run = room.run(&["verify", "--key", &key, "-o", "verdict", &by_digest]).ends(0);
    let verdict = run.data();
    assert!(verdict.contains("pkcs11:token=release;object=p384\""), "{run}");
    assert!(!verdict.contains("module-path"), "{run}");
    room.run(&["verify", "--key", &key, &format!("{}/app:missing", registry.host())]).ends(3);
}

#[test]
fn what_goes_wrong_is_told_with_what_to_do() {
    let Some((room, hsm)) = room(&["p384", "ed25519"]) else { return };
    room.write("blob", "a blob");
    let sign = |key: &str| room.run(&["sign-blob", "--key", key, "blob"]).prints_nothing();
    let tries = || {
        let module = hsm.module().to_str().unwrap();
        let listed =
            room.run(&["pkcs11-tool", "list-tokens", "--module-path", module, "-o", "json"]).ends(0).json();
        listed["tokens"][0]["pin"]["tries"].as_str().unwrap().to_owned()
    };
    room.write("wrong.txt", "canary-4711");
    sign(&name(&hsm, "p384", "&pin-source=wrong.txt"))
        .ends(4)
        .says("the PIN of token \"release\" is wrong; it was tried once")
        .says("hint: check the PIN before you run it again");
    assert_eq!(tries(), "low");
    sign(&name(&hsm, "p384", "&pin-source=none.txt")).ends(4).says("none.txt");
    // Nobody sits at a terminal: nothing that stands on standard input is tried as a PIN.
    let key = name(&hsm, "p384", "");
    room.pipe(format!("{PIN}\n"), &["sign-blob", "--key", &key, "blob"])
        .ends(4)
        .says("needs its PIN")
        .says("WAXSEAL_PKCS11_PIN");
    assert_eq!(room.run(&["sign-blob", "--key", &name(&hsm, "p384", "&pin-source=pin.txt"), "blob"]).code, 0);
    assert_eq!(tries(), "untold");
    let pin = "&pin-source=pin.txt";
    sign(&name(&hsm, "p38", pin))
        .ends(4)
        .says("no private key")
        .says("\"p384\" (id=%01)")
        .says("list-keys-uris");
    let module = hsm.module().display();
    sign(&format!("pkcs11:token=release?module-path={module}{pin}")).ends(4).says("several keys").says("id=");
    sign(&format!("pkcs11:token=other?module-path={module}{pin}"))
        .ends(4)
        .says("no token matches")
        .says("\"release\"");
    sign(&format!("pkcs11:token=release;object=p384?module-path=/no/such.so{pin}"))
        .ends(4)
        .says("/no/such.so");
    sign("pkcs11:object=p384").ends(4).says("no PKCS#11 module is named").says("module-path=");
    sign("pkcs11:objekt=p384").ends(2).says("\"objekt\" is not known");
    sign(&name(&hsm, "p384;type=public", pin)).ends(2).says("names no private key");
    room.run(&[
        "sign-blob",
        "--key",
        &name(&hsm, "ed25519", pin),
        "--signing-algorithm",
        "ed25519-ph",
        "blob",
    ])
    .ends(4)
    .says("does not sign with ed25519-ph");
    let extra = name(&hsm, "p384", &format!("{pin}&x-log=7"));
    assert!(room.run(&["sign-blob", "--key", &extra, "blob"]).ends(0).stderr.contains("x-log"));
}

#[test]
fn tokens_and_keys_are_listed_without_a_pin_in_sight() {
    let Some((room, hsm)) = room(&["p384", "rsa2048"]) else { return };
    let module = hsm.module().to_str().unwrap();
    let listed = room.run(&["pkcs11-tool", "list-tokens", "--module-path", module]).ends(0);
    assert!(listed.data().starts_with("pkcs11:serial="), "{listed}");
    assert!(listed.data().contains("\n  label:    release\n"), "{listed}");
    let token = format!("pkcs11:token=release?module-path={module}");
    let public = room.run(&["pkcs11-tool", "list-keys-uris", &token, "-o", "json"]).ends(0).json();
    assert_eq!(public["schema"], "waxseal/pkcs11-keys/v1");
    let kinds = |listed: &Value, field: &str| {
        let keys = listed["keys"].as_array().unwrap();
        let mut kinds: Vec<_> = keys.iter().map(|key| key[field].as_str().unwrap().to_owned()).collect();
        kinds.sort();
        kinds
    };
    assert_eq!(kinds(&public, "type"), ["public", "public"]);
    assert_eq!(kinds(&public, "kind"), ["ecdsa-p384", "rsa-2048"]);
    let private = ["pkcs11-tool", "list-keys-uris", &format!("{token}&pin-source=pin.txt"), "-o", "json"];
    let private = room.run(&private).ends(0).json();
    assert_eq!(kinds(&private, "type"), ["private", "private"]);
    room.write("blob", "a blob");
    for uri in kinds(&private, "uri") {
        room.run(&["sign-blob", "--key", &format!("{uri}&pin-source=pin.txt"), "blob"]).ends(0);
    }
    let none = ["pkcs11-tool", "list-keys-uris", "--module-path", module, "--slot-id", "1"];
    room.run(&none).ends(0).prints_nothing().says("no token has a key that matches");
    room.run(&["pkcs11-tool", "list-tokens", "--module-path", "softhsm2.so"]).ends(2).says("absolute");
    room.run(&["pkcs11-tool", "list-keys-uris", "--pin", PIN]).ends(2).says("seen by other processes");
}

/// A policy names a key in a token, and the environment the module: whoever may edit a policy chooses no code.
#[test]
fn a_policy_names_a_key_and_no_code() {
    let Some((room, hsm)) = room(&["p384"]) else { return };
    let module = hsm.module().display().to_string();
    let room = room.variable("WAXSEAL_PKCS11_MODULE_PATH", &module);
    let registry = Registry::start();
    let image = pushed(&registry, "app");
    let by_digest = format!("{}/app@{}", registry.host(), image.digest());
    let verify = |key: &str| {
        let host = registry.host();
        let policy = format!(
            "apiVersion: waxseal/v1\nkind: Policy\nname: p\nkeys:\n  release: \"{key}\"\nrules:\n  - images: [\"{host}/**\"]\n    \
             require:\n      - signature: {{ by: [release] }}\n"
        );
        room.write("policy.yaml", policy);
        room.run(&["verify", "--policy", "policy.yaml", &by_digest])
    };
    let key = "pkcs11:token=release;object=p384";
    verify(key).ends(1);
    room.run(&["sign", "--key", &format!("{key}?pin-source=pin.txt"), &by_digest]).ends(0);
    verify(key).ends(0);
    for query in
        [format!("module-path={module}"), "module-name=softhsm2".to_owned(), "pin-source=pin.txt".to_owned()]
    {
        verify(&format!("{key}?{query}")).ends(4).says("neither a module nor a PIN");
    }
}
