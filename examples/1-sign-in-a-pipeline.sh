#!/bin/sh
# The job behind the push: sign the digest that was built, and keep what was signed with the build's artefacts.
#
#   IMAGE            what was pushed, as registry.example.com/team/app:1.0
#   DIGEST           its digest, as the build printed it
#   KEY, PUBLIC_KEY  the key pair; the password comes from WAXSEAL_PASSWORD or COSIGN_PASSWORD
set -eu

# Fails, and signs nothing, if somebody has moved the tag since the push.
waxseal sign --key "$KEY" --expect-digest "$DIGEST" -a stage=release -o json "$IMAGE" >signed.json

# As whoever deploys will see it.
waxseal verify --key "$PUBLIC_KEY" -a stage=release --signed-for same --verdict-file verdict.json "$IMAGE" >/dev/null
