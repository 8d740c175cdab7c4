# SPDX-License-Identifier: Apache-2.0
"""Who asks, and what they may: tokens, TokenReview, RBAC, access reviews."""
import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid

from .errors import bad_request, not_found, unauthorized
from .request import User

#: Where a listener tells who a client's certificate is of: its common name and its organisations.
CLIENT_CERTIFICATE = "x-client-certificate"
ISSUER = "https://kubernetes.default.svc.cluster.local"


def _encoded(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Access:
    """The tokens that a server knows, and the rules that it holds callers to."""

    def __init__(self, store, enforce=False):
        self.store, self.enforce = store, enforce
        self.key = secrets.token_bytes(32)
        #: token -> (User, audiences); bearer tokens that somebody registered.
        self.tokens = {}

    # --- authentication

    def user_of(self, request):
        """Who asks; anybody is an administrator where nothing is enforced."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and token:
            user = self.authenticate(token.strip(), [ISSUER])[0]
            if user is None and self.enforce:
                raise unauthorized()
            return user or User()
        subject = request.headers.get(CLIENT_CERTIFICATE)
        if subject:
            name, *groups = json.loads(subject)
            return User(name, tuple(groups) + ("system:authenticated",))
        return User("system:anonymous", ("system:unauthenticated",)) if self.enforce else User()

    def authenticate(self, token, audiences):
        """(user, the audiences that match, extra) of a token, or (None, error, {})."""
        if token in self.tokens:
            user, own = self.tokens[token]
            matching = [a for a in audiences if a in own] if own else audiences
            return (user, matching, {}) if matching else (None, "the audience does not match", {})
        try:
            head, body, signature = token.split(".")
            good = hmac.new(self.key, (head + "." + body).encode(), hashlib.sha256).digest()
            claims = json.loads(_decoded(body))
            if not hmac.compare_digest(good, _decoded(signature)):
                return None, "invalid bearer token", {}
        except ValueError:
            return None, "invalid bearer token", {}
        if claims["exp"] < time.time():
            return None, "the token has expired", {}
        matching = [a for a in audiences if a in claims["aud"]]
        if not matching:
            return None, "the audience does not match", {}
        bound = claims["kubernetes.io"]
        space = bound["namespace"]
        account = self._account(space, bound["serviceaccount"]["name"])
        if account is None or account.object["metadata"]["uid"] != bound["serviceaccount"]["uid"]:
            return None, "the service account is gone", {}
        extra = {}
        if "pod" in bound:
            extra = {"authentication.kubernetes.io/pod-name": [bound["pod"]["name"]],
                     "authentication.kubernetes.io/pod-uid": [bound["pod"]["uid"]]}
        groups = ("system:serviceaccounts", "system:serviceaccounts:" + space,
                  "system:authenticated")
        return User(claims["sub"], groups, bound["serviceaccount"]["uid"]), matching, extra

    def _account(self, namespace, name):
        return self.store.get(self.store.kinds["", "serviceaccounts"], namespace, name)

    def issue(self, namespace, name, spec):
        """Answers a TokenRequest's spec with its status: a token of the account."""
        account = self._account(namespace, name)
        if account is None:
            raise not_found(self.store.kinds["", "serviceaccounts"], name)
        seconds = int(spec.get("expirationSeconds") or 3600)
        if seconds < 600:
            raise bad_request("may not specify a duration less than 10 minutes")
        expires = int(time.time()) + seconds
        bound = {"namespace": namespace, "serviceaccount": {
            "name": name, "uid": account.object["metadata"]["uid"]}}
        ref = spec.get("boundObjectRef") or {}
        if ref.get("kind") == "Pod":
            pods = self.store.kinds["", "pods"]
            pod = self.store.get(pods, namespace, ref["name"])
            if pod is None:
                raise not_found(pods, ref["name"])
            bound["pod"] = {"name": ref["name"], "uid": pod.object["metadata"]["uid"]}
        claims = {"iss": ISSUER, "sub": "system:serviceaccount:%s:%s" % (namespace, name),
                  "aud": spec.get("audiences") or [ISSUER], "exp": expires,
                  "iat": int(time.time()), "nbf": int(time.time()), "jti": str(uuid.uuid4()),
                  "kubernetes.io": bound}
        text = _encoded({"alg": "HS256", "typ": "JWT"}) + "." + _encoded(claims)
        signature = hmac.new(self.key, text.encode(), hashlib.sha256).digest()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
        return {"token": text + "." + _encoded(signature), "expirationTimestamp": stamp}

    # --- authorization

    def allows(self, user, verb, group, plural, namespace="", name="", subresource=""):
        """Whether RBAC lets `user` do so, by the roles that are stored."""
        if not self.enforce or "system:masters" in user.groups:
            return True
        what = plural + "/" + subresource if subresource else plural
        for rules in self._rules(user, namespace):
            for rule in rules or ():
                if (_has(rule.get("verbs"), verb) and _has(rule.get("apiGroups"), group)
                        and _has_resource(rule.get("resources"), what, subresource)
                        and (not rule.get("resourceNames") or name in rule["resourceNames"])):
                    return True
        return False

    def _rules(self, user, namespace):
        rbac = "rbac.authorization.k8s.io"
        objects, kinds = self.store.objects, self.store.kinds
        bindings = list(objects[rbac, "clusterrolebindings"].values())
        if namespace:
            bindings += [b for b in objects[rbac, "rolebindings"].values()
                         if b.object["metadata"]["namespace"] == namespace]
        for binding in bindings:
            if not any(_is(user, subject, binding) for subject in binding.object.get("subjects") or ()):
                continue
            ref = binding.object["roleRef"]
            if ref["kind"] == "ClusterRole":
                role = self.store.get(kinds[rbac, "clusterroles"], "", ref["name"])
            else:
                role = self.store.get(kinds[rbac, "roles"],
                                      binding.object["metadata"]["namespace"], ref["name"])
            if role is not None:
                yield role.object.get("rules")

    # --- reviews

    def review(self, resource, body, user):
        """Answers a review: the body with its status."""
        spec = body.get("spec") or {}
        body = dict(body, metadata=body.get("metadata") or {"creationTimestamp": None})
        if resource.plural == "tokenreviews":
            return dict(body, status=self._token_status(spec))
        if resource.plural != "selfsubjectaccessreviews":
            user = User(spec.get("user", ""), tuple(spec.get("groups") or ()))
        asked = spec.get("resourceAttributes")
        if asked is None:
            allowed = not self.enforce or "system:masters" in user.groups
        else:
            allowed = self.allows(
                user, asked.get("verb", ""), asked.get("group", ""), asked.get("resource", ""),
                asked.get("namespace", ""), asked.get("name", ""), asked.get("subresource", ""))
        return dict(body, status={"allowed": allowed})

    def _token_status(self, spec):
        user, found, extra = self.authenticate(spec.get("token", ""),
                                               spec.get("audiences") or [ISSUER])
        if user is None:
            return {"user": {}, "error": found}
        about = {"username": user.name, "groups": list(user.groups)}
        if user.uid:
            about["uid"] = user.uid
        if extra:
            about["extra"] = extra
        return {"authenticated": True, "user": about, "audiences": found}


def _has(given, wanted):
    return bool(given) and ("*" in given or wanted in given)


def _has_resource(given, what, subresource):
    return _has(given, what) or bool(subresource) and "*/" + subresource in (given or ())


def _is(user, subject, binding):
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "User":
        return user.name == name
    if kind == "Group":
        return name in user.groups
    space = subject.get("namespace") or binding.object["metadata"].get("namespace", "")
    return user.name == "system:serviceaccount:%s:%s" % (space, name)
