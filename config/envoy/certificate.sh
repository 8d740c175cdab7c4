#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes a certificate, its key and the mesh's roots as Envoy reads them from files (secrets over SDS), for
# `NAVARCH_SECRETS: file:FOLDER` in config/envoy/secure.yaml:
#   config/envoy/certificate.sh CERT-CHAIN KEY ROOTS FOLDER
# To be run again for each new certificate: both files are replaced in one step each, and Envoy follows. The
# agent writes such PEM files where there is no Envoy to start: DISABLE_ENVOY=true OUTPUT_CERTS=DIR.
set -euo pipefail
[ $# = 4 ] || { echo "usage: config/envoy/certificate.sh CERT-CHAIN KEY ROOTS FOLDER" >&2; exit 2; }
for file in "$1" "$2" "$3"; do
  grep -q -- '-----BEGIN ' "$file" || { echo "certificate.sh: $file is no PEM" >&2; exit 2; }
done
umask 077
mkdir -p "$4"

# The text of a file as a block of YAML.
block() { sed 's/^/        /' "$1"; }
type=type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret

cat >"$4/ROOTCA.yaml.new" <<TEXT
resources:
- "@type": $type
  name: ROOTCA
  validation_context:
    trusted_ca:
      inline_string: |
$(block "$3")
TEXT
cat >"$4/default.yaml.new" <<TEXT
resources:
- "@type": $type
  name: default
  tls_certificate:
    certificate_chain:
      inline_string: |
$(block "$1")
    private_key:
      inline_string: |
$(block "$2")
TEXT
mv "$4/ROOTCA.yaml.new" "$4/ROOTCA.yaml"
mv "$4/default.yaml.new" "$4/default.yaml"
