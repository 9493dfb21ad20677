//! `waxseal demo`.
//!
//! What is shown is what happens: each command line is parsed and run as if it had been typed, in the directory of
//! the demonstration.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use waxseal::demo::{IMAGE, KEY, MOVED, OTHER_PUBLIC_KEY, PASSWORD, PUBLIC_KEY, Stage, TAMPERED, UNSIGNED};
use waxseal_core::Repository;
use waxseal_core::reference::Tag;
use waxseal_oci::Location;

use super::{copy, sign, tree, verify};
use crate::args::demo::DemoArgs;
use crate::args::judging::JudgingOutput;
use crate::args::registry::RegistryArgs;
use crate::args::{Cli, Command, FormatArg};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, escape};
use crate::session::location;

/// The name that the small image goes by.
const NAME: &str = "registry.example.com/demo";
/// The tag of an image that has none.
const TAG: &str = "1.0";

/// Runs the demonstration.
pub(crate) async fn run(args: &DemoArgs, offline: bool) -> Result<Exit, Fault> {
    let source = match &args.image {
        Some(name) => Some(absolute(location(name)?)?),
        None => None,
    };
    let place = Place::new(args.keep.as_deref())?;
    let before = std::env::current_dir()?;
    std::env::set_current_dir(place.path()).map_err(|error| Fault::file(place.path(), "entered", &error))?;
    let shown = Show::new(args, source, offline)?.all(args.keep.is_some()).await;
    // A directory that somebody stands in cannot be removed everywhere.
    std::env::set_current_dir(before)?;
    shown
}

/// The directory, which goes with the demonstration unless it is to be kept.
enum Place {
    Kept(PathBuf),
    Passing(tempfile::TempDir),
}

impl Place {
    fn new(keep: Option<&Path>) -> Result<Self, Fault> {
        let Some(path) = keep else {
            return Ok(Self::Passing(tempfile::Builder::new().prefix("waxseal-demo-").tempdir()?));
        };
        let failed = |error| Fault::file(path, "made", &error);
        std::fs::create_dir_all(path).map_err(failed)?;
        if std::fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(Fault::usage(format!("--keep {}: the directory is not empty", path.display())));
        }
        Ok(Self::Kept(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(directory) => directory.path(),
        }
    }
}

/// The demonstration, as far as it has come.
struct Show<'a> {
    args: &'a DemoArgs,
    offline: bool,
    source: Option<Location>,
    name: String,
    tag: Tag,
    steps: usize,
    failed: Vec<usize>,
}

impl<'a> Show<'a> {
    fn new(args: &'a DemoArgs, source: Option<Location>, offline: bool) -> Result<Self, Fault> {
        let tag = match source.as_ref().and_then(Location::tag) {
            Some(tag) => tag.clone(),
            None => TAG.parse().map_err(|error| Fault::internal(format!("{TAG}: {error}")))?,
        };
        let name = match &source {
            Some(Location::Registry(name)) => name.repository().to_string(),
            _ => NAME.to_owned(),
        };
        // The image's name goes into a command line: it is what a name is, or nothing is shown.
        name.parse::<Repository>().map_err(|error| Fault::usage(format!("{name}: {error}")))?;
        Ok(Self { args, offline, source, name, tag, steps: 0, failed: Vec::new() })
    }

    async fn all(mut self, kept: bool) -> Result<Exit, Fault> {
        let (here, tag) = (PathBuf::from("."), self.tag.clone());
        let stage = Stage::new(&here, tag)?;
        say("This shows what a signature on an image is good for, on a copy that nobody else sees.")?;
        say(&format!(
            "New keys: {KEY} signs (its password is in {PASSWORD}), {PUBLIC_KEY} verifies, {OTHER_PUBLIC_KEY} is somebody else's."
        ))?;
        match self.source.clone() {
            None => {
                stage.image().await?;
                say(&format!("A new image with one file, in a layout: oci:{IMAGE}:{}", self.tag))?;
            }
            Some(source) => {
                let target = self.at(IMAGE);
                self.step(
                    "Your image, copied with everything that hangs on it",
                    &["copy", &source.to_string(), &target],
                    Exit::Done,
                )
                .await?;
            }
        }
        stage.keep_unsigned().await?;
        self.signed().await?;
        if !self.failed() {
            self.refused(&stage).await?;
        }
        self.end(kept)
    }

    async fn signed(&mut self) -> Result<(), Fault> {
        let (image, name) = (self.at(IMAGE), self.name.clone());
        let line = ["sign", "--key", KEY, "--password-file", PASSWORD, "--identity", &name, &image];
        self.step("Sign it, in both formats at once", &line, Exit::Done).await?;
        self.step("What hangs on it now", &["tree", &image], Exit::Done).await?;
        self.step("Verify it: admitted", &["verify", "--key", PUBLIC_KEY, &image], Exit::Done).await
    }

    async fn refused(&mut self, stage: &Stage) -> Result<(), Fault> {
        let image = self.at(IMAGE);
        self.step(
            "Somebody else's key: refused",
            &["verify", "--key", OTHER_PUBLIC_KEY, &image],
            Exit::Refused,
        )
        .await?;
        let changed = stage.tamper().await?;
        let image = self.at(TAMPERED);
        self.step(
            &format!("Somebody pushed a changed image ({}) to the same tag: refused", changed.short()),
            &["verify", "--key", PUBLIC_KEY, &image],
            Exit::Refused,
        )
        .await?;
        let other = stage.move_signatures().await?;
        let image = self.at(MOVED);
        self.step(
            &format!("Somebody put the good signatures beside another image ({}): refused", other.short()),
            &["verify", "--key", PUBLIC_KEY, &image],
            Exit::Refused,
        )
        .await?;
        let image = self.at(UNSIGNED);
        self.step(
            "The image before it was signed: refused",
            &["verify", "--key", PUBLIC_KEY, &image],
            Exit::Refused,
        )
        .await
    }

    /// Shows a command, runs it, and notes whether it ended as it should.
    async fn step(&mut self, title: &str, line: &[&str], expected: Exit) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(1);
        say("")?;
        say(&format!("{}. {title}", self.steps))?;
        let quoted: Vec<_> = line.iter().map(|word| quoted(word)).collect();
        say(&format!("$ waxseal {}", escape(&quoted.join(" "))))?;
        let found = match self.run(line).await {
            Ok(exit) => exit,
            // A person's own image that cannot be read is not the demonstration's mistake.
            Err(fault) if line.first() == Some(&"copy") => return Err(fault),
            Err(fault) => {
                output::fault(&fault);
                fault.exit()
            }
        };
        if found == expected {
            say(&format!("exit code {}", found.code()))?;
        } else {
            say(&format!("exit code {}, expected {}", found.code(), expected.code()))?;
            self.failed.push(self.steps);
        }
        Ok(())
    }

    /// Runs a command line as if it had been typed, but for the environment: only the copy of a person's own image
    /// may reach a registry.
    async fn run(&self, line: &[&str]) -> Result<Exit, Fault> {
        let typed = core::iter::once("waxseal").chain(line.iter().copied());
        let cli = Cli::try_parse_from(typed).map_err(|error| Fault::internal(format!("a step: {error}")))?;
        match cli.command {
            Command::Copy(mut args) => {
                args.registry = self.args.registry.clone();
                copy::run(&args, self.offline).await
            }
            Command::Sign(mut args) => {
                args.registry = RegistryArgs::default();
                args.format = FormatArg::Both;
                sign::run(&args, true).await
            }
            Command::Tree(mut args) => {
                args.registry = RegistryArgs::default();
                tree::run(&args, true).await
            }
            Command::Verify(mut args) => {
                args.judging.registry = RegistryArgs::default();
                args.judging.format = FormatArg::Both;
                args.output = Some(JudgingOutput::Text);
                verify::run(&args, true, false).await
            }
            _ => Err(Fault::internal("a step without a command")),
        }
    }

    fn at(&self, layout: &str) -> String {
        format!("oci:{layout}:{}", self.tag)
    }

    fn failed(&self) -> bool {
        !self.failed.is_empty()
    }

    fn end(self, kept: bool) -> Result<Exit, Fault> {
        say("")?;
        if self.failed() {
            let steps: Vec<_> = self.failed.iter().map(ToString::to_string).collect();
            say(&format!("Not as it should be: step {} of {}.", steps.join(", "), self.steps))?;
            return Ok(Exit::Internal);
        }
        say(&format!(
            "All {} steps as they should be: the signature admits this image under this key, and nothing else.",
            self.steps
        ))?;
        match (&self.args.keep, kept) {
            (Some(path), true) => {
                say(&format!(
                    "Kept: `cd {}` and run the commands yourself.",
                    escape(&path.display().to_string())
                ))?;
                if self.args.registry.signature_repository.is_some() {
                    say("COSIGN_REPOSITORY is set: unset it first, or they look there for signatures.")?;
                }
            }
            _ => say(
                "Nothing is left of it; `waxseal demo --keep DIR` keeps keys and layouts to try it yourself.",
            )?,
        }
        Ok(Exit::Done)
    }
}

fn say(line: &str) -> Result<(), Fault> {
    Ok(output::data(line)?)
}

/// A word of a command line as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=,+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The same place, named so that it is found from any directory.
fn absolute(location: Location) -> Result<Location, Fault> {
    let path =
        |path: PathBuf| std::path::absolute(&path).map_err(|error| Fault::file(&path, "found", &error));
    Ok(match location {
        Location::Layout { path: local, which } => Location::Layout { path: path(local)?, which },
        Location::Archive { path: local, which } => Location::Archive { path: path(local)?, which },
        other => other,
    })
}
