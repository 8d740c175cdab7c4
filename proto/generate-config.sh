#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes Sources/Configuration/Generated from proto/istio. Needs python3 and protoc; keeps PyPI's
# protobuf in .venv of the package.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
venv="$top/.venv"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import google.protobuf' 2>/dev/null \
  || "$venv/bin/pip" install --quiet --disable-pip-version-check 'protobuf>=5,<8'
exec "$venv/bin/python" "$top/proto/generate_config.py" "$@"
