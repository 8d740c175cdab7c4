# SPDX-License-Identifier: Apache-2.0
"""The configuration directory that the control plane watches: one file an object."""
import copy
import glob
import os

import yaml

from . import paths

ISTIO = "networking.istio.io/v1"


class ConfigDirectory:
    """Objects by (kind, namespace, name); each write replaces one file by rename, as an editor."""

    def __init__(self, folder):
        self.folder = folder
        self.objects = {}
        os.makedirs(folder, exist_ok=True)

    def load_samples(self, folder=paths.SAMPLES):
        """Takes in every document below a folder, and writes it out here."""
        for path in sorted(glob.glob(os.path.join(folder, "**", "*.yaml"), recursive=True)):
            with open(path) as file:
                for document in yaml.safe_load_all(file):
                    if document:
                        self.put(document)

    @staticmethod
    def key(document):
        """(kind, namespace, name)."""
        meta = document["metadata"]
        return document["kind"], meta.get("namespace", ""), meta["name"]

    def path(self, key):
        """The file of one object."""
        return os.path.join(self.folder, "%s.%s.%s.yaml" % (key[0].lower(), key[1], key[2]))

    def put(self, document):
        """Writes one object; nothing is written where it is the same."""
        key = self.key(document)
        if self.objects.get(key) == document:
            return
        self.objects[key] = copy.deepcopy(document)
        self.write_text(self.path(key), yaml.safe_dump(document, sort_keys=False))

    def write_text(self, path, text):
        """Replaces a file in one step. The temporary name has no suffix that is read."""
        temporary = path + ".new"
        with open(temporary, "w") as file:
            file.write(text)
        os.rename(temporary, path)

    def remove(self, kind, name, namespace="default"):
        """Deletes an object's file."""
        key = (kind, namespace, name)
        if self.objects.pop(key, None) is not None:
            os.unlink(self.path(key))

    def get(self, kind, name, namespace="default"):
        """A copy of an object, to change and put back; None where there is none."""
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    def all(self, kind):
        """Copies of all objects of a kind."""
        return [copy.deepcopy(o) for key, o in sorted(self.objects.items()) if key[0] == kind]

    def restore(self, saved):
        """Back to what objects were at an earlier time (a copy of `objects`)."""
        for key in [k for k in self.objects if k not in saved]:
            self.remove(key[0], key[2], key[1])
        for document in saved.values():
            self.put(document)

    def virtual_service(self, name, http, hosts=None, gateways=None):
        """Writes a VirtualService of these HTTP routes."""
        spec = {"hosts": hosts or [name], "http": http}
        if gateways:
            spec["gateways"] = gateways
        self.put({"apiVersion": ISTIO, "kind": "VirtualService",
                  "metadata": {"name": name, "namespace": "default"}, "spec": spec})

    def destination_rule(self, name, spec):
        """Writes a DestinationRule."""
        self.put({"apiVersion": ISTIO, "kind": "DestinationRule",
                  "metadata": {"name": name, "namespace": "default"}, "spec": spec})


def to(host, subset=None, weight=None, port=None):
    """One destination of a route."""
    destination = {"host": host}
    if subset:
        destination["subset"] = subset
    if port:
        destination["port"] = {"number": port}
    entry = {"destination": destination}
    if weight is not None:
        entry["weight"] = weight
    return entry
