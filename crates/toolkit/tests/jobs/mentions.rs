//! Which images documents name, and where; what is noted, what is refused, and what stands there once they are pinned.

use waxseal::manifest::{ImagePath, ManifestError};
use waxseal::mention::{Document, DocumentErrorKind, NoteCode, unused_paths};
use waxseal_core::Digest;
use waxseal_oci::Location;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod}
spec:
  initContainers:
  - name: init
    image: registry.example.com/init:1 # first
  containers:
  - {name: app, image: 'registry.example.com/app:1'}
  ephemeralContainers:
  - name: debug
    image: \"registry.example.com/debug\"
  volumes:
  - name: data
    image: {reference: registry.example.com/data:1}
";

fn manifest(text: &str) -> Document {
    Document::manifest("app.yaml", text.as_bytes().to_vec(), &[], None).unwrap()
}

fn refusal(text: &str) -> DocumentErrorKind {
    Document::manifest("app.yaml", text.as_bytes().to_vec(), &[], None).unwrap_err().kind
}

fn mentions(document: &Document) -> Vec<String> {
    let mentions = document.mentions().iter();
    mentions.map(|mention| format!("{} {}", mention.image, mention.place)).collect()
}

fn notes(document: &Document) -> Vec<(NoteCode, Option<usize>)> {
    document.notes().iter().map(|note| (note.code, note.place.line)).collect()
}

/// The text with `D` behind each name that has no digest.
fn pinned(document: &Document) -> String {
    let digest = Digest::of("image");
    document.pinned(|_| Some(&digest)).unwrap().replace(&digest.to_string(), "D")
}

#[test]
fn every_container_has_its_place() {
    assert_eq!(
        mentions(&manifest(POD)),
        [
            "registry.example.com/init:1 app.yaml:7:12: Pod prod/web, init container init",
            "registry.example.com/app:1 app.yaml:9:24: Pod prod/web, container app",
            "registry.example.com/debug:latest app.yaml:12:12: Pod prod/web, ephemeral container debug",
            "registry.example.com/data:1 app.yaml:15:24: Pod prod/web, volume data",
        ]
    );
}

#[test]
fn lists_jobs_and_kinds_that_are_not_known() {
    let spec = |image: &str| format!("{{containers: [{{name: c, image: {image}}}]}}");
    let template = |image: &str| format!("{{template: {{spec: {}}}}}", spec(image));
    let text = format!(
        "kind: List\nitems:\n- {{kind: Deployment, apiVersion: apps/v1, metadata: {{name: d}}, spec: {}}}\n- {{kind: CronJob, apiVersion: \
         batch/v1, spec: {{jobTemplate: {{spec: {}}}}}}}\n---\nkind: Service\napiVersion: serving.knative.dev/v1\nspec: {}\n---\n\
         kind: ConfigMap\napiVersion: v1\ndata: {{image: no}}\n---\nkind: PodList\nitems: [{{spec: {}}}]\n",
        template("a"),
        template("b"),
        template("c"),
        spec("d"),
    );
    let document = Document::manifest("-", text.into_bytes(), &[], Some("stage")).unwrap();
    let named: Vec<_> = document
        .mentions()
        .iter()
        .map(|mention| mention.image.to_string().replace("docker.io/library/", ""))
        .collect();
    assert_eq!(named, ["a:latest", "b:latest", "c:latest", "d:latest"]);
    assert!(document.mentions().iter().all(|mention| mention.place.namespace.as_deref() == Some("stage")));
    assert!(document.notes().is_empty());
}

#[test]
fn images_at_unknown_places_are_noted_or_named_by_a_path() {
    let text = "\
kind: Task
apiVersion: tekton.dev/v1
metadata: {name: build}
spec:
  steps:
  - {name: one, image: a:1}
  - {name: two, image: b:1}
  sidecar: {image: c:1, text: no}
";
    let document = manifest(text);
    assert!(document.mentions().is_empty());
    assert_eq!(notes(&document), [6, 7, 8].map(|line| (NoteCode::UnknownImage, Some(line))));

    let paths: Vec<ImagePath> = ["Task:$.spec.steps[*].image", "$.spec.none", "Other:$.spec.sidecar.image"]
        .map(|path| path.parse().unwrap())
        .into();
    let document = Document::manifest("t.yaml", text.into(), &paths, None).unwrap();
    assert_eq!(
        mentions(&document),
        [
            "docker.io/library/a:1 t.yaml:6:24: Task build, path Task:$.spec.steps[*].image",
            "docker.io/library/b:1 t.yaml:7:24: Task build, path Task:$.spec.steps[*].image",
        ]
    );
    assert_eq!(notes(&document), [(NoteCode::UnknownImage, Some(8))]);
    let unused = unused_paths(&paths, [&document]);
    assert_eq!(unused.len(), 2);
    assert!(unused[0].message.contains("$.spec.none") && unused[1].message.contains("Other:"));

    let path: ImagePath = "$.spec.sidecar".parse().unwrap();
    let error = Document::manifest("t.yaml", text.into(), &[path], None).unwrap_err();
    assert!(
        matches!(error.kind, DocumentErrorKind::Manifest(ManifestError::Shape { line: 8, .. })),
        "{error}"
    );
}

#[test]
fn a_name_in_a_document_is_never_a_directory() {
    let text = "kind: Pod\nspec: {containers: [{name: c, image: 'oci:app'}]}\n";
    let document = manifest(text);
    assert!(
        matches!(&document.mentions()[0].image, Location::Registry(image) if image.to_string() == "docker.io/library/oci:app")
    );
    let list = Document::list("images", b"oci:app\n".to_vec()).unwrap();
    assert!(matches!(list.mentions()[0].image, Location::Layout { .. }));
}

#[test]
fn what_is_no_name_says_where_and_what_to_do() {
    for (text, line, hint) in [
        ("kind: Pod\nspec:\n  containers:\n  - image: '{{ .Values.image }}'\n", 4, "rendered"),
        ("kind: Pod\nspec: {containers: [{image: Upper/Case}]}\n", 2, "registry/repository:tag"),
        ("kind: Pod\nspec: {containers: [{image: ''}]}\n", 2, "registry/repository:tag"),
        ("kind: Pod\nspec: {containers: [{image: {{ .Values.image }}}]}\n", 2, "rendered"),
        ("kind: Pod\n{{- if .Values.x }}\nspec: {}\n{{ end }}\n", 2, "rendered"),
    ] {
        let error = Document::manifest("app.yaml", text.into(), &[], None).unwrap_err();
        assert_eq!(error.line(), Some(line), "{error}");
        let clear = error.hint().contains(hint) || error.to_string().contains("template");
        assert!(clear, "{error}: {}", error.hint());
        assert!(error.to_string().starts_with("app.yaml: line "), "{error}");
    }
}

#[test]
fn what_manifests_are_made_from_is_refused() {
    for name in ["Chart.yaml", "chart/Chart.yaml", "kustomization.yaml", "a/kustomization.yml"] {
        let error = Document::manifest(name, b"a: b\n".to_vec(), &[], None).unwrap_err();
        assert!(error.hint().contains("render it first"), "{name}: {error}");
    }
    let kind = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages: []\n";
    assert!(matches!(
        refusal(kind),
        DocumentErrorKind::Manifest(ManifestError::UnrenderedSource { line: 1, .. })
    ));
    // Flux has a kind of that name, which is an object of the cluster.
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {}\n";
    assert!(mentions(&manifest(flux)).is_empty());
}

const COMPOSE: &str = "\
name: app
x-base: &base
  image: registry.example.com/base:1
services:
  web:
    image: registry.example.com/web:1 # the site
  worker: *base
  cron:
    <<: *base
    restart: always
  built:
    build: .
  both: {build: ., image: 'registry.example.com/both'}
  here: {build: ., image: registry.example.com/here, pull_policy: build}
  data:
    image: registry.example.com/data:1
    volumes:
    - ./here:/there
    - {type: image, source: registry.example.com/files:1, target: /files}
";

#[test]
fn services_of_compose_files() {
    let document = Document::manifest("compose.yaml", COMPOSE.into(), &[], Some("prod")).unwrap();
    let mut named: Vec<_> = document
        .mentions()
        .iter()
        .map(|mention| (mention.place.container.clone().unwrap(), mention.image.to_string()))
        .collect();
    named.sort();
    let expected = [
        ("both", "both:latest"),
        ("cron", "base:1"),
        ("data", "data:1"),
        ("data", "files:1"),
        ("web", "web:1"),
        ("worker", "base:1"),
    ];
    assert_eq!(
        named,
        expected.map(|(service, image)| (service.to_owned(), format!("registry.example.com/{image}")))
    );
    assert!(document.mentions().iter().all(|mention| mention.place.namespace.is_none()));
    assert_eq!(notes(&document), [12, 14].map(|line| (NoteCode::BuiltHere, Some(line))));
}

#[test]
fn what_only_compose_can_put_together_is_refused() {
    for (text, line) in [
        ("services:\n  a:\n    image: app:${TAG}\n", 3),
        ("services:\n  a:\n    image: app:${TAG:-1.0}\n", 3),
        ("services:\n  a:\n    image: $IMAGE\n", 3),
        ("include:\n- other.yaml\nservices: {a: {image: b}}\n", 2),
        ("services:\n  a:\n    extends: {file: other.yaml, service: b}\n", 3),
    ] {
        let kind = refusal(text);
        assert!(
            matches!(&kind, DocumentErrorKind::Manifest(ManifestError::UnrenderedCompose { line: at, .. }) if *at == line),
            "{text}: {kind:?}"
        );
    }
    // The service that it extends is judged itself.
    let document = manifest("services:\n  a: {image: app}\n  b: {extends: {service: a}}\n");
    assert_eq!(document.mentions().len(), 1);
    assert_eq!(notes(&document), [(NoteCode::NoImage, Some(3))]);
}

#[test]
fn a_kind_that_is_not_known_is_read_as_strictly_as_a_known_one() {
    let of = |kind: &str, spec: &str| format!("base: &base {{image: 'app:2'}}\n{kind}\nspec: {spec}\n");
    let good = "{template: {spec: {containers: [{name: c, image: 'app:1'}]}}}";
    for kind in [
        "kind: Deployment\napiVersion: apps/v1",
        "kind: Rollout\napiVersion: argoproj.io/v1alpha1",
        "kind: Service\napiVersion: serving.knative.dev/v1",
    ] {
        assert_eq!(mentions(&manifest(&of(kind, good))).len(), 1, "{kind}");
        for (bad, ambiguous) in [
            // One entry that is none, and others that are.
            ("{template: {spec: {containers: [{name: c, image: 'app:1'}, text]}}}", false),
            ("{template: {spec: {initContainers: text, containers: [{name: c, image: 'app:1'}]}}}", false),
            ("{template: {spec: {containers: [{name: c, image: {name: 'app:1'}}]}}}", false),
            // Readers differ about which of the two counts.
            ("{template: {spec: {containers: [{name: c, image: 'app:1', <<: *base}]}}}", true),
            (
                "{template: {spec: {containers: [{image: 'app:1'}], <<: {containers: [{image: 'app:2'}]}}}}",
                true,
            ),
            ("{template: {spec: {containers: [{image: 'app:1'}]}, <<: {spec: {containers: []}}}}", true),
            ("{template: {<<: text, spec: {containers: [{image: 'app:1'}]}}}", false),
        ] {
            let refused = refusal(&of(kind, bad));
            let is_ambiguous =
                matches!(refused, DocumentErrorKind::Manifest(ManifestError::Ambiguous { .. }));
            let is_shape = matches!(refused, DocumentErrorKind::Manifest(ManifestError::Shape { .. }));
            assert!(if ambiguous { is_ambiguous } else { is_shape }, "{kind}: {bad}: {refused:?}");
        }
    }
    // Names of containers are no containers.
    let names = of("kind: Limits\napiVersion: example.com/v1", "{containers: [app, proxy]}");
    assert!(manifest(&names).mentions().is_empty());
}

/// `kubectl` takes every object with `items` apart, whatever its kind.
#[test]
fn objects_in_items_count_in_every_kind() {
    let pod = "{kind: Pod, apiVersion: v1, spec: {containers: [{name: c, image: app}]}}";
    for kind in ["ConfigMap", "List", "PodList", "Odd"] {
        let text = format!("kind: {kind}\napiVersion: v1\nitems: [{pod}]\n");
        assert_eq!(manifest(&text).mentions().len(), 1, "{kind}");
    }
    // What is in no object of its own stays what it is.
    let plain =
        "kind: Odd\napiVersion: example.com/v1\nitems: [text, {key: a}]\nspec: {containers: [{image: a}]}\n";
    assert_eq!(manifest(plain).mentions().len(), 1);
}

#[test]
fn a_compose_file_that_only_includes_others_is_refused() {
    let is_refused = |name: &str, text: &str| {
        let read = Document::manifest(name, text.into(), &[], None);
        let kind = read.map(|document| notes(&document)).map_err(|error| error.kind);
        let wanted = ManifestError::UnrenderedCompose { line: 0, why: String::new() };
        match kind {
            Err(DocumentErrorKind::Manifest(error)) => {
                core::mem::discriminant(&error) == core::mem::discriminant(&wanted)
            }
            Err(other) => panic!("{name}: {text}: {other:?}"),
            Ok(noted) => {
                assert!(
                    noted.iter().all(|(code, line)| *code == NoteCode::OtherFiles && line.is_some()),
                    "{noted:?}"
                );
                assert_eq!(noted.len(), usize::from(text.contains("include: [")), "{name}: {text}");
                false
            }
        }
    };
    let only = "include: [other.yaml]\n";
    for name in ["app.yaml", "-", "compose.yaml", "docker-compose.prod.yml"] {
        assert!(is_refused(name, only), "{name}");
        assert!(is_refused(name, &format!("name: app\nx-a: {{}}\nnetworks: {{}}\n{only}")), "{name}");
        assert!(!is_refused(name, "name: app\ninclude:\n"), "{name}");
    }
    // By its other keys it is of something else, unless it has the name.
    let other = format!("stages: [test]\n{only}");
    assert!(!is_refused("ci.yaml", &other));
    for name in ["compose.yml", "deploy/compose.prod.yaml", "Docker-Compose.yml"] {
        assert!(is_refused(name, &other), "{name}");
    }
    // An object of the cluster includes nothing.
    let object = "kind: Odd\napiVersion: example.com/v1\ninclude:\n- other.yaml\n";
    assert!(!is_refused("compose.yaml", object));
}

#[test]
fn what_a_service_extends_in_another_file_is_refused_always() {
    let service = |rest: &str| format!("services:\n  a:\n    image: app\n    extends: {rest}\n");
    for text in [
        // The other file may have volumes that are images.
        service("{file: other.yaml, service: b}"),
        service("{service: b, file: other.yaml, <<: {file: third.yaml}}"),
        "services:\n  a:\n    extends: {file: b.yaml, <<: {file: c.yaml}}\n".to_owned(),
        "services: [a]\n".to_owned(),
    ] {
        let refused = refusal(&text);
        assert!(
            matches!(
                refused,
                DocumentErrorKind::Manifest(
                    ManifestError::UnrenderedCompose { .. }
                        | ManifestError::Ambiguous { .. }
                        | ManifestError::Shape { .. }
                )
            ),
            "{text}: {refused:?}"
        );
    }
    assert_eq!(manifest(&service("{service: b}")).mentions().len(), 1);
    // Others than Compose have services in lists.
    assert!(manifest("image: a\nservices: [b]\n").mentions().is_empty());
}

#[test]
fn documents_without_images_are_fine() {
    for text in ["", "---\n", "kind: Service\napiVersion: v1\n", "a: b\n", "kind: Pod\nspec: {}\n", "{}"] {
        assert!(manifest(text).mentions().is_empty(), "{text}");
    }
}

#[test]
fn lists_have_one_name_a_line() {
    let text = "# images\n\napp:1 # first\n  registry.example.com/b@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\r\nc\n";
    let list = Document::list("images.txt", text.into()).unwrap();
    let places: Vec<_> = list.mentions().iter().map(|mention| mention.place.to_string()).collect();
    assert_eq!(places, ["images.txt:3:1", "images.txt:4:3", "images.txt:5:1"]);
    assert_eq!(pinned(&list), text.replace("app:1", "app:1@D").replace("\nc\n", "\nc@D\n"));
    for text in ["a b\n", "Upper\n", "a:1 b:1"] {
        assert!(Document::list("l", text.into()).is_err(), "{text}");
    }
    assert!(Document::list("l", vec![0xff]).is_err());
}

#[test]
fn digests_stand_behind_the_names_and_nothing_else_changes() {
    let expected = POD
        .replace("init:1 #", "init:1@D #")
        .replace("app:1'", "app:1@D'")
        .replace("debug\"", "debug@D\"")
        .replace("data:1}", "data:1@D}");
    assert_eq!(pinned(&manifest(POD)), expected);
    assert_eq!(
        pinned(&manifest(COMPOSE)),
        COMPOSE
            .replace("base:1", "base:1@D")
            .replace("web:1", "web:1@D")
            .replace("both'", "both@D'")
            .replace("data:1", "data:1@D")
            .replace("files:1", "files:1@D")
    );
    let json = "{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"10.0.0.1:5000/app:1\"}]}}";
    assert_eq!(pinned(&manifest(json)), json.replace("app:1", "app:1@D"));
    let plain = "kind: Pod\nspec: {containers: [{image: 10.0.0.1:5000/app:1}, {image: y}]}\n";
    assert_eq!(
        pinned(&manifest(plain)),
        plain.replace("app:1", "app:1@D").replace("image: y}", "image: y@D}")
    );
    // What has a digest keeps it.
    let digest = Digest::of("other");
    let done = format!("kind: Pod\nspec: {{containers: [{{image: 'app:1@{digest}'}}]}}\n");
    assert_eq!(pinned(&manifest(&done)), done);
}

#[test]
fn a_name_that_something_else_uses_too_is_not_pinned() {
    let shared = "kind: Pod\nmetadata: {labels: {app: &image app:1}}\nspec: {containers: [{image: *image}, {image: *image}]}\n";
    let digest = Digest::of("image");
    let error = manifest(shared).pinned(|_| Some(&digest)).unwrap_err();
    assert!(matches!(error.kind, DocumentErrorKind::Manifest(ManifestError::NotAsMeant { .. })), "{error}");
    // Containers may share it.
    let containers = "kind: Pod\nspec: {containers: [{image: &image app:1}, {image: *image}]}\n";
    assert_eq!(pinned(&manifest(containers)), containers.replace("app:1", "app:1@D"));
    let block = "kind: Pod\nspec:\n  containers:\n  - image: >-\n      app:1\n";
    let error = manifest(block).pinned(|_| Some(&digest)).unwrap_err();
    assert!(matches!(error.kind, DocumentErrorKind::Manifest(ManifestError::Unusual { .. })), "{error}");
}
