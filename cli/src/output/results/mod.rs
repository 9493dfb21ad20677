//! What was decided about images, in the forms that other programs and people without a terminal read: SARIF, `JUnit`, code
//! quality, GitHub's workflow commands, one page.
//!
//! Every form is made of the same [`Results`], and tells the same of each image. Everything from outside is escaped as the
//! form asks; what no reader could take for a text is written out before that.

mod codequality;
mod files;
mod github;
mod junit;
mod page;
mod sarif;

pub(crate) use files::ReportFiles;
pub(crate) use github::github;

use waxseal::GateResult;
use waxseal::gate::GatedImage;
use waxseal::mention::{Place, Source};
use waxseal_core::verify::{Basis, Finding, Outcome, RequirementReport};
use waxseal_core::{Digest, Reason, Verdict};

use super::{advice, escape};
use crate::fault::Fault;

/// Where the codes are explained.
const EXPLAINED: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/verification.md#reasons");

/// What was decided about all images of a run.
#[derive(Debug)]
pub(crate) struct Results {
    /// The name of the policy.
    policy: String,
    /// The digest of the resolved policy.
    policy_digest: String,
    /// When it was judged.
    time: String,
    /// The images, in their order.
    entries: Vec<Entry>,
    /// What is not judged and should be known, with its place.
    notes: Vec<(Place, String)>,
}

/// What was decided about one image.
#[derive(Debug)]
pub(crate) struct Entry {
    name: String,
    digest: Option<String>,
    state: State,
    /// What came closest to what was asked for, or is warned of; none where there is nothing to say.
    miss: Option<Miss>,
    /// Why it is exempt.
    exempt: Option<String>,
    /// Each requirement in words, with its rule, and whether it is met.
    requirements: Vec<(String, bool)>,
    places: Vec<Place>,
}

/// Why an image is not simply admitted.
#[derive(Debug)]
struct Miss {
    reason: Reason,
    detail: String,
    hint: String,
}

/// How an image came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Refused,
    Undecided,
    /// Admitted, and a rule that only warns would not have.
    Warned,
    /// Admitted without a look.
    Exempt,
    Admitted,
}

impl State {
    const ALL: [Self; 5] = [Self::Refused, Self::Undecided, Self::Warned, Self::Exempt, Self::Admitted];

    const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Undecided => "undecided",
            Self::Warned => "warned",
            Self::Exempt => "exempt",
            Self::Admitted => "admitted",
        }
    }

    /// The class of a page that shows it.
    const fn class(self) -> &'static str {
        match self {
            Self::Refused => "bad",
            Self::Undecided | Self::Warned => "open",
            Self::Exempt => "quiet",
            Self::Admitted => "good",
        }
    }

    /// Whether the image may not run.
    const fn stops(self) -> bool {
        matches!(self, Self::Refused | Self::Undecided)
    }
}

impl Results {
    /// Of a gate.
    pub(crate) fn of_gate(result: &GateResult) -> Self {
        Self {
            policy: result.policy.clone(),
            policy_digest: result.policy_digest.to_string(),
            time: result.at.to_string(),
            entries: result.images.iter().map(Entry::of_gated).collect(),
            notes: result.notes.iter().map(|note| (note.place.clone(), note.message.clone())).collect(),
        }
    }

    /// Of a policy, before the first image was judged.
    pub(crate) fn new(policy: &str, policy_digest: &Digest, time: jiff::Timestamp) -> Self {
        Self {
            policy: policy.to_owned(),
            policy_digest: policy_digest.to_string(),
            time: time.to_string(),
            entries: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds an image that was judged by its name, or could not be looked at.
    pub(crate) fn add(&mut self, name: &str, judged: Result<&Verdict, &Fault>) {
        let places = vec![Place::of(Source::Argument)];
        self.entries.push(match judged {
            Ok(verdict) => Entry::of_verdict(name, verdict, places),
            Err(fault) => Entry {
                name: name.to_owned(),
                digest: None,
                state: State::Undecided,
                miss: Some(Miss::of_fault(fault)),
                exempt: None,
                requirements: Vec::new(),
                places,
            },
        });
    }

    fn count(&self, state: State) -> usize {
        self.entries.iter().filter(|entry| entry.state == state).count()
    }

    /// The worst of all (rule V4).
    fn outcome(&self) -> Outcome {
        if self.count(State::Refused) > 0 {
            Outcome::Refuse
        } else if self.count(State::Undecided) > 0 {
            Outcome::Undecided
        } else {
            Outcome::Admit
        }
    }
}

impl Entry {
    fn of_gated(image: &GatedImage) -> Self {
        let places = image.places.clone();
        if let Some(verdict) = image.verdict() {
            return Self::of_verdict(&image.name, verdict, places);
        }
        let fault = image.error().map(Fault::from);
        Self {
            name: image.name.clone(),
            digest: image.digest().map(ToString::to_string),
            state: State::Undecided,
            miss: fault.as_ref().map(Miss::of_fault),
            exempt: None,
            requirements: requirements(image.requirements()),
            places,
        }
    }

    fn of_verdict(name: &str, verdict: &Verdict, places: Vec<Place>) -> Self {
        let report = verdict.report();
        let mut asked = requirements(&report.requirements);
        let mut exempt = None;
        let warning = || {
            let of_rule = report.warnings.iter().find_map(Verdict::nearest_miss);
            of_rule.or_else(|| report.findings.iter().find(|finding| finding.reason == Reason::Unmatched))
        };
        let (state, miss) = match verdict {
            Verdict::Admit(admission) => match &admission.basis {
                Basis::Exempt { reason, expires } => {
                    exempt = Some(format!("{reason}, until {expires}"));
                    (State::Exempt, None)
                }
                _ => match warning() {
                    Some(miss) => (State::Warned, Some(miss)),
                    None if report.warnings.is_empty() => (State::Admitted, None),
                    None => (State::Warned, None),
                },
            },
            Verdict::Undecided(_) => (State::Undecided, verdict.nearest_miss()),
            // Whatever is not known here is not admitted.
            _ => (State::Refused, verdict.nearest_miss()),
        };
        for warning in &report.warnings {
            asked.extend(requirements(&warning.report().requirements));
        }
        Self {
            name: name.to_owned(),
            digest: Some(report.digest.to_string()),
            state,
            miss: miss.map(Miss::of),
            exempt,
            requirements: asked,
            places,
        }
    }

    /// The stable code of what is to be said.
    fn code(&self) -> &'static str {
        match (&self.miss, self.state) {
            (Some(miss), _) => miss.reason.code(),
            (None, State::Exempt) => "exempt",
            (None, State::Admitted) => "admitted",
            (None, _) => Reason::Unreadable.code(),
        }
    }

    /// All of it in one paragraph: image, digest, what came closest, what was asked, one thing to do.
    fn message(&self) -> String {
        let mut text = format!("{} is {}", escape(&self.name), self.state.word());
        if let Some(digest) = &self.digest {
            text = format!("{text} ({digest})");
        }
        if let Some(miss) = &self.miss {
            text = format!("{text}: {}", miss.detail);
        }
        if let Some(exempt) = &self.exempt {
            text = format!("{text}: {}", escape(exempt));
        }
        if self.state.stops() || self.state == State::Warned {
            for wanted in self.unmet() {
                text = format!("{text}. Required: {wanted}");
            }
        }
        if let Some(miss) = &self.miss {
            text = format!("{text}. Try: {}", escape(&miss.hint));
        }
        text
    }

    fn unmet(&self) -> impl Iterator<Item = &str> {
        self.requirements.iter().filter(|(_, met)| !met).map(|(wanted, _)| wanted.as_str())
    }

    /// A number that stays the same from run to run as long as the same thing is wrong at the same place; lines may move.
    fn fingerprint(&self, place: &Place) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        // A tag moves on, a repository stays.
        let name = self.name.split('@').next().unwrap_or_default();
        let name = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(name, |(name, _)| name);
        let role = place.role.map(waxseal::mention::Role::word).unwrap_or_default();
        let parts = [
            name,
            self.code(),
            &text(&place.file),
            &text(&place.kind),
            &text(&place.namespace),
            &text(&place.name),
            role,
            &text(&place.container),
        ];
        Digest::of(parts.join("\n")).hex()
    }
}

impl Miss {
    fn of(finding: &Finding) -> Self {
        Self {
            reason: finding.reason,
            detail: super::verdict::finding(finding),
            hint: advice(finding).to_owned(),
        }
    }

    /// The detail without the code in front, where the code stands beside it.
    fn words(&self) -> &str {
        let rest = self.detail.strip_prefix(self.reason.code());
        rest.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&self.detail)
    }

    fn of_fault(fault: &Fault) -> Self {
        let mut detail = format!("{}: {}", fault.code(), escape(fault.message()));
        for cause in fault.causes() {
            detail = format!("{detail}: {}", escape(cause));
        }
        let hint = fault.hinted().unwrap_or("see `waxseal doctor` for what the registry can do").to_owned();
        Self { reason: Reason::Unreadable, detail, hint }
    }
}

fn requirements(asked: &[RequirementReport]) -> Vec<(String, bool)> {
    let words = |one: &RequirementReport| match &one.rule {
        Some(rule) => format!("{} (rule {})", escape(&one.wanted), escape(rule)),
        None => escape(&one.wanted),
    };
    asked.iter().map(|one| (words(one), one.met)).collect()
}

/// The file of a place, where it has one that can be opened.
fn file(place: &Place) -> Option<&str> {
    place.file.as_deref().filter(|file| *file != "-")
}
