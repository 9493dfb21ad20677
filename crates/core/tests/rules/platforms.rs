//! P: indexes, and the images in them.

use waxseal_core::media_type::{OCI_INDEX, OCI_MANIFEST};
use waxseal_core::verify::{PlatformVerdict, SubjectError};
use waxseal_core::{
    Candidate, Digest, Evidence, Format, Platform, Policy, Reason, Repository, Subject, Verdict, Verifier,
};
use waxseal_testkit::rng::now;
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder};

use crate::make::{
    Case, REPOSITORY, admitted, by, by_release, changed, key, refused, signed_as, subject, undecided,
    unreadable,
};

/// An index of two images.
fn index() -> BuiltImage {
    IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build()
}

fn children(index: &BuiltImage) -> Vec<Digest> {
    index.children.iter().map(|(descriptor, _)| descriptor.digest).collect()
}

/// A signature of a digest by the key `release`.
fn signature(digest: Digest) -> Candidate {
    signed_as(Format::Bundle, &key("release"), digest, REPOSITORY, &[])
}

fn judge(policy: &Policy, subject: &Subject, signatures: &[Digest]) -> Verdict {
    let candidates = signatures.iter().map(|digest| signature(*digest));
    Case::new(policy, candidates).about(subject.clone()).verdict()
}

/// The index judged by its own signature or none, its images by theirs, and all of it together.
fn combine(index: &BuiltImage, own: &[Digest], images: &[(Digest, &[Digest])]) -> Verdict {
    combine_by(&by_release(), &by_release(), index, own, images)
}

fn combine_by(
    own_policy: &Policy,
    policy: &Policy,
    index: &BuiltImage,
    own: &[Digest],
    images: &[(Digest, &[Digest])],
) -> Verdict {
    let whole = subject(index.digest());
    let own = judge(own_policy, &whole, own);
    let images: Vec<_> = images
        .iter()
        .map(|(digest, signatures)| {
            PlatformVerdict::new(*digest, judge(policy, &subject(*digest), signatures))
        })
        .collect();
    together(index, &own, &images)
}

fn together(index: &BuiltImage, own: &Verdict, images: &[PlatformVerdict]) -> Verdict {
    let bytes = &index.manifest.1;
    Verifier::new()
        .combine(&subject(index.digest()), bytes, Some(OCI_INDEX), own, images, &by_release())
        .unwrap()
}

/// An index that a weaker policy admits leaves no descriptor out.
#[test]
fn p4_a_build_attestation_is_skipped_only_by_the_same_policy() {
    let image = ImageBuilder::new().file("hello", "world").build();
    let index = IndexBuilder::new().image(image.clone()).build_attestation(&image).build();
    let images = [(image.digest(), &[image.digest()][..])];
    let good = combine(&index, &[index.digest()], &images);
    let weaker = Policy::requiring(by(&["release", "other"]));
    let bad = combine_by(&weaker, &by_release(), &index, &[index.digest()], &images);
    admitted("the same policy", &good);
    refused("another policy", &bad, Reason::PlatformNotAdmitted);
}

/// Two verdicts over one digest: both must admit it, whichever comes first.
#[test]
fn p4_several_verdicts_over_one_image_must_all_admit_it() {
    let index = index();
    let [first, second] = children(&index)[..] else { panic!("two images") };
    let verdicts = [(first, &[first][..]), (second, &[second][..]), (first, &[][..])];
    admitted("each once", &combine(&index, &[], &verdicts[..2]));
    refused("one of two", &combine(&index, &[], &verdicts), Reason::PlatformNotAdmitted);
    let turned: Vec<_> = verdicts.iter().rev().copied().collect();
    refused("the other way round", &combine(&index, &[], &turned), Reason::PlatformNotAdmitted);
}

/// The bytes are those of the index, also where it lists nothing that could be looked at.
#[test]
fn p4_the_bytes_must_be_those_of_the_index() {
    let empty = IndexBuilder::new().build();
    let index = index();
    let own = judge(&by_release(), &subject(index.digest()), &[index.digest()]);
    admitted("the index is signed", &own);
    let combined = Verifier::new().combine(
        &subject(index.digest()),
        &empty.manifest.1,
        Some(OCI_INDEX),
        &own,
        &[],
        &by_release(),
    );
    let expected = SubjectError::Digest { expected: index.digest(), found: empty.digest() };
    assert_eq!(combined.unwrap_err(), expected);
}

/// S7: readers that fold case take the last of two members, and would run an image that nobody judged. Every image that
/// we read out of the index is signed, and the index itself is not.
#[test]
fn s7_an_index_that_other_readers_read_otherwise_is_not_combined() {
    let good = ImageBuilder::new().file("hello", "world").build().digest();
    let evil = ImageBuilder::new().file("evil", "world").build().digest();
    let index = |more: &str| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_MANIFEST}","digest":"{good}"{more},"size":2,"platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#
        )
    };
    let combine = |text: &str| {
        let whole = subject(Digest::of(text));
        let own = judge(&by_release(), &whole, &[]);
        let images = [PlatformVerdict::new(good, judge(&by_release(), &subject(good), &[good]))];
        Verifier::new().combine(&whole, text.as_bytes(), Some(OCI_INDEX), &own, &images, &by_release())
    };
    admitted("its image is signed", &combine(&index("")).unwrap());
    admitted("an annotation", &combine(&index(&format!(r#","annotations":{{"Digest":"{evil}"}}"#))).unwrap());
    for more in [
        format!(r#","Digest":"{evil}""#),
        format!(r#","DIGEST":"{evil}""#),
        format!(r#","dige\u017ft":"{evil}""#),
        r#","Platform":{"os":"linux","architecture":"arm64"}"#.to_owned(),
        r#","MediaType":"application/vnd.oci.image.index.v1+json""#.to_owned(),
    ] {
        let refused = combine(&index(&more)).unwrap_err();
        assert!(matches!(refused, SubjectError::Manifest(_)), "{more}: {refused}");
    }
    let other = index("").replacen('{', &format!(r#"{{"Manifests":[{{"digest":"{evil}"}}],"#), 1);
    assert!(matches!(combine(&other).unwrap_err(), SubjectError::Manifest(_)), "{other}");
}

/// What is not decided about the index is not decided about what it could let skip.
#[test]
fn p4_an_index_that_could_not_be_read_decides_nothing() {
    let image = ImageBuilder::new().file("hello", "world").build();
    let attested = IndexBuilder::new().image(image.clone()).build_attestation(&image).build();
    let empty = IndexBuilder::new().build();
    for index in [&attested, &empty] {
        let mut evidence = Evidence::new();
        evidence.unreadable.push(unreadable(None));
        let unread = Verifier::new().verify(&subject(index.digest()), &evidence, &by_release(), now());
        let unsigned = judge(&by_release(), &subject(index.digest()), &[]);
        let images = [PlatformVerdict::new(
            image.digest(),
            judge(&by_release(), &subject(image.digest()), &[image.digest()]),
        )];
        undecided("the index could not be read", &together(index, &unread, &images));
        refused("the index is not signed", &together(index, &unsigned, &images), Reason::PlatformNotAdmitted);
    }
}

fn bytes(index: &BuiltImage) -> &[u8] {
    &index.manifest.1
}

/// P1: what is admitted is the digest that was judged, and nothing else.
#[test]
fn p1_the_digest_that_was_judged_is_pinned() {
    let index = index();
    for digest in [index.digest(), children(&index)[0]] {
        let verdict = judge(&by_release(), &subject(digest), &[digest]);
        admitted("itself", &verdict);
        assert_eq!(verdict.verified().unwrap().digest(), &digest);
        assert_eq!(verdict.report().digest, digest);
    }
}

/// P2: a signature on an index covers what its bytes list, and nothing else.
#[test]
pub(crate) fn p2_a_signature_on_the_index_covers_the_child() {
    let index = index();
    let child = children(&index)[1];
    let reached = subject(index.digest()).child(bytes(&index), Some(OCI_INDEX), &child).unwrap();
    assert_eq!(reached.pinned().digest(), &child);
    assert_eq!(reached.via(), [index.digest()]);
    let verdict = judge(&by_release(), &reached, &[index.digest()]);
    admitted("the index is signed", &verdict);
    assert_eq!(verdict.verified().unwrap().digest(), &child);
    assert_eq!(verdict.signatures()[0].digest, index.digest());
    admitted("the child is signed", &judge(&by_release(), &reached, &[child]));
    // The same image, not reached through the index.
    let bad = judge(&by_release(), &subject(child), &[index.digest()]);
    refused("named by its own digest", &bad, Reason::SubjectMismatch);
    let bad = judge(&by_release(), &reached, &[children(&index)[0]]);
    refused("another child is signed", &bad, Reason::SubjectMismatch);
}

#[test]
fn p2_a_signature_on_a_child_does_not_cover_the_index() {
    let index = index();
    let whole = subject(index.digest());
    admitted("the index is signed", &judge(&by_release(), &whole, &[index.digest()]));
    refused("a child is signed", &judge(&by_release(), &whole, &children(&index)), Reason::SubjectMismatch);
}

#[test]
fn p2_a_signature_on_the_outer_index_covers_nested_ones() {
    let inner = index();
    let outer = IndexBuilder::new().image(inner.clone()).build();
    let child = children(&inner)[0];
    let middle = subject(outer.digest()).child(bytes(&outer), None, &inner.digest()).unwrap();
    let reached = middle.child(bytes(&inner), None, &child).unwrap();
    assert_eq!(reached.via(), [outer.digest(), inner.digest()]);
    for signed in [outer.digest(), inner.digest(), child] {
        admitted("on the way", &judge(&by_release(), &reached, &[signed]));
    }
    let elsewhere = ImageBuilder::new().file("another", "image").build();
    refused("elsewhere", &judge(&by_release(), &reached, &[elsewhere.digest()]), Reason::SubjectMismatch);
    refused(
        "the middle does not cover the outer",
        &judge(&by_release(), &subject(outer.digest()), &[inner.digest()]),
        Reason::SubjectMismatch,
    );
}

#[test]
fn p2_only_what_the_hashed_bytes_list_is_a_child() {
    let index = index();
    let whole = subject(index.digest());
    let child = children(&index)[0];
    assert!(whole.child(bytes(&index), Some(OCI_INDEX), &child).is_ok());
    let stranger = Digest::of("stranger");
    let unlisted = whole.child(bytes(&index), Some(OCI_INDEX), &stranger).unwrap_err();
    assert_eq!(unlisted, SubjectError::NotListed { child: stranger });
    // A child is a manifest of the index, not a layer or a configuration of its images.
    let layer = index.blobs[0].0.digest;
    assert!(matches!(whole.child(bytes(&index), None, &layer), Err(SubjectError::NotListed { .. })));
    let mut padded = bytes(&index).to_vec();
    padded.push(b' ');
    assert!(matches!(whole.child(&padded, None, &child), Err(SubjectError::Digest { .. })));
    let image = ImageBuilder::new().file("hello", "world").build();
    let of_image = subject(image.digest()).child(bytes(&image), None, &image.blobs[0].0.digest);
    assert_eq!(of_image.unwrap_err(), SubjectError::NotAnIndex);
}

/// T-26: an index that is an image too could list one thing to one reader and another to the other.
#[test]
fn p2_an_index_is_read_in_one_way() {
    let index = index();
    let text = String::from_utf8(bytes(&index).to_vec()).unwrap();
    let child = children(&index)[0];
    for (name, changed) in [
        ("layers too", changed(&text, "\"manifests\"", "\"layers\":[],\"manifests\"")),
        ("manifests twice", changed(&text, "\"manifests\"", "\"manifests\":[],\"manifests\"")),
        ("Manifests", changed(&text, "\"manifests\"", "\"Manifests\":[],\"manifests\"")),
        ("schema 1", changed(&text, "\"schemaVersion\":2", "\"schemaVersion\":1")),
    ] {
        let subject = subject(Digest::of(&changed));
        let error = subject.child(changed.as_bytes(), Some(OCI_INDEX), &child).unwrap_err();
        assert!(matches!(error, SubjectError::Manifest(_)), "{name}: {error:?}");
    }
    let mismatch = subject(index.digest()).child(bytes(&index), Some(OCI_MANIFEST), &child);
    assert!(matches!(mismatch, Err(SubjectError::Manifest(_))), "{mismatch:?}");
}

#[test]
pub(crate) fn p4_all_images_must_be_admitted() {
    let index = index();
    let [first, second] = children(&index)[..] else { panic!("two images") };
    let good = combine(&index, &[], &[(first, &[first]), (second, &[second])]);
    admitted("each by its own signature", &good);
    assert_eq!(good.verified().unwrap().digest(), &index.digest());
    assert_eq!(good.signatures().len(), 2);
    let reported = |verdict: &Verdict| {
        let [requirement] = &verdict.report().requirements[..] else { panic!("one requirement") };
        (requirement.met, requirement.counted)
    };
    assert_eq!(reported(&good), (true, 1), "as it came out for the images, not for the index");
    let bad = combine(&index, &[], &[(first, &[first]), (second, &[])]);
    refused("one without a signature", &bad, Reason::PlatformNotAdmitted);
    assert_eq!(reported(&bad), (false, 0));
    let bad = combine(&index, &[index.digest()], &[(first, &[first])]);
    refused("one that was not judged", &bad, Reason::PlatformNotAdmitted);
    assert_eq!(reported(&bad), (false, 0));
    assert!(bad.nearest_miss().unwrap().found.as_ref().unwrap().contains("linux/arm64"));
    let bad = combine(&index, &[], &[(first, &[first]), (second, &[first])]);
    refused("one by the other's signature", &bad, Reason::PlatformNotAdmitted);
    // A signature on the index judges the index; each image is judged for itself.
    let bad = combine(&index, &[index.digest()], &[(first, &[first]), (second, &[])]);
    refused("the index is signed, an image is not", &bad, Reason::PlatformNotAdmitted);
}

#[test]
fn p4_an_image_that_was_not_judged_refuses() {
    let index = index();
    let [first, second] = children(&index)[..] else { panic!("two images") };
    let stranger = Digest::of("stranger");
    for images in [&[(first, &[first][..])][..], &[], &[(first, &[first]), (stranger, &[stranger])]] {
        let bad = combine(&index, &[index.digest()], images);
        refused("not judged", &bad, Reason::PlatformNotAdmitted);
        assert!(bad.nearest_miss().unwrap().found.as_ref().unwrap().ends_with("not judged"));
    }
    admitted("all", &combine(&index, &[], &[(second, &[second]), (first, &[first])]));
}

/// The verdicts of a weaker policy are none of this one.
#[test]
fn p4_verdicts_of_another_policy_are_refused() {
    let index = index();
    let all: Vec<_> = children(&index);
    let images: Vec<_> = all.iter().map(|digest| (*digest, core::slice::from_ref(digest))).collect();
    let weaker = Policy::requiring(by(&["release", "other"]));
    admitted("the same policy", &combine(&index, &[], &images));
    let bad = combine_by(&by_release(), &weaker, &index, &[], &images);
    refused("another policy", &bad, Reason::PlatformNotAdmitted);
    // Nor are verdicts over another image under this one's digest.
    let [first, second] = all[..] else { panic!("two images") };
    let own = judge(&by_release(), &subject(index.digest()), &[]);
    let exchanged = [
        PlatformVerdict::new(first, judge(&by_release(), &subject(first), &[first])),
        PlatformVerdict::new(second, judge(&by_release(), &subject(first), &[first])),
    ];
    refused("another image's verdict", &together(&index, &own, &exchanged), Reason::PlatformNotAdmitted);
    let elsewhere = Subject::new("registry.example.com/stage/app".parse::<Repository>().unwrap().pin(second));
    let elsewhere = [
        PlatformVerdict::new(first, judge(&by_release(), &subject(first), &[first])),
        PlatformVerdict::new(second, judge(&by_release(), &elsewhere, &[second])),
    ];
    refused("of another repository", &together(&index, &own, &elsewhere), Reason::PlatformNotAdmitted);
}

/// A build attestation is left out only where the index is admitted, and only if it says that it is for no platform.
#[test]
fn p4_only_a_build_attestation_of_an_admitted_index_is_skipped() {
    let image = ImageBuilder::new().file("hello", "world").build();
    let judged = [(image.digest(), &[image.digest()][..])];
    let attested = IndexBuilder::new().image(image.clone()).build_attestation(&image).build();
    admitted("the index is signed", &combine(&attested, &[attested.digest()], &judged));
    refused("the index is not signed", &combine(&attested, &[], &judged), Reason::PlatformNotAdmitted);
    let attestation = attested.children[1].0.digest;
    let both = [judged[0], (attestation, &[attestation][..])];
    admitted("it is signed itself", &combine(&attested, &[], &both));
    let artifact = ImageBuilder::new().layer("x").build();
    for (os, architecture) in [("unknown", "amd64"), ("linux", "unknown"), ("", ""), ("Unknown", "unknown")] {
        let mut descriptor = artifact.descriptor();
        descriptor.platform = Some(Platform::new(os, architecture));
        let index = IndexBuilder::new().image(image.clone()).image_as(artifact.clone(), descriptor).build();
        let bad = combine(&index, &[index.digest()], &judged);
        refused("for a platform", &bad, Reason::PlatformNotAdmitted);
    }
    let mut descriptor = artifact.descriptor();
    descriptor.platform = None;
    let index = IndexBuilder::new().image(image.clone()).image_as(artifact, descriptor).build();
    refused("without a platform", &combine(&index, &[index.digest()], &judged), Reason::PlatformNotAdmitted);
}

/// A descriptor that stands twice is judged twice, also where it says two things about itself.
#[test]
fn p4_an_image_that_is_listed_twice() {
    let (first, second) =
        (ImageBuilder::new().file("a", "1").build(), ImageBuilder::new().file("a", "2").build());
    let mut hidden = second.descriptor();
    hidden.platform = Some(Platform::new("unknown", "unknown"));
    let twice = IndexBuilder::new().image(first.clone()).image(first.clone()).build();
    let good = combine(&twice, &[], &[(first.digest(), &[first.digest()])]);
    admitted("the same twice", &good);
    assert_eq!(good.signatures().len(), 1);
    let index = IndexBuilder::new()
        .image(first.clone())
        .image_as(second.clone(), hidden)
        .image(second.clone())
        .build();
    let own = &[index.digest()];
    let one = (first.digest(), &[first.digest()][..]);
    admitted("both judged", &combine(&index, own, &[one, (second.digest(), &[second.digest()])]));
    refused("unknown once, and not judged", &combine(&index, own, &[one]), Reason::PlatformNotAdmitted);
    refused(
        "unknown once, and unsigned",
        &combine(&index, own, &[one, (second.digest(), &[])]),
        Reason::PlatformNotAdmitted,
    );
}

/// V4, as far as one index goes: refused before undecided before admitted.
#[test]
fn p4_the_worst_image_decides() {
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64", "linux/s390x"]).build();
    let all = children(&index);
    let own = judge(&by_release(), &subject(index.digest()), &[index.digest()]);
    let good = |at: usize| PlatformVerdict::new(all[at], judge(&by_release(), &subject(all[at]), &[all[at]]));
    let unsigned = PlatformVerdict::new(all[1], judge(&by_release(), &subject(all[1]), &[]));
    let mut evidence = Evidence::new();
    evidence.unreadable.push(unreadable(None));
    let unread = Verifier::new().verify(&subject(all[2]), &evidence, &by_release(), now());
    let unread = PlatformVerdict::new(all[2], unread);
    admitted("all", &together(&index, &own, &[good(0), good(1), good(2)]));
    undecided("one undecided", &together(&index, &own, &[good(0), good(1), unread.clone()]));
    for images in [[good(0), unsigned.clone(), unread.clone()], [unread, unsigned, good(0)]] {
        refused("one refused", &together(&index, &own, &images), Reason::PlatformNotAdmitted);
    }
}
