//! The decision as a SLSA verification summary: who verified what against which policy, by which evidence.
//!
//! It is made for what was verified at the destination and for nothing else (rule V2): the type asks for the proof.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use waxseal_core::predicate::PredicateType;
use waxseal_core::signing::Predicate;
use waxseal_core::verify::{Verified, statements_by};
use waxseal_core::{Digest, PinnedRef, Repository, Signer, Verdict};

use crate::attest::{Attested, Attesting, Claim};
use crate::beside::standing;
use crate::error::{Error, ErrorKind};
use crate::evidence::Looking;
use crate::image::Image;

/// The predicate type of a verification summary.
pub const SUMMARY_PREDICATE: &str = "https://slsa.dev/verification_summary/v1";

/// How old a summary that says the same may be and is not made again.
const RENEWED: SignedDuration = SignedDuration::from_hours(24);

/// Whose summary is written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summarising {
    /// The verifier's id: a URI that stands for whoever decides here.
    pub verifier: String,
    /// Where the policy can be read, if it can.
    pub policy_uri: Option<String>,
}

impl Summarising {
    /// Summaries by the verifier with this id.
    pub fn new(verifier: impl Into<String>) -> Result<Self, Error> {
        let verifier = verifier.into();
        let uri = verifier.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && !rest.is_empty()
                && verifier.bytes().all(|byte| byte.is_ascii_graphic())
        });
        if uri {
            Ok(Self { verifier, policy_uri: None })
        } else {
            Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "{verifier:?} is no id of a verifier: expected a URI, as https://ci.example.com/promote"
                ),
            ))
        }
    }

    /// Signs the summary beside the image at the destination. One that says the same and is less than a day old stays as
    /// it is.
    pub(super) async fn write(
        &self,
        verified: &Verified<PinnedRef>,
        verdict: &Verdict,
        resource: &Repository,
        image: Image,
        signer: &(dyn Signer + Sync),
        now: Timestamp,
    ) -> Result<Vec<Attested>, Error> {
        let mut predicate = self.predicate(verified, verdict, resource);
        let looking = Looking::default().for_attestations();
        let found = standing(&image.evidence, image.pinned(), &looking).await?;
        let own = statements_by(&found.evidence, signer.public_key(), image.digest());
        let before = own.iter().filter_map(|statement| same(&statement.payload, &predicate)).max();
        let recent = before.filter(|time| *time <= now && now.duration_since(*time) < RENEWED);
        set(&mut predicate, "timeVerified", json!(recent.unwrap_or(now).to_string()));
        let kind: PredicateType = SUMMARY_PREDICATE.parse().map_err(|error| internal(&error))?;
        let predicate =
            Predicate::object(kind, predicate.to_string().as_bytes()).map_err(|error| internal(&error))?;
        Attesting::new(now).attest(image, &Claim::Predicate(predicate), &[signer]).await
    }

    /// The predicate without its time.
    fn predicate(&self, verified: &Verified<PinnedRef>, verdict: &Verdict, resource: &Repository) -> Value {
        let proof = verified.proof();
        let mut blobs: Vec<Digest> = verdict
            .signatures()
            .iter()
            .filter_map(|one| one.origin.blob)
            .chain(verdict.attestations().iter().filter_map(|one| one.origin.blob))
            .collect();
        blobs.sort_unstable();
        blobs.dedup();
        let descriptor =
            |digest: &Digest| json!({ "digest": { digest.algorithm().to_string(): digest.hex() } });
        let mut policy = descriptor(&proof.policy);
        if let Some(uri) = &self.policy_uri {
            set(&mut policy, "uri", json!(uri));
        }
        json!({
            "verifier": { "id": self.verifier, "version": { "waxseal": env!("CARGO_PKG_VERSION") } },
            "resourceUri": format!("oci://{resource}"),
            "policy": policy,
            "inputAttestations": blobs.iter().map(descriptor).collect::<Vec<_>>(),
            "verificationResult": "PASSED",
            // No track of SLSA was evaluated: a policy says what held.
            "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED"],
        })
    }
}

/// When a statement was made that says the same as this predicate.
fn same(statement: &[u8], predicate: &Value) -> Option<Timestamp> {
    let mut read: Value = serde_json::from_slice(statement).ok()?;
    if read.get("predicateType")?.as_str()? != SUMMARY_PREDICATE {
        return None;
    }
    let found = read.get_mut("predicate")?.as_object_mut()?;
    let time = found.remove("timeVerified")?.as_str()?.parse().ok()?;
    (Some(&*found) == predicate.as_object()).then_some(time)
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn internal(error: &dyn core::fmt::Display) -> Error {
    Error::new(ErrorKind::Usage, format!("the summary cannot be made: {error}"))
}
