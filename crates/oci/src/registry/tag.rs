//! Changing what a tag names when others may do so at the same time (rule G1).
//!
//! The protocol has no transaction. What was written is read back, and where somebody else's write has replaced
//! it, everything is done again on top of theirs. A registry that gives an entity tag is asked to refuse a write
//! over a change (`If-Match`); most ignore that.

use bytes::Bytes;
use tokio::time::sleep;
use waxseal_core::Digest;
use waxseal_core::limits::MANIFEST_BYTES;
use waxseal_core::reference::Tag;

use super::auth::Access;
use super::{Registry, retry};
use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Which};

/// How often a lost change is made again.
const ROUNDS: u32 = 8;

/// What a tag is to name next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TagChange {
    /// What it names now: nothing is written.
    Keep,
    /// This manifest.
    Write {
        /// The bytes.
        bytes: Bytes,
        /// Their media type.
        media_type: String,
    },
}

/// Whether the caller has just read the tag.
#[derive(Debug, Default)]
pub(crate) enum Known {
    /// It has not.
    #[default]
    Unread,
    /// It has, and this is what the tag named.
    Read(Box<Option<Fetched>>),
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagUpdate {
    /// What the tag names now; none if it names nothing, as before.
    pub digest: Option<Digest>,
    /// Whether something was written.
    pub written: bool,
}

impl Registry {
    /// Changes what a tag names: reads it, lets `change` say what comes next, writes that, and reads it back.
    /// `holds` says whether what is read back still has what was to be written; where it has not, everything is
    /// done again, and after some rounds the error is `LostUpdate`. `change` may itself use the registry, and may
    /// be called more than once.
    pub async fn update_tag<F, R>(
        &self,
        tag: &Tag,
        change: F,
        holds: impl Fn(&Fetched) -> bool,
    ) -> Result<TagUpdate, Error>
    where
        F: FnMut(Option<Fetched>) -> R,
        R: Future<Output = Result<TagChange, Error>>,
    {
        self.update_tag_within(tag, MANIFEST_BYTES, Known::Unread, change, holds).await
    }

    /// The same for a caller that has just read the tag: `known` is what it named then, with the entity tag that the
    /// registry gave. It is read again only after a change was lost.
    pub async fn update_tag_from<F, R>(
        &self,
        tag: &Tag,
        known: Option<Fetched>,
        change: F,
        holds: impl Fn(&Fetched) -> bool,
    ) -> Result<TagUpdate, Error>
    where
        F: FnMut(Option<Fetched>) -> R,
        R: Future<Output = Result<TagChange, Error>>,
    {
        self.update_tag_within(tag, MANIFEST_BYTES, Known::Read(Box::new(known)), change, holds).await
    }

    pub(super) async fn update_tag_within<F, R>(
        &self,
        tag: &Tag,
        limit: u64,
        mut known: Known,
        mut change: F,
        holds: impl Fn(&Fetched) -> bool,
    ) -> Result<TagUpdate, Error>
    where
        F: FnMut(Option<Fetched>) -> R,
        R: Future<Output = Result<TagChange, Error>>,
    {
        let which = Which::Tag(tag.clone());
        for round in 0..ROUNDS {
            let fetched = match core::mem::take(&mut known) {
                Known::Read(known) => *known,
                Known::Unread => self.try_manifest(&which, limit, Access::Push).await?,
            };
            let etag = fetched.as_ref().and_then(|fetched| fetched.etag.clone());
            let digest = fetched.as_ref().map(|fetched| fetched.descriptor.digest);
            let TagChange::Write { bytes, media_type } = change(fetched).await? else {
                return Ok(TagUpdate { digest, written: false });
            };
            if bytes.len() as u64 > limit {
                // Nobody would read it back, and everything that stood there would be lost with it.
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "{} would have {} bytes: at most {limit} are written",
                        self.shown(&which),
                        bytes.len()
                    ),
                ));
            }
            match self.write_manifest(bytes, &media_type, &which, etag, self.deadline()).await {
                Ok(_) => {
                    let read_back = self.try_manifest(&which, limit, Access::Push).await?;
                    if let Some(read) = read_back.filter(&holds) {
                        let digest = Some(read.descriptor.digest);
                        return Ok(TagUpdate { digest, written: true });
                    }
                }
                Err(error) if error.kind() == ErrorKind::LostUpdate => {}
                Err(error) => return Err(error),
            }
            sleep(retry::pause(&self.shared().options.retries, round, None)).await;
        }
        Err(Error::new(
            ErrorKind::LostUpdate,
            format!("{}: others changed it each of {ROUNDS} times that it was written", self.shown(&which)),
        ))
    }
}
