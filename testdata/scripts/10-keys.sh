#!/bin/sh
# Make a key pair without questions, import one of OpenSSL's, and print public halves.
set -eu
COSIGN_PASSWORD="" cosign generate-key-pair --output-key-prefix deploy
test "$(cosign public-key --key deploy.pub)" = "$(cat deploy.pub)"
COSIGN_PASSWORD="" cosign public-key --key deploy.key --outfile again.pub
cmp deploy.pub again.pub
cosign import-key-pair --key plain.pem --output-key-prefix imported
cosign sign -y --key imported.key "$IMAGE"
cosign verify --key imported.pub "$IMAGE" >/dev/null
