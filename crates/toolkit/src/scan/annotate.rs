//! Setting the score of a report on the workloads that run its image.
//!
//! The annotation is a hint for tools that read nothing better: whoever may edit the object may edit it too. What a gate
//! can rely on is the signed scan. Still it is never set from a report of another image.

use waxseal_core::scan::Severity;
use waxseal_core::{Digest, ImageRef};

use super::name::{Kinship, ReportName, kinship};
use crate::error::{Error, ErrorKind};
use crate::manifest::{
    AnnotationChange, AnnotationName, ForeignWorkload, Manifest, ManifestError, Workload, WorkloadKind,
};

/// What a report says of an image.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "what a report says, nothing more")]
pub struct Scored {
    /// How the report is called in messages.
    pub shown: String,
    /// The names that it gives the image, as they stand there. Where none has a registry each is the end of a name.
    pub names: Vec<String>,
    /// The digests that it gives the image's manifest or index.
    pub digests: Vec<Digest>,
    /// Its score.
    pub score: Severity,
}

/// A job that sets scores on workloads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Annotating {
    /// The annotation.
    pub annotation: AnnotationName,
    /// Whether every workload gets the score, whatever it runs. There is one report then.
    pub every: bool,
}

/// A manifest with the scores in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Annotated {
    /// The new text. It is the old one where there was nothing to change.
    pub text: String,
    /// The workloads, in the order of the file.
    pub workloads: Vec<AnnotatedWorkload>,
    /// Objects that run containers and are of kinds that are not known: they are as they were.
    pub foreign: Vec<ForeignWorkload>,
}

/// What became of a workload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AnnotatedWorkload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: Option<String>,
    /// The line that it begins on, from 1.
    pub line: usize,
    /// The score that it has now; none where it runs none of the images.
    pub score: Option<Severity>,
    /// The images that it runs and that no report is of, as they stand there.
    pub others: Vec<String>,
}

impl Annotating {
    /// A job that sets `annotation` on the workloads that run the image of a report.
    pub const fn new(annotation: AnnotationName) -> Self {
        Self { annotation, every: false }
    }

    /// Sets the scores in all manifests, or in none: where a report is of another digest of an image that runs, or
    /// of nothing that runs, that is an error. A workload that runs the images of several reports gets the worst score.
    ///
    /// Each manifest comes with the name that messages call it by.
    pub fn annotate(
        &self,
        manifests: &[(String, Manifest)],
        reports: &[Scored],
    ) -> Result<Vec<Annotated>, Error> {
        if reports.is_empty() || (self.every && reports.len() > 1) {
            return Err(Error::new(
                ErrorKind::Usage,
                "every workload can get the score of one report, not of several",
            ));
        }
        let mut reports: Vec<_> = reports.iter().map(Matching::new).collect();
        let mut found = Vec::new();
        for (name, manifest) in manifests {
            let workloads = manifest.workloads().map_err(|error| unreadable(name, error))?;
            let chosen: Vec<_> = workloads
                .iter()
                .map(|workload| self.score(workload, &mut reports))
                .collect::<Result<_, _>>()?;
            found.push((name, manifest, workloads, chosen));
        }
        if found.iter().all(|(_, _, workloads, _)| workloads.is_empty()) {
            return Err(Error::new(ErrorKind::NoWorkload, "there is no workload in the manifests"));
        }
        reports.iter().try_for_each(|report| report.was_found(self.every))?;
        let mut annotated = Vec::new();
        for (name, manifest, workloads, chosen) in found {
            let changes: Vec<_> = workloads
                .iter()
                .zip(&chosen)
                .filter_map(|(workload, (score, _))| {
                    Some(AnnotationChange { workload, value: (*score)?.as_str() })
                })
                .collect();
            let text =
                manifest.annotate(&self.annotation, &changes).map_err(|error| unreadable(name, error))?;
            let workloads = workloads
                .iter()
                .zip(chosen)
                .map(|(workload, (score, others))| AnnotatedWorkload {
                    kind: workload.kind(),
                    name: workload.name().map(ToOwned::to_owned),
                    line: workload.line(),
                    score,
                    others,
                })
                .collect();
            let foreign = manifest.foreign_workloads().map_err(|error| unreadable(name, error))?;
            annotated.push(Annotated { text, workloads, foreign });
        }
        Ok(annotated)
    }

    /// The score that a workload gets, and the images of it that no report is of.
    fn score(
        &self,
        workload: &Workload,
        reports: &mut [Matching<'_>],
    ) -> Result<(Option<Severity>, Vec<String>), Error> {
        let mut score = None;
        let mut others = Vec::new();
        for image in workload.containers().iter().filter_map(|container| container.image.as_ref()) {
            let mut known = false;
            // What is no name of an image cannot be the report's.
            if let Ok(name) = image.text.parse::<ImageRef>() {
                for report in &mut *reports {
                    if report.take(&name)? {
                        known = true;
                        score = score.max(Some(report.report.score));
                    }
                }
            }
            if !known && !others.contains(&image.text) {
                others.push(image.text.clone());
            }
        }
        if self.every {
            score = reports.first().map(|report| report.report.score);
        }
        Ok((score, others))
    }
}

/// A report, and what was found of its image.
struct Matching<'a> {
    report: &'a Scored,
    names: Vec<ReportName>,
    /// Images that are the report's.
    found: bool,
    /// The repositories whose end is what the report calls its image.
    ends: Vec<String>,
    /// An image of the same repository with another digest.
    other: Option<ImageRef>,
}

impl<'a> Matching<'a> {
    fn new(report: &'a Scored) -> Self {
        let mut names: Vec<_> = report.names.iter().filter_map(|name| ReportName::read(name)).collect();
        // Where the registry is known, the end of a name is not to mean an image of another one.
        if names.iter().any(|name| !name.is_end()) {
            names.retain(|name| !name.is_end());
        }
        Self { report, names, found: false, ends: Vec::new(), other: None }
    }

    /// Whether an image is the report's.
    fn take(&mut self, image: &ImageRef) -> Result<bool, Error> {
        match kinship(image, &self.names, &self.report.digests) {
            Kinship::Digest => {}
            Kinship::Name => self.by_name(image)?,
            Kinship::OtherDigest => return Err(self.of_another(image)),
            Kinship::OtherBuild => {
                self.other.get_or_insert_with(|| image.clone());
                return Ok(false);
            }
            Kinship::None => return Ok(false),
        }
        self.found = true;
        Ok(true)
    }

    /// The end of a name may belong to images of several registries: which one is meant has to be said.
    fn by_name(&mut self, image: &ImageRef) -> Result<(), Error> {
        if self.names.iter().any(|name| !name.is_end()) {
            return Ok(());
        }
        let repository = image.repository().to_string();
        if !self.ends.contains(&repository) {
            self.ends.push(repository);
        }
        match self.ends.as_slice() {
            [one, two, ..] => Err(Error::new(
                ErrorKind::OtherImage,
                format!("{} may be of {one} or of {two}: it names no registry", self.report.shown),
            )),
            _ => Ok(()),
        }
    }

    /// A report of another build of what runs is an error even where every workload is to get its score.
    fn was_found(&self, every: bool) -> Result<(), Error> {
        match (self.found, &self.other) {
            (true, _) => Ok(()),
            (false, Some(other)) => Err(self.of_another(other)),
            (false, None) if every => Ok(()),
            (false, None) => {
                let names = match self.report.names.as_slice() {
                    [] => "an image that it does not name".to_owned(),
                    names => names.join(", "),
                };
                Err(Error::new(
                    ErrorKind::NoWorkload,
                    format!("{} is of {names}: no workload runs that image", self.report.shown),
                ))
            }
        }
    }

    fn of_another(&self, image: &ImageRef) -> Error {
        let digests: Vec<_> = self.report.digests.iter().map(ToString::to_string).collect();
        Error::new(
            ErrorKind::OtherImage,
            format!("{} is of {}, and a workload runs {image}", self.report.shown, digests.join(", ")),
        )
    }
}

fn unreadable(name: &str, error: ManifestError) -> Error {
    Error::new(ErrorKind::Manifest, format!("{name}: {error}")).caused_by(error)
}
