# SPDX-License-Identifier: Apache-2.0
"""Server-side apply: whose field is whose, by the paths of leaves."""
import copy

from . import patches, writes
from .errors import APIError, bad_request

#: What an applied object says of itself, which nobody owns.
UNOWNED = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"),
           ("metadata", "managedFields"), ("metadata", "resourceVersion"), ("metadata", "uid"),
           ("metadata", "creationTimestamp"), ("metadata", "generation")}


def apply(writer, resource, request, record, body, dry_run):
    """Makes what `body` says be so, and takes away what its manager said before and no longer does."""
    manager, force = request.query.get("fieldManager", ""), request.flag("force")
    if not manager:
        raise APIError(422, "Invalid", "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: "
                       "Required value: is required for apply patch")
    if (body.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    mine = leaves(body)
    if record is None:
        obj = copy.deepcopy(body)
        obj.setdefault("metadata", {})["name"] = request.name
        obj["metadata"]["managedFields"] = [_entry(manager, request, mine)]
        return writer.create(resource, request.namespace, obj, dry_run)
    current = copy.deepcopy(record.object)
    entries = current["metadata"].get("managedFields") or []
    before = set().union(*(_paths(e) for e in entries if _is_mine(e, manager, request)), set())
    others = [e for e in entries if not _is_mine(e, manager, request)]
    _refuse_conflicts(current, body, mine, others, force)
    for entry in others if force else ():
        entry["fieldsV1"] = _fields(_paths(entry) - {
            p for p in mine if at(current, p) != at(body, p)})
    kept = set().union(*(_paths(e) for e in others), set())
    for path in sorted(before - mine - kept, key=len, reverse=True):
        _remove(current, path)
    merged = _merge(current, body)
    merged["metadata"]["managedFields"] = [e for e in others if e.get("fieldsV1")] + [
        _entry(manager, request, mine)]
    if merged["metadata"].get("resourceVersion") and not (body["metadata"] or {}).get(
            "resourceVersion"):
        merged["metadata"].pop("resourceVersion")
    return writer.update(resource, request, merged, dry_run)


def _is_mine(entry, manager, request):
    return (entry.get("manager") == manager and entry.get("operation") == "Apply"
            and entry.get("subresource", "") == request.subresource)


def _refuse_conflicts(current, body, mine, others, force):
    clashes = [(entry["manager"], path) for entry in others for path in sorted(mine & _paths(entry))
               if at(current, path) != at(body, path)]
    if clashes and not force:
        raise APIError(409, "Conflict", "Apply failed with %d conflict%s: %s" % (
            len(clashes), "s" if len(clashes) > 1 else "", "; ".join(
                'conflict with "%s": .%s' % (who, ".".join(path)) for who, path in clashes)),
            {"causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "%s"' % who,
                         "field": "." + ".".join(path)} for who, path in clashes]})


def leaves(obj, path=()):
    """The paths of all leaves; a list's elements are told apart by their key, or it is a leaf."""
    if path in UNOWNED:
        return set()
    if isinstance(obj, dict) and obj:
        return set().union(*(leaves(v, path + (k,)) for k, v in obj.items()))
    key = patches.merge_key(path[-1], obj) if isinstance(obj, list) and obj and path else None
    if key:
        return set().union(*(leaves(e, path + ("%s=%s" % (key, e[key]),)) for e in obj))
    return {path} if path else set()


def at(obj, path):
    """The value at a leaf's path; None where there is none."""
    for step in path:
        if isinstance(obj, list):
            key, _, value = step.partition("=")
            obj = next((e for e in obj if str(e.get(key)) == value), None)
        else:
            obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def _remove(obj, path):
    """Takes a leaf away, and what its removal leaves empty."""
    parents = [obj]
    for step in path[:-1]:
        parents.append(at(parents[-1], (step,)))
        if parents[-1] is None:
            return
    for parent, step in reversed(list(zip(parents, path))):
        if isinstance(parent, list):
            key, _, value = step.partition("=")
            parent[:] = [e for e in parent if str(e.get(key)) != value]
        else:
            parent.pop(step, None)
        if parent:
            return


def _merge(target, source, name=""):
    if isinstance(source, dict) and isinstance(target, dict):
        out = dict(target)
        for field, value in source.items():
            out[field] = _merge(out.get(field), value, field)
        return out
    if isinstance(source, list) and isinstance(target, list):
        key = patches.merge_key(name, source)
        if key:
            out = list(target)
            for element in source:
                place = next((i for i, e in enumerate(out) if e.get(key) == element[key]), None)
                if place is None:
                    out.append(element)
                else:
                    out[place] = _merge(out[place], element)
            return out
    return copy.deepcopy(source)


def _entry(manager, request, paths):
    entry = {"manager": manager, "operation": "Apply", "time": writes.now(),
             "apiVersion": request.group + "/" + request.version if request.group
             else request.version, "fieldsType": "FieldsV1", "fieldsV1": _fields(paths)}
    if request.subresource:
        entry["subresource"] = request.subresource
    return entry


def _fields(paths):
    """Paths as fieldsV1."""
    out = {}
    for path in sorted(paths):
        here = out
        for step in path:
            key, equal, value = step.partition("=")
            here = here.setdefault('k:{"%s":"%s"}' % (key, value) if equal else "f:" + step, {})
    return out


def _paths(entry):
    def walk(fields, path):
        if not fields:
            return {path} if path else set()
        return set().union(*(walk(v, path + (_step(k),)) for k, v in fields.items() if k != "."))
    return walk(entry.get("fieldsV1") or {}, ())


def _step(name):
    if name.startswith("f:"):
        return name[2:]
    key, _, value = name[3:-1].partition(":")
    return "%s=%s" % (key.strip('"'), value.strip('"'))
