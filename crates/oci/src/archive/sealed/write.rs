//! Writes a sealed archive: one entry after the other, from wherever its bytes stand.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use waxseal_core::limits::{ARCHIVE_ENTRIES, PACK_PART_LEAST_BYTES};

use super::output::{Output, Place, Source};
use super::{BLOCK, Content, Entry, File};
use crate::blob::BlobStream;
use crate::error::{Error, ErrorKind};
use crate::layout::contents::{Pieces, blocking};
use crate::transfer::{Progress, Silent};

/// Pieces that are received ahead of the writing.
const PIECES_AHEAD: usize = 4;
/// How often a blob is fetched before the writing gives up, where connections break.
const ATTEMPTS: usize = 3;

/// How a sealed archive is written.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Whether each entry is packed with zstd.
    pub compress: bool,
    /// Bytes after which a new part begins; at least [`PACK_PART_LEAST_BYTES`].
    pub split: Option<u64>,
    /// Hears how far it is.
    pub progress: Arc<dyn Progress>,
}

impl Default for Options {
    fn default() -> Self {
        Self { compress: false, split: None, progress: Arc::new(Silent) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("compress", &self.compress)
            .field("split", &self.split)
            .finish_non_exhaustive()
    }
}

impl Options {
    pub(super) fn place(&self, target: &Path) -> Result<Place, Error> {
        if let Some(split) = self.split.filter(|split| *split < PACK_PART_LEAST_BYTES) {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("parts of {split} bytes: the least is {PACK_PART_LEAST_BYTES}"),
            ));
        }
        Ok(Place { target: target.to_owned(), split: self.split, compress: self.compress })
    }
}

/// What was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written {
    /// The archive; of one that was split, the parts in order, then the list of parts and the one for `sha256sum`.
    pub files: Vec<PathBuf>,
    /// Bytes of the archive as it is stored, in all parts.
    pub stored: u64,
    /// Bytes of entries that an earlier run had written.
    pub kept: u64,
}

/// Writes the files, in this order, as a sealed archive at `target`. Until it is whole it stands under names that end in
/// `.partial`; what stands there of a run that broke off is hashed, and kept as far as it is the same.
pub async fn write(target: &Path, files: Vec<File>, options: &Options) -> Result<Written, Error> {
    // Readers count headers: a long name or a large file takes two. The end is an entry of a kind.
    let headers = files.iter().fold(1_usize, |sum, File { entry, .. }| {
        sum.saturating_add(if entry.header().len() > BLOCK { 2 } else { 1 })
    });
    if headers > ARCHIVE_ENTRIES {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "an archive of {headers} entries, extended headers included: the limit is {ARCHIVE_ENTRIES}"
            ),
        ));
    }
    let place = options.place(target)?;
    options.progress.add(files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.entry.size)));
    let entries: Vec<Entry> = files.iter().map(|file| file.entry.clone()).collect();
    let progress = Arc::clone(&options.progress);
    let (mut output, there, kept) =
        blocking(move || Output::begin(place, &entries, progress.as_ref())).await?;
    for file in files.into_iter().skip(there) {
        let mut attempt = 1;
        loop {
            let (written, outcome) = put(output, file.clone(), &options.progress).await?;
            output = written;
            match outcome {
                Ok(()) => break,
                Err(error) if attempt < ATTEMPTS && broke(&error) => attempt = attempt.saturating_add(1),
                Err(error) => return Err(error),
            }
        }
    }
    let written = blocking(move || output.finish()).await?;
    Ok(Written { kept, ..written })
}

/// Writes one entry, on a thread that may block; the output comes back whatever became of it.
async fn put(
    mut output: Output,
    file: File,
    progress: &Arc<dyn Progress>,
) -> Result<(Output, Result<(), Error>), Error> {
    let File { entry, content } = file;
    let (from, descriptor) = match content {
        Content::Bytes(bytes) => {
            progress.advance(entry.size);
            return blocking(move || {
                let outcome = output.entry(&entry, Source::Bytes(&bytes));
                Ok((output, outcome))
            })
            .await;
        }
        Content::Blob { from, descriptor } => (from, descriptor),
    };
    let mut blob: BlobStream = match from.blob_stream(&descriptor).await {
        Ok(blob) => blob,
        Err(error) => return Ok((output, Err(error))),
    };
    let (pieces, received) = mpsc::channel(PIECES_AHEAD);
    let mut received = Pieces::received(received, descriptor.digest.to_string());
    let written = blocking(move || {
        let outcome = output.entry(&entry, Source::Pieces(&mut received));
        Ok((output, outcome))
    });
    // The channel closes with the end of the sending, so that a writer does not wait for what never comes.
    let send = async move {
        let mut sent = 0_u64;
        while let Some(piece) = blob.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return (sent, Err(error)),
            };
            let count = piece.len() as u64;
            // A writer that is gone says itself why.
            if pieces.send(Some(piece)).await.is_err() {
                return (sent, Ok(()));
            }
            sent = sent.saturating_add(count);
            progress.advance(count);
        }
        let _ = pieces.send(None).await;
        (sent, Ok(()))
    };
    let ((sent, outcome), written) = futures_util::future::join(send, written).await;
    let (output, stored) = written?;
    let outcome: Result<(), Error> = outcome.and(stored);
    if outcome.is_err() {
        progress.retreat(sent);
    }
    Ok((output, outcome))
}

/// Whether another attempt may do better.
fn broke(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::ServerTrouble)
}
