//! The client of Xray's REST API against a platform that keeps to its documentation, and one that lies.

mod documents;
mod exports;
mod places;
mod status;
mod summaries;
mod transport;
mod violations;

use std::time::Duration;

use waxseal_core::Digest;
use waxseal_scan::xray::{Credential, Error, ErrorKind, Place, Platform, Secret, Xray, XrayOptions};
use waxseal_testkit::xray::{Artifact, Xray as Server};

const PATH: &str = "app/1.0/manifest.json";

/// The settings of a patient client of this server that does not wait long.
fn options(server: &Server) -> XrayOptions {
    let mut options = XrayOptions::new(Platform::parse(&server.url()).unwrap());
    options.pause = Duration::from_millis(1);
    options.deadline = Duration::from_secs(10);
    options
}

fn client(server: &Server) -> Xray {
    Xray::new(&options(server)).unwrap()
}

fn with(server: &Server, credential: Credential) -> Xray {
    let mut options = options(server);
    options.credential = credential;
    Xray::new(&options).unwrap()
}

fn digest() -> Digest {
    Digest::of("a manifest")
}

fn place() -> Place {
    Place::new("docker-local", PATH).unwrap()
}

/// An image that was scanned, and in which nothing was found.
fn artifact() -> Artifact {
    Artifact::new("docker-local", PATH, &digest())
}

/// A server that knows one artifact.
fn server(artifact: Artifact) -> Server {
    let server = Server::start();
    server.add(artifact);
    server
}

#[track_caller]
fn refused<T>(result: Result<T, Error>, kind: ErrorKind) -> String {
    let error = result.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

fn token(text: &str) -> Credential {
    Credential::Token(Secret::new(text))
}
