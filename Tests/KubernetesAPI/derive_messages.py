#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes kubeapi/messages.txt: what Kubernetes' objects look like in protobuf.

Run by hand when the API moves on; its inputs are the sources of two Go modules at one tag:

    git clone --depth 1 --branch v0.36.2 https://github.com/kubernetes/api
    git clone --depth 1 --branch v0.36.2 https://github.com/kubernetes/apimachinery
    Tests/KubernetesAPI/derive_messages.py --tag v0.36.2 api apimachinery

A line is a message and its fields, `name=number:type` by the names of JSON. A type is a word (string,
int, bool, bytes, double, and what JSON writes in a way of its own: time, microtime, quantity,
intOrString, raw, fields, strings) or a message; `[]` before it makes a list, `{}` a map by texts, and `?`
means that an empty one is not the same as none. A field without a name is a message whose fields JSON has
beside the others.
"""
import argparse
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from kubeapi.resources import BUILT_IN

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
FIELD = re.compile(
    r'^\s+(?:(\w+)\s+)?(\S+)\s+`.*?json:"([^",]*)([^"]*)".*?protobuf:"\w+,(\d+),', re.M)
NAMED = re.compile(r"^type (\w+) (?!struct\b|interface\b|=)(\S+)$", re.M)
BASIC = {"string": "string", "bool": "bool", "int32": "int", "int64": "int", "int": "int",
         "uint8": "int", "byte": "int", "float64": "double", "[]byte": "bytes"}
SPECIAL = {"meta.Time": "time", "meta.MicroTime": "microtime", "resource.Quantity": "quantity",
           "intstr.IntOrString": "intOrString", "runtime.RawExtension": "raw",
           "meta.FieldsV1": "fields", "types.UID": "string", "types.NodeName": "string",
           "runtime.Object": "raw"}
ALIASES = {"metav1": "meta", "v1": "core", "corev1": "core", "api": "core"}
#: Where the types of a group's version are.
FOLDERS = {"": "core", "rbac.authorization.k8s.io": "rbac", "discovery.k8s.io": "discovery",
           "coordination.k8s.io": "coordination", "networking.k8s.io": "networking",
           "admissionregistration.k8s.io": "admissionregistration",
           "certificates.k8s.io": "certificates", "authentication.k8s.io": "authentication",
           "authorization.k8s.io": "authorization"}
#: What is sent besides objects.
MORE = ["meta.Status", "meta.DeleteOptions", "meta.ListMeta", "authentication.TokenRequest"]


class Types:
    """The Go types of some packages."""

    def __init__(self):
        self.structs, self.named = {}, {}

    def read(self, folder, package):
        """Reads a package's files."""
        for path in sorted(folder.glob("*.go")):
            text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.M)
            for name, body in STRUCT.findall(text):
                self.structs[f"{package}.{name}"] = FIELD.findall(body)
            for name, kind in NAMED.findall(text):
                self.named[f"{package}.{name}"] = kind

    def word(self, kind, package):
        """A Go type as the file writes it."""
        kind = kind.lstrip("*")
        if kind in BASIC:
            return BASIC[kind]
        if kind.startswith("[]"):
            return "[]" + self.word(kind[2:], package)
        if kind.startswith("map["):
            value = self.word(kind[kind.index("]") + 1:], package)
            return "{}" + ("strings" if value == "[]string" else value)
        if "." in kind:
            alias, name = kind.split(".")
            package = ALIASES.get(alias, alias)
        else:
            name = kind
        full = f"{package}.{name}"
        if full in SPECIAL:
            return SPECIAL[full]
        if full in self.named:
            return self.word(self.named[full], package)
        assert full in self.structs, f"{full} is not known"
        return full

    def line(self, name):
        """The line of a message, and the messages that it names."""
        package, parts, targets = name.split(".", maxsplit=1)[0], [name], set()
        for _, kind, field, rest, number in self.structs[name]:
            word = self.word(kind, package)
            target = word.replace("[]", "").replace("{}", "")
            if "." in target:
                targets.add(target)
            if kind.startswith("*"):
                word += "?"
            if not field:
                assert "inline" in rest, f"{name} {kind}"
            parts.append(f"{field}={number}:{word}")
        return " ".join(parts), targets


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", required=True, help="the tag of both modules")
    parser.add_argument("api", type=pathlib.Path, help="k8s.io/api")
    parser.add_argument("apimachinery", type=pathlib.Path, help="k8s.io/apimachinery")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "kubeapi" / "messages.txt")
    given = parser.parse_args()
    types, waiting, lines = Types(), list(MORE), {}
    types.read(given.apimachinery / "pkg/apis/meta/v1", "meta")
    packages = set()
    for kind in BUILT_IN:
        package = FOLDERS.get(kind.group, kind.group)
        folder = given.api / package / kind.versions[0]
        if not folder.is_dir():
            continue  # Definitions, of which nobody asks for protobuf.
        if package not in packages:
            types.read(folder, package)
        packages.add(package)
        waiting.append(f"{package}.{kind.kind}")
    while waiting:
        name = waiting.pop()
        if name not in lines:
            lines[name], targets = types.line(name)
            waiting += targets
    head = f"# Messages of k8s.io/api and k8s.io/apimachinery {given.tag}, by {os.path.basename(__file__)}."
    given.out.write_text("\n".join([head] + [lines[n] for n in sorted(lines)]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
