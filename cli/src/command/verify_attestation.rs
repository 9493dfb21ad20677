//! `waxseal verify-attestation`.

use waxseal_core::policy::{AttestationRequirement, Condition, Oldest};
use waxseal_core::scan::SCAN_PREDICATE;
use waxseal_core::scan::foreign::SCAN_TYPES;
use waxseal_core::verify::Attestation;
use waxseal_core::{Policy, PredicateType, Reason, TrustedKey, Verdict, Verified};

use super::judging::{Printing, judge};
use crate::args::judging::{JudgingArgs, JudgingOutput};
use crate::args::verify_attestation::VerifyAttestationArgs;
use crate::args::{Age, MaxAge};
use crate::exit::Exit;
use crate::fault::Fault;

/// Verifies the attestations of each image; the worst outcome decides the exit code (rule V4).
pub(crate) async fn run(args: &VerifyAttestationArgs, offline: bool, as_cosign: bool) -> Result<Exit, Fault> {
    // cosign prints the envelopes in either of its forms.
    let output = match args.output {
        Some(JudgingOutput::Text) if as_cosign => Some(JudgingOutput::Json),
        output => output,
    };
    let several = args.judging.platform.is_some() || args.judging.all_platforms;
    let printing = Printing {
        output,
        json: |verdict| envelopes(verdict.attestations()),
        hint: if several && !args.inherit { not_inherited } else { |_| None },
        as_cosign,
    };
    let policy = |keys: Vec<TrustedKey>, vex: Vec<TrustedKey>| {
        let rules = args.scan.rules(vex)?;
        let mut types = args.types.clone();
        // Rule N4: a scan is one in whatever form it was signed.
        if rules.is_some() && types.iter().any(|kind| kind == "scan" || kind == SCAN_PREDICATE) {
            types.extend(SCAN_TYPES.map(ToOwned::to_owned));
        }
        let mut wanted = requirement(keys, &types, args.judging.threshold, args.max_age, &args.conditions)?;
        if let Some(rules) = rules {
            // Rule N5.
            let oldest = match args.max_age {
                Some(MaxAge::Within(Age(age))) => Oldest::Age(age),
                Some(MaxAge::Unlimited) => Oldest::Unlimited,
                None => {
                    return Err(Fault::usage("what a scan says is worth as much as it is recent")
                        .hint("say how old it may be: --max-age 7d, or --max-age unlimited"));
                }
            };
            wanted = wanted.scan(rules, oldest).map_err(|error| Fault::usage(error.to_string()))?;
        }
        Ok(Policy::requiring(narrowed(wanted, &args.judging)?.inherit(args.inherit)))
    };
    judge(&args.images, &args.judging, offline, &args.scan.vex_key, None, policy, &printing).await
}

/// What must be attested, from flags.
pub(super) fn requirement(
    keys: Vec<TrustedKey>,
    types: &[String],
    threshold: usize,
    max_age: Option<MaxAge>,
    conditions: &[String],
) -> Result<AttestationRequirement, Fault> {
    let types = types.iter().map(|text| predicate_type(text)).collect::<Result<Vec<_>, _>>()?;
    let mut wanted = AttestationRequirement::by(types, keys)
        .and_then(|wanted| wanted.threshold(threshold))
        .map_err(waxseal::Error::from)?;
    if let Some(MaxAge::Within(Age(max_age))) = max_age {
        wanted = wanted.max_age(max_age).map_err(waxseal::Error::from)?;
    }
    for text in conditions {
        let condition = Condition::parse(text).map_err(|error| {
            Fault::usage(format!("--where {text}: {error}"))
                .hint("docs/conditions.md lists what a condition may say, as: predicate.result == \"PASSED\"")
        })?;
        wanted = wanted.condition(condition);
    }
    Ok(wanted)
}

/// A type as it was typed.
pub(super) fn predicate_type(text: &str) -> Result<PredicateType, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("the type {text}: {error}")))
}

fn narrowed(wanted: AttestationRequirement, judging: &JudgingArgs) -> Result<AttestationRequirement, Fault> {
    let wanted = wanted.annotations(judging.annotations()?).signed_for(judging.signed_for()?);
    Ok(judging.only().into_iter().fold(wanted, AttestationRequirement::only))
}

/// The envelopes that counted, one a line, in the order in which they were found. One claim that stands there in both
/// formats, or was signed by several keys, is printed once: a reader of one line would read it twice.
pub(super) fn envelopes(attestations: &[Verified<Attestation>]) -> Vec<String> {
    let mut printed: Vec<&Verified<Attestation>> = Vec::new();
    for attestation in attestations {
        if !printed.iter().any(|before| before.claims_as(attestation)) {
            printed.push(attestation);
        }
    }
    printed.into_iter().map(|attestation| attestation.envelope().to_json()).collect()
}

/// What to try where an attestation about the index does not count.
fn not_inherited(verdict: &Verdict) -> Option<&'static str> {
    let missed = [Reason::NoAttestation, Reason::NotInherited, Reason::PlatformNotAdmitted];
    verdict
        .nearest_miss()
        .is_some_and(|miss| missed.contains(&miss.reason))
        .then_some("an attestation about the index counts for its images with --inherit")
}
