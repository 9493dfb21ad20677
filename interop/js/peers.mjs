// Sigstore's own JavaScript libraries and waxseal judge each other's bundles, signed by keys and without a log.
//
//   node peers.mjs            prints the table and a closing line; exits 1 where a verdict is not the expected one
//   node peers.mjs FILE       writes the table to FILE as well
//
// WAXSEAL names the binary. The keys are the throwaway keys of testdata/cosign.

import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundleFromJSON, bundleToJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { DSSEBundleBuilder, MessageSignatureBundleBuilder } from '@sigstore/sign';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';

import { Layout, sha256 } from './layout.mjs';

const WAXSEAL = process.env.WAXSEAL;
const KEYS = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'testdata', 'cosign', 'keys');
const IN_TOTO = 'application/vnd.in-toto+json';
const SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';

const folder = mkdtempSync(join(tmpdir(), 'waxseal-interop-'));
let made = 0;
const fresh = (name) => join(folder, `${(made += 1)}-${name}`);

// --- The two judges. Each says `admit` or why not.

// Sigstore's verifier with one trusted key, whatever the bundle's hint says, and no log or timestamp wanted.
function theirs(bundle, key, blob) {
  const publicKey = createPublicKey(readFileSync(join(KEYS, `${key}.pub`)));
  const trust = toTrustMaterial(TrustedRoot.fromJSON({}), () => ({ publicKey, validFor: () => true }));
  const verifier = new Verifier(trust, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 });
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(bundle), blob));
    return 'admit';
  } catch (error) {
    if (error.name !== 'VerificationError' && error.name !== 'ValidationError') throw error;
    return error.code === 'SIGNATURE_ERROR' ? 'refuse' : `refuse (${error.message})`;
  }
}

function verdict(args) {
  const { status, stderr } = spawnSync(WAXSEAL, args, { encoding: 'utf8' });
  if (status === 0) return 'admit';
  if (status === 1) return 'refuse';
  throw new Error(`${args.join(' ')}: exit ${status}\n${stderr}`);
}

function ours(bundle, key, blob) {
  const keyFile = join(KEYS, `${key}.pub`);
  if (blob === undefined) {
    const layout = Layout.create(fresh('image'));
    layout.attach(bundle);
    return verdict(['verify', '--offline', '--output', 'verdict', '--key', keyFile, layout.name]);
  }
  const [bundleFile, blobFile] = [fresh('bundle.json'), fresh('blob')];
  writeFileSync(bundleFile, JSON.stringify(bundle));
  writeFileSync(blobFile, blob);
  return verdict(['verify-blob', '--output', 'verdict', '--key', keyFile, '--bundle', bundleFile, blobFile]);
}

// --- The two signers. An image's bundle has an envelope, a blob's the signature of the blob itself.

const BLOB = Buffer.from('a release, or what stands for one\n');

function waxseal(...args) {
  const env = { ...process.env, WAXSEAL_PASSWORD: 'example' };
  execFileSync(WAXSEAL, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

function signedByUs(kind, key, algorithm) {
  const flags = ['--key', join(KEYS, `${key}.key`)];
  if (algorithm) flags.push('--signing-algorithm', algorithm);
  if (kind === 'image') {
    const layout = Layout.create(fresh('image'));
    waxseal('sign', '--offline', '--format', 'bundle', ...flags, layout.name);
    const bundles = layout.bundles();
    if (bundles.length !== 1) throw new Error(`expected one bundle, found ${bundles.length}`);
    return bundles[0];
  }
  const [bundleFile, blobFile] = [fresh('bundle.json'), fresh('blob')];
  writeFileSync(blobFile, BLOB);
  waxseal('sign-blob', ...flags, '--bundle', bundleFile, blobFile);
  return JSON.parse(readFileSync(bundleFile));
}

async function signedByThem(kind, key, hash, hint) {
  const privateKey = createPrivateKey(readFileSync(join(KEYS, `${key}.plain.pem`)));
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const signer = {
    sign: async (data) => ({
      signature: sign(hash, data, privateKey),
      key: {
        $case: 'publicKey',
        publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
        hint: hint ?? sha256(spki).toString('base64'),
      },
    }),
  };
  if (kind === 'image') {
    const digest = Layout.create(fresh('image')).digest;
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: digest } }],
      predicateType: SIGNATURE,
      predicate: {},
    };
    const builder = new DSSEBundleBuilder({ signer, witnesses: [] });
    return bundleToJSON(await builder.create({ data: Buffer.from(JSON.stringify(statement)), type: IN_TOTO }));
  }
  return bundleToJSON(await new MessageSignatureBundleBuilder({ signer, witnesses: [] }).create({ data: BLOB }));
}

// --- What is changed. An image's bundle carries its payload; a blob stands beside its bundle.

function changed(bundle, blob) {
  if (blob !== undefined) return [bundle, Buffer.concat([blob, Buffer.from('!')])];
  const copy = structuredClone(bundle);
  const statement = JSON.parse(Buffer.from(copy.dsseEnvelope.payload, 'base64'));
  statement.subject[0].annotations = { stage: 'release' };
  copy.dsseEnvelope.payload = Buffer.from(JSON.stringify(statement)).toString('base64');
  return [copy, undefined];
}

// --- The cases: kind, key, algorithm, and what their verifier says of the right key. Ours always admits.

const SHA256 = 'hashes with SHA-256 only';
const FROM_US = [
  ['image', 'p256', undefined, 'admit'],
  ['image', 'rsa2048', undefined, 'admit'],
  ['image', 'p384', undefined, 'refuse', SHA256],
  ['image', 'p384', 'ecdsa-sha2-256-nistp384', 'admit'],
  ['image', 'p521', undefined, 'refuse', SHA256],
  ['image', 'p521', 'ecdsa-sha2-256-nistp521', 'admit'],
  ['image', 'ed25519', undefined, 'admit'],
  ['image', 'ed25519', 'ed25519-ph', 'refuse', 'knows the pure form only'],
  ['blob', 'p256', undefined, 'admit'],
  ['blob', 'rsa2048', undefined, 'admit'],
  ['blob', 'p384', undefined, 'admit', 'hashes as the bundle names'],
  ['blob', 'p384', 'ecdsa-sha2-256-nistp384', 'admit'],
  ['blob', 'p521', undefined, 'admit', 'hashes as the bundle names'],
  ['blob', 'p521', 'ecdsa-sha2-256-nistp521', 'admit'],
  ['blob', 'ed25519', undefined, 'refuse', 'hashes first, which pure Ed25519 never does'],
  ['blob', 'ed25519', 'ed25519-ph', 'refuse', 'knows the pure form only'],
];

// Kind, key, the hash that their signer is told to use, and a hint if not the key's digest.
const FROM_THEM = [
  ['image', 'p256-imported', 'sha256'],
  ['image', 'p256-imported', 'sha256', ''],
  ['image', 'p256-imported', 'sha256', 'a name of their own'],
  ['image', 'rsa2048', 'sha256'],
  ['image', 'p384', 'sha256'],
  ['image', 'p384', 'sha384'],
  ['image', 'p521', 'sha256'],
  ['image', 'p521', 'sha512'],
  ['image', 'ed25519', null],
  ['blob', 'p256-imported', 'sha256'],
  ['blob', 'p256-imported', 'sha256', ''],
  ['blob', 'rsa2048', 'sha256'],
  ['blob', 'p384', 'sha256'],
  ['blob', 'p384', 'sha384'],
  ['blob', 'p521', 'sha512'],
  ['blob', 'ed25519', null],
];

const failures = [];
let passed = 0;

function expect(found, expected, what) {
  if (found === expected) passed += 1;
  else failures.push(`${what}: expected ${expected}, found ${found}`);
  return found;
}

const other = (key) => (key === 'p256-other' || key.startsWith('p256') ? 'p256-other' : 'p256');

// The three questions of a bundle, to both: the right key, another key, something changed.
function judge(what, bundle, key, blob, expectations) {
  const [changedBundle, changedBlob] = changed(bundle, blob);
  const asked = [
    [bundle, key, blob, expectations, 'the right key'],
    [bundle, other(key), blob, ['refuse', 'refuse'], 'another key'],
    [changedBundle, key, changedBlob, ['refuse', 'refuse'], 'changed'],
  ];
  return asked.map(([b, k, data, [us, them], question]) => {
    const ourVerdict = expect(ours(b, k, data), us, `${what}, ${question}, waxseal`);
    const theirVerdict = expect(theirs(b, k, data), them, `${what}, ${question}, @sigstore/verify`);
    return ourVerdict === theirVerdict ? ourVerdict : `${ourVerdict} / **${theirVerdict}**`;
  });
}

const rows = { us: [], them: [] };
for (const [kind, key, algorithm, them, note] of FROM_US) {
  const bundle = signedByUs(kind, key, algorithm);
  const what = `${kind} by ${key}${algorithm ? `, ${algorithm}` : ''}`;
  const found = judge(what, bundle, key, kind === 'blob' ? BLOB : undefined, ['admit', them]);
  rows.us.push([kind, key, algorithm ? `\`${algorithm}\`` : 'default', ...found, note ?? '']);
}
for (const [kind, key, hash, hint] of FROM_THEM) {
  const bundle = await signedByThem(kind, key, hash, hint);
  const what = `${kind} of theirs by ${key}, ${hash}, hint ${hint}`;
  const blob = kind === 'blob' ? BLOB : undefined;
  const [changedBundle, changedBlob] = changed(bundle, blob);
  const found = [
    expect(ours(bundle, key, blob), 'admit', `${what}, the right key`),
    expect(ours(bundle, other(key), blob), 'refuse', `${what}, another key`),
    expect(ours(changedBundle, key, changedBlob), 'refuse', `${what}, changed`),
  ];
  const version = bundle.mediaType.match(/\d\.\d/)[0];
  const named = hint === undefined ? "the key's digest" : hint === '' ? 'none' : `"${hint}"`;
  rows.them.push([kind, key, hash ?? 'pure', version, named, ...found]);
}
rmSync(folder, { recursive: true });

// --- The table.

const require = createRequire(import.meta.url);
const versionOf = (name) => {
  const entry = require.resolve(name);
  const root = entry.slice(0, entry.indexOf(name) + name.length);
  return `${name} ${JSON.parse(readFileSync(join(root, 'package.json'))).version}`;
};
const versions = ['@sigstore/verify', '@sigstore/sign', '@sigstore/bundle'].map(versionOf).join(', ');
const table = (head, body) =>
  [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const ourVersion = execFileSync(WAXSEAL, ['--version'], { encoding: 'utf8' }).trim();
const text = `# What Sigstore's JavaScript libraries say

${ourVersion} and
${versions}, on Node ${process.versions.node},
judged each other's bundles: signed by a key, without a transparency log or a timestamp. \`interop/js/run --write\`
made this page; \`interop/js/run\` fails where a verdict is another one. What two Rust crates say stands in
[interop/rust](../interop/rust/README.md).

An *image* bundle holds a DSSE envelope with cosign's statement and hangs on an image in an OCI layout; a *blob*
bundle holds the signature of a file. "Changed" is an annotation added to the statement, or a byte to the file.
Where the two verdicts differ, waxseal's stands first. The keys are named as in testdata/cosign/keys.

## waxseal signed

${table(['bundle', 'key', '`--signing-algorithm`', 'right key', 'another key', 'changed', 'why they differ, or agree'], rows.us)}

Their verifier hashes what an envelope holds with SHA-256, whatever the key. For such readers sign images with
\`--signing-algorithm ecdsa-sha2-256-nistp384\` (or \`-nistp521\`). It verifies pure Ed25519 in an envelope and never
over a file: sign files for it with an ECDSA or RSA key.

## @sigstore/sign signed, with a key of its own

${table(['bundle', 'key', 'hash', 'version', 'hint', 'right key', 'another key', 'changed'], rows.them)}

waxseal tries the operator's key whatever the hint says, as their verifier does when its key finder answers to
every hint. Their builder names a SHA-256 digest of the file in every bundle, whichever hash the signature is over,
and writes version 0.2 for files; waxseal reads both.
`;
console.log(text);
if (process.argv[2]) writeFileSync(process.argv[2], text);
for (const failure of failures) console.error(`FAILED ${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length ? 1 : 0);
