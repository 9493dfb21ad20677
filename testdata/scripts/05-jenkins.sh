#!/bin/sh
# sh step of a Jenkinsfile inside withCredentials([file(...), string(...)]): sign the index and each platform, then
# pin the deployment to the digest that was verified.
set -eu
COSIGN_KEY_FILE=$PWD/cosign.key

cosign sign --recursive=true -y --key "$COSIGN_KEY_FILE" "$INDEX"
verified=$(cosign verify --key cosign.pub "$INDEX" 2>/dev/null | jq -r '.[0].critical.image["docker-manifest-digest"]')
test "$verified" = "$INDEX_DIGEST"
cosign verify --key cosign.pub "${INDEX%:*}@${INDEX_CHILD}" >/dev/null
