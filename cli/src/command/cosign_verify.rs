//! `waxseal manifest verify` and `waxseal dockerfile verify`: `verify` with the images that a document names.

use std::path::Path;

use waxseal::dockerfile::DOCKERFILE_BYTES;
use waxseal::manifest::MANIFEST_FILE_BYTES;
use waxseal::mention::Document;

use super::documents::build_arguments;
use super::verify::judge_signatures;
use crate::args::cosign_verify::{
    DockerfileArgs, DockerfileVerifyArgs, DockerfileWhat, ManifestArgs, ManifestVerifyArgs, ManifestWhat,
};
use crate::args::judging::JudgingArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::{self, standard_input};
use crate::output::{self, escape};
use crate::{args, file};

/// Verifies the images of a manifest.
pub(crate) async fn manifest(args: &ManifestArgs, offline: bool, as_cosign: bool) -> Result<Exit, Fault> {
    let ManifestWhat::Verify(args) = &args.what;
    let ManifestVerifyArgs { manifest, judging, output } = args.as_ref();
    prepare(manifest, judging, "a manifest")?;
    let bytes = input::read(manifest, MANIFEST_FILE_BYTES as u64)?;
    let document = Document::manifest(&manifest.display().to_string(), bytes, &[], None)
        .map_err(|error| Fault::document(&error))?;
    judge(&document, judging, *output, offline, as_cosign).await
}

/// Verifies the images of a Dockerfile.
pub(crate) async fn dockerfile(args: &DockerfileArgs, offline: bool, as_cosign: bool) -> Result<Exit, Fault> {
    let DockerfileWhat::Verify(args) = &args.what;
    let DockerfileVerifyArgs { dockerfile, base_image_only, build_arg, judging, output } = args.as_ref();
    prepare(dockerfile, judging, "a Dockerfile")?;
    let mut arguments = build_arguments(build_arg)?;
    arguments.fallback = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let bytes = input::read(dockerfile, DOCKERFILE_BYTES as u64)?;
    let name = dockerfile.display().to_string();
    let document = Document::dockerfile(&name, bytes, arguments, *base_image_only)
        .map_err(|error| Fault::document(&error))?;
    judge(&document, judging, *output, offline, as_cosign).await
}

/// What does not fit together is said before anything is read.
fn prepare(path: &Path, judging: &JudgingArgs, what: &str) -> Result<(), Fault> {
    let keys = judging.key.iter().map(|key| ("a key", key == "-"));
    standard_input([(what, path == Path::new("-"))].into_iter().chain(keys))?;
    file::fits(judging.verdict_file.as_deref(), [path])
}

async fn judge(
    document: &Document,
    judging: &JudgingArgs,
    output: Option<args::judging::JudgingOutput>,
    offline: bool,
    as_cosign: bool,
) -> Result<Exit, Fault> {
    let mut images: Vec<String> = Vec::new();
    for mention in document.mentions() {
        // The name in full: what begins with `oci:` here is of a registry too.
        let image = mention.image.to_string();
        if !images.contains(&image) {
            images.push(image);
        }
    }
    for note in document.notes() {
        output::talk(&output::gate::note(note));
    }
    if images.is_empty() {
        return Err(Fault::usage(format!("no image in {}", document.file())));
    }
    let shown: Vec<_> = images.iter().map(|image| escape(image)).collect();
    output::talk(&format!("images: {}", shown.join(", ")));
    judge_signatures(&images, judging, None, output, offline, as_cosign).await
}
