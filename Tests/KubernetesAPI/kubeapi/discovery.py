# SPDX-License-Identifier: Apache-2.0
"""What a server says of itself: groups, versions, kinds."""
from . import forms
from .resources import version_rank

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "0" * 40,
           "gitTreeState": "clean", "buildDate": "2026-04-01T00:00:00Z", "goVersion": "go1.26",
           "compiler": "gc", "platform": "linux/amd64"}


def answer(api, request, exchange):
    """Answers a page of discovery; False where the path is none."""
    parts = [p for p in request.path.split("/") if p]
    with api.store.changed:
        kinds = list(api.store.kinds.values())
    found = _page(api, parts, kinds)
    if found is None:
        return False
    exchange.answer(200, forms.dump(found))
    return True


def _page(api, parts, kinds):
    if parts == ["version"]:
        return VERSION
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [
            {"clientCIDR": "0.0.0.0/0", "serverAddress": api.address}]}
    if parts == ["apis"]:
        names = list(dict.fromkeys(k.group for k in kinds if k.group))
        return {"kind": "APIGroupList", "apiVersion": "v1",
                "groups": [_group(name, kinds) for name in names]}
    if parts == ["api", "v1"]:
        return _resources("", "v1", kinds)
    if len(parts) == 2 and parts[0] == "apis" and any(k.group == parts[1] for k in kinds):
        return dict(_group(parts[1], kinds), kind="APIGroup", apiVersion="v1")
    if len(parts) == 3 and parts[0] == "apis":
        return _resources(parts[1], parts[2], kinds)
    return None


def _group(name, kinds):
    versions = sorted({v for k in kinds if k.group == name for v in k.versions}, key=version_rank)
    listed = [{"groupVersion": name + "/" + v, "version": v} for v in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(group, version, kinds):
    served = [k for k in kinds if k.group == group and version in k.versions]
    if not served:
        return None
    listed = []
    for kind in served:
        entry = {"name": kind.plural, "singularName": kind.kind.lower(),
                 "namespaced": kind.namespaced, "kind": kind.kind, "verbs": sorted(kind.verbs)}
        if kind.short_names:
            entry["shortNames"] = list(kind.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        listed.append(entry)
        for subresource in kind.subresources:
            verbs = ["create"] if subresource == "token" else ["get", "patch", "update"]
            listed.append({"name": kind.plural + "/" + subresource, "singularName": "",
                           "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs})
    return {"kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": group + "/" + version if group else version, "resources": listed}
