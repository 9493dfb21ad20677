//! Rules at work: some answer in place of the registry, the others change its honest answer.

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_core::media_type::{BUNDLE_V03, OCI_INDEX, OCI_MANIFEST};

use super::listing::index;
use super::route::{Route, query};
use super::server::{Call, State, honest};
use crate::serving::answer::Answer;
use crate::serving::lies;
use crate::serving::rule::Behaviour;
use crate::serving::server::pause;

/// The answer to a request that was let in.
pub(super) async fn answer(state: &State, call: &Call) -> Answer {
    let told: Vec<(Behaviour, u32)> = state
        .rules
        .lock()
        .unwrap()
        .iter_mut()
        .filter_map(|rule| rule.apply(&call.method, &call.path))
        .collect();
    pause(lies::delay(&told)).await;
    let instead = told.iter().find_map(|(lie, before)| instead(state, call, lie, *before));
    let mut answer = instead.unwrap_or_else(|| honest(state, call));
    for (lie, _) in &told {
        change(state, call, lie, &mut answer);
    }
    answer
}

fn instead(state: &State, call: &Call, lie: &Behaviour, before: u32) -> Option<Answer> {
    match lie {
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
        other => lies::instead(other, &call.path_and_query()),
    }
}

fn change(state: &State, call: &Call, lie: &Behaviour, answer: &mut Answer) {
    match lie {
        Behaviour::WrongDigestHeader => answer.set("Docker-Content-Digest", Digest::of("another object")),
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
        other => lies::change(other, answer),
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
