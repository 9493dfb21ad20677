//! The parts of an archive that was split, and the file that lists them.
//!
//! `NAME.part-0001` and so on are the bytes of the archive, cut; `NAME.parts.json` lists them with sizes and digests, and
//! `NAME.parts.sha256` says the same for `sha256sum -c`. `cat NAME.part-*` gives the archive back without this program.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waxseal_core::limits::{PACK_PARTS, PACK_PARTS_BYTES};
use waxseal_core::{Digest, json};

use super::super::medium::Medium;
use super::super::open_file;
use crate::error::{Error, ErrorKind};

/// The name and version of the list of parts.
pub const PARTS_SCHEMA: &str = "waxseal/pack-parts/v1";
/// How the name of the list of parts ends.
pub const PARTS_SUFFIX: &str = ".parts.json";
/// How the name of the list for `sha256sum` ends.
const SUMS_SUFFIX: &str = ".parts.sha256";

/// The list of parts, as it is written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    schema: String,
    /// Bytes of all parts.
    size: u64,
    parts: Vec<ListedPart>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListedPart {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

/// A part of an archive that was opened.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    /// Where it begins in the stored bytes.
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

/// A list of parts that was found.
#[derive(Debug)]
pub(super) struct Parts {
    listed: Listed,
    folder: PathBuf,
    shown: String,
}

impl Parts {
    /// The list that `path` names: itself, or the one of the archive of that name where only parts stand.
    pub(super) fn find(path: &Path) -> Result<Option<Self>, Error> {
        let is_list = path.as_os_str().as_encoded_bytes().ends_with(PARTS_SUFFIX.as_bytes());
        let list = if is_list { path.to_owned() } else { beside(path, PARTS_SUFFIX) };
        if !is_list && std::fs::symlink_metadata(path).is_ok() {
            return Ok(None);
        }
        let Some((file, _)) = open_file(&list)? else { return Ok(None) };
        let shown = list.display().to_string();
        let mut bytes = Vec::new();
        file.take(PACK_PARTS_BYTES.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| Error::new(ErrorKind::Io, format!("cannot read {shown}")).caused_by(error))?;
        if bytes.len() as u64 > PACK_PARTS_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("{shown} has more than {PACK_PARTS_BYTES} bytes"),
            ));
        }
        let listed: Listed = json::parse(&bytes, |_| true).map_err(|error| {
            Error::new(ErrorKind::InvalidLayout, format!("{shown} is no list of parts")).caused_by(error)
        })?;
        let folder = folder(path).to_owned();
        Self { listed, folder, shown }.checked().map(Some)
    }

    fn checked(self) -> Result<Self, Error> {
        let invalid =
            |why: String| Err(Error::new(ErrorKind::InvalidLayout, format!("{} {why}", self.shown)));
        if self.listed.schema != PARTS_SCHEMA {
            return invalid(format!("has the schema {:?}, expected {PARTS_SCHEMA}", self.listed.schema));
        }
        if self.listed.parts.is_empty() || self.listed.parts.len() > PACK_PARTS {
            return invalid(format!("lists {} parts, expected 1 to {PACK_PARTS}", self.listed.parts.len()));
        }
        let mut size = Some(0_u64);
        for part in &self.listed.parts {
            if !is_plain(&part.name) {
                return invalid(format!("lists {:?}, which is no plain file name", part.name));
            }
            size = size.and_then(|size| size.checked_add(part.size));
        }
        if size != Some(self.listed.size) {
            return invalid(format!("has parts of {size:?} bytes, expected {}", self.listed.size));
        }
        Ok(self)
    }

    /// Opens the parts: their bytes, how many there are, and where each part stands.
    pub(super) fn open(self) -> Result<(Medium, u64, Vec<Part>), Error> {
        let (mut files, mut parts, mut start) = (Vec::new(), Vec::new(), 0_u64);
        for ListedPart { name, size, digest } in self.listed.parts {
            let path = self.folder.join(&name);
            let shown = path.display().to_string();
            let (file, metadata) = open_file(&path)?.ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("the part {shown} is not there, which {} lists", self.shown),
                )
            })?;
            if metadata.len() != size {
                return Err(Error::new(
                    ErrorKind::SizeMismatch,
                    format!("{shown} has {} bytes, expected {size}", metadata.len()),
                ));
            }
            files.push((file, size));
            parts.push(Part { name: shown, start, size, digest });
            start = start.saturating_add(size);
        }
        Ok((Medium::of_parts(files), start, parts))
    }
}

/// Writes the list of parts, and the one for `sha256sum`; their paths.
pub(super) fn write(target: &Path, parts: Vec<ListedPart>) -> Result<[PathBuf; 2], Error> {
    let size = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.size));
    let mut sums = String::new();
    for part in &parts {
        let _ = writeln!(sums, "{}  {}", part.digest.hex(), part.name);
    }
    let listed = Listed { schema: PARTS_SCHEMA.to_owned(), size, parts };
    let mut text = serde_json::to_vec_pretty(&listed).map_err(|error| {
        Error::new(ErrorKind::Malformed, "the list of parts cannot be written").caused_by(error)
    })?;
    text.push(b'\n');
    let [list, checksums] = lists(target);
    let name = list.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let _ = writeln!(sums, "{}  {name}", Digest::of(&text).hex());
    place(&checksums, sums.as_bytes())?;
    place(&list, &text)?;
    Ok([list, checksums])
}

/// The files that list the parts of an archive.
pub(super) fn lists(target: &Path) -> [PathBuf; 2] {
    [beside(target, PARTS_SUFFIX), beside(target, SUMS_SUFFIX)]
}

/// The name of a part, counted from one.
pub(super) fn part(target: &Path, number: usize) -> PathBuf {
    beside(target, &format!(".part-{number:04}"))
}

/// A name that begins as another one.
pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(target.file_name().unwrap_or(OsStr::new("")));
    name.push(suffix);
    target.with_file_name(name)
}

/// The folder that a file stands in.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !matches!(name, "." | "..") && !name.contains(['/', '\\', '\0'])
}

fn place(target: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("cannot write {}", target.display())).caused_by(error)
    };
    super::super::writer::standing(target)?;
    let mut file = tempfile::Builder::new()
        .prefix(".waxseal-")
        .suffix(".tmp")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder(target))
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(target).map_err(|error| failed(error.error))?;
    Ok(())
}
