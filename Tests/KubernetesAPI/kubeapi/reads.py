# SPDX-License-Identifier: Apache-2.0
"""get and list."""
import base64
import json

from . import forms
from .errors import APIError, bad_request, expired, invalid, not_found
from .selectors import Selector


def get(store, request, resource, exchange):
    """Answers one object."""
    with store.changed:
        record = store.get(resource, request.namespace, request.name)
    if record is None:
        raise not_found(resource, request.name)
    form = forms.of(request, resource)
    exchange.answer(200, form.one(record), form.media_type)


def list_objects(store, request, resource, exchange):
    """Answers a list, or a chunk of one."""
    with store.changed:
        records, version, more, remaining = page(store, request, resource)
    form = forms.of(request, resource)
    metadata = {"resourceVersion": str(version)}
    if more:
        metadata["continue"] = more
        if remaining is not None:
            metadata["remainingItemCount"] = remaining
    exchange.answer(200, form.many(records, metadata), form.media_type)


def page(store, request, resource):
    """(records, version, continue token, remaining count) that a list asks for."""
    selector = selector_of(request, resource)
    limit, token = request.number("limit"), request.query.get("continue", "")
    asked, match = request.query.get("resourceVersion", ""), request.query.get(
        "resourceVersionMatch", "")
    check_options(request, asked, match, token)
    start = ""
    if token:
        version, start = _open_token(token)
        version = version if version > 0 else store.version
        try:
            state = store.state_at(resource, version)
        except APIError as error:
            if error.code != 410:
                raise
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. "
                "You can start a new list without the continue parameter, or use the continue "
                "token in this response to retrieve the remainder of the results.",
                _token(-1, start)) from None
    else:
        version = _list_version(store, asked, match, limit)
        state = store.state_at(resource, version)
    if asked == "0" and not token:
        limit = 0  # Answered from the watch cache, which knows no chunks.
    prefix = request.namespace + "/" if request.namespace else ""
    keys = sorted(k for k in state if k > start and k.startswith(prefix))
    chosen, last = [], ""
    for number, key in enumerate(keys):
        if selector and not selector.matches(state[key].object):
            continue
        if limit and len(chosen) == limit:
            remaining = None if selector else len(keys) - number
            return chosen, version, _token(version, last), remaining
        chosen.append(state[key])
        last = key
    return chosen, version, None, None


def selector_of(request, resource):
    """The request's selectors; the name in the path of a watch is one too."""
    fields = request.query.get("fieldSelector", "")
    if request.name:
        fields = ",".join(filter(None, [fields, "metadata.name=" + request.name]))
    return Selector(request.query.get("labelSelector", ""), fields, resource)


def check_options(request, asked, match, token):
    """Refuses options that contradict each other, as ValidateListOptions does."""
    causes = []
    initial = request.query.get("sendInitialEvents")
    if initial is not None and request.verb != "watch":
        causes.append(("sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list"))
    if match and token:
        causes.append(("resourceVersionMatch",
                       "Forbidden: resourceVersionMatch is forbidden when continue is provided"))
    if match and request.verb == "watch" and initial is None:
        causes.append(("resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden for "
                       "watch unless sendInitialEvents is provided"))
    elif match and not asked and initial is None:
        causes.append(("resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden "
                       "unless resourceVersion is provided"))
    if match == "Exact" and asked == "0":
        causes.append(("resourceVersionMatch", 'Forbidden: resourceVersionMatch "exact" is '
                       'forbidden for resourceVersion "0"'))
    if match not in ("", "Exact", "NotOlderThan"):
        causes.append(("resourceVersionMatch", 'Unsupported value: "%s": supported values: "Exact", '
                       '"NotOlderThan", ""' % match))
    if initial is not None and request.verb == "watch" and match != "NotOlderThan":
        causes.append(("resourceVersionMatch", "Forbidden: sendInitialEvents requires setting "
                       "resourceVersionMatch to NotOlderThan"))
    if asked and not asked.isdigit():
        raise bad_request('invalid resource version: resourceVersion: Invalid value: "%s": '
                          'strconv.ParseUint: parsing "%s": invalid syntax' % (asked, asked))
    if token and asked not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    if causes:
        raise invalid("ListOptions", "meta.k8s.io", "", causes)


def _list_version(store, asked, match, limit):
    """The version at which to list."""
    number = int(asked or 0)
    if number == 0:
        return store.version
    if match == "Exact" or (not match and limit):
        return number
    store.wait(lambda: store.version >= number, 3)  # NotOlderThan waits a little for its version.
    return max(number, store.version)


def _token(version, start):
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _open_token(token):
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(found["rv"]), str(found["start"])
    except (ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid: " + token) from None
