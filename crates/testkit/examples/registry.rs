//! Runs the registry for trials by hand, until standard input ends.
//!
//! `cargo run -p waxseal-testkit --example registry -- --no-referrers --delay 20 --image app:1.0`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use waxseal_testkit::{ImageBuilder, Registry};

const USAGE: &str = "flags: --tls, --no-referrers, --delay MILLISECONDS, --basic USER:PASSWORD, \
    --bearer USER:PASSWORD, --image REPOSITORY:TAG, --layout DIRECTORY=REPOSITORY";

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
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let tls = flags.iter().any(|flag| flag == "--tls");
    let mut registry = if tls { Registry::start_tls() } else { Registry::start() };
    let mut rest = flags.into_iter();
    while let Some(flag) = rest.next() {
        let mut value = |separator| pair(&flag, rest.next().as_deref(), separator);
        registry = match flag.as_str() {
            "--tls" => registry,
            "--no-referrers" => registry.without_referrers_api(),
            "--delay" => {
                let delay = rest.next().and_then(|text| text.parse().ok()).ok_or("--delay takes a number")?;
                registry.with_delay(Duration::from_millis(delay))
            }
            "--basic" => {
                let (user, password) = value(':')?;
                registry.with_basic(&user, &password)
            }
            "--bearer" => {
                let (user, password) = value(':')?;
                registry.with_bearer(&user, &password)
            }
            "--image" => {
                let (repository, tag) = value(':')?;
                let digest =
                    ImageBuilder::new().file("hello", "world").build().push_to(&registry, &repository, &tag);
                println!("{}", registry.image(&repository, &digest.to_string()));
                registry
            }
            "--layout" => {
                let (directory, repository) = value('=')?;
                registry.push_layout(directory.as_ref(), &repository);
                registry
            }
            other => return Err(format!("unknown flag {other}")),
        };
    }
    println!("{}", registry.url("/v2/"));
    if tls {
        println!("{}", registry.ca_pem());
    }
    std::io::stdin().read_to_end(&mut Vec::new()).map_err(|error| error.to_string())?;
    for request in registry.requests() {
        eprintln!("{} {}", request.status, request.line());
    }
    Ok(())
}

fn pair(flag: &str, value: Option<&str>, separator: char) -> Result<(String, String), String> {
    value
        .and_then(|text| text.split_once(separator))
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .ok_or_else(|| format!("{flag} takes two parts with {separator} between"))
}
