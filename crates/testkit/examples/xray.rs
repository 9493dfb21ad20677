//! Runs a platform with a registry and an Xray for trials by hand, until standard input ends.
//!
//! `cargo run -p waxseal-testkit --example xray -- --token t0ken --image docker-local/app:1.0 --finding Critical`
//!
//! Prints the platform's address (for `JF_URL`) and the names of the images.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::io::Read as _;
use std::process::ExitCode;

use waxseal_testkit::xray::{Artifact, Xray};
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

const USAGE: &str = "flags: --token TOKEN, --basic USER:PASSWORD, --old, --page ENTRIES, and for images: \
    --image REPOSITORY/IMAGE:TAG, then of that image --finding SEVERITY, --violations COUNT, \
    --states WORD,WORD,... (PENDING, SCANNING, DONE, PARTIAL, FAILED, NOT_SCANNED, NOT_SUPPORTED)";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let registry = Registry::start();
    let mut xray = Xray::start();
    let mut current: Option<Artifact> = None;
    let mut findings = 1_u32..;
    let mut rest = std::env::args().skip(1);
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--token" => xray = xray.with_token(&value()?),
            "--basic" => {
                let pair = value()?;
                let (user, password) = pair.split_once(':').ok_or("--basic takes USER:PASSWORD")?;
                xray = xray.with_basic(user, password);
            }
            "--old" => xray = xray.old(),
            "--page" => {
                let page = value()?.parse().map_err(|_| "--page takes a number")?;
                xray.change(|settings| settings.page = page);
            }
            "--image" => {
                if let Some(artifact) = current.take() {
                    xray.add(artifact);
                }
                let name = value()?;
                current = Some(push(&registry, &name)?);
            }
            "--finding" => {
                let number = findings.next().unwrap_or_default();
                current = Some(of(current)?.vulnerability(&format!("CVE-2026-{number:04}"), &value()?));
            }
            "--violations" => {
                let count = value()?.parse().map_err(|_| "--violations takes a number")?;
                current = Some(of(current)?.violations(count));
            }
            "--states" => {
                let words = value()?;
                let words: Vec<&str> = words.split(',').collect();
                current = Some(of(current)?.states(&words));
            }
            other => return Err(format!("unknown flag {other}")),
        }
    }
    if let Some(artifact) = current {
        xray.add(artifact);
    }
    println!("{}", xray.url());
    std::io::stdin().read_to_end(&mut Vec::new()).map_err(|error| error.to_string())?;
    for request in xray.requests() {
        eprintln!("{} {} {}", request.status, request.line(), request.json.unwrap_or_default());
    }
    Ok(())
}

fn of(current: Option<Artifact>) -> Result<Artifact, String> {
    current.ok_or_else(|| "an --image has to come first".to_owned())
}

/// Pushes an image, and has the registry tell the key of its repository as Artifactory does.
fn push(registry: &Registry, name: &str) -> Result<Artifact, String> {
    let (path, tag) = name.rsplit_once(':').ok_or("--image takes REPOSITORY/IMAGE:TAG")?;
    let (repository, image) = path.split_once('/').ok_or("--image takes REPOSITORY/IMAGE:TAG")?;
    let digest = ImageBuilder::new().file("hello", "world").build().push_to(registry, path, tag);
    registry.rule(
        Match::head(format!("/v2/{repository}/")),
        Behaviour::Header("X-Artifactory-Docker-Registry".to_owned(), repository.to_owned()),
    );
    println!("{}", registry.image(path, tag));
    Ok(Artifact::new(repository, &format!("{image}/{tag}/manifest.json"), &digest).license("Apache-2.0"))
}
