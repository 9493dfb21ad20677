//! Credentials, redirects, retries, bounds and TLS.

use std::time::{Duration, Instant};

use waxseal_scan::xray::{Credential, ErrorKind, SbomFormat, Secret, Xray};
use waxseal_testkit::xray::Xray as Server;
use waxseal_testkit::{Behaviour, Match};

use super::{artifact, client, digest, options, place, refused, server, token, with};

#[tokio::test]
async fn tokens_and_users_are_let_in() {
    let server = Server::start().with_token("t0ken");
    assert_eq!(with(&server, token("t0ken")).version().await.unwrap().version, "3.111.9");
    refused(with(&server, token("other")).version().await, ErrorKind::Unauthorized);
    let why = refused(client(&server).version().await, ErrorKind::Unauthorized);
    assert!(why.contains("no credentials were given"), "{why}");

    let server = Server::start().with_basic("robot", "t0ken");
    let basic =
        |password: &str| Credential::Basic { user: "robot".to_owned(), password: Secret::new(password) };
    with(&server, basic("t0ken")).version().await.unwrap();
    refused(with(&server, basic("other")).version().await, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_server_that_repeats_a_token_is_not_quoted() {
    let server = Server::start().with_token("t0ken");
    let xray = with(&server, token("hunter2"));
    let why = refused(xray.version().await, ErrorKind::Unauthorized);
    assert!(why.contains("Bad credentials"), "{why}");
    let says = |code, body: &str| {
        server.clear_rules();
        let body = body.as_bytes().to_vec().into();
        server.rule(Match::any(), Behaviour::Status { code, headers: Vec::new(), body });
    };
    let silent = |why: String| {
        assert!(!why.contains("hunter"), "{why}");
        assert!(why.contains("repeats the credential"), "{why}");
    };
    // As it stands, and as JSON may write it.
    for body in [r#"{"error":"no such token: hunter2"}"#, r#"{"error":"no such token: \u0068unter2"}"#] {
        says(401, body);
        silent(refused(xray.version().await, ErrorKind::Unauthorized));
        // Trouble is told under status 200 too, and each answer has a place for it.
        says(200, body);
        silent(refused(xray.trigger(&place()).await, ErrorKind::Reported));
        let sbom = xray.sbom(&place(), &digest(), SbomFormat::CycloneDx, false).await;
        silent(refused(sbom, ErrorKind::Reported));
    }
    says(200, r#"{"errors":[{"identifier":"hunter2","error":"no"}]}"#);
    silent(refused(xray.summary(&digest(), None).await, ErrorKind::Reported));
    says(200, r#"{"artifacts":[{"general":{"sha256":"hunter2"}}]}"#);
    silent(refused(xray.summary(&digest(), None).await, ErrorKind::OtherImage));
    says(200, r#"{"overall":{"status":"hunter2"}}"#);
    silent(refused(xray.status(&place(), &digest()).await, ErrorKind::Protocol));
    // A reader's own words quote what they stumbled over, and a long text is cut in the middle of it.
    says(200, r#"{"total_violations":"hunter2","violations":[]}"#);
    silent(refused(xray.violations(&place()).await, ErrorKind::Protocol));
    says(200, r#"{"results":"hunter2"}"#);
    silent(refused(xray.places(&digest(), None).await, ErrorKind::Protocol));
    let long = with(&server, token(&format!("hunter-{}", "0123456789".repeat(3))));
    says(401, &format!(r#"{{"error":"{}hunter-{}"}}"#, "x".repeat(180), "0123456789".repeat(3)));
    silent(refused(long.version().await, ErrorKind::Unauthorized));
    // Other words are quoted as before.
    says(401, r#"{"error":"no such token"}"#);
    assert!(refused(xray.version().await, ErrorKind::Unauthorized).contains("no such token"));
}

#[tokio::test]
async fn credentials_stay_at_the_platform() {
    let (server, other) = (server(artifact()), Server::start());
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/xray/api/v1/system/version", other.url());
        server.rule(Match::path("version"), Behaviour::Redirect { status, location });
        let why = refused(with(&server, token("t0ken")).version().await, ErrorKind::RefusedAddress);
        assert!(why.contains("another place"), "{why}");
        server.clear_rules();
    }
    for location in ["https://127.0.0.1/x", "//evil.example/x", "ftp://a.example/", "http://u:p@127.0.0.1/"] {
        server.rule(Match::path("version"), Behaviour::redirect(location));
        refused(with(&server, token("t0ken")).version().await, ErrorKind::RefusedAddress);
        server.clear_rules();
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn redirects_within_the_platform_are_followed_and_counted() {
    let server = server(artifact());
    server.rule(
        Match::path("/old/xray/api/v1/system/version"),
        Behaviour::redirect("/xray/api/v1/system/version"),
    );
    let mut options = options(&server);
    options.platform = waxseal_scan::xray::Platform::parse(&format!("{}/old", server.url())).unwrap();
    Xray::new(&options).unwrap().version().await.unwrap();
    assert_eq!(server.lines().len(), 2);

    server.rule(Match::path("version"), Behaviour::RedirectLoop);
    refused(client(&server).version().await, ErrorKind::LimitExceeded);
    server.clear_rules();
    // A POST keeps its body behind 307, and would lose it behind the others.
    let path = "/xray/api/v1/summary/artifact";
    for (status, fine) in [(307, true), (308, true), (301, false), (302, false), (303, false)] {
        server.rule(Match::path("v2/summary"), Behaviour::Redirect { status, location: path.to_owned() });
        let summary = client(&server).summary(&digest(), Some(&place())).await;
        if fine {
            summary.unwrap();
        } else {
            refused(summary, ErrorKind::RefusedAddress);
        }
        server.clear_rules();
    }
}

#[tokio::test]
async fn passing_trouble_is_waited_for_and_lasting_trouble_is_told() {
    let server = Server::start();
    for (status, kind) in
        [(429, ErrorKind::TooManyRequests), (500, ErrorKind::ServerTrouble), (503, ErrorKind::ServerTrouble)]
    {
        server.rule(Match::any().times(2), Behaviour::status(status));
        client(&server).version().await.unwrap();
        server.clear_rules();
        server.clear_requests();
        server.rule(Match::any(), Behaviour::status(status));
        refused(client(&server).version().await, kind);
        assert_eq!(server.requests().len(), 5);
        server.clear_rules();
        server.clear_requests();
    }
    for (status, kind) in [
        (400, ErrorKind::Protocol),
        (403, ErrorKind::Forbidden),
        (404, ErrorKind::NotFound),
        (501, ErrorKind::Protocol),
        (204, ErrorKind::Protocol),
    ] {
        server.rule(Match::any(), Behaviour::status(status));
        refused(client(&server).version().await, kind);
        assert_eq!(server.requests().len(), 1, "{status}");
        server.clear_rules();
        server.clear_requests();
    }
    server.rule(Match::any().times(2), Behaviour::ResetConnection);
    client(&server).version().await.unwrap();
    server.rule(Match::any().times(1), Behaviour::TruncateAt(5));
    client(&server).version().await.unwrap();
}

#[tokio::test]
async fn retry_after_is_kept_to_within_bounds() {
    let server = Server::start();
    server.rule(Match::any().times(1), Behaviour::retry_after(429, 1));
    let begin = Instant::now();
    client(&server).version().await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1));
    // An hour is not waited for, and neither is what lies behind the deadline.
    for seconds in [3_600, 30] {
        server.clear_rules();
        server.clear_requests();
        server.rule(Match::any(), Behaviour::retry_after(503, seconds));
        let begin = Instant::now();
        refused(client(&server).version().await, ErrorKind::ServerTrouble);
        assert!(begin.elapsed() < Duration::from_secs(5) && server.requests().len() == 1);
    }
}

#[tokio::test]
async fn bodies_have_a_largest_size_and_a_last_moment() {
    let server = server(artifact());
    for lie in [Behaviour::Endless, Behaviour::ContentLengthLie(1 << 40)] {
        server.rule(Match::path("version"), lie);
        refused(client(&server).version().await, ErrorKind::LimitExceeded);
        server.clear_rules();
    }
    let mut options = options(&server);
    options.deadline = Duration::from_millis(300);
    let hasty = Xray::new(&options).unwrap();
    hasty.version().await.unwrap();
    for lie in [Behaviour::Slow(Duration::from_millis(50)), Behaviour::Delay(Duration::from_secs(5))] {
        server.rule(Match::path("version"), lie);
        let begin = Instant::now();
        refused(hasty.version().await, ErrorKind::Timeout);
        assert!(begin.elapsed() < Duration::from_secs(3));
        server.clear_rules();
    }
}

#[tokio::test]
async fn offline_asks_nobody() {
    let server = Server::start();
    let mut options = options(&server);
    options.offline = true;
    refused(Xray::new(&options).unwrap().version().await, ErrorKind::Offline);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn nobody_there_is_no_answer() {
    let server = Server::start();
    let xray = client(&server);
    drop(server);
    refused(xray.version().await, ErrorKind::Transport);
}

#[tokio::test]
async fn only_the_named_authority_is_trusted() {
    let server = Server::start_tls().with_token("t0ken");
    let mut options = options(&server);
    options.credential = token("t0ken");
    refused(Xray::new(&options).unwrap().version().await, ErrorKind::Tls);
    assert!(server.requests().is_empty());
    options.ca_certificates = vec![Server::start_tls().ca_pem().as_bytes().to_vec()];
    refused(Xray::new(&options).unwrap().version().await, ErrorKind::Tls);
    options.ca_certificates = vec![server.ca_pem().as_bytes().to_vec()];
    Xray::new(&options).unwrap().version().await.unwrap();
    for junk in ["", "junk"] {
        options.ca_certificates = vec![junk.as_bytes().to_vec()];
        refused(Xray::new(&options), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn a_base_path_and_a_project_are_kept() {
    let server = Server::start().with_base("/jfrog");
    server.add(artifact());
    server.change(|settings| settings.project = Some("payments".to_owned()));
    refused(client(&server).status(&place(), &digest()).await, ErrorKind::Forbidden);
    let mut options = options(&server);
    options.project = Some("payments".to_owned());
    let xray = Xray::new(&options).unwrap();
    assert_eq!(xray.version().await.unwrap().version, "3.111.9");
    xray.status(&place(), &digest()).await.unwrap();
    xray.places(&digest(), None).await.unwrap();
    assert_eq!(server.requests().last().unwrap().path, "/jfrog/artifactory/api/search/checksum");
}

#[tokio::test]
async fn what_is_no_xray_is_told() {
    let server = Server::start();
    for body in ["<html>", "{}", r#"{"xray_version":""}"#] {
        server.rule(Match::any(), Behaviour::OtherBody(body.as_bytes().to_vec().into()));
        refused(client(&server).version().await, ErrorKind::Protocol);
        server.clear_rules();
    }
}
