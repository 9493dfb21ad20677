//! What comes out of a token verifies, or does not come out.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use waxseal_core::key::{Prehashed, SignError};
use waxseal_core::{PublicKey, Scheme, Signer};
use waxseal_testkit::fixtures;

use crate::room::{Room, public_key, run};

/// The object identifier of P-256, and of secp256k1.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP256K1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];

fn signs(signer: &dyn Signer) {
    let (message, key, scheme) = (b"a message".as_slice(), signer.public_key(), signer.scheme());
    let verifies = |signature: &[u8]| key.verify(message, signature, &[scheme]) == Some(scheme);
    assert!(verifies(signer.sign(message).unwrap().as_bytes()));
    let pieces = |each: &mut dyn FnMut(&[u8])| {
        message.chunks(4).for_each(each);
        Ok(())
    };
    assert!(verifies(signer.sign_rereadable(&pieces).unwrap().as_bytes()));
    let prehashed = signer.sign_prehashed(&Prehashed::of(&[scheme], message));
    match scheme.hash() {
        Some(_) => assert!(verifies(prehashed.unwrap().as_bytes())),
        None => assert_eq!(prehashed.unwrap_err(), SignError::NeedsMessage),
    }
}

#[test]
fn keys_of_every_kind_sign() {
    run("signing::keys_of_every_kind_sign", |room| {
        let kinds = ["p256-imported", "p384", "p521", "rsa2048", "ed25519"];
        room.token_with("t", &kinds);
        for kind in kinds {
            let signer = room.open(&format!("pkcs11:token=t;object={kind}")).unwrap();
            assert_eq!(*signer.public_key(), public_key(kind), "{kind}");
            assert_eq!(signer.scheme(), Scheme::default_for(signer.public_key().algorithm()));
            signs(&signer);
            assert!(!format!("{signer:?}").contains("canary"));
            assert_eq!(room.public(&format!("pkcs11:token=t;object={kind}")).unwrap(), public_key(kind));
        }
        for (kind, scheme) in [("p384", Scheme::EcdsaP384Sha256), ("p521", Scheme::EcdsaP521Sha256)] {
            let signer = room.open(&format!("pkcs11:object={kind}")).unwrap().with_scheme(scheme).unwrap();
            assert_eq!(signer.scheme(), scheme);
            signs(&signer);
        }
        let other = |kind: &str, scheme| {
            let signer = room.open(&format!("pkcs11:object={kind}")).unwrap();
            signer.with_scheme(scheme).unwrap_err().code()
        };
        assert_eq!(other("p384", Scheme::EcdsaP256Sha256), "pkcs11-scheme-mismatch");
        assert_eq!(other("ed25519", Scheme::Ed25519ph), "pkcs11-mechanism");
    });
}

#[test]
fn two_signers_and_two_threads_share_a_token() {
    run("signing::two_signers_and_two_threads_share_a_token", |room| {
        room.token_with("t", &["p256-imported", "ed25519"]);
        let first = room.open("pkcs11:object=p256-imported").unwrap();
        let second = room.open("pkcs11:object=ed25519").unwrap();
        std::thread::scope(|threads| {
            for signer in [&first, &second, &first, &second] {
                threads.spawn(move || {
                    for round in 0..20_u8 {
                        signer.sign(&[round]).unwrap();
                    }
                });
            }
        });
        drop(first);
        signs(&second);
    });
}

/// Rule G1: a signature that does not verify with the public half stays here. The public object beside the private key is
/// another key's.
#[test]
fn a_signature_of_another_key_does_not_leave() {
    run("signing::a_signature_of_another_key_does_not_leave", |room| {
        room.token_with("t", &["p256-imported"]);
        signs(&room.open("pkcs11:token=t").unwrap());
        {
            let session = room.session("t");
            let public = session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY)]).unwrap();
            session.destroy_object(public[0]).unwrap();
            let other = PublicKey::from_pem(fixtures::public_key_pem("p256").as_ref()).unwrap();
            let mut point = vec![0x04, 65];
            point.extend_from_slice(&other.to_der()[other.to_der().len() - 65..]);
            session
                .create_object(&[
                    Attribute::Class(ObjectClass::PUBLIC_KEY),
                    Attribute::KeyType(cryptoki::object::KeyType::EC),
                    Attribute::Token(true),
                    Attribute::Private(false),
                    Attribute::Id(vec![1]),
                    Attribute::EcParams(P256.to_vec()),
                    Attribute::EcPoint(point),
                ])
                .unwrap();
        }
        let signer = room.open("pkcs11:token=t").unwrap();
        assert_eq!(*signer.public_key(), public_key("p256"));
        assert_eq!(signer.sign(b"m").unwrap_err(), SignError::SelfCheck);
        let hashes = Prehashed::of(&[signer.scheme()], b"m");
        assert_eq!(signer.sign_prehashed(&hashes).unwrap_err(), SignError::SelfCheck);
    });
}

/// Makes a key pair in the token, and leaves the public half out of it unless it is wanted.
fn generate(room: &Room, mechanism: &Mechanism<'_>, public: &[Attribute], private: &[Attribute], keep: bool) {
    let session = room.session("t");
    let mut public = public.to_vec();
    public.extend([Attribute::Token(keep), Attribute::Private(false)]);
    let mut private = private.to_vec();
    private.extend([Attribute::Token(true), Attribute::Private(true), Attribute::Sensitive(true)]);
    session.generate_key_pair(mechanism, &public, &private).unwrap();
}

fn rsa() -> [Attribute; 2] {
    [Attribute::ModulusBits(2048.into()), Attribute::PublicExponent(vec![1, 0, 1])]
}

#[test]
fn a_key_that_wants_its_pin_each_time_gets_it() {
    run("signing::a_key_that_wants_its_pin_each_time_gets_it", |room| {
        room.hsm.token("t");
        let private = [Attribute::Sign(true), Attribute::AlwaysAuthenticate(true), Attribute::Id(vec![7])];
        generate(
            room,
            &Mechanism::RsaPkcsKeyPairGen,
            &[rsa().as_slice(), &[Attribute::Id(vec![7])]].concat(),
            &private,
            true,
        );
        let signer = room.open("pkcs11:id=%07").unwrap();
        for _ in 0..2 {
            let signature = signer.sign(b"m").unwrap();
            assert!(signer.public_key().verify(b"m", signature.as_bytes(), &[signer.scheme()]).is_some());
        }
    });
}

#[test]
fn the_public_half_is_found_where_tokens_keep_it() {
    run("signing::the_public_half_is_found_where_tokens_keep_it", |room| {
        room.token_with("t", &["p256-imported"]);
        let (ec, pair) = (Mechanism::EccKeyPairGen, Mechanism::RsaPkcsKeyPairGen);
        let named = |id: u8| [Attribute::Sign(true), Attribute::Id(vec![id])];
        // An RSA private key holds it.
        generate(room, &pair, &rsa(), &named(2), false);
        signs(&room.open("pkcs11:id=%02").unwrap());
        // An EC private key does not.
        generate(room, &ec, &[Attribute::EcParams(P256.to_vec())], &named(3), false);
        assert_eq!(room.refused("pkcs11:id=%03"), "pkcs11-no-public-key");
        // A certificate with the same id does.
        {
            let session = room.session("t");
            let public = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(vec![1])];
            session.destroy_object(session.find_objects(&public).unwrap()[0]).unwrap();
        }
        assert_eq!(room.refused("pkcs11:id=%01"), "pkcs11-no-public-key");
        assert_eq!(room.public("pkcs11:id=%01").unwrap_err().code(), "pkcs11-no-key");
        certificate(room, vec![1]);
        let signer = room.open("pkcs11:id=%01").unwrap();
        assert_eq!(*signer.public_key(), public_key("p256-imported"));
        signs(&signer);
        for uri in ["pkcs11:id=%01", "pkcs11:id=%01;type=cert", "pkcs11:object=a%20certificate"] {
            assert_eq!(room.public(uri).unwrap(), public_key("p256-imported"), "{uri}");
        }
    });
}

/// A certificate of the imported key: what a reader of its public key needs of one, version and all.
fn certificate(room: &Room, id: Vec<u8>) {
    let sequence = |parts: &[&[u8]]| {
        let content = parts.concat();
        let length = u8::try_from(content.len()).unwrap();
        let header = if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
        [header, content].concat()
    };
    let (version, serial, empty) = ([0xa0, 0x03, 0x02, 0x01, 0x02], [0x02, 0x01, 0x05], [0x30, 0x00]);
    let key = public_key("p256-imported");
    let signed = sequence(&[&version, &serial, &empty, &empty, &empty, &empty, key.to_der()]);
    room.session("t")
        .create_object(&[
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(cryptoki::object::CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Id(id),
            Attribute::Label(b"a certificate".to_vec()),
            Attribute::Subject(empty.to_vec()),
            Attribute::Value(sequence(&[&signed, &empty, &[0x03, 0x01, 0x00]])),
        ])
        .unwrap();
}

#[test]
fn keys_that_cannot_sign_here_are_refused() {
    run("signing::keys_that_cannot_sign_here_are_refused", |room| {
        room.hsm.token("t");
        let pair = Mechanism::RsaPkcsKeyPairGen;
        let named =
            |id: u8, sign: bool| [Attribute::Sign(sign), Attribute::Decrypt(true), Attribute::Id(vec![id])];
        generate(room, &pair, &rsa(), &named(1, true), false);
        signs(&room.open("pkcs11:id=%01").unwrap());
        generate(room, &pair, &rsa(), &named(2, false), false);
        assert_eq!(room.refused("pkcs11:id=%02"), "pkcs11-not-for-signing");
        let short = [Attribute::ModulusBits(1024.into()), Attribute::PublicExponent(vec![1, 0, 1])];
        generate(room, &pair, &short, &named(3, true), false);
        assert_eq!(room.refused("pkcs11:id=%03"), "pkcs11-public-key");
        let curve = [Attribute::EcParams(SECP256K1.to_vec()), Attribute::Id(vec![4])];
        generate(
            room,
            &Mechanism::EccKeyPairGen,
            &curve,
            &[Attribute::Sign(true), Attribute::Id(vec![4])],
            true,
        );
        let error = room.open("pkcs11:id=%04").unwrap_err();
        assert_eq!(error.code(), "pkcs11-public-key");
        assert!(error.to_string().contains("secp256k1"), "{error}");
    });
}
