//! What a run left that broke off, for who would write the same again.

use std::path::Path;

use bytes::Bytes;

use super::write::Options;
use crate::archive::header::{self, BLOCK, Kind};
use crate::error::Error;
use crate::layout::contents::blocking;
use std::io::Read as _;

/// Entries at the beginning among which is looked.
const ENTRIES: usize = 8;

/// The bytes of an early entry of the archive that a run began at `target` and did not end; none if there is no such run,
/// or no such entry of at most `limit` bytes. They are compared with nothing.
pub async fn begun(target: &Path, options: &Options, path: &str, limit: u64) -> Result<Option<Bytes>, Error> {
    let (place, path) = (options.place(target)?, path.to_owned());
    blocking(move || {
        let Some((medium, length, _)) = place.readable()? else { return Ok(None) };
        let mut at = 0_u64;
        for _ in 0..ENTRIES {
            let mut block = [0; BLOCK];
            if medium.slice(at, BLOCK as u64).read_exact(&mut block).is_err() {
                return Ok(None);
            }
            let Ok(header) = header::read(&block) else { return Ok(None) };
            let start = at.saturating_add(BLOCK as u64);
            let end = start.saturating_add(header.size);
            if header.kind != Kind::File || end > length {
                return Ok(None);
            }
            if header.name == path.as_bytes() {
                let mut bytes = Vec::new();
                let whole = header.size <= limit
                    && medium.slice(start, header.size).read_to_end(&mut bytes).is_ok()
                    && bytes.len() as u64 == header.size;
                return Ok(whole.then(|| Bytes::from(bytes)));
            }
            at = end.saturating_add(header::padding(header.size) as u64);
        }
        Ok(None)
    })
    .await
}
