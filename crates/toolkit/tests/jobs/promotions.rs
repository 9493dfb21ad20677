//! Promotion: only what is verified, with its evidence, the tag last, and again where it broke off.

use std::collections::BTreeSet;

use jiff::Timestamp;
use waxseal::promote::{
    Condition, Promoting, Promotion, PromotionOutcome, Standing, Summarising, TagTemplate, Unmet,
};
use waxseal::{Attesting, Claim, Decision, Error, Finding, Image};
use waxseal_core::candidate::Format;
use waxseal_core::key::LocalSigner;
use waxseal_core::media_type::OCI_INDEX;
use waxseal_core::policy::{
    AttestationRequirement, Exemption, Mode, PolicySet, RepositoryGlob, Rule, RulePlatforms, Unmatched,
};
use waxseal_core::scan::{Package, Scan, ScanFinding, ScanStatus, Scanner, Severity};
use waxseal_core::signing::Predicate;
use waxseal_core::verify::Outcome;
use waxseal_core::{Digest, Policy, SignatureRequirement, Signer};
use waxseal_oci::registry::Retries;
use waxseal_oci::{Attached, Client, Location};
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, BuiltImage, ImageBuilder, IndexBuilder, Match, Registry};

use crate::scene::{BOTH, by, options, sign, sign_with, signer, signing, trusted, verify};

/// A client that repeats nothing, so that a request that fails is one step.
fn client() -> Client {
    let mut options = options();
    options.retries = Retries::new(0, std::time::Duration::ZERO);
    Client::new(options).unwrap()
}

fn job(policy: PolicySet) -> Promoting {
    Promoting::new(Decision::new(policy, client(), now()))
}

/// A job that wants signatures by this signer, whatever the image is called.
fn by_flags(key: &LocalSigner) -> Promoting {
    job(PolicySet::everywhere(by(key)))
}

fn location(name: &str) -> Location {
    name.parse().unwrap()
}

async fn promote(job: &Promoting, from: &str, to: &str) -> Result<Promotion, Error> {
    Box::pin(job.promote(&client(), &location(from), &location(to), &Finding::default(), None)).await
}

async fn promoted(job: &Promoting, from: &str, to: &str) -> Promotion {
    let done = promote(job, from, to).await.unwrap();
    assert_eq!(done.outcome, PromotionOutcome::Promoted, "{}", done.to_json());
    done
}

/// The code of a refusal.
async fn refused(job: &Promoting, from: &str, to: &str) -> &'static str {
    let done = promote(job, from, to).await.unwrap();
    assert_eq!(done.outcome, PromotionOutcome::Refused, "{}", done.to_json());
    done.refusal.unwrap().code
}

fn conditions(texts: &[&str]) -> Vec<Condition> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn image(registry: &Registry, repository: &str, tag: &str) -> (BuiltImage, String) {
    let image = ImageBuilder::new().file("hello", repository.to_owned()).build();
    image.push_to(registry, repository, tag);
    (image, registry.image(repository, tag))
}

fn scan(found: &[(&str, Severity)], finished: Timestamp) -> Predicate {
    let mut scan = Scan::new(Scanner::new("Scanner", "pkg:generic/scanner"));
    scan.run.status = ScanStatus::Complete;
    scan.run.finished_on = Some(finished);
    scan.run.coverage.vulnerabilities = true;
    scan.run.components = Some(1);
    scan.findings = found
        .iter()
        .map(|(id, severity)| ScanFinding::new(*id, *severity, Package::new("deb", "openssl", "1.0")))
        .collect();
    Predicate::of_file("scan", scan.to_predicate().unwrap().as_bytes(), now()).unwrap()
}

fn sbom(components: &str) -> Predicate {
    let text = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{components}]}}"#);
    Predicate::of_file("cyclonedx", text.as_bytes(), now()).unwrap()
}

async fn attest(name: &str, predicate: Predicate, signer: &LocalSigner) {
    let image = Image::find(&client(), &location(name), &Finding::default()).await.unwrap();
    let claim = Claim::Predicate(predicate);
    Attesting::new(now()).attest(image, &claim, &[signer as &(dyn Signer + Sync)]).await.unwrap();
}

fn glob(text: &str) -> RepositoryGlob {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_image_comes_to_stand_under_its_tag_with_every_platform_and_its_evidence() {
    for api in [true, false] {
        let source = Registry::start();
        let target = if api { Registry::start() } else { Registry::start().without_referrers_api() };
        let alice = signer("alice");
        let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
        index.push_to(&source, "dev/app", "1.0");
        let mut all = signing(BOTH);
        all.recursive = true;
        sign_with(&client(), &source.image("dev/app", "1.0"), &Finding::default(), &all, &[&alice])
            .await
            .unwrap();
        attest(&source.image("dev/app", "1.0"), scan(&[], now()), &alice).await;
        let to = target.image("qa/app", "stable");
        let done = promoted(&by_flags(&alice), &source.image("dev/app", "1.0"), &to).await;
        assert_eq!(done.tag.as_str(), "stable");
        assert_eq!(done.at_destination.as_ref().unwrap().outcome(), Outcome::Admit);
        // The index, two images, and beside each of them a list and a bundle; beside the index a scan in both forms.
        assert_eq!(done.evidence.as_ref().unwrap().taken.len(), 8);
        for name in [to.clone(), target.image("qa/app", &index.children[1].0.digest.to_string())] {
            for format in BOTH {
                let wanted = SignatureRequirement::by(vec![trusted(&alice)]).unwrap().only(*format);
                assert_eq!(
                    verify(&name, Policy::requiring(wanted)).await.outcome(),
                    Outcome::Admit,
                    "{name}"
                );
            }
        }
        let tag = Attached::Signatures.tag(&index.digest()).unwrap();
        assert_eq!(
            target.manifest("qa/app", tag.as_str()).unwrap().digest,
            source.manifest("dev/app", tag.as_str()).unwrap().digest,
            "a list that goes along whole stays what it is"
        );
        // Again: nothing is written, and it says so.
        target.clear_requests();
        let again = promote(&by_flags(&alice), &source.image("dev/app", "1.0"), &to).await.unwrap();
        assert_eq!(again.outcome, PromotionOutcome::Unchanged);
        assert_eq!(target.count("PUT", "") + target.count("POST", ""), 0, "{:?}", target.lines());
    }
}

#[tokio::test]
async fn only_what_is_verified_is_promoted() {
    let registry = Registry::start();
    let (alice, mallory) = (signer("alice"), signer("mallory"));
    let (built, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let to = registry.image("qa/app", "1.0");
    assert_eq!(refused(&by_flags(&mallory), &name, &to).await, "not-verified");
    let host = registry.host();
    let rule = |key: &LocalSigner| Rule::new(vec![glob(&format!("{host}/dev/**"))], by(key)).unwrap();
    let exempt = Exemption::new(vec![glob(&format!("{host}/dev/**"))], "until Q1", Timestamp::MAX).unwrap();
    let exempted = |key| PolicySet::new("test").rule(rule(key)).exempt(exempt.clone().digest(built.digest()));
    assert_eq!(refused(&job(exempted(&mallory).build().unwrap()), &name, &to).await, "exempt");
    let warning = PolicySet::new("test").rule(rule(&mallory).mode(Mode::Warn)).build().unwrap();
    assert_eq!(refused(&job(warning), &name, &to).await, "only-warned");
    for unmatched in [Unmatched::Admit, Unmatched::Warn] {
        let other = Rule::new(vec![glob("other.example.com/**")], by(&alice)).unwrap();
        let set = PolicySet::new("test").rule(other).unmatched(unmatched).build().unwrap();
        assert_eq!(refused(&job(set), &name, &to).await, "no-rule");
    }
    assert!(registry.tags("qa/app").is_empty() && registry.manifests("qa/app").is_empty());
    // The twins: an exemption does not stand in the way of what is verified anyway.
    promoted(&job(exempted(&alice).build().unwrap()), &name, &to).await;
    promoted(
        &job(PolicySet::new("test").rule(rule(&alice)).build().unwrap()),
        &name,
        &to.replace("qa/", "qb/"),
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_neither_promoted_nor_refused() {
    let registry = Registry::start();
    let alice = signer("alice");
    let (_, name) = image(&registry, "dev/app", "1.0");
    registry.rule(Match::get("/referrers/"), Behaviour::status(503));
    let done = promote(&by_flags(&alice), &name, &registry.image("qa/app", "1.0")).await.unwrap();
    assert_eq!(done.outcome, PromotionOutcome::Undecided);
    assert!(registry.tags("qa/app").is_empty());
}

/// Rule K2.
#[tokio::test]
async fn evidence_by_a_key_of_the_policy_goes_along_failing_scans_too_and_junk_stays() {
    let registry = Registry::start();
    let (alice, mallory) = (signer("alice"), signer("mallory"));
    let (built, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    sign(&name, BOTH, &mallory).await.unwrap();
    attest(&name, scan(&[("CVE-1", Severity::Critical)], now()), &alice).await;
    attest(&name, scan(&[], now()), &mallory).await;
    ImageBuilder::new()
        .artifact("text/example")
        .subject(built.descriptor())
        .build()
        .push_untagged(&registry, "dev/app");
    let to = registry.image("qa/app", "1.0");
    let done = promoted(&by_flags(&alice), &name, &to).await;
    assert_eq!((done.evidence.as_ref().unwrap().taken.len(), done.evidence.as_ref().unwrap().left), (4, 4));
    assert_eq!(verify(&to, by(&mallory)).await.outcome(), Outcome::Refuse);
    let scanned = |key| {
        let types = vec!["scan".parse().unwrap()];
        Policy::requiring(AttestationRequirement::by(types, vec![trusted(key)]).unwrap())
    };
    assert_eq!(verify(&to, scanned(&alice)).await.outcome(), Outcome::Admit);
    assert_eq!(verify(&to, scanned(&mallory)).await.outcome(), Outcome::Refuse);
    // With everything, everything is there, the artifact too.
    let mut all = by_flags(&alice);
    all.all_evidence = true;
    let to = registry.image("all/app", "1.0");
    promoted(&all, &name, &to).await;
    assert_eq!(verify(&to, by(&mallory)).await.outcome(), Outcome::Admit);
    assert_eq!(
        registry.referrers("all/app", &built.digest()).len(),
        registry.referrers("dev/app", &built.digest()).len()
    );
}

#[tokio::test]
async fn what_stands_beside_the_image_there_stays_and_what_is_new_is_added() {
    let registry = Registry::start();
    let (alice, quality) = (signer("alice"), signer("quality"));
    let (_, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let to = registry.image("qa/app", "1.0");
    for all_evidence in [false, true] {
        let mut job = by_flags(&alice);
        job.all_evidence = all_evidence;
        promote(&job, &name, &to).await.unwrap();
        // Signed there by somebody else, and scanned here by us.
        sign(&to, BOTH, &quality).await.unwrap();
        attest(&to, scan(&[], now()), &quality).await;
        let at = if all_evidence { "CVE-2" } else { "CVE-1" };
        attest(&name, scan(&[(at, Severity::Low)], now()), &alice).await;
        promoted(&job, &name, &to).await;
        for key in [&alice, &quality] {
            assert_eq!(verify(&to, by(key)).await.outcome(), Outcome::Admit);
        }
    }
}

#[tokio::test]
async fn the_rules_for_the_destination_hold_too() {
    let registry = Registry::start();
    let (alice, quality) = (signer("alice"), signer("quality"));
    let (built, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let host = registry.host();
    let rule = |place: &str, key| Rule::new(vec![glob(&format!("{host}/{place}/**"))], by(key)).unwrap();
    let set = PolicySet::new("test").rule(rule("dev", &alice)).rule(rule("qa", &quality)).build().unwrap();
    let to = registry.image("qa/app", "1.0");
    assert_eq!(refused(&job(set.clone()), &name, &to).await, "not-verified-at-destination");
    assert!(registry.tags("qa/app").iter().all(|tag| tag.starts_with("sha256-")));
    // It stands there by its digest: whoever has to sign it there can.
    sign(&registry.image("qa/app", &built.digest().to_string()), BOTH, &quality).await.unwrap();
    promoted(&job(set), &name, &to).await;
}

#[tokio::test]
async fn a_tag_that_names_another_image_moves_only_if_somebody_says_so() {
    let registry = Registry::start();
    let alice = signer("alice");
    let (_, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let (other, _) = image(&registry, "qa/app", "1.0");
    let to = registry.image("qa/app", "1.0");
    let wanted = registry.manifest("dev/app", "1.0").unwrap().digest;
    let with = |standing| {
        let mut job = by_flags(&alice);
        job.standing = standing;
        job
    };
    for (standing, code) in [
        (Standing::Keep, "tag-taken"),
        (Standing::Expect(None), "tag-taken"),
        (Standing::Expect(Some(wanted)), "tag-moved"),
    ] {
        assert_eq!(refused(&with(standing), &name, &to).await, code);
        assert_eq!(registry.manifest("qa/app", "1.0").unwrap().digest, other.digest());
    }
    let absent = registry.image("qa/app", "2.0");
    assert_eq!(refused(&with(Standing::Expect(Some(wanted))), &name, &absent).await, "tag-moved");
    promoted(&with(Standing::Expect(None)), &name, &absent).await;
    promoted(&with(Standing::Expect(Some(other.digest()))), &name, &to).await;
    assert_eq!(registry.manifest("qa/app", "1.0").unwrap().digest, wanted);
    // What names the image already is no conflict, whatever was expected: a promotion made again ends well.
    for standing in [Standing::Keep, Standing::Expect(Some(other.digest())), Standing::Expect(None)] {
        let again = promote(&with(standing), &name, &to).await.unwrap();
        assert_eq!(again.outcome, PromotionOutcome::Unchanged);
    }
    registry.tag("qa/app", "1.0", &other.digest());
    promoted(&with(Standing::Move), &name, &to).await;
}

#[tokio::test]
async fn a_tag_that_moves_meanwhile_is_not_moved_back() {
    let registry = Registry::start();
    let alice = signer("alice");
    let (_, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let (other, _) = image(&registry, "qa/app", "other");
    // The first look finds nothing; whoever asks again finds what somebody else has put there.
    let there = other.digest();
    registry.tag("qa/app", "1.0", &there);
    registry.rule(Match::get("/qa/app/manifests/1.0").times(1), Behaviour::status(404));
    let error = promote(&by_flags(&alice), &name, &registry.image("qa/app", "1.0")).await.unwrap_err();
    assert_eq!(error.code(), "lost-update", "{error}");
    assert_eq!(registry.manifest("qa/app", "1.0").unwrap().digest, there);
}

#[tokio::test]
async fn tags_at_the_destination_are_made_by_templates() {
    let registry = Registry::start();
    let alice = signer("alice");
    let (built, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let mut job = by_flags(&alice);
    job.template = Some("%n-%Y%m%d".parse::<TagTemplate>().unwrap());
    let done = promoted(&job, &name, &format!("{}/qa/app", registry.host())).await;
    let day = now().to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y%m%d").to_string();
    assert_eq!(done.tag.as_str(), format!("1.0-{day}"));
    for (to, template) in [
        (registry.image("qa/app", "1.0"), Some("%n")),
        (registry.image("qa/app", &built.digest().to_string()), None),
    ] {
        job.template = template.map(|text| text.parse().unwrap());
        assert_eq!(promote(&job, &name, &to).await.unwrap_err().code(), "usage", "{to}");
    }
    // Without a tag at either end, the source's is taken; a source without one needs one at the destination.
    job.template = None;
    let bare = format!("{}/qb/app", registry.host());
    assert_eq!(promoted(&job, &name, &bare).await.tag.as_str(), "1.0");
    let pinned = registry.image("dev/app", &built.digest().to_string());
    assert_eq!(promote(&job, &pinned, &bare).await.unwrap_err().code(), "usage");
    promoted(&job, &pinned, &registry.image("qc/app", "1.0")).await;
}

/// The story of a promotion from development to quality assurance (xray.md 4.5): tag rule and counts.
#[tokio::test]
async fn dev_to_qa() {
    let registry = Registry::start();
    let (alice, scanner) = (signer("alice"), signer("scanner"));
    let host = registry.host();
    let scanned = AttestationRequirement::by(vec!["scan".parse().unwrap()], vec![trusted(&scanner)]).unwrap();
    let rule = |policy| Rule::new(vec![glob(&format!("{host}/dev/**"))], policy).unwrap();
    let set = || PolicySet::new("promotion").rule(rule(by(&alice)));
    let mut job = job(set().build().unwrap());
    job.conditions = conditions(&["tag equals latest", "critical = 0"]);
    let (_, name) = image(&registry, "dev/app", "latest");
    sign(&name, BOTH, &alice).await.unwrap();
    let to = registry.image("qa/app", "latest");
    // Not scanned.
    let done = promote(&job, &name, &to).await.unwrap();
    assert_eq!(done.refusal.as_ref().unwrap().code, "unscanned", "{}", done.to_json());
    // Scanned by somebody whom nobody knows.
    attest(&name, scan(&[], now()), &signer("mallory")).await;
    assert_eq!(refused(&job, &name, &to).await, "unscanned");
    // One critical vulnerability: refused, by its name.
    attest(&name, scan(&[("CVE-2026-0001", Severity::Critical)], now()), &alice).await;
    let done = promote(&job, &name, &to).await.unwrap();
    let refusal = done.refusal.unwrap();
    assert_eq!((done.outcome, refusal.code), (PromotionOutcome::Refused, "condition-not-met"));
    assert!(
        refusal.message.contains("CVE-2026-0001 (Critical) in openssl 1.0, no fix"),
        "{}",
        refusal.message
    );
    // Whoever runs over many images passes it over.
    job.unmet = Unmet::Skip;
    assert_eq!(promote(&job, &name, &to).await.unwrap().outcome, PromotionOutcome::Skipped);
    job.unmet = Unmet::ByKind;
    assert!(registry.tags("qa/app").is_empty());
    // Mended: the newest scan counts.
    attest(&name, scan(&[("CVE-2026-0002", Severity::Low)], now() + jiff::Span::new().seconds(1)), &alice)
        .await;
    let done = promoted(&job, &name, &to).await;
    assert_eq!(done.source.digest(), &registry.manifest("qa/app", "latest").unwrap().digest);
    // With another tag it does nothing, unless somebody wants to hear of it.
    registry.tag("dev/app", "nightly", done.source.digest());
    let other = registry.image("dev/app", "nightly");
    let skipped = promote(&job, &other, &registry.image("qa/app", "nightly")).await.unwrap();
    assert_eq!(skipped.outcome, PromotionOutcome::Skipped);
    assert!(skipped.verdict.is_none() && !registry.tags("qa/app").contains(&"nightly".to_owned()));
    job.unmet = Unmet::Refuse;
    assert_eq!(refused(&job, &other, &registry.image("qa/app", "nightly")).await, "condition-not-met");
    // Where the policy names a key for scans, only its scans count.
    let both = set().rule(rule(Policy::requiring(scanned)));
    let mut strict = self::job(both.build().unwrap());
    strict.conditions = conditions(&["critical = 0"]);
    attest(&name, scan(&[("CVE-2026-0003", Severity::Critical)], now()), &scanner).await;
    assert_eq!(refused(&strict, &name, &registry.image("qa/app", "strict")).await, "condition-not-met");
}

#[tokio::test]
async fn of_an_index_each_image_must_be_scanned() {
    let registry = Registry::start();
    let alice = signer("alice");
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "dev/app", "1.0");
    let name = registry.image("dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let mut job = by_flags(&alice);
    job.conditions = conditions(&["critical = 0"]);
    let to = registry.image("qa/app", "1.0");
    let child = |at: usize| registry.image("dev/app", &index.children[at].0.digest.to_string());
    attest(&child(0), scan(&[], now()), &alice).await;
    assert_eq!(refused(&job, &name, &to).await, "unscanned");
    attest(&child(1), scan(&[], now()), &alice).await;
    promoted(&job, &name, &to).await;
}

#[tokio::test]
async fn components_and_licences_come_from_verified_lists() {
    let registry = Registry::start();
    let (alice, mallory) = (signer("alice"), signer("mallory"));
    let (_, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let to = registry.image("qa/app", "1.0");
    let mut job = by_flags(&alice);
    job.dry_run = true;
    let mut outcome = async |text: &str| {
        job.conditions = conditions(&[text]);
        let done = promote(&job, &name, &to).await.unwrap();
        done.refusal.map_or("planned", |refusal| refusal.code)
    };
    attest(
        &name,
        sbom(r#"{"type":"library","name":"zlib","licenses":[{"license":{"id":"Zlib"}}]}"#),
        &mallory,
    )
    .await;
    assert_eq!(outcome("no component contains log4j").await, "unscanned");
    let own = r#"{"type":"library","group":"org.apache","name":"log4j-core","licenses":[{"license":{"id":"Apache-2.0"}}]}"#;
    attest(&name, sbom(own), &alice).await;
    for (text, expected) in [
        ("no component contains log4j", "condition-not-met"),
        ("component contains log4j", "planned"),
        ("component equals zlib", "condition-not-met"),
        ("license one-of MIT,Apache-2.0", "planned"),
        ("license one-of MIT", "condition-not-met"),
        ("license not-one-of Apache-2.0", "condition-not-met"),
        // An SBOM is no scan.
        ("all >= 0", "unscanned"),
    ] {
        assert_eq!(outcome(text).await, expected, "{text}");
    }
    assert!(registry.manifests("qa/app").is_empty(), "nothing is written on trial");
}

/// Every request to the destination fails once, from that one on: no tag is moved, and the next run ends it.
#[tokio::test]
async fn a_promotion_that_breaks_off_at_any_step_moves_no_tag_and_is_ended_by_the_next() {
    for api in [true, false] {
        let source = Registry::start();
        let alice = signer("alice");
        let vouching = signer("vouching");
        let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
        index.push_to(&source, "dev/app", "1.0");
        let name = source.image("dev/app", "1.0");
        sign(&name, BOTH, &alice).await.unwrap();
        attest(&name, scan(&[], now()), &alice).await;
        let old = ImageBuilder::new().file("old", "image").build();
        // Without the API a referrer is written anew that the index does not list yet: only that tells whether it has to.
        let of_index = source.referrers("dev/app", &index.digest());
        let relisted: Vec<_> = of_index.iter().filter(|_| !api).map(|one| one.digest).collect();
        let mut job = by_flags(&alice);
        job.standing = Standing::Move;
        job.summary = Some(Summarising::new("https://ci.example.com/promote").unwrap());
        let run = async |target: &Registry| {
            let to = location(&target.image("qa/app", "1.0"));
            let signer = Some(&vouching as &(dyn Signer + Sync));
            Box::pin(job.promote(&client(), &location(&name), &to, &Finding::default(), signer)).await
        };
        let mut steps = 0;
        loop {
            let target = if api { Registry::start() } else { Registry::start().without_referrers_api() };
            old.push_to(&target, "qa/app", "1.0");
            target.rule(Match::any().after(steps), Behaviour::ResetConnection);
            let first = run(&target).await;
            target.clear_rules();
            if first.as_ref().is_ok_and(|done| done.outcome == PromotionOutcome::Promoted) {
                break;
            }
            // What stood there before, or, where the last answer alone was lost, what everybody admits.
            let standing = target.manifest("qa/app", "1.0").unwrap().digest;
            if standing != old.digest() {
                let admitted = verify(&target.image("qa/app", "1.0"), by(&alice)).await;
                assert_eq!(admitted.outcome(), Outcome::Admit, "step {steps}: the tag names {standing}");
            }
            let before = stored(&target);
            target.clear_requests();
            let second = run(&target).await.unwrap();
            let ended = [PromotionOutcome::Promoted, PromotionOutcome::Unchanged];
            assert!(ended.contains(&second.outcome), "step {steps}: {}", second.to_json());
            assert_eq!(target.manifest("qa/app", "1.0").unwrap().digest, index.digest());
            if steps % 5 == 0 {
                let admitted = verify(&target.image("qa/app", "1.0"), by(&alice)).await;
                assert_eq!(admitted.outcome(), Outcome::Admit, "step {steps}");
            }
            // What the summary is made of is new each time.
            let of_source = |digest: &&String| {
                let digest: Digest = digest.parse().unwrap();
                let manifest = source.manifest("dev/app", &digest.to_string()).is_some();
                source.blob("dev/app", &digest).is_some() || (manifest && !relisted.contains(&digest))
            };
            let again = stored(&target);
            let twice: Vec<_> = again.intersection(&before).filter(of_source).collect();
            assert!(twice.is_empty(), "step {steps}: written twice: {twice:?}");
            steps += 1;
        }
        assert!(steps > 20, "{steps}");
    }
}

/// The blobs and manifests that were written by digest since the log was cleared, but the empty object, which several
/// things are made of.
fn stored(registry: &Registry) -> BTreeSet<String> {
    let empty = Digest::of("{}").to_string();
    let written =
        registry.requests().into_iter().filter(|request| request.status == 201).filter_map(|request| {
            let blob = request.query.split('&').find_map(|part| part.strip_prefix("digest="));
            let manifest = request.path.split_once("/manifests/").map(|(_, name)| name.to_owned());
            blob.map(|digest| digest.replace("%3A", ":")).or(manifest.filter(|name| name.contains(':')))
        });
    written.filter(|digest| *digest != empty).collect()
}

/// Many images that share layers (B5): their bytes are sent once, and not at all within one registry.
#[tokio::test]
async fn shared_layers_are_sent_once_and_mounted_within_a_registry() {
    const IMAGES: usize = 200;
    let (source, target) = (Registry::start(), Registry::start());
    let alice = signer("alice");
    let mut unique = std::collections::BTreeMap::new();
    for n in 0..IMAGES {
        let image = ImageBuilder::new().layer("base".repeat(5_000)).layer(format!("own {n}")).build();
        image.push_to(&source, &format!("dev/app{n}"), "1.0");
        unique.extend(image.blobs.iter().map(|(blob, _)| (blob.digest, blob.size)));
        sign(&source.image(&format!("dev/app{n}"), "1.0"), BOTH, &alice).await.unwrap();
    }
    for (within, to) in [(false, &target), (true, &source)] {
        let mut job = by_flags(&alice);
        job.options.delivered = Some(waxseal_oci::transfer::Delivered::default());
        let client = client();
        let all = (0..IMAGES).map(|n| {
            let from = location(&source.image(&format!("dev/app{n}"), "1.0"));
            let to = location(&to.image(&format!("qa/app{n}"), "1.0"));
            let (job, client) = (&job, &client);
            async move { Box::pin(job.promote(client, &from, &to, &Finding::default(), None)).await.unwrap() }
        });
        let done = futures_util::future::join_all(all).await;
        assert!(done.iter().all(|one| one.outcome == PromotionOutcome::Promoted));
        let copied = || done.iter().filter_map(|one| one.copied.as_ref());
        let sent: u64 = copied().map(|copied| copied.bytes).sum();
        let mounted: usize = copied().map(|copied| copied.mounted).sum();
        if within {
            assert_eq!(sent, 0, "everything is taken over within the registry");
        } else {
            let evidence: u64 =
                copied().map(|copied| copied.bytes).sum::<u64>() - unique.values().sum::<u64>();
            // Beside the images' own bytes only bundles, each image its own.
            assert!(evidence < 4_096 * IMAGES as u64, "{evidence}");
        }
        assert!(mounted >= IMAGES - 1, "{mounted}");
    }
}

#[tokio::test]
async fn a_summary_is_signed_for_what_was_verified_and_not_twice() {
    let registry = Registry::start();
    let (alice, vouching) = (signer("alice"), signer("vouching"));
    let (_, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let to = registry.image("qa/app", "1.0");
    let mut job = by_flags(&alice);
    job.summary = Some(Summarising::new("https://ci.example.com/promote").unwrap());
    let run = async |job: &Promoting| {
        let signer = Some(&vouching as &(dyn Signer + Sync));
        Box::pin(job.promote(&client(), &location(&name), &location(&to), &Finding::default(), signer))
            .await
            .unwrap()
    };
    let done = run(&job).await;
    assert_eq!(done.summary.as_ref().unwrap().attestations.len(), 2);
    let types = vec!["https://slsa.dev/verification_summary/v1".parse().unwrap()];
    let wanted = AttestationRequirement::by(types, vec![trusted(&vouching)]).unwrap();
    let verdict = verify(&to, Policy::requiring(wanted)).await;
    let found = verdict.attestations()[0].predicate.as_ref().unwrap().get();
    let read: serde_json::Value = serde_json::from_str(found).unwrap();
    assert_eq!(read["verifier"]["id"], "https://ci.example.com/promote");
    assert_eq!(read["resourceUri"], format!("oci://{}/qa/app", registry.host()));
    assert_eq!(read["verificationResult"], "PASSED");
    assert_eq!(read["policy"]["digest"]["sha256"], job.decision.policy.digest().hex());
    assert_eq!(read["inputAttestations"].as_array().unwrap().len(), 2);
    assert_eq!(read["timeVerified"], now().to_string());
    // Again an hour later: the same is not said twice. A day later it is said anew.
    for (hours, written) in [(1, 0), (25, 2)] {
        let mut later = job.clone();
        later.decision.now = now() + jiff::SignedDuration::from_hours(hours);
        let done = run(&later).await;
        let new = done.summary.unwrap().attestations.iter().filter(|one| !one.already).count();
        assert_eq!(new, written, "{hours}");
    }
    // Nothing is said of what is not promoted.
    let mut refused = by_flags(&signer("mallory"));
    refused.summary.clone_from(&job.summary);
    assert!(run(&refused).await.summary.is_none());
    assert!(Summarising::new("nobody").is_err());
}

#[tokio::test]
async fn a_layout_is_a_source_and_a_destination() {
    let registry = Registry::start();
    let alice = signer("alice");
    let (_, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let layout = format!("oci:{}:1.0", folder.path().join("layout").display());
    let mut dry = by_flags(&alice);
    dry.dry_run = true;
    assert_eq!(promote(&dry, &name, &layout).await.unwrap().outcome, PromotionOutcome::Planned);
    assert!(!folder.path().join("layout").exists());
    promoted(&by_flags(&alice), &name, &layout).await;
    assert_eq!(verify(&layout, by(&alice)).await.outcome(), Outcome::Admit);
    promoted(&by_flags(&alice), &layout, &registry.image("qa/app", "1.0")).await;
    let archive = format!("oci-archive:{}:1.0", folder.path().join("a.tar").display());
    assert_eq!(promote(&by_flags(&alice), &name, &archive).await.unwrap_err().code(), "usage");
}

/// Rule L7: what a rule reads in a repository of its own goes along from there, and counts for conditions.
#[tokio::test]
async fn evidence_goes_along_from_where_the_rules_read_it() {
    let registry = Registry::start();
    let alice = signer("alice");
    let (host, there) = (registry.host(), format!("{}/signatures/app", registry.host()));
    let (_, name) = image(&registry, "dev/app", "1.0");
    let mut beside = Finding::default();
    beside.evidence_repository = Some(there.parse().unwrap());
    let rule = |pattern: &str, key: &LocalSigner| {
        Rule::new(vec![glob(&format!("{host}/{pattern}"))], by(key)).unwrap()
    };
    let apart = || rule("**", &alice).signature_repository(there.parse().unwrap());
    let mut job = job(PolicySet::new("test").rule(apart()).build().unwrap());
    let to = registry.image("qa/app", "1.0");
    // Beside the image nobody looks.
    sign(&name, BOTH, &alice).await.unwrap();
    assert_eq!(refused(&job, &name, &to).await, "not-verified");
    let (_, name) = image(&registry, "dev/other", "1.0");
    sign_with(&client(), &name, &beside, &signing(BOTH), &[&alice]).await.unwrap();
    let done = promoted(&job, &name, &to).await;
    assert_eq!(done.evidence.unwrap().taken.len(), 2);
    for format in BOTH {
        let wanted = SignatureRequirement::by(vec![trusted(&alice)]).unwrap().only(*format);
        assert_eq!(verify(&to, Policy::requiring(wanted)).await.outcome(), Outcome::Admit, "{format:?}");
    }
    job.all_evidence = true;
    let to = registry.image("all/app", "1.0");
    promoted(&job, &name, &to).await;
    assert_eq!(verify(&to, by(&alice)).await.outcome(), Outcome::Admit);
    assert_eq!(promote(&job, &name, &to).await.unwrap().outcome, PromotionOutcome::Unchanged);
    job.all_evidence = false;
    // A scan counts where the rule reads, and not elsewhere.
    job.conditions = conditions(&["critical = 0"]);
    attest(&name, scan(&[], now()), &alice).await;
    let to = registry.image("scanned/app", "1.0");
    assert_eq!(refused(&job, &name, &to).await, "unscanned");
    let image = Image::find(&client(), &location(&name), &beside).await.unwrap();
    let claim = Claim::Predicate(scan(&[], now()));
    Attesting::new(now()).attest(image, &claim, &[&alice as &(dyn Signer + Sync)]).await.unwrap();
    promoted(&job, &name, &to).await;
}

/// What a rule for the destination reads elsewhere goes along too: it counts when it stands there, and not before.
#[tokio::test]
async fn at_the_destination_only_what_arrived_counts() {
    for lost in [true, false] {
        let (registry, target) = (Registry::start(), Registry::start());
        let (alice, tester) = (signer("alice"), signer("tester"));
        let there = format!("{}/signatures/app", registry.host());
        let (_, name) = image(&registry, "dev/app", "1.0");
        let mut beside = Finding::default();
        beside.evidence_repository = Some(there.parse().unwrap());
        let only = signing(&[Format::Bundle]);
        sign(&name, &[Format::Bundle], &alice).await.unwrap();
        sign_with(&client(), &name, &beside, &only, &[&tester]).await.unwrap();
        let source = Rule::new(vec![glob(&format!("{}/**", registry.host()))], by(&alice)).unwrap();
        let wanted = Rule::new(vec![glob(&format!("{}/**", target.host()))], by(&tester)).unwrap();
        let wanted = wanted.signature_repository(there.parse().unwrap());
        let job = job(PolicySet::new("test").rule(source).rule(wanted).build().unwrap());
        let to = target.image("qa/app", "1.0");
        if lost {
            let none = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#);
            target.rule(Match::get("/referrers/"), Behaviour::OtherBody(none.into()));
            assert_eq!(refused(&job, &name, &to).await, "not-verified-at-destination");
            assert!(target.tags("qa/app").is_empty());
        } else {
            promoted(&job, &name, &to).await;
            assert_eq!(verify(&to, by(&tester)).await.outcome(), Outcome::Admit);
        }
    }
}

/// Whom a rule that only warns trusts has no word in a condition.
#[tokio::test]
async fn conditions_go_by_the_keys_of_rules_that_are_enforced() {
    let registry = Registry::start();
    let (alice, scanner) = (signer("alice"), signer("scanner"));
    let (_, name) = image(&registry, "dev/app", "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let to = registry.image("qa/app", "1.0");
    let rule = |policy| Rule::new(vec![glob(&format!("{}/**", registry.host()))], policy).unwrap();
    let scanned = || {
        let types = vec!["scan".parse().unwrap()];
        Policy::requiring(AttestationRequirement::by(types, vec![trusted(&scanner)]).unwrap())
    };
    let by_mode = |mode| {
        let set = PolicySet::new("test").rule(rule(by(&alice))).rule(rule(scanned()).mode(mode));
        let mut job = job(set.build().unwrap());
        job.conditions = conditions(&["critical = 0"]);
        job.dry_run = true;
        job
    };
    attest(&name, scan(&[], now()), &scanner).await;
    assert_eq!(refused(&by_mode(Mode::Warn), &name, &to).await, "unscanned");
    let planned = promote(&by_mode(Mode::Enforce), &name, &to).await.unwrap();
    assert_eq!(planned.outcome, PromotionOutcome::Planned, "{}", planned.to_json());
    // Nor does such a rule take the word from those that count.
    attest(&name, scan(&[("CVE-1", Severity::Critical)], now()), &alice).await;
    assert_eq!(refused(&by_mode(Mode::Warn), &name, &to).await, "condition-not-met");
    // Where nothing is enforced, nobody has a word.
    let mut warned = job(PolicySet::new("test").rule(rule(scanned()).mode(Mode::Warn)).build().unwrap());
    warned.conditions = conditions(&["critical = 0"]);
    assert_eq!(refused(&warned, &name, &to).await, "unscanned");
}

/// Rule P4: signatures on the images of an index vouch for none of its build attestations.
#[tokio::test]
async fn only_an_index_that_is_signed_itself_leaves_build_attestations_out_of_conditions() {
    let registry = Registry::start();
    let alice = signer("alice");
    let index = IndexBuilder::of_platforms(&["linux/amd64", "unknown/unknown"]).build();
    index.push_to(&registry, "dev/app", "1.0");
    let name = registry.image("dev/app", "1.0");
    let child = |at: usize| registry.image("dev/app", &index.children[at].0.digest.to_string());
    for at in [0, 1] {
        sign(&child(at), BOTH, &alice).await.unwrap();
    }
    attest(&child(0), scan(&[], now()), &alice).await;
    let rule = Rule::new(vec![glob(&format!("{}/**", registry.host()))], by(&alice)).unwrap();
    let rule = rule.platforms(RulePlatforms::Listed(vec!["linux/amd64".parse().unwrap()]));
    let mut job = job(PolicySet::new("test").rule(rule).build().unwrap());
    job.conditions = conditions(&["critical = 0"]);
    let to = registry.image("qa/app", "1.0");
    assert_eq!(refused(&job, &name, &to).await, "unscanned");
    sign(&name, BOTH, &alice).await.unwrap();
    promoted(&job, &name, &to).await;
}
