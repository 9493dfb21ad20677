//! The job of saving: an image with everything that hangs on it, as a layout directory.
//!
//! The directory is one that cosign loads and verifies too, and one that lists everything: the image under its tag and
//! with cosign's kind, what is attached by tag under that tag, referrers as the layout specification has them. This
//! module knows the directory; moving is the store's, and copying the job's that it is made of.

use std::path::{Path, PathBuf};

use waxseal_oci::transfer::Options;
use waxseal_oci::{Client, LocalName, Location};

use crate::copy::{CopiedImage, Copying};
use crate::error::Error;
use crate::image::Finding;

/// A saving job.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Saving {
    /// As for a copy.
    pub options: Options,
}

impl Saving {
    /// Saves `from` in `directory`, which is made if it is not there; one that is neither a layout nor empty is an error
    /// of the store's kind `InvalidLayout`. The image is listed last: a run that broke off lists none, and the next one
    /// goes on where it was. Other images of the layout stay.
    pub async fn save(
        &self,
        client: &Client,
        from: &Location,
        directory: &Path,
        finding: &Finding,
    ) -> Result<CopiedImage, Error> {
        let job = Copying { options: self.options.clone(), ..Copying::default() };
        job.copy(client, from, &layout(directory, LocalName::Only), finding).await
    }
}

/// The name of an image in a layout directory.
pub(crate) fn layout(directory: &Path, which: LocalName) -> Location {
    Location::Layout { path: PathBuf::from(directory), which }
}
