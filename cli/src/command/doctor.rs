//! `waxseal doctor`.

use waxseal::doctor::Doctor;
use waxseal_core::{ImageRef, Repository};
use waxseal_oci::RegistryName;

use crate::args::doctor::{DoctorArgs, DoctorOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::session::Session;

/// Examines a registry.
pub(crate) async fn run(args: &DoctorArgs, offline: bool) -> Result<Exit, Fault> {
    let mut doctor = target(&args.target)?;
    doctor.write = args.write;
    if let Some(text) = &args.second_repository {
        doctor.second = Some(
            text.parse::<Repository>()
                .map_err(|error| Fault::usage(format!("--second-repository {text}: {error}")))?,
        );
    }
    if args.write && doctor.repository.is_none() {
        return Err(Fault::usage("--write needs a repository to write to")
            .hint("name one that is for trials: REGISTRY/REPOSITORY"));
    }
    let session = Session::of(
        &args.registry,
        offline,
        None,
        doctor.second.iter().map(RegistryName::from).chain([doctor.registry.clone()]),
    )?;
    let report = Box::pin(doctor.examine(&session.client)).await.map_err(|error| {
        use waxseal::ErrorKind::Store;
        use waxseal_oci::ErrorKind::{Forbidden, Unauthorized};
        let refused = matches!(error.kind(), Store(Unauthorized | Forbidden));
        let fault = Fault::from(error);
        if refused { fault.into_configuration() } else { fault }
    })?;
    match args.output {
        DoctorOutput::Text => output::data(&output::doctor::text(&report))?,
        DoctorOutput::Json => output::data(
            &serde_json::to_string(&report).map_err(|error| Fault::internal(format!("no JSON: {error}")))?,
        )?,
    }
    for left in &report.left {
        output::talk(&format!(
            "warning: left behind, the registry does not delete it: {}",
            output::escape(left)
        ));
    }
    Ok(Exit::Done)
}

/// A registry, or a repository with or without a tag. A name with a slash is a repository, as everywhere.
fn target(text: &str) -> Result<Doctor, Fault> {
    let bare = text.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    if !bare.contains('/') || bare.ends_with(".io/v1") {
        return Ok(Doctor::new(text.parse::<RegistryName>()?));
    }
    let reference: ImageRef = bare
        .parse()
        .map_err(|error| Fault::usage(format!("{text:?} is no registry and no repository: {error}")))?;
    let mut doctor = Doctor::of_repository(reference.repository().clone());
    doctor.tag = reference.tag().cloned();
    Ok(doctor)
}
