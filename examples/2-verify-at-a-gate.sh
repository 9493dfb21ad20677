#!/bin/sh
# The gate before a deploy: what is admitted is deployed by the digest that was judged, never by its tag.
#
#   IMAGE       what is to be deployed, as registry.example.com/team/app:1.0
#   UNSIGNED    an image that must not pass, to see that the gate is closed
#   PUBLIC_KEY  the key that must have signed
set -eu

gate() {
    # 0 admitted, 1 refused, 3 could not look (try again later), 2 and 4 mistakes of this script or its configuration.
    status=0
    waxseal verify --key "$PUBLIC_KEY" -a stage=release --signed-for same --verdict-file verdict.json "$1" >/dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        echo "$1 is not deployed (exit code $status); verdict.json says why" >&2
        return "$status"
    fi
    jq -r .subject verdict.json
}

pinned=$(gate "$IMAGE")
echo "deploying $pinned"

if gate "$UNSIGNED"; then
    echo "the gate is open" >&2
    exit 1
fi
