//! `waxseal verify`.

use waxseal_core::{Policy, SignatureRequirement};

use super::judging::{ByFile, Printing, judge};
use crate::args::judging::{JudgingArgs, JudgingOutput};
use crate::args::verify::VerifyArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;

/// Verifies the signatures of each image; the worst outcome decides the exit code (rule V4).
pub(crate) async fn run(args: &VerifyArgs, offline: bool, as_cosign: bool) -> Result<Exit, Fault> {
    let namespace = args.namespace.as_deref();
    let path = args.policy.file()?;
    args.record.fits(path)?;
    if namespace.is_some() && path.is_none() {
        return Err(Fault::usage("--namespace narrows the rules of a policy file").hint("give --policy FILE"));
    }
    let (policy, record) = (&args.policy, &args.record);
    let file = path.is_some().then_some(ByFile { policy, namespace, record });
    judge_signatures(&args.images, &args.judging, file, args.output, offline, as_cosign).await
}

/// Verifies the signatures of these images, or what the rules of a policy file ask for.
pub(super) async fn judge_signatures(
    images: &[String],
    judging: &JudgingArgs,
    file: Option<ByFile<'_>>,
    output: Option<JudgingOutput>,
    offline: bool,
    as_cosign: bool,
) -> Result<Exit, Fault> {
    let printing = Printing {
        output,
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
    judge(images, judging, offline, &[], file, policy, &printing).await
}
