# SPDX-License-Identifier: Apache-2.0
"""The errors of the API, and the Status objects in which they reach a client."""


class APIError(Exception):
    """An answer that is no success: an HTTP code, Kubernetes' reason, and a sentence."""

    def __init__(self, code, reason, message, details=None, headers=None, continue_token=None):
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details, self.headers = details, headers or {}
        self.continue_token = continue_token

    def status(self):
        """The Status object that says so."""
        metadata = {"continue": self.continue_token} if self.continue_token else {}
        out = {"kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
               "message": self.message, "reason": self.reason, "code": self.code}
        if self.details:
            out["details"] = self.details
        return out


def _named(resource, name):
    details = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    return details


def bad_request(message):
    """The request makes no sense."""
    return APIError(400, "BadRequest", message)


def unauthorized():
    """Nobody knows who asks."""
    return APIError(401, "Unauthorized", "Unauthorized")


def forbidden(user, info):
    """Who asks may not."""
    kind = info.plural + ("/" + info.subresource if info.subresource else "")
    where = ' in the namespace "%s"' % info.namespace if info.namespace else " at the cluster scope"
    message = '%s is forbidden: User "%s" cannot %s resource "%s" in API group "%s"%s' % (
        kind + (' "%s"' % info.name if info.name else ""), user.name, info.verb, kind, info.group,
        where)
    details = {"name": info.name or "", "group": info.group, "kind": info.plural}
    return APIError(403, "Forbidden", message, details)


def not_found(resource, name):
    """No such object."""
    return APIError(404, "NotFound", '%s "%s" not found' % (resource.full_name, name),
                    _named(resource, name))


class NoSuchResource(APIError):
    """No such kind of thing: the answer is no Status, but for a watch that is under way."""

    def __init__(self):
        super().__init__(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource, name):
    """The name is taken."""
    return APIError(409, "AlreadyExists", '%s "%s" already exists' % (resource.full_name, name),
                    _named(resource, name))


def conflict(resource, name, why):
    """Somebody was quicker."""
    message = 'Operation cannot be fulfilled on %s "%s": %s' % (resource.full_name, name, why)
    return APIError(409, "Conflict", message, _named(resource, name))


def invalid(kind, group, name, causes):
    """The object breaks a rule: `causes` are (field, sentence)."""
    said = ", ".join("%s: %s" % cause for cause in causes)
    if len(causes) > 1:
        said = "[%s]" % said
    kind_name = kind + ("." + group if group else "")
    details = {"name": name, "group": group, "kind": kind, "causes": [
        {"reason": _cause(message), "message": message, "field": field}
        for field, message in causes]}
    return APIError(422, "Invalid", '%s "%s" is invalid: %s' % (kind_name, name, said), details)


def _cause(message):
    """Kubernetes' word for what is wrong with a field, by how the sentence about it begins."""
    words = {"Required": "Required", "Forbidden": "Forbidden", "Unsupported": "NotSupported",
             "Too many": "TooMany", "Duplicate": "Duplicate"}
    kind = next((word for start, word in words.items() if message.startswith(start)), "Invalid")
    if "must be of type" in message:
        kind = "TypeInvalid"
    return "FieldValue" + kind


def expired(message, continue_token=None):
    """What is asked for was compacted away."""
    return APIError(410, "Expired", message, continue_token=continue_token)


def too_large(asked, current):
    """The version asked for has not been seen yet."""
    message = "Too large resource version: %d, current: %d" % (asked, current)
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return APIError(504, "Timeout", "Timeout: " + message,
                    {"causes": [cause], "retryAfterSeconds": 1}, {"Retry-After": "1"})


def not_acceptable(message="only the following media types are accepted: application/json"):
    """None of the forms that the client reads."""
    return APIError(406, "NotAcceptable", message)


def unsupported_media_type(given, known):
    """A body of a kind that is not read here."""
    return APIError(415, "UnsupportedMediaType", "the body of the request was in an unknown "
                    "format - accepted media types include: " + ", ".join(known) +
                    " (given: %s)" % given)
