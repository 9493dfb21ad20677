//! `waxseal verify`.

use waxseal_core::{Policy, SignatureRequirement};

use super::judging::{Printing, judge};
use crate::args::verify::VerifyArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;

/// Verifies the signatures of each image; the worst outcome decides the exit code (rule V4).
pub(crate) async fn run(args: &VerifyArgs, offline: bool, as_cosign: bool) -> Result<Exit, Fault> {
    let judging = &args.judging;
    let printing = Printing {
        output: args.output,
        json: |verdict| vec![output::verdict::cosign(verdict.signatures())],
        hint: |_| None,
        as_cosign,
    };
    let policy = |keys, _| {
        let wanted = SignatureRequirement::by(keys)
            .and_then(|wanted| wanted.threshold(judging.threshold))
            .map_err(waxseal::Error::from)?
            .annotations(judging.annotations()?)
            .signed_for(judging.signed_for()?);
        Ok(Policy::requiring(judging.only().into_iter().fold(wanted, SignatureRequirement::only)))
    };
    judge(&args.images, judging, offline, &[], policy, &printing).await
}
