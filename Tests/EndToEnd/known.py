# SPDX-License-Identifier: Apache-2.0
"""Differences that are known, and whether a comparison shows others.

known-differences.yaml has `groups`, where every difference must be listed, and `differences`:

  dump: GROUP/CASE/PROXY      as fnmatch patterns
  resource: TYPE/NAME         (everything)
  path: .field[name].field    (everything) of what differs; "missing" or "extra" of a whole resource
  reason: ours is better because ..., or not done because ...
"""
import fnmatch

import yaml


def _matches(pattern, text):
    """fnmatch with only `*` and `?`: brackets are part of paths."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


class Known:
    """One listed difference, and how often it was seen."""

    def __init__(self, entry):
        self.dump, self.reason = entry["dump"], entry["reason"]
        self.resource, self.path = entry.get("resource", "*"), entry.get("path", "*")
        self.seen = 0

    def explains(self, dump, resource, path):
        """Whether the difference at a path is this one."""
        hit = (_matches(self.dump, dump) and _matches(self.resource, resource)
               and _matches(self.path, path))
        self.seen += hit
        return hit

    def __str__(self):
        return "%s  %s  %s" % (self.dump, self.resource, self.path)


class KnownDifferences:
    """The list."""

    def __init__(self, file):
        with open(file) as text:
            written = yaml.safe_load(text)
        self.groups = set(written["groups"])
        self.entries = [Known(e) for e in written.get("differences") or []]

    def unlisted(self, rows):
        """The differences of compare.py's `resources` that nothing here explains."""
        found = []
        for row in rows:
            if row["dump"].split("/")[0] not in self.groups:
                continue
            resource = "%s/%s" % (row["type"], row["resource"])
            for path in [p["path"] for p in row["paths"]] or [row["state"]]:
                # All of them, so that each counts as seen.
                hits = [e.explains(row["dump"], resource, path) for e in self.entries]
                if not any(hits):
                    found.append("%s  %s  %s" % (row["dump"], resource, path))
        return found

    def stale(self, dumps):
        """Listed differences that were not seen, of those that the dumps compared could show."""
        return [str(e) for e in self.entries
                if not e.seen and any(_matches(e.dump, d) for d in dumps)]
