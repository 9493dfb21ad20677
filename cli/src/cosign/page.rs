//! docs/cosign-compat.md, written from the table.

use std::fmt::Write as _;
use std::path::Path;

use clap::Parser as _;

use super::flag::{Flag, Since, Standing, Takes};
use super::{table, translate};
use crate::args::Cli;

const HEAD: &str = "\
# cosign's flags and variables

A script with `cosign` in it runs with `waxseal` in its place, or with a link named `cosign` to it. This page is written from
the table that the program itself uses; a test parses every flag of it. The flags are those of cosign 2.6.4 and 3.1.2.

- *same*: the flag has the same meaning.
- *mapped*: another flag says it here.
- *already so*: what it asks for is so anyway; other values are refused.
- *refused*: exit 2, with what to do instead.

Booleans take `=true` and `=false`; one dash before a long name (`-key`) is understood. `COSIGN_<FLAG>` (as in `COSIGN_KEY`) stands in
for a flag that was not typed; flags of a registry's credentials that were typed win over all such variables together, and
`COSIGN_REGISTRY_PASSWORD` says nothing without a user. Where the program is called by the name `cosign`, `-a a=b,c=d` is two annotations and
`--offline` has cosign's meaning (no log is asked); under its own name `-a` takes everything behind the first `=`, and
`--offline` opens no socket at all.

stdout is cosign's: `verify` prints its JSON array, `sign-blob` the base64 of the signature, `verify-blob` says `Verified OK` on stderr.
Exit codes are our own: 0 done or admitted, 1 refused, 2 usage, 3 undecided, 4 bad key, policy or configuration (cosign: 1, and 10 to 13
on some paths). `attest` and `attest-blob` write both formats unless told otherwise; what is not uploaded is printed as the envelope.
`attach signature` takes `--key`: what is attached is verified first; so does `attach attestation`, if a key is named. `login` tries
the credentials before it keeps them.

## Variables

| variable | here |
| --- | --- |
| `COSIGN_PASSWORD` | same; `WAXSEAL_PASSWORD` wins over it. It is the password of a key: `login` does not read it (cosign's does) |
| `COSIGN_REPOSITORY` | same, for every command alike |
| `COSIGN_<FLAG>` | same as the flag |
| `COSIGN_EXPERIMENTAL` | already so: nothing that it turned on depends on it here |
| `COSIGN_DOCKER_MEDIA_TYPES` | refused when true: OCI media types are written |
| `COSIGN_MAX_ATTACHMENT_SIZE` | already so: a bundle has at most 32 MiB |
| `COSIGN_PKCS11_PIN`, `COSIGN_PKCS11_MODULE_PATH` | same; `WAXSEAL_PKCS11_PIN` and `WAXSEAL_PKCS11_MODULE_PATH` win over them, and what the `pkcs11:` URI says wins over all |
| `COSIGN_PKCS11_IGNORE_CERTIFICATE` | already so: with a key no certificate is used; one in the token is read for its public key where that has no object of its own |
| `SIGSTORE_CT_LOG_PUBLIC_KEY_FILE`, `SIGSTORE_ROOT_FILE`, `SIGSTORE_REKOR_PUBLIC_KEY`, `SIGSTORE_TSA_CERTIFICATE_FILE`, `SIGSTORE_ID_TOKEN`, `TUF_ROOT`, `TUF_MIRROR`, `TUF_ROOT_JSON` | not read: with a key neither certificates nor logs are used |
| `DOCKER_CONFIG`, `REGISTRY_AUTH_FILE`, `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` | same |
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut section = |title: &str, flags: &mut dyn Iterator<Item = &'static Flag>| {
        let mut flags: Vec<_> = flags.collect();
        flags.sort_by_key(|flag| flag.name);
        let _ = write!(page, "\n## {title}\n\n| flag | cosign | here |\n| --- | --- | --- |\n");
        for flag in flags {
            let letter = flag.short.map(|letter| format!("`-{letter}`, ")).unwrap_or_default();
            let since = match flag.since {
                Since::Both => "2.6, 3.1",
                Since::Three => "3.1",
            };
            let here = match flag.standing {
                Standing::Same => "same".to_owned(),
                Standing::Mapped { to, .. } => format!("mapped: {to}"),
                Standing::AlreadySo { values: [], because } => format!("already so: {because}"),
                Standing::AlreadySo { values, because } => {
                    let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
                    format!("already so with {}: {because}", values.join(", "))
                }
                Standing::Refused { instead } => format!("refused: {instead}"),
            };
            let _ = writeln!(page, "| {letter}`--{}` | {since} | {here} |", flag.name);
        }
    };
    section("Every command", &mut table::ROOT.iter());
    for verb in table::VERBS {
        let offline =
            matches!(verb.words, ["verify" | "verify-blob"] | [_, "verify"]).then_some(&table::OFFLINE);
        section(&format!("`{}`", verb.words.join(" ")), &mut verb.flags().chain(offline));
    }
    page
}

#[test]
fn the_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cosign-compat.md");
    if std::env::var_os("WAXSEAL_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/cosign-compat.md is stale: run with WAXSEAL_WRITE_DOCS=1");
}

/// What each command needs besides the flag that is tried.
fn rest(words: &[&str]) -> &'static [&'static str] {
    match words {
        ["sign" | "verify" | "verify-attestation"] => &["--key=k", "registry.example.com/app"],
        ["sign-blob"] => &["--key=k", "blob"],
        ["attest"] => &["--key=k", "--predicate=p", "registry.example.com/app"],
        ["attest-blob"] => &["--key=k", "--predicate=p", "blob"],
        ["verify-blob" | "verify-blob-attestation"] => &["--key=k", "--signature=s", "blob"],
        ["copy"] => &["registry.example.com/a", "registry.example.com/b"],
        ["import-key-pair" | "public-key"] => &["--key=k"],
        ["generate-key-pair" | "version"] | ["pkcs11-tool", _] => &[],
        ["manifest" | "dockerfile", "verify"] => &["--key=k", "file"],
        ["attach", "signature"] => &["--signature=s", "registry.example.com/app"],
        ["attach", "attestation"] => &["--attestation=a", "registry.example.com/app"],
        ["login"] => &["--username=u", "registry.example.com"],
        ["save" | "load"] => &["--dir=d", "registry.example.com/app"],
        _ => &["registry.example.com/app"],
    }
}

/// A value that the flag can have.
fn sample(flag: &Flag) -> &'static str {
    match (flag.name, flag.takes) {
        (_, Takes::Bool) => "true",
        ("annotations", _) => "a=b",
        ("platform", _) => "linux/amd64",
        ("only", _) => "sig",
        ("type", _) => "signature",
        ("output", _) => "json",
        ("timeout", _) => "1m",
        ("slot-id", _) => "7",
        ("max-workers", _) => "4",
        ("signing-algorithm", _) => "ecdsa-sha2-256-nistp256",
        _ => "x",
    }
}

#[test]
fn every_flag_is_what_the_table_says() {
    for verb in table::VERBS {
        for flag in verb.flags().chain(table::ROOT) {
            let base = rest(verb.words).iter().filter(|argument| {
                // The flag that is tried stands alone, and a bundle stands in for a signature, and a
                // digest for a blob.
                let itself = argument.starts_with(&format!("--{}=", flag.name));
                let replaced = flag.name == "bundle" && argument.starts_with("--signature=")
                    || flag.name == "statement" && argument.starts_with("--predicate=")
                    || flag.name.starts_with("digest") && **argument == "blob";
                !itself && !replaced
            });
            let with = |value: &str| {
                let said = format!("--{}={value}", flag.name);
                let companions: &[&str] = match flag.name {
                    "registry-client-cert" => &["--registry-client-key=x"],
                    "registry-client-key" => &["--registry-client-cert=x"],
                    "registry-password" => &["--registry-username=x"],
                    "digestAlg" => &["--digest=x"],
                    _ => &[],
                };
                let mut all: Vec<std::ffi::OsString> = vec!["waxseal".into()];
                all.extend(verb.words.iter().map(Into::into));
                all.push(said.into());
                all.extend(companions.iter().chain(base.clone()).map(Into::into));
                translate(all, |_| None)
            };
            let parses = |value: &str| {
                let translated =
                    with(value).unwrap_or_else(|fault| panic!("{}: {}", flag.name, fault.message()));
                Cli::try_parse_from(translated)
            };
            let named = format!("{} --{}", verb.words.join(" "), flag.name);
            match flag.standing {
                Standing::Refused { .. } => assert!(with(sample(flag)).is_err(), "{named} is taken"),
                Standing::AlreadySo { values: [], .. } | Standing::Same | Standing::Mapped { .. } => {
                    if let Err(error) = parses(sample(flag)) {
                        panic!("{named}: {error}");
                    }
                    let false_parses = flag.takes == Takes::Text || parses("false").is_ok();
                    assert!(false_parses, "{named}=false does not parse");
                }
                Standing::AlreadySo { values, .. } => {
                    for value in values {
                        assert!(parses(value).is_ok(), "{named}={value} does not parse");
                    }
                    let other = if flag.takes == Takes::Text {
                        "other"
                    } else if values.contains(&"true") {
                        "false"
                    } else {
                        "true"
                    };
                    assert!(with(other).is_err(), "{named}={other} is taken");
                }
            }
        }
    }
}
