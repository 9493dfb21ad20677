//! Packs on media that are pulled, and that change behind the program's back.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use waxseal::pack::{AdmittedPack, PackVerdict, Packing, Receiving, Unpacking};
use waxseal::{Decision, Finding, Image, Signing};
use waxseal_core::key::{KeyFile, LocalSigner, Password};
use waxseal_core::policy::PolicySet;
use waxseal_core::{Policy, SignatureRequirement, Signer, TrustedKey};
use waxseal_testkit::layout::Layout;
use waxseal_testkit::{ImageBuilder, fixtures};

use super::client;

fn signer() -> LocalSigner {
    let file = KeyFile::parse(fixtures::private_key_pem("p256").as_ref()).unwrap();
    LocalSigner::new(file.open(Some(&Password::new("example"))).unwrap())
}

/// A pack of one signed image with a layer of some megabytes, at `folder`, checked and admitted.
async fn admitted(folder: &Path) -> (AdmittedPack, std::path::PathBuf) {
    let (client, signer) = (client(), signer());
    ImageBuilder::new().random_layer(6 << 20, 1).build().write_layout(&folder.join("app"), "1.0");
    let location = format!("oci:{}:1.0", folder.join("app").display()).parse().unwrap();
    let mut finding = Finding::default();
    finding.identity = Some("registry.example.com/app".parse().unwrap());
    let image = Image::find(&client, &location, &finding).await.unwrap();
    let signers: [&(dyn Signer + Sync); 1] = [&signer];
    Signing::new(Timestamp::UNIX_EPOCH).sign(image, &signers).await.unwrap();
    let key = TrustedKey::new("release", signer.public_key().clone());
    let policy = Policy::requiring(SignatureRequirement::by(vec![key.clone()]).unwrap());
    let decision = Decision::new(PolicySet::everywhere(policy), client.clone(), Timestamp::UNIX_EPOCH);
    let job = Packing::new(decision.clone(), "app");
    let picked = job.pick(&client, &[location], &finding).await.unwrap();
    let contents = job.contents(&picked).await.unwrap();
    let pack = folder.join("app.wax.tar");
    job.write(contents, &pack, &signers).await.unwrap();
    let mut receiving = Receiving::new(Timestamp::UNIX_EPOCH);
    receiving.keys = vec![key];
    receiving.decision = Some(decision);
    match receiving.check(&pack).await.unwrap() {
        PackVerdict::Admit(admitted) => (*admitted, pack),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_medium_that_is_pulled_or_changes_leaves_no_tag_and_a_rerun_completes() {
    let folder = tempfile::tempdir().unwrap();
    let (pack, file) = admitted(folder.path()).await;
    let good = fs::read(&file).unwrap();
    let to = folder.path().join("site");
    let job = Unpacking::new(format!("oci:{}", to.display()).parse().unwrap());
    let unpack = async || job.unpack(&pack, &client(), &Finding::default(), &[]).await;
    let written = || fs::File::options().write(true).open(&file).unwrap();
    let listed = || Layout::read(&to).entries().len();
    // Pulled after everything was verified: what is read is shorter than what is listed.
    written().set_len(good.len() as u64 / 2).unwrap();
    let error = unpack().await.unwrap_err();
    assert!(error.to_string().contains("sha256:"), "{error}");
    assert_eq!(listed(), 0);
    // Changed after everything was verified, in the middle of the layer.
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(&file, &bad).unwrap();
    let error = unpack().await.unwrap_err();
    assert_eq!(error.code(), "digest-mismatch", "{error}");
    assert_eq!(listed(), 0);
    fs::write(&file, &good).unwrap();
    unpack().await.unwrap();
    assert!(listed() > 0);
}
