#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts an unmodified Envoy against the control plane, as a sidecar or as a gateway.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: config/envoy/run.sh sidecar|gateway [OPTION...] [-- ENVOY-ARGUMENT...]

Without options: the productpage sidecar, or the ingress gateway, of config/samples/bookinfo.

  --ip ADDRESS            address of the pod (or of the VM) that this Envoy stands for
  --pod NAME              name of the pod
  --namespace NAME        its namespace
  --labels KEY=VALUE,...  its labels
  --service-account NAME  its service account (the pod's app)
  --xds ADDRESS:PORT      the control plane's gRPC address (127.0.0.1:15010; 15012 with a token)
  --token FILE            proves who it is, by TLS, with this file of config/envoy/token.sh
  --roots FILE            the mesh's roots, with --token
  --secrets ads|file:DIR  where its own certificate comes from, with --token: the control plane (with
                          --allowAgentlessKeys), or files of config/envoy/certificate.sh
  --admin ADDRESS:PORT    where Envoy's admin page listens (127.0.0.1:15000)
  --protocol delta|sotw   incremental ADS, or state of the world (delta)
  --mode REDIRECT|NONE    REDIRECT: iptables bring the traffic to 15001 and 15006;
                          NONE: the listeners bind their real ports (REDIRECT)
  --cluster-id NAME       cluster of the pod (Kubernetes)
  --domain NAME           cluster domain (cluster.local)
  --envoy PATH            Envoy's binary (ENVOY, else that of .venv/envoy)
  --print                 print the bootstrap and exit
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
die() { echo "run.sh: $*" >&2; exit 2; }

find_envoy() {
  local found
  for found in "$root"/.venv/envoy/lib/python3*/site-packages/envoy/_bin/envoy; do
    if [ -x "$found" ]; then echo "$found"; return; fi
  done
  command -v envoy || die "no Envoy: run Tests/EndToEnd/setup, or give --envoy PATH"
}

kind=${1:-}
case $kind in
  sidecar) ip=10.244.1.11 pod=productpage-v1 namespace=default type=sidecar
    labels=app=productpage,version=v1 ;;
  gateway) ip=10.244.1.20 pod=istio-ingressgateway namespace=istio-system type=router
    labels=app=istio-ingressgateway,istio=ingressgateway ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
shift
xds= account= token= roots= secrets=none admin=127.0.0.1:15000 protocol=delta mode=REDIRECT
cluster_id=Kubernetes domain=cluster.local envoy=${ENVOY:-} print=
while [ $# -gt 0 ]; do
  case $1 in
    --print) print=1; shift; continue ;;
    --) shift; break ;;
    -h | --help) usage; exit 0 ;;
  esac
  [ $# -ge 2 ] || die "$1 needs a value"
  case $1 in
    --ip) ip=$2 ;;
    --pod) pod=$2 ;;
    --namespace) namespace=$2 ;;
    --labels) labels=$2 ;;
    --service-account) account=$2 ;;
    --token) token=$2 ;;
    --roots) roots=$2 ;;
    --secrets) secrets=$2 ;;
    --xds) xds=$2 ;;
    --admin) admin=$2 ;;
    --protocol) protocol=$2 ;;
    --mode) mode=$2 ;;
    --cluster-id) cluster_id=$2 ;;
    --domain) domain=$2 ;;
    --envoy) envoy=$2 ;;
    *) die "unknown option $1 (--help lists them)" ;;
  esac
  shift 2
done

case $protocol in
  delta) api=DELTA_GRPC ;;
  sotw) api=GRPC ;;
  *) die "--protocol is delta or sotw, not $protocol" ;;
esac
template=$kind port=15010
if [ -n "$token$roots" ]; then
  [ -n "$token" ] && [ -n "$roots" ] || die "of --token and --roots one needs the other"
  template=secure port=15012
fi
case $secrets in
  none) ;;
  ads | file:/*) [ $template = secure ] || die "--secrets needs --token and --roots" ;;
  *) die "--secrets is ads or file:/DIR, not $secrets" ;;
esac
xds=${xds:-127.0.0.1:$port}
app=$(tr ',' '\n' <<<"$labels" | sed -n 's/^app=//p' | head -1)

# One flow map of quoted strings: {"app": "reviews", "version": "v1"}.
label_map() {
  local pair out=
  local -a pairs
  IFS=, read -r -a pairs <<<"$labels"
  for pair in ${pairs[@]+"${pairs[@]}"}; do
    [[ $pair == *=* ]] || die "--labels: \"$pair\" is not KEY=VALUE"
    out+="${out:+, }\"${pair%%=*}\": \"${pair#*=}\""
  done
  echo "{$out}"
}
map=$(label_map)

# set KEY VALUE: an expression that replaces the value of the line marked "set:KEY".
set_line() {
  local value=${2//\\/\\\\}
  value=${value//&/\\&}
  value=${value//|/\\|}
  echo "/# set:$1\$/s|: .*  # set:$1\$|: $value|"
}
bootstrap=$(sed \
  -e "$(set_line id "$type~$ip~$pod.$namespace~$namespace.svc.$domain")" \
  -e "$(set_line cluster "${app:-$pod}.$namespace")" \
  -e "$(set_line namespace "$namespace")" \
  -e "$(set_line service-account "${account:-${app:-$pod}}")" \
  -e "$(set_line token "$token")" \
  -e "$(set_line roots "$roots")" \
  -e "$(set_line secrets "$secrets")" \
  -e "$(set_line cluster-id "$cluster_id")" \
  -e "$(set_line mode "$mode")" \
  -e "$(set_line labels "$map")" \
  -e "$(set_line admin-address "${admin%:*}")" \
  -e "$(set_line admin-port "${admin##*:}")" \
  -e "$(set_line protocol "$api")" \
  -e "$(set_line xds-address "${xds%:*}")" \
  -e "$(set_line xds-port "${xds##*:}")" \
  "$root/config/envoy/$template.yaml")
if [ -n "$print" ]; then echo "$bootstrap"; exit 0; fi

[ -n "$envoy" ] || envoy=$(find_envoy)
exec "$envoy" --config-yaml "$bootstrap" "$@"
