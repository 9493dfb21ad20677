//! Image names as people type them: what each means, and what is no name.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::Path;

use waxseal_oci::{ErrorKind, LocalName, Location, Store};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn parse(text: &str) -> Location {
    text.parse().unwrap()
}

fn layout(text: &str) -> (String, LocalName) {
    match parse(text) {
        Location::Layout { path, which } => (path.display().to_string(), which),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_layout_is_a_directory_with_a_tag_or_a_digest() {
    let tag = |tag: &str| LocalName::Tag(tag.parse().unwrap());
    let digest = LocalName::Digest(DIGEST.parse().unwrap());
    for (text, path, which) in [
        ("oci:dir", "dir", LocalName::Only),
        ("oci:/a/b", "/a/b", LocalName::Only),
        ("oci:dir:1.0", "dir", tag("1.0")),
        ("oci:./a:b/c", "./a:b/c", LocalName::Only),
        ("oci:./a:b/c:1", "./a:b/c", tag("1")),
        ("oci:dir@old", "dir@old", LocalName::Only),
        (&format!("oci:dir@{DIGEST}"), "dir", digest.clone()),
        (&format!("oci:./a:b/c@{DIGEST}"), "./a:b/c", digest),
    ] {
        assert_eq!(layout(text), (path.to_owned(), which), "{text}");
    }
}

#[test]
fn what_is_printed_is_what_was_typed() {
    for text in [
        "docker.io/library/busybox:1.36",
        "localhost:5000/app:v1",
        "oci:dir",
        "oci:dir:1.0",
        "oci:a:b/",
        "oci-archive:image.tar",
        "oci-archive:./image.tar:1.0",
        "docker-archive:image.tar",
        "docker-archive:image.tar:docker.io/library/app:1",
        &format!("oci-archive:image.tar@{DIGEST}"),
        &format!("quay.io/a/b:1@{DIGEST}"),
    ] {
        assert_eq!(parse(text).to_string(), text);
        assert_eq!(parse(&parse(text).to_string()), parse(text));
    }
}

#[test]
fn the_tag_and_the_digest_are_known() {
    assert_eq!(parse("busybox").tag().unwrap().as_str(), "latest");
    assert_eq!(parse("oci:dir:2").tag().unwrap().as_str(), "2");
    assert_eq!(parse("oci:dir").tag(), None);
    assert_eq!(parse(&format!("oci-archive:f@{DIGEST}")).digest().unwrap().to_string(), DIGEST);
}

#[test]
fn what_is_no_name_is_refused() {
    for text in [
        "",
        "oci:",
        "oci::1.0",
        "oci:dir:",
        "oci:dir:-x",
        "oci:dir:a b",
        "oci://registry.example.com/app",
        "oci:dir@sha256:short",
        "oci:dir@sha512:00",
        &format!("oci:dir:1.0@{DIGEST}"),
        "oci-archive:",
        "oci-archive:f:",
        "docker-archive:",
        "docker-archive:f:UPPER",
        "https://registry.example.com/app",
        "oci:a\0b",
        &format!("oci:{}", "a".repeat(5000)),
    ] {
        assert_eq!(text.parse::<Location>().unwrap_err().kind(), ErrorKind::InvalidName, "{text:?}");
    }
}

#[tokio::test]
async fn a_local_name_without_a_file_is_not_found() {
    assert!(Store::open_local(&parse("busybox")).await.unwrap().is_none());
    for scheme in ["oci", "oci-archive", "docker-archive"] {
        let missing = format!("{scheme}:{}", Path::new("/nonexistent/image").display());
        let error = Store::open_local(&parse(&missing)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{missing}");
    }
    let written = Store::create_local(&parse("docker-archive:image.tar")).await.unwrap_err();
    assert_eq!(written.kind(), ErrorKind::Unsupported);
}
