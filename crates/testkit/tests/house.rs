//! The house, held to its plan: which crate may lean on which, what the core may never reach, what no crate may
//! bring in (docs/architecture.md).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot read the plan has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each of our crates may depend on, tests aside. Arrows point down only.
const ARROWS: &[(&str, &[&str])] = &[
    ("waxseal-core", &[]),
    ("waxseal-oci", &["waxseal-core"]),
    ("waxseal-scan", &["waxseal-core"]),
    ("waxseal-kms", &["waxseal-core"]),
    ("waxseal", &["waxseal-core", "waxseal-oci", "waxseal-scan", "waxseal-kms"]),
    ("waxseal-cli", &["waxseal", "waxseal-core", "waxseal-oci", "waxseal-scan"]),
    ("waxseal-testkit", &["waxseal-core"]),
];

/// What would give the core a socket, a file, a clock or a terminal.
const NEVER_IN_CORE: &[&str] = &[
    "tokio", "reqwest", "hyper", "mio", "socket2", "axum", "clap", "kube", "tempfile", "rustls", "url",
    "tracing",
];

/// What no build of ours contains, and why.
const BANNED: &[(&str, &str)] = &[
    ("ring", "one crypto provider: aws-lc-rs"),
    ("openssl-sys", "one TLS library: rustls"),
    ("native-tls", "one TLS library: rustls"),
    ("rsa", "RUSTSEC-2023-0071: timing of private key operations"),
    ("oci-distribution", "takes the registry's word for a digest"),
    ("oci-client", "sends credentials to any realm, reads without bounds"),
    ("serde_yaml", "archived"),
    ("serde_yml", "RUSTSEC-2025-0068"),
    ("xsalsa20poly1305", "deprecated name of crypto_secretbox"),
    ("tokio-tar", "RUSTSEC-2025-0111"),
];

/// The licences that dependencies may have.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "Unlicense",
    "0BSD",
    "CC0-1.0",
    "BSL-1.0",
    "OpenSSL",
    "CDLA-Permissive-2.0",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// A graph of packages by id: names, and the ids of what each needs to be built and run (tests aside).
struct Graph {
    names: BTreeMap<String, String>,
    needs: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read(metadata: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let packages = metadata["packages"].as_array().expect("packages");
        let names = packages.iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
        let needs = nodes
            .iter()
            .map(|node| {
                let needs = node["deps"].as_array().expect("deps").iter().filter(|dep| {
                    dep["dep_kinds"].as_array().expect("kinds").iter().any(|kind| kind["kind"] != "dev")
                });
                (text(&node["id"]), needs.map(|dep| text(&dep["pkg"])).collect())
            })
            .collect();
        Self { names, needs }
    }

    fn id(&self, name: &str) -> &str {
        self.names
            .iter()
            .find(|(_, found)| *found == name)
            .map(|(id, _)| id.as_str())
            .expect("one of our crates")
    }
}

/// The names of everything that a crate is built from, on any system, with the features that it is built with.
/// `cargo metadata` also lists what a feature that nobody turns on would need; `cargo tree` does not.
fn closure(name: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", name, "--locked", "--target", "all", "-e", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    let names: BTreeSet<_> =
        tree.lines().filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect();
    assert!(names.contains(name), "{name} is not in its own tree: {tree}");
    names
}

#[test]
fn arrows_point_down_only() {
    let metadata = metadata();
    let graph = Graph::read(&metadata);
    let ours: BTreeSet<&str> = metadata["workspace_members"]
        .as_array()
        .expect("members")
        .iter()
        .map(|id| graph.names[id.as_str().expect("an id")].as_str())
        .collect();
    let planned: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, planned, "a crate that the plan does not know");
    for (name, allowed) in ARROWS {
        for needed in &graph.needs[graph.id(name)] {
            let needed = graph.names[needed].as_str();
            assert!(
                !ours.contains(needed) || allowed.contains(&needed),
                "{name} leans on {needed}: arrows point down only"
            );
        }
    }
}

#[test]
fn the_core_reaches_nothing_outside() {
    let closure = closure("waxseal-core");
    for never in NEVER_IN_CORE {
        assert!(!closure.contains(*never), "the core has gained {never}");
    }
}

#[test]
fn no_product_depends_on_the_testkit() {
    for (name, _) in ARROWS.iter().filter(|(name, _)| *name != "waxseal-testkit") {
        assert!(!closure(name).contains("waxseal-testkit"), "{name} depends on the testkit");
    }
}

#[test]
fn nothing_banned_comes_in() {
    for (name, _) in ARROWS {
        let closure = closure(name);
        for (banned, why) in BANNED {
            assert!(!closure.contains(*banned), "{name} brings in {banned}: {why}");
        }
    }
}

#[test]
fn every_dependency_has_a_licence_that_we_take_and_a_registry_that_we_know() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let licence = package["license"].as_str().unwrap_or_default();
        let one = |choice: &str| {
            let choice = choice.trim().trim_matches(['(', ')']).trim();
            LICENCES.contains(&choice)
        };
        // `A OR B` is a choice, `A AND B` is both; a slash is the old way to write a choice.
        let taken = licence.replace('/', " OR ").split(" AND ").all(|both| both.split(" OR ").any(one));
        assert!(taken, "{name} has the licence {licence:?}");
        if let Some(source) = package["source"].as_str() {
            assert!(
                source.starts_with("registry+https://github.com/rust-lang/crates.io-index"),
                "{name}: {source}"
            );
        }
    }
}

#[test]
fn every_dependency_of_ours_is_named_in_the_sources() {
    let metadata = metadata();
    let members = metadata["workspace_members"].as_array().expect("members");
    for package in metadata["packages"].as_array().expect("packages") {
        if !members.contains(&package["id"]) {
            continue;
        }
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let mut files = Vec::new();
        sources(manifest.parent().expect("a folder"), &mut files);
        let texts: String =
            files.iter().map(|file| std::fs::read_to_string(file).expect("a source")).collect();
        let words: BTreeSet<&str> = texts.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for needed in package["dependencies"].as_array().expect("dependencies") {
            let name = needed["name"].as_str().expect("a name").replace('-', "_");
            assert!(words.contains(name.as_str()), "{} does not use {name}", manifest.display());
        }
    }
}

/// Modules of the core that whoever moves bytes may know: names and shapes, not signatures, keys or policies.
const FOR_OCI: &[&str] =
    &["digest", "reference", "descriptor", "media_type", "manifest", "limits", "json", "encoding"];
/// What the core's root gives of them.
const FOR_OCI_ROOT: &[&str] = &["Digest", "Descriptor", "Platform", "ImageRef", "PinnedRef", "Repository"];

#[test]
fn whoever_moves_bytes_knows_nothing_of_signatures() {
    let mut files = Vec::new();
    sources(&root().join("crates/oci/src"), &mut files);
    assert!(files.len() > 10, "the sources of waxseal-oci are not where they were");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        for path in text.split("waxseal_core::").skip(1) {
            for name in first_names(path) {
                assert!(
                    FOR_OCI.contains(&name.as_str()) || FOR_OCI_ROOT.contains(&name.as_str()),
                    "{}: waxseal_core::{name} is not for this room",
                    file.display()
                );
            }
        }
    }
}

/// The first names of a path behind `waxseal_core::`: one, or those in braces.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    match path.strip_prefix('{') {
        None => vec![name(path)],
        Some(rest) => {
            let (mut depth, mut names, mut current) = (0_u32, Vec::new(), String::new());
            for c in rest.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut current)),
                    c if depth == 0 => current.push(c),
                    _ => {}
                }
            }
            names.push(current);
            names.iter().map(|text| name(text)).filter(|name| !name.is_empty()).collect()
        }
    }
}

fn sources(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn the_core_builds_for_wasm_without_anything_native() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "waxseal-core", "--no-default-features", "--features", "pure-rust", "--locked"])
        .args(["--target", "wasm32-wasip1", "-e", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("p256"), "the tree is not what it was: {tree}");
    for native in ["aws-lc", "cc v", "cmake", "pkg-config", "libc v", "mio", "socket2"] {
        assert!(!tree.lines().any(|line| line.starts_with(native)), "the pure build has {native}");
    }
}
