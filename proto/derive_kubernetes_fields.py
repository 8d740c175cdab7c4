#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes proto/kubernetes/fields.txt: the fields that Kubernetes' API has in the kinds we read.

Run by hand when the API moves on; its inputs are the sources of two Go modules at one tag:

    git clone --depth 1 --branch v0.36.3 https://github.com/kubernetes/api
    git clone --depth 1 --branch v0.36.3 https://github.com/kubernetes/apimachinery
    proto/derive_kubernetes_fields.py --tag v0.36.3 api apimachinery

A line is a type and its fields in JSON; `field:type` where a field holds an object, or a list of
objects, whose fields are known. A line that begins with `kind` names the type of a kind.

It also compares the field numbers of core.proto with those of the modules.
"""

import argparse
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
KINDS = {
    "v1": ["Namespace", "Node", "Service", "Pod", "Secret", "ConfigMap", "ServiceAccount"],
    "discovery.k8s.io/v1": ["EndpointSlice"],
    "discovery.k8s.io/v1beta1": ["EndpointSlice"],
}
PACKAGES = {"v1": "core", "discovery.k8s.io/v1": "discovery",
            "discovery.k8s.io/v1beta1": "discovery.v1beta1"}  # fmt: skip
IMPORTED = {"metav1": "meta", "v1": "core"}
# Structs that JSON writes as a text, a number, or anything.
OPAQUE = {"meta.Time", "meta.MicroTime", "meta.FieldsV1", "meta.Duration"}

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
FIELD = re.compile(r'^\s+(?:(\w+)\s+)?(\S+)\s+`.*?json:"([^"]*)"', re.M)


def structs(folder, package):
    """The structs of a Go package: their full names, and (type, JSON tag) of each field."""
    found = {}
    for path in sorted(folder.glob("*.go")):
        for name, body in STRUCT.findall(path.read_text()):
            code = re.sub(r"^\s*//.*$", "", body, flags=re.M)
            found[f"{package}.{name}"] = [(kind, tag) for _, kind, tag in FIELD.findall(code)]
    return found


def resolved(kind, package):
    """The full name of a Go type that is used in `package`, without what makes it a list."""
    kind = kind.replace("*", "").replace("[]", "")
    if kind.startswith("map["):
        key, value = kind[len("map["):].split("]", 1)
        return "{}" + resolved(value, package)
    if "." in kind:
        alias, name = kind.split(".")
        return f"{IMPORTED.get(alias, alias)}.{name}"
    return f"{package}.{kind}"


def fields(name, types):
    """The fields of the struct `name` in JSON, each with the struct that it holds, if any."""
    package = name.rsplit(".", 1)[0]
    result = {}
    for kind, tag in types[name]:
        target = resolved(kind, package)
        key = tag.split(",")[0]
        if key == "" and "inline" in tag:
            result.update(fields(target, types))
        elif key not in ("", "-"):
            assert not (target.startswith("{}") and target[2:] in types), f"{name}.{key}: a map"
            known = target in types and target not in OPAQUE
            result[key] = target if known else None
    return result


MESSAGE = re.compile(r"^message (\w+) \{([^{}]*)\}", re.M)
NUMBER = re.compile(r"^\s*(?:(?:optional|repeated) )?(?:map<.*?>|[\w.]+)\s+(\w+) = (\d+);", re.M)
# Messages that core.proto calls otherwise.
CALLED = {"PodAddress": "PodIP"}


def numbers(path):
    """The field numbers of the messages of a proto file."""
    text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.M)
    return {name: dict(NUMBER.findall(body)) for name, body in MESSAGE.findall(text)}


def compare_numbers(api, apimachinery):
    """Stops where a field of core.proto has another number than Kubernetes' own."""
    theirs = numbers(apimachinery / "pkg/apis/meta/v1/generated.proto")
    theirs |= numbers(api / "core/v1/generated.proto") | numbers(api / "discovery/v1/generated.proto")
    for name, found in numbers(HERE / "kubernetes/core.proto").items():
        for field, number in found.items():
            other = theirs[CALLED.get(name, name)].get(field)
            assert number == other, f"core.proto: {name}.{field} is {other} at Kubernetes"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", required=True, help="the tag of both modules")
    parser.add_argument("api", type=pathlib.Path, help="k8s.io/api")
    parser.add_argument("apimachinery", type=pathlib.Path, help="k8s.io/apimachinery")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "kubernetes/fields.txt")
    given = parser.parse_args()
    compare_numbers(given.api, given.apimachinery)
    types = structs(given.api / "core/v1", "core")
    types |= structs(given.api / "discovery/v1", "discovery")
    types |= structs(given.api / "discovery/v1beta1", "discovery.v1beta1")
    types |= structs(given.apimachinery / "pkg/apis/meta/v1", "meta")
    lines = [f"# Fields of k8s.io/api and k8s.io/apimachinery {given.tag}, by {pathlib.Path(__file__).name}."]
    reached, waiting = {}, []
    for version, kinds in KINDS.items():
        for kind in kinds:
            root = f"{PACKAGES[version]}.{kind}"
            lines.append(f"kind {version} {kind} {root}")
            waiting.append(root)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = fields(name, types)
            waiting += [target for target in reached[name].values() if target]
    for name in sorted(reached):
        texts = [f"{key}:{target}" if target else key for key, target in sorted(reached[name].items())]
        lines.append(" ".join([name] + texts))
    given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
