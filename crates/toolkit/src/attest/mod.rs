//! The job of attesting images: a statement about each of them, signed, in both formats at once.
//!
//! What stands there is looked at first: the same statement by the same key is not written again (rule G3), and on
//! request the new one takes the place of what the same key has said before in a statement of the same type and, of a
//! scan, of the same scanner: a clean scan by one is no word about what another found. What anybody else has signed stays,
//! whatever it claims.

mod blob;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use waxseal_core::candidate::{Evidence, EvidenceStore, Format};
use waxseal_core::signing::{AttestationRequest, Predicate, SignedAttestation, SigningError, StatementAbout};
use waxseal_core::verify::{StandingStatement, Succession, statements_by};
use waxseal_core::{Digest, KeyId, PinnedRef, Platform, Signer};
use waxseal_oci::Attached;

pub use blob::{AttestedBlob, BlobAbout, attest_blob};

use crate::beside::bundle::NewBundle;
use crate::beside::layers::{Layer, LayerChange};
use crate::beside::{Target, Writing, formats_for, standing, targets};
use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking};
use crate::image::Image;

/// Images of one index that are attested at the same time.
const CONCURRENT: usize = 4;

/// What is attested.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Claim {
    /// A predicate: the statement around it is made for each image.
    Predicate(Predicate),
    /// A statement, signed byte for byte. It names each image among its subjects.
    Statement(Vec<u8>),
}

/// An attesting job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attesting {
    /// The formats to be written: both, unless a person narrowed it.
    pub formats: Vec<Format>,
    /// Whether earlier statements of the same type by the same key are taken away; of scans and verification summaries,
    /// those of the same scanner or verifier.
    pub replace: bool,
    /// Whether every image of an index is attested too.
    pub recursive: bool,
    /// Of an index: the images of these platforms are attested, and not the index itself.
    pub platforms: Vec<Platform>,
    /// Whether attestations are written beside the image; if not, they are only made.
    pub upload: bool,
    /// The digest that the name must resolve to (rule G4).
    pub expect: Option<Digest>,
    /// Where and how to look for what stands there.
    pub looking: Looking,
    /// The time that is noted in manifests.
    pub now: Timestamp,
}

/// What became of one image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attested {
    /// The image.
    pub image: PinnedRef,
    /// Each signer's attestations, in the order of the formats and of the signers.
    pub attestations: Vec<WrittenAttestation>,
}

/// One attestation, and whether it was written or stood there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WrittenAttestation {
    /// The key.
    pub key: KeyId,
    /// The format.
    pub format: Format,
    /// Whether the same statement by the same key stood there before: nothing was written.
    pub already: bool,
    /// How many earlier ones, of the same type and by the same key, it took the place of.
    pub replaced: usize,
    /// What was made. Where it stood there already this was made again and not written.
    pub signed: SignedAttestation,
}

/// What is done for one signer in one format.
struct Step {
    written: WrittenAttestation,
    gone: Vec<StandingStatement>,
}

impl Attesting {
    /// A job that writes both formats for the named digest.
    pub fn new(now: Timestamp) -> Self {
        Self {
            formats: vec![Format::Legacy, Format::Bundle],
            replace: false,
            recursive: false,
            platforms: Vec::new(),
            upload: true,
            expect: None,
            looking: Looking::default(),
            now,
        }
    }

    /// Attests an image with each of `signers`.
    pub async fn attest(
        &self,
        mut image: Image,
        claim: &Claim,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Vec<Attested>, Error> {
        if signers.is_empty() || self.formats.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "attesting needs a key and a format"));
        }
        if self.recursive && !self.platforms.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "every image of an index, or those of some platforms: not both",
            ));
        }
        let mut targets = targets(&mut image, self.expect.as_ref(), self.recursive).await?;
        if !self.platforms.is_empty() {
            targets = self.of_platforms(&image).await?;
        }
        let image = &image;
        // All are prepared before the first is written: a statement that is not about one of them ends here.
        for target in &targets {
            request(target, claim, &formats_for(target.pinned.digest(), &self.formats))?;
        }
        let results = stream::iter(targets)
            .map(|target| Box::pin(self.one(image, target, claim, signers)))
            .buffered(CONCURRENT)
            .collect::<Vec<_>>()
            .await;
        image.evidence.commit().await?;
        results.into_iter().collect()
    }

    /// The images of the platforms that were asked for, each once.
    async fn of_platforms(&self, image: &Image) -> Result<Vec<Target>, Error> {
        let mut found: Vec<Target> = Vec::new();
        for platform in &self.platforms {
            let mut child = image.clone().for_platform(platform).await?;
            if found.iter().all(|known| known.pinned.digest() != child.digest()) {
                found.extend(targets(&mut child, None, false).await?);
            }
        }
        Ok(found)
    }

    async fn one(
        &self,
        image: &Image,
        target: Target,
        claim: &Claim,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Attested, Error> {
        let digest = target.pinned.digest();
        let formats = formats_for(digest, &self.formats);
        let looking = Looking { formats: formats.clone(), ..self.looking.clone() }.for_attestations();
        let Found { evidence, attestation_tag, .. } = if self.upload {
            standing(&image.evidence, &target.pinned, &looking).await?
        } else {
            Found::default()
        };
        let mut steps = Vec::new();
        for signer in signers {
            let there = statements_by(&evidence, signer.public_key(), digest);
            for format in formats.iter().copied() {
                let request = request(&target, claim, &[format])?;
                steps.push(self.step(request, *signer, format, &there, &evidence)?);
            }
        }
        steps.sort_by_key(|step| step.written.format);
        if self.upload {
            let new = || steps.iter().filter(|step| !step.written.already).map(|step| &step.written.signed);
            let gone = || steps.iter().flat_map(|step| &step.gone).map(|gone| &gone.origin);
            let writing = Writing {
                what: "attestation",
                tag: Attached::Attestations,
                standing: attestation_tag,
                layers: LayerChange {
                    new: new()
                        .filter_map(|made| {
                            let envelope = made.envelope.as_deref()?;
                            Some(Layer::attestation(envelope, made.predicate_type.as_str()))
                        })
                        .collect(),
                    gone: gone().filter(|gone| in_tag(gone.store)).filter_map(|gone| gone.blob).collect(),
                },
                bundles: new()
                    .filter_map(|made| {
                        let bytes = made.bundle.as_deref()?;
                        Some(NewBundle { bytes, predicate_type: made.predicate_type.as_str() })
                    })
                    .collect(),
                gone: gone().filter(|gone| !in_tag(gone.store)).filter_map(|gone| gone.manifest).collect(),
                now: self.now,
            };
            Box::pin(writing.write(&image.evidence, &target)).await?;
        }
        let attestations = steps.into_iter().map(|step| step.written).collect();
        Ok(Attested { image: target.pinned, attestations })
    }

    fn step(
        &self,
        request: AttestationRequest,
        signer: &(dyn Signer + Sync),
        format: Format,
        there: &[StandingStatement],
        evidence: &Evidence,
    ) -> Result<Step, Error> {
        let of_format = |one: &&StandingStatement| in_tag(one.origin.store) == (format == Format::Legacy);
        let statement = request.statements().next().map(|(_, bytes)| bytes).unwrap_or_default();
        let already = there.iter().filter(of_format).any(|one| one.payload == statement);
        // Read only where it matters: a statement may be large.
        let succession = self.replace.then(|| Succession::of(statement)).flatten();
        let gone: Vec<_> = there
            .iter()
            .filter(of_format)
            .filter(|one| one.payload != statement)
            .filter(|one| {
                succession.as_ref().is_some_and(|row| {
                    one.is_in(row) && (format == Format::Legacy || stands_alone(one, there, row, evidence))
                })
            })
            .cloned()
            .collect();
        let signed = request.sign(signer).map_err(|error| unsignable("the statement", &error))?;
        let written = WrittenAttestation {
            key: signer.public_key().id(),
            format,
            already,
            replaced: gone.len(),
            signed,
        };
        Ok(Step { written, gone })
    }
}

/// The statement for one image.
pub(crate) fn request(
    target: &Target,
    claim: &Claim,
    formats: &[Format],
) -> Result<AttestationRequest, Error> {
    let pinned = &target.pinned;
    match claim {
        Claim::Predicate(predicate) => {
            let name = pinned.repository().map(waxseal_core::Repository::docker_reference);
            let about = StatementAbout::new(*pinned.digest(), name);
            AttestationRequest::new(&[about], predicate, formats)
        }
        Claim::Statement(bytes) => AttestationRequest::of_statement(Some(pinned.digest()), bytes, formats),
    }
    .map_err(|error| unsignable(&pinned.to_string(), &error))
}

/// Whether it stands in a layer of the tag, and not in a manifest of its own.
const fn in_tag(store: EvidenceStore) -> bool {
    matches!(store, EvidenceStore::AttestationTag)
}

/// A referrer goes with everything in it: only if all of that is the signer's own and gives way may it go.
fn stands_alone(
    one: &StandingStatement,
    there: &[StandingStatement],
    succession: &Succession,
    evidence: &Evidence,
) -> bool {
    let own = there.iter().filter(|other| other.origin.manifest == one.origin.manifest);
    let all =
        evidence.candidates.iter().filter(|candidate| candidate.origin().manifest == one.origin.manifest);
    one.origin.manifest.is_some() && own.filter(|other| other.is_in(succession)).count() == all.count()
}

/// Why nothing was attested.
fn unsignable(about: &str, error: &SigningError) -> Error {
    let kind = match error {
        SigningError::NoName => ErrorKind::NoName,
        SigningError::Sign(_) | SigningError::DoesNotVerify { .. } | SigningError::SignatureCount { .. } => {
            ErrorKind::Key
        }
        _ => ErrorKind::Usage,
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let error = Error::new(kind, format!("{about} cannot be attested: {error}"));
    match cause {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}
