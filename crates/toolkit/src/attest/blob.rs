//! Attesting blobs: a statement about a file, signed, as an envelope and as a bundle.

use waxseal_core::signing::{AttestationRequest, SignedAttestation, StatementAbout};
use waxseal_core::{Digest, Format, PredicateType, Signer};

use super::{Claim, unsignable};
use crate::blob::{self, BlobSource};
use crate::error::Error;

/// What a statement about a blob is about.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlobAbout {
    /// A blob, which is read in pieces, and its name.
    Blob(BlobSource, String),
    /// A blob of which only the SHA-256 digest is at hand, and its name; whoever names the digest vouches for it.
    Digest(Digest, String),
    /// Whatever the statement that is brought says.
    Statement,
}

/// What was made about a blob.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestedBlob {
    /// The digest of the blob, where it was named.
    pub digest: Option<Digest>,
    /// The predicate type.
    pub predicate_type: PredicateType,
    /// The statement in the envelope, without its signature.
    pub statement: Option<Vec<u8>>,
    /// The envelope and the bundle, as far as they were asked for. Their signatures were verified.
    pub signed: SignedAttestation,
}

/// Attests a blob. A statement that is brought has to be about it, if it is named.
pub fn attest_blob(
    about: BlobAbout,
    claim: &Claim,
    signer: &dyn Signer,
    formats: &[Format],
) -> Result<AttestedBlob, Error> {
    let subject = match about {
        BlobAbout::Blob(source, name) => Some((blob::digest(source)?, name)),
        BlobAbout::Digest(digest, name) => Some((digest, name)),
        BlobAbout::Statement => None,
    };
    let digest = subject.as_ref().map(|(digest, _)| *digest);
    let request = match claim {
        Claim::Predicate(predicate) => {
            let about: Vec<_> =
                subject.into_iter().map(|(digest, name)| StatementAbout::new(digest, Some(name))).collect();
            AttestationRequest::new(&about, predicate, formats)
        }
        Claim::Statement(bytes) => AttestationRequest::of_statement(digest.as_ref(), bytes, formats),
    }
    .map_err(|error| unsignable("the blob", &error))?;
    let predicate_type = request.predicate_type().clone();
    let statement =
        request.statements().find(|(format, _)| *format == Format::Legacy).map(|(_, bytes)| bytes.to_vec());
    let signed = request.sign(signer).map_err(|error| unsignable("the blob", &error))?;
    Ok(AttestedBlob { digest, predicate_type, statement, signed })
}
