//! Pure Ed25519 over messages that do not fit in memory (rule G6).
//!
//! Pure Ed25519 has no hash to sign: verification takes the message once, piece by piece, and signing takes it
//! twice. A message that changes between the two readings would be signed with a nonce that belongs to another
//! message, which gives away the key, so both readings are compared before anything leaves.

use core::cell::RefCell;
use core::fmt;

use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign_byupdate};
use ed25519_dalek::{SignatureError, StreamVerifier, VerifyingKey};
use sha2::{Digest as _, Sha512};

use super::private::Secret;
use super::{LocalSigner, PublicKey, Scheme, SignError, Signature};
use crate::digest::{Algorithm, Hasher};

/// The strict verification of one pure Ed25519 signature, message piece by piece (rule S6).
pub struct Ed25519Stream {
    state: StreamVerifier,
}

impl Ed25519Stream {
    /// The next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// Whether the signature is the key's over all bytes added.
    #[must_use]
    pub fn verify(self) -> bool {
        self.state.finalize_and_verify().is_ok()
    }
}

impl fmt::Debug for Ed25519Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Stream").finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Begins to verify a pure Ed25519 signature; nothing for keys of another kind, and nothing for a signature that
    /// no message could have.
    pub fn ed25519_stream(&self, signature: &[u8]) -> Option<Ed25519Stream> {
        let key = VerifyingKey::from_bytes(self.ed25519_bytes()?).ok()?;
        let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
        // What `verify_strict` refuses and the stream does not look at: an R of small order.
        let nonce = VerifyingKey::from_bytes(signature.r_bytes()).ok()?;
        if nonce.is_weak() || key.is_weak() {
            return None;
        }
        Some(Ed25519Stream { state: key.verify_stream(&signature).ok()? })
    }
}

impl LocalSigner {
    /// Signs a message that can be read again: `read` hands out all of it, piece by piece, each time it is called.
    /// Pure Ed25519 reads it twice, and once more for the check; every other scheme reads it once.
    pub(super) fn sign_rereadable_with(&self, read: Reread<'_>) -> Result<Signature, SignError> {
        let (Scheme::Ed25519, Secret::Ed25519(secret)) =
            (super::Signer::scheme(self), self.private_key().secret())
        else {
            let mut hashes = super::Prehasher::for_schemes(&[super::Signer::scheme(self)]);
            read(&mut |bytes| hashes.update(bytes)).map_err(|why| SignError::Message { why })?;
            return super::Signer::sign_prehashed(self, &hashes.finish());
        };
        let expanded = ExpandedSecretKey::from(secret.as_bytes());
        let readings = RefCell::new(Vec::new());
        let trouble = RefCell::new(None);
        let signature = raw_sign_byupdate::<Sha512, _>(
            &expanded,
            |state| {
                let mut hasher = Hasher::new(Algorithm::Sha256);
                let result = read(&mut |bytes| {
                    state.update(bytes);
                    hasher.update(bytes);
                });
                readings.borrow_mut().push(hasher.finish());
                result.map_err(|why| {
                    trouble.replace(Some(why));
                    SignatureError::new()
                })
            },
            &secret.verifying_key(),
        );
        if let Some(why) = trouble.into_inner() {
            return Err(SignError::Message { why });
        }
        let signature = signature.map_err(|_| SignError::Computation)?;
        let readings = readings.into_inner();
        if readings.windows(2).any(|pair| pair.first() != pair.last()) {
            return Err(SignError::Message { why: "it changed between two readings".to_owned() });
        }
        let public = super::Signer::public_key(self);
        let mut check = public.ed25519_stream(&signature.to_bytes()).ok_or(SignError::SelfCheck)?;
        read(&mut |bytes| check.update(bytes)).map_err(|why| SignError::Message { why })?;
        if check.verify() {
            Ok(Signature::from_bytes(signature.to_bytes()))
        } else {
            Err(SignError::SelfCheck)
        }
    }
}

/// Hands out a whole message, piece by piece, each time it is called.
pub type Reread<'a> = &'a dyn Fn(&mut dyn FnMut(&[u8])) -> Result<(), String>;

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::key::{KeyFile, Password, Signer};

    fn signer() -> LocalSigner {
        let file = include_bytes!("../../../../testdata/cosign/keys/ed25519.plain.pem");
        LocalSigner::new(KeyFile::parse(file).unwrap().open(None::<&Password>).unwrap())
    }

    #[test]
    fn a_stream_gives_the_signature_of_the_whole() {
        let message = vec![7_u8; 100_000];
        let signature = signer()
            .sign_rereadable(&|each| {
                message.chunks(999).for_each(&mut *each);
                Ok(())
            })
            .unwrap();
        assert_eq!(signature, signer().sign(&message).unwrap());
        let verify = |signature: &[u8], message: &[u8]| {
            let mut stream = signer().public_key().ed25519_stream(signature)?;
            message.chunks(777).for_each(|bytes| stream.update(bytes));
            Some(stream.verify())
        };
        assert_eq!(verify(signature.as_bytes(), &message), Some(true));
        assert_eq!(verify(signature.as_bytes(), &message[1..]), Some(false));
        // A = R = identity: what is accepted by others, measured, is refused here.
        let mut weak = [0; 64];
        weak[0] = 1;
        assert_eq!(verify(&weak, &message), None);
        assert_eq!(verify(&signature.as_bytes()[..63], &message), None);
    }

    #[test]
    fn a_message_that_changes_between_two_readings_is_not_signed() {
        let count = Cell::new(0_u8);
        let result = signer().sign_rereadable(&|each| {
            count.set(count.get() + 1);
            each(&[count.get()]);
            Ok(())
        });
        assert!(matches!(result, Err(SignError::Message { .. })), "{result:?}");
        let result = signer().sign_rereadable(&|_| Err("gone".to_owned()));
        assert!(matches!(result, Err(SignError::Message { .. })), "{result:?}");
    }
}
