# SPDX-License-Identifier: Apache-2.0
"""OpenAPI v3 of the kinds that have schemas: what `kubectl explain` reads."""
from . import forms

METADATA = {"type": "object", "description": "The object's name, labels and so on."}
#: What kubectl looks for before it leaves validation to the server.
PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def answer(api, request, exchange):
    """Answers a page below /openapi/v3; False where the path is none."""
    parts = [p for p in request.path.split("/") if p]
    if parts[:2] != ["openapi", "v3"]:
        return False
    with api.store.changed:
        kinds = list(api.store.kinds.values())
    if len(parts) == 2:
        paths = sorted({_path(k, v) for k in kinds for v in k.versions})
        found = {"paths": {p: {"serverRelativeURL": "/openapi/v3/" + p} for p in paths}}
    else:
        served = [(k, v) for k in kinds for v in k.versions if _path(k, v) == "/".join(parts[2:])]
        if not served:
            return False
        found = _document(served)
    exchange.answer(200, forms.dump(found))
    return True


def _path(kind, version):
    return "apis/%s/%s" % (kind.group, version) if kind.group else "api/" + version


def _document(served):
    schemas, paths = {}, {}
    for kind, version in served:
        name = "%s.%s.%s" % (".".join(reversed(kind.group.split("."))) or "core", version, kind.kind)
        schemas[name] = _schema(kind, version)
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        ref = {"$ref": "#/components/schemas/" + name}
        content = {"application/json": {"schema": ref}}
        gvk = {"group": kind.group, "version": version, "kind": kind.kind}
        paths["/%s%s/%s/{name}" % (_path(kind, version), scope, kind.plural)] = {
            verb: {"x-kubernetes-action": verb, "x-kubernetes-group-version-kind": gvk,
                   "parameters": [{"name": n, "in": "query", "schema": {"type": "string"}}
                                  for n in names],
                   "responses": {"200": {"description": "OK", "content": content}}}
            for verb, names in (("get", ()), ("patch", PARAMETERS))}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "unversioned"},
            "paths": paths, "components": {"schemas": schemas}}


def _schema(kind, version):
    own = (kind.definition[version].get("schema") or {}).get("openAPIV3Schema") if (
        kind.is_custom) else None
    schema = dict(own or {"type": "object"})
    schema["properties"] = dict(schema.get("properties") or {}, metadata=METADATA, apiVersion={
        "type": "string", "description": "The version of the schema."}, kind={
        "type": "string", "description": "The kind."})
    schema["x-kubernetes-group-version-kind"] = [
        {"group": kind.group, "version": version, "kind": kind.kind}]
    return schema
