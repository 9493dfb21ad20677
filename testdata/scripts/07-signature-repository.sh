#!/bin/sh
# Signatures in a repository of their own, because the image's is read-only for this job.
set -eu
export COSIGN_REPOSITORY="$REGISTRY/signatures"

cosign sign --yes --key cosign.key "${IMAGE%:*}@${DIGEST}"
cosign verify --key cosign.pub "$IMAGE" >/dev/null
test "$(cosign triangulate "$IMAGE")" = "$REGISTRY/signatures:$(echo "$DIGEST" | tr : -).sig"
unset COSIGN_REPOSITORY
if cosign verify --key cosign.pub "$IMAGE" >/dev/null 2>&1; then
    echo "the image's own repository must not have a signature" >&2
    exit 1
fi
