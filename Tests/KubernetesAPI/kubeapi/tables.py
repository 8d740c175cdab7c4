# SPDX-License-Identifier: Apache-2.0
"""Tables, which kubectl asks for when it prints for people."""
import datetime
import json

from .textform import Text

NAME = {"name": "Name", "type": "string", "format": "name",
        "description": "The name, unique in its namespace."}
AGE = {"name": "Age", "type": "string", "description": "The time since it was made."}


def _path(obj, *names):
    for name in names:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def _joined(values):
    return ",".join(str(v) for v in values or () if v is not None) or "<none>"


def _service_ports(obj):
    return _joined("%s%s/%s" % (p.get("port"), ":%s" % p["nodePort"] if p.get("nodePort") else "",
                                p.get("protocol", "TCP")) for p in _path(obj, "spec", "ports") or ())


def _ready(obj):
    states = _path(obj, "status", "containerStatuses") or []
    count = len(_path(obj, "spec", "containers") or ())
    return "%d/%d" % (sum(bool(s.get("ready")) for s in states), count)


def _condition(obj, kind):
    found = [c.get("status") for c in _path(obj, "status", "conditions") or ()
             if c.get("type") == kind]
    return found[0] if found else "Unknown"


#: The columns between Name and Age of the kinds that have some.
COLUMNS = {
    "namespaces": [("Status", lambda o: _path(o, "status", "phase"))],
    "nodes": [("Status", lambda o: "Ready" if _condition(o, "Ready") == "True" else "NotReady")],
    "services": [("Type", lambda o: _path(o, "spec", "type")),
                 ("Cluster-IP", lambda o: _path(o, "spec", "clusterIP") or "<none>"),
                 ("External-IP", lambda o: _path(o, "spec", "externalName") or _joined(
                     i.get("ip") for i in _path(o, "status", "loadBalancer", "ingress") or ())),
                 ("Port(s)", _service_ports)],
    "pods": [("Ready", _ready), ("Status", lambda o: _path(o, "status", "phase") or "Unknown"),
             ("Restarts", lambda o: sum(s.get("restartCount", 0) for s in
                                        _path(o, "status", "containerStatuses") or ()))],
    "secrets": [("Type", lambda o: o.get("type", "Opaque")),
                ("Data", lambda o: len(o.get("data") or {}))],
    "configmaps": [("Data", lambda o: len(o.get("data") or {}))],
    "endpointslices": [
        ("AddressType", lambda o: o.get("addressType")),
        ("Ports", lambda o: _joined(p.get("port") for p in o.get("ports") or ())),
        ("Endpoints", lambda o: _joined(a for e in o.get("endpoints") or ()
                                        for a in e.get("addresses") or ()))],
    "leases": [("Holder", lambda o: _path(o, "spec", "holderIdentity"))],
    "customresourcedefinitions": [("Created At", lambda o: o["metadata"]["creationTimestamp"])],
}


def age(obj):
    """The time since an object was made, as kubectl shortens it."""
    made = datetime.datetime.fromisoformat(
        obj["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    seconds = int((datetime.datetime.now(datetime.timezone.utc) - made).total_seconds())
    if seconds < 120:
        return "%ds" % seconds
    if seconds < 7200:
        return "%dm" % (seconds // 60)
    return "%dh" % (seconds // 3600) if seconds < 172800 else "%dd" % (seconds // 86400)


def json_path(obj, path):
    """What a printer column's path finds: names and numbers only, which is all that ours use."""
    for name in path.replace("[", ".").replace("]", "").strip(".").split("."):
        if isinstance(obj, list):
            obj = obj[int(name)] if name.isdigit() and int(name) < len(obj) else None
        else:
            obj = obj.get(name) if isinstance(obj, dict) else None
    return json.dumps(obj) if isinstance(obj, (list, dict)) else obj


class Table(Text):
    """Rows instead of objects."""

    def __init__(self, resource, request, version):
        self.resource, self.api_version = resource, "meta.k8s.io/" + version
        self.object_version = resource.api_version(request.version)
        self.include = request.query.get("includeObject", "Metadata")
        self.columns, self.cells = self._columns(request.version)
        self.said = False

    def _columns(self, version):
        if self.resource.is_custom:
            extra = self.resource.definition[version].get("additionalPrinterColumns") or []
            columns = [dict({k: c[k] for k in ("name", "type", "format", "description", "priority")
                             if k in c}) for c in extra if c.get("name") != "Age"]
            cells = [lambda o, p=c["jsonPath"]: json_path(o, p)
                     for c in extra if c.get("name") != "Age"]
        else:
            known = COLUMNS.get(self.resource.plural, [])
            columns = [{"name": name, "type": "string"} for name, _ in known]
            cells = [cell for _, cell in known]
        return [NAME] + columns + [AGE], cells

    def _row(self, record):
        obj = record.object
        cells = [obj["metadata"]["name"]] + [cell(obj) for cell in self.cells] + [age(obj)]
        row = {"cells": cells}
        if self.include == "Object":
            row["object"] = json.loads(record.json(self.object_version))
        elif self.include == "Metadata":
            row["object"] = {"kind": "PartialObjectMetadata", "apiVersion": self.api_version,
                             "metadata": obj["metadata"]}
        return row

    def one(self, record):
        """A table of one row; the columns are said once for a watch."""
        return self.many([record], {"resourceVersion": str(record.version)})

    def many(self, records, metadata):
        """A table."""
        columns = [] if self.said else [
            dict({"format": "", "description": "", "priority": 0}, **c) for c in self.columns]
        self.said = True
        return json.dumps({
            "kind": "Table", "apiVersion": self.api_version, "metadata": metadata,
            "columnDefinitions": columns, "rows": [self._row(r) for r in records]}).encode()

    def bookmark(self, metadata):
        """The object of a bookmark event: a table with one row, whose object has the version."""
        row = {"cells": [], "object": {"kind": "PartialObjectMetadata",
                                       "apiVersion": self.api_version, "metadata": metadata}}
        return json.dumps({"kind": "Table", "apiVersion": self.api_version, "metadata": metadata,
                           "columnDefinitions": [], "rows": [row]}).encode()
