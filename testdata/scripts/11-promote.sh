#!/bin/sh
# Promotion from one registry to another, each with its own credentials in DOCKER_CONFIG.
set -eu
cosign sign --yes --key cosign.key "${IMAGE%:*}@${DIGEST}"
cosign copy --force "$IMAGE" "$MIRROR/prod/app:1.0"
cosign verify --key cosign.pub "$MIRROR/prod/app:1.0" 2>/dev/null |
    jq -e --arg digest "$DIGEST" '.[0].critical.image["docker-manifest-digest"] == $digest' >/dev/null
cosign tree "$MIRROR/prod/app:1.0" | grep -q "$(echo "$DIGEST" | tr : -).sig"
