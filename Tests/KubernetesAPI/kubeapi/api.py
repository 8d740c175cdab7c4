# SPDX-License-Identifier: Apache-2.0
"""From a request to its answer."""
import traceback

from . import admin, admission, discovery, forms, openapi, reads
from .access import Access
from .errors import APIError, bad_request, forbidden, NoSuchResource
from .exchange import Cut, Exchange
from .faults import Faults
from .request import Request
from .store import Store
from .watches import Watch
from .writes import Writer

#: Paths that anybody may read and that no fault meets unless it names them.
HEALTH = ("/healthz", "/livez", "/readyz")


class API:
    """The server without its listeners: `handle` answers one request."""

    def __init__(self, window=5000, bookmark_interval=60.0, watch_timeout=1800, enforce=False,
                 keep_status=False):
        self.store = Store(window)
        self.writer = Writer(self.store, keep_status)
        self.access = Access(self.store, enforce)
        self.faults = Faults()
        self.bookmark_interval, self.watch_timeout = bookmark_interval, watch_timeout
        self.address = ""
        #: Set by whoever listens: refuse(seconds) closes the door for a while.
        self.refuse = None
        self.openings = 0  #: how often they have
        self.requests = []
        spaces = self.store.kinds["", "namespaces"]
        with self.store.changed:
            for name in ("default", "kube-node-lease", "kube-public", "kube-system"):
                self.writer.create(spaces, "", {"metadata": {"name": name}})

    def handle(self, method, target, headers, body, wire):
        """Answers one request over `wire`; returns False where the connection must end."""
        request = Request.of(method, target, headers, body)
        exchange = Exchange(request, wire)
        try:
            self._answer(request, exchange)
        except Cut:
            wire.cut()
            return False
        except (ConnectionError, TimeoutError):
            return False
        except NoSuchResource:
            exchange.answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
        except APIError as error:
            self._say(exchange, error)
        except Exception as error:  # A fault of ours: the client is told, as a real one would be.
            traceback.print_exc()
            self._say(exchange, APIError(500, "InternalError", "Internal error occurred: %s" % error))
        return not wire.gone

    def _say(self, exchange, error):
        if exchange.begun:
            exchange.wire.cut()
        else:
            body, media_type = forms.error(exchange.request, error.status())
            try:
                exchange.answer(error.code, body, media_type, error.headers)
            except Cut:
                exchange.wire.cut()

    def _answer(self, request, exchange):
        if request.path.startswith("/fake/"):
            return admin.answer(self, request, exchange)
        located = request.locate()
        with self.store.changed:
            request.user = self.access.user_of(request)
            self.requests.append(request)
            del self.requests[:-2000]
        exchange.meet(self.faults.take(request))
        if request.path in HEALTH or request.path.startswith(tuple(h + "/" for h in HEALTH)):
            return exchange.answer(200, b"ok", "text/plain")
        if not located:
            if not (discovery.answer(self, request, exchange)
                    or openapi.answer(self, request, exchange)):
                exchange.answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
            return None
        return self._resource(request, exchange)

    def _resource(self, request, exchange):
        with self.store.changed:
            resource = self.store.kinds.get((request.group, request.plural))
            if resource is None or request.version not in resource.versions:
                raise NoSuchResource()
            if request.subresource and request.subresource not in resource.subresources:
                raise NoSuchResource()
            if not self.access.allows(request.user, request.verb, request.group, request.plural,
                                      request.namespace, request.name, request.subresource):
                raise forbidden(request.user, request)
        if resource.key == ("", "namespaces") and request.namespace and not request.name:
            request.namespace, request.name = "", request.namespace
        verb = request.verb
        if verb not in resource.verbs and not request.subresource:
            raise APIError(405, "MethodNotAllowed", "the server does not allow this method on the "
                           "requested resource")
        if verb == "get":
            return reads.get(self.store, request, resource, exchange)
        if verb == "list":
            return reads.list_objects(self.store, request, resource, exchange)
        if verb == "watch":
            return Watch(self, request, resource, exchange).run()
        return self._write(request, resource, exchange)

    def _write(self, request, resource, exchange):
        body = request.json() if request.body else {}
        dry = request.query.get("dryRun") == "All"
        with self.store.changed:
            if resource.verbs == ("create",):
                return exchange.answer(201, forms.dump(
                    self.access.review(resource, body, request.user)))
            if request.subresource == "token":
                status = self.access.issue(request.namespace, request.name, body.get("spec") or {})
                return exchange.answer(201, forms.dump(dict(body, status=status)))
            if request.verb in ("delete", "deletecollection"):
                return self._delete(request, resource, body, dry, exchange)
            existed = request.name and self.store.get(resource, request.namespace, request.name)
            unknown = []
            if request.verb == "patch":
                record = self.writer.patch(resource, request, body, dry)
            else:
                self._check_version(body, resource, request)
                body, unknown = admission.decoded(resource, request, body)
                write = self.writer.create if request.verb == "create" else self.writer.update
                where = request.namespace if request.verb == "create" else request
                record = write(resource, where, body, dry)
        form = forms.of(request, resource)
        headers = {"Warning": ", ".join('299 - "unknown field \\"%s\\""' % u for u in unknown)}
        exchange.answer(200 if existed else 201, form.one(record), form.media_type,
                        headers if unknown else None)
        return None

    @staticmethod
    def _check_version(body, resource, request):
        wanted = resource.api_version(request.version)
        for field, name in (("kind", "Kind"), ("apiVersion", "apiVersion")):
            if resource.is_custom and not body.get(field):
                raise bad_request("the object provided is unrecognized (must be of type %s): Object "
                                  "'%s' is missing" % (resource.kind, name))
        if body.get("apiVersion", wanted) != wanted:
            raise bad_request("the API version in the data (%s) does not match the expected API "
                              "version (%s)" % (body["apiVersion"], wanted))

    def _delete(self, request, resource, options, dry, exchange):
        if request.verb == "deletecollection":
            records, _, _, _ = reads.page(self.store, request, resource)
            for record in list(records):
                metadata = record.object["metadata"]
                self.writer.delete(resource, metadata.get("namespace", ""), metadata["name"],
                                   None, dry)
            return exchange.answer(200, forms.dump(_success({"kind": resource.plural})))
        record, gone = self.writer.delete(resource, request.namespace, request.name, options, dry)
        if not gone:
            form = forms.of(request, resource)
            return exchange.answer(200, form.one(record), form.media_type)
        metadata = record.object["metadata"]
        details = {"name": metadata["name"], "kind": resource.plural, "uid": metadata["uid"]}
        if resource.group:
            details["group"] = resource.group
        return exchange.answer(200, forms.dump(_success(details)))


def _success(details):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": details}
