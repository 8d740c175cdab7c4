# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on purpose.

A fault is a rule: which requests it meets, what happens to them, and how often.

  {"match": {"verb": "watch", "resource": "services", "path": "REGEX", "userAgent": "REGEX"},
   "count": 3, "status": 429, "retryAfter": 2}         an error instead of the answer
   "cut": BYTES | "frame"      the connection ends after so many bytes; "frame": in mid-frame
   "cutAfter": N               with "frame": after N whole frames
   "delay": SECONDS            before the answer begins
   "slow": [BYTES, SECONDS]    the answer trickles, so many bytes at a time
   "duplicate": true           every event of a watch comes twice
   "body": TEXT                with "status": this text instead of a Status object
"""
import re
import threading

from .errors import APIError, bad_request

REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound",
           409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError",
           503: "ServiceUnavailable", 504: "Timeout"}
KEYS = {"match", "count", "status", "retryAfter", "cut", "cutAfter", "delay", "slow", "duplicate",
        "body", "hits"}


class Faults:
    """The rules that stand, in order."""

    def __init__(self):
        self.lock, self.rules = threading.Lock(), []

    def add(self, rule):
        """Adds a rule; bad_request where it is none."""
        unknown = set(rule) - KEYS
        if unknown:
            raise bad_request("a fault has no %s" % ", ".join(sorted(unknown)))
        with self.lock:
            self.rules.append(dict(rule, hits=0))

    def clear(self):
        """Nothing goes wrong any more."""
        with self.lock:
            self.rules.clear()

    def listed(self):
        """The rules, with how often each was met."""
        with self.lock:
            return [dict(r) for r in self.rules]

    def take(self, request):
        """The rules that this request meets; each is counted."""
        with self.lock:
            met = [r for r in self.rules if r["hits"] < r.get("count", float("inf"))
                   and _matches(r.get("match") or {}, request)]
            for rule in met:
                rule["hits"] += 1
            return met


def _matches(match, request):
    return (match.get("verb", request.verb) == request.verb
            and match.get("resource", request.plural) == request.plural
            and match.get("namespace", request.namespace) == request.namespace
            and re.search(match.get("path", ""), request.path) is not None
            and re.search(match.get("userAgent", ""), request.headers.get("user-agent", ""))
            is not None)


def error_of(rule):
    """The error that a rule answers."""
    code = rule["status"]
    headers, details = {}, None
    if "retryAfter" in rule:
        headers["Retry-After"] = str(rule["retryAfter"])
        details = {"retryAfterSeconds": rule["retryAfter"]}
    message = {429: "too many requests, please try again later.",
               500: "Internal error occurred: on purpose"}.get(code, "on purpose")
    return APIError(code, REASONS.get(code, "Unknown"), message, details, headers)
