#!/bin/sh
# Log in first, as jobs without a Docker client do.
set -eu
export DOCKER_CONFIG="$PWD/login"
printf '%s' "$MIRROR_PASSWORD" | cosign login "$MIRROR" -u "$MIRROR_USER" --password-stdin
cosign copy "$PUBLIC_IMAGE" "$MIRROR/team/app:1.0"
cosign sign -y --key cosign.key "$MIRROR/team/app:1.0"
cosign download signature "$MIRROR/team/app:1.0" | head -n 1 | jq -e . >/dev/null
cosign verify --key cosign.pub "$MIRROR/team/app:1.0" >/dev/null
cosign clean --type signature -f "$MIRROR/team/app:1.0"
