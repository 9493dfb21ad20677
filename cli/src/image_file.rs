//! The file that a build writes about what it has pushed.
//!
//! Kaniko (`--image-name-tag-with-digest-file`) and `jf rt build-docker-create` know one line, `NAME[:TAG]@sha256:HEX`;
//! buildx (`--metadata-file`) writes JSON, `bake` one object for each target. A line without a digest is refused: nothing
//! would say which bytes were pushed.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use waxseal_core::{ImageRef, json};

use crate::fault::Fault;
use crate::input;

/// Largest file, in bytes (1 MiB).
const BYTES: u64 = 1 << 20;
/// Most images of a file.
const IMAGES: usize = 1_024;

/// The images of a file, each with its digest.
pub(crate) fn read(path: &Path) -> Result<Vec<String>, Fault> {
    let bytes = input::read(path, BYTES)?;
    let wrong = |why: String| {
        Fault::usage(format!("{}: {why}", path.display()))
            .hint("expected lines as registry.example.com/app:1.0@sha256:..., or the metadata file of buildx")
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("not UTF-8".to_owned()))?;
    let names = if text.trim_start().starts_with('{') { buildx(text) } else { lines(text) };
    let names = names.map_err(wrong)?;
    match names.len() {
        0 => Err(wrong("it names no image".to_owned())),
        many if many > IMAGES => Err(wrong(format!("it names more than {IMAGES} images"))),
        _ => Ok(names),
    }
}

fn lines(text: &str) -> Result<Vec<String>, String> {
    let lines = (1_usize..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
    lines.map(|(number, line)| image(line).map_err(|why| format!("line {number}: {why}"))).collect()
}

/// A name, which has to have a digest.
fn image(name: &str) -> Result<String, String> {
    let parsed: ImageRef =
        name.parse().map_err(|error| format!("{name:?} is not the name of an image: {error}"))?;
    if parsed.digest().is_none() {
        return Err(format!("{name} has no digest"));
    }
    Ok(name.to_owned())
}

/// The images of buildx's metadata: under `image.name`, with commas, and `containerimage.digest`.
fn buildx(text: &str) -> Result<Vec<String>, String> {
    json::check(text.as_bytes(), json::exact).map_err(|error| error.to_string())?;
    let metadata: BTreeMap<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if metadata.contains_key("containerimage.digest") {
        return built(&metadata);
    }
    let mut names = Vec::new();
    for (target, value) in metadata {
        let Value::Object(target_metadata) = value else { continue };
        if target_metadata.contains_key("containerimage.digest") {
            names.extend(
                built(&target_metadata.into_iter().collect()).map_err(|why| format!("{target}: {why}"))?,
            );
        }
    }
    Ok(names)
}

fn built(metadata: &BTreeMap<String, Value>) -> Result<Vec<String>, String> {
    let text = |name: &str| {
        metadata.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name:?} is not there, or no text"))
    };
    let (digest, names) = (text("containerimage.digest")?, text("image.name")?);
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut repositories = Vec::new();
    let mut images = Vec::new();
    for name in names {
        let name = image(&format!("{name}@{digest}"))?;
        let repository =
            name.parse::<ImageRef>().map(|name| name.repository().to_string()).unwrap_or_default();
        // Several tags of one repository name the same image.
        if !repositories.contains(&repository) {
            repositories.push(repository);
            images.push(name);
        }
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0f0e0d0c0b0a09080706050403020100ffeeddccbbaa99887766554433221100";

    #[test]
    fn a_line_is_an_image_with_its_digest() {
        let line = format!("registry.example.com/app:1.0@{DIGEST}");
        assert_eq!(lines(&format!("{line}\n")).unwrap().join(","), line);
        assert_eq!(lines(&format!("\r\n{line}\r\n{line}")).unwrap().len(), 2);
        for wrong in ["registry.example.com/app:1.0", "registry.example.com/app@sha256:abc", "App@x"] {
            assert!(lines(wrong).unwrap_err().starts_with("line 1: "), "{wrong}");
        }
    }

    #[test]
    fn metadata_of_buildx_names_images_and_their_digest() {
        let one = format!(
            r#"{{"buildx.build.ref": "default/default/x", "containerimage.digest": "{DIGEST}",
                "containerimage.config.digest": "sha256:0", "image.name": "registry.example.com/app:1.0,registry.example.com/app:latest,other.example.com/app"}}"#
        );
        let images =
            [format!("registry.example.com/app:1.0@{DIGEST}"), format!("other.example.com/app@{DIGEST}")];
        assert_eq!(buildx(&one).unwrap(), images);
        let bake =
            format!(r#"{{"app": {one}, "buildx.build.warnings": [], "other": {{"image.name": "x"}}}}"#);
        assert_eq!(buildx(&bake).unwrap(), images);
        assert!(buildx(&one.replace("image.name", "image.names")).unwrap_err().contains("image.name"));
        assert!(buildx(&one.replace(DIGEST, "sha256:0")).is_err());
        assert!(buildx(&one.replace("sha256:0\"", "sha256:0\", \"image.name\": \"x\"")).is_err());
        assert!(buildx("{}").unwrap().is_empty());
    }
}
