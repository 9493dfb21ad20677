//! One thing to do about an image that was not admitted, by what came closest to what was asked for.

use waxseal_core::Reason;
use waxseal_core::verify::Finding;

/// One thing to do about this finding.
pub(crate) fn advice(finding: &Finding) -> &'static str {
    match finding.reason {
        Reason::NoSignature => {
            "sign the image: `waxseal sign --key KEY IMAGE@DIGEST`; `waxseal tree IMAGE` shows what is attached"
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
        Reason::ThresholdNotMet => "have more of the key holders sign the image",
        Reason::PlatformNotAdmitted => {
            "sign every platform's image, `waxseal sign --recursive`, or name the one that you run with --platform"
        }
        Reason::Unreadable => "`waxseal doctor REGISTRY` says what the registry does; try again",
        _ => "`waxseal tree IMAGE` shows what is attached; -o json has every finding",
    }
}
