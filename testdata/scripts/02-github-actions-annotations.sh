#!/bin/sh
# Annotations from the workflow's context; the deploy job reads them back with jq.
set -eu
GITHUB_REPOSITORY=team/app GITHUB_WORKFLOW="Build & release" GITHUB_SHA=0123456789abcdef

cosign sign --yes --tlog-upload=false --key cosign.key \
    -a "repo=${GITHUB_REPOSITORY}" \
    -a "workflow=${GITHUB_WORKFLOW}" \
    -a "ref=${GITHUB_SHA}" \
    "${IMAGE%:*}@${DIGEST}"

cosign verify --insecure-ignore-tlog=true --key cosign.pub -a "ref=${GITHUB_SHA}" "$IMAGE" 2>/dev/null |
    jq -e --arg workflow "$GITHUB_WORKFLOW" '.[0].optional.workflow == $workflow' >/dev/null
