# SPDX-License-Identifier: Apache-2.0
"""The forms in which objects are answered: whole, in protobuf, their metadata alone, or a table's rows."""
from . import protobuf, tables
from .errors import not_acceptable
from .textform import JSON, Text, dump


def of(request, resource):
    """The form that the request accepts, the first that is known."""
    accept = request.headers.get("accept", "") or "*/*"
    for choice in accept.split(","):
        kind, *parameters = [p.strip() for p in choice.split(";")]
        options = dict(p.split("=", 1) for p in parameters if "=" in p)
        if kind == protobuf.MEDIA_TYPE and not options.get("as") and protobuf.knows(resource):
            return protobuf.Protobuf(resource, request)
        if kind not in (JSON, "*/*", "application/*"):
            continue
        wanted, version = options.get("as"), options.get("v", "v1")
        known = options.get("g", "meta.k8s.io") == "meta.k8s.io" and version in ("v1", "v1beta1")
        if wanted is None:
            return Whole(resource, request)
        if wanted == "Table" and known:
            return tables.Table(resource, request, version)
        if wanted in ("PartialObjectMetadata", "PartialObjectMetadataList") and known:
            _check_count(wanted, request, resource)
            return Metadata(resource, request, version)
    raise not_acceptable()


def _check_count(wanted, request, resource):
    """Refuses the metadata of one object where there are many, and the other way round."""
    if request.verb == "list" and not wanted.endswith("List"):
        raise not_acceptable("you requested %s, but the requested object is a list (*%sList)"
                             % (wanted, resource.kind))
    if request.verb != "list" and wanted.endswith("List"):
        raise not_acceptable("you requested %s, but the requested object is not a list (*%s)"
                             % (wanted, resource.kind))


def error(request, value):
    """(body, media type) of a Status object, in the form that the request prefers."""
    preferred = request.headers.get("accept", "").split(",")[0].split(";")[0].strip()
    if preferred == protobuf.MEDIA_TYPE:
        return protobuf.status(value), protobuf.MEDIA_TYPE
    return dump(value), JSON


class Whole(Text):
    """Objects as they are."""

    def __init__(self, resource, request):
        self.api_version = resource.api_version(request.version)
        self.kind = resource.kind

    def one(self, record):
        """One object."""
        return record.json(self.api_version)

    def many(self, records, metadata):
        """A list of objects."""
        head = dump({"kind": self.kind + "List", "apiVersion": self.api_version,
                     "metadata": metadata})
        return b'%s,"items":[%s]}' % (head[:-1], b",".join(
            r.json(self.api_version, in_list=True) for r in records))

    def bookmark(self, metadata):
        """The object of a bookmark event."""
        return dump({"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata})


class Metadata(Text):
    """The metadata of objects alone."""

    def __init__(self, resource, request, version):
        self.api_version = "meta.k8s.io/" + version

    def _partial(self, record):
        return {"kind": "PartialObjectMetadata", "apiVersion": self.api_version,
                "metadata": record.object["metadata"]}

    def one(self, record):
        """One object's."""
        return dump(self._partial(record))

    def many(self, records, metadata):
        """A list's."""
        return dump({"kind": "PartialObjectMetadataList", "apiVersion": self.api_version,
                     "metadata": metadata, "items": [self._partial(r) for r in records]})

    def bookmark(self, metadata):
        """The object of a bookmark event."""
        return dump({"kind": "PartialObjectMetadata", "apiVersion": self.api_version,
                     "metadata": metadata})
