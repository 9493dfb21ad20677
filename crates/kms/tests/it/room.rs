//! A process with tokens.

use std::path::{Path, PathBuf};
use std::process::Command;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use waxseal_core::PublicKey;
use waxseal_kms::{Access, Pin, Pkcs11Error, Pkcs11Uri, TokenSigner};
use waxseal_testkit::fixtures;
use waxseal_testkit::softhsm::{PIN, SoftHsm};

/// Says that this process is the one that was started for a test, and where its tokens are.
const FOLDER: &str = "WAXSEAL_TEST_TOKENS";

/// Tokens, and the module that leads to them.
pub(crate) struct Room {
    pub(crate) hsm: SoftHsm,
    pub(crate) folder: PathBuf,
}

/// Runs a test, which goes by this name, in a process of its own that has an empty place for tokens.
pub(crate) fn run(name: &str, test: fn(&Room)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = PathBuf::from(folder);
        let hsm = SoftHsm::new(&folder).unwrap();
        test(&Room { hsm, folder });
        return;
    }
    let folder =
        std::env::temp_dir().join(format!("waxseal-{}-{}", name.replace(':', "-"), std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let Some(hsm) = SoftHsm::new(&folder) else {
        eprintln!("passed over: SoftHSM is not installed");
        return;
    };
    let (variable, settings) = hsm.variable();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(variable, settings)
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    let said = [output.stdout.as_slice(), b"\n", output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{name}: {}\n{said}", output.status);
    assert!(said.contains("1 passed"), "{name} names no test\n{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}

impl Room {
    /// The module behind a URI without a query.
    pub(crate) fn uri(&self, text: &str) -> Pkcs11Uri {
        let separator = if text.contains('?') { '&' } else { '?' };
        format!("{text}{separator}module-path={}", self.hsm.module().display()).parse().unwrap()
    }

    /// Opens a signer; the PIN is at hand.
    pub(crate) fn open(&self, text: &str) -> Result<TokenSigner, Pkcs11Error> {
        TokenSigner::open(&self.uri(text), &Access::new(&environment, &nobody))
    }

    /// The code of what keeps a signer from being opened.
    pub(crate) fn refused(&self, text: &str) -> &'static str {
        self.open(text).expect_err(text).code()
    }

    /// A public key; no PIN is at hand.
    pub(crate) fn public(&self, text: &str) -> Result<PublicKey, Pkcs11Error> {
        waxseal_kms::public_key(&self.uri(text), &Access::new(&|_| None, &nobody))
    }

    /// A token with one of the keys of `testdata`.
    pub(crate) fn token_with(&self, label: &str, keys: &[&str]) {
        self.hsm.token(label);
        for (at, key) in keys.iter().enumerate() {
            self.hsm.import(label, &key_file(key), key, &format!("{:02x}", at + 1));
        }
    }

    /// A session that writes, for objects that `softhsm2-util` does not make.
    pub(crate) fn session(&self, label: &str) -> Session {
        let context = Pkcs11::new(self.hsm.module()).unwrap();
        // Whoever was here before has started it.
        let _ = context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        let slots = context.get_slots_with_initialized_token().unwrap();
        let slot =
            slots.into_iter().find(|slot| context.get_token_info(*slot).unwrap().label() == label).unwrap();
        let session = context.open_rw_session(slot).unwrap();
        let _ = session.login(UserType::User, Some(&AuthPin::new(PIN.into())));
        session
    }
}

/// A private key of `testdata`, without a password.
pub(crate) fn key_file(name: &str) -> PathBuf {
    let path = fixtures::path(&format!("cosign/keys/{name}.plain.pem"));
    assert!(Path::new(&path).is_file());
    path
}

/// Its public key.
pub(crate) fn public_key(name: &str) -> PublicKey {
    PublicKey::from_pem(fixtures::public_key_pem(name).as_ref()).unwrap()
}

/// An environment with the PIN.
pub(crate) fn environment(name: &str) -> Option<String> {
    (name == "WAXSEAL_PKCS11_PIN").then(|| PIN.to_owned())
}

/// There is nobody to ask.
#[expect(clippy::unnecessary_wraps, reason = "the shape of whoever asks")]
pub(crate) fn nobody(_: &str) -> Result<Option<Pin>, String> {
    Ok(None)
}
