//! `waxseal scan attest`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal::Attesting;
use waxseal::scan::AttestingScan;
use waxseal_core::{Digest, Signer};

use crate::args::attest::AttestOutput;
use crate::args::scan::attest::{ScanAttestArgs, TimeArg};
use crate::command::attest::{record, tell};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output::{self, escape};
use crate::report;
use crate::session::{Session, location};

/// Attests a report with each key.
pub(crate) async fn run(args: &ScanAttestArgs, offline: bool) -> Result<Exit, Fault> {
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    let stdin = standard_input(keys.chain([
        ("the report", args.report_file == Path::new("-")),
        ("the registry's password", args.registry.registry_password_stdin),
    ]))?;
    let inputs = key_files(&args.key);
    let inputs = inputs.iter().chain(&args.signer.password.password_file).chain([&args.report_file]);
    file::fits([], inputs.map(PathBuf::as_path))?;
    // Every name and every file is read before a password is asked for: a typing mistake costs nothing.
    location(&args.image)?;
    let job = job(args)?;
    let bytes = report::bytes(&args.report_file)?;
    let mut read = args.report.parse(&args.report_file, &bytes)?;
    if let Some(line) = &args.scanner_command {
        let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        let options = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
        let (tool, parameters) = words.split_at(options);
        read = read.called_with(&tool.join(" "), parameters);
    }
    report::tell_notes(&args.report_file, &read);
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), [&args.image])?;
    let mut signers = Vec::new();
    for name in &args.key {
        signers.push(args.signer.open(&session, name, stdin)?);
    }
    let borrowed: Vec<&(dyn Signer + Sync)> =
        signers.iter().map(|signer| signer as &(dyn Signer + Sync)).collect();
    let image = session.image(&args.image).await?;
    if image.tag().is_some() {
        output::talk(&format!("{}: attesting {}", escape(&args.image), image.digest()));
    }
    let (score, complete) = (read.scan.score(), read.scan.is_complete());
    let shown = args.report_file.display().to_string();
    let attested = Box::pin(job.attest(image, (&shown, read, &bytes), &borrowed)).await?;
    for one in &attested {
        tell(one);
    }
    if complete {
        output::talk(&format!("the score that was attested: {score}"));
    } else {
        output::talk(
            "warning: this scan is not complete and was attested as such: nothing takes it for a clean one",
        );
    }
    if args.output == AttestOutput::Json {
        output::data(&record(&attested))?;
    }
    Ok(Exit::Done)
}

fn job(args: &ScanAttestArgs) -> Result<AttestingScan, Fault> {
    let now = Timestamp::now();
    let mut attesting = Attesting::new(now);
    attesting.formats = args.format.formats();
    attesting.replace = args.replace;
    let mut job = AttestingScan::new(attesting);
    job.also = args.also.iter().copied().map(Into::into).collect();
    job.embed = args.embed;
    job.allow_incomplete = args.allow_incomplete;
    job.finished_on = args.finished_on.map(|time| match time {
        TimeArg::Now => now,
        TimeArg::At(time) => time,
    });
    job.database_updated_on = args.database_updated_on;
    if let Some(text) = &args.report_is_for {
        let digest: Digest =
            text.parse().map_err(|error| Fault::usage(format!("--report-is-for {text}: {error}")))?;
        job.is_for = Some(digest);
    }
    if let Some(text) = &args.platform {
        let platform = text.parse().map_err(|error| Fault::usage(format!("--platform {text}: {error}")))?;
        job.platform = Some(platform);
    }
    Ok(job)
}
