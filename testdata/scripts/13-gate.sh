#!/bin/bash
# A deploy gate: every image of a list must be signed, and the one that is not must stop it.
set -euo pipefail
COSIGN_YES=true cosign sign --key cosign.key "$IMAGE"
gate() {
    local failed=0
    while read -r image; do
        if ! cosign verify --key cosign.pub --output text "$image" >>gate.log 2>&1; then
            echo "not signed: $image"
            failed=1
        fi
    done
    return "$failed"
}
echo "$IMAGE" | gate
if printf '%s\n%s\n' "$IMAGE" "$UNSIGNED" | gate >stopped; then exit 1; fi
grep -q "not signed: $UNSIGNED" stopped
