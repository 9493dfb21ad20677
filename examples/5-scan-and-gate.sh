#!/bin/sh
# Xray's verdict on an image, signed and held against a limit: what used to be an annotation that anybody could write.
#
#   IMAGE                   what was pushed and is scanned, as docker.example.com/docker-local/app:1.0
#   JF_URL, JF_ACCESS_TOKEN the JFrog platform, and a token that may read the scan
#   SCAN_KEY                the key of the scan job: another one than the key that signs releases
#   SCAN_PUBLIC_KEY         its public half, which every gate has
#   WAIT                    how long the end of the scan is waited for (default: 20m)
#   LIMIT                   the worst severity that may be deployed (default: High)
set -eu

# The scan job: waits for Xray, binds the result to the digest, and signs it. Exit code 3: there is no result (yet).
waxseal scan fetch --wait "${WAIT:-20m}" --attest --key "$SCAN_KEY" --output-file report.json "$IMAGE"

# For people: what was found, and what to upgrade to what.
waxseal scan show --output html report.json >report.html

# The gate, in a pipeline or before a deploy: the newest scan by that key, of exactly this digest, not older than a week.
waxseal verify-attestation --key "$SCAN_PUBLIC_KEY" --type scan --max-age 7d --max-severity "${LIMIT:-High}" \
    --verdict-file verdict.json "$IMAGE" >/dev/null
