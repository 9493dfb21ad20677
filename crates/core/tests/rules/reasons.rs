//! Every reason is one for which something was refused, by a test of this crate.

use waxseal_core::Reason;

use crate::attestations::{conditions, kinds as attested, newest, subjects, summaries};
use crate::scans::{content as scanned, whole};
use crate::signatures::{content, counting, kinds, names, schemes};
use crate::{blobs, looking, make, platforms, sets, time, verdict};

/// A test that sees something refused for this reason; none for the five that are never a refusal's.
fn test_of(reason: Reason) -> Option<fn()> {
    Some(match reason {
        Reason::NoSignature => verdict::v1_nothing_at_all_is_a_refusal_of_its_own,
        Reason::NoAttestation => attested::l4_each_tag_has_its_own_kind,
        Reason::NotAnAttestation => attested::s3_what_is_of_another_kind,
        Reason::ImageSignature => attested::s3_a_signature_never_passes_as_an_attestation,
        Reason::NotInherited => subjects::p3_an_attestation_about_the_index,
        Reason::TimeMissing => newest::n2_a_statement_without_a_readable_time_fails,
        Reason::TimeAhead => newest::n2_a_time_that_is_still_to_come_fails,
        Reason::LaterMaterial => time::t2_later_material_is_ignored,
        Reason::TooOld => newest::a_statement_has_a_greatest_age,
        Reason::NotASignature => kinds::s3_a_message_signature_signs_no_image,
        Reason::FormatExcluded => verdict::l4_only_the_wanted_format_counts,
        Reason::LimitExceeded => looking::l5_sizes_are_bounded,
        // Only the stores can tell these two: here the candidate says so.
        Reason::MalformedManifest | Reason::ReferrerMismatch => verdict::l3_junk_is_a_rejected_candidate,
        Reason::MalformedBundle
        | Reason::UnknownVersion
        | Reason::NoContent
        | Reason::MalformedEnvelope
        | Reason::MalformedSignature => looking::l3_a_bundle_that_does_not_read,
        Reason::DuplicateMember => content::s7_a_member_twice_in_what_is_signed,
        Reason::MissingSignature => kinds::s3_a_layer_without_a_signature,
        Reason::CertificateSignatureUnsupported => kinds::s8_a_certificate_is_refused_and_not_undecided,
        Reason::UntrustedKey | Reason::SignatureMismatch => counting::s1_the_named_key_must_have_signed,
        Reason::AlgorithmNotAllowed => schemes::s5_a_policy_narrows_the_schemes_of_a_key,
        Reason::ExampleKey => time::the_example_keys_count_only_where_they_are_allowed,
        Reason::PayloadTypeMismatch => kinds::s3_a_legacy_payload_of_another_kind,
        Reason::MalformedPayload => kinds::s3_a_legacy_payload_that_does_not_read,
        Reason::PredicateTypeMismatch => kinds::s3_an_attestation_never_passes_as_a_signature,
        Reason::SubjectMismatch => kinds::s3_a_signature_of_another_image,
        Reason::BlobMismatch => blobs::the_digest_in_a_bundle_is_compared,
        Reason::AnnotationMissing => content::s4_every_wanted_annotation_is_signed,
        Reason::AnnotationMismatch => content::s4_an_annotation_has_exactly_the_wanted_value,
        Reason::SignedForMismatch => names::s9_the_same_name,
        Reason::KeyNotYetValid => time::t1_a_key_counts_from_its_first_moment,
        Reason::KeyExpired => time::t1_a_key_counts_to_its_last_moment,
        Reason::KeyRevoked => time::t1_a_key_no_longer_counts_at_the_moment_of_its_revocation,
        Reason::OtherVerifier => summaries::y6_the_verifier_is_compared,
        Reason::OtherResource => summaries::y6_the_resource_is_compared,
        Reason::ConditionError => conditions::y5_an_error_refuses,
        Reason::ConditionNotMet => conditions::y5_only_what_is_true_passes,
        Reason::MalformedSummary => summaries::y6_a_summary_that_cannot_be_read_refuses,
        Reason::OtherPolicy => summaries::y6_the_policy_is_compared,
        Reason::LevelNotMet => summaries::y6_the_levels_are_compared,
        Reason::VerificationFailed => summaries::y6_a_summary_must_have_passed,
        Reason::OtherScanner | Reason::ScannerTooOld => scanned::scanners,
        Reason::MalformedScan => whole::n4_a_bill_of_materials_is_no_scan,
        Reason::ScanIncomplete => scanned::require_complete,
        Reason::TooFewComponents => scanned::min_components,
        Reason::SummaryMismatch => whole::n6_a_summary_that_lies_is_refused,
        Reason::DatabaseTooOld => scanned::max_db_age,
        Reason::ScannerPolicyViolated => scanned::watches_and_violations,
        Reason::TooManySecrets => scanned::secrets,
        Reason::NotCovered | Reason::DeniedLicense => scanned::licenses,
        Reason::TooManyVulnerabilities => scanned::max_count,
        Reason::SeverityTooHigh => scanned::max_severity,
        Reason::MaliciousPackage => scanned::deny_malicious,
        Reason::DeniedVulnerability => scanned::deny_ids,
        Reason::ThresholdNotMet => counting::s2_a_threshold_counts_keys_and_not_signatures,
        Reason::PlatformNotAdmitted => platforms::p4_all_images_must_be_admitted,
        Reason::Unmatched => sets::y1_an_image_that_no_rule_is_for_is_refused,
        Reason::IgnoreExpired
        | Reason::ExemptionExpired
        | Reason::Superseded
        | Reason::Unreadable
        | Reason::Accepted => return None,
        other => panic!("{other:?} has no test"),
    })
}

#[test]
fn every_reason_is_seen_by_the_test_that_is_named_for_it() {
    for reason in Reason::ALL {
        let Some(test) = test_of(*reason) else {
            assert!(matches!(
                reason,
                Reason::IgnoreExpired
                    | Reason::ExemptionExpired
                    | Reason::Superseded
                    | Reason::Unreadable
                    | Reason::Accepted
            ));
            continue;
        };
        assert!(make::reasons_of(test).contains(reason), "{reason:?}");
    }
}

/// Codes are for machines and stable; meanings are for people.
#[test]
fn codes_and_meanings_are_of_their_kinds() {
    for reason in Reason::ALL {
        let code = reason.code();
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
        let meaning = reason.meaning();
        assert!(meaning.len() > 15 && !meaning.ends_with('.') && !meaning.contains("  "), "{meaning}");
    }
}
