# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' protobuf: messages with the fields of proto/kubernetes/core.proto, in their envelope.

A real server sends all fields; here others than those are left out, but for one that no reader
knows (metadata.managedFields), so that readers have to pass over something.
"""
import base64
import calendar
import os
import re
import struct
import time

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "proto",
                     "kubernetes", "core.proto")
MAGIC = b"k8s\0"
VARINT, COUNTED = 0, 2
#: What the file does not say: a Secret is read by hand, lists and metadata are the same for all kinds.
MORE = {"Secret": {"data": (2, "map<string, bytes>"), "type": (3, "string")}}
METADATA = (1, "ObjectMeta")
MANAGED_FIELDS = 17


def _messages(text):
    """{message: {field: (number, type)}} of a proto file."""
    found = dict(MORE)
    for name, body in re.findall(r"^message (\w+) \{(.*?)\}", text, re.S | re.M):
        fields = re.findall(r"^\s*(?:(?:optional|repeated) )?(map<.*?>|[\w.]+) (\w+) = (\d+);", body,
                            re.M)
        found[name] = {field: (int(number), kind) for kind, field, number in fields}
    return found


with open(PROTO, encoding="utf-8") as _file:
    MESSAGES = _messages(_file.read())


def knows(kind):
    """Whether objects of a kind have such a form."""
    return kind in MESSAGES


def varint(number):
    """A whole number; a negative one as 64 bits."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def counted(number, content):
    """A field with its length."""
    return varint(number << 3 | COUNTED) + varint(len(content)) + content


def _integer(number, value):
    return varint(number << 3 | VARINT) + varint(int(value))


def _time(text):
    return _integer(1, calendar.timegm(time.strptime(text.split(".")[0].rstrip("Z"),
                                                     "%Y-%m-%dT%H:%M:%S")))


def _number_or_text(value):
    if isinstance(value, int):
        return _integer(1, 0) + _integer(2, value) + counted(3, b"")
    return _integer(1, 1) + _integer(2, 0) + counted(3, value.encode())


def _field(number, kind, value):
    """A field once, whatever its type."""
    if kind == "string":
        return counted(number, value.encode())
    if kind in ("bool", "int32", "int64"):
        return _integer(number, value)
    if kind == "bytes":
        return counted(number, base64.b64decode(value))
    if kind == "google.protobuf.Timestamp":
        return counted(number, _time(value))
    if kind == "google.protobuf.Value":
        return counted(number, _number_or_text(value))
    return counted(number, message(kind, value))


def message(name, value):
    """A message of a dict as JSON has it."""
    out = []
    for field, (number, kind) in MESSAGES[name].items():
        found = value.get(field)
        if found is None:
            continue
        if kind.startswith("map<"):
            inner = kind[len("map<string, "):-1]
            out += [counted(number, counted(1, k.encode()) + _field(2, inner, v))
                    for k, v in found.items()]
        else:
            out += [_field(number, kind, v) for v in (found if isinstance(found, list) else [found])]
    if name == "ObjectMeta" and value.get("managedFields"):
        out += [counted(MANAGED_FIELDS, counted(1, m.get("manager", "").encode()))
                for m in value["managedFields"]]
    return b"".join(out)


def whole(kind, value):
    """A whole object's message."""
    return counted(1, message("ObjectMeta", value.get("metadata") or {})) + message(kind, value)


def envelope(api_version, kind, content):
    """What is sent for an object, or for a list."""
    about = counted(1, api_version.encode()) + counted(2, kind.encode())
    return MAGIC + counted(1, about) + counted(2, content) + counted(3, b"") + counted(4, b"")


def status(value):
    """A Status object."""
    return envelope("v1", "Status", message("Status", value))


class Protobuf:
    """The form of whole objects in protobuf."""
    media_type = MEDIA_TYPE
    stream_type = MEDIA_TYPE + ";stream=watch"

    def __init__(self, resource, request):
        self.api_version = resource.api_version(request.version)
        self.kind = resource.kind

    def _message(self, record):
        made = record.encoded.get(MEDIA_TYPE)
        if made is None:
            made = record.encoded[MEDIA_TYPE] = whole(self.kind, record.object)
        return made

    def one(self, record):
        """One object."""
        return envelope(self.api_version, self.kind, self._message(record))

    def many(self, records, metadata):
        """A list of objects."""
        items = b"".join(counted(2, self._message(r)) for r in records)
        return envelope(self.api_version, self.kind + "List",
                        counted(1, message("ListMeta", metadata)) + items)

    def bookmark(self, metadata):
        """The object of a bookmark event."""
        return envelope(self.api_version, self.kind, counted(1, message("ObjectMeta", metadata)))

    @staticmethod
    def error(value):
        """A Status object."""
        return status(value)

    @staticmethod
    def frame(kind, body):
        """A frame of a watch."""
        event = counted(1, kind.encode()) + counted(2, counted(1, body))
        return struct.pack(">I", len(event)) + event
