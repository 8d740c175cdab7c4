# SPDX-License-Identifier: Apache-2.0
"""The kinds of patch: JSON patch, merge patch, and strategic merge patch for the lists that matter."""
import copy

from .errors import APIError

#: The key by which the elements of a list are told apart, by the list's field name.
MERGE_KEYS = {
    "containers": ("name",), "initContainers": ("name",), "ephemeralContainers": ("name",),
    "volumes": ("name",), "volumeMounts": ("mountPath",), "env": ("name",),
    "imagePullSecrets": ("name",), "secrets": ("name",), "conditions": ("type",),
    "ownerReferences": ("uid",), "hostAliases": ("ip",), "addresses": ("type",),
    "tolerations": (), "endpoints": (), "podIPs": ("ip",), "webhooks": ("name",),
}
#: Lists of plain values that are merged as sets.
SETS = {"finalizers"}


def merge_key(name, elements):
    """The key of the elements of the list `name`; None where the list is replaced whole."""
    if name == "ports":  # A container's or a service's.
        return "containerPort" if any("containerPort" in e for e in elements
                                      if isinstance(e, dict)) else "port"
    keys = MERGE_KEYS.get(name)
    key = keys[0] if keys else None
    if key and all(isinstance(e, dict) and (key in e or "$patch" in e) for e in elements):
        return key
    return None


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge(out.get(name), value)
    return out


def strategic(target, patch):
    """Kubernetes' merge, which knows the keys of some lists, and $patch directives."""
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    out = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if name == "$retainKeys":
            out = {k: v for k, v in out.items() if k in value}
    for name, value in patch.items():
        if name.startswith("$setElementOrder/") or name == "$retainKeys":
            continue
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.split("/", 1)[1]
            out[field] = [v for v in out.get(field) or [] if v not in value]
        elif value is None:
            out.pop(name, None)
        elif isinstance(value, dict):
            out[name] = strategic(out.get(name), value)
        elif isinstance(value, list):
            out[name] = _strategic_list(name, out.get(name) or [], value)
        else:
            out[name] = value
    return out


def _strategic_list(name, target, patch):
    if name in SETS:
        return target + [v for v in patch if v not in target]
    key = merge_key(name, patch)
    if key is None or {"$patch": "replace"} in patch:
        return [copy.deepcopy(v) for v in patch if v != {"$patch": "replace"}]
    out, named = list(target), []
    for element in patch:
        at = next((i for i, e in enumerate(out) if e.get(key) == element.get(key)), None)
        if element.get("$patch") == "delete":
            if at is not None:
                del out[at]
        elif at is None:
            named.append(strategic({}, element))
        else:
            named.append(strategic(out.pop(at), element))
    return _in_order(target, out, named, key)


def _in_order(before, rest, named, key):
    """What the patch names in its order, and the rest where they stood among those."""
    place, out = {e.get(key): i for i, e in enumerate(before)}, []
    while rest and named:
        at = place.get(named[0].get(key))
        first = named if at is None or at < place[rest[0].get(key)] else rest
        out.append(first.pop(0))
    return out + rest + named


def json_patch(target, operations):
    """RFC 6902."""
    document = {"": copy.deepcopy(target)}
    for operation in operations:
        try:
            _apply(document, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise APIError(422, "Invalid", "the server rejected our request due to an error in "
                           "our request") from error
    return document[""]


def _apply(document, operation):
    kind = operation["op"]
    parent, last = _walk(document, operation["path"])
    if kind in ("move", "copy"):
        source, name = _walk(document, operation["from"])
        value = copy.deepcopy(_child(source, name))
        if kind == "move":
            _remove(source, name)
            parent, last = _walk(document, operation["path"])
        _add(parent, last, value)
    elif kind == "add":
        _add(parent, last, operation["value"])
    elif kind == "replace":
        _child(parent, last)
        parent[int(last) if isinstance(parent, list) else last] = operation["value"]
    elif kind == "remove":
        _remove(parent, last)
    elif kind == "test":
        if _child(parent, last) != operation["value"]:
            raise ValueError("testing value %s failed" % operation["path"])
    else:
        raise ValueError("unknown operation %r" % kind)


def _walk(document, path):
    """The container that a pointer's last name stands in, and that name."""
    names = [n.replace("~1", "/").replace("~0", "~") for n in path.split("/")]
    here = document
    for name in names[:-1]:
        here = _child(here, name)
    return here, names[-1]


def _child(parent, name):
    return parent[int(name)] if isinstance(parent, list) else parent[name]


def _add(parent, name, value):
    if isinstance(parent, list):
        parent.insert(len(parent) if name == "-" else int(name), value)
    else:
        parent[name] = value


def _remove(parent, name):
    del parent[int(name) if isinstance(parent, list) else name]
