# SPDX-License-Identifier: Apache-2.0
"""What Kubernetes' own objects may say (messages.txt), and bodies held against it."""
import base64
import binascii
import os
import re
from dataclasses import dataclass

from .errors import bad_request

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "messages.txt")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class Field:
    """A field: its number, whether it is a list ([]) or a map ({}), the type, and whether it may be empty."""
    name: str
    number: int
    shape: str
    type: str
    optional: bool


def _read():
    found = {}
    with open(PATH, encoding="ascii") as file:
        for line in file:
            name, *parts = line.split()
            if name != "#":
                found[name] = [_field(part) for part in parts]
    return found


def _field(part):
    name, number, shape, kind, mark = re.fullmatch(
        r"(\w*)=(\d+):(\[\]|\{\}|)([\w.]+)(\??)", part).groups()
    return Field(name, int(number), shape, kind, bool(mark))


#: {message: fields}, the fields without a name last.
MESSAGES = {name: sorted(fields, key=lambda f: not f.name) for name, fields in _read().items()}


def message_of(group, kind):
    """The message of a kind of Kubernetes' own; None where there is none."""
    name = "%s.%s" % (group.split(".")[0] or "core", kind)
    known = "." not in group or group.endswith(".k8s.io")
    return name if known and name in MESSAGES else None


def fields_of(message):
    """{name: field} as JSON has them, those of nameless fields too."""
    out = {}
    for field in MESSAGES[message]:
        out.update({field.name: field} if field.name else fields_of(field.type))
    return out


def conform(resource, body):
    """(the body as a server decodes it, the fields that it does not know); bad_request where it cannot."""
    message = message_of(resource.group, resource.kind)
    if message is None or resource.is_custom:
        return body, []
    unknown = []
    head = {k: v for k, v in body.items() if k in ("apiVersion", "kind")}
    try:
        found = _object(message, {k: v for k, v in body.items() if k not in head}, "", unknown)
    except ValueError as error:
        raise bad_request('%s in version "%s" cannot be handled as a %s: %s' % (
            resource.kind, resource.versions[0], resource.kind, error)) from None
    return dict(head, **found), unknown


def _object(message, value, path, unknown):
    _expect(value, dict, "object", path, message)
    known, out = fields_of(message), {}
    for name, child in value.items():
        field, where = known.get(name), (path + "." if path else "") + name
        if field is None:
            unknown.append(where)
        elif child is not None:
            out[name] = _shaped(field, child, where, unknown)
    return out


def _shaped(field, value, path, unknown):
    if field.shape == "[]":
        _expect(value, list, "array", path, field.type)
        return [_one(field.type, v, "%s[%d]" % (path, i), unknown) for i, v in enumerate(value)]
    if field.shape == "{}":
        _expect(value, dict, "object", path, field.type)
        return {k: _one(field.type, _empty(field.type) if v is None else v, path, unknown)
                for k, v in value.items()}
    return _one(field.type, value, path, unknown)


def _empty(kind):
    return {"int": 0, "bool": False, "strings": []}.get(kind, {} if "." in kind else "")


def _one(kind, value, path, unknown):
    if "." in kind:
        return _object(kind, value, path, unknown)
    if kind == "quantity" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    wanted = {"int": int, "bool": bool, "double": (int, float), "strings": list,
              "intOrString": (int, str), "raw": object, "fields": dict}.get(kind, str)
    _expect(value, wanted, {"int": "integer"}.get(kind, kind), path, kind)
    if kind == "bytes":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            raise ValueError("illegal base64 data at input byte 0") from None
    if kind in ("time", "microtime") and not TIME.fullmatch(value):
        raise ValueError('parsing time "%s" as "2006-01-02T15:04:05Z07:00": cannot parse "%s" as "2006"'
                         % (value, value))
    return value


def _expect(value, wanted, word, path, kind):
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted in (int, (int, str))):
        given = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(value), "number")
        raise ValueError("json: cannot unmarshal %s into Go struct field %s of type %s" % (
            given, path, kind if "." in kind else word))
