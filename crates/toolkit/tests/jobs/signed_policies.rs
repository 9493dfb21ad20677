//! Y7: signed policies. Each thing that a signature covers, changed alone, is refused.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use waxseal::ErrorKind;
use waxseal::keys::KeyPlaces;
use waxseal::policy::Loaded;
use waxseal::policy::signature::{SerialGuard, Signed, beside, load, sign};
use waxseal_core::document::{self, DocumentKind};
use waxseal_core::key::LocalSigner;
use waxseal_testkit::fixtures;
use waxseal_testkit::rng::now;

use crate::scene::{client, failed, signer, trusted};

/// A policy with a key file, signed by alice.
struct Desk {
    folder: tempfile::TempDir,
    alice: LocalSigner,
}

fn text(serial: &str) -> String {
    format!(
        "apiVersion: waxseal/v1\nkind: Policy\nname: production\n{serial}keys:\n  release: {{ file: release.pub }}\nrules:\n  - images: [\"registry.example.com/**\"]\n    require:\n      - signature: {{ by: [release] }}\n"
    )
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), alice: signer("alice") };
        desk.write("release.pub", &fixtures::public_key_pem("p256"));
        desk.write("policy.yaml", &text("serial: 2\n"));
        desk
    }

    async fn signed() -> Self {
        let desk = Self::new();
        desk.sign(&desk.alice).await;
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn policy(&self) -> PathBuf {
        self.path("policy.yaml")
    }

    async fn plain(&self) -> Loaded {
        self.plain_at("policy.yaml").await
    }

    async fn plain_at(&self, name: &str) -> Loaded {
        let client = client();
        waxseal::policy::load(&self.path(name), KeyPlaces::new(&|_| None, &client)).await.unwrap()
    }

    async fn sign(&self, signer: &LocalSigner) {
        self.signed_at("policy.yaml", signer).await;
    }

    async fn signed_at(&self, name: &str, signer: &LocalSigner) {
        let signature = sign(&self.plain_at(name).await, signer).unwrap();
        std::fs::write(beside(&self.path(name)), signature).unwrap();
    }

    fn wanted(&self, guard: SerialGuard) -> Signed {
        Signed::by(vec![trusted(&self.alice)], guard, now())
    }

    async fn load(&self, wanted: &Signed) -> Result<Loaded, waxseal::Error> {
        self.load_at("policy.yaml", wanted).await
    }

    async fn load_at(&self, name: &str, wanted: &Signed) -> Result<Loaded, waxseal::Error> {
        let client = client();
        load(&self.path(name), KeyPlaces::new(&|_| None, &client), wanted).await
    }

    async fn at_least(&self, serial: u64) -> Result<Loaded, waxseal::Error> {
        self.load(&self.wanted(SerialGuard::AtLeast(serial))).await
    }

    async fn remembered(&self) -> Result<Loaded, waxseal::Error> {
        self.remembered_at("policy.yaml").await
    }

    async fn remembered_at(&self, name: &str) -> Result<Loaded, waxseal::Error> {
        self.load_at(name, &self.wanted(SerialGuard::Remembered(self.path("state/policies")))).await
    }
}

fn refused(result: Result<Loaded, waxseal::Error>, words: &str) {
    let error = result.expect_err(words);
    assert_eq!(error.kind(), ErrorKind::PolicyNotSigned, "{error}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}

#[tokio::test]
async fn y7_a_signed_policy_is_loaded() {
    let desk = Desk::signed().await;
    let loaded = desk.at_least(2).await.unwrap();
    assert_eq!(loaded.set.digest(), desk.plain().await.set.digest());
}

#[tokio::test]
async fn y7_a_policy_without_a_signature_is_refused() {
    let desk = Desk::signed().await;
    std::fs::remove_file(beside(&desk.policy())).unwrap();
    refused(desk.at_least(1).await, "no signature can be read");
}

#[tokio::test]
async fn y7_another_key_is_refused() {
    let desk = Desk::signed().await;
    desk.sign(&signer("mallory")).await;
    refused(desk.at_least(1).await, "its signature does not count");
}

#[tokio::test]
async fn y7_a_changed_text_is_refused() {
    let desk = Desk::signed().await;
    desk.write("policy.yaml", &text("serial: 2\n").replace("example.com", "example.net"));
    refused(desk.at_least(1).await, "another text was signed");
}

/// The text is the same; a key file that it names is not.
#[tokio::test]
async fn y7_a_changed_key_is_refused() {
    let desk = Desk::signed().await;
    desk.write("release.pub", &fixtures::public_key_pem("p384"));
    refused(desk.at_least(1).await, "the key release is another one than was signed");
}

#[tokio::test]
async fn g2_another_document_is_no_signature_of_a_policy() {
    let desk = Desk::signed().await;
    let signature: Vec<u8> = std::fs::read(beside(&desk.policy())).unwrap();
    assert!(document::is_envelope(&signature));
    let record = document::sign(DocumentKind::Record, b"{}", &desk.alice).unwrap();
    std::fs::write(beside(&desk.policy()), record).unwrap();
    refused(desk.at_least(1).await, "of another type");
    for payload in ["{}", "[]", "{\"schema\":\"a\",\"schema\":\"b\"}"] {
        let other = document::sign(DocumentKind::Policy, payload.as_bytes(), &desk.alice).unwrap();
        std::fs::write(beside(&desk.policy()), other).unwrap();
        refused(desk.at_least(1).await, "cannot be read");
    }
}

#[tokio::test]
async fn y7_a_policy_without_a_serial_is_not_signed() {
    let desk = Desk::new();
    desk.write("policy.yaml", &text(""));
    failed(sign(&desk.plain().await, &desk.alice), ErrorKind::PolicyNotSigned);
}

#[tokio::test]
async fn y7_the_least_serial() {
    let desk = Desk::signed().await;
    assert!(desk.at_least(2).await.is_ok());
    refused(desk.at_least(3).await, "expected a serial of at least 3, found 2");
    assert!(!desk.path("state").exists());
}

#[tokio::test]
async fn y7_the_serial_does_not_fall_below_the_last_one_seen() {
    let desk = Desk::signed().await;
    for _ in 0..2 {
        desk.remembered().await.unwrap();
    }
    desk.write("policy.yaml", &text("serial: 3\n"));
    desk.sign(&desk.alice).await;
    desk.remembered().await.unwrap();
    desk.write("policy.yaml", &text("serial: 2\n"));
    desk.sign(&desk.alice).await;
    refused(desk.remembered().await, "a serial of 3 was seen, found 2");
    // One serial is one text.
    desk.write("policy.yaml", &text("serial: 3\n").replace("example.com", "example.net"));
    desk.sign(&desk.alice).await;
    refused(desk.remembered().await, "serial 3 was seen with another text");
    // Another policy, in a place of its own, has a serial of its own.
    desk.write("staging.yaml", &text("serial: 1\n").replace("production", "staging"));
    desk.signed_at("staging.yaml", &desk.alice).await;
    desk.remembered_at("staging.yaml").await.unwrap();
}

/// One key signs both: neither stands in the place of the other, by whatever way it came there.
#[tokio::test]
async fn y7_another_policy_does_not_stand_in_the_place_of_one() {
    let desk = Desk::signed().await;
    desk.remembered().await.unwrap();
    desk.write("staging.yaml", &text("serial: 9\n").replace("production", "staging"));
    desk.signed_at("staging.yaml", &desk.alice).await;
    desk.remembered_at("staging.yaml").await.unwrap();
    let place = |from: &str| {
        for (from, to) in
            [(desk.path(from), desk.policy()), (beside(&desk.path(from)), beside(&desk.policy()))]
        {
            std::fs::copy(from, to).unwrap();
        }
    };
    place("staging.yaml");
    refused(desk.remembered().await, "the policy \"production\" stood here, found \"staging\"");
    // A path that leads there is the same place.
    std::fs::remove_file(desk.policy()).unwrap();
    std::os::unix::fs::symlink(desk.path("staging.yaml"), desk.policy()).unwrap();
    refused(desk.remembered().await, "the policy \"production\" stood here, found \"staging\"");
    std::os::unix::fs::symlink(desk.folder.path(), desk.path("again")).unwrap();
    refused(desk.remembered_at("again/policy.yaml").await, "stood here, found \"staging\"");
}

/// A policy of another name is taken where somebody says so, and the one before it no longer.
#[tokio::test]
async fn y7_a_policy_that_was_renamed_does_not_go_back() {
    let desk = Desk::new();
    let version = |serial: u64, name: &str| text(&format!("serial: {serial}\n")).replace("production", name);
    desk.write("policy.yaml", &version(8, "prod"));
    desk.sign(&desk.alice).await;
    desk.remembered().await.unwrap();
    desk.write("policy.yaml", &version(9, "production"));
    desk.sign(&desk.alice).await;
    refused(desk.remembered().await, "the policy \"prod\" stood here, found \"production\"");
    let mut wanted = desk.wanted(SerialGuard::Remembered(desk.path("state/policies")));
    wanted.name = Some("production".to_owned());
    desk.load(&wanted).await.unwrap();
    desk.remembered().await.unwrap();
    desk.write("policy.yaml", &version(8, "prod"));
    desk.sign(&desk.alice).await;
    refused(desk.remembered().await, "the policy \"production\" stood here, found \"prod\"");
    refused(desk.load(&wanted).await, "expected the policy \"production\", found \"prod\"");
    // Without anything that is remembered too.
    wanted.serial = SerialGuard::AtLeast(1);
    refused(desk.load(&wanted).await, "expected the policy \"production\", found \"prod\"");
    wanted.name = Some("prod".to_owned());
    desk.load(&wanted).await.unwrap();
}

/// The text and the serial stay, and a key that the text names changes: the signature from before no longer counts.
#[tokio::test]
async fn y7_one_serial_is_one_set_of_keys() {
    let desk = Desk::signed().await;
    desk.remembered().await.unwrap();
    desk.write("release.pub", &fixtures::public_key_pem("p384"));
    desk.sign(&desk.alice).await;
    refused(desk.remembered().await, "serial 2 was seen with the same text and other keys");
    desk.write("policy.yaml", &text("serial: 3\n"));
    desk.sign(&desk.alice).await;
    desk.remembered().await.unwrap();
}

/// Serials are counted for each signer; where any one of several keys counts, an older policy by another of them does not.
#[tokio::test]
async fn y7_serials_are_counted_for_each_signer() {
    let desk = Desk::signed().await;
    let bob = signer("bob");
    let folder = || SerialGuard::Remembered(desk.path("state/policies"));
    let by_bob = Signed::by(vec![trusted(&bob)], folder(), now());
    let by_both = Signed::by(vec![trusted(&desk.alice), trusted(&bob)], folder(), now());
    desk.load(&by_both).await.unwrap();
    desk.write("policy.yaml", &text("serial: 1\n"));
    desk.sign(&bob).await;
    refused(desk.load(&by_both).await, "a serial of 2 was seen, found 1");
    desk.load(&by_bob).await.unwrap();
}

/// What is refused for another reason is not remembered, and what cannot be read is not taken for nothing.
#[tokio::test]
async fn y7_only_what_counts_is_remembered() {
    let desk = Desk::new();
    desk.write("policy.yaml", &text("serial: 9\n"));
    desk.sign(&signer("mallory")).await;
    refused(desk.remembered().await, "its signature does not count");
    desk.write("policy.yaml", &text("serial: 2\n"));
    desk.sign(&desk.alice).await;
    desk.remembered().await.unwrap();
    let state = std::fs::read_dir(desk.path("state/policies")).unwrap();
    let state = state.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some());
    let state: Vec<_> = state.collect();
    assert!(state.len() >= 2, "the serial, and the name at the path: {state:?}");
    for path in state {
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, "{}").unwrap();
        refused(desk.remembered().await, "what was seen of the policy cannot be read");
        std::fs::write(&path, text).unwrap();
        desk.remembered().await.unwrap();
    }
    let folder = Path::new("/dev/null/policies").to_owned();
    refused(desk.load(&desk.wanted(SerialGuard::Remembered(folder))).await, "cannot be kept in");
}

/// Nothing that an unsigned policy names is looked at.
#[tokio::test]
async fn y7_a_policy_names_nothing_before_its_signature_holds() {
    let desk = Desk::signed().await;
    let asked = AtomicBool::new(false);
    let environment = |_: &str| {
        asked.store(true, Ordering::Relaxed);
        Some(fixtures::public_key_pem("p256"))
    };
    let client = client();
    let places = KeyPlaces::new(&environment, &client);
    let named = |serial| text(serial).replace("{ file: release.pub }", "{ key: \"env://RELEASE\" }");
    desk.write("policy.yaml", &named("serial: 2\n"));
    let wanted = desk.wanted(SerialGuard::AtLeast(1));
    refused(load(&desk.policy(), places, &wanted).await, "another text was signed");
    assert!(!asked.load(Ordering::Relaxed));
    let loaded = waxseal::policy::load(&desk.policy(), places).await.unwrap();
    std::fs::write(beside(&desk.policy()), sign(&loaded, &desk.alice).unwrap()).unwrap();
    load(&desk.policy(), places, &wanted).await.unwrap();
    assert!(asked.load(Ordering::Relaxed));
}
