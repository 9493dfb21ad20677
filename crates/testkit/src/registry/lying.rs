//! Rules at work: some answer in place of the registry, the others change its honest answer.

use std::time::Duration;

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_core::media_type::{BUNDLE_V03, OCI_INDEX, OCI_MANIFEST};

use super::answer::{Answer, Delivery};
use super::listing::index;
use super::route::{Route, query};
use super::rule::Behaviour;
use super::server::{Call, State, honest, pause};

/// The answer to a request that was let in.
pub(super) async fn answer(state: &State, call: &Call) -> Answer {
    let lies: Vec<(Behaviour, u32)> = state
        .rules
        .lock()
        .unwrap()
        .iter_mut()
        .filter_map(|rule| rule.apply(&call.method, &call.path))
        .collect();
    let wait =
        lies.iter().map(|(lie, _)| if let Behaviour::Delay(time) = lie { *time } else { Duration::ZERO });
    pause(wait.sum()).await;
    let instead = lies.iter().find_map(|(lie, before)| instead(state, call, lie, *before));
    let mut answer = instead.unwrap_or_else(|| honest(state, call));
    for (lie, _) in &lies {
        change(state, call, lie, &mut answer);
    }
    answer
}

fn instead(state: &State, call: &Call, lie: &Behaviour, before: u32) -> Option<Answer> {
    match lie {
        Behaviour::Status { code, headers, body } => {
            let mut answer = Answer::new(*code);
            answer.headers.clone_from(headers);
            answer.body = body.clone();
            Some(answer)
        }
        Behaviour::StatusTimes { code, .. } => Some(Answer::error(*code, "UNKNOWN", "as the test asked for")),
        Behaviour::RetryAfter { code, value } => {
            Some(Answer::error(*code, "TOOMANYREQUESTS", "later").header("Retry-After", value))
        }
        Behaviour::Redirect { status, location } => Some(Answer::new(*status).header("Location", location)),
        Behaviour::RedirectLoop => Some(Answer::new(307).header("Location", call.path_and_query())),
        Behaviour::ResetConnection => {
            let mut answer = Answer::new(200);
            answer.delivery = Delivery::Reset;
            Some(answer)
        }
        Behaviour::Raw(raw) => {
            let mut answer = Answer::new(200);
            answer.delivery = Delivery::Raw(raw.clone());
            Some(answer)
        }
        Behaviour::TagFlips(first, later) => {
            let Route::Manifest { repository, .. } = &call.route else { return None };
            let digest = if before == 0 { first } else { later };
            let flipped = Call {
                method: call.method.clone(),
                path: call.path.clone(),
                query: call.query.clone(),
                headers: call.headers.clone(),
                body: call.body.clone(),
                route: Route::Manifest { repository: repository.clone(), reference: digest.to_string() },
                origin: call.origin.clone(),
            };
            Some(honest(state, &flipped))
        }
        Behaviour::ReferrersWithoutEnd => {
            let number: usize =
                query(&call.query).get("page").and_then(|page| page.parse().ok()).unwrap_or(0);
            let next = format!(r#"<{}?page={}>; rel="next""#, call.path, number + 1);
            Some(Answer::json(200, OCI_INDEX, &index(&made_up(number..number + 1))).header("Link", next))
        }
        Behaviour::ReferrersMany(count) => Some(Answer::json(200, OCI_INDEX, &index(&made_up(0..*count)))),
        _ => None,
    }
}

fn change(state: &State, call: &Call, lie: &Behaviour, answer: &mut Answer) {
    match lie {
        Behaviour::WrongDigestHeader => answer.set("Docker-Content-Digest", Digest::of("another object")),
        Behaviour::OtherBody(body) if answer.is_success() => answer.body = body.clone(),
        Behaviour::TruncateAt(at) => answer.delivery = Delivery::TruncateAt(*at),
        Behaviour::Endless => answer.delivery = Delivery::Endless,
        Behaviour::Slow(interval) => answer.delivery = Delivery::Slow(*interval),
        Behaviour::ContentLengthLie(length) => answer.delivery = Delivery::LengthLie(*length),
        Behaviour::WrongContentType(content_type) => answer.set("Content-Type", content_type),
        Behaviour::Header(name, value) => answer.set(name, value),
        Behaviour::WithoutHeader(name) => answer.remove(name),
        Behaviour::ForbiddenForMissing if answer.status == 404 => {
            *answer = Answer::error(403, "DENIED", "requested access to the resource is denied");
        }
        Behaviour::ReferrersLoop => {
            answer.set("Link", format!(r#"<{}>; rel="next""#, call.path_and_query()));
        }
        Behaviour::ReferrersWrongType(artifact_type) => {
            let mut listing: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if let Some(entries) = listing.get_mut("manifests").and_then(Value::as_array_mut) {
                for entry in entries {
                    entry["artifactType"] = artifact_type.clone().into();
                }
                answer.body = listing.to_string().into();
            }
        }
        Behaviour::UploadLocation(location) => {
            if let Some(honest) = answer.get("Location") {
                let location = location.replace("{path}", honest);
                answer.set("Location", location);
            }
        }
        Behaviour::LoseUpdate { media_type, bytes } => {
            if let Route::Manifest { repository, reference } = &call.route {
                state.store.lock().unwrap().put_manifest(repository, reference, media_type, bytes.clone());
            }
        }
        _ => {}
    }
}

fn made_up(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers
        .map(|number| {
            json!({
                "mediaType": OCI_MANIFEST,
                "digest": Digest::of(format!("made-up referrer {number}")).to_string(),
                "size": 700,
                "artifactType": BUNDLE_V03,
            })
        })
        .collect()
}
