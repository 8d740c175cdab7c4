# SPDX-License-Identifier: Apache-2.0
"""The structural schemas of CustomResourceDefinitions: pruning and validation of custom objects."""
import json
import re

from . import rules

RULES = "x-kubernetes-validations"
#: What all rules of a definition may cost by a server's estimate, what a simple one costs each time, and
#: how often one is run that stands within a list without an end.
COST_LIMIT, COST, MOST_RUNS = 100_000_000, 4, 1_048_576
KEPT = ("metadata", "apiVersion", "kind")


def _schema(resource):
    """The schema of the kind's preferred version; None where it has none."""
    version = resource.definition[resource.versions[0]]
    return (version.get("schema") or {}).get("openAPIV3Schema")


def prune(obj, resource):
    """Removes, in place, fields that the schema does not know, and returns them; fills in defaults."""
    schema, unknown = _schema(resource), []
    if schema:
        _prune(obj, schema, "", unknown)
    return unknown


def _prune(value, schema, path, unknown):
    if isinstance(value, list):
        for number, element in enumerate(value):
            _prune(element, schema.get("items") or {}, "%s[%d]" % (path, number), unknown)
    elif isinstance(value, dict):
        known, others = schema.get("properties") or {}, schema.get("additionalProperties")
        for name in list(value):
            where = _below(path, name)
            if not path and name in KEPT:
                continue
            if value[name] is None and not known.get(name, {}).get("nullable"):
                del value[name]  # As if it were not there, where null means nothing.
            elif name in known:
                _prune(value[name], known[name], where, unknown)
            elif isinstance(others, dict):
                _prune(value[name], others, where, unknown)
            elif not (others or schema.get("x-kubernetes-preserve-unknown-fields")):
                unknown.append(where)
                del value[name]
        for name, field in known.items():
            if "default" in field and name not in value:
                value[name] = field["default"]


def causes(obj, resource):
    """What breaks the schema, as (field, sentence); rules are asked where nothing else is broken."""
    schema = _schema(resource)
    if not schema:
        return []
    found = list(_causes(obj, schema, "", top=True))
    if found and any(True for _ in _all_rules(schema, 1)):
        return found + [("<nil>", "Invalid value: null: some validation rules were not checked because "
                         "the object was invalid; correct the existing errors to complete validation")]
    return found or list(_broken_rules(obj, schema, ""))


def _children(value, schema, path):
    """(value, schema, path) of what is within a value."""
    if isinstance(value, list):
        return [(e, schema.get("items") or {}, "%s[%d]" % (path, i)) for i, e in enumerate(value)]
    if not isinstance(value, dict):
        return []
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    others = others if isinstance(others, dict) else {}
    return [(v, known.get(k, others), _below(path, k)) for k, v in value.items() if path or k not in KEPT]


def _broken_rules(value, schema, path):
    for rule in schema.get(RULES) or ():
        start = 'Invalid value: %s: ' % ('"%s"' % _type(value) if isinstance(value, (dict, list))
                                         else json.dumps(value))
        try:
            if not rules.holds(rule["rule"], value):
                yield path, start + rule["message"]
        except rules.RuleError as error:
            yield path, '%s%s evaluating rule: %s' % (start, error, rule["message"])
    for child, below, where in _children(value, schema, path):
        if child is not None:
            yield from _broken_rules(child, below, where)


def _all_rules(schema, runs):
    """How often each rule of a schema may be run; None where there is no end."""
    for _ in schema.get(RULES) or ():
        yield runs
    for field in (schema.get("properties") or {}).values():
        yield from _all_rules(field, runs)
    for key, most in (("items", "maxItems"), ("additionalProperties", "maxProperties")):
        if isinstance(schema.get(key), dict):
            yield from _all_rules(schema[key], runs and most in schema and runs * schema[most] or None)


def _cost_causes(schema, path):
    """Whether all rules cost too much, as a server estimates where none goes through lists."""
    cost = sum(COST * (MOST_RUNS if runs is None else runs) for runs in _all_rules(schema, 1))
    if cost > COST_LIMIT:
        yield path, ("Forbidden: %s estimated rule cost total for entire OpenAPIv3 schema exceeds budget "
                     "by factor of %fx" % (RULES, cost / COST_LIMIT))


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float)}


def _causes(value, schema, path, top=False):
    where = path or "<nil>"
    if value is None:
        if not schema.get("nullable"):
            yield where, 'Invalid value: "null": must be of type %s: "null"' % schema.get("type")
        return
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            yield where, "Invalid value: %r: must be an integer or a string" % (value,)
        return
    wanted = TYPES.get(schema.get("type"))
    if wanted and (not isinstance(value, wanted) or (
            isinstance(value, bool) and wanted is not bool)):
        yield where, "Invalid value: %r: %s in body must be of type %s" % (
            _type(value), where, schema["type"])
        return
    if "enum" in schema and value not in schema["enum"]:
        yield where, 'Unsupported value: "%s": supported values: %s' % (
            value, ", ".join('"%s"' % v for v in schema["enum"]))
    yield from _bounds(value, schema, where)
    if isinstance(value, list):
        for number, element in enumerate(value):
            yield from _causes(element, schema.get("items") or {}, "%s[%d]" % (path, number))
        yield from _duplicates(value, schema.get("x-kubernetes-list-map-keys"), path)
    elif isinstance(value, dict):
        yield from _object_causes(value, schema, path, top)
    yield from _choices(value, schema, path)


def _duplicates(elements, keys, path):
    """Elements of a list that is a map by some of their fields."""
    seen = []
    for number, element in enumerate(elements if keys else ()):
        key = {k: element[k] for k in keys if k in element}
        if key in seen:
            yield "%s[%d]" % (path, number), "Duplicate value: " + json.dumps(key)
        seen.append(key)


def _object_causes(value, schema, path, top):
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    for name in schema.get("required") or ():
        if name not in value:
            yield _below(path, name), "Required value"
    for name, child in value.items():
        if top and name in KEPT:
            continue
        field = known.get(name, others if isinstance(others, dict) else None)
        if field is not None:
            yield from _causes(child, field, _below(path, name))


def _choices(value, schema, path):
    """anyOf, oneOf, allOf and not."""
    def holds(part):
        return not any(True for _ in _causes(value, part, path))
    where = path or "<nil>"
    if "not" in schema and holds(schema["not"]):
        yield where, "Invalid value: must not validate the schema (not)"
    if "anyOf" in schema and not any(holds(p) for p in schema["anyOf"]):
        yield where, "Invalid value: must validate at least one schema (anyOf)"
    if "oneOf" in schema and sum(holds(p) for p in schema["oneOf"]) != 1:
        yield where, "Invalid value: must validate one and only one schema (oneOf)"
    for part in schema.get("allOf") or ():
        yield from _causes(value, part, path)


def _bounds(value, schema, where):
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        if value < schema.get("minimum", value):
            yield where, "Invalid value: %s: should be at least %s" % (value, schema["minimum"])
        if value > schema.get("maximum", value):
            yield where, "Invalid value: %s: should be at most %s" % (value, schema["maximum"])
        return
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield where, 'Invalid value: "%s": should match %r' % (value, schema["pattern"])
    word = {str: "Length", list: "Items", dict: "Properties"}[type(value)]
    if len(value) < schema.get("min" + word, 0):
        yield where, "Invalid value: should have at least %d" % schema["min" + word]
    if len(value) > schema.get("max" + word, len(value)):
        yield where, "Too many: %d: must have at most %d" % (len(value), schema["max" + word])


def _below(path, name):
    return path + "." + name if path else name


def _type(value):
    return {dict: "object", list: "array", str: "string", bool: "boolean"}.get(type(value), "number")


def definition_causes(crd):
    """What is wrong with a CustomResourceDefinition: what a server refuses to establish."""
    spec, out = crd.get("spec") or {}, []
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    for field in ("group", "names", "scope", "versions"):
        if not spec.get(field):
            out.append(("spec." + field, "Required value"))
    if crd["metadata"]["name"] != "%s.%s" % (names.get("plural"), spec.get("group")):
        out.append(("metadata.name", 'Invalid value: "%s": must be spec.names.plural+"."+spec.group'
                    % crd["metadata"]["name"]))
    if sum(bool(v.get("storage")) for v in versions) != 1:
        out.append(("spec.versions", "Invalid value: must have exactly one version marked as "
                    "storage version"))
    for number, version in enumerate(versions):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        path = "spec.versions[%d].schema.openAPIV3Schema" % number
        if not schema:
            out.append((path, "Required value: schemas are required"))
        else:
            out.extend(structural_causes(schema, path))
            out.extend(_cost_causes(schema, path))
    return out


def structural_causes(schema, path, top=True):
    """Where a schema is not structural: a type everywhere, and none inside choices."""
    free = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get(
        "x-kubernetes-int-or-string")
    if not schema.get("type") and not free:
        yield path + ".type", "Required value: must not be empty for specified fields"
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        yield path + ".items", "Required value: must be specified"
    if schema.get("properties") and schema.get("additionalProperties"):
        yield path + ".additionalProperties", ("Forbidden: additionalProperties and properties are "
                                               "mutual exclusive")
    for choice in ("anyOf", "oneOf", "allOf"):
        for number, part in enumerate(schema.get(choice) or ()):
            yield from _choice_causes(part, "%s.%s[%d]" % (path, choice, number), free)
    if isinstance(schema.get("not"), dict):
        yield from _choice_causes(schema["not"], path + ".not", free)
    for name, field in (schema.get("properties") or {}).items():
        if not (top and name in KEPT):
            yield from structural_causes(field, "%s.properties[%s]" % (path, name), False)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from structural_causes(schema[key], "%s.%s" % (path, key), False)


def _choice_causes(schema, path, int_or_string):
    """Inside choices stand bounds and names of fields, never types, descriptions or defaults."""
    for word in ("type", "description", "default", "additionalProperties", "nullable",
                 "x-kubernetes-preserve-unknown-fields"):
        if word in schema and not (word == "type" and int_or_string):
            yield "%s.%s" % (path, word), "Forbidden: must be empty to be structural"
    for choice in ("anyOf", "oneOf", "allOf"):
        for number, part in enumerate(schema.get(choice) or ()):
            yield from _choice_causes(part, "%s.%s[%d]" % (path, choice, number), int_or_string)
    if isinstance(schema.get("not"), dict):
        yield from _choice_causes(schema["not"], path + ".not", int_or_string)
    for name, field in (schema.get("properties") or {}).items():
        yield from _choice_causes(field, "%s.properties[%s]" % (path, name), int_or_string)
    if isinstance(schema.get("items"), dict):
        yield from _choice_causes(schema["items"], path + ".items", int_or_string)
