#!/bin/sh
# A script from the first years: one dash before long names, formats chosen by hand.
set -eu
cosign sign -key cosign.key -a env=prod "$IMAGE"
cosign verify -key cosign.pub -a env=prod "$IMAGE" >/dev/null
cosign sign --new-bundle-format=false --use-signing-config=false --tlog-upload=false -y --key cosign.key "$IMAGE"
cosign verify --new-bundle-format=false --key cosign.pub "$IMAGE" >/dev/null
