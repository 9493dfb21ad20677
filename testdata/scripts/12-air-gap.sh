#!/bin/sh
# Save on one side, check what came over, load on the other.
set -eu
cosign sign --yes --key cosign.key "$IMAGE"
cosign save "$IMAGE" --dir transfer
tar cf transfer.tar transfer && rm -r transfer
tar xf transfer.tar
cosign verify --offline --local-image --key cosign.pub transfer >/dev/null
cosign load --dir transfer "$MIRROR/site/app:1.0"
cosign verify --offline=true --key cosign.pub "$MIRROR/site/app:1.0" >/dev/null
