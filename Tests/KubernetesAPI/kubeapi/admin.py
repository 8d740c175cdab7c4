# SPDX-License-Identifier: Apache-2.0
"""The pages below /fake, by which a test works the server from outside.

  POST   /fake/faults         adds a fault (see faults.py); GET lists them, DELETE clears them
  POST   /fake/compact        forgets all events: watches and lists from older versions are 410
  POST   /fake/close-watches  ends every watch cleanly
  POST   /fake/hold           {"resources": ["pods"]}: watches of these are told nothing, until
  DELETE /fake/hold           they are told all at once; so kinds come in another order
  POST   /fake/refuse         {"seconds": 3}: every connection ends, new ones are refused
  POST   /fake/advance        {"versions": 100}: the server's version moves on by itself
  POST   /fake/tokens         {"token", "username", "groups", "uid", "audiences"}: a bearer token
  POST   /fake/load           a YAML or JSON body: objects, made or replaced, status and all
  GET    /fake/openings       {"count": n}: how often the door was opened, at first and after `refuse`
  GET    /fake/requests       the latest requests: verb, path, query, user agent
"""
import json

from . import forms, loading
from .errors import bad_request
from .request import User


def answer(api, request, exchange):
    """Answers such a page."""
    name = request.path[len("/fake/"):]
    page = PAGES.get((request.method, name))
    if page is None:
        exchange.answer(404, b"no such page; see kubeapi/admin.py\n", "text/plain")
        return
    body = {}
    if request.body and name != "load":
        try:
            body = json.loads(request.body)
        except ValueError as error:
            raise bad_request("the body: %s" % error) from None
    found = page(api, request, body)
    after = found if callable(found) else None
    exchange.answer(200, forms.dump({} if after or found is None else found))
    if after:  # What would end this very connection waits for its answer.
        after()


def _add_fault(api, _, body):
    api.faults.add(body)


def _compact(api, *_):
    with api.store.changed:
        api.store.compact()


def _close_watches(api, *_):
    with api.store.changed:
        api.store.epoch += 1
        api.store.changed.notify_all()


def _hold(api, _, body):
    with api.store.changed:
        keys = [k for k in api.store.kinds if k[1] in body.get("resources", ())]
        if not keys:
            raise bad_request("no such resources")
        api.store.held.update(keys)


def _release(api, *_):
    with api.store.changed:
        api.store.held.clear()
        api.store.changed.notify_all()


def _refuse(api, _, body):
    return lambda: api.refuse(float(body.get("seconds", 1)))


def _advance(api, _, body):
    with api.store.changed:
        api.store.version += int(body.get("versions", 1))
        api.store.changed.notify_all()
        return {"resourceVersion": str(api.store.version)}


def _add_token(api, _, body):
    user = User(body["username"], tuple(body.get("groups") or ()), body.get("uid", ""))
    with api.store.changed:
        api.access.tokens[body["token"]] = (user, body.get("audiences") or [])


def _load(api, request, _):
    return {"objects": loading.load_text(api, request.body.decode())}


def _requests(api, *_):
    with api.store.changed:
        return [{"verb": r.verb, "method": r.method, "path": r.path, "query": r.query,
                 "user": r.user.name, "userAgent": r.headers.get("user-agent", "")}
                for r in api.requests]


PAGES = {
    ("POST", "faults"): _add_fault,
    ("GET", "faults"): lambda api, *_: api.faults.listed(),
    ("DELETE", "faults"): lambda api, *_: api.faults.clear(),
    ("POST", "compact"): _compact,
    ("POST", "close-watches"): _close_watches,
    ("POST", "hold"): _hold,
    ("DELETE", "hold"): _release,
    ("POST", "refuse"): _refuse,
    ("POST", "advance"): _advance,
    ("POST", "tokens"): _add_token,
    ("POST", "load"): _load,
    ("GET", "requests"): _requests,
    ("GET", "openings"): lambda api, *_: {"count": api.openings},
}
