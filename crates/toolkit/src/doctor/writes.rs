//! Probes that write: small objects under names that nobody else uses, taken away at the end.

use bytes::Bytes;
use serde_json::json;
use waxseal_core::{Descriptor, Digest, media_type};
use waxseal_oci::registry::PutManifest;
use waxseal_oci::{Error as StoreError, ErrorKind as StoreKind, Registry, Which};

use super::{CheckName, Findings, Outcome, TAG_PREFIX, answered, foreseen, headers, tag};
use crate::error::Error;

/// Type of the artifacts that are written.
const ARTIFACT: &str = "application/vnd.waxseal.doctor.v1";
/// Type of the blobs that are written.
const BLOB: &str = "application/octet-stream";
/// The content of an empty descriptor.
const EMPTY: &[u8] = b"{}";
/// Largest blob that is written, in bytes (16 MiB): what a registry's smallest piece may ask for.
const MOST: u64 = 16 << 20;

/// What was written and has to go, in the order in which it goes.
#[derive(Default)]
struct Written {
    tags: Vec<Which>,
    manifests: Vec<Digest>,
    blobs: Vec<(Registry, Digest)>,
}

pub(super) async fn probe(
    registry: &Registry,
    second: Option<&Registry>,
    mark: &str,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut written = Written::default();
    let outcome = write(registry, second, mark, findings, &mut written).await;
    // What was written goes, whatever came in between.
    remove(registry, written, findings).await;
    outcome
}

async fn write(
    registry: &Registry,
    second: Option<&Registry>,
    mark: &str,
    findings: &mut Findings,
    written: &mut Written,
) -> Result<(), Error> {
    let content = Bytes::from(format!("written by waxseal doctor, {mark}\n"));
    let blob = Descriptor::of(BLOB, &content);
    let empty = Descriptor::of(media_type::OCI_EMPTY, EMPTY);
    let first = async {
        registry.put_blob(&empty, Bytes::from_static(EMPTY)).await?;
        registry.put_blob(&blob, content.clone()).await
    };
    // The empty blob may be anybody's: it is the only thing that stays.
    if let Err(detail) = foreseen(first.await)? {
        findings.note(CheckName::Write, Outcome::No, detail);
        return Ok(());
    }
    written.blobs.push((registry.clone(), blob.digest));
    let name = tag(&format!("{TAG_PREFIX}{mark}"))?;
    let named = Which::Tag(name.clone());
    let (subject, bytes) = manifest(&empty, &blob, "first", None);
    match foreseen(put(registry, bytes, &named).await)? {
        Ok(_) => findings.note(CheckName::Write, Outcome::Yes, ""),
        Err(detail) => {
            findings.note(CheckName::Write, Outcome::No, detail);
            return Ok(());
        }
    }
    written.tags.push(named.clone());
    written.manifests.push(subject.digest);
    headers(findings, "that was written", foreseen(registry.probe_manifest(&named).await)?);
    uploads(registry, mark, findings, written).await?;

    let (other, bytes) = manifest(&empty, &blob, "second", None);
    match foreseen(put(registry, bytes, &named).await)? {
        Ok(_) => {
            written.manifests.push(other.digest);
            findings.note(CheckName::OverwriteTag, Outcome::Yes, "");
        }
        Err(detail) => findings.note(CheckName::OverwriteTag, Outcome::No, detail),
    }

    let (referrer, bytes) = manifest(&empty, &blob, "referrer", Some(&subject));
    match foreseen(put(registry, bytes, &Which::Digest(referrer.digest)).await)? {
        Ok(put) => {
            // In front: what refers goes before what it refers to.
            written.manifests.insert(0, referrer.digest);
            let listed = put.subject == Some(subject.digest);
            let detail = if listed { "" } else { "no OCI-Subject in its answer" };
            findings.note(CheckName::SubjectHeader, Outcome::of(listed), detail);
        }
        Err(detail) => findings.note(CheckName::SubjectHeader, Outcome::Unclear, detail),
    }
    match second {
        None => findings.note(CheckName::Mount, Outcome::NotTested, "it needs a second repository"),
        Some(second) => match foreseen(second.mount_blob(&blob.digest, registry.repository()).await)? {
            Ok(mounted) => {
                if mounted {
                    written.blobs.push((second.clone(), blob.digest));
                }
                findings.note(CheckName::Mount, Outcome::of(mounted), "");
            }
            Err(detail) => findings.note(CheckName::Mount, Outcome::Unclear, detail),
        },
    }
    Ok(())
}

async fn uploads(
    registry: &Registry,
    mark: &str,
    findings: &mut Findings,
    written: &mut Written,
) -> Result<(), Error> {
    let single = Bytes::from(format!("in one request, {mark}\n"));
    let descriptor = Descriptor::of(BLOB, &single);
    let seen = foreseen(registry.probe_single_post(&descriptor, single).await)?;
    let (outcome, detail) = match seen {
        Ok(seen) if seen.status == 201 => {
            written.blobs.push((registry.clone(), descriptor.digest));
            (Outcome::Yes, String::new())
        }
        Ok(seen) => (Outcome::No, answered(&seen)),
        Err(detail) => (Outcome::Unclear, detail),
    };
    findings.note(CheckName::SinglePost, outcome, detail);

    let upload = match foreseen(registry.probe_upload().await)? {
        Ok(upload) if upload.observed.status == 202 => upload,
        Ok(upload) => {
            findings.note(CheckName::ChunkedUpload, Outcome::Unclear, answered(&upload.observed));
            return Ok(());
        }
        Err(detail) => {
            findings.note(CheckName::ChunkedUpload, Outcome::Unclear, detail);
            return Ok(());
        }
    };
    let minimum = upload.chunk_minimum.unwrap_or(0);
    let said = match upload.chunk_minimum {
        Some(bytes) => format!("pieces of at least {bytes} bytes"),
        None => String::new(),
    };
    let content = format!("in pieces, {mark}\n");
    let piece = minimum.max(8);
    // One piece that is full and one that is not.
    let size = piece.saturating_add(content.len() as u64);
    if size > MOST {
        findings.note(CheckName::ChunkedUpload, Outcome::NotTested, said);
        return Ok(());
    }
    let mut bytes = content.into_bytes();
    bytes.resize(usize::try_from(size).unwrap_or(bytes.len()), b'.');
    let bytes = Bytes::from(bytes);
    let descriptor = Descriptor::of(BLOB, &bytes);
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes)]);
    match foreseen(registry.put_blob_stream(&descriptor, stream, Some(piece)).await)? {
        Ok(()) => {
            written.blobs.push((registry.clone(), descriptor.digest));
            findings.note(CheckName::ChunkedUpload, Outcome::Yes, said);
        }
        Err(detail) => findings.note(CheckName::ChunkedUpload, Outcome::No, detail),
    }
    Ok(())
}

/// A manifest of one small blob.
fn manifest(
    empty: &Descriptor,
    blob: &Descriptor,
    which: &str,
    subject: Option<&Descriptor>,
) -> (Descriptor, Bytes) {
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": ARTIFACT,
        "config": empty,
        "layers": [blob],
        "annotations": { "org.opencontainers.image.title": format!("waxseal doctor, {which}") },
    });
    if let (Some(subject), Some(members)) = (subject, document.as_object_mut()) {
        members.insert("subject".to_owned(), json!(subject));
    }
    let bytes = Bytes::from(document.to_string());
    (Descriptor::of(media_type::OCI_MANIFEST, &bytes), bytes)
}

async fn put(registry: &Registry, bytes: Bytes, which: &Which) -> Result<PutManifest, StoreError> {
    registry.put_manifest(bytes, media_type::OCI_MANIFEST, which).await
}

/// Takes away what was written; how that goes are findings too.
async fn remove(registry: &Registry, written: Written, findings: &mut Findings) {
    let place = registry.repository();
    let mut deleted = Deleted::default();
    for which in &written.tags {
        let gone = deleted.note(CheckName::DeleteTag, registry.delete_manifest(which).await);
        // With its manifest, a tag goes too.
        if !gone && written.manifests.is_empty() {
            findings.left.push(format!("{place}:{which}"));
        }
    }
    for digest in &written.manifests {
        let outcome = registry.delete_manifest(&Which::Digest(*digest)).await;
        if !deleted.note(CheckName::DeleteManifest, outcome) {
            findings.left.push(format!("{place}@{digest}"));
        }
    }
    for (registry, digest) in &written.blobs {
        if !deleted.note(CheckName::DeleteBlob, registry.delete_blob(digest).await) {
            findings.left.push(format!("blob {}@{digest}", registry.repository()));
        }
    }
    for (name, outcome, detail) in deleted.outcomes {
        findings.note(name, outcome, detail);
    }
}

/// How each kind of deletion went: the first time says it.
#[derive(Default)]
struct Deleted {
    outcomes: Vec<(CheckName, Outcome, String)>,
}

impl Deleted {
    /// Whether it is gone.
    fn note(&mut self, name: CheckName, outcome: Result<(), StoreError>) -> bool {
        let (gone, outcome, detail) = match outcome {
            Ok(()) => (true, Outcome::Yes, String::new()),
            // Something that went before took it along.
            Err(error) if error.kind() == StoreKind::NotFound => (true, Outcome::Unclear, error.to_string()),
            Err(error) if error.kind() == StoreKind::Unsupported => (false, Outcome::No, error.to_string()),
            Err(error) if error.kind() == StoreKind::Protocol => (false, Outcome::No, error.to_string()),
            Err(error) => (false, Outcome::Unclear, error.to_string()),
        };
        if !self.outcomes.iter().any(|(known, ..)| *known == name) {
            self.outcomes.push((name, outcome, detail));
        }
        gone
    }
}
