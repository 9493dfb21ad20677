//! The honest answers, each as JFrog's REST pages have it.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::artifact::Artifact;
use super::settings::Settings;
use super::zip::zip;
use super::{Access, State, refusal};
use crate::serving::answer::Answer;

/// What Xray says of a path that it does not know.
const UNKNOWN: &str = "Artifact doesn't exist or not indexed/cached in Xray";

/// One request, read whole.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: Bytes,
    origin: String,
}

impl Call {
    pub(super) fn new(parts: &Parts, body: Bytes, scheme: &str) -> Self {
        let host = parts.uri.authority().map(ToString::to_string);
        let host =
            host.or_else(|| Some(parts.headers.get("host")?.to_str().ok()?.to_owned())).unwrap_or_default();
        let query = parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: query.map(|(name, value)| (name.to_owned(), value.replace("%2C", ","))).collect(),
            headers: parts.headers.clone(),
            body,
            origin: format!("{scheme}://{host}"),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The answer to a request about which nobody lies.
pub(super) fn honest(state: &State, call: &Call) -> Answer {
    let settings = state.settings.lock().unwrap().clone();
    let Some(path) = call.path.strip_prefix(&settings.base) else { return refusal(404, "Not Found") };
    if !is_let_in(&settings, call) {
        return refusal(401, "Bad credentials");
    }
    let mut artifacts = state.artifacts.lock().unwrap();
    if (call.method.as_str(), path) == ("GET", "/xray/api/v1/system/version") {
        return ok(&json!({ "xray_version": settings.version, "xray_revision": "a1b2c3d" }));
    }
    if (call.method.as_str(), path) == ("GET", "/artifactory/api/search/checksum") {
        return search(&settings, &artifacts, call);
    }
    if call.method != "POST" {
        return refusal(404, "Not Found");
    }
    if let Some(project) = &settings.project
        && call.query.get("projectKey") != Some(project)
    {
        return refusal(403, "not in the scope of a project that you may read");
    }
    if !call.header("content-type").starts_with("application/json") {
        return refusal(415, "Unsupported Media Type");
    }
    let Ok(asked) = serde_json::from_slice::<Value>(&call.body) else {
        return Answer::json(415, "application/json", &json!({ "error": "the body cannot be parsed" }));
    };
    match path {
        "/xray/api/v1/scanArtifact" => trigger(&mut artifacts, &asked),
        "/xray/api/v1/artifact/status" if settings.artifact_status => status(&mut artifacts, &asked),
        "/xray/api/v1/scan/status/artifact" => old_status(&mut artifacts, &asked),
        "/xray/api/v2/summary/artifact" if settings.second_versions => {
            summary(&settings, &artifacts, &asked, true)
        }
        "/xray/api/v1/summary/artifact" => summary(&settings, &artifacts, &asked, false),
        "/xray/api/v1/violations" => violations(&settings, &artifacts, &asked),
        "/xray/api/v2/component/exportDetails" if settings.second_versions => {
            export(artifacts.iter().find(|known| asked["path"] == full(known).as_str()), &asked)
        }
        "/xray/api/v1/component/exportDetails" => {
            export(artifacts.iter().find(|known| asked["sha_256"] == known.sha256.as_str()), &asked)
        }
        _ => refusal(404, "Not Found"),
    }
}

fn ok(json: &Value) -> Answer {
    Answer::json(200, "application/json", json)
}

fn is_let_in(settings: &Settings, call: &Call) -> bool {
    let sent = call.header("authorization");
    match &settings.access {
        Access::Open => true,
        Access::Token(token) => sent == format!("Bearer {token}"),
        Access::Basic { user, password } => {
            sent == format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        }
    }
}

/// Repository and path in one.
fn full(artifact: &Artifact) -> String {
    format!("{}/{}", artifact.repository, artifact.path)
}

/// Artifactory's search.
fn search(settings: &Settings, artifacts: &[Artifact], call: &Call) -> Answer {
    if !settings.checksum_search {
        return refusal(403, "You do not have permission to search");
    }
    let wanted = call.query.get("sha256").map(String::as_str).unwrap_or_default();
    let repositories: Option<Vec<&str>> = call.query.get("repos").map(|list| list.split(',').collect());
    let found = artifacts.iter().filter(|known| {
        let within = repositories.as_ref().is_none_or(|keys| keys.contains(&known.repository.as_str()));
        known.sha256 == wanted && within
    });
    let results: Vec<_> = found
        .map(|known| {
            let uri = format!("{}{}/artifactory/api/storage/{}", call.origin, settings.base, full(known));
            json!({ "uri": uri })
        })
        .collect();
    ok(&json!({ "results": results }))
}

fn trigger(artifacts: &mut [Artifact], asked: &Value) -> Answer {
    let Some(component) = asked["componentID"].as_str() else {
        return Answer::json(400, "application/json", &json!({ "error": "componentID is missing" }));
    };
    let name = component.strip_prefix("docker://").unwrap_or_default();
    let mut known = false;
    for artifact in artifacts.iter_mut().filter(|artifact| artifact.component() == name) {
        artifact.trigger();
        known = true;
    }
    if known {
        ok(&json!({ "info": "Scan of artifact is in progress" }))
    } else {
        Answer::json(404, "application/json", &json!({ "error": format!("component {component} not found") }))
    }
}

fn status(artifacts: &mut [Artifact], asked: &Value) -> Answer {
    if !asked["repo"].is_string() || !asked["path"].is_string() {
        return Answer::json(400, "application/json", &json!({ "error": "repo and path are mandatory" }));
    }
    let found = artifacts
        .iter_mut()
        .find(|known| asked["repo"] == known.repository.as_str() && asked["path"] == known.path.as_str());
    let Some(artifact) = found else {
        return Answer::json(404, "application/json", &json!({ "error": "artifact not found" }));
    };
    let word = artifact.next_state();
    let time = artifact.time();
    let part = |own: &Option<String>| json!({ "status": own.as_ref().unwrap_or(&word), "time": time });
    ok(&json!({
        "overall": { "status": word, "time": time },
        "details": {
            "sca": part(&artifact.sca_state),
            "contextual_analysis": { "status": "NOT_SUPPORTED", "time": time },
            "exposures": {
                "status": "NOT_SUPPORTED",
                "time": time,
                "categories": { "secrets": { "status": "NOT_SUPPORTED", "time": time } },
            },
            "violations": part(&artifact.violations_state),
        },
    }))
}

fn old_status(artifacts: &mut [Artifact], asked: &Value) -> Answer {
    let found = artifacts
        .iter_mut()
        .find(|known| asked["path"] == full(known).as_str() && asked["sha256"] == known.sha256.as_str());
    let Some(artifact) = found else {
        return Answer::json(404, "application/json", &json!({ "error": "artifact not found" }));
    };
    let word = match artifact.next_state().as_str() {
        "DONE" => "scanned",
        "PENDING" | "SCANNING" => "in progress",
        "NOT_SUPPORTED" => "not supported",
        "NOT_SCANNED" => "not scanned",
        _ => "failed",
    };
    ok(&json!({ "status": word }))
}

fn summary(settings: &Settings, artifacts: &[Artifact], asked: &Value, is_second: bool) -> Answer {
    let texts = |name: &str| -> Vec<String> {
        let list = asked[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    // If both are sent, checksums do not count.
    let paths = texts("paths");
    for path in &paths {
        match artifacts.iter().find(|known| *path == format!("default/{}", full(known))) {
            Some(artifact) if artifact.state() != "NOT_SCANNED" => found.push(artifact),
            _ => errors.push(json!({ "identifier": path, "error": UNKNOWN })),
        }
    }
    if paths.is_empty() {
        for checksum in texts("checksums") {
            found.extend(artifacts.iter().filter(|known| known.sha256 == checksum));
        }
    }
    let found: Vec<_> =
        found.into_iter().map(|artifact| of_artifact(settings, artifact, is_second)).collect();
    let mut answer = json!({ "artifacts": found });
    if !errors.is_empty() {
        answer["errors"] = errors.into();
    }
    ok(&answer)
}

fn of_artifact(settings: &Settings, artifact: &Artifact, is_second: bool) -> Value {
    let mut issues = artifact.issues.clone();
    if !is_second {
        for issue in &mut issues {
            issue.as_object_mut().unwrap().remove("components");
        }
    }
    json!({
        "general": {
            "component_id": format!("docker://{}", artifact.component()),
            "name": artifact.component(),
            "path": format!("default/{}", full(artifact)),
            "pkg_type": "Docker",
            "sha256": settings.wrong_sha256.as_ref().unwrap_or(&artifact.sha256),
        },
        "issues": issues,
        "licenses": artifact.licenses,
    })
}

fn violations(settings: &Settings, artifacts: &[Artifact], asked: &Value) -> Answer {
    let wanted = &asked["filters"]["resources"]["artifacts"][0];
    let found = artifacts
        .iter()
        .find(|known| wanted["repo"] == known.repository.as_str() && wanted["path"] == known.path.as_str());
    let all = found.map_or(&[][..], |artifact| &artifact.violations);
    let number = |name: &str, default: usize| {
        asked["pagination"][name].as_u64().map_or(default, |number| usize::try_from(number).unwrap())
    };
    let size = number("limit", 25).min(settings.page);
    let offset = number("offset", 1).max(1) - 1;
    let first = if settings.offset_counts_entries { offset } else { offset * size };
    let page: Vec<_> = all.iter().skip(first).take(size).collect();
    let total = settings.wrong_total.unwrap_or(all.len() as u64);
    ok(&json!({ "total_violations": total, "violations": page }))
}

fn export(artifact: Option<&Artifact>, asked: &Value) -> Answer {
    let on = |name: &str| asked[name] == true;
    if !on("cyclonedx") && !on("spdx") {
        let error = json!({ "error": "Non of the export options were selected" });
        return Answer::json(400, "application/json", &error);
    }
    for (document, format) in [("cyclonedx", "cyclonedx_format"), ("spdx", "spdx_format")] {
        if on(document) && asked[format] != "json" {
            return Answer::json(
                400,
                "application/json",
                &json!({ "error": format!("{format} is missing") }),
            );
        }
    }
    match artifact {
        Some(artifact) => Answer::new(200)
            .body("application/octet-stream", zip(&artifact.export(on("cyclonedx"), on("spdx")))),
        None => Answer::json(404, "application/json", &json!({ "error": "component not found" })),
    }
}
