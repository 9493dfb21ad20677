//! `waxseal inventory`.

use std::path::Path;

use jiff::Timestamp;
use waxseal::Decision;
use waxseal::inventory::{
    DUMP_BYTES, Inventory, InventoryImage, Inventorying, ScanState, SignerState, Sources, Step,
};

use super::judging::verifier;
use crate::args::Age;
use crate::args::inventory::{InventoryArgs, InventoryOutput, InventoryState};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{self, key_files, standard_input};
use crate::output::progress::Wait;
use crate::output::{self, counted, inventory};
use crate::session::Session;

/// Takes an inventory.
pub(crate) async fn run(args: &InventoryArgs, offline: bool) -> Result<Exit, Fault> {
    check(args)?;
    let keys = key_files(&args.key);
    file::fits([], args.files.iter().chain(&keys).chain(&args.policy.policy).map(AsRef::as_ref))?;
    let sources = sources(args)?;
    let session = Session::of(&args.registry, offline, None, sources.registry_names())?;
    let mut job = Inventorying::new(session.trusted(&args.key).await?, Timestamp::now());
    job.verifier = verifier(args.allow_example_keys);
    if args.policy.file()?.is_some() {
        let policy = session.policy(&args.policy).await?;
        let mut decision = Decision::new(policy, session.client.clone(), job.now);
        decision.verifier = job.verifier.clone();
        job.decision = Some(decision);
    }
    job.max_scan_age = args.max_age.map(|Age(age)| age);
    if let Some(workers) = args.max_workers {
        job.workers = usize::from(workers);
    }
    let asked_for_catalog = !args.registries.is_empty();
    let line = Wait::new();
    let taken = Box::pin(job.take(&session.client, &session.finding, sources, &|step| {
        line.say(&progress(step));
    }))
    .await;
    line.clear();
    let taken = taken.map_err(|error| explained(error, asked_for_catalog))?;
    let mut exit = if taken.complete { Exit::Done } else { Exit::Undecided };
    let failing = |what: &InventoryState| taken.images.iter().filter(|image| is(*what, image)).count();
    for what in &args.fail_on {
        let found = failing(what);
        if found > 0 {
            exit = exit.worst(Exit::Refused);
            output::talk(&format!("{}: {}", what.name(), counted(found, "image")));
        }
    }
    tell(&taken);
    let mut shown = taken;
    if !args.only.is_empty() {
        shown.images.retain(|image| args.only.iter().any(|what| is(*what, image)));
    }
    Ok(output::told(exit, print(&shown, args.output)))
}

fn print(taken: &Inventory, form: InventoryOutput) -> Result<(), Fault> {
    match form {
        InventoryOutput::Text => output::raw(inventory::text(taken).as_bytes())?,
        InventoryOutput::Json => output::data(
            &serde_json::to_string(taken).map_err(|error| Fault::internal(format!("no JSON: {error}")))?,
        )?,
        InventoryOutput::Csv => output::raw(inventory::csv(taken).as_bytes())?,
        InventoryOutput::Html => output::raw(inventory::page(taken).as_bytes())?,
        InventoryOutput::Names => {
            for image in &taken.images {
                output::data(&output::escape(&image.image))?;
            }
        }
    }
    Ok(())
}

/// What makes no sense together.
fn check(args: &InventoryArgs) -> Result<(), Fault> {
    let stdin = |path: &Path| path == Path::new("-");
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    standard_input(
        keys.chain(args.files.iter().map(|path| ("objects", stdin(path))))
            .chain([("the registry's password", args.registry.registry_password_stdin)]),
    )?;
    let policy = args.policy.file()?;
    let asks = !args.fail_on.is_empty() || !args.only.is_empty() || args.max_age.is_some();
    let refused = args.fail_on.iter().chain(&args.only).any(|what| *what == InventoryState::Refused);
    if refused && policy.is_none() {
        return Err(Fault::usage("nothing is refused without rules").hint("give --policy FILE"));
    }
    if asks && args.key.is_empty() && policy.is_none() {
        return Err(Fault::usage(
            "without a key nobody knows what is signed or scanned: anybody who may push can attach something",
        )
        .hint("say whose word counts: --key release.pub, or --policy FILE"));
    }
    Ok(())
}

fn sources(args: &InventoryArgs) -> Result<Sources, Fault> {
    let mut sources = Sources::new();
    for name in &args.images {
        // What is typed is held to what it means before anything is asked.
        crate::session::location(name)?;
        sources.add_name(name);
    }
    for path in &args.files {
        let shown = path.display().to_string();
        sources.add_objects(&shown, input::read(path, DUMP_BYTES)?, args.ended)?;
    }
    for registry in &args.registries {
        sources.add_registry(registry.clone());
    }
    for repository in &args.repository {
        sources.add_repository(repository.clone());
    }
    if sources.is_empty() {
        let fault = if args.files.is_empty() {
            Fault::usage("no image is named").hint(
                "name images, files with objects of Kubernetes (-f), a registry (--registry) or a repository \
                 (--repository)",
            )
        } else {
            Fault::usage("the files name no image")
                .hint("pods that have ended are left out, unless you give --ended")
        };
        return Err(fault);
    }
    Ok(sources)
}

fn explained(error: waxseal::Error, asked_for_catalog: bool) -> Fault {
    use waxseal_oci::ErrorKind as Store;
    let is_closed = matches!(
        error.kind(),
        waxseal::ErrorKind::Store(
            Store::Unauthorized | Store::Forbidden | Store::NotFound | Store::Unsupported | Store::Protocol
        )
    );
    let fault = Fault::from(error);
    if is_closed && asked_for_catalog {
        return fault.hint(
            "many registries show their catalogue to few or to nobody: log in, or name each repository with \
             --repository HOST/PATH",
        );
    }
    fault
}

fn progress(step: Step) -> String {
    match step {
        Step::Listing { repositories } => format!("listing tags: {}", counted(repositories, "repository")),
        Step::Resolving { done, of } => format!("resolving names: {done} of {of}"),
        Step::Looking { done, of } => format!("looking at images: {done} of {of}"),
        _ => String::new(),
    }
}

/// Says what the listing itself does not say.
fn tell(taken: &Inventory) {
    if !taken.verified && taken.policy.is_none() {
        output::talk("no key was given: nothing is verified, and what is attached is listed by its own word");
    }
    if taken.ended_pods > 0 {
        output::talk(&format!(
            "{} left out, which have ended (--ended takes them too)",
            counted(taken.ended_pods, "pod")
        ));
    }
    for trouble in &taken.unreadable {
        output::talk(&inventory::trouble(trouble));
    }
    for trouble in taken.images.iter().flat_map(|image| &image.troubles) {
        output::talk(&inventory::trouble(trouble));
    }
    if !taken.complete {
        output::talk("something could not be read: there may be more than is listed");
    }
}

/// Whether an image is in this state. What is not known is not.
fn is(what: InventoryState, image: &InventoryImage) -> bool {
    match what {
        InventoryState::Unsigned => matches!(image.signature, SignerState::Unsigned { .. }),
        InventoryState::Unscanned => matches!(image.scan, ScanState::Unscanned { .. }),
        InventoryState::Refused => image.is_refused(),
    }
}

impl InventoryState {
    const fn name(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Unscanned => "unscanned",
            Self::Refused => "refused",
        }
    }
}
