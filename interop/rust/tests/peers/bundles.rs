//! Bundles that were signed by a key and stand in no log: the `sigstore` crate finds them and takes none.

use sigstore::cosign::CosignCapabilities as _;
use sigstore::registry::Auth;

use crate::log;
use crate::place::{Key, Place, sigstore_client};

#[tokio::test]
async fn the_crate_wants_a_certificate_in_a_bundle() {
    for place in [Place::new(), Place::without_referrers_api()] {
        let key = Key::cosign("p256");
        place.sign(&key, &["--format", "bundle"]);
        assert_eq!(place.verify(&key, &["--format", "bundle"]), 0);

        log::forget();
        let mut client = sigstore_client();
        let layers = client.trusted_signature_layers(&Auth::Anonymous, &place.reference()).await.unwrap();
        assert!(layers.is_empty());
        let told = log::told();
        assert!(told.contains("expected Certificate in verificationMaterial"), "{told}");
    }
}

/// With both formats beside the image, the crate counts the legacy one.
#[tokio::test]
async fn a_bundle_beside_a_legacy_signature_does_no_harm() {
    for place in [Place::new(), Place::without_referrers_api()] {
        place.sign(&Key::cosign("p256"), &[]);
        let layers =
            sigstore_client().trusted_signature_layers(&Auth::Anonymous, &place.reference()).await.unwrap();
        assert_eq!(layers.len(), 1);
    }
}
