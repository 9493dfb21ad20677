//! Builds a small image around one program and writes it into an OCI layout, for trials against real registries.
//!
//! `cargo run -p waxseal-testkit --example image -- LAYOUT TAG PLATFORM=PROGRAM[,FILE...]...` makes an image for one
//! platform, or an index for several; each further file becomes a layer of its own. Debian's `busybox-static` gives a
//! real one: `linux/amd64=/bin/busybox`.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "an example talks to a person"
)]

use std::path::Path;
use std::process::ExitCode;

use waxseal_testkit::image::{ImageBuilder, IndexBuilder};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layout, tag, platforms @ ..] = arguments.as_slice() else {
        eprintln!("usage: image LAYOUT TAG PLATFORM=PROGRAM...");
        return ExitCode::from(2);
    };
    let mut images = Vec::new();
    for entry in platforms {
        let Some((platform, program)) = entry.split_once('=') else {
            eprintln!("{entry}: expected PLATFORM=PROGRAM, as in linux/amd64=/bin/busybox");
            return ExitCode::from(2);
        };
        let mut files = program.split(',');
        let program = files.next().unwrap_or_default();
        let image = ImageBuilder::new().platform(platform).program_from("bin/busybox", Path::new(program));
        let image =
            files.fold(image, |image, file| image.layer(std::fs::read(file).expect("a file to be a layer")));
        images.push(image.build());
    }
    let image = match images.len() {
        0 => {
            eprintln!("no platform was named");
            return ExitCode::from(2);
        }
        1 => images.remove(0),
        _ => images.into_iter().fold(IndexBuilder::new(), IndexBuilder::image).build(),
    };
    image.write_layout(Path::new(layout), tag);
    println!("{}", image.digest());
    ExitCode::SUCCESS
}
