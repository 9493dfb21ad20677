//! Signing with a key in a token.
//!
//! Where the token can, it signs a hash that was computed here: what goes over the cable is small, and every token has
//! those mechanisms. Ed25519 takes the message whole.

use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};
use cryptoki::types::AuthPin;
use waxseal_core::key::{KeyAlgorithm, Prehashed, Prehasher, Reread, SignError, Signature};
use waxseal_core::{PublicKey, Scheme, Signer};

use super::connection::{Connection, failed, said};
use super::object::Class;
use super::public;
use super::token::Token;
use crate::Access;
use crate::error::Pkcs11Error;
use crate::limits::MESSAGE_BYTES;
use crate::uri::{ObjectType, Pkcs11Uri};

/// `DigestInfo` of SHA-256 without the hash (RFC 8017, 9.2).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// Signs with a private key that stays in its token. Each signature is verified with the public half, by this program,
/// before it leaves (rule G1).
pub struct TokenSigner {
    public: PublicKey,
    scheme: Scheme,
    key: Mutex<TokenKey>,
}

/// The key, in a session that is logged in.
struct TokenKey {
    connection: Connection,
    handle: ObjectHandle,
    each_time: EachTime,
    mechanisms: Mechanisms,
}

/// What a key wants before each signature (`CKA_ALWAYS_AUTHENTICATE`).
enum EachTime {
    /// Nothing.
    Nothing,
    /// Its PIN.
    Pin(AuthPin),
    /// Its PIN, on the token's own keypad.
    Keypad,
}

/// What the token has for the key and its scheme.
#[derive(Clone, Copy, Debug)]
struct Mechanisms {
    /// Signs what it is given: a hash, or with Ed25519 the message.
    plain: bool,
    /// Hashes the message itself.
    hashing: bool,
}

impl TokenSigner {
    /// Opens the private key that a URI names and logs in. The scheme is the key's default ([`Scheme::default_for`])
    /// until [`with_scheme`](Self::with_scheme).
    pub fn open(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Self, Pkcs11Error> {
        if let Some(other) = uri.kind.filter(|kind| *kind != ObjectType::Private) {
            return Err(Pkcs11Error::ObjectType { expected: "private key", found: other.word() });
        }
        let mut connection = Connection::open(Token::find(uri, access)?)?;
        connection.log_in(uri, access)?;
        let object = connection.object(Class::Private, uri)?;
        match connection.key_type(object.handle)? {
            Some(KeyType::EC | KeyType::EC_EDWARDS | KeyType::RSA) => {}
            other => {
                let found = other.map_or_else(|| "unknown".to_owned(), |kind| kind.to_string());
                return Err(Pkcs11Error::KeyKind { key: object.name(), found });
            }
        }
        let (mut signs, mut always) = (true, false);
        let wanted = [AttributeType::Sign, AttributeType::AlwaysAuthenticate];
        for attribute in connection.attributes(object.handle, &wanted)? {
            match attribute {
                Attribute::Sign(value) => signs = value,
                Attribute::AlwaysAuthenticate(value) => always = value,
                _ => {}
            }
        }
        if !signs {
            return Err(Pkcs11Error::NotForSigning { key: object.name() });
        }
        let public = public::of_private(&connection, &object)?;
        let scheme = Scheme::default_for(public.algorithm());
        let mechanisms = Mechanisms::of(&connection, scheme)?;
        let each_time = match always.then(|| connection.pin(uri, access)).transpose()? {
            None => EachTime::Nothing,
            Some(Some(pin)) => EachTime::Pin(pin),
            Some(None) => EachTime::Keypad,
        };
        let key = TokenKey { connection, handle: object.handle, each_time, mechanisms };
        Ok(Self { public, scheme, key: Mutex::new(key) })
    }

    /// Signs with another scheme of the same kind of key. Ed25519ph is none that tokens are asked for: what they take
    /// for it differs.
    pub fn with_scheme(self, scheme: Scheme) -> Result<Self, Pkcs11Error> {
        let key = self.public.algorithm();
        if !scheme.fits(key) {
            return Err(Pkcs11Error::SchemeMismatch { scheme, key });
        }
        let mechanisms = Mechanisms::of(&self.key().connection, scheme)?;
        self.key().mechanisms = mechanisms;
        Ok(Self { scheme, ..self })
    }

    fn key(&self) -> MutexGuard<'_, TokenKey> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the token gave, in the form of the wire.
    fn wire(&self, bytes: Vec<u8>) -> Result<Signature, SignError> {
        match self.public.algorithm() {
            kind @ (KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::P521) => {
                Signature::from_ecdsa_numbers(kind, &bytes).ok_or_else(|| SignError::Device {
                    why: format!("it gave {} bytes that are no ECDSA signature of this curve", bytes.len()),
                })
            }
            _ => Ok(Signature::from_bytes(bytes)),
        }
    }

    fn checked(&self, bytes: Vec<u8>, verifies: impl Fn(&[u8]) -> bool) -> Result<Signature, SignError> {
        let signature = self.wire(bytes)?;
        if verifies(signature.as_bytes()) { Ok(signature) } else { Err(SignError::SelfCheck) }
    }
}

impl Signer for TokenSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let key = self.key();
        // A key that wants its PIN each time is asked in steps, and only hashing mechanisms have steps.
        let by_token =
            key.mechanisms.hashing && (!matches!(key.each_time, EachTime::Nothing) || !key.mechanisms.plain);
        let bytes = match (self.scheme.hash(), by_token) {
            (None, _) => {
                if message.len() as u64 > MESSAGE_BYTES {
                    return Err(too_large());
                }
                key.sign(&Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)), message)?
            }
            (Some(_), true) => key.sign(&hashing(self.scheme)?, message)?,
            (Some(_), false) => {
                drop(key);
                return self.sign_prehashed(&Prehashed::of(&[self.scheme], message));
            }
        };
        drop(key);
        self.checked(bytes, |signature| self.public.verify(message, signature, &[self.scheme]).is_some())
    }

    fn sign_prehashed(&self, hashes: &Prehashed) -> Result<Signature, SignError> {
        let hash = self.scheme.hash().ok_or(SignError::NeedsMessage)?;
        let digest = hashes.get(hash).ok_or(SignError::MissingHash { hash })?;
        let key = self.key();
        if !key.mechanisms.plain {
            return Err(SignError::Device {
                why: "the token signs whole messages only with this key, and no hashes".to_owned(),
            });
        }
        let bytes = match self.scheme {
            Scheme::RsaPkcs1Sha256 => key.sign(&Mechanism::RsaPkcs, &[&SHA256_INFO, digest].concat())?,
            _ => key.sign(&Mechanism::Ecdsa, digest)?,
        };
        drop(key);
        self.checked(bytes, |signature| {
            self.public.verify_prehashed(hashes, signature, &[self.scheme]).is_some()
        })
    }

    fn sign_rereadable(&self, read: Reread<'_>) -> Result<Signature, SignError> {
        if self.scheme.hash().is_some() {
            let mut hashes = Prehasher::for_schemes(&[self.scheme]);
            read(&mut |bytes| hashes.update(bytes)).map_err(|why| SignError::Message { why })?;
            return self.sign_prehashed(&hashes.finish());
        }
        let mut message = Vec::new();
        let mut fits = true;
        read(&mut |bytes| {
            fits = fits && (message.len() as u64).saturating_add(bytes.len() as u64) <= MESSAGE_BYTES;
            if fits {
                message.extend_from_slice(bytes);
            }
        })
        .map_err(|why| SignError::Message { why })?;
        if fits { self.sign(&message) } else { Err(too_large()) }
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner")
            .field("public", &self.public)
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

impl Mechanisms {
    fn of(connection: &Connection, scheme: Scheme) -> Result<Self, Pkcs11Error> {
        let token = &connection.token;
        let there = token
            .module
            .context
            .get_mechanism_list(token.slot)
            .map_err(failed("listing the token's mechanisms"))?;
        let (plain, hashing) = match scheme {
            Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha256 | Scheme::EcdsaP521Sha256 => {
                (("CKM_ECDSA", MechanismType::ECDSA), Some(("CKM_ECDSA_SHA256", MechanismType::ECDSA_SHA256)))
            }
            Scheme::EcdsaP384Sha384 => {
                (("CKM_ECDSA", MechanismType::ECDSA), Some(("CKM_ECDSA_SHA384", MechanismType::ECDSA_SHA384)))
            }
            Scheme::EcdsaP521Sha512 => {
                (("CKM_ECDSA", MechanismType::ECDSA), Some(("CKM_ECDSA_SHA512", MechanismType::ECDSA_SHA512)))
            }
            Scheme::RsaPkcs1Sha256 => (
                ("CKM_RSA_PKCS", MechanismType::RSA_PKCS),
                Some(("CKM_SHA256_RSA_PKCS", MechanismType::SHA256_RSA_PKCS)),
            ),
            Scheme::Ed25519 => (("CKM_EDDSA", MechanismType::EDDSA), None),
            _ => {
                return Err(Pkcs11Error::Mechanism { token: token.name(), scheme, needed: Vec::new() });
            }
        };
        let has = |kind: MechanismType| there.contains(&kind);
        let found = Self { plain: has(plain.1), hashing: hashing.is_some_and(|(_, kind)| has(kind)) };
        if found.plain || found.hashing {
            return Ok(found);
        }
        let needed = [Some(plain), hashing].into_iter().flatten().map(|(name, _)| name).collect();
        Err(Pkcs11Error::Mechanism { token: token.name(), scheme, needed })
    }
}

impl TokenKey {
    fn sign(&self, mechanism: &Mechanism<'_>, data: &[u8]) -> Result<Vec<u8>, SignError> {
        let device = |error: &dyn fmt::Display| SignError::Device { why: error.to_string() };
        let said = |error: &cryptoki::error::Error| SignError::Device { why: said(error) };
        let session = &self.connection.session;
        let pin = match &self.each_time {
            EachTime::Pin(pin) => Some(pin),
            EachTime::Keypad => None,
            EachTime::Nothing => {
                return session.sign(mechanism, self.handle, data).map_err(|error| said(&error));
            }
        };
        session.sign_init(mechanism, self.handle).map_err(|error| said(&error))?;
        self.connection.log_in_for_one(pin).map_err(|error| device(&error))?;
        session.sign_update(data).map_err(|error| said(&error))?;
        session.sign_final().map_err(|error| said(&error))
    }
}

fn hashing(scheme: Scheme) -> Result<Mechanism<'static>, SignError> {
    match scheme {
        Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha256 | Scheme::EcdsaP521Sha256 => {
            Ok(Mechanism::EcdsaSha256)
        }
        Scheme::EcdsaP384Sha384 => Ok(Mechanism::EcdsaSha384),
        Scheme::EcdsaP521Sha512 => Ok(Mechanism::EcdsaSha512),
        Scheme::RsaPkcs1Sha256 => Ok(Mechanism::Sha256RsaPkcs),
        _ => Err(SignError::NeedsMessage),
    }
}

fn too_large() -> SignError {
    SignError::Device {
        why: format!(
            "Ed25519 takes a message whole, and a token is given at most {MESSAGE_BYTES} bytes: sign it with a P-256 key"
        ),
    }
}
