//! `gate`: documents in, one verdict an image, one exit code; and the same documents with digests in them.

use serde_json::Value;
use waxseal_testkit::{Match, Registry};

use crate::room::{Room, Run, image, pushed, refusal, small};

/// A registry with one signed and one unsigned image.
fn scene() -> (Room, Registry, String, String) {
    let (room, registry) = (Room::new(), Registry::start());
    let signed = image(&registry);
    room.sign("p256", &signed, &[]);
    pushed(&registry, "unsigned");
    let unsigned = registry.image("unsigned", "1.0");
    (room, registry, signed, unsigned)
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "kind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n  - name: app\n    image: {image} # deployed\n"
    )
}

fn gate(room: &Room, more: &[&str]) -> Run {
    room.run(&[&["gate", "--key", "p256.pub"], more].concat())
}

#[test]
fn the_worst_image_decides_the_exit_code() {
    let (room, registry, signed, unsigned) = scene();
    let missing = registry.image("app", "2.0");
    room.write("good.yaml", pod("good", &signed));
    room.write("bad.yaml", pod("bad", &unsigned));
    room.write("gone.yaml", pod("gone", &missing));
    for (files, exit) in [
        (&["good.yaml"][..], 0),
        (&["good.yaml", "gone.yaml"], 3),
        (&["gone.yaml", "bad.yaml", "good.yaml"], 1),
    ] {
        let files: Vec<_> = files.iter().flat_map(|file| ["-f", file]).collect();
        gate(&room, &files).ends(exit);
        let json = gate(&room, &[&files[..], &["-o", "json"]].concat()).ends(exit).json();
        assert_eq!(json["counts"]["images"], files.len() / 2);
    }
    let run =
        gate(&room, &["-f", "good.yaml", "-f", "bad.yaml", "--verdict-file", "v", "-o", "verdict"]).ends(1);
    assert_eq!(room.text("v"), run.data());
    let verdicts: Vec<Value> = run.data().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((verdicts.len(), &verdicts[1]["verdict"]), (2, &"refuse".into()));
}

#[test]
fn every_kind_of_document_is_read() {
    let (room, registry, signed, _) = scene();
    room.write("k8s/app.yaml", pod("app", &signed));
    room.write(
        "k8s/more/other.json",
        format!("{{\"kind\":\"Pod\",\"spec\":{{\"containers\":[{{\"image\":\"{signed}\"}}]}}}}"),
    );
    room.write("k8s/README.md", "no manifest");
    room.write("compose.yaml", format!("services: {{app: {{image: '{signed}'}}}}\n"));
    room.write(
        "Dockerfile",
        format!("ARG TAG\nFROM {}/app:$TAG AS one\nFROM scratch\nCOPY --from=one / /\n", registry.host()),
    );
    room.write("list", format!("{signed}\n"));
    let places = |more: &[&str]| {
        let json = gate(&room, &[more, &["-o", "json"]].concat()).ends(0).json();
        json["images"][0]["places"].as_array().unwrap().len()
    };
    assert_eq!(places(&["-f", "k8s"]), 1);
    assert_eq!(places(&["-f", "k8s", "-R"]), 2);
    let all = [
        "-f",
        "k8s",
        "-R",
        "-f",
        "compose.yaml",
        "--dockerfile",
        "Dockerfile",
        "--build-arg",
        "TAG=1.0",
        "--images-file",
        "list",
        &signed,
    ];
    assert_eq!(places(&all), 6);
    let piped = room
        .pipe(pod("app", &signed), &["gate", "--key", "p256.pub", "-f", "-", "-o", "json"])
        .ends(0)
        .json();
    assert_eq!(piped["images"][0]["places"][0]["file"], "-");
    // The arguments of the build, from the environment where they have no value.
    let mut command = room.waxseal();
    command.env("TAG", "1.0").args([
        "gate",
        "--key",
        "p256.pub",
        "--dockerfile",
        "Dockerfile",
        "--build-arg",
        "TAG",
    ]);
    room.end(&mut command).ends(0).says("it starts from nothing");
    gate(&room, &["--dockerfile", "Dockerfile"]).ends(4).says_each(&[
        "Dockerfile: line 2",
        "TAG",
        "--build-arg",
    ]);
}

#[test]
fn what_cannot_be_read_says_where() {
    let (room, _registry, signed, _) = scene();
    room.write("t.yaml", pod("app", "'{{ .Values.image }}'"));
    gate(&room, &["-f", "t.yaml"]).ends(4).says_each(&["t.yaml: line 6", "helm template", "[manifest]"]);
    room.write("bad.yaml", "a: b\n  c: [\n");
    gate(&room, &["-f", "bad.yaml", &signed]).ends(4).says("bad.yaml: line ").prints_nothing();
    room.write("chart/Chart.yaml", "name: app\n");
    gate(&room, &["-f", "chart"]).ends(4).says_each(&["Chart.yaml", "helm template"]);
    gate(&room, &["-f", "none.yaml"]).ends(3).says("none.yaml");
    gate(&room, &["Upper/Case"]).ends(2);
}

#[test]
fn no_image_is_an_error_unless_it_is_allowed() {
    let (room, registry, _, _) = scene();
    registry.clear_requests();
    room.write("none.yaml", "kind: Service\napiVersion: v1\n");
    gate(&room, &[]).ends(2).says_each(&["no image is named", "--allow-empty"]);
    gate(&room, &["-f", "none.yaml"]).ends(2).says("no image in any of the documents");
    let json = gate(&room, &["-f", "none.yaml", "--allow-empty", "-o", "json"]).ends(0).json();
    assert_eq!((&json["outcome"], &json["counts"]["images"]), (&"admit".into(), &0.into()));
    // A service that is only built is said.
    room.write("compose.yaml", "services: {app: {build: .}}\n");
    gate(&room, &["-f", "compose.yaml", "--allow-empty"])
        .ends(0)
        .says_each(&["compose.yaml:1:17", "built here"]);
    assert!(registry.requests().is_empty());
}

#[test]
fn what_is_only_noted_can_be_an_error() {
    let (room, _registry, signed, unsigned) = scene();
    let task = format!("kind: Task\napiVersion: tekton.dev/v1\nspec: {{steps: [{{image: '{unsigned}'}}]}}\n");
    room.write("all.yaml", format!("{}---\n{task}", pod("app", &signed)));
    gate(&room, &["-f", "all.yaml"]).ends(0).says_each(&[
        "all.yaml:10:24",
        "kind that is not known",
        "--image-path",
    ]);
    gate(&room, &["-f", "all.yaml", "--strict"]).ends(4).says("is not judged");
    let path = ["-f", "all.yaml", "--strict", "--image-path", "Task:$.spec.steps[*].image"];
    gate(&room, &path).ends(1);
    gate(&room, &["-f", "all.yaml", "--image-path", "$.spec.nothing"]).ends(0).says("leads to no image");
    gate(&room, &["-f", "all.yaml", "--image-path", "spec.image"]).ends(2);
}

#[test]
fn pinned_documents_are_printed_if_everything_was_admitted() {
    let (room, registry, signed, unsigned) = scene();
    let digest = small("app").digest().to_string();
    let text = pod("app", &signed);
    room.write("app.yaml", &text);
    let expected = text.replace(&signed, &format!("{signed}@{digest}"));
    let run = gate(&room, &["-f", "app.yaml", "--pin"]).ends(0).says("admitted");
    assert_eq!(run.data(), expected);
    assert_eq!(room.text("app.yaml"), text);
    // What is pinned is judged by its digest, and stays as it is.
    room.write("pinned.yaml", &expected);
    assert_eq!(gate(&room, &["-f", "pinned.yaml", "--pin"]).ends(0).data(), expected);
    let both = gate(&room, &["-f", "app.yaml", "-f", "pinned.yaml", "--pin"]).ends(0);
    assert_eq!(both.data(), format!("{expected}---\n{expected}"));
    assert_eq!(gate(&room, &[&signed, "--pin"]).ends(0).data(), format!("{signed}@{digest}\n"));

    room.write("bad.yaml", format!("{text}---\n{}", pod("bad", &unsigned)));
    gate(&room, &["-f", "bad.yaml", "--pin"]).ends(1).says("nothing is pinned").prints_nothing();
    gate(&room, &["-f", "bad.yaml", "--pin", "-i"]).ends(1);
    assert_eq!(room.text("bad.yaml"), format!("{text}---\n{}", pod("bad", &unsigned)));

    room.write("Dockerfile", format!("FROM {signed} AS x\n"));
    room.write("compose.yaml", format!("services:\n  app:\n    image: \"{signed}\"\n"));
    let many = ["-f", "compose.yaml", "--dockerfile", "Dockerfile", "--pin"];
    registry.clear_requests();
    gate(&room, &many).ends(2).says_each(&["several kinds", "--in-place"]).prints_nothing();
    assert!(registry.requests().is_empty());
    let run = gate(&room, &[&many[..], &["-i"]].concat()).ends(0);
    assert!(run.data().contains("admitted"), "{run}");
    assert_eq!(room.text("Dockerfile"), format!("FROM {signed}@{digest} AS x\n"));
    assert_eq!(room.text("compose.yaml"), format!("services:\n  app:\n    image: \"{signed}@{digest}\"\n"));
    room.pipe(text, &["gate", "--key", "p256.pub", "-f", "-", "--pin", "-i"]).ends(2);
    gate(&room, &[&signed, "--pin", "-i"]).ends(2);
    gate(&room, &["-f", "app.yaml", "-i"]).ends(2);
}

#[test]
fn what_is_written_in_place_is_not_read_as_something_else() {
    let (room, _registry, signed, _) = scene();
    room.write("app.yaml", pod("app", &signed));
    let run = gate(&room, &["-f", "app.yaml", "--pin", "-i", "--verdict-file", "app.yaml"]);
    run.ends(2).says("would be overwritten");
    gate(&room, &["-f", "app.yaml", "--verdict-file", "app.yaml"]).ends(2);
    assert_eq!(room.text("app.yaml"), pod("app", &signed));
    room.pipe("", &["gate", "--key", "-", "-f", "-"]).ends(2).says("standard input");
}

#[test]
fn a_name_in_a_document_leads_to_no_directory() {
    let (room, _registry, signed, _) = scene();
    room.ok(&["copy", &signed, "oci:app:1.0"]);
    gate(&room, &["oci:app:1.0"]).ends(0);
    let path = room.write("app.yaml", pod("app", "oci:app"));
    let run = gate(&room, &["-f", &path, "--offline"]).ends(3);
    assert!(run.data().contains("docker.io/library/oci:app"), "{run}");
}

#[test]
fn hostile_names_do_nothing_to_a_terminal() {
    let (room, registry, signed, _) = scene();
    registry.rule(Match::path("/v2/secret/"), refusal(403, "DENIED", "no \u{1b}[31mway"));
    let denied = registry.image("secret", "1");
    room.write("app.yaml", format!("kind: Pod\nmetadata: {{name: \"a\\e[2Jb\"}}\nspec: {{containers: [{{name: \"x\\u202e\", image: '{denied}'}}, {{image: '{signed}'}}]}}\n"));
    let run = gate(&room, &["-f", "app.yaml"]).ends(3);
    let said = format!("{}{}", run.data(), run.stderr);
    assert!(said.contains("a\\u{1b}[2Jb") && !said.contains('\u{1b}') && !said.contains('\u{202e}'), "{run}");
}

#[test]
fn platforms_and_formats() {
    let (room, registry) = (Room::new(), Registry::start());
    let index = waxseal_testkit::IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "multi", "1");
    let name = registry.image("multi", "1");
    room.sign("p256", &name, &["--format", "bundle"]);
    gate(&room, &[&name]).ends(0);
    gate(&room, &[&name, "--platform", "linux/arm64"]).ends(0);
    gate(&room, &[&name, "--platform", "linux/s390x"]).ends(3);
    gate(&room, &[&name, "--all-platforms"]).ends(0);
    gate(&room, &[&name, "--format", "legacy"]).ends(1);
    // A build for a platform has its arguments.
    room.write(
        "Dockerfile",
        format!("ARG ARCH=$TARGETARCH\nFROM {}/multi:1\nFROM {}/$ARCH:1\n", registry.host(), registry.host()),
    );
    let run = gate(&room, &["--dockerfile", "Dockerfile", "--platform", "linux/arm64", "-o", "json"]).ends(3);
    assert!(run.data().contains("/arm64:1"), "{run}");
}

#[test]
fn as_cosigns_users_type_it() {
    let (room, registry, signed, unsigned) = scene();
    room.write("app.yaml", format!("{}---\n{}", pod("app", &signed), pod("again", &signed)));
    room.write("bad.yaml", pod("bad", &unsigned));
    let run =
        room.run(&["manifest", "verify", "-key", "p256.pub", "--insecure-ignore-tlog", "app.yaml"]).ends(0);
    let json: Value = serde_json::from_str(run.data().trim()).unwrap();
    assert_eq!(json[0]["critical"]["image"]["docker-manifest-digest"], small("app").digest().to_string());
    room.run(&["manifest", "verify", "--key=p256.pub", "bad.yaml"]).ends(1);
    room.run(&["manifest", "verify", "--key=p256.pub", "none.yaml"]).ends(3);
    room.write("empty.yaml", "kind: Service\n");
    room.run(&["manifest", "verify", "--key=p256.pub", "empty.yaml"]).ends(2).says("no image");

    let host = registry.host();
    room.write(
        "Dockerfile",
        format!("FROM {host}/unsigned:$TAG AS build\nFROM scratch\nFROM {host}/app:$TAG\n"),
    );
    let dockerfile = |more: &[&str]| {
        let mut command = room.waxseal();
        command.env("TAG", "1.0").args(["dockerfile", "verify", "--key", "p256.pub"]).args(more);
        room.end(&mut command)
    };
    dockerfile(&["Dockerfile"]).ends(1).says("unsigned:1.0: refused");
    dockerfile(&["--base-image-only", "Dockerfile"]).ends(0);
    room.run(&["dockerfile", "verify", "--key", "p256.pub", "Dockerfile"]).ends(4).says("--build-arg");
}
