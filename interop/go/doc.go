// Package interop holds tests alone: cosign's own packages, version 3 and version 2, verify what
// waxseal signs, and waxseal verifies what they sign.
//
// It must not repeat waxseal's reading of a format: payloads, statements, envelopes, bundles,
// manifests and checks on cosign's side come from cosign's packages, keys from its key generator.
// Nothing is reached but registries on loopback and a temporary directory.
package interop
