#!/bin/sh
# A key that never meets a network, and a site that never meets the build: from what was built to a gate that admits it.
#
#   IMAGE       what was pushed, as registry.example.com/team/app:1.0
#   DIGEST      its digest, as the build printed it
#   KEY         the private key, where no network is: a file, or a key in a token, as pkcs11:token=release;object=signing; or
#               OPENSSL_KEY, a file in PEM without a password, for openssl
#   PUBLIC_KEY  its public half, which everybody has
#   KEY_HOME    the home of whoever has the key
#   PACK_KEY, PACK_PUBLIC_KEY   the key pair of who carries images over
#   SITE        the registry behind the air gap, as registry.site.example/mirror
#   NO_NETWORK  what a command is put behind to have no network, as unshare --map-root-user --net (default: nothing)
set -eu

# What must hold, on both sides: the site's registry stands for the one that the images were signed for.
cat >policy.yaml <<YAML
apiVersion: waxseal/v1
kind: Policy
name: releases
keys:
  release: { file: "$PUBLIC_KEY" }
mirrors:
  - { from: "$SITE", to: "${IMAGE%%/*}" }
rules:
  - images: ["${IMAGE%%/*}/**"]
    require:
      - signature: { by: [release], annotations: { stage: release }, signedFor: ["${IMAGE%:*}"] }
YAML

# 1. Beside the registry: what is to be signed. The request is kept; a copy of it goes to the key.
waxseal payload --expect-digest "$DIGEST" -a stage=release --out request.json --raw to-sign "$IMAGE"
mkdir -p key-machine
cp -R request.json to-sign key-machine

# 2. Where the key is. The person there sees what is signed, and compares the digest with what the build's owner said.
if [ -n "${OPENSSL_KEY:-}" ]; then
    for name in simple-signing dsse-pae; do
        ${NO_NETWORK:-} openssl pkeyutl -sign -rawin -digest sha256 -inkey "$OPENSSL_KEY" \
            -in "key-machine/to-sign/$name.bin" -out "key-machine/$name.sig"
    done
    set -- --signature key-machine/simple-signing.sig --signature key-machine/dsse-pae.sig
else
    HOME=$KEY_HOME ${NO_NETWORK:-} waxseal sign-payload key-machine/request.json \
        --key "$KEY" --expect-digest "$DIGEST" --out key-machine/response.json
    set -- --from-text key-machine/response.json
fi

# 3. Beside the registry: nothing is written but what verifies with the key that is named here.
waxseal attach response "$@" "$IMAGE" --key "$PUBLIC_KEY" --request request.json --expect-digest "$DIGEST"

# 4. One file, with the image and everything that hangs on it; only what the policy admits is packed.
waxseal pack --policy policy.yaml --key "$PACK_KEY" --out app.wax.tar "$IMAGE"

# 5. The medium moves. Behind the air gap all of it is verified before anything is written.
mkdir -p site
mv app.wax.tar site
waxseal unpack --key "$PACK_PUBLIC_KEY" --policy policy.yaml --to "$SITE" site/app.wax.tar

# 6. The gate of the site: the manifests with the digest that was judged.
cat >deployment.yaml <<YAML
kind: Pod
apiVersion: v1
metadata: { name: app }
spec: { containers: [{ name: app, image: "$SITE/${IMAGE#*/}" }] }
YAML
waxseal gate --policy policy.yaml --pin -f deployment.yaml --output-file pinned.yaml
grep -F "$SITE/${IMAGE#*/}@$DIGEST" pinned.yaml
