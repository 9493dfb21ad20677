//! `sign-blob` and `verify-blob`: what cosign made is verified, what is made verifies, and what differs is refused.

use std::io::Write as _;

use waxseal_testkit::fixtures::{self, Expect};

use crate::room::{Room, Run};

/// A room with a key that needs no password, its public key, and a blob.
fn room(key: &str) -> Room {
    let room = Room::new();
    room.write("key", fixtures::plain_private_key_pem(key));
    room.write("key.pub", fixtures::public_key_pem(key));
    room.write("blob", "a blob");
    room
}

fn sign(room: &Room, arguments: &[&str]) -> Run {
    room.end(room.waxseal().args(["sign-blob", "--key", "key"]).args(arguments))
}

fn verify(room: &Room, arguments: &[&str]) -> Run {
    room.end(room.waxseal().args(["verify-blob", "--key", "key.pub"]).args(arguments))
}

#[test]
fn every_signature_that_cosign_made_is_verified() {
    let mut seen = 0;
    for case in fixtures::blobs().into_iter().filter(|case| case.attestation_type.is_none()) {
        assert_eq!(case.expect, Expect::Admit);
        seen += 1;
        let room = Room::new();
        room.write("key.pub", fixtures::public_key_pem(&case.key));
        room.write("other.pub", fixtures::public_key_pem("p256-other"));
        room.write("evidence", case.signature());
        room.write("blob", case.bytes());
        let mut changed = case.bytes().to_vec();
        changed[0] ^= 1;
        room.write("changed", changed);
        // A bundle may name the blob's digest; cosign's by Ed25519 does not.
        let json: serde_json::Value = serde_json::from_slice(&case.signature()).unwrap_or_default();
        let mismatch = match json.pointer("/messageSignature/messageDigest/digest") {
            Some(_) => "blob-mismatch",
            None => "signature-mismatch",
        };
        let flag = if json.is_object() { "--bundle" } else { "--signature" };
        verify(&room, &[flag, "evidence", "blob"]).ends(0).says("Verified OK").prints_nothing();
        let run = verify(&room, &[flag, "evidence", "changed"]).ends(1).says(mismatch).prints_nothing();
        assert!(!run.stderr.contains("Verified OK"), "{}: {run}", case.file);
        let run = room.run(&["verify-blob", "--key", "other.pub", flag, "evidence", "blob"]).ends(1);
        assert!(
            run.stderr.contains("signature-mismatch") || run.stderr.contains("untrusted-key"),
            "{}: {run}",
            case.file
        );
        assert!(!run.stderr.contains("Verified OK"), "{}: {run}", case.file);
        // On a pipe it is the same blob.
        let piped = ["verify-blob", "--key", "key.pub", flag, "evidence", "-"];
        room.pipe(case.bytes(), &piped).ends(0).says("Verified OK");
    }
    assert_eq!(seen, 18);
}

#[test]
fn an_attestation_of_a_blob_is_no_signature_of_it() {
    for case in fixtures::blobs().into_iter().filter(|case| case.attestation_type.is_some()) {
        let room = Room::new();
        room.write("key.pub", fixtures::public_key_pem(&case.key));
        room.write("evidence", case.signature());
        room.write("blob", case.bytes());
        verify(&room, &["--bundle", "evidence", "blob"]).ends(1).prints_nothing();
    }
}

#[test]
fn every_key_that_cosign_made_signs_a_blob() {
    for (name, info) in fixtures::keys() {
        let room = Room::new();
        room.write("key", fixtures::private_key_pem(&name));
        room.write("key.pub", fixtures::public_key_pem(&name));
        room.write("blob", "a blob");
        let mut command = room.waxseal();
        command.env("COSIGN_PASSWORD", &info.password).args(["sign-blob", "--key", "key", "-y", "blob"]);
        let signature = room.end(&mut command).ends(0).data().trim_end().to_owned();
        verify(&room, &["--signature", &signature, "blob"]).ends(0).says("Verified OK");
    }
}

#[test]
fn each_scheme_of_a_key_verifies() {
    for (key, algorithm, scheme) in [
        ("p384", "ecdsa-sha2-256-nistp384", "ecdsa-p384-sha256"),
        ("p384", "ecdsa-p384-sha384", "ecdsa-p384-sha384"),
        ("p521", "ecdsa-sha2-256-nistp521", "ecdsa-p521-sha256"),
        ("rsa2048", "rsa-sign-pkcs1-2048-sha256", "rsa-pkcs1-sha256"),
        ("ed25519", "ed25519", "ed25519"),
        ("ed25519", "ed25519-ph", "ed25519-ph"),
    ] {
        let room = room(key);
        sign(&room, &["--signing-algorithm", algorithm, "--bundle", "bundle", "blob"]).ends(0);
        let verdict = verify(&room, &["--bundle", "bundle", "-o", "verdict", "blob"]).ends(0).json();
        assert_eq!(verdict["verdict"], "admit");
        assert_eq!(verdict["signatures"][0]["algorithm"], scheme);
        sign(&room, &["--signing-algorithm", "ecdsa-sha2-256-nistp256", "blob"]).ends(2).says(scheme);
    }
}

#[test]
fn the_signature_goes_where_cosign_puts_it() {
    let room = room("p384");
    let line = sign(&room, &["blob"]).ends(0).data().to_owned();
    let base64 = line.strip_suffix('\n').unwrap();
    assert!(!base64.contains('\n'));
    // A bundle leaves the line on stdout; a file for the signature takes it away, without a line end.
    assert_eq!(sign(&room, &["--bundle", "bundle", "blob"]).ends(0).says("wrote bundle").data(), line);
    for flag in ["--output-signature", "--output"] {
        sign(&room, &[flag, "sig", "blob"]).ends(0).prints_nothing().says("wrote sig");
        assert_eq!(room.text("sig"), base64);
        std::fs::remove_file(room.path("sig")).unwrap();
    }
    sign(&room, &["--b64=false", "--output-signature", "raw", "blob"]).ends(0).prints_nothing();
    assert_eq!(sign(&room, &["--b64=false", "blob"]).ends(0).stdout, room.read("raw"));
    assert_eq!(sign(&room, &["--b64", "blob"]).ends(0).data(), line);
    room.write("sig", &line);
    for evidence in
        [["--signature", "sig"], ["--signature", base64], ["--signature", "raw"], ["--bundle", "bundle"]]
    {
        verify(&room, &[evidence[0], evidence[1], "blob"]).ends(0);
    }
    assert_eq!(room.pipe("a blob", &["sign-blob", "--key", "key", "-"]).ends(0).data(), line);
    // Several files, a line each, in their order.
    room.write("second", "another blob");
    let two = sign(&room, &["blob", "second"]).ends(0).data().to_owned();
    assert_eq!(two, format!("{line}{}", sign(&room, &["second"]).data()));
    for flags in [["--bundle", "b"], ["--output-signature", "b"]] {
        sign(&room, &[flags[0], flags[1], "blob", "second"]).ends(2).says("one file").prints_nothing();
    }
    sign(&room, &["--b64=false", "blob", "second"]).ends(2).prints_nothing();
    assert!(!room.path("b").exists());
}

#[test]
fn a_signature_never_takes_the_place_of_something_else() {
    let room = room("ed25519");
    let key = room.text("key");
    for arguments in [
        &["--bundle", "blob", "blob"][..],
        &["--output-signature", "./blob", "blob"][..],
        &["--output-signature", "key", "blob"][..],
        &["--bundle", "new", "--output-signature", "new", "blob"][..],
    ] {
        sign(&room, arguments).ends(2).says("overwritten").prints_nothing();
    }
    #[cfg(unix)]
    {
        room.write("victim", "precious");
        std::os::unix::fs::symlink("victim", room.path("link")).unwrap();
        for flag in ["--bundle", "--output-signature"] {
            sign(&room, &[flag, "link", "blob"]).ends(2).says("symbolic link").prints_nothing();
        }
        assert_eq!(room.text("victim"), "precious");
        sign(&room, &["--output-signature", "/dev/null", "blob"]).ends(0).prints_nothing();
    }
    assert_eq!((room.text("blob").as_str(), room.text("key")), ("a blob", key));
    // An older signature is replaced, and nothing stays behind.
    room.write("sig", "older");
    let before = room.names();
    sign(&room, &["--output-signature", "sig", "blob"]).ends(0);
    verify(&room, &["--signature", "sig", "blob"]).ends(0);
    sign(&room, &["--output-signature", "missing/sig", "blob"]).ends(3).says("missing/sig");
    assert_eq!(room.names(), before);
}

#[test]
fn what_an_image_signature_is_over_is_not_signed() {
    let room = room("ed25519");
    for (blob, signed) in [
        ("DSSEv1 1 a 1 b", false),
        ("DSSEv2 1 a 1 b", true),
        (r#"{"critical":{}}"#, false),
        (r#" {"a":1,"Critical":null}"#, false),
        (r#"{"cr\u0069tical":1}"#, false),
        (r#"{"criticality":1}"#, true),
        (r#"{"a":{"critical":1}}"#, true),
        (r#"["critical"]"#, true),
    ] {
        room.write("blob", blob);
        for run in [sign(&room, &["blob"]), room.pipe(blob, &["sign-blob", "--key", "key", "-"])] {
            if signed {
                run.ends(0);
            } else {
                run.ends(2).says("[ambiguous-blob]").prints_nothing();
            }
        }
    }
}

#[test]
fn pure_ed25519_signs_any_file_and_a_pipe_of_at_most_64_mib() {
    let room = room("ed25519");
    let large = vec![0; 65 << 20];
    std::fs::File::create(room.path("large")).unwrap().set_len(65 << 20).unwrap();
    sign(&room, &["--bundle", "bundle", "large"]).ends(0);
    verify(&room, &["--bundle", "bundle", "large"]).ends(0);
    let piped = ["sign-blob", "--key", "key", "-"];
    room.pipe(large.clone(), &piped).ends(2).says("[blob-too-large]").says("ed25519-ph").prints_nothing();
    room.pipe(&large[1 << 20..], &piped).ends(0);
    let ph = ["sign-blob", "--key", "key", "--signing-algorithm", "ed25519-ph", "--bundle", "bundle", "-"];
    room.pipe(large.clone(), &ph).ends(0);
    room.pipe(large, &["verify-blob", "--key", "key.pub", "--bundle", "bundle", "-"]).ends(0);
}

#[test]
fn a_file_is_preferred_to_base64_and_a_missing_file_is_no_signature() {
    let room = room("ed25519");
    let signature = sign(&room, &["blob"]).data().trim_end().to_owned();
    verify(&room, &["--signature", &signature, "blob"]).ends(0);
    verify(&room, &["--signature", "missing.sig", "blob"]).ends(3).says("missing.sig");
    // Valid base64, and yet a name.
    verify(&room, &["--signature", "file", "blob"]).ends(3).says("file cannot be read");
    room.write("file", &signature);
    verify(&room, &["--signature", "file", "blob"]).ends(0);
    for (bytes, code) in [("", "missing-signature"), ("{}", "bundle"), ("{", "malformed-bundle")] {
        room.write("file", bytes);
        verify(&room, &["--signature", "file", "blob"]).ends(1).says(code).prints_nothing();
    }
    verify(&room, &["--bundle", "missing.json", "blob"]).ends(3).says("missing.json");
    verify(&room, &["--signature", &signature, "missing"]).ends(3).says("missing");
}

#[test]
fn exactly_one_signature_is_asked_for_and_any_of_the_keys_may_have_made_it() {
    let room = room("ed25519");
    room.write("other.pub", fixtures::public_key_pem("p384"));
    sign(&room, &["--bundle", "bundle", "--output-signature", "sig", "blob"]).ends(0);
    verify(&room, &["blob"]).ends(2);
    verify(&room, &["--bundle", "bundle", "--signature", "sig", "blob"]).ends(2);
    room.run(&["verify-blob", "--bundle", "bundle", "blob"]).ends(2).says("--key");
    verify(&room, &["--key", "other.pub", "--bundle", "bundle", "blob"]).ends(0).says("any one of them");
    verify(&room, &["--key", "other.pub", "--threshold", "2", "--bundle", "bundle", "blob"])
        .ends(2)
        .says("holds one signature");
    // One key under two names is one key (rule S2).
    verify(&room, &["--key", "./key.pub", "--bundle", "bundle", "blob"]).ends(4).says("[policy]");
}

#[test]
fn a_verdict_is_printed_in_each_form() {
    let room = room("p384");
    sign(&room, &["--bundle", "bundle", "blob"]).ends(0);
    room.write("other", "another blob");
    let run = verify(&room, &["--bundle", "bundle", "-o", "text", "blob"]).ends(0).says("Verified OK");
    assert!(run.data().starts_with("blob: admitted\n"), "{run}");
    let run = verify(&room, &["--bundle", "bundle", "-o", "text", "other"]).ends(1);
    assert!(run.data().contains("blob-mismatch"), "{run}");
    assert!(run.stderr.is_empty(), "{run}");
    verify(&room, &["--bundle", "bundle", "-o", "json", "other"])
        .ends(1)
        .says("blob-mismatch")
        .prints_nothing();
    let verdict = verify(&room, &["--bundle", "bundle", "-o", "verdict", "other"]).ends(1).json();
    assert_eq!((&verdict["schema"], &verdict["verdict"]), (&"waxseal/verdict/v1".into(), &"refuse".into()));
    assert_eq!(verdict["findings"][0]["code"], "blob-mismatch");
    // What a file is called is not what a terminal does.
    room.write("\u{1b}[31m", "a blob");
    let run = verify(&room, &["--bundle", "bundle", "\u{1b}[31m"]).ends(0).says("\\u{1b}[31m");
    assert!(!run.stderr.contains('\u{1b}'), "{run}");
}

#[test]
fn a_digest_stands_for_a_file_that_is_elsewhere() {
    let digest = |bytes: &str| waxseal_core::Digest::of(bytes).to_string();
    let (right, wrong) = (digest("a blob"), digest("another blob"));
    let signed = room("p256-imported");
    sign(&signed, &["--bundle", "bundle", "--output-signature", "sig", "blob"]).ends(0);
    for evidence in [["--bundle", "bundle"], ["--signature", "sig"]] {
        verify(&signed, &[evidence[0], evidence[1], &right]).ends(0).says("taken from the command line");
        verify(&signed, &[evidence[0], evidence[1], &wrong]).ends(1).says("-mismatch");
    }
    // A file of that name is a file.
    signed.write(&wrong, "a blob");
    verify(&signed, &["--bundle", "bundle", &wrong]).ends(0);
    verify(&signed, &["--bundle", "bundle", "sha256:abc"]).ends(3);
    let sha512 = waxseal_core::Digest::of_with(waxseal_core::digest::Algorithm::Sha512, "a blob").to_string();
    verify(&signed, &["--bundle", "bundle", &sha512]).ends(2).says("name the file itself");

    let signed = room("p521");
    sign(&signed, &["--bundle", "bundle", "blob"]).ends(0);
    verify(&signed, &["--bundle", "bundle", &sha512]).ends(0);
    verify(&signed, &["--bundle", "bundle", &right]).ends(1).says("cannot be compared");

    for algorithm in ["ed25519", "ed25519-ph"] {
        let signed = room("ed25519");
        sign(&signed, &["--signing-algorithm", algorithm, "--output-signature", "sig", "blob"]).ends(0);
        for digest in [&right, &sha512] {
            verify(&signed, &["--signature", "sig", digest]).ends(2).says("name the file itself");
        }
    }
}

#[test]
fn example_keys_count_only_when_told_to() {
    let room = Room::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../keys-example");
    for name in ["release.key", "release.pub"] {
        std::fs::copy(folder.join(name), room.path(name)).unwrap();
    }
    room.write("blob", "a blob");
    let sign = |extra: &[&str]| {
        let mut command = room.waxseal();
        command.env("WAXSEAL_PASSWORD", "waxseal-example").args([
            "sign-blob",
            "--key",
            "release.key",
            "blob",
        ]);
        room.end(command.args(extra))
    };
    sign(&[]).ends(4).says("example keys").prints_nothing();
    sign(&["--allow-example-keys", "--bundle", "bundle"]).ends(0);
    let verify = ["verify-blob", "--key", "release.pub", "--bundle", "bundle", "blob"];
    room.run(&verify).ends(1).says("example-key");
    room.run(&[&verify[..], &["--allow-example-keys"]].concat()).ends(0);
}

#[test]
fn a_reader_that_has_gone_changes_no_exit_code() {
    let room = room("ed25519");
    sign(&room, &["--bundle", "bundle", "blob"]).ends(0);
    room.write("other", "another blob");
    let closed = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_waxseal"))
            .env_clear()
            .current_dir(room.path(""))
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .stdout(writer)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(closed(&["sign-blob", "--key", "key", "blob"]), (Some(0), String::new()));
    assert_eq!(closed(&["public-key", "--key", "key"]), (Some(0), String::new()));
    let verify = ["verify-blob", "--key", "key.pub", "--bundle", "bundle", "-o", "verdict"];
    assert_eq!(closed(&[&verify[..], &["other"]].concat()), (Some(1), String::new()));
    assert_eq!(closed(&[&verify[..], &["blob"]].concat()).0, Some(0));
    assert_eq!(closed(&["sign-blob", "--help"]).0, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_success() {
    let room = room("ed25519");
    sign(&room, &["--bundle", "bundle", "blob"]).ends(0);
    let verify = "waxseal verify-blob --key key.pub --bundle bundle -o verdict blob > /dev/full";
    room.end(&mut room.shell(verify)).ends(3).says("[io]");
    room.end(&mut room.shell("waxseal sign-blob --key key blob > /dev/full")).ends(3).says("[io]");
    sign(&room, &["--bundle", "/dev/full", "blob"]).ends(3).says("/dev/full");
}

#[test]
fn a_blob_that_cannot_be_read_to_its_end_is_undecided() {
    let room = room("ed25519");
    sign(&room, &["--bundle", "bundle", "blob"]).ends(0);
    std::fs::create_dir(room.path("folder")).unwrap();
    verify(&room, &["--bundle", "bundle", "folder"]).ends(3).says("[io]");
    sign(&room, &["folder"]).ends(3).says("[io]").prints_nothing();
    // One byte more is another blob.
    let mut file = std::fs::OpenOptions::new().append(true).open(room.path("blob")).unwrap();
    file.write_all(b"!").unwrap();
    verify(&room, &["--bundle", "bundle", "blob"]).ends(1);
}
