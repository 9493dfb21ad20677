//! Reading the documents that name images.

use std::path::{Path, PathBuf};

use waxseal::dockerfile::{BuildArguments, DOCKERFILE_BYTES};
use waxseal::manifest::MANIFEST_FILE_BYTES;
use waxseal::mention::{Document, LIST_BYTES, Mention, Note, unused_paths};

use crate::args::documents::DocumentArgs;
use crate::fault::Fault;
use crate::input;

/// Most files that are taken from directories.
const FILES: usize = 10_000;
/// Deepest nesting of directories that is followed.
const DEPTH: usize = 64;
/// Endings of the files in a directory that are manifests.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// What manifests are made from: these are no manifests, and say so.
const SOURCES: [&str; 1] = ["Kustomization"];

/// Documents that were read, each with its file.
pub(super) struct Documents {
    pub(super) all: Vec<(PathBuf, Document)>,
    /// What is not judged and should be known.
    pub(super) notes: Vec<Note>,
}

impl DocumentArgs {
    /// What would be read from standard input, and whether it is.
    pub(super) fn on_stdin(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let stdin = |path: &PathBuf| path == Path::new("-");
        let manifests = self.manifests.iter().map(move |path| ("manifests", stdin(path)));
        let dockerfiles = self.dockerfile.iter().map(move |path| ("a Dockerfile", stdin(path)));
        let lists = self.images_file.iter().map(move |path| ("a list of images", stdin(path)));
        manifests.chain(dockerfiles).chain(lists)
    }

    /// Reads everything. `platform` is the one that is built for, where one was named.
    pub(super) fn read(&self, platform: Option<&str>) -> Result<Documents, Fault> {
        let failed = |error: waxseal::mention::DocumentError| Fault::document(&error);
        let mut all = Vec::new();
        for path in files(&self.manifests, self.recursive)? {
            let bytes = input::read(&path, MANIFEST_FILE_BYTES as u64)?;
            let (name, namespace) = (path.display().to_string(), self.namespace.as_deref());
            let document = Document::manifest(&name, bytes, &self.image_path, namespace).map_err(failed)?;
            all.push((path, document));
        }
        let mut notes = Vec::new();
        for path in &self.dockerfile {
            let bytes = input::read(path, DOCKERFILE_BYTES as u64)?;
            let mut arguments = build_arguments(&self.build_arg)?;
            of_platform(&mut arguments, platform);
            let name = path.display().to_string();
            let document =
                Document::dockerfile(&name, bytes, arguments, self.base_image_only).map_err(failed)?;
            all.push((path.clone(), document));
        }
        for path in &self.images_file {
            let bytes = input::read(path, LIST_BYTES as u64)?;
            all.push((path.clone(), Document::list(&path.display().to_string(), bytes).map_err(failed)?));
        }
        for (_, document) in &all {
            notes.extend(document.notes().iter().cloned());
        }
        notes.extend(unused_paths(&self.image_path, all.iter().map(|(_, document)| document)));
        Ok(Documents { all, notes })
    }
}

impl Documents {
    /// The images that are named.
    pub(super) fn mentions(&self) -> impl Iterator<Item = &Mention> {
        self.all.iter().flat_map(|(_, document)| document.mentions())
    }
}

/// The arguments of a build, those without a value from the environment.
pub(super) fn build_arguments(typed: &[String]) -> Result<BuildArguments, Fault> {
    let mut arguments = BuildArguments::default();
    for argument in typed {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            // As with `docker build`: a variable that is not set gives no value.
            None => (argument.as_str(), std::env::var(argument).ok()),
        };
        if name.is_empty() {
            return Err(Fault::usage(format!("--build-arg {argument}: expected NAME=VALUE")));
        }
        if let Some(value) = value {
            arguments.given.insert(name.to_owned(), value);
        }
    }
    Ok(arguments)
}

/// What a builder sets by the platform that is built for, unless somebody gave it or the file has a default.
fn of_platform(arguments: &mut BuildArguments, platform: Option<&str>) {
    let Some(platform) = platform else { return };
    let mut parts = platform.splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (os, arch, variant) = (part(), part(), part());
    // A builder gives some platforms another variant than was written: these have none here.
    let rewritten =
        matches!((arch.as_str(), variant.as_str()), ("arm", "") | ("arm64", "v8") | ("amd64", "v1"));
    let mut set = |name: &str, value| arguments.platform.insert(name.to_owned(), value);
    set("TARGETOS", os);
    set("TARGETARCH", arch);
    if !rewritten {
        set("TARGETPLATFORM", platform.to_owned());
        set("TARGETVARIANT", variant);
    }
}

/// The files, those of directories in the order of their names.
fn files(paths: &[PathBuf], recursive: bool) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            folder(path, recursive, 0, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn folder(path: &Path, recursive: bool, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let failed = |error: std::io::Error| Fault::file(path, "read", &error);
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let named = path.file_name().and_then(|name| name.to_str());
        if path.is_dir() {
            if recursive && depth >= DEPTH {
                return Err(Fault::usage(format!(
                    "{}: directories nest deeper than {DEPTH}",
                    path.display()
                )));
            }
            if recursive {
                folder(&path, recursive, depth.saturating_add(1), files)?;
            }
        } else if ending.is_some_and(|ending| ENDINGS.contains(&ending))
            || named.is_some_and(|name| SOURCES.contains(&name))
        {
            if files.len() >= FILES {
                return Err(Fault::usage(format!("more than {FILES} files in directories")));
            }
            files.push(path);
        }
    }
    Ok(())
}
