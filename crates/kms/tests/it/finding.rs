//! Which module, token and object a URI means.

use waxseal_kms::{Access, Pkcs11Uri, keys, tokens};
use waxseal_testkit::softhsm::PIN;

use crate::room::{environment, key_file, nobody, public_key, run};

/// Each attribute of the path narrows the choice down: a value that is the token's, and one that is not.
#[test]
fn every_attribute_of_the_token_counts() {
    run("finding::every_attribute_of_the_token_counts", |room| {
        room.token_with("a label", &["p384"]);
        let there = tokens(&room.uri("pkcs11:"), &Access::new(&|_| None, &nobody)).unwrap();
        assert_eq!(there.len(), 1);
        let (serial, slot) = (there[0].serial.clone(), there[0].slot);
        let slot_description = format!("SoftHSM%20slot%20ID%200x{slot:x}");
        for (name, good, bad) in [
            ("token", "a%20label", "a%20label2"),
            ("manufacturer", "SoftHSM%20project", "SoftHSM"),
            ("model", "SoftHSM%20v2", "softhsm%20v2"),
            ("serial", serial.as_str(), "0"),
            ("slot-id", &slot.to_string(), "1"),
            ("slot-description", &slot_description, "SoftHSM"),
            ("slot-manufacturer", "SoftHSM%20project", "x"),
            ("library-manufacturer", "SoftHSM", "x"),
            ("library-description", "Implementation%20of%20PKCS11", "x"),
            ("library-version", "2.6", "9.9"),
        ] {
            let found = room.open(&format!("pkcs11:object=p384;{name}={good}"));
            assert!(found.is_ok(), "{name}={good}: {found:?}");
            assert_eq!(
                room.refused(&format!("pkcs11:object=p384;{name}={bad}")),
                "pkcs11-no-token",
                "{name}={bad}"
            );
        }
    });
}

#[test]
fn one_token_of_two_has_to_be_named() {
    run("finding::one_token_of_two_has_to_be_named", |room| {
        // The module looks for tokens once, when it is started.
        room.token_with("same", &["p384"]);
        room.token_with("other", &["p384"]);
        room.hsm.token("same");
        assert!(room.open("pkcs11:token=other").is_ok());
        assert_eq!(room.refused("pkcs11:object=p384"), "pkcs11-several-tokens");
        let error = room.open("pkcs11:token=same").unwrap_err();
        assert_eq!(error.code(), "pkcs11-several-tokens");
        assert!(error.hint().unwrap().contains("serial="), "{error}");
        let there = tokens(&room.uri("pkcs11:token=same"), &Access::new(&|_| None, &nobody)).unwrap();
        let found: Vec<_> = there
            .iter()
            .map(|token| room.open(&format!("pkcs11:serial={};object=p384", token.serial)).is_ok())
            .collect();
        assert_eq!(found.iter().filter(|found| **found).count(), 1);
    });
}

#[test]
fn one_object_of_two_has_to_be_named() {
    run("finding::one_object_of_two_has_to_be_named", |room| {
        room.token_with("t", &["p384"]);
        for uri in [
            "pkcs11:token=t",
            "pkcs11:object=p384",
            "pkcs11:id=%01",
            "pkcs11:object=p384;id=%01;type=private",
        ] {
            assert!(room.open(uri).is_ok(), "{uri}");
        }
        for uri in ["pkcs11:object=p38", "pkcs11:id=%02", "pkcs11:object=p384;id=%02"] {
            let error = room.open(uri).unwrap_err();
            assert_eq!(error.code(), "pkcs11-no-key", "{uri}");
            assert!(error.to_string().contains("\"p384\" (id=%01)"), "{error}");
        }
        for kind in ["public", "cert", "secret-key", "data"] {
            assert_eq!(room.refused(&format!("pkcs11:object=p384;type={kind}")), "pkcs11-object-type");
        }
        for kind in ["private", "public"] {
            assert_eq!(room.public(&format!("pkcs11:object=p384;type={kind}")).unwrap(), public_key("p384"));
        }
        for kind in ["secret-key", "data"] {
            let refused = room.public(&format!("pkcs11:object=p384;type={kind}")).unwrap_err();
            assert_eq!(refused.code(), "pkcs11-object-type");
        }
        room.hsm.import("t", &key_file("p256-imported"), "p384", "02");
        for uri in ["pkcs11:token=t", "pkcs11:object=p384"] {
            assert_eq!(room.refused(uri), "pkcs11-several-keys", "{uri}");
            assert_eq!(room.public(uri).unwrap_err().code(), "pkcs11-several-keys", "{uri}");
        }
        assert_eq!(room.public("pkcs11:object=p384;id=%02").unwrap(), public_key("p256-imported"));
    });
}

#[test]
fn the_module_is_named_by_the_uri_or_the_environment() {
    run("finding::the_module_is_named_by_the_uri_or_the_environment", |room| {
        room.token_with("t", &["p384"]);
        let module = room.hsm.module().to_str().unwrap().to_owned();
        let code = |uri: &str, variable: &str, path: &str| {
            let environment = |name: &str| (name == variable).then(|| path.to_owned());
            let uri: Pkcs11Uri = uri.parse().unwrap();
            match waxseal_kms::public_key(&uri, &Access::new(&environment, &nobody)) {
                Ok(_) => "found",
                Err(error) => error.code(),
            }
        };
        assert_eq!(code("pkcs11:token=t", "WAXSEAL_PKCS11_MODULE_PATH", &module), "found");
        assert_eq!(code("pkcs11:token=t", "COSIGN_PKCS11_MODULE_PATH", &module), "found");
        assert_eq!(code("pkcs11:token=t", "COSIGN_PKCS11_MODULE_PATH", ""), "pkcs11-no-module");
        assert_eq!(code("pkcs11:token=t", "OTHER", &module), "pkcs11-no-module");
        assert_eq!(code("pkcs11:token=t", "COSIGN_PKCS11_MODULE_PATH", "libsofthsm2.so"), "pkcs11-module");
        assert_eq!(
            code("pkcs11:token=t", "COSIGN_PKCS11_MODULE_PATH", "/no/such.so"),
            "pkcs11-module-missing"
        );
        // What the URI says wins.
        assert_eq!(
            code("pkcs11:token=t?module-path=/no.so", "COSIGN_PKCS11_MODULE_PATH", &module),
            "pkcs11-module-missing"
        );
        assert_eq!(code("pkcs11:token=t?module-name=softhsm2", "OTHER", ""), "found");
        assert_eq!(code("pkcs11:token=t?module-name=softhsm3", "OTHER", ""), "pkcs11-module-missing");
        let folder = room.hsm.module().parent().unwrap().display().to_string();
        assert_eq!(code(&format!("pkcs11:?module-path={folder}&module-name=softhsm2"), "OTHER", ""), "found");
        assert_eq!(code(&format!("pkcs11:?module-path={folder}"), "OTHER", ""), "pkcs11-module-missing");
        // A file that is no module.
        let text = room.folder.join("text.so");
        std::fs::write(&text, "no module").unwrap();
        assert_eq!(code(&format!("pkcs11:?module-path={}", text.display()), "OTHER", ""), "pkcs11-module");
    });
}

#[test]
fn what_is_there_is_listed_and_each_uri_leads_back() {
    run("finding::what_is_there_is_listed_and_each_uri_leads_back", |room| {
        room.token_with("a token", &["p384", "ed25519"]);
        let listed = keys(&room.uri("pkcs11:token=a%20token"), &Access::new(&environment, &nobody)).unwrap();
        let mut kinds: Vec<_> = listed.iter().map(|key| key.kind.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["ecdsa-p384", "ed25519"]);
        for key in &listed {
            let text = key.uri.to_string();
            assert!(text.contains("type=private") && !text.contains(PIN), "{text}");
            let uri: Pkcs11Uri = text.parse().unwrap();
            let signer = waxseal_kms::TokenSigner::open(&uri, &Access::new(&environment, &nobody)).unwrap();
            assert_eq!(waxseal_core::Signer::public_key(&signer).algorithm().to_string(), key.kind);
        }
        // Without a PIN the public halves are there to be seen. Nobody is logged in any more: every session has ended.
        let listed = keys(&room.uri("pkcs11:"), &Access::new(&|_| None, &nobody)).unwrap();
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().all(|key| key.uri.to_string().contains("type=public")));
        assert_eq!(keys(&room.uri("pkcs11:token=x"), &Access::new(&|_| None, &nobody)).unwrap(), []);
    });
}

/// A stored PIN is one token's: with several it would be tried on those that it is not for.
#[test]
fn a_stored_pin_is_tried_where_one_token_matches() {
    run("finding::a_stored_pin_is_tried_where_one_token_matches", |room| {
        room.token_with("a", &["p384"]);
        room.token_with("b", &["p384"]);
        let environment = Access::new(&environment, &nobody);
        let none = |_: &str| None;
        let kinds = |text: &str, access: &Access<'_>| {
            let listed = keys(&room.uri(text), access).unwrap();
            let private = listed.iter().filter(|key| key.uri.to_string().contains("type=private")).count();
            (listed.len(), private)
        };
        let in_uri = format!("pkcs11:?pin-value={PIN}");
        let one = format!("pkcs11:token=a?pin-value={PIN}");
        assert_eq!(kinds(&one, &Access::new(&none, &nobody)), (1, 1));
        assert_eq!(kinds("pkcs11:", &environment), (2, 0));
        assert_eq!(kinds(&in_uri, &Access::new(&none, &nobody)), (2, 0));
        let wrong = |name: &str| (name == "WAXSEAL_PKCS11_PIN").then(|| "canary-wrong".to_owned());
        assert_eq!(kinds("pkcs11:", &Access::new(&wrong, &nobody)), (2, 0));
        assert_eq!(kinds("pkcs11:token=b", &environment), (1, 1));
    });
}
