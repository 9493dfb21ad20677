//! What judging one image costs: hashing, reading, verifying. `cargo bench -p waxseal-core`.
#![allow(missing_docs, clippy::unwrap_used, reason = "benchmarks of valid material")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use waxseal_core::candidate::{EvidenceStore, Origin};
use waxseal_core::key::{KeyAlgorithm, LocalSigner};
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::manifest::Manifest;
use waxseal_core::signing::SigningRequest;
use waxseal_core::{
    Candidate, Digest, Evidence, Format, PinnedRef, Policy, PrivateKey, SignatureRequirement, Signer,
    Subject, TrustedKey, Verifier, json,
};
use waxseal_testkit::rng::{Seeded, now};

fn digest(c: &mut Criterion) {
    let bytes = vec![7; 16 << 20];
    let mut group = c.benchmark_group("digest");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.sample_size(10);
    group.bench_function("sha256, 16 MiB", |b| b.iter(|| Digest::of(black_box(&bytes))));
    group.finish();
}

fn parse(c: &mut Criterion) {
    let image = waxseal_testkit::IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let bytes = image.manifest.1;
    let mut group = c.benchmark_group("parse");
    group.bench_function("index of two platforms", |b| {
        b.iter(|| Manifest::parse(black_box(&bytes), None).unwrap());
    });
    group.bench_function("strict JSON check", |b| {
        b.iter(|| json::check(black_box(&bytes), json::exact).unwrap());
    });
    let bundle = signed(&signer(KeyAlgorithm::P256)).1;
    let beside = Origin::new(EvidenceStore::Referrer, Digest::of("image"));
    group.bench_function("bundle", |b| {
        b.iter(|| Candidate::bundle(beside.clone(), black_box(&bundle), BUNDLE_BYTES));
    });
    group.finish();
}

fn verify(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");
    for algorithm in
        [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa { bits: 2048 }]
    {
        let signer = signer(algorithm);
        let (digest, bundle) = signed(&signer);
        let beside = Origin::new(EvidenceStore::Referrer, digest);
        let mut evidence = Evidence::new();
        evidence.candidates.push(Candidate::bundle(beside, &bundle, BUNDLE_BYTES));
        let key = TrustedKey::new("release", signer.public_key().clone());
        let policy = Policy::requiring(SignatureRequirement::by(vec![key]).unwrap());
        let subject = Subject::new(PinnedRef::local("oci:bench", None, digest));
        group.bench_function(format!("one bundle, {algorithm}"), |b| {
            b.iter(|| Verifier::new().verify(black_box(&subject), &evidence, &policy, now()));
        });
    }
    group.finish();
}

fn signer(algorithm: KeyAlgorithm) -> LocalSigner {
    LocalSigner::new(PrivateKey::generate(algorithm, &mut Seeded::named("bench")).unwrap())
}

fn signed(signer: &LocalSigner) -> (Digest, Vec<u8>) {
    let digest = Digest::of("image");
    let name = Some("registry.example.com/app".to_owned());
    let request = SigningRequest::image(digest, name, [].into(), &[Format::Bundle]).unwrap();
    (digest, request.sign(signer).unwrap().bundle.unwrap())
}

criterion_group!(benches, digest, parse, verify);
criterion_main!(benches);
