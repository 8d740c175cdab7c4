# SPDX-License-Identifier: Apache-2.0
"""Our definitions beside the verdicts of Istio's: the objects of the conformance corpus."""
import glob
import os
import re
import unittest

import yaml

from kubeapi import admission
from kubeapi.errors import APIError
from kubeapi.request import Request
from mesh.paths import ROOT

from .client import ServerCase

CORPUS = os.environ.get("NAVARCH_CONFORMANCE") or os.path.join(ROOT, "..", "shared", "conformance")
#: Objects of which the verdict is another one, and why.
DIFFERENT = {
    "crd/reqauth-valid/full": "has a field of younger Istio",
    "analyze/testdata/gateway-secrets.yaml#3": "its name is none that a server takes",
    "analyze/testdata/envoy-filter-remove-operation.yaml#3": "has a null, which goes before rules are asked",
    "analyze/testdata/envoy-filter-remove-operation.yaml#4": "has a null, which goes before rules are asked",
    "virtualservice/null-header-matcher": "has a null, which goes before rules are asked",
}


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema: `on` is a text."""
    yaml_implicit_resolvers = {}


for _tag, _form, _first in (
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
        ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789.")):
    Core.add_implicit_resolver("tag:yaml.org,2002:" + _tag, re.compile(_form), list(_first))


def read(path):
    """The documents of a file."""
    with open(path, encoding="utf-8") as file:
        return list(yaml.load_all(file, Core))


def repeated(value):
    """An object with the long texts that the corpus writes short."""
    if isinstance(value, dict):
        return {k: repeated(v) for k, v in value.items()}
    if isinstance(value, list):
        return [repeated(v) for v in value]
    found = isinstance(value, str) and re.fullmatch(r"\$repeat:(.*):(\d+)(?:\$tail:(.*))?", value, re.S)
    return found[1] * int(found[2]) + (found[3] or "") if found else value


def cases():
    """(name, whether Istio's schema takes it, object) of every object of Istio's kinds."""
    files = {}
    for path in sorted(glob.glob(os.path.join(CORPUS, "validation", "*.yaml"))):
        found = read(path)[0]
        for case in found.get("cases") or ():
            yield case["id"], case.get("crd_accepts"), case.get("resource")
        for label in found.get("labels") or ():
            name = label["file"]
            if name not in files:
                files[name] = read(os.path.join(CORPUS, name))
            if label["document"] < len(files[name]):
                yield ("%s#%d" % (name, label["document"]), label.get("crd_accepts"),
                       files[name][label["document"]])


@unittest.skipUnless(os.path.isdir(os.path.join(CORPUS, "validation")), "no conformance corpus beside")
class Verdicts(ServerCase):
    options = {"crds": [os.path.join(ROOT, "config", "crds")]}

    def verdict(self, obj):
        """None where the server would take an object, else why not."""
        group, version = obj["apiVersion"].split("/")
        kind = next((k for k in self.server.store.kinds.values()
                     if (k.group, k.kind) == (group, obj["kind"])), None)
        if kind is None:
            return "no such kind"
        obj = dict(obj, metadata=dict(obj["metadata"], namespace="default"))
        path = "/apis/%s/%s/namespaces/default/%s" % (group, version, kind.plural)
        request = Request.of("POST", path + "?fieldValidation=Strict", {})
        request.locate()
        try:
            with self.server.store.changed:
                body, _ = admission.decoded(kind, request, repeated(obj))
                self.server.api.writer.create(kind, "default", body, dry_run=True)
        except APIError as error:
            return error.message
        return None

    def test_they_are_istios(self):
        counted = 0
        for name, accepted, obj in cases():
            if accepted is None or not isinstance(obj, dict) or "istio.io" not in obj["apiVersion"]:
                continue
            counted += 1
            with self.subTest(name):
                why = self.verdict(obj)
                self.assertEqual((why is None) == accepted, name not in DIFFERENT, why)
        self.assertGreater(counted, 1000)
