//! cosign's encrypted key file: JSON with scrypt and `nacl/secretbox` around a PKCS#8 structure.
//!
//! Only the three costs that cosign ever wrote are accepted, and every name and length is checked when the file is
//! parsed, before a password is asked for and before memory is taken for it (T-36).

use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use rand_core::TryCryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyError, Password};
use crate::encoding::{base64_decode, base64_encode};
use crate::json;

/// The label that is written.
pub(super) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// The label of older versions.
pub(super) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
/// The binary logarithms of the accepted N; r is 8 and p is 1.
const COSTS: [(u64, u8); 3] = [(32_768, 15), (65_536, 16), (131_072, 17)];
const WRITTEN: (u64, u8) = (65_536, 16);
const R_COST: u32 = 8;
const P_COST: u32 = 1;

/// An encrypted key whose parameters were judged.
pub(super) struct SealedKey {
    log_n: u8,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

impl SealedKey {
    /// Reads the JSON inside the PEM block.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed { expected: "encrypted key (cosign's JSON)" };
        let wire: Wire = json::parse(bytes, json::exact).map_err(|_| malformed.clone())?;
        if wire.kdf.name != KDF {
            return Err(unsupported("key derivation", &wire.kdf.name));
        }
        if wire.cipher.name != CIPHER {
            return Err(unsupported("cipher", &wire.cipher.name));
        }
        let Params { n, r, p } = wire.kdf.params;
        let cost = COSTS
            .iter()
            .find(|(accepted, _)| *accepted == n && (r, p) == (u64::from(R_COST), u64::from(P_COST)));
        let Some((_, log_n)) = cost else {
            return Err(KeyError::DerivationCost {
                found: format!(
                    "scrypt N={n} r={r} p={p}, accepted are N=32768, 65536 or 131072 with r=8 p=1"
                ),
            });
        };
        let decode = |text: &str| base64_decode(text).map_err(|_| malformed.clone());
        let salt = decode(&wire.kdf.salt)?.try_into().map_err(|_| malformed.clone())?;
        let nonce = decode(&wire.cipher.nonce)?.try_into().map_err(|_| malformed.clone())?;
        Ok(Self { log_n: *log_n, salt, nonce, ciphertext: decode(&wire.ciphertext)? })
    }

    /// Decrypts the PKCS#8 structure.
    pub(super) fn open(&self, password: &Password) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let key = derive(password, &self.salt, self.log_n)?;
        XSalsa20Poly1305::new(key.as_ref().into())
            .decrypt(Nonce::from_slice(&self.nonce), self.ciphertext.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| KeyError::WrongPassword)
    }
}

/// Encrypts a PKCS#8 structure and returns the JSON, members in cosign's order.
pub(super) fn seal<R: TryCryptoRng + ?Sized>(
    pkcs8: &[u8],
    password: &Password,
    rng: &mut R,
) -> Result<Vec<u8>, KeyError> {
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    rng.try_fill_bytes(&mut salt).map_err(|_| KeyError::Randomness)?;
    rng.try_fill_bytes(&mut nonce).map_err(|_| KeyError::Randomness)?;
    let (n, log_n) = WRITTEN;
    let key = derive(password, &salt, log_n)?;
    let ciphertext = XSalsa20Poly1305::new(key.as_ref().into())
        .encrypt(Nonce::from_slice(&nonce), pkcs8)
        .map_err(|_| KeyError::Computation { what: "the encryption of a key file" })?;
    let wire = Wire {
        kdf: WireKdf {
            name: KDF.to_owned(),
            params: Params { n, r: R_COST.into(), p: P_COST.into() },
            salt: base64_encode(salt),
        },
        cipher: WireCipher { name: CIPHER.to_owned(), nonce: base64_encode(nonce) },
        ciphertext: base64_encode(ciphertext),
    };
    serde_json::to_vec(&wire).map_err(|_| KeyError::Computation { what: "the encoding of a key file" })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    kdf: WireKdf,
    cipher: WireCipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireCipher {
    name: String,
    nonce: String,
}

fn derive(password: &Password, salt: &[u8], log_n: u8) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
    let failed = KeyError::Computation { what: "scrypt" };
    let params = scrypt::Params::new(log_n, R_COST, P_COST).map_err(|_| failed.clone())?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    scrypt::scrypt(password.as_bytes(), salt, &params, key.as_mut_slice()).map_err(|_| failed)?;
    Ok(key)
}

fn unsupported(what: &str, name: &str) -> KeyError {
    let shown: String = name.chars().take(32).collect();
    KeyError::UnsupportedEncryption { found: format!("{what} {shown:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7914, section 12, third vector.
    #[test]
    fn scrypt_computes_the_known_answer() {
        let params = scrypt::Params::new(14, 8, 1).unwrap();
        let mut key = [0; 64];
        scrypt::scrypt(b"pleaseletmein", b"SodiumChloride", &params, &mut key).unwrap();
        assert_eq!(
            base64_encode(key),
            "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw=="
        );
    }

    #[test]
    fn each_accepted_cost_is_a_power_of_two() {
        for (n, log_n) in COSTS {
            assert_eq!(n, 1 << log_n);
        }
        assert!(COSTS.contains(&WRITTEN));
    }
}
