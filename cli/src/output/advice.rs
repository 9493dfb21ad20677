//! One thing to do about an image that was not admitted, by what came closest to what was asked for.

use waxseal_core::Reason;
use waxseal_core::verify::Finding;

/// One thing to do about this finding.
pub(crate) fn advice(finding: &Finding) -> &'static str {
    match finding.reason {
        Reason::NoSignature => {
            "sign the image, `waxseal sign --key KEY IMAGE@DIGEST`; if it was signed: was the tag moved since? `waxseal tree IMAGE` shows what is attached"
        }
        Reason::NoAttestation => {
            "attest the image: `waxseal attest`, of a scan `waxseal scan attest`; `waxseal tree IMAGE` shows what is attached"
        }
        Reason::NotASignature
        | Reason::NotAnAttestation
        | Reason::ImageSignature
        | Reason::PredicateTypeMismatch => {
            "what is attached is of another kind: make what is asked for with `waxseal sign`, `waxseal attest` or `waxseal scan attest`"
        }
        Reason::FormatExcluded => "leave --format out, so that both formats count",
        Reason::UnknownVersion => "a newer program made this: see whether a newer waxseal reads it",
        Reason::LimitExceeded | Reason::NoContent => {
            "`waxseal tree IMAGE` shows what is attached; `waxseal clean` takes away what should not be there"
        }
        Reason::MalformedManifest
        | Reason::ReferrerMismatch
        | Reason::MalformedBundle
        | Reason::MalformedEnvelope
        | Reason::DuplicateMember
        | Reason::MalformedSignature
        | Reason::MissingSignature
        | Reason::PayloadTypeMismatch
        | Reason::MalformedPayload => {
            "what is attached is broken, or was changed on the way: sign the image again"
        }
        Reason::CertificateSignatureUnsupported => {
            "sign with a key: keyless signatures are not supported yet"
        }
        Reason::UntrustedKey | Reason::SignatureMismatch => {
            "was it signed with another key? Name that key, or sign the image with the one that is asked for"
        }
        Reason::AlgorithmNotAllowed => "sign with an algorithm that the policy allows for the key",
        Reason::ExampleKey => "make a key of your own with `waxseal generate-key-pair`, and sign with it",
        Reason::SubjectMismatch => {
            "the signature is of another image: was the tag moved since it was signed? Sign what it leads to now, or deploy what was signed"
        }
        Reason::NotInherited => {
            "attest the platform's image too, or let the requirement inherit from the index"
        }
        Reason::AnnotationMissing | Reason::AnnotationMismatch => {
            "sign the image again with the annotation that is asked for: `waxseal sign -a NAME=VALUE`"
        }
        Reason::SignedForMismatch => {
            "sign the image under the name that it is deployed by: `waxseal sign --sign-container-identity NAME`"
        }
        Reason::KeyNotYetValid | Reason::KeyExpired => {
            "sign with a key that is valid now, or correct its window in the policy"
        }
        Reason::KeyRevoked => {
            "sign the image again with a key that was not revoked, once you know that it is sound"
        }
        Reason::ThresholdNotMet => "have more of the key holders sign the image",
        Reason::PlatformNotAdmitted => {
            "sign every platform's image, `waxseal sign --recursive`, or name the one that you run with --platform"
        }
        Reason::Unmatched => {
            "write a rule for this repository into the policy; `waxseal policy explain FILE IMAGE` shows which rules apply"
        }
        Reason::ExemptionExpired => {
            "meet the rules, or exempt the image anew, by its digest, with a reason and a day"
        }
        Reason::IgnoreExpired => "mend what was ignored, or ignore it anew with a reason and a day",
        Reason::Unreadable => unreadable(finding.found.as_deref().unwrap_or_default()),
        reason => of_statement(reason),
    }
}

/// One thing to do where a signature holds, and what was signed does not say what it must.
const fn of_statement(reason: Reason) -> &'static str {
    match reason {
        Reason::TimeMissing | Reason::TimeAhead => {
            "attest again with the time at which it was done; is the clock of whoever attested right?"
        }
        Reason::TooOld | Reason::DatabaseTooOld => {
            "scan the image again, and attest that: `waxseal scan attest`"
        }
        Reason::MalformedScan | Reason::SummaryMismatch => {
            "attest the scanner's own report, unchanged: `waxseal scan attest`"
        }
        Reason::ScannerTooOld => "scan with a newer version of the scanner",
        Reason::ScanIncomplete => "wait until the scan is over, and attest its whole report, without filters",
        Reason::TooFewComponents | Reason::NotCovered => {
            "let the scanner look at all of the image, and for what the rule is about"
        }
        Reason::OtherScanner => "attest a scan by a scanner that is asked for",
        Reason::ScannerPolicyViolated => {
            "see the violations with `waxseal scan show`, and mend what they name"
        }
        Reason::TooManySecrets => {
            "take the secrets out of the image and change them: whoever pulls it has them"
        }
        Reason::DeniedLicense => "replace the package whose licence is denied",
        Reason::TooManyVulnerabilities | Reason::SeverityTooHigh | Reason::DeniedVulnerability => {
            "upgrade what is named to a version with the fix, build and scan again; `waxseal scan show` lists the upgrades"
        }
        Reason::MaliciousPackage => "do not run this image: remove the package, and build again",
        Reason::ConditionNotMet => {
            "attest again what meets the condition; `waxseal download attestation IMAGE` shows what was said"
        }
        Reason::ConditionError => {
            "the condition asks for what the statement does not have: correct the condition, or attest again"
        }
        Reason::MalformedSummary
        | Reason::OtherVerifier
        | Reason::OtherPolicy
        | Reason::OtherResource
        | Reason::LevelNotMet
        | Reason::VerificationFailed => {
            "have the image verified again by the verifier and the policy that are asked for"
        }
        Reason::Superseded | Reason::LaterMaterial => {
            "see what the newest statement says: `waxseal download attestation IMAGE`"
        }
        _ => "`waxseal tree IMAGE` shows what is attached; -o json has every finding",
    }
}

/// One thing to do about what could not be read; `found` begins with the code of the trouble.
fn unreadable(found: &str) -> &'static str {
    match found.split(':').next().unwrap_or_default() {
        "registry-unauthorized" => {
            "log in with `waxseal login REGISTRY`: what is attached is not for everybody to read"
        }
        "registry-forbidden" => {
            "let the credentials read what is attached; if the registry answers 403 for what is not there, give --absent-status 403"
        }
        "invalid-image" => {
            "`waxseal tree IMAGE` shows what it is made of: name a platform that it has, or leave --platform out"
        }
        "not-found" => "check the name and the tag; a private image needs credentials",
        "offline" => "leave --offline out, or copy the image to a layout first",
        _ => "`waxseal doctor REGISTRY` says what the registry does; try again",
    }
}
