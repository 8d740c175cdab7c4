# SPDX-License-Identifier: Apache-2.0
"""Rules in CEL (x-kubernetes-validations): as much of the language as the definitions of Istio's kinds use."""
import functools
import re
import urllib.parse

TOKEN = re.compile(r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)
    |(?P<sign>&&|\|\||[=!<>]=|[-+!<>?:.,()\[\]{}]))""", re.X)
UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
#: How tightly operators of two sides bind.
BINDING = {"||": 1, "&&": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "+": 5, "-": 5}
LITERALS = {"true": True, "false": False, "null": None}


class RuleError(Exception):
    """A rule that cannot be read, or that has no value for an object."""


def duration(text):
    """A duration in nanoseconds."""
    if not re.fullmatch(r"-?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+", text):
        raise RuleError("type conversion error from 'string' to 'google.protobuf.Duration'")
    total = sum(float(n) * UNITS[u] for n, u in re.findall(r"([\d.]+)(ns|us|µs|ms|s|m|h)", text))
    return -total if text.startswith("-") else total


def _is_url(text):
    parts = urllib.parse.urlsplit(text)
    try:
        good = parts.port is None or parts.port >= 0
    except ValueError:
        return False
    return good and bool(parts.scheme or text.startswith("/"))


def _url(text):
    if not _is_url(text):
        raise RuleError("URL parse error during conversion from string")
    return urllib.parse.urlsplit(text)


FUNCTIONS = {"duration": duration, "isURL": _is_url, "url": _url, "int": int, "size": len}
METHODS = {
    "size": len, "contains": lambda s, part: part in s, "startsWith": str.startswith,
    "endsWith": str.endswith, "matches": lambda s, p: re.search(p, s) is not None,
    "substring": lambda s, a, b=None: s[a:b], "getScheme": lambda u: u.scheme}
MACROS = {"all": all, "exists": any, "exists_one": lambda found: sum(found) == 1}
OPERATORS = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "in": lambda a, b: a in b, "+": lambda a, b: a + b, "-": lambda a, b: a - b}


class _Parser:
    """Makes a function of the variables of a rule's text."""

    def __init__(self, text):
        self.tokens, at = [], 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found:
                raise RuleError("no such token: " + text[at:])
            self.tokens.append((found.lastgroup, found.group(found.lastgroup)))
            at = found.end()

    def peek(self):
        return self.tokens[0][1] if self.tokens else None

    def take(self, wanted=None):
        if not self.tokens or (wanted and self.peek() != wanted):
            raise RuleError("%s is expected, not %s" % (wanted, self.peek()))
        return self.tokens.pop(0)

    def whole(self):
        value = self.choice()
        if self.tokens:
            raise RuleError("too much: %s" % self.peek())
        return value

    def choice(self):
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take()
        yes = self.choice()
        self.take(":")
        no = self.choice()
        return lambda env: yes(env) if condition(env) else no(env)

    def binary(self, least):
        left = self.unary()
        while BINDING.get(self.peek(), 0) > least:
            sign = self.take()[1]
            left = _join(sign, left, self.binary(BINDING[sign]))
        return left

    def unary(self):
        if self.peek() == "!":
            self.take()
            inner = self.unary()
            return lambda env: not inner(env)
        return self.members(self.primary())

    def primary(self):
        kind, text = self.take()
        if kind == "text":
            return lambda _, value=text[1:-1].replace("\\\\", "\\"): value
        if kind == "number":
            return lambda _, value=int(text): value
        if text == "(":
            inner = self.choice()
            self.take(")")
            return inner
        if text == "[":
            parts = self.arguments("]")
            return lambda env: [p(env) for p in parts]
        if self.peek() == "(" and text == "has":
            return self.presence()
        if self.peek() == "(":
            self.take()
            function, parts = FUNCTIONS[text], self.arguments(")")
            return lambda env: function(*(p(env) for p in parts))
        return lambda env: LITERALS[text] if text in LITERALS else env[text]

    def presence(self):
        """has(a.b): whether a has b."""
        self.take("(")
        owner, name = self.primary(), None
        while self.peek() == ".":
            self.take()
            if name:
                owner = functools.partial(lambda inner, key, env: inner(env)[key], owner, name)
            name = self.take()[1]
        self.take(")")
        return lambda env: name in owner(env)

    def arguments(self, end):
        found = []
        while self.peek() != end:
            found.append(self.choice())
            if self.peek() == ",":
                self.take()
        self.take(end)
        return found

    def members(self, value):
        while self.peek() == ".":
            self.take()
            name = self.take()[1]
            if self.peek() != "(":
                value = functools.partial(lambda inner, key, env: inner(env)[key], value, name)
                continue
            self.take()
            value = self.macro(value, name) if name in MACROS else self.method(value, name)
        return value

    def macro(self, value, name):
        variable = self.take()[1]
        self.take(",")
        body, judge = self.choice(), MACROS[name]
        self.take(")")
        return lambda env: judge(bool(body(dict(env, **{variable: v}))) for v in value(env))

    def method(self, value, name):
        function, parts = METHODS[name], self.arguments(")")
        return lambda env: function(value(env), *(p(env) for p in parts))


def _join(sign, left, right):
    if sign == "&&":
        return lambda env: left(env) and right(env)
    if sign == "||":
        return lambda env: left(env) or right(env)
    function = OPERATORS[sign]
    return lambda env: function(left(env), right(env))


@functools.lru_cache(maxsize=None)
def compiled(rule):
    """A rule as a function of `{"self": value}`; RuleError where it cannot be read."""
    return _Parser(rule).whole()


def holds(rule, value):
    """Whether a rule holds for a value; RuleError where it has no value."""
    try:
        return bool(compiled(rule)({"self": value}))
    except (KeyError, TypeError, ValueError) as error:
        raise RuleError("no such key or overload: %s" % error) from None
