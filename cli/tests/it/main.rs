//! The program as people and pipelines run it: what it prints where, how it ends, and what it leaves behind.
//!
//! Each test has a folder, a home and an environment of its own, and no network but loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "tests end at the line that found something"
)]

mod attach;
mod attest;
mod attestations;
mod blobs;
mod clean;
mod copy;
mod demo;
mod doctor;
mod download;
mod evidence;
mod examples;
mod gate;
mod gate_shown;
mod inventory;
mod keys;
mod login;
mod offline;
mod outputs;
mod packs;
mod pages;
mod passwords;
mod policies;
mod policy_examples;
mod promote;
mod records;
mod registries;
mod reports;
mod room;
mod saving;
mod scan_attest;
mod scan_fetch;
mod scans;
mod sign;
mod small;
mod timeouts;
mod tokens;
mod tree;
mod two_step;
mod verify;

/// A file that is not named above would never be compiled.
#[test]
fn no_file_of_this_folder_is_forgotten() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let named = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(name == "main" || named.contains(&format!("\nmod {name};\n")), "{}", path.display());
    }
}
