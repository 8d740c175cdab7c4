#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes proto/istio/schema.txt: what Istio's CRDs ask of an object before any webhook sees it.

Run by hand when Istio's API moves on; its input is a file of a release of Istio:

    proto/derive_istio_schema.py --tag 1.30.3 manifests/charts/base/files/crd-all.gen.yaml

A line `kind GROUP KIND N` says that node N is what objects of the kind say in `spec`. A line
`N TYPE attribute… member:N…` is a node; equal nodes stand once. The member `[]` is an element of a
list, `{}` a value of a map. Attributes that are lists have `,` between their items, and texts are
escaped as in URLs.
"""

import argparse
import pathlib
import re
import sys
import urllib.parse

import yaml

HERE = pathlib.Path(__file__).resolve().parent
HAS = r"\(has\(self\.(\w+)\) \? 1 : 0\)"

# The CRDs' expressions, each with the name of the rule that does the same.
RULES = {
    "duration(self) >= duration('1ms')": "duration",
    '!self.contains("*")': "plain",
    "self.size() == 0": "maxLength=0",
    "0 < self && self <= 65535": "port",
    'self.all(key, !key.contains("*"))': "plainKeys",
    "self.all(key, key.size() != 0)": "givenKeys",
    '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true':
        "socketWithoutPorts",
    'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true':
        "socket",
    'self.startsWith("unix://") ? !self.endsWith("/") : true': "socket",
    'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))':
        "portNames",
    '(has(self.valueFrom) ? self.valueFrom : "") != "HOST" || !has(self.value)': "hostWithoutValue",
    "has(self.address) || has(self.network)": "atLeastOne=address,network",
    'url(self).getScheme() in ["http", "https"]': "webURL",
    "has(self.wasm) != has(self.lua)": "atLeastOne=wasm,lua",
    'has(self.context) ? ((self.context == "WAYPOINT") ? has(self.waypoint) : !has(self.waypoint))'
    " : !has(self.waypoint)": "waypointMatch",
    '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && '
    '!((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))': "ranges",
    '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true':
        "noneWithoutEndpoints",
    '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? '
    "((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true": "oneEndpoint",
    'self != "*"': "notAll",
    "self.all(l1, self.exists_one(l2, l1.number == l2.number))": "unique=number",
    'self in ["", "HTTP", "HTTPS"]': "enum=,HTTP,HTTPS",
    "(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) && "
    "!has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces)) : true":
        "accountsAlone",
    "has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? "
    "self.selector.matchLabels : {}).size() > 0) : true": "portsOfSelected",
    "self.all(key, 0 < int(key) && int(key) <= 65535)": "portKeys",
    '((has(self.operation) ? self.operation : "") == "UPSERT") ? (self.value != "") : true':
        "upsertWithValue",
    '((has(self.operation) ? self.operation : "") == "REMOVE") ? !has(self.value) : true':
        "removeWithoutValue",
}
# What is asked elsewhere: the decoder takes one alternative of a oneof, and reads enumerations.
IGNORED = {"description", "x-kubernetes-preserve-unknown-fields", "format", "properties", "items",
           "additionalProperties", "type", "x-kubernetes-validations", "oneOf", "allOf", "anyOf",
           "x-kubernetes-list-type", "x-kubernetes-int-or-string"}  # fmt: skip


def rule(expression):
    """The attribute for an expression of a CRD."""
    text = " ".join(expression.split())
    sum_of = re.fullmatch(rf"{HAS}(?: \+ {HAS})*(?: \+ {HAS})? <= 1", text)
    if sum_of:
        return "atMostOne=" + ",".join(re.findall(HAS, text))
    if text.startswith("isURL(self) ?"):
        return "fetchURL"
    return RULES[text]


def escaped(text):
    return urllib.parse.quote(str(text), safe="_-.")


class Table:
    def __init__(self):
        self.numbers = {}

    def node(self, schema):
        """The number of a node, after those that it names."""
        words = [schema.get("type", "any")]
        if schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields"):
            words = ["any"]
        for key, value in sorted(schema.items()):
            if key in ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
                       "minProperties", "maxProperties"):  # fmt: skip
                # Protobuf's unsigned numbers: what they cannot hold, the decoder refuses.
                if not (key == "maximum" and value == 4294967295):
                    words.append(f"{key}={int(value)}")
            elif key in ("required", "enum"):
                if value:
                    words.append(f"{key}=" + ",".join(map(escaped, value)))
            elif key == "x-kubernetes-list-map-keys":
                words.append("unique=" + ",".join(value))
            elif key == "pattern":
                words.append("pattern=" + escaped(value))
            elif key == "nullable":
                words.append("nullable")
            else:
                assert key in IGNORED, key
        for validation in schema.get("x-kubernetes-validations", []):
            attribute = rule(validation["rule"])
            if attribute not in words:
                words.append(attribute)
        members = dict(schema.get("properties", {}))
        if "items" in schema:
            members["[]"] = schema["items"]
        if isinstance(schema.get("additionalProperties"), dict):
            members["{}"] = schema["additionalProperties"]
        words += [f"{name}:{self.node(member)}" for name, member in sorted(members.items())]
        return self.numbers.setdefault(" ".join(words), len(self.numbers))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", required=True, help="the release or commit of Istio")
    parser.add_argument("crds", type=pathlib.Path, help="crd-all.gen.yaml")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "istio/schema.txt")
    given = parser.parse_args()
    table = Table()
    kinds = []
    for crd in yaml.safe_load_all(given.crds.read_text()):
        if not crd:
            continue
        spec = crd["spec"]
        schemas = [version["schema"]["openAPIV3Schema"] for version in spec["versions"]]
        assert all(schema == schemas[0] for schema in schemas), crd["metadata"]["name"]
        whole = {"type": "object", "properties": {"spec": schemas[0]["properties"]["spec"]},
                 "required": schemas[0].get("required", [])}  # fmt: skip
        number = table.node(whole)
        kinds.append(f"kind {spec['group']} {spec['names']['kind']} {number}")
    head = f"# The schema of Istio's CRDs {given.tag}, by {pathlib.Path(__file__).name}."
    nodes = [f"{number} {words}" for words, number in table.numbers.items()]
    given.out.write_text("\n".join([head] + kinds + nodes) + "\n")


if __name__ == "__main__":
    sys.exit(main())
