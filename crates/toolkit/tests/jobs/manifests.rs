//! Annotations set in manifests that look like real ones: what is not meant stays as it is, byte for byte.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use waxseal::manifest::{
    AnnotationChange, AnnotationName, ContainerRole, MANIFEST_FILE_BYTES, Manifest, ManifestError,
    WorkloadKind,
};

const KEY: &str = "jfrog.com/xray-score";
/// Long enough for an unoptimised build on a busy machine.
const QUICKLY: Duration = Duration::from_secs(30);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/manifests")
}

/// The manifests, each with what it is to become.
fn manifests() -> Vec<(String, String, String)> {
    let mut manifests = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some((stem, ending)) = name.rsplit_once('.').filter(|(_, ending)| *ending != "md") else {
            continue;
        };
        if stem.ends_with(".annotated") {
            continue;
        }
        let expected = path.with_file_name(format!("{stem}.annotated.{ending}"));
        let before = std::fs::read_to_string(&path).unwrap();
        if std::env::var_os("WAXSEAL_WRITE_TESTDATA").is_some() {
            std::fs::write(&expected, set(&before, "High").unwrap()).unwrap();
        }
        manifests.push((name, before, std::fs::read_to_string(expected).unwrap()));
    }
    assert_eq!(manifests.len(), 12);
    manifests
}

fn is_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "json")
}

fn read(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::read(text.as_bytes().to_vec())
}

/// Sets the annotation on every workload.
fn set(text: &str, value: &str) -> Result<String, ManifestError> {
    let manifest = read(text)?;
    let workloads = manifest.workloads()?;
    let changes: Vec<_> = workloads.iter().map(|workload| AnnotationChange { workload, value }).collect();
    manifest.annotate(&KEY.parse().unwrap(), &changes)
}

/// Sets the annotation on the workloads of this name.
fn set_on(text: &str, name: &str, value: &str) -> Result<String, ManifestError> {
    let manifest = read(text)?;
    let workloads = manifest.workloads()?;
    let named = workloads.iter().filter(|workload| workload.name() == Some(name));
    let changes: Vec<_> = named.map(|workload| AnnotationChange { workload, value }).collect();
    assert!(!changes.is_empty());
    manifest.annotate(&KEY.parse().unwrap(), &changes)
}

#[test]
fn each_manifest_becomes_what_it_is_to_become() {
    for (name, before, expected) in manifests() {
        assert_eq!(set(&before, "High").unwrap(), expected, "{name}");
    }
}

#[test]
fn line_ends_marks_and_missing_ends_are_kept() {
    let windows = |text: &str| text.replace('\n', "\r\n");
    let marked = |text: &str| format!("\u{feff}{text}");
    let cut = |text: &str| text.trim_end_matches('\n').to_owned();
    for (name, before, expected) in manifests() {
        assert_eq!(set(&windows(&before), "High").unwrap(), windows(&expected), "{name}");
        assert_eq!(set(&cut(&before), "High").unwrap(), cut(&expected), "{name}");
        assert_eq!(set(&cut(&windows(&before)), "High").unwrap(), cut(&windows(&expected)), "{name}");
        if !is_json(&name) && !before.starts_with('%') {
            assert_eq!(set(&marked(&before), "High").unwrap(), marked(&expected), "{name}");
        }
    }
}

#[test]
fn what_is_set_already_is_left_alone_and_an_older_value_is_replaced() {
    for (name, before, expected) in manifests() {
        assert_eq!(set(&expected, "High").unwrap(), expected, "{name}");
        let low = set(&expected, "Low").unwrap();
        assert_ne!(low, expected, "{name}");
        assert_eq!(low.lines().count(), expected.lines().count(), "{name}");
        assert_eq!(set(&low, "High").unwrap(), expected, "{name}");
        assert_eq!(set(&set(&before, "Low").unwrap(), "High").unwrap(), expected, "{name}");
    }
}

/// Whoever reads only JSON agrees.
#[test]
fn json_stays_json() {
    for (name, before, expected) in manifests().into_iter().filter(|(name, ..)| is_json(name)) {
        let mut meant: serde_json::Value = serde_json::from_str(&before).unwrap();
        let mut list = std::slice::from_mut(&mut meant);
        if list[0]["kind"] == "List" {
            list = list[0]["items"].as_array_mut().unwrap();
        }
        for object in list {
            object["metadata"]["annotations"][KEY] = "High".into();
            let spec = &mut object["spec"];
            if spec.get("jobTemplate").is_some() {
                spec["jobTemplate"]["spec"]["template"]["metadata"]["annotations"][KEY] = "High".into();
            } else if spec.get("template").is_some() {
                spec["template"]["metadata"]["annotations"][KEY] = "High".into();
            }
        }
        assert_eq!(serde_json::from_str::<serde_json::Value>(&expected).unwrap(), meant, "{name}");
    }
}

#[test]
fn one_workload_is_changed_without_the_others() {
    for (name, before, _) in manifests() {
        let manifest = read(&before).unwrap();
        for workload in &manifest.workloads().unwrap() {
            let change = AnnotationChange { workload, value: "Critical" };
            let after = manifest.annotate(&KEY.parse().unwrap(), &[change]).unwrap();
            let added = after.matches("Critical").count() - before.matches("Critical").count();
            assert!((1..=2).contains(&added), "{name} line {}", workload.line());
        }
        let none: &[AnnotationChange<'_>] = &[];
        assert_eq!(manifest.annotate(&KEY.parse().unwrap(), none).unwrap(), before, "{name}");
    }
}

#[test]
fn workloads_are_found_with_their_images_and_lines() {
    let found = |name: &str| {
        let text = std::fs::read_to_string(folder().join(name)).unwrap();
        let manifest = read(&text).unwrap();
        let mut lines = Vec::new();
        for workload in manifest.workloads().unwrap() {
            lines.push(format!("{} {} {}", workload.line(), workload.kind(), workload.name().unwrap_or("-")));
            for container in workload.containers() {
                let image = container.image.as_ref().unwrap();
                let span = text[image.span.clone()].trim_matches(['"', '\'']);
                assert_eq!(span, image.text);
                assert!(text.lines().nth(image.line - 1).unwrap().contains(&image.text));
                let name = container.name.as_deref().unwrap_or("-");
                lines.push(format!("  {} {:?} {name} {}", image.line, container.role, image.text));
            }
        }
        lines.join("\n")
    };
    assert_eq!(
        found("anchors.yaml"),
        "13 Deployment api\n  32 Main api registry.example.com/api:3.1\n\
         33 Deployment api-preview\n  32 Main preview registry.example.com/api:3.1\n\
         49 Job api-check\n  32 Main check registry.example.com/api:3.1"
    );
    assert_eq!(
        found("pod.yaml"),
        "1 Pod flow\n  1 Main x registry.example.com/x:1\n\
         3 Pod wide\n  11 Main x registry.example.com/x:1\n  15 Volume model registry.example.com/model:3"
    );
    assert_eq!(
        found("list.yaml"),
        "3 ReplicationController old\n  17 Main old registry.example.com/old:0.9\n\
         19 ReplicaSet frontend\n  38 Main frontend registry.example.com/frontend:2.0.0"
    );
    let digest = "sha256:0f0e0d0c0b0a09080706050403020100ffeeddccbbaa99887766554433221100";
    assert_eq!(
        found("cronjob.yaml"),
        format!("1 CronJob backup\n  18 Main backup registry.example.com/backup@{digest}")
    );
    assert_eq!(found("template.yaml"), "4 PodTemplate base\n18 Pod bare");
    assert!(found("deployment.yaml").contains("  30 Init migrate registry.example.com/shop/migrate:1.4.2\n"));
}

#[test]
fn a_kind_counts_in_its_own_group_and_in_lists_of_its_own() {
    let kinds = |text: &str| {
        let workloads = read(text).unwrap().workloads().unwrap();
        workloads.iter().map(waxseal::manifest::Workload::kind).collect::<Vec<_>>()
    };
    let job =
        |version: &str| format!("apiVersion: {version}\nkind: Job\nspec: {{template: {{spec: {{}}}}}}\n");
    assert_eq!(kinds(&job("batch/v1")), [WorkloadKind::Job]);
    assert_eq!(kinds(&job("batch.volcano.sh/v1alpha1")), []);
    let list =
        |kind: &str| format!("apiVersion: apps/v1\nkind: {kind}\nitems: [{{spec: {{template: {{}}}}}}]\n");
    assert_eq!(kinds(&list("DeploymentList")), [WorkloadKind::Deployment]);
    assert_eq!(kinds(&list("ServiceList")), []);
    assert_eq!(kinds("kind: deployment\napiVersion: apps/v1\n"), []);
    assert_eq!(kinds("---\n---\n# nothing\n"), []);
}

#[test]
fn what_runs_containers_and_is_of_no_known_kind_is_named() {
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: app}\n";
    let foreign = |text: String| read(&text).unwrap().foreign_workloads().unwrap();
    let found = foreign(format!("{rollout}spec: {{template: {{spec: {{containers: [{{image: a}}]}}}}}}\n"));
    assert_eq!(
        (found[0].kind.as_str(), found[0].name.as_deref(), found[0].line),
        ("Rollout", Some("app"), 1)
    );
    for other in ["spec: {template: {spec: {}}}\n", "spec: text\n", "spec: {containers: none}\n"] {
        assert!(foreign(format!("{rollout}{other}")).is_empty(), "{other}");
    }
    assert!(foreign("kind: Pod\nspec: {containers: []}\n".to_owned()).is_empty());
}

#[test]
fn what_others_use_too_is_not_changed() {
    let manifest = |service: &str, template: &str| {
        format!(
            "kind: List\nitems:\n- kind: Deployment\n  metadata:\n    name: app\n    annotations: &a\n      x: y\n  \
             spec: {{template: {{metadata: {{annotations: {template}}}}}}}\n- kind: Service\n  metadata: \
             {{annotations: {service}}}\n"
        )
    };
    // The template's alias can be written over, or changes with its anchor; the Service's may not change.
    let after = set(&manifest("{}", "*a"), "High").unwrap();
    assert!(
        after.contains("      x: y\n      jfrog.com/xray-score: High\n")
            && after.contains("annotations: *a}")
    );
    let shared = set(&manifest("*a", "*a"), "High").unwrap_err();
    assert_eq!(shared, ManifestError::Shared { line: 7 });

    let merged = |service: &str| {
        format!(
            "kind: List\nitems:\n- kind: Pod\n  metadata:\n    <<: &m {{annotations: {{x: y}}}}\n    name: app\n- \
             kind: Service\n  metadata: {service}\n"
        )
    };
    set(&merged("{}"), "High").unwrap();
    assert!(matches!(set(&merged("*m"), "High"), Err(ManifestError::Shared { .. })));
}

#[test]
fn a_value_that_is_merged_in_is_overridden_where_it_may_not_change() {
    let text = "kind: List\nitems:\n- kind: Service\n  metadata:\n    annotations: &a {jfrog.com/xray-score: Low}\n\
                - kind: Pod\n  metadata:\n    name: app\n    annotations:\n      <<: *a\n      x: y\n";
    let after = set(text, "High").unwrap();
    assert_eq!(after, format!("{text}      jfrog.com/xray-score: High\n"));
    assert_eq!(set(text, "Low").unwrap(), text);
    let text = text.replace("\n      <<: *a\n      x: y", " *a");
    assert!(set(&text, "High").unwrap().ends_with("annotations: {<<: *a, jfrog.com/xray-score: High}\n"));
}

#[test]
fn one_place_does_not_get_two_values() {
    let text = "kind: List\nitems:\n- kind: Pod\n  metadata: &m {name: a}\n- kind: Pod\n  metadata: *m\n";
    let manifest = read(text).unwrap();
    let workloads = manifest.workloads().unwrap();
    let with = |values: [&str; 2]| {
        let changes: Vec<_> = std::iter::zip(&workloads, values)
            .map(|(workload, value)| AnnotationChange { workload, value })
            .collect();
        manifest.annotate(&KEY.parse().unwrap(), &changes)
    };
    assert!(with(["High", "High"]).is_ok());
    assert!(matches!(with(["High", "Low"]), Err(ManifestError::Conflict { .. })));
}

#[test]
fn what_readers_take_differently_is_refused() {
    let pod = "kind: Pod\nmetadata: {name: a}\n";
    for (accepted, refused) in [
        ("a: 1\nb: 2\n", "a: 1\na: 2\n"),
        ("a: 1\n\"b\": 2\n", "a: 1\n\"a\": 2\n"),
        ("{a: {b: 1}}", "{a: {b: 1, b: 1}}"),
        ("---\nkind: Pod\n", "--- {kind: Pod}\n"),
        ("--- # a comment\nkind: Pod\n", "a: 1\n---a: 2\n"),
        ("a: b\n", "a: b\u{2028}c\n"),
        ("# a comment\n", "# a comment\u{85}a: b\n"),
        ("a: &a [b]\n", "a: &a [*a]\n"),
        ("a: b\n", "? [a]\n: b\n"),
        ("~a: b\n", "~: b\n"),
        ("a: \"{{ .Values.a }}\"\n", "a: {{ .Values.a }}\n"),
    ] {
        read(accepted).unwrap_or_else(|error| panic!("{accepted}: {error}"));
        assert!(matches!(read(refused), Err(ManifestError::Ambiguous { .. })), "{refused}");
    }
    let merge = |first: &str, second: &str| {
        set(&format!("x: &x {{name: b, annotations: {{}}}}\n{pod}y:\n  {first}\n  {second}\n"), "High")
    };
    merge("<<: *x", "name: a").unwrap();
    // Only what is looked at is held to it.
    merge("name: a", "<<: *x").unwrap();
    let looked_at = "x: &x {name: b}\nkind: Pod\nmetadata:\n  name: a\n  <<: *x\n";
    assert!(matches!(set(looked_at, "High"), Err(ManifestError::Ambiguous { line: 4, .. })));
    set(&looked_at.replace("name: b", "label: b"), "High").unwrap();
}

#[test]
fn what_kubernetes_would_not_take_is_refused() {
    for (accepted, refused) in [
        ("kind: Pod\nmetadata: {annotations: {}}\n", "kind: Pod\nmetadata: {annotations: []}\n"),
        ("kind: Pod\nmetadata: {annotations: }\n", "kind: Pod\nmetadata: {annotations: !!map }\n"),
        ("kind: Pod\nmetadata: {}\n", "kind: Pod\nmetadata: text\n"),
        (
            "kind: Pod\nmetadata: {annotations: {jfrog.com/xray-score: a}}",
            "kind: Pod\nmetadata: {annotations: {jfrog.com/xray-score: [a]}}",
        ),
        ("kind: Job\nspec: {template: {}}\n", "kind: Job\nspec: {}\n"),
        ("kind: Job\nspec: {template: {}}\n", "kind: Job\nspec: {template: a}\n"),
        ("kind: List\nitems: []\n", "kind: List\nitems: {}\n"),
        ("kind: List\nitems: [{}]\n", "kind: List\nitems: [a]\n"),
        ("kind: Pod\nspec: {containers: [{image: a}]}\n", "kind: Pod\nspec: {containers: [{image: [a]}]}\n"),
        ("kind: Pod\nspec: {containers: []}\n", "kind: Pod\nspec: {containers: {}}\n"),
        ("{}", "[]"),
    ] {
        set(accepted, "High").unwrap_or_else(|error| panic!("{accepted}: {error}"));
        assert!(matches!(set(refused, "High"), Err(ManifestError::Shape { .. })), "{refused}");
    }
    for text in ["a: [\n", "a: *b\n", "{\"a\": 1}}"] {
        assert!(matches!(read(text), Err(ManifestError::Syntax { .. })), "{text}");
    }
    assert_eq!(Manifest::read(b"a: \xff".to_vec()).unwrap_err(), ManifestError::NotUtf8);
}

#[test]
fn writing_that_is_not_edited_is_refused() {
    let pod = |annotations: &str| format!("kind: Pod\nmetadata:\n  annotations:{annotations}\n  name: a\n");
    let value = |value: &str| pod(&format!("\n    jfrog.com/xray-score: {value}"));
    for text in [
        value("Low"),
        value("'Low'"),
        value("!!str Low"),
        value(""),
        value("Low\n      more"),
        pod(""),
        pod(" null"),
    ] {
        assert_ne!(set(&text, "High").unwrap(), text);
    }
    for text in [value("|\n      Low"), value("&x"), pod(" &x")] {
        assert!(matches!(set(&text, "High"), Err(ManifestError::Unusual { line: 3..=5, .. })), "{text}");
    }
    // A tag that makes a number of it is found when the new text is read again.
    assert!(matches!(set(&value("!!int 1"), "High"), Err(ManifestError::NotAsMeant { .. })));
    let explicit = "kind: Pod\nmetadata:\n  ? name\n  : a\n";
    assert_eq!(
        set(explicit, "High").unwrap(),
        format!("{explicit}  annotations:\n    jfrog.com/xray-score: High\n")
    );
}

#[test]
fn a_value_that_would_be_no_text_is_quoted() {
    let text = "kind: Pod\nmetadata: {name: a}\n";
    for (value, written) in [
        ("High", "High"),
        ("null", "\"null\""),
        ("1", "\"1\""),
        ("No", "\"No\""),
        ("a: b", "\"a: b\""),
        ("", "\"\""),
    ] {
        let after = set(text, value).unwrap();
        assert!(
            after.contains(&format!("{{name: a, annotations: {{jfrog.com/xray-score: {written}}}}}")),
            "{after}"
        );
    }
}

#[test]
fn what_is_made_to_take_long_is_refused_quickly() {
    let alias_bomb = |levels: usize| {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..levels {
            let below = format!("*a{}", level - 1);
            let list = [below.as_str(); 10].join(", ");
            writeln!(text, "a{level}: &a{level} [{list}]").unwrap();
        }
        text
    };
    let merge_bomb = |levels: usize| {
        let mut text = "x0: &x0 {a: b}\n".to_owned();
        for level in 1..levels {
            writeln!(text, "x{level}: &x{level} {{<<: [*x{0}, *x{0}]}}", level - 1).unwrap();
        }
        text + "kind: Pod\nmetadata: {name: a}\n"
    };
    let chain = |links: usize| {
        let mut text = "a0: &a0 [x]\n".to_owned();
        for link in 1..links {
            writeln!(text, "a{link}: &a{link} [*a{}]", link - 1).unwrap();
        }
        text
    };
    let brackets = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let dashes = |depth: usize| "- ".repeat(depth) + "x";
    for (accepted, refused) in [
        (alias_bomb(4), alias_bomb(9)),
        (merge_bomb(4), merge_bomb(40)),
        (chain(100), chain(1_000)),
        (brackets(100), brackets(1_000_000)),
        (dashes(100), dashes(1_000_000)),
        ("---\na: b\n".repeat(1_000), "---\na: b\n".repeat(10_001)),
        (format!("a: {}", "x".repeat(1 << 20)), format!("a: {}", "x".repeat(50 << 20))),
        (format!("a: |\n  {}", "x".repeat(1 << 20)), format!("a: |\n  {}", "x".repeat(50 << 20))),
        ("a: [x]\n".to_owned(), format!("a: [{}]", "x,".repeat(1_000_000))),
    ] {
        let start = Instant::now();
        read(&accepted).unwrap();
        let error = read(&refused).unwrap_err();
        assert!(
            matches!(
                error,
                ManifestError::TooMany { .. }
                    | ManifestError::TooDeep { .. }
                    | ManifestError::TooManyDocuments
                    | ManifestError::TooLarge
                    | ManifestError::Syntax { .. }
            ),
            "{error:?}"
        );
        assert!(start.elapsed() < QUICKLY, "{error}: {:?}", start.elapsed());
    }
    let mut large = format!("kind: Pod\nmetadata: {{name: a}}\nx: {}", "x".repeat(MANIFEST_FILE_BYTES));
    assert_eq!(read(&large).unwrap_err(), ManifestError::TooLarge);
    large.truncate(MANIFEST_FILE_BYTES);
    let start = Instant::now();
    read(&large).unwrap();
    assert!(start.elapsed() < QUICKLY);
    // What is added may not make it too large either.
    assert!(matches!(set(&large, "High"), Err(ManifestError::NotAsMeant { .. })));
}

#[test]
fn names_of_annotations_are_those_of_kubernetes() {
    let long = |length: usize| "a".repeat(length);
    for name in [KEY, "score", "a/b", "A_b.c-9", &long(63), &format!("{}/b", long(253))] {
        assert_eq!(name.parse::<AnnotationName>().unwrap().as_str(), name);
    }
    for name in [
        "",
        "/",
        "a/",
        "/a",
        "a/b/c",
        "-a",
        "a-",
        "A.b/c",
        "a..b/c",
        "a b",
        "a:b",
        &long(64),
        &format!("{}/b", long(254)),
    ] {
        assert!(name.parse::<AnnotationName>().is_err(), "{name}");
    }
}

#[test]
fn an_ephemeral_container_has_its_role() {
    let text =
        "kind: Pod\nspec: {ephemeralContainers: [{name: d, image: debug}], initContainers: [{image: i}]}\n";
    let workloads = read(text).unwrap().workloads().unwrap();
    let roles: Vec<_> = workloads[0].containers().iter().map(|container| container.role).collect();
    assert_eq!(roles, [ContainerRole::Init, ContainerRole::Ephemeral]);
    let without = read("kind: Pod\nspec: {containers: [{name: d}]}\n").unwrap().workloads().unwrap();
    assert_eq!(without[0].containers()[0].image, None);
    let changed =
        set_on("kind: Pod\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {name: b}\n", "b", "x").unwrap();
    assert_eq!(changed.matches(KEY).count(), 1);
    assert!(changed.contains("name: b, annotations"));
}
