//! Every flag of cosign 2.6.4 and 3.1.2 for the commands that stand here, and how it stands.
//!
//! The lists were read off cosign's own option types. docs/cosign-compat.md is written from this table, and a
//! test parses each flag.

use super::flag::Takes::{Bool, Text};
use super::flag::{Flag, Variable, Verb};

const KEYLESS: &str = "keyless signatures are not supported yet: sign and verify with keys (--key)";
const NO_LOG: &str = "no transparency log is used with a key; leave the flag out";
const NO_STAMP: &str = "timestamps are not used with a key; leave the flag out";
const SECURITY_KEY: &str = "a hardware security key is reached through its PKCS#11 module: --key 'pkcs11:...?module-name=ykcs11' \
     (docs/keys.md)";
const ATTEST_SBOM: &str = "an unsigned list can be changed by whoever may push: sign it with `attest --type spdxjson --predicate \
     FILE` (or cyclonedx; spdx for tag-value text)";
const CHECKED_ANYWAY: &str =
    "every signature is verified before it leaves; with a key no trust root is needed";

/// Flags of every command.
pub(super) const ROOT: &[Flag] = &[
    Flag::same("output-file", Text),
    Flag::same("timeout", Text).short('t'),
    Flag::same("verbose", Bool).short('d'),
];

/// Flags of every command that reaches a registry.
const REGISTRY: &[Flag] = &[
    Flag::same("allow-http-registry", Bool),
    Flag::same("allow-insecure-registry", Bool),
    Flag::refused(
        "attachment-tag-prefix",
        Text,
        "signatures stand at the tags that every reader knows; use COSIGN_REPOSITORY to keep them apart",
    ),
    Flag::already(
        "k8s-keychain",
        Bool,
        &["false"],
        "credentials come from Docker's and Podman's files and helpers: configure a credential helper",
    ),
    Flag::same("registry-cacert", Text),
    Flag::same("registry-client-cert", Text),
    Flag::same("registry-client-key", Text),
    Flag::same("registry-password", Text).set_where(Variable::Where {
        unless: &["registry-password-stdin", "registry-token"],
        with: Some("registry-username"),
    }),
    Flag::same("registry-server-name", Text),
    Flag::same("registry-token", Text).set_where(Variable::Where {
        unless: &["registry-username", "registry-password", "registry-password-stdin"],
        with: None,
    }),
    Flag::same("registry-username", Text)
        .set_where(Variable::Where { unless: &["registry-token"], with: None }),
];

/// Flags of keyless signing, and of the services around it.
const SIGN_SERVICES: &[Flag] = &[
    Flag::refused("certificate", Text, KEYLESS).aliases(&["cert"]),
    Flag::refused("certificate-chain", Text, KEYLESS).aliases(&["cert-chain"]),
    Flag::refused("fulcio-auth-flow", Text, KEYLESS),
    Flag::refused("fulcio-url", Text, KEYLESS),
    Flag::refused("identity-token", Text, KEYLESS),
    Flag::already("insecure-skip-verify", Bool, &[], "it concerns certificates, and none is used with a key"),
    Flag::already("issue-certificate", Bool, &["false"], KEYLESS),
    Flag::refused("oidc-client-id", Text, KEYLESS),
    Flag::refused("oidc-client-secret-file", Text, KEYLESS),
    Flag::already("oidc-disable-ambient-providers", Bool, &["true"], "no identity provider is asked"),
    Flag::refused("oidc-issuer", Text, KEYLESS),
    Flag::refused("oidc-provider", Text, KEYLESS),
    Flag::refused("oidc-redirect-url", Text, KEYLESS),
    Flag::refused("rekor-url", Text, NO_LOG),
    Flag::refused("signing-config", Text, "no service is used with a key; leave the flag out"),
    Flag::already("sk", Bool, &["false"], SECURITY_KEY),
    Flag::refused("slot", Text, SECURITY_KEY),
    Flag::refused("timestamp-client-cacert", Text, NO_STAMP),
    Flag::refused("timestamp-client-cert", Text, NO_STAMP),
    Flag::refused("timestamp-client-key", Text, NO_STAMP),
    Flag::refused("timestamp-server-name", Text, NO_STAMP),
    Flag::refused("timestamp-server-url", Text, NO_STAMP),
    Flag::already("tlog-upload", Bool, &["false"], NO_LOG),
    Flag::refused("trusted-root", Text, CHECKED_ANYWAY),
    Flag::already(
        "use-signing-config",
        Bool,
        &["false"],
        "no service is used with a key; leave the flag out",
    ),
    Flag::same("yes", Bool).short('y'),
];

/// Flags of keyless verification, and of the services around it.
const VERIFY_SERVICES: &[Flag] = &[
    Flag::refused("ca-intermediates", Text, KEYLESS),
    Flag::refused("ca-roots", Text, KEYLESS),
    Flag::refused("certificate", Text, KEYLESS).aliases(&["cert"]),
    Flag::refused("certificate-chain", Text, KEYLESS).aliases(&["cert-chain"]),
    Flag::refused("certificate-github-workflow-name", Text, KEYLESS),
    Flag::refused("certificate-github-workflow-ref", Text, KEYLESS),
    Flag::refused("certificate-github-workflow-repository", Text, KEYLESS),
    Flag::refused("certificate-github-workflow-sha", Text, KEYLESS),
    Flag::refused("certificate-github-workflow-trigger", Text, KEYLESS),
    Flag::refused("certificate-identity", Text, KEYLESS).aliases(&[
        "cert-identity",
        "cert-email",
        "certificate-email",
    ]),
    Flag::refused("certificate-identity-regexp", Text, KEYLESS),
    Flag::refused("certificate-oidc-issuer", Text, KEYLESS).aliases(&["cert-oidc-issuer"]),
    Flag::refused("certificate-oidc-issuer-regexp", Text, KEYLESS),
    Flag::already("experimental-oci11", Bool, &[], "referrers are always read, beside the tags"),
    Flag::already("insecure-ignore-sct", Bool, &[], "it concerns certificates, and none is used with a key"),
    Flag::already(
        "insecure-ignore-tlog",
        Bool,
        &["true"],
        "transparency logs are not checked with a key, and the output says so; a check cannot be asked for yet",
    ),
    Flag::already(
        "private-infrastructure",
        Bool,
        &["true"],
        "transparency logs are not checked with a key, and the output says so; a check cannot be asked for yet",
    ),
    Flag::refused("rekor-url", Text, NO_LOG),
    Flag::refused("sct", Text, KEYLESS),
    Flag::already(
        "signature-digest-algorithm",
        Text,
        &["sha256", "sha384", "sha512"],
        "the key's own digest and SHA-256 are accepted, whichever was used",
    ),
    Flag::already("sk", Bool, &["false"], SECURITY_KEY),
    Flag::refused("slot", Text, SECURITY_KEY),
    Flag::refused("timestamp-certificate-chain", Text, NO_STAMP),
    Flag::refused(
        "trusted-root",
        Text,
        "with a key no trust root is needed, and no log is checked; leave the flag out",
    ),
    Flag::already("use-signed-timestamps", Bool, &["false"], NO_STAMP),
];

const SIGN: &[Flag] = &[
    Flag::same("annotations", Text).short('a'),
    Flag::refused("attachment", Text, "sign what is attached by its own digest (see `tree`)"),
    Flag::same("bundle", Text).since_three(),
    Flag::same("key", Text),
    Flag::mapped("new-bundle-format", Bool, "`--format bundle`, `=false`: `--format legacy`", |value| {
        Ok(vec!["--format".to_owned(), if value == "true" { "bundle" } else { "legacy" }.to_owned()])
    }),
    Flag::refused("output-certificate", Text, KEYLESS).aliases(&["output-cert"]),
    Flag::same("output-payload", Text),
    Flag::same("output-signature", Text),
    Flag::refused(
        "payload",
        Text,
        "the payload is always made from the image; see `payload` and `attach response` for a key that is elsewhere",
    ),
    Flag::already(
        "record-creation-timestamp",
        Bool,
        &["false"],
        "a signature's manifest has no time of its own",
    ),
    Flag::same("recursive", Bool).short('r'),
    Flag::already(
        "registry-referrers-mode",
        Text,
        &["legacy"],
        "the legacy format stands at its tag; a referrer is written with --format bundle",
    ),
    Flag::same("sign-container-identity", Text),
    Flag::same_true("upload"),
];

const SIGN_BLOB: &[Flag] = &[
    Flag::same_true("b64"),
    Flag::same("bundle", Text),
    Flag::same("key", Text),
    Flag::mapped(
        "new-bundle-format",
        Bool,
        "`=false`: `--old-bundle` (cosign's bundle before version 3)",
        |value| Ok(if value == "true" { Vec::new() } else { vec!["--old-bundle".to_owned()] }),
    ),
    Flag::same("output", Text),
    Flag::refused("output-certificate", Text, KEYLESS).aliases(&["output-cert"]),
    Flag::same("output-signature", Text),
    Flag::refused("rfc3161-timestamp", Text, NO_STAMP),
    Flag::same("signing-algorithm", Text).since_three(),
];

/// What is attested, and how it stands in a log.
const CLAIM: &[Flag] = &[
    Flag::same("predicate", Text),
    Flag::refused("rekor-entry-type", Text, NO_LOG),
    Flag::same("statement", Text),
    Flag::same("type", Text),
];

const ATTEST: &[Flag] = &[
    Flag::same("bundle", Text).since_three(),
    Flag::same("key", Text),
    Flag::mapped("new-bundle-format", Bool, "`--format bundle`, `=false`: `--format legacy`", |value| {
        Ok(vec!["--format".to_owned(), if value == "true" { "bundle" } else { "legacy" }.to_owned()])
    }),
    Flag::mapped("no-upload", Bool, "`--upload=false`", |value| {
        Ok(if value == "true" { vec!["--upload=false".to_owned()] } else { Vec::new() })
    }),
    Flag::already(
        "record-creation-timestamp",
        Bool,
        &["false"],
        "an attestation's manifest has no time of its own",
    ),
    Flag::same("replace", Bool),
];

const ATTEST_BLOB: &[Flag] = &[
    Flag::same("bundle", Text),
    Flag::same("hash", Text),
    Flag::same("key", Text),
    Flag::mapped(
        "new-bundle-format",
        Bool,
        "`=false`: `--old-bundle` beside `--bundle` (cosign's bundle before version 3)",
        |value| Ok(if value == "true" { Vec::new() } else { vec!["--old-bundle".to_owned()] }),
    ),
    Flag::same("output-attestation", Text),
    Flag::refused("output-certificate", Text, KEYLESS).aliases(&["output-cert"]),
    Flag::same("output-signature", Text),
    Flag::refused("rfc3161-timestamp-bundle", Text, NO_STAMP),
];

const VERIFY: &[Flag] = &[
    Flag::same("annotations", Text).short('a'),
    Flag::refused("attachment", Text, "verify what is attached by its own digest (see `tree`)"),
    Flag::already(
        "check-claims",
        Bool,
        &["true"],
        "a signature that is not held against the image says nothing about it",
    ),
    Flag::same("key", Text),
    Flag::same("local-image", Bool),
    Flag::same("max-workers", Text),
    Flag::mapped(
        "new-bundle-format",
        Bool,
        "nothing (both formats are read), `=false`: `--format legacy`",
        |value| {
            Ok(if value == "true" { Vec::new() } else { vec!["--format".to_owned(), "legacy".to_owned()] })
        },
    ),
    Flag::same("output", Text).short('o'),
    Flag::refused("payload", Text, "use `verify-blob` with the payload as the blob"),
    Flag::refused("signature", Text, "use `verify-blob` with the payload as the blob"),
];

const BASE_IMAGE: &[Flag] = &[Flag::same("base-image-only", Bool)];

const VERIFY_ATTESTATION: &[Flag] = &[
    Flag::already(
        "check-claims",
        Bool,
        &["true"],
        "an attestation that is not held against the image says nothing about it",
    ),
    Flag::same("key", Text),
    Flag::same("local-image", Bool),
    Flag::same("max-workers", Text),
    Flag::mapped(
        "new-bundle-format",
        Bool,
        "nothing (both formats are read), `=false`: `--format legacy`",
        |value| {
            Ok(if value == "true" { Vec::new() } else { vec!["--format".to_owned(), "legacy".to_owned()] })
        },
    ),
    Flag::same("output", Text).short('o'),
    Flag::refused(
        "policy",
        Text,
        "policies in CUE and Rego are not evaluated here: --type, --key, --max-age, --annotations and --signed-for say what must \
         hold, and --where asks what the statement says, in CEL; for more, hand what was verified to the policy's own tool, as `waxseal verify-attestation ... | jq -r \
         .payload | base64 -d | opa eval -I -d FILE.rego ...`",
    ),
    Flag::same("type", Text),
];

const VERIFY_BLOB_ATTESTATION: &[Flag] = &[
    Flag::same("bundle", Text),
    Flag::already(
        "check-claims",
        Bool,
        &["true"],
        "an attestation that is not held against the file says nothing about it; --digest stands in for the file",
    ),
    Flag::same("digest", Text),
    Flag::same("digestAlg", Text),
    Flag::same("key", Text),
    Flag::already("max-workers", Text, &[], "one blob is one piece of work"),
    Flag::already("new-bundle-format", Bool, &[], "the form of the bundle is recognised"),
    Flag::refused("rfc3161-timestamp", Text, NO_STAMP),
    Flag::same("signature", Text),
    Flag::same("type", Text),
];

const DOWNLOAD_ATTESTATION: &[Flag] = &[Flag::same("platform", Text), Flag::same("predicate-type", Text)];

const VERIFY_BLOB: &[Flag] = &[
    Flag::same("bundle", Text),
    Flag::same("key", Text),
    Flag::already("max-workers", Text, &[], "one blob is one piece of work"),
    Flag::already("new-bundle-format", Bool, &[], "the form of the bundle is recognised"),
    Flag::refused("rfc3161-timestamp", Text, NO_STAMP),
    Flag::same("signature", Text),
];

const COPY: &[Flag] = &[
    Flag::same("force", Bool).short('f'),
    Flag::same("only", Text),
    Flag::same("platform", Text),
    Flag::already("sig-only", Bool, &["false"], "use --only sig"),
];

const TREE: &[Flag] = &[
    Flag::already("experimental-oci11", Bool, &[], "referrers are always shown, beside the tags"),
    Flag::already(
        "registry-referrers-mode",
        Text,
        &["legacy", "oci-1-1"],
        "referrers are always shown, beside the tags",
    ),
];

const TRIANGULATE: &[Flag] = &[Flag::same("type", Text)];

const GENERATE: &[Flag] = &[
    Flag::refused(
        "kms",
        Text,
        "keys in a KMS are not supported: make the pair in files, or in the KMS by its own tools",
    ),
    Flag::same("output-key-prefix", Text),
];

const GENERATE_PAYLOAD: &[Flag] = &[Flag::same("annotations", Text).short('a')];

const IMPORT: &[Flag] = &[
    Flag::same("key", Text).short('k'),
    Flag::same("output-key-prefix", Text).short('o'),
    Flag::same("yes", Bool).short('y'),
];

const PUBLIC_KEY: &[Flag] = &[
    Flag::same("key", Text),
    Flag::same("outfile", Text),
    Flag::already("sk", Bool, &["false"], SECURITY_KEY),
    Flag::refused("slot", Text, SECURITY_KEY),
];

const LIST_TOKENS: &[Flag] = &[Flag::same("module-path", Text)];

const LIST_KEYS_URIS: &[Flag] = &[
    Flag::same("module-path", Text),
    Flag::refused(
        "pin",
        Text,
        "a PIN on the command line is seen by other processes: set COSIGN_PKCS11_PIN, name a file with pin-source in a URI, or type it",
    )
    .set_where(Variable::Never),
    Flag::same("slot-id", Text),
];

const CLEAN: &[Flag] = &[Flag::same("force", Bool).short('f'), Flag::same("type", Text)];

const ATTACH_SIGNATURE: &[Flag] = &[
    Flag::same("bundle", Text).since_three(),
    Flag::refused("certificate", Text, KEYLESS).aliases(&["cert"]),
    Flag::refused("certificate-chain", Text, KEYLESS).aliases(&["cert-chain"]),
    Flag::same("payload", Text),
    Flag::refused("rekor-response", Text, NO_LOG),
    Flag::same("signature", Text),
    Flag::refused("tsr", Text, NO_STAMP),
];

const ATTACH_ATTESTATION: &[Flag] = &[Flag::same("attestation", Text)];

const ATTACH_SBOM: &[Flag] = &[
    Flag::refused("input-format", Text, ATTEST_SBOM),
    Flag::refused("registry-referrers-mode", Text, ATTEST_SBOM),
    Flag::refused("sbom", Text, ATTEST_SBOM),
    Flag::refused("type", Text, ATTEST_SBOM),
];

const DOWNLOAD_SBOM: &[Flag] = &[Flag::same("platform", Text)];

const LOGIN: &[Flag] = &[
    // COSIGN_PASSWORD is the password of the signing key, and none of a registry's business.
    Flag::same("password", Text).short('p').set_where(Variable::Never),
    Flag::same("password-stdin", Bool),
    Flag::same("username", Text).short('u'),
];

const VERSION: &[Flag] = &[Flag::same("json", Bool)];

const DIRECTORY: &[Flag] = &[Flag::same("dir", Text)];

/// cosign's `--offline` of the verifying commands. Its meaning (no log is asked) is not ours (no socket is opened), so
/// it is taken in cosign's sense only under cosign's name.
pub(super) const OFFLINE: Flag = Flag::already(
    "offline",
    Bool,
    &[],
    "no log is asked with a key (waxseal's own --offline opens no socket at all)",
);

/// Every command of cosign that stands here.
pub(crate) const VERBS: &[Verb] = &[
    Verb { words: &["sign"], groups: &[SIGN, SIGN_SERVICES, REGISTRY] },
    Verb { words: &["verify"], groups: &[VERIFY, VERIFY_SERVICES, REGISTRY] },
    Verb { words: &["sign-blob"], groups: &[SIGN_BLOB, SIGN_SERVICES] },
    Verb { words: &["verify-blob"], groups: &[VERIFY_BLOB, VERIFY_SERVICES] },
    Verb { words: &["verify-attestation"], groups: &[VERIFY_ATTESTATION, VERIFY_SERVICES, REGISTRY] },
    Verb { words: &["verify-blob-attestation"], groups: &[VERIFY_BLOB_ATTESTATION, VERIFY_SERVICES] },
    Verb { words: &["attest"], groups: &[ATTEST, CLAIM, SIGN_SERVICES, REGISTRY] },
    Verb { words: &["attest-blob"], groups: &[ATTEST_BLOB, CLAIM, SIGN_SERVICES] },
    Verb { words: &["copy"], groups: &[COPY, REGISTRY] },
    Verb { words: &["tree"], groups: &[TREE, REGISTRY] },
    Verb { words: &["triangulate"], groups: &[TRIANGULATE, REGISTRY] },
    Verb { words: &["generate"], groups: &[GENERATE_PAYLOAD, REGISTRY] },
    Verb { words: &["generate-key-pair"], groups: &[GENERATE] },
    Verb { words: &["import-key-pair"], groups: &[IMPORT] },
    Verb { words: &["public-key"], groups: &[PUBLIC_KEY] },
    Verb { words: &["pkcs11-tool", "list-tokens"], groups: &[LIST_TOKENS] },
    Verb { words: &["pkcs11-tool", "list-keys-uris"], groups: &[LIST_KEYS_URIS] },
    Verb { words: &["clean"], groups: &[CLEAN, REGISTRY] },
    Verb { words: &["download", "signature"], groups: &[REGISTRY] },
    Verb { words: &["download", "attestation"], groups: &[DOWNLOAD_ATTESTATION, REGISTRY] },
    Verb { words: &["download", "sbom"], groups: &[DOWNLOAD_SBOM, REGISTRY] },
    Verb { words: &["attach", "attestation"], groups: &[ATTACH_ATTESTATION, REGISTRY] },
    Verb { words: &["attach", "sbom"], groups: &[ATTACH_SBOM, REGISTRY] },
    Verb { words: &["attach", "signature"], groups: &[ATTACH_SIGNATURE, REGISTRY] },
    Verb { words: &["manifest", "verify"], groups: &[VERIFY, VERIFY_SERVICES, REGISTRY] },
    Verb { words: &["dockerfile", "verify"], groups: &[BASE_IMAGE, VERIFY, VERIFY_SERVICES, REGISTRY] },
    Verb { words: &["login"], groups: &[LOGIN] },
    Verb { words: &["version"], groups: &[VERSION] },
    Verb { words: &["save"], groups: &[DIRECTORY, REGISTRY] },
    Verb { words: &["load"], groups: &[DIRECTORY, REGISTRY] },
];
