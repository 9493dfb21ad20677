//! Which images a build uses, as its builder reads the file.

use std::time::{Duration, Instant};

use waxseal::dockerfile::{
    BuildArguments, DOCKERFILE_BYTES, Dockerfile, DockerfileErrorKind as Kind, DockerfileImages,
};
use waxseal::mention::{NoteCode, Role};
use waxseal_core::Digest;

/// Long enough for an unoptimised build on a busy machine.
const QUICKLY: Duration = Duration::from_secs(30);

fn arguments(given: &[(&str, &str)]) -> BuildArguments {
    let mut arguments = BuildArguments::default();
    arguments.given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    arguments
}

fn read(text: &str, given: &[(&str, &str)]) -> Result<DockerfileImages, Kind> {
    let file = Dockerfile::read(text.as_bytes().to_vec()).map_err(|error| error.kind)?;
    file.images(&arguments(given)).map_err(|error| error.kind)
}

#[track_caller]
fn names(text: &str, given: &[(&str, &str)]) -> Vec<String> {
    let images = read(text, given).unwrap_or_else(|error| panic!("{text}: {error}"));
    images.images.into_iter().map(|image| image.name).collect()
}

#[test]
fn what_stages_are_based_on() {
    for (text, expected) in [
        ("FROM a", &["a"][..]),
        ("from a:1 as build", &["a:1"]),
        ("FROM --platform=$BUILDPLATFORM a:1 AS build\nFROM b", &["a:1", "b"]),
        ("FROM a AS build\nFROM build AS test\nFROM BUILD", &["a"]),
        // A stage is known by its name only behind it.
        ("FROM build\nFROM a AS build", &["build", "a"]),
        ("FROM scratch\nCOPY a b", &[]),
        ("# a comment\n\n  # another\n   FROM a", &["a"]),
        ("FROM a \\\n  # a comment inside\n\n  AS build\nFROM b", &["a", "b"]),
        ("FROM \\\na\nRUN x \\\nFROM no\n", &["a"]),
        ("FROM a\r\nFROM b\r\n", &["a", "b"]),
        ("\u{feff}FROM a", &["a"]),
        ("FROM \"a:1\"", &["a:1"]),
        ("FROM a\nRUN echo \\\\\nFROM b", &["a", "b"]),
        ("#escape=`\nFROM a`\n AS build\nRUN dir c:\\\nFROM b", &["a", "b"]),
        // Only at the top is it a directive.
        ("#\n#escape=`\nFROM a\nRUN x \\\nFROM no", &["a"]),
        ("FROM a\nLABEL x=\"FROM no\"\nENV A=1\nUSER 1000:1000", &["a"]),
    ] {
        assert_eq!(names(text, &[]), expected, "{text}");
    }
}

#[test]
fn what_is_copied_and_mounted() {
    for (text, expected) in [
        ("FROM a AS one\nFROM b\nCOPY --from=one x y\nCOPY --from=0 x y", &["a", "b"][..]),
        ("FROM a\nCOPY --from=b:1 --chown=1:1 x y", &["a", "b:1"]),
        ("FROM a\nCOPY --chmod=755 --link --from=b:1 x y", &["a", "b:1"]),
        // It stands behind the files: no flag.
        ("FROM a\nCOPY x --from=b y", &["a"]),
        ("FROM a\nRUN --mount=type=bind,from=b,source=/x,target=/y make", &["a", "b"]),
        (
            "FROM a AS one\nFROM b\nRUN --mount=type=cache,target=/c --mount=from=one,target=/y make",
            &["a", "b"],
        ),
        ("FROM a\nRUN --mount=type=bind,FROM=b make", &["a", "b"]),
        ("FROM a\nONBUILD COPY --from=b x y\nONBUILD RUN --mount=from=c x", &["a", "b", "c"]),
        ("FROM a\nCOPY --from=scratch x y", &["a"]),
        ("FROM a\nADD --checksum=sha256:00 https://example.com/FROM /x", &["a"]),
    ] {
        assert_eq!(names(text, &[]), expected, "{text}");
    }
    let roles = read("FROM a AS x\nCOPY --from=b c d\nRUN --mount=from=e f", &[]).unwrap().images;
    let roles: Vec<_> = roles.iter().map(|image| image.place.role.unwrap()).collect();
    assert_eq!(roles, [Role::Base, Role::Copy, Role::Mount]);
}

#[test]
fn here_documents_hold_no_instructions() {
    for text in [
        "FROM a\nRUN <<EOF\nFROM no\nEOF\nFROM b",
        "FROM a\nRUN cat <<-'END' > /x\nFROM no\n\tEND\nFROM b",
        "FROM a\nCOPY <<one <<\"two\" /x/\nFROM no\none\nFROM no\ntwo\nFROM b",
        "FROM a\nRUN 3<<EOF cat\nFROM no\nEOF\nFROM b",
        "FROM a\nONBUILD RUN <<EOF\nFROM no\nEOF\nFROM b",
        "FROM a\nRUN cat \\\n <<EOF\nFROM no\nEOF\nFROM b",
    ] {
        assert_eq!(names(text, &[]), ["a", "b"], "{text}");
    }
    // What only looks like one.
    for text in [
        "FROM a\nRUN echo '<<EOF'\nFROM b",
        "FROM a\nRUN cat <<< x\nFROM b",
        "FROM a\nLABEL x=1 <<EOF\nFROM b",
        "FROM a\nRUN echo $((1<<2))\nFROM b",
    ] {
        assert_eq!(names(text, &[]), ["a", "b"], "{text}");
    }
    let open = read("FROM a\nRUN <<EOF\nFROM b", &[]);
    assert_eq!(open.unwrap_err(), Kind::HereDocument { name: "EOF".to_owned() });
}

#[test]
fn what_may_or_may_not_be_a_here_document_is_refused() {
    for (plain, unclear) in [
        ("RUN <<\"RUN true\" its\nX\nRUN true", "RUN <<\"RUN true\" it's\nX\nRUN true"),
        ("RUN <<EOF\nX\nEOF", "RUN <<E\\OF\nX\nEOF"),
        ("RUN \\x <<EOF\nX\nEOF", "RUN \\<<EOF\nX\nEOF"),
        ("RUN <<\"E\"\nX\nE", "RUN <<\"E'\"\nX\nE"),
        ("RUN <<E\nX\nE", "RUN <<$E\nX\n$E"),
        ("RUN echo ${x} <<EOF\nX\nEOF", "RUN echo ${x^^} <<EOF\nX\nEOF"),
        ("RUN echo \"${x:-a}\" <<EOF\nX\nEOF", "RUN echo \"${x:-'a}\" <<EOF\nX\nEOF"),
        ("RUN echo '${x^^}' <<EOF\nX\nEOF", "RUN echo ${x##a} <<EOF\nX\nEOF"),
        ("COPY <<EOF /x\nX\nEOF", "COPY <<EOF /x'\nX\nEOF"),
        ("ADD <<EOF /x\nX\nEOF", "ADD <<EOF ${ /x\nX\nEOF"),
        ("ONBUILD RUN <<EOF\nX\nEOF", "ONBUILD RUN <<EOF '\nX\nEOF"),
    ] {
        let file = |text: &str| format!("FROM a\n{}\nFROM b", text.replace('X', "FROM no"));
        assert_eq!(names(&file(plain), &[]), ["a", "b"], "{plain}");
        let error = Dockerfile::read(file(unclear).into_bytes()).unwrap_err();
        assert!(matches!(error.kind, Kind::MaybeHereDocument { .. }), "{unclear}: {error}");
        assert_eq!(error.line, 2, "{unclear}");
    }
    // Lexed with a backslash, whatever the file says.
    let other = read("# escape=`\nFROM a\nRUN <<EOF\nFROM no\nEOF\nFROM b", &[]).unwrap_err();
    assert!(matches!(other, Kind::MaybeHereDocument { .. }), "{other}");
    // In no reading does one begin here.
    for text in [
        "FROM a\nRUN x=${y##*/} && cat <<< \"$x\" # it's\nFROM b",
        "FROM a\nRUN echo $((1<<2)) ${y^^}\nFROM b",
        "FROM a\nRUN echo it's\nFROM b",
        "# escape=`\nFROM a\nRUN echo ${y^^}\nFROM b",
    ] {
        assert_eq!(names(text, &[]), ["a", "b"], "{text}");
    }
}

#[test]
fn only_what_a_builder_knows_is_read() {
    let unknown = |name: &str| Kind::UnknownInstruction { name: name.to_owned() };
    for (text, expected) in [
        ("FROM a\nFORM b", unknown("FORM")),
        ("// syntax=b\nFROM a", unknown("//")),
        ("FROM a\n\"COPY\" --from=b x y", unknown("\"COPY\"")),
        ("FROM a\nONBUILD ONBUILD RUN x", unknown("ONBUILD")),
        ("FROM a\nONBUILD FROM b", unknown("FROM")),
        ("ONBUILD ARG TAG=1\nFROM a:$TAG", Kind::NoFrom { before: "ARG".to_owned() }),
    ] {
        assert_eq!(read(text, &[]).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn flags_are_written_plainly() {
    for (plain, hidden) in [
        ("COPY --from=no x y", "COPY --\"from\"=no x y"),
        ("COPY --from=no x y", "COPY --fr\\om=no x y"),
        ("COPY --from=no x y", "COPY --form=no x y"),
        ("COPY --from=no x y", "COPY --from no x y"),
        ("COPY --from=\"no\" x y", "COPY --from=n\\o x y"),
        // The second byte of the letter is a blank to a builder.
        ("COPY --chown=a --from=no x y", "COPY --chown=\u{e0}--from=no x y"),
        // Between single quotes a backslash escapes, too.
        ("COPY --chown='a' --from=no x y", "COPY --chown='\\' --from=no x' y z"),
        ("RUN --mount=type=bind,from=no x", "RUN --mount=type=bind,fr\"om\"=no x"),
        ("RUN --mount=type=bind,from=\"no\" x", "RUN --mount=\"type=bind,from=no\" x"),
        ("RUN --mount=target=\"/a\",from=no x", "RUN --mount=target=\"/a,from=n\"o x"),
        ("RUN --mount=target='/a',from=no x", "RUN --mount=target='\"/a\"',from=no x"),
        ("RUN --network=none --mount=from=no x", "RUN --net=none --mount=from=no x"),
    ] {
        let file = |text: &str| format!("FROM a\n{text}");
        assert_eq!(names(&file(plain), &[]), ["a", "no"], "{plain}");
        let error = Dockerfile::read(file(hidden).into_bytes()).unwrap().images(&arguments(&[])).unwrap_err();
        assert!(matches!(error.kind, Kind::Flag { .. }), "{hidden}: {error}");
        assert_eq!(error.line, 2, "{hidden}");
    }
    let escaped = read("# escape=`\nFROM a\nCOPY --chown=`\" --from=b x y", &[]).unwrap_err();
    assert!(matches!(escaped, Kind::Flag { .. }), "{escaped}");
    // Behind the flags everything goes, and other instructions have flags of their own.
    let text =
        "FROM a\nRUN echo --\"x\" \u{e0}\nHEALTHCHECK --interval=5s CMD x\nADD --keep-git-dir x \u{e0}";
    assert_eq!(names(text, &[]), ["a"]);
}

#[test]
fn the_platform_gives_way_to_the_file() {
    let mut platform = BuildArguments::default();
    platform.platform.insert("TARGETARCH".to_owned(), "arm64".to_owned());
    let mut given = platform.clone();
    given.given.insert("TARGETARCH".to_owned(), "s390x".to_owned());
    for (text, by_platform, by_argument) in [
        ("FROM a-$TARGETARCH", "a-arm64", "a-s390x"),
        ("ARG TARGETARCH\nFROM a-$TARGETARCH", "a-arm64", "a-s390x"),
        ("ARG TARGETARCH=amd64\nFROM a-$TARGETARCH", "a-amd64", "a-s390x"),
    ] {
        let file = Dockerfile::read(text.as_bytes().to_vec()).unwrap();
        let name = |arguments| file.images(arguments).unwrap().images[0].name.clone();
        assert_eq!(name(&platform), by_platform, "{text}");
        assert_eq!(name(&given), by_argument, "{text}");
    }
}

#[test]
fn arguments_are_filled_in() {
    for (text, given, expected) in [
        ("ARG TAG=1\nFROM a:$TAG", &[][..], "a:1"),
        ("ARG TAG=1\nFROM a:${TAG}", &[("TAG", "2")], "a:2"),
        ("ARG TAG\nFROM a:${TAG:-3}", &[], "a:3"),
        ("ARG TAG=\nFROM a:${TAG:-3}", &[], "a:3"),
        ("ARG TAG=\nFROM a${TAG-3}", &[], "a"),
        ("ARG SLIM=1\nFROM a${SLIM:+-slim}", &[], "a-slim"),
        ("ARG SLIM\nFROM a${SLIM:+-slim}", &[], "a"),
        ("ARG R=r.example.com\nARG IMAGE=$R/app\nFROM ${IMAGE}:1", &[], "r.example.com/app:1"),
        ("ARG R=r.example.com IMAGE=\"app:1\"\nFROM $R/$IMAGE", &[], "r.example.com/app:1"),
        ("ARG A=${B:-${C:-d}}\nFROM $A", &[], "d"),
        ("FROM a-$TARGETARCH", &[("TARGETARCH", "arm64")], "a-arm64"),
        ("ARG TARGETARCH\nFROM a-$TARGETARCH", &[("TARGETARCH", "arm64")], "a-arm64"),
        // Not declared: unset for every builder.
        ("FROM a${SLIM-3}", &[], "a3"),
        ("ARG SLIM=1\nFROM a${SLIM+2}", &[], "a2"),
        ("ARG TAG=1\nFROM a:\\$TAG", &[], "a:$TAG"),
        ("ARG TAG=1\nFROM 'a:$TAG'", &[], "a:$TAG"),
    ] {
        assert_eq!(names(text, given), [expected], "{text}");
    }
    let expected_name = "a name of letters, digits and _";
    let missing = |name: &str| Kind::Argument { name: name.to_owned() };
    for (text, given, expected) in [
        ("FROM a:$TAG", &[][..], missing("TAG")),
        ("ARG TAG\nFROM a:${TAG}", &[], missing("TAG")),
        // Given, and never declared: the builder does not fill it in.
        ("FROM a:$TAG", &[("TAG", "1")], missing("TAG")),
        // Declared in a stage: it does not hold for the next one.
        ("FROM a AS x\nARG TAG=1\nFROM b:$TAG", &[], missing("TAG")),
        ("FROM a-$TARGETARCH", &[], missing("TARGETARCH")),
        // The builder knows it, so that the default does not hold.
        ("FROM a-${TARGETARCH:-amd64}", &[], missing("TARGETARCH")),
        ("ARG IMAGE=a-$TARGETARCH\nFROM ${IMAGE:-b}", &[], missing("IMAGE")),
        // Declared, no value, and the builder has one.
        ("ARG TARGETARCH\nFROM a-${TARGETARCH:-amd64}", &[], missing("TARGETARCH")),
        ("FROM a-${TARGETSTAGE:-b}", &[], missing("TARGETSTAGE")),
        // Declared, no value: set for one builder and not for the other.
        ("ARG TAG\nFROM a${TAG-3}", &[], missing("TAG")),
        ("ARG TAG\nFROM a${TAG+3}", &[], missing("TAG")),
        ("ARG X=$1\nFROM ${X:-b}", &[], Kind::Substitution { text: "$".to_owned() }),
        ("ARG X=$A\u{e9}\nFROM ${X:-b}", &[], Kind::Substitution { text: "$A".to_owned() }),
        ("ARG TAG:?=1\nFROM a", &[], Kind::Instruction { instruction: "ARG", expected: expected_name }),
        ("ARG \"TAG\"=1\nFROM a", &[], Kind::Instruction { instruction: "ARG", expected: expected_name }),
        ("ARG TAG\nFROM a:${TAG:?no-tag}", &[], missing("TAG")),
        ("ARG TAG=1.0\nFROM a:${TAG%.*}", &[], Kind::Substitution { text: "${TAG%".to_owned() }),
        ("FROM a\nCOPY --from=$IMAGE x y", &[], Kind::Substitution { text: "$IMAGE".to_owned() }),
        ("FROM a\nRUN --mount=from=${B},target=/x y", &[], Kind::Substitution { text: "${B}".to_owned() }),
    ] {
        assert_eq!(read(text, given).unwrap_err(), expected, "{text}");
    }
    let mut fallback = BuildArguments::default();
    fallback.fallback.insert("TAG".to_owned(), "9".to_owned());
    let file = |text: &str| Dockerfile::read(text.as_bytes().to_vec()).unwrap().images(&fallback).unwrap();
    assert_eq!(file("FROM a:$TAG").images[0].name, "a:9");
    assert_eq!(file("ARG TAG=1\nFROM a:$TAG").images[0].name, "a:1");
}

#[test]
fn the_base_is_that_of_the_last_stage() {
    for (text, expected) in [
        ("FROM a AS build\nFROM b\nCOPY --from=c x y", Some("b")),
        ("FROM a AS base\nFROM b AS build\nFROM base", Some("a")),
        ("FROM a\nFROM scratch", None),
    ] {
        let images = read(text, &[]).unwrap();
        let base = images.base.map(|base| images.images[base].name.clone());
        assert_eq!(base.as_deref(), expected, "{text}");
    }
}

#[test]
fn what_is_no_dockerfile_is_refused() {
    let from = |expected| Kind::Instruction { instruction: "FROM", expected };
    for (text, expected) in [
        ("", Kind::NoFrom { before: "the end of the file".to_owned() }),
        ("# nothing", Kind::NoFrom { before: "the end of the file".to_owned() }),
        ("RUN x\nFROM a", Kind::NoFrom { before: "RUN".to_owned() }),
        ("FROM", from("an image, and perhaps AS and a name")),
        ("FROM a # comment", from("an image, and perhaps AS and a name")),
        ("FROM a AS", from("an image, and perhaps AS and a name")),
        ("FROM \"\"", from("the name of an image")),
        ("FROM a\nCOPY --from=1 x y", Kind::NoStage { number: "1".to_owned() }),
        ("#escape=x\nFROM a", Kind::Directive { name: "escape".to_owned(), value: "x".to_owned() }),
        (
            "#escape=`\n#escape=`\nFROM a",
            Kind::Directive { name: "escape".to_owned(), value: "`".to_owned() },
        ),
    ] {
        assert_eq!(read(text, &[]).unwrap_err(), expected, "{text}");
    }
    assert_eq!(Dockerfile::read(vec![0xff]).unwrap_err().kind, Kind::NotUtf8);
    assert_eq!(Dockerfile::read(vec![b'#'; DOCKERFILE_BYTES + 1]).unwrap_err().kind, Kind::TooLarge);
}

#[test]
fn places_and_notes() {
    let images =
        read("# syntax=docker/dockerfile:1\nFROM a AS x\nFROM scratch\n  COPY --from=b c d", &[]).unwrap();
    let places: Vec<_> = images.images.iter().map(|image| image.place.to_string()).collect();
    assert_eq!(places, ["2:6: stage x, FROM", "4:15: COPY --from"]);
    let at: Vec<_> = images.images.iter().map(|image| (image.place.line, image.place.column)).collect();
    assert_eq!(at, [(Some(2), Some(6)), (Some(4), Some(15))]);
    let codes: Vec<_> = images.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, [NoteCode::Syntax, NoteCode::Scratch]);
    // Behind a line for the kernel only `syntax` is looked for.
    let text = "#!/usr/bin/env x\n# escape=`\n# syntax=b\nFROM \\\na";
    let images = read(text, &[]).unwrap();
    assert_eq!(images.images[0].name, "a");
    let notes: Vec<_> = images.notes.iter().map(|note| (note.code, note.place.line)).collect();
    assert_eq!(notes, [(NoteCode::Syntax, Some(3))]);
    assert_eq!(read("# x\n# syntax=b\nFROM a", &[]).unwrap().notes, []);
}

#[test]
fn digests_stand_behind_the_names() {
    let digest = Digest::of("image");
    for (before, after) in [
        ("FROM a:1 AS x # no\n", None),
        ("FROM a:1 AS x\n", Some("FROM a:1@D AS x\n")),
        ("ARG TAG=1\nFROM a:${TAG}\n", Some("ARG TAG=1\nFROM a:${TAG}@D\n")),
        ("FROM \"a:1\"\r\n", Some("FROM \"a:1\"@D\r\n")),
        ("FROM a\nCOPY --from=b:1 x y", Some("FROM a@D\nCOPY --from=b:1@D x y")),
        (
            "FROM a\nRUN --mount=type=bind,from=b,target=/y x",
            Some("FROM a@D\nRUN --mount=type=bind,from=b@D,target=/y x"),
        ),
        ("FROM a AS x\nFROM x\nFROM scratch", Some("FROM a@D AS x\nFROM x\nFROM scratch")),
        ("FROM \\\n  # one\n  a:1 \\\n  AS x", Some("FROM \\\n  # one\n  a:1@D \\\n  AS x")),
    ] {
        let file = Dockerfile::read(before.as_bytes().to_vec()).unwrap();
        let arguments = BuildArguments::default();
        let Ok(images) = file.images(&arguments) else {
            assert_eq!(after, None, "{before}");
            continue;
        };
        let pinned = file.pin(&arguments, images.images.iter().map(|image| (image, &digest))).unwrap();
        assert_eq!(Some(pinned.replace(&digest.to_string(), "D").as_str()), after, "{before}");
    }
}

#[test]
fn hostile_files_end_quickly() {
    let start = Instant::now();
    let many = "FROM a\n".repeat(2_000);
    assert_eq!(read(&many, &[]).unwrap_err(), Kind::TooManyImages);
    let mounts = format!("FROM a\nRUN {}x", "--mount=from=b ".repeat(60_000));
    assert_eq!(read(&mounts, &[]).unwrap_err(), Kind::TooManyImages);
    let nested = format!("ARG A\nFROM {}b{}", "${A:-".repeat(50_000), "}".repeat(50_000));
    assert!(read(&nested, &[]).is_err());
    let doubling: Vec<_> = (0..40).map(|at| format!("ARG A{}=$A{at}$A{at}\n", at + 1)).collect();
    let doubling = doubling.concat();
    assert_eq!(read(&format!("ARG A0=aa\n{doubling}FROM $A40"), &[]).unwrap_err(), Kind::NameTooLong);
    let quotes = format!("FROM a\nRUN {}", "'\" \\".repeat(200_000));
    assert!(read(&quotes, &[]).is_ok());
    let documents = format!("FROM a\nRUN {}\n{}", "<<E ".repeat(100_000), "E\n".repeat(100_000));
    assert!(read(&documents, &[]).is_ok());
    assert!(start.elapsed() < QUICKLY);
}
