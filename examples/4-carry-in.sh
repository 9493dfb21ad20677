#!/bin/sh
# Behind the air gap: verify what the medium holds before it goes anywhere, load it, and verify it where it stands.
#
#   IMAGE       what was carried over: its tag is looked for on the medium
#   TARGET      where it goes, as registry.site.example/team/app:1.0; the registry's credentials are in Docker's file
#   PUBLIC_KEY  the key that must have signed, from this side: not the one on the medium
set -eu

waxseal verify --offline --key "$PUBLIC_KEY" -a stage=release oci:medium/app:"${IMAGE##*:}" >/dev/null
waxseal load --dir medium/app "$TARGET"
waxseal verify --key "$PUBLIC_KEY" -a stage=release "$TARGET" >/dev/null
