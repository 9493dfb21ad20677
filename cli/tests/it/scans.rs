//! Reports shown and compared, and scores set in manifests.

use std::path::{Path, PathBuf};

use waxseal_core::{Digest, encoding};
use waxseal_testkit::fixtures;

use crate::room::{Room, Run};

const KEY: &str = "jfrog.com/xray-score";

/// A summary of Xray, of an image with one finding.
pub(crate) fn summary(image: &str, digest: &Digest, severity: &str) -> String {
    serde_json::json!({ "artifacts": [{
        "general": {
            "name": image, "component_id": image, "pkg_type": "Docker",
            "path": "default/docker-local/app/1.0/", "sha256": digest.hex(),
        },
        "issues": [{
            "issue_id": "XRAY-1", "summary": "a hole", "issue_type": "security", "severity": severity,
            "cves": [{ "cve": "CVE-2026-1234" }],
            "components": [{
                "component_id": "deb://debian:bookworm:openssl:3.0.13-1", "fixed_versions": ["[3.0.14-1]"],
            }],
        }],
        "licenses": [],
    }]})
    .to_string()
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "kind: Pod\nmetadata:\n  name: {name} # a pod\nspec: {{containers: [{{name: c, image: \"{image}\"}}]}}\n"
    )
}

/// Every report of testdata, by its folder and name.
fn reports() -> Vec<PathBuf> {
    let root = fixtures::path("scans");
    let mut all = Vec::new();
    for folder in std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()) {
        if folder.is_dir() {
            let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            all.extend(files.filter(|path| path.extension().is_some_and(|ending| ending == "json")));
        }
    }
    all.sort();
    assert!(all.len() > 90, "{}", all.len());
    all.iter().map(|path| path.strip_prefix(&root).unwrap().to_owned()).collect()
}

/// What was shown when somebody last read it. `WAXSEAL_WRITE_SHOWN=1` writes what is shown now.
fn shown(report: &Path, form: &str, run: &Run) {
    let expected =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shown").join(report).with_extension(form);
    let now = if run.code == 0 {
        assert_eq!(run.stderr, "");
        run.data().to_owned()
    } else {
        assert_eq!((run.code, run.stdout.len()), (3, 0), "{run}");
        format!("exit 3\n{}", run.stderr)
    };
    if std::env::var_os("WAXSEAL_WRITE_SHOWN").is_some() {
        std::fs::create_dir_all(expected.parent().unwrap()).unwrap();
        std::fs::write(&expected, &now).unwrap();
    }
    let before = std::fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(now, before, "{}: WAXSEAL_WRITE_SHOWN=1 writes it anew", expected.display());
}

#[test]
fn every_report_is_shown_as_it_was_read() {
    let room = Room::new();
    for report in reports() {
        let bytes = std::fs::read(fixtures::path("scans").join(&report)).unwrap();
        for (form, output) in [("txt", "text"), ("json", "json")] {
            let run = room.pipe(bytes.clone(), &["scan", "show", "-o", output, "-"]);
            if run.code == 0 && form == "json" {
                assert_eq!(run.json()["schema"], "waxseal/scan/v1");
            }
            shown(&report, form, &run);
        }
    }
}

#[test]
fn a_score_is_printed_of_a_complete_scan_alone() {
    let room = Room::new();
    let score = |report: &str| {
        let path = fixtures::path("scans").join(report).display().to_string();
        room.run(&["scan", "show", "-o", "score", &path])
    };
    for (report, word) in [
        ("xray/summary-artifact-many.json", "Critical\n"),
        ("xray/summary-artifact-none.json", "None\n"),
        ("xray/scan-json-docker.json", "Unknown\n"),
    ] {
        assert_eq!(score(report).ends(0).data(), word);
    }
    for (report, words) in [
        ("xray/api-artifact-status-pending.json", "the scan is pending"),
        ("xray/api-report-vulnerabilities.json", "the scan is partial"),
        ("spdx/trivy-conda.spdx.json", "does not show that vulnerabilities were looked for"),
    ] {
        score(report).ends(3).prints_nothing().says_each(&[words, "[incomplete-scan]"]);
    }
    let started = r#"{"info":"Scan of artifact is in progress"}"#;
    room.pipe(started, &["scan", "show", "-o", "score", "-"]).ends(3).prints_nothing().says("no result");
    room.pipe("{}", &["scan", "show", "-o", "score", "-"]).ends(3).prints_nothing();
    room.run(&["scan", "show", "missing.json"]).ends(3).says("missing.json");
    room.run(&["scan", "show", "--report-format", "word", "missing.json"]).ends(2);
}

#[test]
fn a_page_runs_and_loads_nothing_that_a_report_brought_along() {
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</style></table><iframe src=https://evil.example>",
        "javascript:alert(1)",
        "`${alert(1)}`",
        "&lt;b&gt;\u{1b}[31m\u{202e}",
        "CVE-2026-1234\"><script>alert(1)</script>",
        "GHSA-aaaa-bbbb-\"onx=",
    ];
    let room = Room::new();
    let page = |texts: &[&str]| {
        let at = |number: usize| texts[number % texts.len()];
        let issues: Vec<_> = (0..texts.len())
            .map(|number| {
                serde_json::json!({
                    "issue_id": at(number), "summary": at(number), "issue_type": "security", "severity": "High",
                    "cves": [{ "cve": at(number), "cwe": [at(number)] }],
                    "components": [{
                        "component_id": format!("deb://debian:bookworm:{}:{}", at(number + 1), at(number + 2)),
                        "fixed_versions": [at(number), at(number + 3)],
                    }],
                })
            })
            .collect();
        let licenses: Vec<_> = texts
            .iter()
            .map(|text| serde_json::json!({ "name": text, "full_name": text, "components": [text] }))
            .collect();
        let report = serde_json::json!({ "artifacts": [{
            "general": {
                "name": at(0), "component_id": at(1), "pkg_type": "Docker", "path": at(2), "sha256": at(3),
            },
            "issues": issues,
            "licenses": licenses,
        }]});
        let run = room.pipe(report.to_string(), &["scan", "show", "-o", "html", "-"]).ends(0);
        run.data().to_owned()
    };
    let tags = |page: &str| page.matches('<').count();
    let plain = page(&["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]);
    let attacked = page(&hostile);
    // As many tags as of a harmless report, and no attribute that it did not have.
    assert_eq!(tags(&attacked), tags(&plain));
    for part in attacked.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        for word in ["alert", "onerror", "onmouseover", "javascript", "evil", "onx"] {
            assert!(!tag.contains(word) || tag.contains(&format!("aria-label=\"{word}")), "<{tag}>");
        }
    }
    assert!(attacked.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for character in ['\u{1b}', '\u{202e}'] {
        assert!(!attacked.contains(character));
    }
    // What is let run and style the page is what is in it, by digest; nothing else is loaded.
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let inline = attacked.split(&format!("<{element}>")).nth(1).unwrap();
        let inline = inline.split(&format!("</{element}>")).next().unwrap();
        let digest = encoding::base64_encode(Digest::of(inline).as_bytes());
        assert!(attacked.contains(&format!("{directive} 'sha256-{digest}'")), "{element}");
        assert_eq!(attacked.matches(&format!("<{element}")).count(), 1);
    }
    assert!(attacked.contains("default-src 'none'"));
    for source in [" src=", "<link", "@import", "url("] {
        assert!(!plain.contains(source), "{source}");
    }
}

#[test]
fn advisories_are_linked_where_their_place_is_known() {
    let room = Room::new();
    let page = |file: &str| {
        let path = fixtures::path("scans").join(file).display().to_string();
        room.ok(&["scan", "show", "-o", "html", &path])
    };
    assert!(
        page("xray/summary-artifact-many.json")
            .contains("href=\"https://nvd.nist.gov/vuln/detail/CVE-2021-3711\"")
    );
    assert!(page("grype/many.json").contains("href=\"https://github.com/advisories/GHSA-8v27-2fg9-7h62\""));
    let partial = page("xray/api-report-vulnerabilities.json");
    assert!(partial.contains("<strong>Not complete:</strong>") && partial.contains("High or worse"));
    assert!(!page("xray/summary-artifact-none.json").contains("Not complete"));
}

#[test]
fn two_reports_are_compared() {
    let room = Room::new();
    let image = Digest::of("app");
    room.write("low.json", summary("app:1.0", &image, "Low"));
    room.write("high.json", summary("app:1.0", &image, "High"));
    room.write("none.json", summary("app:1.0", &image, "High").replace("security", "license"));
    let diff = |arguments: &[&str]| room.run(&[&["scan", "diff"], arguments].concat());
    let text = diff(&["low.json", "high.json"]).ends(0);
    assert!(text.data().contains("worse   Low -> High  CVE-2026-1234  openssl"), "{text}");
    assert!(diff(&["high.json", "high.json"]).ends(0).data().starts_with("nothing changed: 1 "));
    for (arguments, code) in [
        (["--fail-on", "worse:High", "low.json", "high.json"], 1),
        (["--fail-on", "worse:Critical", "low.json", "high.json"], 0),
        (["--fail-on", "worse", "high.json", "low.json"], 0),
        (["--fail-on", "new", "low.json", "high.json"], 0),
        (["--fail-on", "new:High", "none.json", "high.json"], 1),
        (["--fail-on", "new:Critical,any:High", "high.json", "high.json"], 1),
        (["--fail-on", "old", "low.json", "high.json"], 2),
    ] {
        diff(&arguments).ends(code);
    }
    let document = diff(&["-o", "json", "--fail-on", "worse", "low.json", "high.json"]).ends(1).json();
    assert_eq!(document["schema"], "waxseal/scan-diff/v1");
    assert_eq!(document["changed"][0]["changes"], serde_json::json!(["worse"]));
    assert_eq!((&document["fails"], &document["changed"][0]["fails"]), (&true.into(), &true.into()));
    diff(&["-", "-"]).ends(2).says("standard input");
}

#[test]
fn what_an_incomplete_scan_does_not_show_is_undecided() {
    let room = Room::new();
    let path = |name: &str| fixtures::path("scans").join(name).display().to_string();
    let (partial, whole) =
        (path("xray/api-report-vulnerabilities.json"), path("xray/report-vulnerabilities-docker.json"));
    room.run(&["scan", "diff", "--fail-on", "new", &whole, &whole]).ends(0);
    room.run(&["scan", "diff", "--fail-on", "new:Critical", &partial, &partial]).ends(3).says("undecided");
    room.run(&["scan", "diff", "--fail-on", "any", &partial, &partial]).ends(1);
    room.run(&["scan", "diff", &partial, &partial]).ends(0).says("the scan is partial");
    let other = path("trivy/debian-buster.json");
    room.run(&["scan", "diff", &whole, &other]).ends(0).says("different scanners, JFrog Xray and Trivy");
}

#[test]
fn a_manifest_gets_the_score_of_its_report() {
    let room = Room::new();
    let (own, other) = (Digest::of("own"), Digest::of("other"));
    room.write("report.json", summary("app:1.0", &own, "High"));
    let manifest = pod("app", "registry.example.com/app:1.0");
    room.write("app.yaml", &manifest);
    let annotated = manifest.replace("# a pod\n", &format!("# a pod\n  annotations:\n    {KEY}: High\n"));
    let run = room.run(&["scan", "annotate", "report.json", "-f", "app.yaml"]).ends(0);
    assert_eq!(run.data(), annotated);
    assert!(run.stderr.contains(&format!("app.yaml:1: Pod app: {KEY}: High")), "{run}");
    assert_eq!(
        room.pipe(&*manifest, &["scan", "annotate", "report.json", "-f", "-"]).ends(0).data(),
        annotated
    );
    let report = room.text("report.json");
    assert_eq!(room.pipe(report, &["scan", "annotate", "-", "-f", "app.yaml"]).ends(0).data(), annotated);
    assert_eq!(room.text("app.yaml"), manifest);

    // A report of another image is refused, and nothing is printed or written.
    room.write("pinned.yaml", pod("app", &format!("registry.example.com/app:1.0@{other}")));
    let pinned = ["scan", "annotate", "report.json", "--in-place", "-f", "app.yaml", "-f", "pinned.yaml"];
    room.run(&pinned).ends(1).prints_nothing().says_each(&["[other-image]", "--report-is-for"]);
    assert_eq!(room.text("app.yaml"), manifest);
    room.write("pinned.yaml", pod("app", &format!("registry.example.com/app:1.0@{own}")));
    room.run(&pinned).ends(0).prints_nothing();
    assert_eq!(room.text("app.yaml"), annotated);
    assert!(room.text("pinned.yaml").contains(&format!("{KEY}: High")));

    room.write("other.yaml", pod("app", "registry.example.com/other:1.0"));
    let other = ["scan", "annotate", "report.json", "-f", "other.yaml"];
    room.run(&other).ends(1).prints_nothing().says("[no-workload]");
    room.run(&[&other[..], &["--all"]].concat()).ends(0);
    room.run(&[&other[..], &["--report-is-for", "registry.example.com/other:1.0"]].concat()).ends(0);
    room.run(&[&other[..], &["--report-is-for", "registry.example.com/other:2.0"]].concat()).ends(1);
    room.run(&[&other[..], &["--report-is-for", "Other:"]].concat()).ends(2);
}

#[test]
fn a_person_may_say_what_a_report_is_of() {
    let room = Room::new();
    let (own, other) = (Digest::of("own"), Digest::of("other"));
    room.write("report.json", summary("app:1.0", &own, "High"));
    room.write("app.yaml", pod("app", &format!("registry.example.com/app:1.0@{other}")));
    let base = ["scan", "annotate", "report.json", "-f", "app.yaml", "--report-is-for"];
    room.run(&[&base[..], &[&own.to_string()]].concat()).ends(1).says("[other-image]");
    let run = room.run(&[&base[..], &[&other.to_string()]].concat()).ends(0);
    assert!(run.stderr.contains("warning: report.json says that it is of"), "{run}");
}

#[test]
fn a_scan_without_a_result_is_set_on_nothing() {
    let room = Room::new();
    let manifest = pod("app", "registry.example.com/app:1.0");
    room.write("app.yaml", &manifest);
    for report in
        ["xray/api-artifact-status-pending.json", "xray/api-report-vulnerabilities.json", "openvex/many.json"]
    {
        let path = fixtures::path("scans").join(report).display().to_string();
        room.run(&["scan", "annotate", &path, "--all", "-i", "-f", "app.yaml"])
            .ends(3)
            .prints_nothing()
            .says("[incomplete-scan]");
    }
    assert_eq!(room.text("app.yaml"), manifest);
    let path = fixtures::path("scans/xray/summary-artifact-none.json").display().to_string();
    room.run(&["scan", "annotate", &path, "--all", "-i", "-f", "app.yaml"]).ends(0);
    assert!(room.text("app.yaml").contains(&format!("{KEY}: None")));
}

#[test]
fn several_files_are_one_stream_and_all_or_nothing() {
    let room = Room::new();
    room.write("report.json", summary("app:1.0", &Digest::of("own"), "High"));
    let text = pod("a", "registry.example.com/app:1.0");
    room.write("a.yaml", text.trim_end());
    room.write("b.yaml", format!("---\n{text}"));
    room.write("c.json", "{\"kind\": \"Service\"}");
    let arguments = ["scan", "annotate", "report.json", "-f", "a.yaml", "-f", "b.yaml", "-f", "c.json"];
    let stream = room.run(&arguments).ends(0);
    assert_eq!(stream.data().matches("---\n").count(), 2, "{stream}");
    assert!(stream.data().ends_with("---\n{\"kind\": \"Service\"}"), "{stream}");
    // The stream is read as what it was made of.
    let again = room.pipe(stream.data(), &["scan", "annotate", "report.json", "-f", "-"]).ends(0);
    assert_eq!(again.data(), stream.data());

    let knative = text.replace("kind: Pod", "apiVersion: serving.knative.dev/v1\nkind: Service");
    let knative = format!("{text}---\n{knative}");
    let run = room.pipe(knative, &["scan", "annotate", "report.json", "-f", "-"]).ends(0);
    assert!(run.stderr.contains("-:6: Service a: left as it is"), "{run}");

    room.write("broken.yaml", "kind: Pod\nkind: Pod\n");
    let before = room.text("a.yaml");
    room.run(&["scan", "annotate", "report.json", "-i", "-f", "a.yaml", "-f", "broken.yaml"])
        .ends(4)
        .says_each(&["broken.yaml: line 2", "[manifest]", "hint:"]);
    assert_eq!(room.text("a.yaml"), before);
    for (arguments, words) in [
        (&["report.json", "-i", "-f", "-"][..], "--in-place"),
        (&["-", "-f", "-"], "standard input"),
        (&["report.json", "report.json", "--all", "-f", "a.yaml"], "--all takes one report"),
        (&["report.json", "-i", "-f", "report.json"], "overwritten"),
        (&["report.json", "-f", "a.yaml", "--annotation-key", "a b"], "expected [PREFIX/]NAME"),
        (&["report.json"], "--filename"),
    ] {
        room.run(&[&["scan", "annotate"], arguments].concat()).ends(2).says(words);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_is_written_in_place_keeps_its_mode_and_is_no_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    room.write("report.json", summary("app:1.0", &Digest::of("own"), "High"));
    let text = pod("a", "registry.example.com/app:1.0");
    let path = room.write("a.yaml", &text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&path, room.path("link.yaml")).unwrap();
    room.run(&["scan", "annotate", "report.json", "-i", "-f", "link.yaml"]).ends(2).says("symbolic link");
    assert_eq!(room.text("a.yaml"), text);
    room.run(&["scan", "annotate", "report.json", "-i", "-f", "a.yaml"]).ends(0);
    assert_ne!(room.text("a.yaml"), text);
    assert_eq!(room.mode("a.yaml"), 0o640);
}

#[test]
fn the_manifests_of_testdata_go_through_the_program_unharmed() {
    let room = Room::new();
    room.write("report.json", summary("app:1.0", &Digest::of("own"), "High"));
    let mut seen = 0;
    for entry in std::fs::read_dir(fixtures::path("manifests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some((stem, ending)) = name.split_once(".annotated.") else { continue };
        let before = std::fs::read(path.with_file_name(format!("{stem}.{ending}"))).unwrap();
        let run = room.pipe(before, &["scan", "annotate", "report.json", "--all", "-f", "-"]).ends(0);
        assert_eq!(run.stdout, std::fs::read(&path).unwrap(), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}
