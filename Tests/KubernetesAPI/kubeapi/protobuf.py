# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' protobuf: messages with the fields of messages.txt, in their envelope."""
import base64
import calendar
import json
import struct
import time

from .messages import MESSAGES, message_of

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\0"
VARINT, FIXED64, COUNTED = 0, 1, 2
METADATA = "meta.ObjectMeta"


def knows(resource):
    """Whether objects of a kind have such a form."""
    return not resource.is_custom and message_of(resource.group, resource.kind) is not None


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
    whole, _, rest = text.rstrip("Z").partition(".")
    seconds = _integer(1, calendar.timegm(time.strptime(whole[:19], "%Y-%m-%dT%H:%M:%S")))
    return seconds + (_integer(2, int(rest.ljust(9, "0")[:9])) if rest else b"")


def _number_or_text(value):
    if isinstance(value, int):
        return _integer(1, 0) + _integer(2, value) + counted(3, b"")
    return _integer(1, 1) + _integer(2, 0) + counted(3, value.encode())


def _content(kind, value):
    """What a field with a length holds."""
    if kind == "bytes":
        return base64.b64decode(value)
    if kind in ("time", "microtime"):
        return _time(value)
    if kind == "intOrString":
        return _number_or_text(value)
    if kind == "quantity":
        return counted(1, str(value).encode())
    if kind in ("raw", "fields"):
        return counted(1, json.dumps(value, separators=(",", ":")).encode())
    if kind == "strings":
        return b"".join(counted(1, v.encode()) for v in value)
    return message(kind, value) if "." in kind else str(value).encode()


def _one(number, kind, value):
    """A field once, whatever its type."""
    if kind in ("bool", "int"):
        return _integer(number, value)
    if kind == "double":
        return varint(number << 3 | FIXED64) + struct.pack("<d", value)
    return counted(number, _content(kind, value))


def message(name, value):
    """A message of a dict as JSON has it."""
    out = []
    for field in MESSAGES[name]:
        if not field.name:
            inner = message(field.type, value)
            out.append(counted(field.number, inner) if inner else b"")
            continue
        found = value.get(field.name)
        if found is None:
            continue
        if field.shape == "{}":
            out += [counted(field.number, counted(1, k.encode()) + _one(2, field.type, v))
                    for k, v in found.items()]
        else:
            out += [_one(field.number, field.type, v)
                    for v in (found if field.shape == "[]" else [found])]
    return b"".join(out)


def envelope(api_version, kind, content):
    """What is sent for an object, or for a list."""
    about = counted(1, api_version.encode()) + counted(2, kind.encode())
    return MAGIC + counted(1, about) + counted(2, content) + counted(3, b"") + counted(4, b"")


def status(value):
    """A Status object."""
    return envelope("v1", "Status", message("meta.Status", value))


class Protobuf:
    """The form of whole objects in protobuf."""
    media_type = MEDIA_TYPE
    stream_type = MEDIA_TYPE + ";stream=watch"

    def __init__(self, resource, request):
        self.api_version = resource.api_version(request.version)
        self.kind = resource.kind
        self.message = message_of(resource.group, resource.kind)

    def _message(self, record):
        made = record.encoded.get(MEDIA_TYPE)
        if made is None:
            made = record.encoded[MEDIA_TYPE] = message(self.message, record.object)
        return made

    def one(self, record):
        """One object."""
        return envelope(self.api_version, self.kind, self._message(record))

    def many(self, records, metadata):
        """A list of objects."""
        items = b"".join(counted(2, self._message(r)) for r in records)
        return envelope(self.api_version, self.kind + "List",
                        counted(1, message("meta.ListMeta", metadata)) + items)

    def bookmark(self, metadata):
        """The object of a bookmark event."""
        return envelope(self.api_version, self.kind, counted(1, message(METADATA, metadata)))

    @staticmethod
    def error(value):
        """A Status object."""
        return status(value)

    @staticmethod
    def frame(kind, body):
        """A frame of a watch."""
        event = counted(1, kind.encode()) + counted(2, counted(1, body))
        return struct.pack(">I", len(event)) + event
