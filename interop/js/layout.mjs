// A small OCI image layout, written and read without waxseal: one image, and bundles that refer to it.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const EMPTY = 'application/vnd.oci.empty.v1+json';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest();

export class Layout {
  // Makes a layout with an image of one layer, tagged 1.0.
  static create(directory, content = 'hello, world') {
    const layout = new Layout(directory);
    mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
    writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const layer = layout.put('application/octet-stream', content);
    const diff = { type: 'layers', diff_ids: [layer.digest] };
    const config = layout.put(
      'application/vnd.oci.image.config.v1+json',
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: diff }),
    );
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] });
    layout.list({
      ...layout.put(MANIFEST, manifest),
      annotations: { 'org.opencontainers.image.ref.name': '1.0' },
    });
    return layout;
  }

  constructor(directory) {
    this.directory = directory;
  }

  // The layout as waxseal names it.
  get name() {
    return `oci:${this.directory}:1.0`;
  }

  // The digest of the image, in hex.
  get digest() {
    const tagged = this.index().manifests.find((entry) => entry.annotations?.['org.opencontainers.image.ref.name'] === '1.0');
    return tagged.digest.slice('sha256:'.length);
  }

  put(mediaType, text) {
    const bytes = Buffer.from(text);
    const hex = sha256(bytes).toString('hex');
    writeFileSync(join(this.directory, 'blobs', 'sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  }

  // The JSON of a blob, whose bytes must have its digest and its size.
  get({ digest, size }) {
    const bytes = readFileSync(join(this.directory, 'blobs', ...digest.split(':')));
    const found = `sha256:${sha256(bytes).toString('hex')}`;
    if (found !== digest || bytes.length !== size) {
      throw new Error(`${digest} of ${size} bytes is ${found} of ${bytes.length}`);
    }
    return JSON.parse(bytes);
  }

  index() {
    return JSON.parse(readFileSync(join(this.directory, 'index.json')));
  }

  list(descriptor) {
    let manifests = [];
    try {
      manifests = this.index().manifests;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    manifests.push(descriptor);
    writeFileSync(join(this.directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  }

  // Attaches a bundle to the image.
  attach(bundle) {
    const subject = this.index().manifests[0];
    const { mediaType, digest, size } = subject;
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: BUNDLE,
      config: this.put(EMPTY, '{}'),
      layers: [this.put(BUNDLE, JSON.stringify(bundle))],
      subject: { mediaType, digest, size },
    });
    this.list({ ...this.put(MANIFEST, manifest), artifactType: BUNDLE });
  }

  // The bundles that are attached to the image.
  bundles() {
    return this.index()
      .manifests.filter((entry) => entry.mediaType === MANIFEST)
      .map((entry) => this.get(entry))
      .filter((manifest) => manifest.artifactType === BUNDLE && manifest.subject.digest === `sha256:${this.digest}`)
      .map((manifest) => this.get(manifest.layers[0]));
  }
}
