//! Every bound on what comes from outside, in one place.
//!
//! A limit is an error when it is passed, never a cut: a shortened list of signatures or a shortened manifest
//! would be judged as if it were whole. Each constant names its unit. The figures are those of the design
//! (section 9) and of the rules of decision (L5).

/// Largest manifest or image index that is read, in bytes (4 MiB).
pub const MANIFEST_BYTES: u64 = 4 << 20;

/// Largest page of a referrers listing, and largest fallback-tag index, in bytes (8 MiB).
pub const REFERRERS_BYTES: u64 = 8 << 20;

/// Most entries of a referrers listing, per page and over all pages.
pub const REFERRERS_ENTRIES: usize = 1_024;

/// Most pages of a referrers listing or of a tag listing that are followed.
pub const LISTING_PAGES: usize = 1_024;

/// Largest page of a tag listing, in bytes (16 MiB).
pub const TAG_LISTING_BYTES: u64 = 16 << 20;

/// Most repositories that the catalogue of a registry may hold.
pub const CATALOG_REPOSITORIES: usize = 100_000;

/// Most tags that a listing may hold.
pub const TAGS: usize = 100_000;

/// Most layers of a `.sig` or `.att` manifest.
pub const SIGNATURE_LAYERS: usize = 1_024;

/// Most descriptors of an image index, and most layers of an image manifest.
pub const MANIFEST_DESCRIPTORS: usize = 1_024;

/// Deepest nesting of image indexes below the named one.
pub const INDEX_DEPTH: usize = 4;

/// Largest simple-signing payload, in bytes (64 KiB).
pub const SIMPLE_SIGNING_BYTES: u64 = 64 << 10;

/// Largest bundle or attestation, in bytes (32 MiB); a flag may raise it.
pub const BUNDLE_BYTES: u64 = 32 << 20;

/// Largest request to sign elsewhere, in bytes (96 MiB: a statement in both formats, in base64).
pub const SIGNING_REQUEST_BYTES: u64 = 96 << 20;

/// Largest response to one, in bytes (64 KiB).
pub const SIGNING_RESPONSE_BYTES: u64 = 64 << 10;

/// Largest file with a bare signature, in bytes (16 KiB): 512 bytes of RSA in any text form.
pub const BARE_SIGNATURE_BYTES: u64 = 16 << 10;

/// Largest list of components at the tag `.sbom`, in bytes (128 MiB, as cosign reads them).
pub const SBOM_BYTES: u64 = 128 << 20;

/// Largest body of a token answer or of an error answer, in bytes (64 KiB).
pub const TOKEN_BYTES: u64 = 64 << 10;

/// Largest credential file, in bytes (1 MiB).
pub const CREDENTIAL_FILE_BYTES: u64 = 1 << 20;

/// Largest answer of a credential helper, in bytes (64 KiB).
pub const CREDENTIAL_HELPER_BYTES: u64 = 64 << 10;

/// Time that a credential helper may take, in seconds.
pub const CREDENTIAL_HELPER_SECONDS: u64 = 30;

/// Largest `WWW-Authenticate`, `Location` or `Link` header, in bytes (8 KiB).
pub const HEADER_BYTES: usize = 8 << 10;

/// Most redirects that one request follows.
pub const REDIRECTS: usize = 3;

/// Deepest nesting of JSON from outside, counted in open brackets.
pub const JSON_DEPTH: usize = 64;

/// Most transparency log entries in one bundle.
pub const LOG_ENTRIES: usize = 32;

/// Most signed timestamps in one bundle.
pub const TIMESTAMPS: usize = 32;

/// Most certificates in one bundle.
pub const CERTIFICATES: usize = 32;

/// Most signatures in one DSSE envelope.
pub const ENVELOPE_SIGNATURES: usize = 32;

/// Most subjects in one in-toto statement.
pub const STATEMENT_SUBJECTS: usize = 1_024;

/// Most subjects of a statement that is signed on another machine: each is shown to whoever signs it.
pub const REQUEST_SUBJECTS: usize = 16;

/// Longest predicate type that may be asked for or written, in bytes.
pub const PREDICATE_TYPE_BYTES: usize = 1_024;

/// Most digests of one subject of a statement.
pub const SUBJECT_DIGESTS: usize = 32;

/// Most memory that opening a key file may take for its key derivation, in bytes (256 MiB).
pub const KDF_MEMORY_BYTES: u64 = 256 << 20;

/// Most rounds of PBKDF2 that opening a key file may take.
pub const PBKDF2_ROUNDS: u32 = 10_000_000;

/// Largest key file, public or private, in bytes (64 KiB).
pub const KEY_FILE_BYTES: u64 = 64 << 10;

/// Most evidence that is read for one image, over all stores, in bytes (256 MiB; rule L5).
pub const EVIDENCE_BYTES: u64 = 256 << 20;

/// Most candidates of one store (rule L5): layers of the tag of signatures, or objects in all referrers of one image,
/// those that turn out to be no signature included.
pub const CANDIDATES_PER_STORE: usize = 1_024;

/// Most signature checks for one image (rule L5).
pub const SIGNATURE_CHECKS: usize = 2_048;

/// How far ahead of the time of the verdict a signed time may be, in seconds (rule N2).
pub const AHEAD_SECONDS: i64 = 300;

/// Largest `index.json` of a layout or an archive, in bytes (8 MiB).
pub const LAYOUT_INDEX_BYTES: u64 = 8 << 20;

/// Most blobs of a layout or an archive among which referrers are looked for.
pub const LAYOUT_BLOBS: usize = 100_000;

/// Most bytes of a layout or an archive that looking for referrers reads (1 GiB).
pub const LAYOUT_SCAN_BYTES: u64 = 1 << 30;

/// Most entries of an archive, directories included.
pub const ARCHIVE_ENTRIES: usize = 200_000;

/// Longest name of an archive's entry, in bytes.
pub const ARCHIVE_NAME_BYTES: usize = 256;

/// Largest extended header of an archive's entry, in bytes (64 KiB).
pub const ARCHIVE_EXTENSION_BYTES: u64 = 64 << 10;

/// Most symbolic links behind one another in an archive of `docker save`.
pub const ARCHIVE_LINKS: usize = 8;

/// Largest `manifest.json` of an archive of `docker save`, in bytes (8 MiB).
pub const DOCKER_LIST_BYTES: u64 = 8 << 20;

/// Most images of an archive of `docker save`.
pub const DOCKER_IMAGES: usize = 1_024;

/// Most bytes behind the end marker of an archive, all of them zero (1 MiB).
pub const ARCHIVE_PADDING_BYTES: u64 = 1 << 20;

/// Most parts that an archive is split into.
pub const PACK_PARTS: usize = 9_999;

/// Smallest part that an archive is split into, in bytes (64 KiB).
pub const PACK_PART_LEAST_BYTES: u64 = 64 << 10;

/// Largest list of the parts of an archive, in bytes (4 MiB).
pub const PACK_PARTS_BYTES: u64 = 4 << 20;

/// Largest signed manifest of a pack, in bytes (64 MiB).
pub const PACK_MANIFEST_BYTES: u64 = 64 << 20;

/// Most images of a pack.
pub const PACK_IMAGES: usize = 4_096;

/// Longest name of a pack, in bytes.
pub const PACK_NAME_BYTES: usize = 128;

/// Largest state file of received packs, in bytes (4 MiB).
pub const PACK_STATE_BYTES: u64 = 4 << 20;

/// Most manifests that one copy moves, those of attached objects included.
pub const COPY_MANIFESTS: usize = 16_384;

/// Most bytes of manifests that one copy moves (256 MiB).
pub const COPY_MANIFEST_BYTES: u64 = 256 << 20;

/// Most manifests that are read to find the image of a platform.
pub const PLATFORM_MANIFESTS: usize = 1_024;

/// Most objects that one listing of what hangs on an image shows.
pub const TREE_OBJECTS: usize = 16_384;

/// Longest chain of objects that are attached to attached objects.
pub const ATTACHED_DEPTH: usize = 4;

/// Longest text from outside that a finding shows, in bytes; what is longer is shown in part and says so.
pub const FINDING_TEXT_BYTES: usize = 1_024;

/// Longest image name that is read, in bytes.
pub const REFERENCE_BYTES: usize = 4_096;

/// Longest repository path, in bytes (distribution specification: 255 with the registry's host).
pub const REPOSITORY_BYTES: usize = 255;

/// Longest tag, in bytes (distribution specification, "Pulling manifests").
pub const TAG_BYTES: usize = 128;

/// Time for the verification of one image, in seconds.
pub const VERIFY_SECONDS: u64 = 30;

/// Time that a transfer may stand still, in seconds.
pub const STALL_SECONDS: u64 = 30;

/// Largest predicate of a scan, in bytes (32 MiB, as an attestation).
pub const SCAN_PREDICATE_BYTES: usize = 32 << 20;

/// Most findings of one scan; as many licences, violations and operational risks.
pub const SCAN_FINDINGS: usize = 100_000;

/// Most items of one list inside a finding (aliases, fixed versions, layers, weaknesses), and most parameters of a scanner.
pub const SCAN_LIST: usize = 1_024;

/// Longest text of a scan, in bytes (8 KiB).
pub const SCAN_TEXT_BYTES: usize = 8 << 10;

/// Largest report of a scanner, in bytes (128 MiB).
pub const REPORT_BYTES: usize = 128 << 20;

/// Most objects that a report of a scanner may hold, counted as opening braces.
pub const REPORT_OBJECTS: usize = 4_000_000;

/// Most items of one list of a report of a scanner.
pub const REPORT_ENTRIES: usize = 100_000;

/// Most statements of one OpenVEX document; a document with more takes nothing away.
pub const VEX_STATEMENTS: usize = 10_000;

/// Findings of a scan that one refusal names; the others are counted.
pub const SCAN_FINDINGS_SHOWN: usize = 5;

/// Most rules of a policy.
pub const POLICY_RULES: usize = 1_024;

/// Most exemptions of a policy.
pub const POLICY_EXEMPTIONS: usize = 4_096;

/// Most mirrors of a policy.
pub const POLICY_MIRRORS: usize = 1_024;

/// Largest policy file, in bytes (1 MiB).
pub const POLICY_BYTES: u64 = 1 << 20;

/// Deepest nesting of a policy file, aliases followed.
pub const POLICY_DEPTH: usize = 16;

/// Most values of a policy file, aliases followed; a text counts once more for each 64 bytes.
pub const POLICY_NODES: usize = 32_768;

/// Most aliases of a policy file.
pub const POLICY_ALIASES: usize = 64;

/// Most items of one list or mapping of a policy file.
pub const POLICY_LIST: usize = 1_024;

/// Longest text of a policy file, in bytes (16 KiB).
pub const POLICY_TEXT_BYTES: usize = 16 << 10;

/// Problems of a policy file that one message tells; the others are counted.
pub const POLICY_PROBLEMS: usize = 20;

/// Longest condition of a policy, in bytes (4 KiB; rule Y5).
pub const CONDITION_BYTES: usize = 4 << 10;

/// Deepest nesting of a condition.
pub const CONDITION_DEPTH: usize = 32;

/// Most loops (`all`, `exists`, `exists_one`, `filter`, `map`) of a condition, one inside the other (rule Y5).
pub const CONDITION_LOOPS: usize = 2;

/// Largest pattern of a condition when it is compiled, in bytes (256 KiB).
pub const CONDITION_PATTERN_BYTES: usize = 256 << 10;

/// Most turns of a loop of a condition, times those of the loop around it (rule Y5).
pub const CONDITION_TURNS: usize = 100_000;

/// Most steps that evaluating one condition takes: one for each part of it that is looked at, and one more for every 16
/// bytes of text that are read or made.
pub const CONDITION_STEPS: u64 = 2_000_000;

/// Largest signed document of our own, a policy's signature or a decision record, in bytes (32 MiB).
pub const DOCUMENT_BYTES: u64 = 32 << 20;
