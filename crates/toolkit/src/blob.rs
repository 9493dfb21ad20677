//! The jobs of signing and verifying blobs: files, or what comes in on a pipe.
//!
//! A blob is read in pieces and never held in memory, whatever its size. The one exception is a pure Ed25519
//! signature over what comes in on a pipe and cannot be read again: that is held, up to 64 MiB (rule G6).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal_core::blob_guard::BlobGuard;
use waxseal_core::bundle::{Bundle, MessageDigest};
use waxseal_core::digest::{Algorithm, Hasher};
use waxseal_core::key::{HashAlgorithm, Prehasher};
use waxseal_core::policy::Requirement;
use waxseal_core::verify::{BlobSignature, attestation_file};
use waxseal_core::{Digest, Policy, Scheme, Signature, Signer, Verdict, Verifier};

use crate::error::{Error, ErrorKind};

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;
/// Largest blob on a pipe that pure Ed25519 signs, in bytes (rule G6).
pub const PIPED_BYTES: u64 = 64 << 20;
/// Largest signature file, in bytes: a bundle has at most this.
const SIGNATURE_FILE_BYTES: u64 = waxseal_core::limits::BUNDLE_BYTES;

/// A blob.
#[non_exhaustive]
pub enum BlobSource {
    /// A file, which can be read again.
    File(PathBuf),
    /// What comes in on a pipe, once.
    Pipe(Box<dyn Read>),
}

impl core::fmt::Debug for BlobSource {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Pipe(_) => f.write_str("Pipe"),
        }
    }
}

/// A blob's signature, verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedBlob {
    /// The SHA-256 digest of the blob.
    pub digest: Digest,
    /// The signature.
    pub signature: Signature,
    /// The same in a bundle.
    pub bundle: String,
}

/// Signs a blob. Bytes that could pass for what an image signature is over are refused (rule G2).
pub fn sign_blob(source: BlobSource, signer: &dyn Signer) -> Result<SignedBlob, Error> {
    let scheme = signer.scheme();
    let mut guard = BlobGuard::new();
    let mut hashes = Prehasher::for_schemes(&[Scheme::EcdsaP256Sha256, scheme]);
    let mut held = Vec::new();
    let pure_pipe = scheme.hash().is_none() && matches!(source, BlobSource::Pipe(_));
    let mut file = None;
    let mut reader: Box<dyn Read> = match source {
        BlobSource::File(path) => {
            let reader = open(&path)?;
            file = Some(path);
            Box::new(reader)
        }
        BlobSource::Pipe(reader) => reader,
    };
    pieces(&mut reader, |piece| {
        guard.update(piece);
        hashes.update(piece);
        if pure_pipe {
            if (held.len() as u64).saturating_add(piece.len() as u64) > PIPED_BYTES {
                return Err(Error::new(
                    ErrorKind::BlobTooLarge,
                    format!(
                        "pure Ed25519 reads a blob twice, and what comes in on a pipe is held up to {PIPED_BYTES} \
                         bytes: name a file, or use --signing-algorithm ed25519-ph"
                    ),
                ));
            }
            held.extend_from_slice(piece);
        }
        Ok(())
    })?;
    if guard.could_be_an_image_signature() {
        return Err(Error::new(
            ErrorKind::AmbiguousBlob,
            "the blob is what an image signature would be over (it begins with \"DSSEv1 \", or is a JSON object with \
             a member \"critical\"): its signature could pass for an image's",
        ));
    }
    let hashes = hashes.finish();
    let signature = match (scheme.hash(), &file) {
        (Some(_), _) => signer.sign_prehashed(&hashes),
        (None, None) => signer.sign(&held),
        (None, Some(path)) => signer.sign_rereadable(&|each| {
            let mut reader = open(path).map_err(|error| error.to_string())?;
            pieces(&mut reader, |piece| {
                each(piece);
                Ok(())
            })
            .map_err(|error| error.to_string())
        }),
    }
    .map_err(|error| Error::new(ErrorKind::Key, format!("signing failed: {error}")))?;
    // The digest identifies the blob, whatever the signature is over. sigstore-go takes no bundle without one.
    let hash = scheme.hash().unwrap_or(HashAlgorithm::Sha256);
    let named = hashes.get(hash).and_then(|digest| {
        let name = match hash {
            HashAlgorithm::Sha256 => MessageDigest::Sha256,
            HashAlgorithm::Sha384 => MessageDigest::Sha384,
            HashAlgorithm::Sha512 => MessageDigest::Sha512,
            _ => return None,
        };
        Some((name, digest))
    });
    let bundle = Bundle::write_message(&signer.public_key().id(), signature.as_bytes(), named);
    let digest = hashes
        .digest()
        .ok_or_else(|| Error::new(ErrorKind::Key, "the digest of the blob was not computed"))?;
    Ok(SignedBlob { digest, signature, bundle })
}

/// The SHA-256 digest of a blob.
pub fn digest(source: BlobSource) -> Result<Digest, Error> {
    let [digest] = digests(source, [Algorithm::Sha256])?;
    Ok(digest)
}

/// The digests of a blob, which is read once.
fn digests<const N: usize>(source: BlobSource, algorithms: [Algorithm; N]) -> Result<[Digest; N], Error> {
    let mut hashers = algorithms.map(Hasher::new);
    let mut reader: Box<dyn Read> = match source {
        BlobSource::File(path) => Box::new(open(&path)?),
        BlobSource::Pipe(reader) => reader,
    };
    pieces(&mut reader, |piece| {
        for hasher in &mut hashers {
            hasher.update(piece);
        }
        Ok(())
    })?;
    Ok(hashers.map(Hasher::finish))
}

/// What an attestation is to be about.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlobSubject {
    /// A blob, which is read in pieces: its SHA-256 names it, its SHA-512 counts too.
    Blob(BlobSource),
    /// A blob of which only the digest is at hand; whoever names it vouches for it.
    Digest(Digest),
}

/// Verifies a blob by the attestations that files hold: bundles, envelopes in JSON or base64, older bundles. `name` is for
/// output.
pub fn verify_blob_attestation(
    subject: BlobSubject,
    name: &str,
    files: &[Vec<u8>],
    policy: &Policy,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Verdict<Digest>, Error> {
    let (digest, also) = match subject {
        BlobSubject::Blob(source) => {
            let [sha256, sha512] = digests(source, [Algorithm::Sha256, Algorithm::Sha512])?;
            (sha256, Some(sha512))
        }
        BlobSubject::Digest(digest) => (digest, None),
    };
    let attestations = files.iter().map(|file| attestation_file(file, digest));
    Ok(verifier.blob_attestation(name, digest, also.as_slice(), attestations, policy, now))
}

/// Verifies a blob by the signature that a file holds: a bundle, base64 or raw. `name` is for output.
pub fn verify_blob(
    source: BlobSource,
    name: &str,
    signature: &[u8],
    policy: &Policy,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Verdict<Digest>, Error> {
    let mut blob = verifier.blob(name, BlobSignature::parse(signature), policy, now);
    let mut reader: Box<dyn Read> = match source {
        BlobSource::File(path) => Box::new(open(&path)?),
        BlobSource::Pipe(reader) => reader,
    };
    pieces(&mut reader, |piece| {
        blob.update(piece);
        Ok(())
    })?;
    Ok(blob.finish())
}

/// Verifies a blob of which only the digest is at hand; whoever names the digest vouches for it. A digest that no
/// signature by a trusted key could be over is an error: Ed25519 signs the bytes, and P-256 never a SHA-512.
pub fn verify_blob_digest(
    digest: Digest,
    signature: &[u8],
    policy: &Policy,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Verdict<Digest>, Error> {
    let hash = match digest.algorithm() {
        Algorithm::Sha256 => HashAlgorithm::Sha256,
        Algorithm::Sha512 => HashAlgorithm::Sha512,
        other => {
            return Err(Error::new(ErrorKind::Usage, format!("nothing is signed over a digest by {other}")));
        }
    };
    for key in policy.requirements().iter().flat_map(|requirement| match requirement {
        Requirement::Signature(wanted) => wanted.keys(),
        _ => &[],
    }) {
        let schemes = Scheme::accepted_for(key.key().algorithm());
        // ph is over a hash, but not one that anybody else may have computed.
        if !schemes.iter().any(|scheme| scheme.hash() == Some(hash) && *scheme != Scheme::Ed25519ph) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "a signature by the {} key {} cannot be verified with a {hash} digest: name the file itself",
                    key.key().algorithm(),
                    key.name()
                ),
            ));
        }
    }
    Ok(verifier.blob_digest(digest.to_string(), &BlobSignature::parse(signature), policy, digest, now))
}

/// Reads a file that holds a signature, of at most the size of a bundle.
pub fn read_signature(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    open(path)?
        .take(SIGNATURE_FILE_BYTES.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path).caused_by(error))?;
    Ok(bytes)
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| unreadable(path).caused_by(error))
}

fn unreadable(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("{} cannot be read", path.display()))
}

fn pieces(reader: &mut dyn Read, mut each: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    let mut buffer = vec![0; PIECE];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => each(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Error::new(ErrorKind::Io, "the blob cannot be read to its end").caused_by(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};
    use waxseal_core::key::{KeyAlgorithm, LocalSigner, PrivateKey};

    use super::*;

    /// The message digest in the bundle that this scheme writes.
    fn named(key: KeyAlgorithm, scheme: Option<Scheme>) -> Value {
        let key = PrivateKey::generate(key, &mut getrandom::SysRng).unwrap();
        let mut signer = LocalSigner::new(key);
        if let Some(scheme) = scheme {
            signer = signer.with_scheme(scheme).unwrap();
        }
        let signed = sign_blob(BlobSource::Pipe(Box::new(&b"hello"[..])), &signer).unwrap();
        let bundle: Value = serde_json::from_str(&signed.bundle).unwrap();
        bundle["messageSignature"]["messageDigest"].clone()
    }

    #[test]
    fn every_bundle_names_a_digest_of_its_blob() {
        let cases = [
            (KeyAlgorithm::P256, None, "SHA2_256"),
            (KeyAlgorithm::P384, None, "SHA2_384"),
            (KeyAlgorithm::P384, Some(Scheme::EcdsaP384Sha256), "SHA2_256"),
            (KeyAlgorithm::P521, None, "SHA2_512"),
            (KeyAlgorithm::Ed25519, None, "SHA2_256"),
            (KeyAlgorithm::Ed25519, Some(Scheme::Ed25519ph), "SHA2_512"),
        ];
        for (key, scheme, expected) in cases {
            let named = named(key, scheme);
            assert_eq!(named["algorithm"], expected, "{key} {scheme:?}");
            if expected == "SHA2_256" {
                let digest = STANDARD.encode(Digest::of(b"hello").as_bytes());
                assert_eq!(named, json!({ "algorithm": expected, "digest": digest }), "{key} {scheme:?}");
            }
        }
    }
}
