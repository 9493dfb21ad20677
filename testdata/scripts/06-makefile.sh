#!/bin/sh
# Targets of a Makefile.
set -eu
printf 'COSIGN ?= cosign\nIMAGE ?= none\n\n.PHONY: sign verify\nsign:\n\t@$(COSIGN) sign --key cosign.key --upload=true -y $(IMAGE)\n\nverify: sign\n\t@$(COSIGN) verify --key cosign.pub $(IMAGE) > verified.json\n' >Makefile
make -s verify "IMAGE=$IMAGE"
grep -q "$DIGEST" verified.json
