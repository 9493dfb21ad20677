//! The table.

use super::{Field, Object, Shape, Text};

/// A field that must be there.
const fn must(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, about, shape, required: true, default: None }
}

/// A field that may be left out.
const fn may(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, about, shape, required: false, default: None }
}

/// A field that may be left out, and what holds then.
const fn else_(name: &'static str, shape: Shape, default: &'static str, about: &'static str) -> Field {
    Field { name, about, shape, required: false, default: Some(default) }
}

const WORDS: Shape = Shape::Text(Text::Words);
const TIME: Shape = Shape::Text(Text::Time);
const REPOSITORIES: Shape = Shape::List { item: &Shape::Text(Text::Repositories), least: 1 };
const KEYS: Shape = Shape::List { item: &Shape::Text(Text::KeyName), least: 1 };
const TEXTS: Shape = Shape::List { item: &WORDS, least: 1 };
const SEVERITY: Shape = Shape::Word(SEVERITIES);
const SEVERITIES: &[&str] = &["Critical", "High", "Medium", "Low", "Information", "None"];
const COUNT: Shape = Shape::Number { least: 0, most: u64::MAX };
const THRESHOLD: Field = else_(
    "threshold",
    Shape::Number { least: 0, most: u64::MAX },
    "1",
    "How many of the keys must have signed. A key counts once, however often it signed.",
);
const ANNOTATIONS: Field = may(
    "annotations",
    Shape::Names { of: &WORDS, least: 1 },
    "Annotations that must have been signed, each with exactly this value.",
);
const SIGNED_FOR: Field = else_(
    "signedFor",
    Shape::TextOr { text: &Shape::Word(&["any", "same"]), other: &REPOSITORIES },
    "any",
    "The name under which the image must have been signed: the one it has (`same`), one that matches a pattern, or `any`, with which one signed image can stand in for another.",
);

/// A policy file.
pub(in super::super) const POLICY: Object = Object {
    name: "Policy",
    about: "What must hold for images: keys, rules over repositories, exemptions.",
    one_of: &[],
    fields: &[
        must("apiVersion", Shape::Word(&["waxseal/v1"]), "The version of this form."),
        must("kind", Shape::Word(&["Policy"]), "The kind of document."),
        must("name", WORDS, "The policy's name, for output."),
        may(
            "serial",
            Shape::Number { least: 1, most: u64::MAX },
            "A number that grows with each edition. Of a signed policy an older edition is refused.",
        ),
        must(
            "keys",
            Shape::Names {
                of: &Shape::TextOr { text: &Shape::Text(Text::Key), other: &Shape::Object(&KEY) },
                least: 1,
            },
            "The keys that requirements name: a place as on the command line, or an object.",
        ),
        may(
            "mirrors",
            Shape::List { item: &Shape::Object(&MIRROR), least: 1 },
            "Places that hold images under another name than the rules know. The longest `from` wins.",
        ),
        must(
            "rules",
            Shape::List { item: &Shape::Object(&RULE), least: 1 },
            "Every rule whose patterns match an image applies to it.",
        ),
        may(
            "exempt",
            Shape::List { item: &Shape::Object(&EXEMPTION), least: 1 },
            "Images that are admitted without being judged, for a reason and until a day.",
        ),
        else_(
            "unmatched",
            Shape::Word(&["refuse", "warn", "admit"]),
            "refuse",
            "What becomes of an image that no rule matches.",
        ),
    ],
};

const KEY: Object = Object {
    name: "Key",
    about: "A public key, where it is and when it counts.",
    one_of: &[&["file", "pem", "key"]],
    fields: &[
        may("file", Shape::Text(Text::Path), "The file of the public key, relative to the policy file."),
        may("pem", Shape::Text(Text::Pem), "The public key itself."),
        may(
            "key",
            Shape::Text(Text::Key),
            "The place of the key, as `--key` takes it: a file, env://VAR, https://...",
        ),
        may("validFrom", TIME, "The key counts from this moment on; a day begins in UTC."),
        may("validUntil", TIME, "The key counts up to this moment; a day counts whole, in UTC."),
        may("revokedAt", TIME, "The key no longer counts from this moment on; a day begins in UTC."),
        may("algorithms", TEXTS, "Only signatures by these algorithms count, of those that the key has."),
    ],
};

const MIRROR: Object = Object {
    name: "Mirror",
    about: "The name that rules see for a place.",
    one_of: &[],
    fields: &[
        must(
            "from",
            Shape::Text(Text::Prefix),
            "The beginning of the names at the place, in whole segments.",
        ),
        must("to", Shape::Text(Text::Prefix), "What rules see instead."),
    ],
};

const RULE: Object = Object {
    name: "Rule",
    about: "What must hold for the images that match.",
    one_of: &[],
    fields: &[
        may("name", WORDS, "The rule's name, for output."),
        must(
            "images",
            REPOSITORIES,
            "Patterns over repositories, of which one must match: `*` within a segment, `**` across; the registry is part of it, a tag is not.",
        ),
        may(
            "namespaces",
            Shape::List { item: &Shape::Text(Text::Namespaces), least: 1 },
            "Only where the image runs in one of these namespaces. Where nobody says a namespace, the rule applies.",
        ),
        else_(
            "mode",
            Shape::Word(&["enforce", "warn"]),
            "enforce",
            "Whether a refusal by this rule refuses the image, or is only told.",
        ),
        else_(
            "platforms",
            Shape::TextOr {
                text: &Shape::Word(&["index", "all"]),
                other: &Shape::List { item: &Shape::Text(Text::Platform), least: 1 },
            },
            "index",
            "Which images of an index are judged: the index itself, the index and all images in it, or those for these platforms.",
        ),
        may(
            "signatureRepository",
            Shape::Text(Text::Repository),
            "Where signatures and attestations stand, if not beside the image.",
        ),
        must(
            "require",
            Shape::List { item: &Shape::Object(&REQUIREMENT), least: 1 },
            "What must hold, all of it. One signature or attestation meets a requirement whole, or not at all.",
        ),
    ],
};

const EXEMPTION: Object = Object {
    name: "Exemption",
    about: "Images that are admitted without being judged. What is admitted so is never promoted or packed.",
    one_of: &[],
    fields: &[
        must("images", REPOSITORIES, "Patterns over repositories, as in a rule."),
        may("digest", Shape::Text(Text::Digest), "Only the image with this digest."),
        must("reason", WORDS, "Why."),
        must("expires", TIME, "From when on it no longer applies; a day is whole, in UTC."),
    ],
};

const REQUIREMENT: Object = Object {
    name: "Requirement",
    about: "A signature of the image, or an attestation about it.",
    one_of: &[&["signature", "attestation"]],
    fields: &[
        may("signature", Shape::Object(&SIGNATURE), "A signature of the image."),
        may("attestation", Shape::Object(&ATTESTATION), "An attestation about the image."),
    ],
};

const SIGNATURE: Object = Object {
    name: "Signature",
    about: "A signature of the image.",
    one_of: &[],
    fields: &[
        must("by", KEYS, "The keys of which any one counts, by their names under `keys`."),
        THRESHOLD,
        ANNOTATIONS,
        SIGNED_FOR,
    ],
};

const ATTESTATION: Object = Object {
    name: "Attestation",
    about: "An attestation about the image. Of a scan, a VEX document or a verification summary the newest is judged, and it alone.",
    one_of: &[&["type", "types"]],
    fields: &[
        may(
            "type",
            Shape::Text(Text::PredicateType),
            "The type of the predicate. `scan` is every form of one.",
        ),
        may(
            "types",
            Shape::List { item: &Shape::Text(Text::PredicateType), least: 1 },
            "Types of which any one counts.",
        ),
        must("by", KEYS, "The keys of which any one counts, by their names under `keys`."),
        THRESHOLD,
        ANNOTATIONS,
        SIGNED_FOR,
        else_(
            "inherit",
            Shape::Flag,
            "false",
            "An attestation about the index counts for the images that it lists.",
        ),
        may(
            "maxAge",
            Shape::Text(Text::MaxAge),
            "The oldest that the statement may be, by the time that is signed in it. A scan and a verification summary must have one; `unlimited` may be written out.",
        ),
        may(
            "where",
            Shape::Text(Text::Condition),
            "A condition in CEL over `predicate`, `predicateType`, `subject` and `annotations` of what was signed, which must be true.",
        ),
        may("scan", Shape::Object(&SCAN), "What the scan must say."),
        may(
            "vsa",
            Shape::Object(&VSA),
            "What the verification summary must say. It must have passed in any case.",
        ),
    ],
};

const VSA: Object = Object {
    name: "Vsa",
    about: "What a verification summary must say.",
    one_of: &[],
    fields: &[
        must("verifiers", TEXTS, "Only summaries by these verifiers are judged, by `verifier.id`."),
        may(
            "policyDigests",
            Shape::List { item: &Shape::Text(Text::Digest), least: 1 },
            "The policies that may have been met, by one of the digests in `policy.digest`.",
        ),
        else_(
            "resource",
            Shape::TextOr { text: &Shape::Word(&["any", "same"]), other: &REPOSITORIES },
            "any",
            "The repository for which it was made, by `resourceUri`: the image's own (`same`), one that matches a pattern, or `any`.",
        ),
        may(
            "levels",
            TEXTS,
            "What must be among `verifiedLevels`. Of SLSA's own, a higher level of the same track holds too.",
        ),
    ],
};

const SCAN: Object = Object {
    name: "Scan",
    about: "What a scan must say. Every default refuses.",
    one_of: &[],
    fields: &[
        may(
            "scanners",
            Shape::List { item: &Shape::Object(&SCANNER), least: 1 },
            "Only scans by these scanners are judged.",
        ),
        may("maxSeverity", SEVERITY, "The worst severity that a vulnerability may have."),
        else_("unknownSeverityAs", SEVERITY, "High", "What a severity that nobody knows counts as."),
        else_(
            "severitySource",
            Shape::Word(&["jfrog", "scanner", "research", "cvss3", "max"]),
            "jfrog",
            "Whose severity counts; `jfrog` and `scanner` are the same.",
        ),
        may(
            "maxCount",
            Shape::Words { names: &["Critical", "High", "Medium", "Low", "Information"], of: &COUNT },
            "How many vulnerabilities of a severity there may be, each counted once.",
        ),
        else_("onlyFixable", Shape::Flag, "false", "Only vulnerabilities with a fix count."),
        else_(
            "onlyApplicable",
            Shape::Flag,
            "false",
            "Vulnerabilities that the scanner calls not applicable do not count; it must have looked.",
        ),
        may(
            "ignore",
            Shape::List { item: &Shape::Object(&IGNORE), least: 1 },
            "Vulnerabilities that do not count, for a reason and until a day.",
        ),
        may("denyIds", TEXTS, "Vulnerabilities that are refused whatever else takes them away."),
        may("licenses", Shape::Object(&LICENSES), "The licences that packages may have."),
        else_("denyMalicious", Shape::Flag, "true", "Malicious packages are refused."),
        may("secrets", Shape::Object(&SECRETS), "How many secrets there may be."),
        may("maxDbAge", Shape::Text(Text::Age), "The oldest that the scanner's database may be."),
        else_(
            "requireComplete",
            Shape::Flag,
            "true",
            "The scan must be complete and not filtered. One that failed, is pending or never ran is refused in any case.",
        ),
        else_("minComponents", COUNT, "1", "How many components the scanner must have looked at."),
        may("watches", TEXTS, "Xray: no violation that one of these watches saw."),
        else_(
            "requireNoFailBuildViolation",
            Shape::Flag,
            "false",
            "Xray: no violation that fails a build, of the watches if any are named.",
        ),
        may(
            "vex",
            Shape::List { item: &Shape::Object(&VEX), least: 1 },
            "Whose VEX statements take a vulnerability away.",
        ),
        may("gracePeriod", Shape::Object(&GRACE), "How long a vulnerability does not count."),
    ],
};

const SCANNER: Object = Object {
    name: "Scanner",
    about: "A scanner whose scans are judged.",
    one_of: &[],
    fields: &[
        must("name", WORDS, "Its name or its URI without a version, in any case."),
        may("minVersion", WORDS, "The oldest version that counts."),
    ],
};

const IGNORE: Object = Object {
    name: "Ignore",
    about: "A vulnerability that does not count: everything that is named must fit.",
    one_of: &[],
    fields: &[
        must("id", WORDS, "Its id or alias."),
        may("package", WORDS, "Only in this package: name, name@version, or package URL."),
        may("image", Shape::Text(Text::Repositories), "Only in images of these repositories."),
        may("layer", WORDS, "Only where this layer, by its digest, is the only one that holds the package."),
        must("reason", WORDS, "Why it does not count."),
        must("expires", TIME, "From when on it counts again; a day is whole, in UTC."),
    ],
};

const LICENSES: Object = Object {
    name: "Licenses",
    about: "The licences that packages may have: those of one list, or all but those of the other.",
    one_of: &[&["allow", "deny"]],
    fields: &[
        may("allow", TEXTS, "Only these."),
        may("deny", TEXTS, "Any but these."),
        else_(
            "allowUnknown",
            Shape::Flag,
            "false",
            "A licence that the scanner does not know may stand too.",
        ),
        else_("anyOf", Shape::Flag, "false", "Of licences to choose from (A OR B) one is enough."),
    ],
};

const SECRETS: Object = Object {
    name: "Secrets",
    about: "How many secrets there may be.",
    one_of: &[],
    fields: &[
        must("max", COUNT, "At most so many."),
        else_("onlyActive", Shape::Flag, "false", "Only those that the scanner found to work."),
    ],
};

const VEX: Object = Object {
    name: "Vex",
    about: "OpenVEX documents by these keys, and the justifications that are believed.",
    one_of: &[],
    fields: &[
        must("by", KEYS, "The keys of which any one counts, by their names under `keys`."),
        must("justifications", TEXTS, "Justifications that are believed, as vulnerable_code_not_present."),
    ],
};

const GRACE: Object = Object {
    name: "GracePeriod",
    about: "How long a vulnerability does not count.",
    one_of: &[],
    fields: &[
        must("days", Shape::Number { least: 1, most: u32::MAX as u64 }, "So many days."),
        must(
            "basedOn",
            Shape::Word(&["published", "fixAvailable"]),
            "From when on: since it became public, or since there is a fix. Without that date there is no grace.",
        ),
    ],
};

/// A file of cases.
pub(in super::super) const CASES: Object = Object {
    name: "PolicyTest",
    about: "Images whose verdicts by a policy are known.",
    one_of: &[],
    fields: &[
        must("apiVersion", Shape::Word(&["waxseal/v1"]), "The version of this form."),
        must("kind", Shape::Word(&["PolicyTest"]), "The kind of document."),
        may("policy", Shape::Text(Text::Path), "The policy, relative to this file."),
        must("cases", Shape::List { item: &Shape::Object(&CASE), least: 1 }, "The cases."),
    ],
};

const CASE: Object = Object {
    name: "Case",
    about: "What is judged, and what must come of it.",
    one_of: &[&["image", "manifest"]],
    fields: &[
        may("name", WORDS, "Its name, for output."),
        may("image", WORDS, "An image; the path of a layout or an archive is relative to this file."),
        may(
            "manifest",
            Shape::Text(Text::Path),
            "A file with manifests, relative to this file: the worst of its images counts.",
        ),
        may(
            "as",
            Shape::Text(Text::Repository),
            "The repository that an image in a layout or an archive goes by.",
        ),
        may("namespace", WORDS, "The namespace that it is to run in."),
        may("at", TIME, "The moment as of which it is judged."),
        must("expect", Shape::Word(&["admit", "refuse", "undecided"]), "The outcome that it must have."),
        may(
            "basis",
            Shape::Word(&["verified", "exempt", "warned", "unmatched"]),
            "The ground on which it must be admitted.",
        ),
        may("reason", WORDS, "The code of the nearest miss that it must have."),
    ],
};
