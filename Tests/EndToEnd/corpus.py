# SPDX-License-Identifier: Apache-2.0
"""The conformance corpus beside the project: its cases, and how the control plane runs for each."""
import glob
import os

import yaml

from mesh import paths


class Case:
    """One case: a small cluster, a mesh configuration, and the proxies to ask as."""

    def __init__(self, folder, name):
        self.name, self.folder = name, os.path.join(folder, name)
        self.group = name.split("/")[0]
        self._default_mesh = os.path.join(folder, "mesh.yaml")

    def _yaml(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return yaml.safe_load(file)

    @property
    def input(self):
        """The file of all objects."""
        return os.path.join(self.folder, "input.yaml")

    @property
    def mesh(self):
        """The file of the mesh configuration."""
        own = os.path.join(self.folder, "mesh.yaml")
        return own if os.path.exists(own) else self._default_mesh

    @property
    def networks(self):
        """The file of the networks, or None."""
        path = os.path.join(self.folder, "networks.yaml")
        return path if os.path.exists(path) else None

    @property
    def environment(self):
        """istiod's environment where it is not the default."""
        described = self._yaml("case.yaml") or {}
        return {k: str(v) for k, v in (described.get("istiod_env") or {}).items()}

    @property
    def proxies(self):
        """The proxies to ask as."""
        return self._yaml("proxies.yaml")

    def arguments(self, mesh=None):
        """The control plane's flags; `mesh` stands in for the case's own mesh configuration."""
        networks = ["--networksConfig", self.networks] if self.networks else []
        return ["--meshConfig", mesh or self.mesh, *networks]


def root():
    """The corpus's folder, or None."""
    candidates = [os.environ.get("NAVARCH_CONFORMANCE"),
                  os.path.join(paths.ROOT, "..", "shared", "conformance")]
    return next((os.path.abspath(c) for c in candidates if c and os.path.isdir(c)), None)


def cases(folder, groups=None, names=None):
    """The cases of `folder`, of some groups or names where these are given."""
    found = sorted(os.path.relpath(os.path.dirname(p), folder)
                   for p in glob.glob(os.path.join(folder, "*", "*", "proxies.yaml")))
    return [Case(folder, c) for c in found if (not groups or c.split("/")[0] in groups)
            and (not names or c in names)]
