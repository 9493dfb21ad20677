//! The job of loading: the image of a layout directory, with everything that hangs on it, into a registry.
//!
//! The directory is one that waxseal or `cosign save` wrote. cosign lists neither referrers nor what is attached to the
//! images of an index; what is there is found all the same. This module knows the directory; moving is the store's.

use std::path::Path;

use waxseal_oci::transfer::Options;
use waxseal_oci::{Client, LocalName, Location};

use crate::copy::{CopiedImage, Copying};
use crate::error::Error;
use crate::image::Finding;
use crate::save::layout;

/// A loading job.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Loading {
    /// As for a copy.
    pub options: Options,
}

impl Loading {
    /// Loads the only image of `directory` to `to`; where `to` has a digest, the image of that digest. Of several images
    /// none is chosen: that is an error of the store's kind `InvalidName`.
    ///
    /// Evidence is read in the directory, wherever `finding` says that it stands otherwise, and written to where that
    /// says (rule L7).
    pub async fn load(
        &self,
        client: &Client,
        directory: &Path,
        to: &Location,
        finding: &Finding,
    ) -> Result<CopiedImage, Error> {
        let which = to.digest().map_or(LocalName::Only, |digest| LocalName::Digest(*digest));
        let job = Copying { options: self.options.clone(), evidence_in_source: true, ..Copying::default() };
        job.copy(client, &layout(directory, which), to, finding).await
    }
}
