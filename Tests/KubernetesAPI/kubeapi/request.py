# SPDX-License-Identifier: Apache-2.0
"""A request of the API, taken apart."""
import json
import urllib.parse
from dataclasses import dataclass, field

from . import protobuf, unpacking
from .errors import bad_request


@dataclass
class User:
    """Who asks."""
    name: str = "system:admin"
    groups: tuple = ("system:masters", "system:authenticated")
    uid: str = ""


@dataclass
class Request:
    """Method, path, query, headers and body, and what the path means."""
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes = b""
    user: User = field(default_factory=User)
    # What the path says; set by `locate`.
    verb: str = ""
    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @staticmethod
    def of(method, target, headers, body=b""):
        """A request from its line, its headers (by lower-case name) and its body."""
        parts = urllib.parse.urlsplit(target)
        query = {k: v[-1] for k, v in
                 urllib.parse.parse_qs(parts.query, keep_blank_values=True).items()}
        return Request(method, urllib.parse.unquote(parts.path), query, headers, body)

    def flag(self, name):
        """A query parameter that is a truth value."""
        return self.query.get(name, "").lower() in ("true", "1", "t")

    def number(self, name, default=0):
        """A query parameter that is a whole number."""
        text = self.query.get(name, "")
        try:
            return int(text) if text else default
        except ValueError:
            raise bad_request('strconv.ParseInt: parsing "%s": invalid syntax' % text) from None

    def json(self):
        """The body as JSON, YAML or protobuf, as it says; an object, or bad_request."""
        if self.content_type == protobuf.MEDIA_TYPE:
            return unpacking.body(self.body)
        try:
            if "yaml" in self.headers.get("content-type", ""):
                import yaml
                found = yaml.safe_load(self.body)
            else:
                found = json.loads(self.body)
        except ValueError as error:
            raise bad_request("error decoding the body: %s" % error) from None
        if not isinstance(found, (dict, list)):
            raise bad_request("the body is no object")
        return found

    @property
    def content_type(self):
        """The body's type, without parameters."""
        return self.headers.get("content-type", "application/json").split(";")[0].strip()

    def locate(self):
        """Sets what the path says; False where it is no path of a resource."""
        parts = [p for p in self.path.split("/") if p]
        if parts[:1] == ["api"] and len(parts) > 2:
            self.group, self.version, rest = "", parts[1], parts[2:]
        elif parts[:1] == ["apis"] and len(parts) > 3:
            self.group, self.version, rest = parts[1], parts[2], parts[3:]
        else:
            return False
        if rest[0] == "namespaces" and len(rest) > 2 and not (
                self.group == "" and rest[2] in ("finalize", "status") and len(rest) == 3):
            self.namespace, rest = rest[1], rest[2:]
        elif rest[0] == "watch":
            return False
        self.plural = rest[0]
        self.name = rest[1] if len(rest) > 1 else ""
        self.subresource = "/".join(rest[2:])
        self.verb = self._verb()
        return True

    def _verb(self):
        if self.method in ("GET", "HEAD"):
            if self.name:
                return "get"
            return "watch" if self.flag("watch") else "list"
        return {"POST": "create" if self.subresource or not self.name else "", "PUT": "update", "PATCH": "patch",
                "DELETE": "delete" if self.name else "deletecollection"}.get(self.method, "")
