//! Lies that need no knowledge of what is served: statuses, headers, bodies, redirects, connections.

use std::time::Duration;

use super::answer::{Answer, Delivery};
use super::rule::Behaviour;

/// The time that these lies wait before an answer.
pub(crate) fn delay(lies: &[(Behaviour, u32)]) -> Duration {
    let wait =
        lies.iter().map(|(lie, _)| if let Behaviour::Delay(time) = lie { *time } else { Duration::ZERO });
    wait.sum()
}

/// The answer in place of the honest one, if this lie has one.
pub(crate) fn instead(lie: &Behaviour, path_and_query: &str) -> Option<Answer> {
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
        Behaviour::RedirectLoop => Some(Answer::new(307).header("Location", path_and_query)),
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
        _ => None,
    }
}

/// What this lie does to an answer.
pub(crate) fn change(lie: &Behaviour, answer: &mut Answer) {
    match lie {
        Behaviour::OtherBody(body) if answer.is_success() => answer.body = body.clone(),
        Behaviour::TruncateAt(at) => answer.delivery = Delivery::TruncateAt(*at),
        Behaviour::Endless => answer.delivery = Delivery::Endless,
        Behaviour::Slow(interval) => answer.delivery = Delivery::Slow(*interval),
        Behaviour::ContentLengthLie(length) => answer.delivery = Delivery::LengthLie(*length),
        Behaviour::WrongContentType(content_type) => answer.set("Content-Type", content_type),
        Behaviour::Header(name, value) => answer.set(name, value),
        Behaviour::WithoutHeader(name) => answer.remove(name),
        _ => {}
    }
}
