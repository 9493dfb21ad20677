//! The manifest of a pack: whether a key that the receiver trusts for packs signed it (rule K1).

use jiff::Timestamp;

use super::image::unknown_signer;
use super::{Finding, Proof, Reason, Verified, Verifier};
use crate::key::Scheme;
use crate::pack::{PackEnvelope, PackManifest};
use crate::policy::{Policy, PolicyError, SignatureRequirement, TrustedKey};

impl Verifier {
    /// The manifest of a pack, if one of `keys` signed it and counts at `now`; else the finding that came closest. No
    /// key at all is a [`PolicyError`].
    pub fn pack(
        &self,
        envelope: &PackEnvelope,
        keys: &[TrustedKey],
        now: Timestamp,
    ) -> Result<Result<Verified<PackManifest>, Finding>, PolicyError> {
        let policy = Policy::requiring(SignatureRequirement::by(keys.to_vec())?);
        Ok(self.judge_pack(envelope, keys, &policy, now))
    }

    fn judge_pack(
        &self,
        envelope: &PackEnvelope,
        keys: &[TrustedKey],
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Verified<PackManifest>, Finding> {
        let signatures = envelope.envelope().signatures();
        if signatures.is_empty() {
            return Err(Finding::new(Reason::MissingSignature).found("a pack that nobody signed"));
        }
        let message = envelope.envelope().signed_bytes();
        let mut nearest = unknown_signer(None, keys);
        // Every key that counts is told: a receiver keeps what it received under each of them, so that neither the order of
        // signatures nor one that was taken away shows an older pack as new.
        let mut counted: Vec<&TrustedKey> = Vec::new();
        for signature in signatures {
            for trusted in keys {
                let schemes = Scheme::accepted_for(trusted.key().algorithm());
                let Some(scheme) = trusted.key().verify(&message, &signature.signature, schemes) else {
                    continue;
                };
                let counts = if trusted.allows(scheme) {
                    self.key_counts(trusted, now)
                } else {
                    Err(Finding::new(Reason::AlgorithmNotAllowed).found(scheme.code()))
                };
                match counts {
                    Ok(()) if counted.iter().any(|known| known.key().id() == trusted.key().id()) => {}
                    Ok(()) => counted.push(trusted),
                    Err(finding) if finding.reason > nearest.reason => nearest = finding.by(trusted),
                    Err(_) => {}
                }
            }
        }
        let Some(first) = counted.first() else { return Err(nearest) };
        let manifest = envelope
            .claimed()
            .map_err(|error| Finding::new(Reason::MalformedPayload).by(first).found(error.to_string()))?;
        let keys = counted.iter().map(|trusted| trusted.key().id()).collect();
        Ok(Verified::assertion(manifest, Proof { keys, policy: policy.digest(), at: now }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyFile, LocalSigner, Password};
    use crate::limits::{LAYOUT_BLOBS, PACK_MANIFEST_BYTES};
    use crate::pack::{OmittedBlob, PackEntry, PackError, PackImage, PackPolicy};
    use crate::{Digest, Signer};

    fn signer() -> LocalSigner {
        let bytes = include_bytes!("../../../../keys-example/release.key");
        let password = Password::new("waxseal-example");
        LocalSigner::new(KeyFile::parse(bytes).unwrap().open(Some(&password)).unwrap())
    }

    fn manifest() -> PackManifest {
        let policy = PackPolicy::new("production", Digest::of("policy"));
        let mut manifest = PackManifest::new("app", 7, Timestamp::UNIX_EPOCH, policy);
        let name = "registry.example.com/app:1.0".parse().unwrap();
        manifest.images.push(PackImage::new(name, Digest::of("image")));
        manifest.entries.push(PackEntry::new("oci-layout", 2, Digest::of("{}")));
        manifest
    }

    fn keys() -> Vec<TrustedKey> {
        vec![TrustedKey::new("site", signer().public_key().clone())]
    }

    fn judged(bytes: &[u8], keys: &[TrustedKey]) -> Result<u64, Reason> {
        let envelope = PackEnvelope::parse(bytes).unwrap();
        let verifier = Verifier::new().allow_example_keys();
        let judged = verifier.pack(&envelope, keys, Timestamp::UNIX_EPOCH).unwrap();
        judged.map(|manifest| manifest.serial).map_err(|finding| finding.reason)
    }

    #[test]
    fn only_what_a_trusted_key_signed_is_verified() {
        let signer = signer();
        let signed = manifest().seal(&[&signer]).unwrap();
        assert_eq!(signed.claimed().unwrap(), manifest());
        assert_eq!(judged(signed.to_json().as_bytes(), &keys()), Ok(7));
        let unsigned = manifest().seal(&[]).unwrap();
        assert_eq!(judged(unsigned.to_json().as_bytes(), &keys()), Err(Reason::MissingSignature));
        let mut other = manifest();
        other.serial = 8;
        let payload = |envelope: &str| envelope.split('"').nth(3).unwrap().to_owned();
        let signed = signed.to_json();
        let forged = signed.replace(&payload(&signed), &payload(&other.seal(&[]).unwrap().to_json()));
        assert_ne!(forged, signed);
        assert_eq!(judged(forged.as_bytes(), &keys()), Err(Reason::SignatureMismatch));
        let expired = vec![keys().remove(0).valid(None, Some("1969-01-01T00:00:00Z".parse().unwrap()))];
        assert_eq!(judged(signed.as_bytes(), &expired), Err(Reason::KeyExpired));
        let revoked = vec![keys().remove(0).revoked(Timestamp::UNIX_EPOCH)];
        assert_eq!(judged(signed.as_bytes(), &revoked), Err(Reason::KeyRevoked));
        let envelope = PackEnvelope::parse(signed.as_bytes()).unwrap();
        let strict = Verifier::new().pack(&envelope, &keys(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(strict.unwrap_err().reason, Reason::ExampleKey);
        assert!(Verifier::new().pack(&envelope, &[], Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn every_trusted_key_that_signed_is_told() {
        let other = include_bytes!("../../../../keys-example/security.key");
        let password = Password::new("waxseal-example");
        let other = LocalSigner::new(KeyFile::parse(other).unwrap().open(Some(&password)).unwrap());
        let first = signer();
        let trusted = [keys(), vec![TrustedKey::new("next", other.public_key().clone())]].concat();
        let verifier = Verifier::new().allow_example_keys();
        let told = |signers: &[&(dyn Signer + Sync)], trusted: &[TrustedKey]| {
            let envelope = manifest().seal(signers).unwrap();
            let verified = verifier.pack(&envelope, trusted, Timestamp::UNIX_EPOCH).unwrap().unwrap();
            verified.proof().keys.clone()
        };
        let ids = [first.public_key().id(), other.public_key().id()];
        assert_eq!(told(&[&first, &other], &trusted), ids);
        assert_eq!(told(&[&other, &first], &trusted), [ids[1], ids[0]]);
        // Nobody who is not trusted is told, and nobody twice.
        assert_eq!(told(&[&other, &first], &keys()), [ids[0]]);
        assert_eq!(told(&[&first, &first], &keys()), [ids[0]]);
    }

    #[test]
    fn a_blob_is_listed_under_its_own_digest() {
        let blob = Digest::of("blob");
        let long = Digest::of_with(crate::digest::Algorithm::Sha512, "blob");
        let path = |digest: Digest| format!("blobs/{}/{}", digest.algorithm(), digest.hex());
        let listed = |path: String, digest: Digest| {
            let mut manifest = manifest();
            manifest.entries.push(PackEntry::new(path, 4, digest));
            manifest.to_bytes().is_ok()
        };
        assert!(listed(path(blob), blob) && listed(path(long), long));
        assert!(!listed(path(Digest::of("other")), blob));
        assert!(!listed(path(long), blob));
        assert!(!listed("blobs/sha256/x".to_owned(), blob));
        assert!(!listed(format!("./{}", path(blob)), blob));
        assert!(!listed(format!("x/../{}", path(blob)), blob));
    }

    #[test]
    fn what_readers_do_not_take_is_not_sealed() {
        let blobs = |count: usize| {
            let mut manifest = manifest();
            let blob = |number: usize| {
                let digest = Digest::of(number.to_string());
                PackEntry::new(format!("blobs/sha256/{}", digest.hex()), 1, digest)
            };
            manifest.entries.extend((0..count).map(blob));
            manifest.seal(&[])
        };
        assert!(blobs(LAYOUT_BLOBS).is_ok());
        assert!(matches!(blobs(LAYOUT_BLOBS.saturating_add(1)), Err(PackError::Shape { .. })));
        // The payload alone would be within the limit; in its envelope, in Base64, it is not.
        let long = |bytes: u64| {
            let mut manifest = manifest();
            let at = vec!["r".repeat(usize::try_from(bytes).unwrap())];
            manifest.omitted.push(OmittedBlob::new(Digest::of("blob"), 4, at));
            manifest.seal(&[])
        };
        let whole = (PACK_MANIFEST_BYTES / 4).saturating_mul(3);
        let sealed = long(whole.saturating_sub(1024)).unwrap().to_json();
        assert!(PackEnvelope::parse(sealed.as_bytes()).is_ok());
        assert!(matches!(long(whole), Err(PackError::TooLarge { .. })));
    }

    #[test]
    fn a_manifest_is_read_in_one_way_only() {
        let good = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
        let read = |text: &str| {
            let envelope =
                crate::dsse::Envelope::new(crate::pack::PACK_PAYLOAD_TYPE, text.into(), Vec::new());
            PackEnvelope::parse(envelope.to_json().as_bytes()).unwrap().claimed()
        };
        assert_eq!(read(&good).unwrap(), manifest());
        for (from, to) in [
            ("waxseal/pack/v1", "waxseal/pack/v2"),
            ("\"serial\":7", "\"serial\":7,\"serial\":8"),
            ("\"serial\":7", "\"serial\":7,\"Serial\":8"),
            ("\"serial\":7", "\"serial\":9007199254740992"),
            ("\"serial\":7", "\"serial\":7,\"more\":8"),
            ("\"name\":\"app\"", "\"name\":\"../app\""),
            ("1970-01-01T00:00:00Z", "yesterday"),
            ("registry.example.com/app:1.0", "registry.example.com/APP:1.0"),
            ("\"path\":\"oci-layout\"", "\"path\":\"\""),
        ] {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good);
            assert!(read(&changed).is_err(), "{changed}");
        }
        let mut doubled = manifest();
        doubled.entries.extend(manifest().entries);
        assert!(doubled.to_bytes().is_err());
        let mut twice = manifest();
        twice.images.extend(manifest().images);
        assert!(twice.to_bytes().is_err());
        let mut empty = manifest();
        empty.images.clear();
        assert!(empty.to_bytes().is_err());
        let image = crate::dsse::Envelope::new("application/vnd.in-toto+json", good.into(), Vec::new());
        assert!(PackEnvelope::parse(image.to_json().as_bytes()).is_err());
    }
}
