//! Fetching what Xray knows of an image: a registry and a platform on loopback, honest and not.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use waxseal::scan::{FetchedReport, Fetching, Step};
use waxseal::{Error, ErrorKind};
use waxseal_core::Digest;
use waxseal_oci::Location;
use waxseal_scan::xray::{ErrorKind as Xray, Platform, SbomFormat, State, XrayOptions};
use waxseal_testkit::xray::{Artifact, Xray as Server};
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry};

use crate::scene::client;

const KEY: &str = "X-Artifactory-Docker-Registry";
const PATH: &str = "app/1.0/manifest.json";

/// An Artifactory with one image, and the Xray of its platform.
struct Site {
    registry: Registry,
    xray: Server,
    digest: Digest,
}

impl Site {
    fn new(change: impl FnOnce(Artifact) -> Artifact) -> Self {
        let (registry, xray) = (Registry::start(), Server::start());
        let digest = ImageBuilder::new().build().push_to(&registry, "docker-local/app", "1.0");
        registry.rule(
            Match::head("/v2/docker-local/"),
            Behaviour::Header(KEY.to_owned(), "docker-local".to_owned()),
        );
        xray.add(change(Artifact::new("docker-local", PATH, &digest)));
        Self { registry, xray, digest }
    }

    fn name(&self) -> Location {
        self.registry.image("docker-local/app", "1.0").parse().unwrap()
    }

    fn xray(&self) -> waxseal_scan::xray::Xray {
        let mut options = XrayOptions::new(Platform::parse(&self.xray.url()).unwrap());
        options.pause = Duration::from_millis(1);
        waxseal_scan::xray::Xray::new(&options).unwrap()
    }

    async fn report(&self, job: &Fetching) -> Result<FetchedReport, Error> {
        job.report(&client(), &self.xray(), &self.name(), now, &|_| ()).await
    }

    async fn refused(&self, job: &Fetching, kind: Xray) -> String {
        let error = self.report(job).await.expect_err("an error");
        assert_eq!(error.kind(), ErrorKind::Xray(kind), "{error}");
        error.to_string()
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// A job that asks often and does not wait long.
fn job() -> Fetching {
    let mut job = Fetching::default();
    job.poll = Duration::from_millis(1);
    job.longest_poll = Duration::from_millis(5);
    job.wait = Duration::from_millis(200);
    job.begin = Duration::from_millis(50);
    job
}

fn done(artifact: Artifact) -> Artifact {
    artifact.vulnerability("CVE-2026-0001", "High").violations(30)
}

#[tokio::test]
async fn a_scan_that_is_over_is_read_at_once() {
    let site = Site::new(done);
    let fetched = site.report(&job()).await.unwrap();
    assert_eq!((fetched.image.digest(), fetched.state), (&site.digest, State::Done));
    assert_eq!(fetched.place.to_string(), format!("docker-local/{PATH}"));
    let document: Value = serde_json::from_str(&fetched.document).unwrap();
    assert_eq!(document["image"]["digest"], site.digest.to_string());
    assert_eq!(document["image"]["name"], format!("{}/docker-local/app", site.registry.host()));
    assert_eq!(
        (&document["image"]["tag"], &document["readOn"]),
        (&"1.0".into(), &"2026-11-22T10:00:00Z".into())
    );
    assert_eq!(document["summary"]["answer"]["artifacts"][0]["issues"][0]["severity"], "High");
    assert_eq!(document["violations"]["entries"].as_array().unwrap().len(), 30);
    assert_eq!(
        site.xray.lines(),
        [
            "GET /xray/api/v1/system/version",
            "GET /artifactory/api/search/checksum",
            "POST /xray/api/v1/artifact/status",
            "POST /xray/api/v2/summary/artifact",
            "POST /xray/api/v1/violations",
            "POST /xray/api/v1/violations",
        ]
    );
    // The tag is read at both ends, and the key of the repository asked for once.
    let digest = site.digest;
    assert_eq!(
        site.registry.lines(),
        [
            "GET /v2/docker-local/app/manifests/1.0".to_owned(),
            format!("HEAD /v2/docker-local/app/manifests/{digest}"),
            "GET /v2/docker-local/app/manifests/1.0".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_scan_that_is_under_way_is_waited_for() {
    let site = Site::new(|artifact| done(artifact).states(&["PENDING", "SCANNING", "SCANNING", "DONE"]));
    let seen = Mutex::new(Vec::new());
    let watch = |step: Step<'_>| {
        if let Step::Waiting { state, .. } = step {
            seen.lock().unwrap().push(state);
        }
    };
    let fetched = job().report(&client(), &site.xray(), &site.name(), now, &watch).await.unwrap();
    assert_eq!(fetched.state, State::Done);
    assert_eq!(*seen.lock().unwrap(), [State::Pending, State::Scanning, State::Scanning]);
    assert_eq!(site.xray.count("scanArtifact"), 0);
}

#[tokio::test]
async fn a_scan_that_does_not_end_is_pending_and_not_clean() {
    for word in ["PENDING", "SCANNING"] {
        let site = Site::new(|artifact| artifact.states(&[word]));
        let why = site.refused(&job(), Xray::Pending).await;
        assert!(why.contains(word), "{why}");
        assert_eq!(site.xray.count("summary"), 0);
    }
}

#[tokio::test]
async fn what_was_not_scanned_is_asked_for_once() {
    let site = Site::new(|artifact| {
        done(artifact).states(&["NOT_SCANNED"]).after_trigger(&["NOT_SCANNED", "PENDING", "DONE"])
    });
    assert_eq!(site.report(&job()).await.unwrap().state, State::Done);
    assert_eq!(site.xray.count("scanArtifact"), 1);
    // It never begins.
    let site = Site::new(|artifact| artifact.states(&["NOT_SCANNED"]));
    site.refused(&job(), Xray::NotScanned).await;
    assert_eq!((site.xray.count("scanArtifact"), site.xray.count("summary")), (1, 0));
}

#[tokio::test]
async fn what_was_scanned_is_scanned_again_on_request() {
    let mut again = job();
    again.rescan = true;
    let site = Site::new(|artifact| done(artifact).after_trigger(&["DONE"]));
    assert_eq!(site.report(&again).await.unwrap().state, State::Done);
    assert_eq!(site.xray.count("scanArtifact"), 1);
    let site = Site::new(|artifact| done(artifact).after_trigger(&["PENDING", "DONE"]));
    assert_eq!(site.report(&again).await.unwrap().state, State::Done);
    // The status goes on telling the time of the old scan: that is not the new one.
    let site = Site::new(done);
    site.refused(&again, Xray::Pending).await;
    assert_eq!(site.xray.count("summary"), 0);
}

#[tokio::test]
async fn each_bad_end_is_told_apart() {
    for (word, kind) in [
        ("PARTIAL", Xray::Partial),
        ("FAILED", Xray::Failed),
        ("NOT_SUPPORTED", Xray::NotSupported),
        ("FINISHED", Xray::Protocol),
    ] {
        let site = Site::new(|artifact| artifact.states(&[word]));
        site.refused(&job(), kind).await;
        assert_eq!(site.xray.count("summary"), 0);
    }
    // On request the incomplete ones are given back as what they are; the others never.
    let mut lenient = job();
    lenient.allow_incomplete = true;
    for (word, state) in [("PARTIAL", State::Partial), ("FAILED", State::Failed)] {
        let site = Site::new(|artifact| artifact.states(&[word]));
        let fetched = site.report(&lenient).await.unwrap();
        let document: Value = serde_json::from_str(&fetched.document).unwrap();
        assert_eq!((fetched.state, &document["status"]["overall"]["status"]), (state, &word.into()));
    }
    for (word, kind) in [("NOT_SUPPORTED", Xray::NotSupported), ("SCANNING", Xray::Pending)] {
        Site::new(|artifact| artifact.states(&[word])).refused(&lenient, kind).await;
    }
    // The whole is called done, and the search for components is not.
    Site::new(|artifact| artifact.sca("FAILED")).refused(&job(), Xray::Failed).await;
}

#[tokio::test]
async fn violations_that_could_not_be_made_out_are_no_empty_list() {
    let site = Site::new(|artifact| done(artifact).violations_state("FAILED"));
    let why = site.refused(&job(), Xray::Failed).await;
    assert!(why.contains("watches"), "{why}");
    let mut without = job();
    without.violations = false;
    let document: Value = serde_json::from_str(&site.report(&without).await.unwrap().document).unwrap();
    assert_eq!(document["violations"], Value::Null);
    let mut lenient = job();
    lenient.allow_incomplete = true;
    let document: Value = serde_json::from_str(&site.report(&lenient).await.unwrap().document).unwrap();
    assert_eq!(document["violations"], Value::Null);
    // They are waited for as the rest is, if they are wanted.
    let site = Site::new(|artifact| done(artifact).violations_state("PENDING"));
    site.refused(&job(), Xray::Pending).await;
    site.report(&without).await.unwrap();
    // Fewer than promised.
    let site = Site::new(done);
    site.xray.change(|settings| settings.wrong_total = Some(31));
    site.refused(&job(), Xray::Incomplete).await;
}

#[tokio::test]
async fn a_tag_that_moves_ends_the_job() {
    let site = Site::new(done);
    let other =
        ImageBuilder::new().file("other", "image").build().push_to(&site.registry, "docker-local/app", "2.0");
    let moves = || Behaviour::TagFlips(site.digest, other);
    site.registry.rule(Match::get("/manifests/1.0"), moves());
    let error = site.report(&job()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TagMoved);
    assert!(error.to_string().contains(&other.to_string()), "{error}");
    site.registry.clear_rules();
    site.registry.rule(Match::get("/manifests/1.0"), moves());
    let sbom = job()
        .sbom(&client(), &site.xray(), &site.name(), (SbomFormat::CycloneDx, false), &|_| ())
        .await
        .unwrap_err();
    assert_eq!(sbom.kind(), ErrorKind::TagMoved);
    site.registry.clear_rules();
    site.report(&job()).await.unwrap();
    // A digest cannot move.
    let by_digest = site.registry.image("docker-local/app", &site.digest.to_string()).parse().unwrap();
    site.registry.clear_requests();
    job().report(&client(), &site.xray(), &by_digest, now, &|_| ()).await.unwrap();
    assert_eq!(site.registry.count("GET", ""), 0);
}

#[tokio::test]
async fn a_summary_of_other_bytes_ends_the_job() {
    let site = Site::new(done);
    site.xray.change(|settings| settings.wrong_sha256 = Some(Digest::of("other").hex()));
    site.refused(&job(), Xray::OtherImage).await;
    let sbom = job().sbom(&client(), &site.xray(), &site.name(), (SbomFormat::Spdx, false), &|_| ()).await;
    assert_eq!(sbom.unwrap_err().kind(), ErrorKind::Xray(Xray::OtherImage));
}

#[tokio::test]
async fn the_place_is_the_one_of_the_name() {
    let site = Site::new(done);
    let add = |repository: &str, path: &str| site.xray.add(Artifact::new(repository, path, &site.digest));
    add("docker-local", "app/0.9/manifest.json");
    add("docker-local", "other/1.0/manifest.json");
    add("docker-prod", PATH);
    let place = async |job: &Fetching| site.report(job).await.map(|fetched| fetched.place.to_string());
    assert_eq!(place(&job()).await.unwrap(), format!("docker-local/{PATH}"));
    // Told nothing by the registry, the same name in two repositories could be either.
    site.registry.clear_rules();
    let why = site.refused(&job(), Xray::Ambiguous).await;
    assert!(why.contains("docker-local/app/1.0") && why.contains("docker-prod/app/1.0"), "{why}");
    let mut named = job();
    named.repository = Some("docker-prod".to_owned());
    assert_eq!(place(&named).await.unwrap(), format!("docker-prod/{PATH}"));
    named.repository = Some("nowhere".to_owned());
    let why = site.refused(&named, Xray::NotFound).await;
    assert!(why.contains("in nowhere"), "{why}");
    // A virtual repository: its key finds nothing, its files are elsewhere.
    let rule = Behaviour::Header(KEY.to_owned(), "docker-virtual".to_owned());
    site.registry.rule(Match::head("/v2/"), rule);
    site.refused(&job(), Xray::Ambiguous).await;
}

#[tokio::test]
async fn without_the_right_to_search_the_name_is_taken() {
    let site = Site::new(done);
    site.xray.change(|settings| settings.checksum_search = false);
    assert_eq!(site.report(&job()).await.unwrap().place.to_string(), format!("docker-local/{PATH}"));
    // By digest, or where nobody tells the repository, there is no name to take.
    let by_digest: Location =
        site.registry.image("docker-local/app", &site.digest.to_string()).parse().unwrap();
    let error = job().report(&client(), &site.xray(), &by_digest, now, &|_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Xray(Xray::Forbidden));
    site.registry.clear_rules();
    site.refused(&job(), Xray::Forbidden).await;
}

#[tokio::test]
async fn of_an_index_one_platform_is_asked_about() {
    let site = Site::new(done);
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let digest = index.push_to(&site.registry, "docker-local/multi", "1.0");
    let manifest: Value =
        serde_json::from_slice(&site.registry.manifest("docker-local/multi", "1.0").unwrap().bytes).unwrap();
    let child: Digest = manifest["manifests"][1]["digest"].as_str().unwrap().parse().unwrap();
    let path = format!("multi/sha256:{}/manifest.json", child.hex());
    site.xray.add(Artifact::new("docker-local", &path, &child));
    let name: Location = site.registry.image("docker-local/multi", "1.0").parse().unwrap();
    let mut job = job();
    let whole = job.report(&client(), &site.xray(), &name, now, &|_| ()).await.unwrap_err();
    assert_eq!(whole.kind(), ErrorKind::Xray(Xray::NotFound));
    job.platform = Some("linux/arm64".parse().unwrap());
    let fetched = job.report(&client(), &site.xray(), &name, now, &|_| ()).await.unwrap();
    assert_eq!((fetched.image.digest(), fetched.place.path()), (&child, path.as_str()));
    // An index that is listed and of which nothing is shown was not looked into.
    let list = Artifact::new("docker-local", "multi/1.0/list.manifest.json", &digest);
    site.xray.add(list.clone());
    job.platform = None;
    let empty = job.report(&client(), &site.xray(), &name, now, &|_| ()).await.unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::Xray(Xray::NotScanned));
    assert!(empty.to_string().contains("--platform"), "{empty}");
    // The index can be scanned as what it is.
    site.xray.add(list.license("MIT"));
    let fetched = job.report(&client(), &site.xray(), &name, now, &|_| ()).await.unwrap();
    assert_eq!(fetched.image.digest(), &digest);
}

#[tokio::test]
async fn a_bill_of_materials_is_of_a_scanned_image() {
    let site = Site::new(done);
    let sbom =
        async |format, vex| job().sbom(&client(), &site.xray(), &site.name(), (format, vex), &|_| ()).await;
    let fetched = sbom(SbomFormat::CycloneDx, true).await.unwrap();
    let document: Value = serde_json::from_slice(&fetched.document).unwrap();
    assert_eq!((&document["bomFormat"], fetched.image.digest()), (&"CycloneDX".into(), &site.digest));
    let document: Value =
        serde_json::from_slice(&sbom(SbomFormat::Spdx, false).await.unwrap().document).unwrap();
    assert_eq!(document["spdxVersion"], "SPDX-2.2");
    site.xray.add(Artifact::new("docker-local", PATH, &site.digest).states(&["PARTIAL"]));
    let error = sbom(SbomFormat::Spdx, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Xray(Xray::Partial));
}

#[tokio::test]
async fn an_old_xray_will_do() {
    let site = Site::new(done);
    let old = Site { xray: site.xray.old(), ..site };
    let document: Value = serde_json::from_str(&old.report(&job()).await.unwrap().document).unwrap();
    assert_eq!(
        (&document["xray"]["version"], &document["summary"]["version"]),
        (&"3.34.1".into(), &1.into())
    );
    assert_eq!(document["status"]["status"], "scanned");
}

/// Whatever one answer is replaced by: there is no report, or it is the true one.
#[tokio::test]
async fn no_fault_of_the_platform_makes_a_report_of_its_own() {
    let site = Site::new(done);
    let honest = site.report(&job()).await.unwrap().report;
    assert!(honest.scan.is_complete());
    let body = |text: &str| Behaviour::OtherBody(text.to_owned().into());
    let faults = || {
        let mut faults: Vec<Behaviour> =
            [201, 204, 206, 301, 400, 401, 403, 404, 405, 409, 415, 429, 500, 501, 503]
                .map(Behaviour::status)
                .into();
        faults.extend(
            ["", "{}", "[]", "null", "\"\"", "{\"errors\":[]}", "{\"error\":\"no\"}", "<html>", "PK"]
                .map(body),
        );
        faults.extend([0, 1, 20, 40].map(Behaviour::TruncateAt));
        faults.push(Behaviour::redirect("https://elsewhere.example/"));
        faults.push(Behaviour::RedirectLoop);
        faults.push(Behaviour::ResetConnection);
        faults.push(Behaviour::ContentLengthLie(3));
        faults
    };
    let (mut refused, mut true_ones) = (0, 0);
    for endpoint in ["version", "checksum", "artifact/status", "summary", "violations"] {
        for fault in faults() {
            site.xray.rule(Match::path(endpoint), fault.clone());
            match site.report(&job()).await {
                Err(_) => refused += 1,
                Ok(fetched) => {
                    true_ones += 1;
                    let scan = fetched.report.scan;
                    assert_eq!(scan.findings, honest.scan.findings, "{endpoint} {fault:?}");
                    assert_eq!(scan.violations, honest.scan.violations, "{endpoint} {fault:?}");
                }
            }
            site.xray.clear_rules();
        }
    }
    // Where a search is not allowed or not there (403, 404, 405), or a status of the new kind is not (404, 405), there is
    // another way to ask.
    assert_eq!((refused, true_ones), (155, 5));
}
