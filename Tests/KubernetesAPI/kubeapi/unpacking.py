# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests in Kubernetes' protobuf, as JSON has them."""
import base64
import json
import struct
import time

from .errors import bad_request
from .messages import MESSAGES, message_of
from .protobuf import COUNTED, FIXED64, MAGIC, VARINT

#: Bodies that are no objects of a kind that is kept.
OTHERS = {"DeleteOptions": "meta.DeleteOptions", "TokenRequest": "authentication.TokenRequest"}


def body(data):
    """The object of an envelope; bad_request where there is none, or of a kind that nobody knows."""
    try:
        if data[:4] != MAGIC:
            raise ValueError("provided data does not appear to be a protobuf message, expected prefix "
                             "[107 56 115 0]")
        unknown = dict((number, value) for number, _, value in _fields(data[4:]))
        about = {number: value.decode() for number, _, value in _fields(unknown[1])}
        api_version, kind = about.get(1, "v1"), about[2]
        name = OTHERS.get(kind) or message_of(api_version.rpartition("/")[0], kind)
        if name is None:
            raise ValueError("no kind %s is known in protobuf" % kind)
        return dict(apiVersion=api_version, kind=kind, **_message(name, unknown.get(2, b"")))
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise bad_request("error decoding the body: %s" % error) from None


def _varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def _fields(data):
    """(number, wire type, value) of each field of a message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == VARINT:
            value, at = _varint(data, at)
        elif tag & 7 == FIXED64:
            value, at = data[at:at + 8], at + 8
        elif tag & 7 == COUNTED:
            length, at = _varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError("wire type %d" % (tag & 7))
        yield tag >> 3, tag & 7, value


def _message(name, data):
    known, out = {f.number: f for f in MESSAGES[name]}, {}
    for number, _, value in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        if not field.name:
            out.update(_message(field.type, value))
        elif field.shape == "{}":
            pair = {n: v for n, _, v in _fields(value)}
            out.setdefault(field.name, {})[pair.get(1, b"").decode()] = _value(
                field.type, pair.get(2, 0 if field.type in ("int", "bool") else b""))
        elif field.shape == "[]":
            out.setdefault(field.name, []).append(_value(field.type, value))
        else:
            found = _value(field.type, value)
            # Go's clients send the zeros of what has no pointer, which JSON leaves out.
            if field.optional or found not in ("", 0, False, None, {}):
                out[field.name] = found
    return out


def _value(kind, value):
    if kind in ("int", "bool"):
        value = value - (1 << 64) if value >> 63 else value
        return bool(value) if kind == "bool" else value
    if kind == "double":
        return struct.unpack("<d", value)[0]
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if "." in kind:
        return _message(kind, value)
    if kind == "string":
        return value.decode()
    if kind == "strings":
        return [v.decode() for _, _, v in _fields(value)]
    inner = {number: found for number, _, found in _fields(value)}
    if kind in ("time", "microtime"):
        return _time(inner, kind)
    if kind == "intOrString":
        return inner.get(3, b"").decode() if inner.get(1) else inner.get(2, 0)
    text = inner.get(1, b"").decode()
    return text if kind == "quantity" else json.loads(text or "null")


def _time(inner, kind):
    if not inner:
        return None
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(inner.get(1, 0)))
    return text + (".%06dZ" % (inner.get(2, 0) // 1000) if kind == "microtime" else "Z")
