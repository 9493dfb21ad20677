//! Reports over what was decided: SARIF, `JUnit`, code quality, a page, and GitHub's commands.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waxseal_testkit::{Behaviour, Match, Registry};

use crate::room::{Room, Run, image, pushed};

/// Every report at once.
const ALL: [&str; 8] = [
    "--report",
    "sarif=r.sarif",
    "--report",
    "junit=r.xml",
    "--report",
    "html=r.html",
    "--report",
    "codequality=r.json",
];

/// Text that would be something else in one form or another.
const HOSTILE: &str = "x]]><script>alert(1)</script> {0} [a](http://h) \u{1b}[2J\u{202e}%0A::error::";

/// A registry with a signed, an unsigned and an unreadable image, and a manifest that names them with others.
struct Scene {
    room: Room,
    registry: Registry,
}

impl Scene {
    fn new() -> Self {
        let (room, registry) = (Room::new(), Registry::start());
        for repository in ["signed", "unsigned", "closed"] {
            pushed(&registry, repository);
        }
        room.sign("p256", &registry.image("signed", "1.0"), &[]);
        registry.rule(Match::path("/v2/closed/"), Behaviour::status(403));
        let container = |name: &str, image: &str| format!("  - name: {name}\n    image: {image}\n");
        let images =
            ["signed", "unsigned", "closed"].map(|name| container(name, &registry.image(name, "1.0")));
        let pod = |name: &str, containers: &str| {
            let name = serde_json::to_string(name).unwrap();
            format!("kind: Pod\nmetadata:\n  name: {name}\nspec:\n  containers:\n{containers}")
        };
        let again = container("again", &registry.image("unsigned", "1.0"));
        room.write("app.yaml", format!("{}---\n{}", pod("web", &images.concat()), pod("tail", &again)));
        let signed = container("ok", &registry.image("signed", "1.0"));
        room.write("good.yaml", pod("web", &signed));
        room.write("hostile.yaml", pod(HOSTILE, &again));
        Self { room, registry }
    }

    fn gate(&self, more: &[&str]) -> Run {
        self.room.run(&[&["gate", "--key", "p256.pub"][..], more].concat())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.room.text(name)).unwrap()
    }
}

/// The members that the schema of SARIF 2.1.0 requires, of everything that is there.
fn is_sarif(log: &Value) -> &Value {
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert!(driver["name"].is_string());
    let rules = driver["rules"].as_array().unwrap();
    let ids: BTreeSet<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "a rule twice");
    for rule in rules {
        assert!(rule["helpUri"].as_str().unwrap().starts_with("https://"), "{rule}");
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{rule}");
        }
    }
    for invocation in runs[0]["invocations"].as_array().unwrap() {
        assert!(invocation["executionSuccessful"].is_boolean());
        for notification in invocation["toolExecutionNotifications"].as_array().unwrap() {
            assert!(notification["message"]["text"].is_string());
        }
    }
    for result in runs[0]["results"].as_array().unwrap() {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[at]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let location = &result["locations"][0]["physicalLocation"];
        let uri = location["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte)), "{uri}");
        assert!(location["region"]["startLine"].as_u64().unwrap() >= 1);
    }
    &runs[0]
}

/// Whether every tag is closed in its order, and no character is one that XML has no place for.
fn is_xml(text: &str) {
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}')));
    let mut open = Vec::new();
    for piece in text.split('<').skip(2) {
        let (tag, behind) = piece.split_once('>').expect("a tag that ends");
        assert!(!behind.contains('>'), "{behind}");
        let name = tag.split([' ', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        for (at, _) in piece.match_indices('&') {
            let entity = ["amp;", "lt;", "gt;", "quot;", "apos;"];
            assert!(entity.iter().any(|entity| piece[at + 1..].starts_with(entity)), "{piece}");
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn every_report_tells_the_same_and_is_written_when_the_gate_refuses() {
    let scene = Scene::new();
    scene.gate(&[&["-f", "app.yaml"][..], &ALL].concat()).ends(1);

    let log = scene.json("r.sarif");
    let run = is_sarif(&log);
    let results = run["results"].as_array().unwrap();
    // One for each place: two of the unsigned image, one of the closed one, none of what was admitted.
    let told: Vec<_> = results
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let region = &place["region"];
            assert_eq!(place["artifactLocation"]["uri"], "app.yaml");
            (
                result["ruleId"].as_str().unwrap(),
                region["startLine"].as_u64().unwrap(),
                region["startColumn"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("no-signature", 9, Some(12)), ("no-signature", 19, Some(12)), ("unreadable", 11, Some(12))]
    );
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let prints: BTreeSet<_> = results
        .iter()
        .map(|result| result["partialFingerprints"]["waxsealImage/v1"].as_str().unwrap())
        .collect();
    assert_eq!(prints.len(), 3);
    let message = results[0]["message"]["text"].as_str().unwrap();
    for part in ["unsigned:1.0", "sha256:", "no-signature", "Required: a signature by p256.pub", "Try: "] {
        assert!(message.contains(part), "{part}: {message}");
    }

    let xml = scene.room.text("r.xml");
    is_xml(&xml);
    assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\""), "{xml}");
    assert!(xml.contains("<failure type=\"no-signature\" message=\""), "{xml}");
    assert_eq!(xml.matches("<testcase ").count(), 3);

    let quality = scene.json("r.json");
    let entries = quality.as_array().unwrap();
    assert_eq!(entries.len(), 3);
    for entry in entries {
        for member in ["description", "check_name", "fingerprint", "severity"] {
            assert!(entry[member].is_string(), "{entry}");
        }
        assert!(
            ["info", "minor", "major", "critical", "blocker"].contains(&entry["severity"].as_str().unwrap())
        );
        assert_eq!(entry["location"]["path"], "app.yaml");
        assert!(entry["location"]["lines"]["begin"].as_u64().unwrap() > 1);
    }
    assert_eq!(
        entries.iter().map(|entry| entry["fingerprint"].to_string()).collect::<BTreeSet<_>>().len(),
        3
    );

    let page = scene.room.text("r.html");
    for part in ["default-src 'none'", "<strong>1</strong><span>refused</span>", "app.yaml:19:12", "NOT met"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("src=") && !page.contains("@import"));

    // The twin: what is admitted leaves nothing to mend.
    scene.gate(&[&["-f", "good.yaml"][..], &ALL].concat()).ends(0);
    let log = scene.json("r.sarif");
    assert_eq!(is_sarif(&log)["results"], json!([]));
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
    assert_eq!(scene.json("r.json"), json!([]));
    is_xml(&scene.room.text("r.xml"));
}

#[test]
fn a_hostile_name_is_a_text_in_every_form() {
    let scene = Scene::new();
    scene.gate(&[&["-f", "hostile.yaml"][..], &ALL].concat()).ends(1);
    is_xml(&scene.room.text("r.xml"));
    let log = scene.json("r.sarif");
    is_sarif(&log);
    let page = scene.room.text("r.html");
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "{page}");
    for name in ["r.sarif", "r.xml", "r.html", "r.json"] {
        let text = scene.room.text(name);
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{name}");
    }
    let done = scene.gate(&["-o", "github", "-f", "hostile.yaml"]).ends(1);
    for line in done.data().lines() {
        assert!(line.starts_with("::error file=hostile.yaml,"), "{line}");
        assert_eq!(line.matches("%0A").count(), 0, "{line}");
    }
    // The name of an image from the command line, or of a file.
    scene.room.write("a,b:c%0A.yaml", scene.room.text("hostile.yaml"));
    let done = scene.gate(&["-o", "github", "-f", "a,b:c%0A.yaml"]).ends(1);
    assert!(done.data().starts_with("::error file=a%2Cb%3Ac%250A.yaml,line="), "{done}");
    scene.gate(&["--report", "sarif=r.sarif", "-f", "a,b:c%0A.yaml"]).ends(1);
    let log = scene.json("r.sarif");
    let place = &is_sarif(&log)["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%2Cb%3Ac%250A.yaml");
}

#[test]
fn github_gets_annotations_a_summary_and_outputs() {
    let scene = Scene::new();
    let room = scene.room.variable("GITHUB_OUTPUT", "outputs").variable("GITHUB_STEP_SUMMARY", "summary");
    let gate = |more: &[&str]| room.run(&[&["gate", "--key", "p256.pub", "-o", "github"][..], more].concat());
    room.write("outputs", "before=1\n");
    let done = gate(&["-f", "app.yaml"]).ends(1);
    let lines: Vec<_> = done.data().lines().collect();
    assert!(lines[0].starts_with("admitted: ") && lines[0].contains("/signed:1.0 sha256:"), "{done}");
    let title = "title=refused%3A no-signature::";
    assert!(lines[1].starts_with(&format!("::error file=app.yaml,line=9,col=12,{title}")), "{done}");
    assert!(lines[2].starts_with(&format!("::error file=app.yaml,line=19,col=12,{title}")), "{done}");
    assert!(lines[3].starts_with("::error file=app.yaml,line=11,"), "{done}");
    let outputs = room.text("outputs");
    let outputs: Vec<_> = outputs.lines().collect();
    assert_eq!(outputs[..2], ["before=1", "verdict=refuse"]);
    let images: Value = serde_json::from_str(outputs[2].strip_prefix("images=").unwrap()).unwrap();
    assert_eq!(images.as_array().unwrap().len(), 3);
    assert_eq!(images[1]["verdict"], "refused");
    let summary = room.text("summary");
    assert!(summary.contains("<td>refused</td>") && summary.contains("1 admitted"), "{summary}");
    // Markdown begins again behind an empty line: there is none in the table.
    assert!(!summary.trim_end().contains("\n\n"), "{summary}");

    // One image: its digest, if it was admitted.
    let digest = |name: &str, code: i32| {
        room.write("outputs", "");
        gate(&[&scene.registry.image(name, "1.0")]).ends(code);
        room.text("outputs").lines().find_map(|line| line.strip_prefix("digest=").map(str::to_owned)).unwrap()
    };
    assert!(digest("signed", 0).starts_with("sha256:"));
    assert_eq!(digest("unsigned", 1), "");
    gate(&["--pin", "-f", "app.yaml"]).ends(2).says("stdout is for the documents");
}

#[test]
fn reports_are_begun_before_anything_is_judged_and_never_over_an_input() {
    let scene = Scene::new();
    let before = scene.room.text("app.yaml");
    for target in ["sarif=app.yaml", "html=./app.yaml", "junit=p256.pub", "sarif=p256.key"] {
        scene.gate(&["-f", "app.yaml", "--report", target]).ends(2).prints_nothing();
    }
    std::fs::create_dir(scene.room.path("all")).unwrap();
    scene.room.write("all/app.yaml", &before);
    scene.gate(&["-f", "all", "--report", "sarif=all/app.yaml"]).ends(2).says("overwritten");
    assert_eq!([scene.room.text("app.yaml"), scene.room.text("all/app.yaml")], [before.clone(), before]);
    scene
        .gate(&["-f", "app.yaml", "--report", "sarif=r", "--report", "junit=r"])
        .ends(2)
        .says("writes it twice");
    for wrong in ["sarif", "sarif=", "pdf=r", "r.sarif"] {
        scene.gate(&["-f", "app.yaml", "--report", wrong]).ends(2).says("expected sarif=FILE");
    }
    scene.registry.clear_requests();
    scene.gate(&["-f", "app.yaml", "--report", "sarif=missing/r"]).ends(3).says("missing/r");
    assert_eq!(scene.registry.requests().len(), 0);
    // What stood there is replaced by what was decided, in one step.
    scene.room.write("r.sarif", "old");
    scene.gate(&["-f", "app.yaml", "--report", "sarif=r.sarif"]).ends(1);
    is_sarif(&scene.json("r.sarif"));
    assert!(!scene.room.names().iter().any(|name| name.contains(".part")));
}

#[test]
fn verify_writes_the_same_reports() {
    let (room, registry) = (Room::new(), Registry::start());
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let missing = registry.image("app", "2.0");
    let line = ["verify", "--key", "p256.pub", "--report", "sarif=r.sarif", "--report", "junit=r.xml"];
    room.run(&[&line[..], &[&name, &missing]].concat()).ends(3);
    let log: Value = serde_json::from_str(&room.text("r.sarif")).unwrap();
    let results = is_sarif(&log)["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), 1);
    assert!(results[0]["message"]["text"].as_str().unwrap().contains("not-found"), "{results:?}");
    // No file names it: the image stands for itself.
    let uri = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
    assert!(uri.ends_with("/app%3A2.0"), "{uri}");
    let xml = room.text("r.xml");
    is_xml(&xml);
    assert!(xml.contains("tests=\"2\" failures=\"0\" errors=\"1\""), "{xml}");
}
