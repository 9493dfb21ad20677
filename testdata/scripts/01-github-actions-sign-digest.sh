#!/bin/sh
# A workflow step behind docker/build-push-action: sign the digest with a key from the secrets.
set -eu
COSIGN_PRIVATE_KEY=$(cat cosign.key)
COSIGN_PUBLIC_KEY=$(cat cosign.pub)
export COSIGN_PRIVATE_KEY COSIGN_PUBLIC_KEY

cosign sign --yes --key env://COSIGN_PRIVATE_KEY "${IMAGE%:*}@${DIGEST}"
cosign verify --key env://COSIGN_PUBLIC_KEY "${IMAGE%:*}@${DIGEST}" >/dev/null
