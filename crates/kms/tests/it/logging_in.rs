//! PINs: where they come from, and that a wrong one is tried once.

use std::cell::Cell;

use cryptoki::object::{Attribute, ObjectClass};
use waxseal_core::key::KeyAlgorithm;
use waxseal_kms::{Access, Pin, Pkcs11Error, TokenSigner, Tries, public_key, shown_public_key, tokens};
use waxseal_testkit::softhsm::PIN;

use crate::room::{Room, environment, nobody, run};

/// Opens a signer with what a person types, and says how often one was asked.
fn typed(room: &Room, text: &str, typed: Option<&str>) -> (Result<TokenSigner, Pkcs11Error>, u32) {
    let asked = Cell::new(0);
    let ask = |token: &str| {
        assert_eq!(token, "token \"t\"");
        asked.set(asked.get() + 1);
        Ok(typed.map(Pin::new))
    };
    let opened = TokenSigner::open(&room.uri(text), &Access::new(&|_| None, &ask));
    (opened, asked.get())
}

#[test]
fn the_pin_comes_from_the_uri_the_environment_or_a_person() {
    run("logging_in::the_pin_comes_from_the_uri_the_environment_or_a_person", |room| {
        room.token_with("t", &["p384"]);
        let file = room.folder.join("pin");
        std::fs::write(&file, format!("{PIN}\n")).unwrap();
        for query in [
            format!("pin-value={PIN}"),
            format!("pin-source={}", file.display()),
            format!("pin-source=file://{}", file.display()),
        ] {
            let (opened, asked) = typed(room, &format!("pkcs11:token=t?{query}"), Some("wrong"));
            assert!(opened.is_ok(), "{query}: {opened:?}");
            assert_eq!(asked, 0);
        }
        assert!(room.open("pkcs11:token=t").is_ok());
        let cosigns = |name: &str| (name == "COSIGN_PKCS11_PIN").then(|| PIN.to_owned());
        assert!(TokenSigner::open(&room.uri("pkcs11:token=t"), &Access::new(&cosigns, &nobody)).is_ok());
        let (opened, asked) = typed(room, "pkcs11:token=t", Some(PIN));
        assert!(opened.is_ok());
        assert_eq!(asked, 1);
        drop(opened);
        let (opened, asked) = typed(room, "pkcs11:token=t", None);
        assert_eq!((opened.unwrap_err().code(), asked), ("pkcs11-pin-needed", 1));
        // What the URI names wins, also where it cannot be read: another PIN would be a guess.
        let missing = room.folder.join("missing");
        let uri = format!("pkcs11:token=t?pin-source={}", missing.display());
        assert_eq!(room.refused(&uri), "pkcs11-pin-file");
        let refuses = |_: &str| Err("no terminal".to_owned());
        let error =
            TokenSigner::open(&room.uri("pkcs11:token=t"), &Access::new(&|_| None, &refuses)).unwrap_err();
        assert_eq!(error.code(), "pkcs11-pin-prompt");
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    run("logging_in::a_wrong_pin_is_tried_once", |room| {
        room.token_with("t", &["p384"]);
        let tries = || tokens(&room.uri("pkcs11:"), &Access::new(&|_| None, &nobody)).unwrap()[0].tries;
        assert_eq!(tries(), Tries::Untold);
        // One that no PIN of the token is as short as is not tried at all.
        let (opened, _) = typed(room, "pkcs11:token=t", Some("123"));
        assert_eq!(opened.unwrap_err().code(), "pkcs11-pin-length");
        assert_eq!(tries(), Tries::Untold);
        let (opened, asked) = typed(room, "pkcs11:token=t", Some("canary-wrong"));
        let error = opened.unwrap_err();
        assert_eq!(error, Pkcs11Error::WrongPin { token: "token \"t\"".to_owned(), tries: Tries::Low });
        assert_eq!(asked, 1);
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("canary"), "{error}");
        assert_eq!(tries(), Tries::Low);
        assert!(room.open("pkcs11:token=t").is_ok());
        assert_eq!(tries(), Tries::Untold);
    });
}

/// A public key needs no PIN, unless the token hides it.
#[test]
fn a_public_key_needs_no_pin_unless_it_is_hidden() {
    run("logging_in::a_public_key_needs_no_pin_unless_it_is_hidden", |room| {
        room.token_with("t", &["p384"]);
        let uri = "pkcs11:token=t;object=p384";
        let wrong = |name: &str| (name == "WAXSEAL_PKCS11_PIN").then(|| "canary-wrong".to_owned());
        assert!(public_key(&room.uri(uri), &Access::new(&wrong, &nobody)).is_ok());
        assert!(shown_public_key(&room.uri(uri), &Access::new(&wrong, &nobody)).is_ok());
        {
            let session = room.session("t");
            let public = session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY)]).unwrap()[0];
            session.copy_object(public, &[Attribute::Private(true), Attribute::Token(true)]).unwrap();
            session.destroy_object(public).unwrap();
        }
        assert_eq!(room.public(uri).unwrap_err().code(), "pkcs11-no-key");
        let found = public_key(&room.uri(uri), &Access::new(&environment, &nobody)).unwrap();
        assert_eq!(found.algorithm(), KeyAlgorithm::P384);
        assert_eq!(
            public_key(&room.uri(uri), &Access::new(&wrong, &nobody)).unwrap_err().code(),
            "pkcs11-wrong-pin"
        );
        // Whoever verifies logs in nowhere: neither the right PIN nor a wrong one is tried.
        for (text, access) in [
            (uri.to_owned(), Access::new(&environment, &nobody)),
            (format!("{uri}?pin-value={PIN}"), Access::new(&environment, &nobody)),
            (uri.to_owned(), Access::new(&wrong, &nobody)),
        ] {
            let error = shown_public_key(&room.uri(&text), &access).unwrap_err();
            assert_eq!(error.code(), "pkcs11-no-key", "{text}");
        }
    });
}
