#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes a token as Envoy reads one from a file (a secret over SDS), for config/envoy/secure.yaml.
#   config/envoy/token.sh TOKEN FILE     the file is replaced in one step, and only its owner reads it
set -euo pipefail
[ $# = 2 ] || { echo "usage: config/envoy/token.sh TOKEN FILE" >&2; exit 2; }
[[ $1 =~ ^[A-Za-z0-9_.-]+$ ]] || { echo "token.sh: that is no token" >&2; exit 2; }
umask 077
cat >"$2.new" <<TEXT
resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: token
  generic_secret:
    secret: {inline_string: "Bearer $1"}
TEXT
mv "$2.new" "$2"
