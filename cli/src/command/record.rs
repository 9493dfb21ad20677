//! `waxseal record`, and the records that other commands write.

use std::path::Path;

use jiff::Timestamp;
use waxseal::keys::KeySigner;
use waxseal::record::Replaying;
use waxseal::{Image, record};
use waxseal_core::limits::DOCUMENT_BYTES;
use waxseal_core::policy::PolicySet;
use waxseal_core::record::{Record, RecordedImage};
use waxseal_core::verify::Unseen;
use waxseal_core::{Signer, Verdict};
use waxseal_oci::{LocalName, Location};

use super::judging::verifier;
use crate::args::record::{RecordArgs, RecordCommandArgs, RecordOutput, RecordVerifyArgs, RecordWhat};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::{self, standard_input};
use crate::output;
use crate::password::{PasswordArgs, Stdin};
use crate::session::Session;
use crate::signer::SignerArgs;

/// Does something with decision records.
pub(crate) async fn run(args: &RecordCommandArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        RecordWhat::Verify(args) => verify(args, offline).await,
    }
}

/// Replays each record of a file; a difference in any of them is a refusal.
async fn verify(args: &RecordVerifyArgs, offline: bool) -> Result<Exit, Fault> {
    let keys = args.record_key.iter().chain(&args.policy.signature.keys).map(|key| ("a key", key == "-"));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    standard_input(keys.chain([("the record", args.record == Path::new("-")), password]))?;
    let bytes = input::read(&args.record, DOCUMENT_BYTES)?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), [&args.image])?;
    let keys = session.trusted(&args.record_key).await?;
    let now = Timestamp::now();
    let verifier = verifier(args.allow_example_keys);
    let records = record::read(&bytes, &keys, &verifier, now).map_err(|error| match error.kind() {
        waxseal::ErrorKind::Usage => {
            Fault::from(error).hint("name the public key of whoever records decisions with --record-key")
        }
        _ => error.into(),
    })?;
    if keys.is_empty() {
        output::talk("the record is not signed: anybody could have written it");
    }
    let policy = session.policy(&args.policy).await?;
    let location: Location = args.image.parse()?;
    let mut exit = Exit::Done;
    for record in &records {
        let replayed = match again(args, &session, record, &location, &policy, now).await {
            Ok(replayed) => replayed,
            // One record that cannot be replayed does not silence the others.
            Err(fault) => {
                output::talk(&format!("{} cannot be replayed:", output::escape(&record.image.name)));
                output::fault(&fault);
                exit = exit.worst(fault.exit());
                continue;
            }
        };
        let differences = replayed.as_ref().map(|again| record.differences(again)).unwrap_or_default();
        if replayed.is_none() || !differences.is_empty() {
            exit = exit.worst(Exit::Refused);
        }
        show(args, record, replayed.as_ref(), &differences)?;
    }
    Ok(exit)
}

/// Decides again what a record says was decided; none if nothing was.
async fn again(
    args: &RecordVerifyArgs,
    session: &Session,
    record: &Record,
    location: &Location,
    policy: &PolicySet,
    now: Timestamp,
) -> Result<Option<Record>, Fault> {
    let Some(digest) = record.image.index.or(record.image.digest) else { return Ok(None) };
    let location = match location.clone() {
        Location::Layout { path, which: LocalName::Only } => {
            Location::Layout { path, which: LocalName::Digest(digest) }
        }
        Location::Archive { path, which: LocalName::Only } => {
            Location::Archive { path, which: LocalName::Digest(digest) }
        }
        named => named,
    };
    let mut finding = session.finding.clone();
    if finding.identity.is_none()
        && let Some(repository) = &record.image.repository
    {
        finding.identity = Some(repository.parse().map_err(|error| {
            Fault::configuration(format!("the record's repository {repository}: {error}"))
        })?);
    }
    let image = Image::find(&session.client, &location, &finding).await?;
    let replaying =
        Replaying::new(policy.clone(), verifier(args.allow_example_keys), session.client.clone(), now);
    Ok(Some(replaying.replay(record, image).await?))
}

fn show(
    args: &RecordVerifyArgs,
    record: &Record,
    again: Option<&Record>,
    differences: &[waxseal_core::record::Difference],
) -> Result<(), Fault> {
    match args.output {
        RecordOutput::Text => output::data(output::record::text(record, again, differences).trim_end())?,
        RecordOutput::Json => output::data(&output::record::json(record, again, differences))?,
    }
    Ok(())
}

/// Writes records beside what a command decides.
pub(super) struct Recording {
    signer: Option<KeySigner>,
}

impl Recording {
    /// Opens the file and the key; none where no record is asked for.
    pub(super) fn open(
        args: &RecordArgs,
        session: &Session,
        allow_example_keys: bool,
    ) -> Result<Option<Self>, Fault> {
        if args.record.is_none() {
            return Ok(None);
        }
        let password = PasswordArgs { password_file: args.record_password_file.clone(), password_fd: None };
        let signer = SignerArgs { password, signing_algorithm: None, allow_example_keys };
        let key = args.record_key.as_deref();
        let signer = key.map(|key| signer.open(session, key, Stdin::Taken)).transpose()?;
        output::keep_records(args.record.as_deref())?;
        Ok(Some(Self { signer }))
    }

    /// Writes what was decided over an image.
    pub(super) fn decided(
        &self,
        verdict: &Verdict,
        policy: &PolicySet,
        image: RecordedImage,
    ) -> Result<(), Fault> {
        self.write(&Record::of(verdict, policy, image))
    }

    /// Writes that nothing was decided over an image which could not be looked at.
    pub(super) fn unseen(
        &self,
        unseen: &Unseen,
        policy: &PolicySet,
        image: RecordedImage,
    ) -> Result<(), Fault> {
        self.write(&Record::unseen(unseen, policy, image))
    }

    fn write(&self, record: &Record) -> Result<(), Fault> {
        let signer = self.signer.as_ref().map(|signer| signer as &dyn Signer);
        output::keep_record(&record::line(record, signer)?)
    }
}
