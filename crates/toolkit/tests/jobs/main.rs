//! The jobs from outside: cosign's own material, the rules one by one, and registries that lie.
//!
//! Each negative stands beside a twin that differs in the one property under test and is accepted. Nothing here
//! leaves loopback and the repository.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests end at the line that found something"
)]

mod attesting;
mod deciding;
mod dockerfiles;
mod fixtures;
mod gates;
mod judging;
mod manifests;
mod mentions;
mod network;
mod promotions;
mod records;
mod requests;
mod rules_c;
mod rules_g;
mod rules_l;
mod rules_l_found;
mod rules_p;
mod scan_fetch;
mod scans;
mod scene;
mod signed_policies;
mod threats;
