//! `generate-key-pair`, `import-key-pair` and `public-key`: which files they leave, and which they leave alone.

use waxseal_testkit::fixtures;

use crate::room::Room;

const PASSWORD: (&str, &str) = ("WAXSEAL_PASSWORD", "canary-of-the-new-key");

fn generate(room: &Room, arguments: &[&str]) -> crate::room::Run {
    room.end(room.waxseal().env(PASSWORD.0, PASSWORD.1).arg("generate-key-pair").args(arguments))
}

#[test]
fn a_key_of_each_kind_signs_and_its_public_key_verifies() {
    let room = Room::new();
    room.write("blob", "a blob");
    for kind in ["ecdsa-p256", "p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"] {
        let run =
            generate(&room, &["--algorithm", kind, "--output-key-prefix", kind]).ends(0).prints_nothing();
        let (key, public) = (format!("{kind}.key"), format!("{kind}.pub"));
        let run = run.says(&format!("wrote {key} and {public}: "));
        let id = run.stderr.trim_end().rsplit_once("id ").unwrap().1.to_owned();
        let shown = room.run(&["public-key", "--key", &public, "-o", "json"]).ends(0).json();
        assert_eq!(shown["id"], id.as_str());
        assert_eq!(shown["schema"], "waxseal/key/v1");
        assert!(shown["algorithm"].as_str().unwrap().ends_with(kind), "{shown}");
        assert_eq!(shown["pem"], room.text(&public));
        room.end(room.waxseal().env(PASSWORD.0, PASSWORD.1).args([
            "sign-blob",
            "--key",
            &key,
            "--bundle",
            "bundle",
            "--output-signature",
            "sig",
            "blob",
        ]))
        .ends(0)
        .prints_nothing();
        for evidence in [["--bundle", "bundle"], ["--signature", "sig"]] {
            room.run(&["verify-blob", "--key", &public, evidence[0], evidence[1], "blob"])
                .ends(0)
                .says("Verified OK");
        }
    }
    generate(&room, &["--algorithm", "ed448", "--output-key-prefix", "no"]).ends(2).says("ecdsa-p256, ");
}

#[test]
fn the_files_are_those_that_cosign_writes() {
    let room = Room::new();
    let made = generate(&room, &["-o", "json"]).ends(0).json();
    assert_eq!(room.names(), ["cosign.key", "cosign.pub"]);
    assert!(room.text("cosign.key").starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    assert!(room.text("cosign.pub").starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(made["algorithm"], "ecdsa-p256");
    assert_eq!(made["pem"], room.text("cosign.pub"));
    assert_eq!(made["files"], serde_json::json!({ "private": "cosign.key", "public": "cosign.pub" }));
    #[cfg(unix)]
    {
        assert_eq!(room.mode("cosign.key"), 0o600);
        assert_eq!(room.mode("cosign.pub") & 0o133, 0);
    }
}

#[test]
fn a_key_that_stands_there_is_overwritten_only_when_told_to() {
    for (standing, other) in [("cosign.key", "cosign.pub"), ("cosign.pub", "cosign.key")] {
        let room = Room::new();
        room.write(standing, "old");
        generate(&room, &[]).ends(2).says(standing).says("--overwrite");
        assert_eq!(room.names(), [standing]);
        assert_eq!(room.text(standing), "old");
        for flag in ["-y", "--yes", "--overwrite"] {
            room.write(standing, "old");
            generate(&room, &[flag]).ends(0);
            assert_ne!(room.text(standing), "old");
            assert!(room.text(other).starts_with("-----BEGIN"));
        }
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_at_the_target_is_not_followed() {
    use std::os::unix::fs::symlink;
    for target in ["cosign.key", "cosign.pub"] {
        let room = Room::new();
        room.write("victim", "precious");
        symlink("victim", room.path(target)).unwrap();
        for flags in [&[][..], &["-y"][..]] {
            generate(&room, flags).ends(2).says("symbolic link");
        }
        assert_eq!(room.text("victim"), "precious");
        assert_eq!(room.names().len(), 2);
        // One that leads nowhere yet would be filled.
        std::fs::remove_file(room.path("victim")).unwrap();
        generate(&room, &["-y"]).ends(2).says("symbolic link");
        assert_eq!(room.names(), [target]);
    }
}

#[test]
fn what_cannot_be_written_is_said_before_a_password_is_asked_for() {
    let room = Room::new();
    std::fs::create_dir(room.path("cosign.pub")).unwrap();
    room.run(&["generate-key-pair", "-y"]).ends(2).says("directory");
    for prefix in ["", "folder/"] {
        room.run(&["generate-key-pair", "--output-key-prefix", prefix]).ends(2).says("--output-key-prefix");
    }
    generate(&room, &["--output-key-prefix", "missing/key"]).ends(3).says("missing/key.key");
    assert_eq!(room.names(), ["cosign.pub"]);
}

#[test]
fn keys_that_live_elsewhere_are_refused_with_what_to_do() {
    let room = Room::new();
    for arguments in [&["--kms", "awskms:///alias/key"][..], &["k8s://namespace/name"][..]] {
        generate(&room, arguments).ends(2).says("hint: ");
    }
    assert!(room.names().is_empty());
}

#[test]
fn each_form_of_a_private_key_is_imported() {
    for (file, key) in [
        ("cosign/keys/p256-imported.plain.pem", "p256-imported"),
        ("cosign/keys/ed25519.plain.pem", "ed25519"),
        ("cosign/keys/p256-empty.key", "p256-empty"),
        ("openssl-keys/p384.sec1.pem", "p384"),
        ("openssl-keys/p521.sec1-parameters.pem", "p521"),
        ("openssl-keys/rsa2048.pkcs1.pem", "rsa2048"),
        ("openssl-keys/rsa2048.pbkdf2.pem", "rsa2048"),
        ("openssl-keys/ed25519.scrypt.pem", "ed25519"),
    ] {
        let room = Room::new();
        room.write("theirs", fixtures::read(file));
        let old = if key == "p256-empty" { "" } else { "example" };
        let import = |arguments: &[&str]| {
            room.end(
                room.waxseal()
                    .env(PASSWORD.0, PASSWORD.1)
                    .env("WAXSEAL_IMPORT_PASSWORD", old)
                    .args(["import-key-pair", "--key", "theirs"])
                    .args(arguments),
            )
        };
        import(&[]).ends(0).prints_nothing().says("wrote import-cosign.key and import-cosign.pub");
        let expected = room.end(
            room.waxseal().args(["public-key", "--key", "-"]).write_stdin(fixtures::public_key_pem(key)),
        );
        assert_eq!(room.text("import-cosign.pub"), expected.ends(0).data(), "{file}");
        assert!(room.text("import-cosign.key").starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"));
        import(&[]).ends(2).says("stands there already");
    }
}

#[test]
fn an_import_takes_two_passwords_and_mixes_up_neither() {
    let room = Room::with(&["openssl-keys/p256-imported.pbkdf2.pem", "cosign/keys/p256-imported.pub"]);
    let key = "p256-imported.pbkdf2.pem";
    room.pipe("example\ncanary-new\n", &["import-key-pair", "-k", key, "-o", "piped"]).ends(0);
    room.write("old", "example\n");
    room.write("new", "canary-new");
    let files = ["--import-password-file", "old", "--password-file", "new"];
    room.end(room.waxseal().args(["import-key-pair", "-k", key, "-o", "files"]).args(files)).ends(0);
    for made in ["piped.key", "files.key"] {
        let run = room.run(&["public-key", "--key", made, "--password-file", "new"]).ends(0);
        assert_eq!(run.data(), room.text("p256-imported.pub"));
    }
    // The new password does not open the old file, nor is it tried.
    room.end(room.waxseal().env("WAXSEAL_PASSWORD", "example").args(["import-key-pair", "-k", key]))
        .ends(4)
        .says("--import-password-file");
    room.end(room.waxseal().env("WAXSEAL_IMPORT_PASSWORD", "canary").args(["import-key-pair", "-k", key]))
        .ends(4)
        .says("the password is wrong or the key file is damaged");
    // With the key itself on standard input no password can be.
    room.pipe(room.read(key), &["import-key-pair", "-k", "-"]).ends(2).says("--import-password-file");
    assert!(!room.names().contains(&"import-cosign.key".to_owned()));
}

#[test]
fn what_is_no_private_key_is_not_imported() {
    for (file, says) in [
        ("openssl-keys/p256-imported.legacy.pem", "openssl pkcs8"),
        ("openssl-keys/p384.des3.pem", "not supported"),
        ("openssl-keys/rsa1024.private.pem", "2048 to 4096"),
        ("openssl-keys/secp256k1.private.pem", "not supported"),
        ("openssl-keys/p256.certificate.pem", "certificate"),
        ("cosign/keys/p256.pub", "public key"),
        ("cosign/blobs/artifact.bin", "PEM"),
    ] {
        let room = Room::new();
        room.write("theirs", fixtures::read(file));
        let run = room.end(
            room.waxseal().env(PASSWORD.0, PASSWORD.1).env("WAXSEAL_IMPORT_PASSWORD", "example").args([
                "import-key-pair",
                "--key",
                "theirs",
            ]),
        );
        run.ends(4).says("[key]").says(says).prints_nothing();
        assert_eq!(room.names(), ["theirs"], "{file}");
    }
}

#[test]
fn the_public_key_comes_from_wherever_a_key_is() {
    let room = Room::with(&[
        "cosign/keys/p384.key",
        "cosign/keys/p384.plain.pem",
        "cosign/keys/p384.pub",
        "openssl-keys/p384.compressed-public.pem",
    ]);
    let expected = room.text("p384.pub");
    for key in ["p384.plain.pem", "p384.pub", "p384.compressed-public.pem"] {
        let run = room.run(&["public-key", "--key", key]).ends(0);
        assert_eq!(run.data(), expected, "{key}");
        let run = room.pipe(room.read(key), &["public-key", "--key", "-"]).ends(0);
        assert_eq!(run.data(), expected, "{key}");
    }
    let named = |arguments: &[&str]| {
        room.end(
            room.waxseal()
                .env("COSIGN_PASSWORD", "example")
                .env("KEY", room.text("p384.key"))
                .arg("public-key")
                .args(arguments),
        )
    };
    assert_eq!(named(&["--key", "env://KEY"]).ends(0).data(), expected);
    named(&["--key", "p384.key", "--outfile", "out.pub"]).ends(0).prints_nothing().says("wrote out.pub");
    assert_eq!(room.text("out.pub"), expected);
    named(&["--key", "env://MISSING"]).ends(4).says("MISSING");
    named(&["--key", "missing.key"]).ends(4).says("missing.key");
    named(&["--key", "awskms:///alias/key"]).ends(2).says("AWS KMS");
    let json = named(&["--key", "p384.pub", "-o", "json"]).ends(0).json();
    assert_eq!(
        (json["algorithm"].as_str(), json["pem"].as_str()),
        (Some("ecdsa-p384"), Some(expected.as_str()))
    );
    named(&["--offline", "--key", "https://127.0.0.1:1/key.pub"]).ends(3);
}

#[test]
fn the_text_of_a_key_is_refused_and_not_repeated() {
    let room = Room::with(&["cosign/keys/p384.plain.pem", "cosign/keys/p384.pub"]);
    room.write("blob", "a blob");
    let (secret, public) = (room.text("p384.plain.pem"), room.text("p384.pub"));
    let flat = secret.replace('\n', "");
    for text in [secret.as_str(), flat.as_str()] {
        let equals = format!("--key={text}");
        for arguments in [
            &["sign-blob", "--key", text, "blob"][..],
            &["sign-blob", &equals, "blob"][..],
            &["verify-blob", &equals, "--signature", "sig", "blob"][..],
            &["public-key", &equals][..],
            &["public-key", text][..],
            &["import-key-pair", "-k", text][..],
            &["generate-key-pair", text][..],
            &["no-such-command", text][..],
        ] {
            room.run(arguments).ends(2).prints_nothing().says("hint: ");
        }
    }
    // A public key is no secret, but no name either.
    room.run(&["public-key", &format!("--key={public}")]).ends(2).says("the text of a key");
    // Where a key belongs and something else stands, that is not repeated.
    room.end(room.waxseal().env("KEY", "canary").args(["public-key", "--key", "env://KEY"]))
        .ends(4)
        .says("PEM");
}
