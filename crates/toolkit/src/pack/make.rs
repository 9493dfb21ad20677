//! The job of packing: decide over each image, read what hangs on it, write it all as one file.

use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use waxseal_core::pack::{PackEntry, PackManifest, PackPolicy};
use waxseal_core::policy::{PolicySet, Requirement, Selector};
use waxseal_core::{PublicKey, Signer, Verdict};
use waxseal_oci::archive::sealed::{self, File};
use waxseal_oci::{Client, Location, Store};

use super::contents::{Contents, PackedImage};
use super::have::Have;
use super::{HEADS, KEYS, MANIFEST, POLICY, checksums};
use crate::decide::Decision;
use crate::error::{Error, ErrorKind};
use crate::image::{Finding, Image};

/// Images that are judged at the same time.
const CONCURRENT: usize = 8;
/// Bytes of a key's name that its file has.
const KEY_NAME_BYTES: usize = 64;

/// A packing job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Packing {
    /// By what the images are judged.
    pub decision: Decision,
    /// The name of the line of packs.
    pub name: String,
    /// The number in that line; without one, the seconds since 1970.
    pub serial: Option<u64>,
    /// The text of the policy file, to be read on the other side.
    pub policy_text: Option<Bytes>,
    /// What the other side has.
    pub have: Option<Have>,
    /// When the pack will have arrived.
    pub arrives_by: Option<Timestamp>,
    /// How the file is written.
    pub options: sealed::Options,
}

/// An image that was judged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Picked {
    /// The image.
    pub image: Image,
    /// What was decided about it.
    pub verdict: Verdict,
    /// Where else its evidence stands, by the policy (rule L7).
    beside: Vec<Store>,
}

/// An image that will not be admitted any more when the pack arrives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Early {
    /// How it was named.
    pub name: String,
    /// What would be decided then, by the evidence of today.
    pub verdict: Verdict,
}

/// A pack that was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Packed {
    /// Its manifest.
    pub manifest: PackManifest,
    /// The images, and what went with them.
    pub images: Vec<PackedImage>,
    /// The files that were written, their size, and what stood there already.
    pub written: sealed::Written,
}

impl Packing {
    /// A job that packs what `decision` verifies. Exemptions do not count: what is packed must be verified (rule V2).
    pub fn new(mut decision: Decision, name: impl Into<String>) -> Self {
        decision.exemptions = false;
        Self {
            decision,
            name: name.into(),
            serial: None,
            policy_text: None,
            have: None,
            arrives_by: None,
            options: sealed::Options::default(),
        }
    }

    /// Resolves and judges the images.
    pub async fn pick(
        &self,
        client: &Client,
        images: &[Location],
        finding: &Finding,
    ) -> Result<Vec<Picked>, Error> {
        let picked = stream::iter(images)
            .map(|location| async move {
                let image = Image::find(client, location, finding).await?;
                let verdict = Box::pin(self.decision.decide(image.clone(), None)).await?;
                let beside = beside(&self.decision.policy, &image, client, self.decision.now);
                Ok(Picked { image, verdict, beside })
            })
            .buffered(CONCURRENT)
            .collect::<Vec<Result<_, Error>>>()
            .await;
        picked.into_iter().collect()
    }

    /// The images that would not be admitted at the time when the pack arrives: scans too old by then, keys that have
    /// expired. Nothing, if no such time is known.
    pub async fn early(&self, picked: &[Picked]) -> Result<Vec<Early>, Error> {
        let Some(at) = self.arrives_by else { return Ok(Vec::new()) };
        let mut later = self.decision.clone();
        later.now = at;
        let mut early = Vec::new();
        for Picked { image, .. } in picked {
            let verdict = Box::pin(later.decide(image.clone(), None)).await?;
            if verdict.verified().is_none() {
                early.push(Early { name: image.location.to_string(), verdict });
            }
        }
        Ok(early)
    }

    /// Reads what hangs on the images. One that is not verified is an error: nobody packs it by mistake (rule V2).
    pub async fn contents(&self, picked: &[Picked]) -> Result<Contents, Error> {
        if let Some(refused) = picked.iter().find(|picked| picked.verdict.verified().is_none()) {
            return Err(Error::new(
                ErrorKind::NotVerified,
                format!("{} is not verified, so it is not packed", refused.image.location),
            ));
        }
        let images: Vec<_> =
            picked.iter().map(|picked| (picked.image.clone(), picked.beside.clone())).collect();
        Contents::gather(&images, self.have.as_ref()).await
    }

    /// Writes the pack. A run that broke off goes on where it was, if it is for the same content.
    pub async fn write(
        &self,
        contents: Contents,
        target: &Path,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Packed, Error> {
        let (images, omitted) = (contents.images.clone(), contents.omitted.clone());
        let (heads, blobs) = contents.into_files()?;
        let policy = &self.decision.policy;
        let described = PackPolicy::new(policy.name(), policy.digest());
        let now = self.decision.now;
        let serial = self.serial.unwrap_or_else(|| u64::try_from(now.as_second()).unwrap_or_default());
        let mut manifest = PackManifest::new(&self.name, serial, now, described);
        manifest.images = images.iter().map(|packed| packed.image.clone()).collect();
        manifest.omitted = omitted;
        let mut files = heads.to_vec();
        files.extend(self.policy_text.clone().map(|text| File::of(POLICY, text)));
        files.extend(key_files(policy, signers));
        files.extend(blobs);
        manifest.entries = files
            .iter()
            .map(|file| PackEntry::new(file.entry.path.clone(), file.entry.size, file.entry.digest))
            .collect();
        let envelope = self.envelope(&mut manifest, target, signers).await?;
        let sums = checksums(&manifest, envelope.as_bytes());
        files.splice(HEADS..HEADS, sums);
        files.insert(1, File::of(MANIFEST, envelope.into_bytes()));
        let written = sealed::write(target, files, &self.options).await?;
        Ok(Packed { manifest, images, written })
    }

    /// The signed manifest: that of a run that broke off, if it says the same of another moment, so that its bytes can be
    /// kept; else a new one.
    async fn envelope(
        &self,
        manifest: &mut PackManifest,
        target: &Path,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<String, Error> {
        let limit = waxseal_core::limits::PACK_MANIFEST_BYTES;
        let begun = sealed::begun(target, &self.options, MANIFEST, limit).await?;
        let begun = begun.and_then(|bytes| {
            let envelope = waxseal_core::pack::PackEnvelope::parse(&bytes).ok()?;
            let before = envelope.claimed().ok()?;
            let mut same = manifest.clone();
            same.created = before.created;
            same.serial = self.serial.unwrap_or(before.serial);
            let signed = envelope.is_sealed_by(signers);
            (same == before && signed).then_some((envelope.to_json(), same, bytes))
        });
        match begun {
            Some((text, same, bytes)) if text.as_bytes() == bytes => {
                *manifest = same;
                Ok(text)
            }
            _ => Ok(manifest.seal(signers).map_err(|error| unsealed(&error))?.to_json()),
        }
    }
}

fn unsealed(error: &waxseal_core::pack::PackError) -> Error {
    let kind = match error {
        waxseal_core::pack::PackError::Signing(_) => ErrorKind::Key,
        _ => ErrorKind::Usage,
    };
    Error::new(kind, format!("the pack cannot be made: {error}"))
}

/// Where the rules for an image say that its evidence stands, if that is elsewhere (rule L7).
fn beside(policy: &PolicySet, image: &Image, client: &Client, now: Timestamp) -> Vec<Store> {
    let applied = policy.select(&Selector::new(image.pinned(), now).without_exemptions());
    let mut repositories: Vec<_> =
        applied.groups().iter().filter_map(|group| group.signature_repository.clone()).collect();
    repositories.sort();
    repositories.dedup();
    repositories.iter().map(|repository| Store::Registry(client.repository(repository))).collect()
}

/// The public keys of a policy, and of who signs the pack: for people to read, and never trusted (rule K1).
fn key_files(policy: &PolicySet, signers: &[&(dyn Signer + Sync)]) -> Vec<File> {
    let trusted =
        policy.rules().iter().flat_map(|rule| rule.policy().requirements()).flat_map(Requirement::keys);
    let mut keys: Vec<(String, &PublicKey)> = trusted.map(|key| (key.name().to_owned(), key.key())).collect();
    keys.extend(signers.iter().map(|signer| ("pack".to_owned(), signer.public_key())));
    let mut files: Vec<File> = keys
        .iter()
        .map(|(name, key)| {
            // The last part of a path is what a person knows the key by.
            let name = name.rsplit('/').next().unwrap_or_default().trim_end_matches(".pub");
            let plain: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' })
                .take(KEY_NAME_BYTES)
                .collect();
            File::of(format!("{KEYS}{plain}-{}.pub", key.id().short()), key.to_pem())
        })
        .collect();
    files.sort_by(|one, other| one.entry.path.cmp(&other.entry.path));
    files.dedup_by(|one, other| one.entry.path == other.entry.path);
    files
}
