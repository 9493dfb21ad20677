//! Why a candidate counted or did not: the stable codes of findings.

use crate::json::JsonError;

/// Why a candidate counted or did not, or what is wrong with the whole. The code of a reason is stable.
///
/// The order is the order of nearness: a candidate that failed for a later reason came closer to being
/// accepted, and the last one of all is the nearest miss that a refusal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// An ignore rule has expired and no longer takes a finding away; said so that somebody renews it or mends the finding.
    IgnoreExpired,
    /// An exemption has expired and no longer admits the image; said so that somebody renews it or has the image signed.
    ExemptionExpired,
    /// Nothing is attached that could be a signature of the image.
    NoSignature,
    /// Nothing is attached that could be an attestation.
    NoAttestation,
    /// The object is of another kind than a signature of an image.
    NotASignature,
    /// The object is of another kind than an attestation.
    NotAnAttestation,
    /// Only another format was asked for (rule L4).
    FormatExcluded,
    /// The version or media type is none that we know (rule L3).
    UnknownVersion,
    /// A limit was passed (design, section 9).
    LimitExceeded,
    /// A manifest or an index that holds evidence does not parse.
    MalformedManifest,
    /// A referrer's `subject` is another manifest than the one it was listed for.
    ReferrerMismatch,
    /// A bundle does not parse.
    MalformedBundle,
    /// A bundle has neither an envelope nor a signature.
    NoContent,
    /// An envelope does not parse.
    MalformedEnvelope,
    /// A member stands twice in one JSON object, or differs in case only from one that is read (rule S7).
    DuplicateMember,
    /// A signature is not standard base64.
    MalformedSignature,
    /// There is a payload and no signature over it.
    MissingSignature,
    /// Signed with a certificate, which is not supported yet (rule S8).
    CertificateSignatureUnsupported,
    /// Signed by a key that is not among the trusted ones, by the bundle's own hint.
    UntrustedKey,
    /// The signature verifies with none of the trusted keys: another key made it, or payload or signature changed.
    SignatureMismatch,
    /// The signature holds, but by an algorithm that the policy does not let count (rule S5).
    AlgorithmNotAllowed,
    /// The signature holds, and the key is one of waxseal's published example keys.
    ExampleKey,
    /// The signature holds, and the payload is of another type than was asked for.
    PayloadTypeMismatch,
    /// The signature holds, and the payload does not parse.
    MalformedPayload,
    /// The signature holds, and the statement is an image signature, no attestation (rule S3).
    ImageSignature,
    /// The signature holds, and the statement is of another type than was asked for: an attestation is no image signature
    /// (rule S3), nor one of another type.
    PredicateTypeMismatch,
    /// The signature holds, for another image.
    SubjectMismatch,
    /// The attestation is about the index that lists the image, or stands beside it, and the requirement does not say
    /// `inherit` (rule P3).
    NotInherited,
    /// The blob is another one than the bundle's digest names.
    BlobMismatch,
    /// The statement was made after the past moment that is judged (rule T2).
    LaterMaterial,
    /// A newer statement stands beside it, which is judged in its place (rule N1).
    Superseded,
    /// The scan is by a scanner that the policy does not name: it is not judged (rule N4).
    OtherScanner,
    /// The verification summary is by a verifier that the policy does not name: it is not judged (rule Y6).
    OtherVerifier,
    /// The verification summary is for another repository than the policy asks for: it is not judged (rule Y6).
    OtherResource,
    /// The signature holds, and an annotation that was asked for is not signed (rule S4).
    AnnotationMissing,
    /// The signature holds, and an annotation has another value than was asked for.
    AnnotationMismatch,
    /// The signature holds, and was made under another name than asked for, or under none (rule S9).
    SignedForMismatch,
    /// The key does not count yet (rule T1).
    KeyNotYetValid,
    /// The key no longer counts.
    KeyExpired,
    /// The key was revoked.
    KeyRevoked,
    /// The signed predicate says no time that can be read (rule N2).
    TimeMissing,
    /// The signed predicate says a time that is still to come (rule N2).
    TimeAhead,
    /// The signed predicate's time is too long ago.
    TooOld,
    /// A condition has no value: something that it looks at is not there or of another kind, or it takes too long (rule Y5).
    ConditionError,
    /// A condition is not true of the statement.
    ConditionNotMet,
    /// The signature holds, and the predicate cannot be read as a verification summary.
    MalformedSummary,
    /// What was verified was verified against another policy.
    OtherPolicy,
    /// A level that the policy asks for was not verified.
    LevelNotMet,
    /// The verification did not pass.
    VerificationFailed,
    /// The signature holds, and the predicate cannot be read as a scan.
    MalformedScan,
    /// The scanner is older than the policy asks for, or says no version.
    ScannerTooOld,
    /// The scan failed, is pending, is partial or filtered, or did not look for vulnerabilities.
    ScanIncomplete,
    /// The scanner looked at fewer components than the policy asks for, or does not say at how many.
    TooFewComponents,
    /// The figures that the scan states are not those of its findings (rule N6).
    SummaryMismatch,
    /// The scanner's database is older than the policy asks for, or says no date.
    DatabaseTooOld,
    /// The scanner does not say that it looked for what a rule is about.
    NotCovered,
    /// The scanner's own policies are violated.
    ScannerPolicyViolated,
    /// There are more secrets than the policy allows.
    TooManySecrets,
    /// A package has a licence that the policy does not allow.
    DeniedLicense,
    /// There are more vulnerabilities of a severity than the policy allows.
    TooManyVulnerabilities,
    /// A vulnerability is worse than the policy allows.
    SeverityTooHigh,
    /// A package is malicious.
    MaliciousPackage,
    /// The policy denies a vulnerability by name.
    DeniedVulnerability,
    /// Fewer distinct keys have signed than the threshold asks for (rule S2).
    ThresholdNotMet,
    /// A platform's image of an index was not judged, or not admitted (rule P4).
    PlatformNotAdmitted,
    /// No rule of the policy is for the image (rule Y2).
    Unmatched,
    /// A place or an object could not be read (rule V1).
    Unreadable,
    /// The signature counts.
    Accepted,
}

impl Reason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSignature => "no-signature",
            Self::NoAttestation => "no-attestation",
            Self::NotASignature => "not-a-signature",
            Self::NotAnAttestation => "not-an-attestation",
            Self::FormatExcluded => "format-excluded",
            Self::UnknownVersion => "unknown-version",
            Self::LimitExceeded => "limit-exceeded",
            Self::MalformedManifest => "malformed-manifest",
            Self::ReferrerMismatch => "referrer-mismatch",
            Self::MalformedBundle => "malformed-bundle",
            Self::NoContent => "no-content",
            Self::MalformedEnvelope => "malformed-envelope",
            Self::DuplicateMember => "duplicate-member",
            Self::MalformedSignature => "malformed-signature",
            Self::MissingSignature => "missing-signature",
            Self::CertificateSignatureUnsupported => "certificate-signature-unsupported",
            Self::UntrustedKey => "untrusted-key",
            Self::SignatureMismatch => "signature-mismatch",
            Self::AlgorithmNotAllowed => "algorithm-not-allowed",
            Self::ExampleKey => "example-key",
            Self::PayloadTypeMismatch => "payload-type-mismatch",
            Self::MalformedPayload => "malformed-payload",
            Self::ImageSignature => "image-signature",
            Self::PredicateTypeMismatch => "predicate-type-mismatch",
            Self::SubjectMismatch => "subject-mismatch",
            Self::NotInherited => "not-inherited",
            Self::BlobMismatch => "blob-mismatch",
            Self::AnnotationMissing => "annotation-missing",
            Self::AnnotationMismatch => "annotation-mismatch",
            Self::SignedForMismatch => "signed-for-mismatch",
            Self::KeyNotYetValid => "key-not-yet-valid",
            Self::KeyExpired => "key-expired",
            Self::KeyRevoked => "key-revoked",
            Self::LaterMaterial => "later-material",
            Self::Superseded => "superseded",
            Self::TimeMissing => "time-missing",
            Self::TimeAhead => "time-ahead",
            Self::TooOld => "too-old",
            Self::IgnoreExpired => "ignore-expired",
            Self::ExemptionExpired => "exemption-expired",
            Self::Unmatched => "unmatched",
            Self::OtherScanner => "other-scanner",
            Self::OtherVerifier => "other-verifier",
            Self::OtherResource => "other-resource",
            Self::ConditionError => "condition-error",
            Self::ConditionNotMet => "condition-not-met",
            Self::MalformedSummary => "malformed-summary",
            Self::OtherPolicy => "other-policy",
            Self::LevelNotMet => "level-not-met",
            Self::VerificationFailed => "verification-failed",
            Self::MalformedScan => "malformed-scan",
            Self::ScannerTooOld => "scanner-too-old",
            Self::ScanIncomplete => "scan-incomplete",
            Self::TooFewComponents => "too-few-components",
            Self::SummaryMismatch => "summary-mismatch",
            Self::DatabaseTooOld => "database-too-old",
            Self::NotCovered => "not-covered",
            Self::ScannerPolicyViolated => "scanner-policy-violated",
            Self::TooManySecrets => "too-many-secrets",
            Self::DeniedLicense => "denied-license",
            Self::TooManyVulnerabilities => "too-many-vulnerabilities",
            Self::SeverityTooHigh => "severity-too-high",
            Self::MaliciousPackage => "malicious-package",
            Self::DeniedVulnerability => "denied-vulnerability",
            Self::ThresholdNotMet => "threshold-not-met",
            Self::PlatformNotAdmitted => "platform-not-admitted",
            Self::Unreadable => "unreadable",
            Self::Accepted => "accepted",
        }
    }

    /// What the reason means, in one sentence for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NoSignature => {
                "nothing is attached to the image that could be its signature (attestations are none)"
            }
            Self::NoAttestation => "nothing is attached that could be an attestation",
            Self::NotASignature => "the object found is no signature of an image",
            Self::NotAnAttestation => "the object is of another kind than an attestation",
            Self::FormatExcluded => "the signature is stored in a format that --format leaves out",
            Self::UnknownVersion => "the object found is of a version that is not known",
            Self::LimitExceeded => "a limit on material from outside was passed",
            Self::MalformedManifest => "a manifest that should hold evidence cannot be read as one",
            Self::ReferrerMismatch => {
                "the referrer's own subject is another manifest than the one it was listed for"
            }
            Self::MalformedBundle => "the bundle cannot be read as one",
            Self::NoContent => "the bundle holds neither an envelope nor a signature",
            Self::MalformedEnvelope => "the envelope cannot be read as one",
            Self::DuplicateMember => {
                "a member stands twice in one JSON object, or could be taken for another by its case, so two readers could disagree"
            }
            Self::MalformedSignature => "the signature is not standard base64",
            Self::MissingSignature => "there is a payload, but no signature over it",
            Self::CertificateSignatureUnsupported => {
                "signed with a certificate; only signatures by keys are supported"
            }
            Self::UntrustedKey => "signed by another key",
            Self::SignatureMismatch => {
                "the signature verifies with none of the trusted keys: another key made it, or the payload or the \
                 signature was changed since"
            }
            Self::AlgorithmNotAllowed => {
                "the signature is by an algorithm that the policy does not allow for the key"
            }
            Self::ExampleKey => "signed by one of waxseal's example keys, which everybody has",
            Self::PayloadTypeMismatch => "the signed payload is of another type",
            Self::MalformedPayload => "the signature holds, but the signed payload cannot be read",
            Self::ImageSignature => "the signed statement is an image signature, which is no attestation",
            Self::PredicateTypeMismatch => "the signed statement is of another type than was asked for",
            Self::SubjectMismatch => "the signature is for another image",
            Self::NotInherited => {
                "the attestation is about the index, and an attestation covers its own subject only"
            }
            Self::BlobMismatch => "the bundle is for another blob",
            Self::AnnotationMissing => "an annotation that was asked for is not signed",
            Self::AnnotationMismatch => "a signed annotation has another value than was asked for",
            Self::SignedForMismatch => "the image was signed under another name, or under none",
            Self::KeyNotYetValid => "the key is not valid yet",
            Self::KeyExpired => "the key is no longer valid",
            Self::KeyRevoked => "the key was revoked",
            Self::LaterMaterial => "the statement was made after the past moment that is judged",
            Self::Superseded => "a newer statement stands beside it and is judged in its place",
            Self::TimeMissing => {
                "the signed predicate says no time that can be read, so nobody knows whether it is the newest"
            }
            Self::TimeAhead => "the signed predicate says a time that is still to come",
            Self::TooOld => "the signed predicate is older than was asked for",
            Self::IgnoreExpired => "an ignore rule has expired and no longer applies",
            Self::ExemptionExpired => "an exemption has expired and no longer applies",
            Self::Unmatched => "no rule of the policy is for this image",
            Self::OtherScanner => "the scan is by a scanner that was not asked for",
            Self::OtherVerifier => "the summary is by a verifier that was not asked for",
            Self::OtherResource => "the summary is for another repository than was asked for",
            Self::ConditionError => "a condition cannot be evaluated over the statement",
            Self::ConditionNotMet => "a condition is not true of the statement",
            Self::MalformedSummary => {
                "the signature holds, but the predicate cannot be read as a verification summary"
            }
            Self::OtherPolicy => "the image was verified against another policy than was asked for",
            Self::LevelNotMet => "a level that was asked for was not verified",
            Self::VerificationFailed => "the verification that is summed up did not pass",
            Self::MalformedScan => "the signature holds, but the predicate cannot be read as a scan",
            Self::ScannerTooOld => "the scanner is older than asked for, or says no version",
            Self::ScanIncomplete => "the scan is not complete, so it says nothing of what it did not see",
            Self::TooFewComponents => "the scanner looked at too few components, or does not say at how many",
            Self::SummaryMismatch => "the summary says something else than the findings",
            Self::DatabaseTooOld => "the scanner's database is too old, or says no date",
            Self::NotCovered => "the scanner does not say that it looked for this",
            Self::ScannerPolicyViolated => "the scanner's own policies are violated",
            Self::TooManySecrets => "there are more secrets than allowed",
            Self::DeniedLicense => "a package has a licence that is not allowed",
            Self::TooManyVulnerabilities => "there are more vulnerabilities of a severity than allowed",
            Self::SeverityTooHigh => "a vulnerability is worse than allowed",
            Self::MaliciousPackage => "a package is malicious",
            Self::DeniedVulnerability => "a vulnerability that is denied by name was found",
            Self::ThresholdNotMet => "too few distinct keys have signed",
            Self::PlatformNotAdmitted => "an image of the index was not admitted",
            Self::Unreadable => "evidence could not be read",
            Self::Accepted => "the signature counts",
        }
    }

    /// The reason for bytes that `parse` refused: a doubled member has its own, everything else is `other`.
    pub(crate) const fn of_json(error: &JsonError, other: Self) -> Self {
        match error {
            JsonError::DuplicateMember { .. } | JsonError::Case { .. } => Self::DuplicateMember,
            _ => other,
        }
    }

    /// Every reason, in order of nearness.
    pub const ALL: &'static [Self] = &[
        Self::IgnoreExpired,
        Self::ExemptionExpired,
        Self::NoSignature,
        Self::NoAttestation,
        Self::NotASignature,
        Self::NotAnAttestation,
        Self::FormatExcluded,
        Self::UnknownVersion,
        Self::LimitExceeded,
        Self::MalformedManifest,
        Self::ReferrerMismatch,
        Self::MalformedBundle,
        Self::NoContent,
        Self::MalformedEnvelope,
        Self::DuplicateMember,
        Self::MalformedSignature,
        Self::MissingSignature,
        Self::CertificateSignatureUnsupported,
        Self::UntrustedKey,
        Self::SignatureMismatch,
        Self::AlgorithmNotAllowed,
        Self::ExampleKey,
        Self::PayloadTypeMismatch,
        Self::MalformedPayload,
        Self::ImageSignature,
        Self::PredicateTypeMismatch,
        Self::SubjectMismatch,
        Self::NotInherited,
        Self::BlobMismatch,
        Self::LaterMaterial,
        Self::Superseded,
        Self::OtherScanner,
        Self::OtherVerifier,
        Self::OtherResource,
        Self::AnnotationMissing,
        Self::AnnotationMismatch,
        Self::SignedForMismatch,
        Self::KeyNotYetValid,
        Self::KeyExpired,
        Self::KeyRevoked,
        Self::TimeMissing,
        Self::TimeAhead,
        Self::TooOld,
        Self::ConditionError,
        Self::ConditionNotMet,
        Self::MalformedSummary,
        Self::OtherPolicy,
        Self::LevelNotMet,
        Self::VerificationFailed,
        Self::MalformedScan,
        Self::ScannerTooOld,
        Self::ScanIncomplete,
        Self::TooFewComponents,
        Self::SummaryMismatch,
        Self::DatabaseTooOld,
        Self::NotCovered,
        Self::ScannerPolicyViolated,
        Self::TooManySecrets,
        Self::DeniedLicense,
        Self::TooManyVulnerabilities,
        Self::SeverityTooHigh,
        Self::MaliciousPackage,
        Self::DeniedVulnerability,
        Self::ThresholdNotMet,
        Self::PlatformNotAdmitted,
        Self::Unmatched,
        Self::Unreadable,
        Self::Accepted,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_once_in_order_of_nearness() {
        assert!(Reason::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Reason::ALL.last(), Some(&Reason::Accepted));
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
