//! `waxseal scan annotate`.

use std::path::Path;

use waxseal::manifest::{MANIFEST_FILE_BYTES, Manifest};
use waxseal::scan::{Annotated, Annotating, Scored};
use waxseal_core::{Digest, ImageRef};
use waxseal_scan::Report;

use crate::args::scan::annotate::ScanAnnotateArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{self, standard_input};
use crate::output::{self, escape};
use crate::report;

/// Sets scores in manifests: in all of them, or in none.
pub(crate) fn run(args: &ScanAnnotateArgs) -> Result<Exit, Fault> {
    let stdin = |path: &Path| path == Path::new("-");
    standard_input(
        args.reports
            .iter()
            .map(|path| ("a report", stdin(path)))
            .chain(args.manifests.iter().map(|path| ("manifests", stdin(path)))),
    )?;
    if args.in_place && args.manifests.iter().any(|path| stdin(path)) {
        return Err(Fault::usage("--in-place needs files: what comes from standard input goes to stdout"));
    }
    if args.reports.len() > 1 && (args.all || args.report_is_for.is_some()) {
        let flag = if args.all { "--all" } else { "--report-is-for" };
        return Err(Fault::usage(format!("{flag} takes one report")).hint(
            "run the command for each report, or leave it out: of several reports the worst score counts",
        ));
    }
    let (reports, manifests) =
        (args.reports.iter().map(AsRef::as_ref), args.manifests.iter().map(AsRef::as_ref));
    if args.in_place {
        file::fits(manifests, reports)?;
    } else {
        file::fits([], reports.chain(manifests))?;
    }
    let mut scored = Vec::new();
    for path in &args.reports {
        let report = args.report.read(path)?;
        report::tell_notes(path, &report);
        report::complete(path, &report)?;
        scored.push(score(path, &report, args.report_is_for.as_deref())?);
    }
    let mut manifests = Vec::new();
    for path in &args.manifests {
        let manifest = Manifest::read(input::read(path, MANIFEST_FILE_BYTES as u64)?)
            .map_err(|error| Fault::manifest(path, &error))?;
        manifests.push((path.display().to_string(), manifest));
    }
    let mut job = Annotating::new(args.annotation_key.clone());
    job.every = args.all;
    let annotated = job.annotate(&manifests, &scored)?;
    for ((name, _), annotated) in manifests.iter().zip(&annotated) {
        tell(name, annotated, args);
        tell_foreign(name, annotated);
    }
    if args.in_place {
        write(args, &manifests, &annotated)?;
    } else {
        let texts = annotated.iter().map(|one| one.text.as_str());
        output::raw(output::manifests(texts).as_bytes())?;
    }
    Ok(Exit::Done)
}

/// What a report says, with the image that the person says it is of.
fn score(path: &Path, report: &Report, is_for: Option<&str>) -> Result<Scored, Fault> {
    let mut scored = Scored {
        shown: path.display().to_string(),
        names: report.subject.names.clone(),
        digests: report.subject.digests.clone(),
        score: report.scan.score(),
    };
    let Some(text) = is_for else { return Ok(scored) };
    if let Ok(digest) = text.parse::<Digest>() {
        told_otherwise(path, report, &digest);
        scored.digests = vec![digest];
        return Ok(scored);
    }
    let image: ImageRef =
        text.parse().map_err(|error| Fault::usage(format!("--report-is-for {text}: {error}")))?;
    if let Some(digest) = image.digest() {
        told_otherwise(path, report, digest);
        scored.digests = vec![*digest];
    }
    scored.names = vec![image.to_string()];
    Ok(scored)
}

/// Says that a person's word stands against the report's.
fn told_otherwise(path: &Path, report: &Report, digest: &Digest) {
    if !report.subject.digests.is_empty() && !report.subject.digests.contains(digest) {
        let digests: Vec<_> = report.subject.digests.iter().map(ToString::to_string).collect();
        output::talk(&format!(
            "warning: {} says that it is of {}; it is taken as one of {digest} (--report-is-for)",
            escape(&path.display().to_string()),
            digests.join(", ")
        ));
    }
}

fn tell(name: &str, annotated: &Annotated, args: &ScanAnnotateArgs) {
    for workload in &annotated.workloads {
        let what = format!(
            "{}:{}: {} {}",
            escape(name),
            workload.line,
            workload.kind,
            escape(workload.name.as_deref().unwrap_or("without a name"))
        );
        let others: Vec<_> = workload.others.iter().map(|image| escape(image)).collect();
        match workload.score {
            None => output::talk(&format!("{what}: left as it is: it runs other images")),
            Some(score) if others.is_empty() || args.all => {
                output::talk(&format!("{what}: {}: {score}", args.annotation_key));
            }
            Some(score) => output::talk(&format!(
                "{what}: {}: {score}; no report is of {}, which it runs too",
                args.annotation_key,
                others.join(", ")
            )),
        }
    }
}

/// Says which objects run containers and were passed over.
fn tell_foreign(name: &str, annotated: &Annotated) {
    for object in &annotated.foreign {
        output::talk(&format!(
            "{}:{}: {} {}: left as it is: workloads of this kind are not known",
            escape(name),
            object.line,
            escape(&object.kind),
            escape(object.name.as_deref().unwrap_or("without a name"))
        ));
    }
}

/// Writes what has changed. Every text is made before the first is written.
fn write(
    args: &ScanAnnotateArgs,
    manifests: &[(String, Manifest)],
    annotated: &[Annotated],
) -> Result<(), Fault> {
    for ((path, (_, before)), after) in args.manifests.iter().zip(manifests).zip(annotated) {
        if before.text() != after.text {
            file::replace(path, after.text.as_bytes())?;
        }
    }
    Ok(())
}
