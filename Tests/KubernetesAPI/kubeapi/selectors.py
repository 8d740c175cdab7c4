# SPDX-License-Identifier: Apache-2.0
"""Label and field selectors, as the query parameters write them."""
import re

from .errors import bad_request

#: The fields of a kind that may be selected by, besides name and namespace.
FIELDS = {
    "pods": {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
             "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP",
             "status.nominatedNodeName"},
    "secrets": {"type"},
    "nodes": {"spec.unschedulable"},
    "namespaces": {"status.phase"},
    "events": {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
               "involvedObject.uid", "reason", "type", "source"},
    "certificatesigningrequests": {"spec.signerName"},
}


class Selector:
    """What a list or watch wants to see."""

    def __init__(self, labels="", fields="", resource=None):
        self.labels = [_requirement(text) for text in _split(labels)]
        self.fields = [_field(text, resource) for text in _split(fields)]

    def __bool__(self):
        return bool(self.labels or self.fields)

    def matches(self, obj):
        """Whether it wants this object."""
        own = obj["metadata"].get("labels") or {}
        return (all(test(own) for test in self.labels)
                and all((_at(obj, path) == value) == equal for path, value, equal in self.fields))


def _split(text):
    """The requirements between commas that stand in no parentheses."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text or "") if part.strip()]


def _requirement(text):
    found = re.fullmatch(r"([\w./-]+)\s+(in|notin)\s*\(([^)]*)\)", text)
    if found:
        key, wanted = found[1], {v.strip() for v in found[3].split(",")}
        if found[2] == "in":
            return lambda labels: labels.get(key) in wanted
        return lambda labels: labels.get(key) not in wanted
    found = re.fullmatch(r"([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)", text)
    if found:
        key, value = found[1], found[3]
        if found[2] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    found = re.fullmatch(r"(!?)\s*([\w./-]+)", text)
    if not found:
        raise bad_request("unable to parse requirement: %r" % text)
    key, absent = found[2], bool(found[1])
    return lambda labels: (key in labels) != absent


def _field(text, resource):
    found = re.fullmatch(r"([\w.]+)\s*(==|=|!=)\s*(.*)", text)
    if not found:
        raise bad_request("invalid field selector: %r" % text)
    path = found[1]
    known = FIELDS.get(resource.plural, ()) if resource else ()
    if path not in ("metadata.name", "metadata.namespace") and path not in known:
        raise bad_request("field label not supported: " + path)
    return path, found[3], found[2] != "!="


def _at(obj, path):
    for name in path.split("."):
        obj = obj.get(name) if isinstance(obj, dict) else None
    if obj is None:
        return ""
    return {True: "true", False: "false"}[obj] if isinstance(obj, bool) else str(obj)
