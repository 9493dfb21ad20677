//! The jobs around a key that meets no network: ask for a signature, and attach what comes back.
//!
//! [`Requesting`] resolves an image and makes the request that travels to the key; [`AttachingResponse`] holds what comes
//! back against the request that was kept, with a key that the operator names, and writes it as `sign` and `attest` write
//! (rules G1, G3, G5). What happens between the two needs no toolkit: see `waxseal_core::signing::detached`.

mod attach;

use std::collections::BTreeMap;

use waxseal_core::signing::SigningRequest;
use waxseal_core::signing::detached::{DetachedError, DetachedRequest};
use waxseal_core::{Digest, Format, PinnedRef, Repository};

pub use attach::{AttachingResponse, Refusal, ResponseAttached, Returned, WrittenFormat};

use crate::attest::Claim;
use crate::beside::{formats_for, targets};
use crate::error::{Error, ErrorKind};
use crate::image::Image;

/// What a signature is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Wanted {
    /// An image's signature.
    Signature {
        /// Annotations to be signed.
        annotations: BTreeMap<String, String>,
        /// The name to be signed, if not the image's own.
        identity: Option<String>,
    },
    /// An attestation.
    Attestation(Claim),
}

/// The job that asks for a signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Requesting {
    /// What is asked for.
    pub wanted: Wanted,
    /// The formats that are going to be written: both, unless a person narrowed it.
    pub formats: Vec<Format>,
    /// The digest that the name must resolve to (rule G4).
    pub expect: Option<Digest>,
}

/// A request, and the image that it is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Requested {
    /// The image.
    pub image: PinnedRef,
    /// What is to be signed.
    pub request: DetachedRequest,
}

impl Requesting {
    /// Asks in both formats.
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, formats: vec![Format::Legacy, Format::Bundle], expect: None }
    }

    /// Makes the request for an image.
    pub async fn request(&self, mut image: Image) -> Result<Requested, Error> {
        let targets = targets(&mut image, self.expect.as_ref(), false).await?;
        let Some(target) = targets.into_iter().next() else {
            return Err(Error::new(ErrorKind::InvalidImage, format!("{} is no image", image.pinned())));
        };
        let pinned = &target.pinned;
        let formats = formats_for(pinned.digest(), &self.formats);
        let request = match &self.wanted {
            Wanted::Signature { annotations, identity } => {
                let own = || pinned.repository().map(Repository::docker_reference);
                let name = identity.clone().or_else(own);
                SigningRequest::image(*pinned.digest(), name, annotations.clone(), &formats)
                    .map(DetachedRequest::signature)
                    .map_err(|error| crate::sign::unsignable(pinned, &error))?
            }
            Wanted::Attestation(claim) => {
                DetachedRequest::attestation(crate::attest::request(&target, claim, &formats)?)
                    .map_err(|error| unrequested(pinned, error))?
            }
        };
        // What would be refused where it is signed is not sent there.
        DetachedRequest::parse(request.to_compact_json().as_bytes())
            .map_err(|error| unrequested(pinned, error))?;
        Ok(Requested { image: target.pinned, request })
    }
}

fn unrequested(pinned: &PinnedRef, error: DetachedError) -> Error {
    Error::new(ErrorKind::Usage, format!("{pinned}: no signature can be asked for")).caused_by(error)
}
