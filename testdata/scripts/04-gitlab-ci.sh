#!/bin/sh
# before_script and script of a GitLab job: the key is a masked variable in base64, the password is piped in.
set -eu
COSIGN_KEY_B64=$(base64 <cosign.key)
password=$COSIGN_PASSWORD
unset COSIGN_PASSWORD

printf '%s' "$COSIGN_KEY_B64" | base64 -d >ci.key
chmod 600 ci.key
printf '%s\n' "$password" | cosign sign --tlog-upload=false --key ci.key "${IMAGE%:*}@${DIGEST}"
rm ci.key
cosign verify --private-infrastructure=true --key cosign.pub "${IMAGE%:*}@${DIGEST}" >/dev/null
