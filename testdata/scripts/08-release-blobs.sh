#!/bin/sh
# Artefacts of a release: a signature beside each file, and a bundle for the checksums.
set -eu
for name in app-linux-amd64 app-linux-arm64; do
    echo "$name" >"$name"
    cosign sign-blob --yes --tlog-upload=false --key cosign.key --output-signature "$name.sig" "$name"
done
sha256sum app-linux-* >checksums.txt
cosign sign-blob -y --use-signing-config=false --key cosign.key --bundle checksums.txt.bundle checksums.txt >signature.b64

for name in app-linux-amd64 app-linux-arm64; do
    cosign verify-blob --insecure-ignore-tlog --key cosign.pub --signature "$name.sig" "$name"
done
cosign verify-blob --key cosign.pub --bundle checksums.txt.bundle checksums.txt 2>said
grep -qx 'Verified OK' said
cosign verify-blob --key cosign.pub --signature "$(cat signature.b64)" checksums.txt
echo more >>checksums.txt
if cosign verify-blob --key cosign.pub --bundle checksums.txt.bundle checksums.txt 2>/dev/null; then exit 1; fi
