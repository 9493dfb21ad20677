#!/bin/sh
# docker/metadata-action gives several tags of one build; all go into one call.
set -eu
TAGS="${IMAGE%:*}:1.0
${IMAGE%:*}:latest"
images=""
for tag in ${TAGS}; do
    images="${images} ${tag}@${DIGEST}"
done
# shellcheck disable=SC2086
cosign sign --yes --key cosign.key ${images}
# shellcheck disable=SC2086
cosign verify --key cosign.pub ${images} >/dev/null
