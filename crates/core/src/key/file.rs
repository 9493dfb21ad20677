//! Files of private keys: which form one has, and how it is opened.
//!
//! [`KeyFile::parse`] needs no password and judges everything that can be judged without one, so that a hostile file
//! is refused before a person is asked for a password and before memory or time is spent on it (T-36).

use core::fmt;

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Header, SliceReader};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2::{Kdf, PBES2_OID};
use pkcs8::pkcs5::{EncryptionScheme, Error as Pkcs5Error};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::cosign::{self, SealedKey};
use super::ec::Curve;
use super::private::read_parameters;
use super::{KeyError, Password, PrivateKey, pem};
use crate::limits::{KDF_MEMORY_BYTES, PBKDF2_ROUNDS};

/// The file of one private key, parsed but not opened.
///
/// Read are cosign's encrypted keys (both labels), PKCS#8 with and without encryption, `EC PRIVATE KEY` (SEC 1, with
/// an `EC PARAMETERS` block before it) and `RSA PRIVATE KEY` (PKCS#1).
pub struct KeyFile {
    form: Form,
}

enum Form {
    Cosign(SealedKey),
    EncryptedPkcs8(Vec<u8>),
    Pkcs8(Zeroizing<Vec<u8>>),
    Sec1 { der: Zeroizing<Vec<u8>>, outer: Option<Curve> },
    Pkcs1(Zeroizing<Vec<u8>>),
}

impl KeyFile {
    /// Parses a file of at most [`KEY_FILE_BYTES`](crate::limits::KEY_FILE_BYTES) and judges the costs of its
    /// encryption.
    pub fn parse(file: &[u8]) -> Result<Self, KeyError> {
        let mut blocks = pem::blocks(file)?;
        let outer = match blocks.as_slice() {
            [parameters, key] if parameters.label == "EC PARAMETERS" && key.label == "EC PRIVATE KEY" => {
                Some(read_parameters(&parameters.der)?)
            }
            [_] => None,
            several => return Err(KeyError::SeveralBlocks { found: several.len() }),
        };
        let block = blocks.pop().ok_or(KeyError::NoPem)?;
        if block.legacy {
            return Err(KeyError::LegacyEncryption);
        }
        let form = match block.label.as_str() {
            cosign::LABEL | cosign::OLD_LABEL => Form::Cosign(SealedKey::parse(&block.der)?),
            "ENCRYPTED PRIVATE KEY" => {
                judge_encryption(&read_encrypted(&block.der)?.encryption_algorithm)?;
                Form::EncryptedPkcs8(block.der.to_vec())
            }
            "PRIVATE KEY" => Form::Pkcs8(block.der),
            "EC PRIVATE KEY" => Form::Sec1 { der: block.der, outer },
            "RSA PRIVATE KEY" => Form::Pkcs1(block.der),
            label if label.ends_with("PUBLIC KEY") => return Err(KeyError::PublicKeyGiven),
            label if label.ends_with("CERTIFICATE") => return Err(KeyError::CertificateGiven),
            label => {
                return Err(KeyError::UnexpectedLabel { expected: "a private key", found: label.to_owned() });
            }
        };
        Ok(Self { form })
    }

    /// Whether [`open`](Self::open) needs a password.
    pub const fn is_encrypted(&self) -> bool {
        matches!(self.form, Form::Cosign(_) | Form::EncryptedPkcs8(_))
    }

    /// Opens the file. A password is ignored where none is needed; the empty one is a password like any other. A wrong
    /// password and a damaged file are one error.
    pub fn open(&self, password: Option<&Password>) -> Result<PrivateKey, KeyError> {
        match &self.form {
            Form::Pkcs8(der) => PrivateKey::from_pkcs8(der),
            Form::Sec1 { der, outer } => PrivateKey::from_sec1(der, *outer),
            Form::Pkcs1(der) => PrivateKey::from_pkcs1(der),
            Form::Cosign(sealed) => {
                PrivateKey::from_pkcs8(&sealed.open(password.ok_or(KeyError::PasswordNeeded)?)?)
            }
            Form::EncryptedPkcs8(der) => {
                let der = decrypt(der, password.ok_or(KeyError::PasswordNeeded)?)?;
                PrivateKey::from_pkcs8(&der).map_err(|error| match error {
                    // CBC has no check of its own: one wrong password in some hundred decrypts to noise.
                    KeyError::Malformed { .. } => KeyError::WrongPassword,
                    other => other,
                })
            }
        }
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("encrypted", &self.is_encrypted()).finish_non_exhaustive()
    }
}

fn read_encrypted(der: &[u8]) -> Result<EncryptedPrivateKeyInfoRef<'_>, KeyError> {
    EncryptedPrivateKeyInfoRef::from_der(der).map_err(|error| match (error.kind(), outer_scheme(der)) {
        (_, Some(oid)) if oid != PBES2_OID => before_pbes2(),
        (der::ErrorKind::OidUnknown { oid }, _) => unsupported(&oid.to_string()),
        _ => KeyError::Malformed { expected: "encrypted private key (PKCS#8)" },
    })
}

/// The encryption that a structure names, also if it is one that is not read.
fn outer_scheme(der: &[u8]) -> Option<ObjectIdentifier> {
    let mut reader = SliceReader::new(der).ok()?;
    Header::decode(&mut reader).ok()?;
    AlgorithmIdentifierRef::decode(&mut reader).ok().map(|algorithm| algorithm.oid)
}

fn judge_encryption(scheme: &EncryptionScheme) -> Result<(), KeyError> {
    let EncryptionScheme::Pbes2(parameters) = scheme else {
        return Err(before_pbes2());
    };
    match &parameters.kdf {
        Kdf::Scrypt(params) => {
            // The product bounds both memory (128 N r) and time (N r p).
            let work = [params.block_size, params.parallelization]
                .into_iter()
                .try_fold(params.cost_parameter.checked_mul(128), |work, factor| {
                    Some(work.and_then(|work| work.checked_mul(factor.into())))
                })
                .flatten();
            let in_range = work.is_some_and(|work| work > 0 && work <= KDF_MEMORY_BYTES);
            if in_range && params.cost_parameter.is_power_of_two() && params.cost_parameter > 1 {
                Ok(())
            } else {
                let (n, r, p) = (params.cost_parameter, params.block_size, params.parallelization);
                Err(KeyError::DerivationCost {
                    found: format!(
                        "scrypt N={n} r={r} p={p}, accepted is a power of two with 128*N*r*p up to {KDF_MEMORY_BYTES}"
                    ),
                })
            }
        }
        Kdf::Pbkdf2(params) if (1..=PBKDF2_ROUNDS).contains(&params.iteration_count) => Ok(()),
        Kdf::Pbkdf2(params) => Err(KeyError::DerivationCost {
            found: format!(
                "PBKDF2 with {} rounds, accepted are 1 to {PBKDF2_ROUNDS}",
                params.iteration_count
            ),
        }),
        _ => Err(unsupported("its key derivation")),
    }
}

fn decrypt(der: &[u8], password: &Password) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info = read_encrypted(der)?;
    info.encryption_algorithm
        .decrypt(password.as_bytes(), info.encrypted_data.as_bytes())
        .map(Zeroizing::new)
        .map_err(|error| match error {
            Pkcs5Error::UnsupportedAlgorithm { oid } | Pkcs5Error::AlgorithmParametersInvalid { oid } => {
                unsupported(&oid.to_string())
            }
            _ => KeyError::WrongPassword,
        })
}

fn before_pbes2() -> KeyError {
    unsupported("older than PBES2; convert the file with `openssl pkcs8 -topk8`")
}

fn unsupported(found: &str) -> KeyError {
    KeyError::UnsupportedEncryption { found: found.to_owned() }
}
