//! `waxseal policy new`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use waxseal::Looking;
use waxseal::evidence::look;
use waxseal::keys::KeyName;
use waxseal_core::candidate::Evidence;
use waxseal_core::policy::file::PolicyFile;
use waxseal_core::policy::{AttestationRequirement, Oldest, PolicyError, Requirement, ScanRules};
use waxseal_core::scan::Severity;
use waxseal_core::{Policy, PredicateType, SignatureRequirement, Subject, TrustedKey, Verdict};
use waxseal_oci::Attached;

use crate::args::policy::new::PolicyNewArgs;
use crate::command::judging::verifier;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, policy};
use crate::session::Session;

/// Writes a policy from what images carry.
pub(crate) async fn run(args: &PolicyNewArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &args.images)?;
    let keys = keys(args, &session).await?;
    let mut carried: BTreeMap<String, Vec<policy::Carried>> = BTreeMap::new();
    for name in &args.images {
        let image = session.image(name).await?;
        let Some(repository) = image.pinned().repository().cloned() else {
            return Err(Fault::usage(format!("{name} goes by no name, and rules are for names"))
                .hint("say for which repository it is with --identity"));
        };
        let mut looking = Looking::default();
        looking.tags.push(Attached::Attestations);
        let evidence = look(&image.evidence, image.digest(), &looking).await.evidence;
        let found = carries(&image.subject, &evidence, &keys)?;
        if found.signed.is_empty() {
            output::talk(&format!(
                "{}: no signature that is there verifies with these keys",
                output::escape(name)
            ));
            return Ok(Exit::Refused);
        }
        carried.entry(repository.to_string()).or_default().push(found);
    }
    let typed: Vec<_> = keys.iter().zip(&args.key).map(|(key, place)| (key.name(), place.as_str())).collect();
    let text = policy::new_text(&args.name, &typed, &carried);
    if let Err(error) = PolicyFile::parse(text.as_bytes()) {
        return Err(Fault::internal(format!("the policy that was made cannot be read: {error}")));
    }
    output::raw(text.as_bytes())?;
    Ok(Exit::Done)
}

/// The keys, each by a name that a policy can use: that of its file.
async fn keys(args: &PolicyNewArgs, session: &Session) -> Result<Vec<TrustedKey>, Fault> {
    let mut keys: Vec<TrustedKey> = Vec::new();
    for place in &args.key {
        let name: KeyName = place.parse()?;
        let plain = match &name {
            KeyName::File(path) => {
                path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("key").to_owned()
            }
            KeyName::Env(variable) => variable.to_lowercase(),
            KeyName::Stdin => {
                return Err(Fault::usage("a policy cannot name standard input")
                    .hint("write the key to a file and name that"));
            }
            _ => "key".to_owned(),
        };
        let taken = |name: &str| keys.iter().any(|key| key.name() == name);
        let numbered = (2..).map(|number: u32| format!("{plain}-{number}"));
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(plain);
        keys.push(TrustedKey::new(name, session.public_key(place).await?));
    }
    Ok(keys)
}

/// What verifies with the keys.
fn carries(subject: &Subject, evidence: &Evidence, keys: &[TrustedKey]) -> Result<policy::Carried, Fault> {
    let mut found = policy::Carried::default();
    let judge = |requirement: Requirement| -> Verdict {
        verifier(false).verify(subject, evidence, &Policy::requiring(requirement), Timestamp::now())
    };
    let claimed: BTreeSet<PredicateType> = evidence
        .candidates
        .iter()
        .filter_map(waxseal_core::Candidate::claimed)
        .map(|one| one.predicate_type)
        .collect();
    let failed = |error: PolicyError| Fault::from(waxseal::Error::from(error));
    for key in keys {
        let verdict = judge(SignatureRequirement::by(vec![key.clone()]).map_err(failed)?.into());
        for signature in verdict.signatures() {
            found.signed.insert(key.name().to_owned());
            found.names.insert(signature.name.clone());
            for (name, value) in &signature.annotations {
                if let Some(value) = value.as_str() {
                    found.annotations.insert(name.clone(), value.to_owned());
                }
            }
        }
        for kind in &claimed {
            let Ok(requirement) = AttestationRequirement::by(vec![kind.clone()], vec![key.clone()]) else {
                continue;
            };
            if judge(requirement.clone().into()).attestations().is_empty() {
                continue;
            }
            let severities = [
                Severity::None,
                Severity::Information,
                Severity::Low,
                Severity::Medium,
                Severity::High,
                Severity::Critical,
            ];
            let admits = |severity: &Severity| {
                let mut rules = ScanRules::new();
                rules.max_severity = Some(*severity);
                let asked = requirement.clone().scan(rules, Oldest::Unlimited);
                asked.is_ok_and(|asked| judge(asked.into()).verified().is_some())
            };
            let result = if requirement.reads_results().is_ok() {
                policy::Result::None
            } else {
                severities.into_iter().find(admits).map_or(policy::Result::Other, policy::Result::Scan)
            };
            found.attested.insert((kind.to_string(), key.name().to_owned()), result);
        }
    }
    Ok(found)
}
