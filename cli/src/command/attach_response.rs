//! `waxseal attach response`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;
use waxseal::AttachingResponse;
use waxseal::detached::{Refusal, ResponseAttached, Returned, WrittenFormat};
use waxseal_core::limits::{BARE_SIGNATURE_BYTES, SIGNING_RESPONSE_BYTES};
use waxseal_core::signing::detached::DetachedResponse;
use waxseal_core::{KeyId, PinnedRef, PredicateType, Verdict};

use super::judging::verifier;
use super::payload::{expected, platform};
use super::sign_payload::opened;
use crate::args::attach::{AttachOutput, AttachResponseArgs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, pasted, read, standard_input};
use crate::output::{self, escape};
use crate::session::{Session, location};

/// Attaches what came back to a request.
pub(crate) async fn run(args: &AttachResponseArgs, offline: bool) -> Result<Exit, Fault> {
    location(&args.image)?;
    let stdin = |path: &PathBuf| path == Path::new("-");
    standard_input([
        ("the response", args.response.iter().chain(&args.from_text).any(stdin)),
        ("a signature", args.signature.iter().any(stdin)),
        ("the request", stdin(&args.request)),
        ("the key", args.key == "-"),
        ("the registry's password", args.registry.registry_password_stdin),
    ])?;
    let keys = key_files([&args.key]);
    let inputs = keys.iter().chain(&args.response).chain(&args.from_text).chain(&args.signature);
    file::fits([], inputs.chain([&args.request]).map(PathBuf::as_path))?;
    let expect = expected(args.expect_digest.as_deref())?;
    let platform = platform(args.platform.as_deref())?;
    let (request, _) = opened(Some(&args.request), None)?;
    let returned = returned(args)?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let trusted = session.trusted(std::slice::from_ref(&args.key)).await?;
    let key = trusted.into_iter().next().ok_or_else(|| Fault::usage("no key was named"))?;
    let mut job = AttachingResponse::new(key, Timestamp::now());
    job.verifier = verifier(args.allow_example_keys);
    job.formats = args.format.formats();
    job.expect = expect;
    let mut image = session.image(&args.image).await?;
    if let Some(platform) = &platform {
        image = Box::pin(image.for_platform(platform)).await?;
    }
    match Box::pin(job.attach(image, request, &returned)).await? {
        ResponseAttached::Done { image, key, predicate_type, written } => {
            tell(&image, &key, predicate_type.as_ref(), &written);
            if args.output == AttachOutput::Json {
                output::data(&record(&image, &key, predicate_type.as_ref(), &written))?;
            }
            Ok(Exit::Done)
        }
        ResponseAttached::Refused(Refusal::Response(error)) => {
            Err(Fault::detached(&format!("{}: nothing was attached", args.image), &error))
        }
        ResponseAttached::Refused(Refusal::Verdict(verdict)) => Ok(refused(args, &verdict)),
        _ => Err(Fault::internal("an outcome that nobody knows")),
    }
}

/// What came back, in whichever form.
fn returned(args: &AttachResponseArgs) -> Result<Returned, Fault> {
    let (path, bytes) = match (&args.response, &args.from_text) {
        (Some(path), _) => (path, read(path, SIGNING_RESPONSE_BYTES)?),
        (None, Some(path)) => (path, pasted(path, SIGNING_RESPONSE_BYTES)?),
        (None, None) if args.signature.is_empty() => {
            return Err(Fault::usage("there is nothing to attach")
                .hint("name the response, or give --from-text, or --signature for each payload"));
        }
        (None, None) => {
            let read = args.signature.iter().map(|path| read(path, BARE_SIGNATURE_BYTES));
            return Ok(Returned::Signatures(read.collect::<Result<_, _>>()?));
        }
    };
    let shown = if path == Path::new("-") { "the response".to_owned() } else { path.display().to_string() };
    let response = DetachedResponse::parse(&bytes).map_err(|error| Fault::detached(&shown, &error))?;
    Ok(Returned::Response(response))
}

fn refused(args: &AttachResponseArgs, verdict: &Verdict) -> Exit {
    let miss = verdict.nearest_miss();
    output::talk(&format!(
        "error: {}: what came back does not hold for this image and was not attached [{}]",
        escape(&args.image),
        miss.map_or("refused", |miss| miss.reason.code())
    ));
    if let Some(miss) = miss {
        output::talk(&format!("  because: {}", output::verdict::finding(miss)));
    }
    let telling = match args.output {
        AttachOutput::Json => output::data(&verdict.to_json()).map_err(Fault::from),
        AttachOutput::Text => Ok(()),
    };
    output::told(Exit::Refused, telling)
}

fn tell(image: &PinnedRef, key: &KeyId, predicate_type: Option<&PredicateType>, written: &[WrittenFormat]) {
    for one in written {
        let what = if one.already { "already attached" } else { "attached" };
        let kind = predicate_type.map(|kind| format!(": {}", escape(kind.as_str()))).unwrap_or_default();
        output::talk(&format!(
            "{}: {what}, signed by {} ({}){kind}",
            escape(&image.to_string()),
            key.short(),
            one.format.name()
        ));
    }
}

fn record(
    image: &PinnedRef,
    key: &KeyId,
    predicate_type: Option<&PredicateType>,
    written: &[WrittenFormat],
) -> String {
    let format = |one: &WrittenFormat| json!({ "format": one.format.name(), "already": one.already });
    json!({
        "schema": "waxseal/attach-response/v1",
        "image": image.to_string(),
        "digest": image.digest(),
        "key": key,
        "predicateType": predicate_type.map(PredicateType::as_str),
        "signatures": written.iter().map(format).collect::<Vec<_>>(),
    })
    .to_string()
}
