//! Transfer packs: images that travel as one file, with everything that a receiver needs to verify them.
//!
//! A pack is a sealed OCI archive (`waxseal_oci::archive::sealed`): images with all platforms and everything that hangs on
//! them, the policy and the public keys of the sender for people to read, checksums, and a manifest that lists every byte
//! of it, signed where a key is given. The sender packs what its policy has verified and nothing else (rule V2). The
//! receiver takes nothing from the pack on trust (rule K1): it needs the key of the pack, or a policy of its own, or both;
//! everything is verified before the first byte is written, hashed again while it is written, and tags come last.

mod check;
mod contents;
mod destination;
mod have;
mod make;
mod serials;
mod unpack;

use std::fmt::Write as _;

use waxseal_core::digest::Algorithm;
use waxseal_core::pack::PackManifest;
use waxseal_oci::archive::sealed::{Entry, File};

pub use check::{
    AdmittedPack, JudgedImage, PACK_VERDICT_SCHEMA, PackFinding, PackReason, PackReport, PackVerdict,
    Receiving,
};
pub use contents::{Blobs, Contents, PackedImage};
pub use destination::{Destination, Mapping};
pub use have::Have;
pub use make::{Early, Packed, Packing, Picked};
pub use serials::Serials;
pub use unpack::{Unpacked, UnpackedImage, Unpacking};

/// The signed manifest of a pack: a DSSE envelope.
pub const MANIFEST: &str = "waxseal/pack.json";
/// The sender's policy file, for people to read.
pub const POLICY: &str = "waxseal/policy.yaml";
/// Where the public keys stand that the sender's policy trusts, for people to read.
pub const KEYS: &str = "waxseal/keys/";
/// Checksums, as `sha256sum -c` reads them.
pub const SHA256SUMS: &str = "SHA256SUMS";
/// Checksums of blobs whose name is their SHA-512; only where there are some.
pub const SHA512SUMS: &str = "SHA512SUMS";
/// Entries of a manifest that stand in front of the checksums: the marker and the index of the layout.
const HEADS: usize = 2;

/// The lists of checksums. They follow from the manifest and its entries, so that they need not be listed.
fn checksums(manifest: &PackManifest, envelope: &[u8]) -> Vec<File> {
    let mut sums = [String::new(), String::new()];
    for entry in &manifest.entries {
        let text = match entry.digest.algorithm() {
            Algorithm::Sha512 => &mut sums[1],
            _ => &mut sums[0],
        };
        let _ = writeln!(text, "{}  {}", entry.digest.hex(), entry.path);
    }
    let [mut sha256, sha512] = sums;
    let _ = writeln!(sha256, "{}  {MANIFEST}", waxseal_core::Digest::of(envelope).hex());
    let mut files = Vec::new();
    if !sha512.is_empty() {
        let _ = writeln!(sha256, "{}  {SHA512SUMS}", waxseal_core::Digest::of(&sha512).hex());
        files.push(File::of(SHA512SUMS, sha512.into_bytes()));
    }
    files.insert(0, File::of(SHA256SUMS, sha256.into_bytes()));
    files
}

/// Every entry of a pack, in order.
fn entries(manifest: &PackManifest, envelope: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = manifest
        .entries
        .iter()
        .map(|entry| Entry::new(entry.path.clone(), entry.size, entry.digest))
        .collect();
    let seal = Entry::new(MANIFEST, envelope.len() as u64, waxseal_core::Digest::of(envelope));
    let sums = checksums(manifest, envelope).into_iter().map(|file| file.entry);
    let behind = HEADS.min(entries.len());
    entries.splice(behind..behind, sums);
    entries.insert(1.min(entries.len()), seal);
    entries
}
