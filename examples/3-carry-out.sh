#!/bin/sh
# Before the air gap, with a network: take the image along with everything that hangs on it, and check the medium.
#
#   IMAGE       what is carried over
#   PUBLIC_KEY  the key that must have signed
set -eu

waxseal save --dir medium/app "$IMAGE"
cp "$PUBLIC_KEY" medium/release.pub
waxseal verify --offline --key "$PUBLIC_KEY" -a stage=release oci:medium/app:"${IMAGE##*:}" >/dev/null
