#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the CustomResourceDefinitions of Istio's kinds, config/crds, from proto/istio.

  generate_crds.py [--out FOLDER]      FOLDER: config/crds

Types, names and choices come from the .proto files, sentences and bounds from istio/fields.txt; groups,
versions and columns stand here. The schemas are structural, so that the API server prunes, validates
and explains. What is written is committed; a test compares it with what this writes now.

Needs protoc, and PyPI's protobuf and PyYAML in the Python that runs it.
"""

import argparse
import pathlib
import re
import sys

import generate_config

HERE = pathlib.Path(__file__).resolve().parent
ALL_THREE = ("v1", "v1alpha3", "v1beta1")
SECURITY = ("v1", "v1beta1")


class Kind:
    """A kind: its group, the versions that are served, the first stored, and its names."""

    def __init__(self, name, plural, group, versions, short=(), columns=(), age=True, spec=False,
                 status="IstioStatus"):  # fmt: skip
        self.name, self.plural, self.group, self.versions = name, plural, group, versions
        self.short, self.columns, self.age, self.needs_spec = short, columns, age, spec
        self.status = status


NETWORKING = "networking.istio.io"
KINDS = (
    Kind("VirtualService", "virtualservices", NETWORKING, ALL_THREE, ("vs",), (
        ("Gateways", ".spec.gateways", "The names of gateways"),
        ("Hosts", ".spec.hosts", "The hosts that are asked for"))),
    Kind("DestinationRule", "destinationrules", NETWORKING, ALL_THREE, ("dr",), (
        ("Host", ".spec.host", "The service's name in the registry"),)),
    Kind("Gateway", "gateways", NETWORKING, ALL_THREE, ("gw",), age=False),
    Kind("ServiceEntry", "serviceentries", NETWORKING, ALL_THREE, ("se",), (
        ("Hosts", ".spec.hosts", "The names of the service"),
        ("Location", ".spec.location", "Inside or outside of the mesh"),
        ("Resolution", ".spec.resolution", "How endpoints are found")),
        spec=True, status="ServiceEntryStatus"),
    Kind("WorkloadEntry", "workloadentries", NETWORKING, ALL_THREE, ("we",), (
        ("Address", ".spec.address", "The address of the endpoint"),), spec=True),
    Kind("WorkloadGroup", "workloadgroups", NETWORKING, ALL_THREE, ("wg",), spec=True),
    Kind("Sidecar", "sidecars", NETWORKING, ALL_THREE, age=False),
    Kind("EnvoyFilter", "envoyfilters", NETWORKING, ("v1alpha3",), age=False),
    Kind("ProxyConfig", "proxyconfigs", NETWORKING, ("v1beta1",), age=False),
    Kind("AuthorizationPolicy", "authorizationpolicies", "security.istio.io", SECURITY, ("ap",), (
        ("Action", ".spec.action", "What happens to requests that are meant"),)),
    Kind("PeerAuthentication", "peerauthentications", "security.istio.io", SECURITY, ("pa",), (
        ("Mode", ".spec.mtls.mode", "What is taken at every port"),)),
    Kind("RequestAuthentication", "requestauthentications", "security.istio.io", SECURITY, ("ra",),
         age=False),
    Kind("Telemetry", "telemetries", "telemetry.istio.io", ("v1alpha1", "v1"), ("telemetry",)),
    Kind("WasmPlugin", "wasmplugins", "extensions.istio.io", ("v1alpha1",), spec=True),
    Kind("TrafficExtension", "trafficextensions", "extensions.istio.io", ("v1alpha1",), spec=True),
)  # fmt: skip
# Names that proto3's JSON also accepts and that manifests in the wild have.
ALSO = {("JWTRule", "jwksUri"): "jwks_uri", ("HTTPRoute", "mirrorPercent"): "mirror_percent"}
# Lists and maps of durations and the like do not occur, so marks of elements are plain words.
NUMBERS = {5: ("integer", "int32"), 3: ("integer", "int64"), 1: ("number", "double"),
           2: ("number", "float")}  # fmt: skip
UNSIGNED = {"type": "integer", "minimum": 0, "maximum": 4294967295}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
DURATION_RULE = {"rule": "duration(self) >= duration('1ms')",
                 "message": "must be a duration of 1ms or more"}  # fmt: skip
# What a duration looks like that may be 0s; rules cost where they stand in lists of lists.
SPAN_PATTERN = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"


def read_texts(path):
    """{message: (sentence, marks, {field: (sentence, marks)})} of fields.txt."""
    found, fields = {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = re.fullmatch(r"(  )?([\w./]+): (.+?)(?: \[([^ ].*)\])?", line)
        if not parts:
            sys.exit(f"{path}:{number}: no line of this file: {line}")
        entry = (parts[3], parts[4] or "")
        if parts[1]:
            fields[parts[2]] = entry
        else:
            fields = {}
            assert parts[2] not in found, f"{parts[2]} stands twice"
            found[parts[2]] = entry + (fields,)
    return found


def read_rules(path):
    """{MESSAGE or MESSAGE.FIELD or MESSAGE.FIELD.each: [rule]} of rules.txt."""
    found, lines = {}, path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(("#", "  ")):
            continue
        parts = re.fullmatch(r"([\w.]+): (.+)", line)
        if not parts or not lines[number].startswith("  "):
            sys.exit(f"{path}:{number}: no line of this file: {line}")
        rule = {"rule": lines[number].strip(), "message": parts[2]}
        found.setdefault(parts[1], []).append(rule)
    return found


def marks_of(text):
    """Marks as (name, value) pairs; a mark without a value is true."""
    for word in re.findall(r"choose\([^)]*\)|\S+", text):
        if not word.startswith("choose("):
            name, _, value = word.partition("=")
            yield name, int(value) if re.fullmatch(r"-?\d+", value) else value or True


class Schemas:
    """The schemas of messages."""

    def __init__(self, files, texts, rules):
        self.texts, self.used = texts, set()
        self.rules, self.used_rules = rules, set()
        self.messages, self.enums = {}, {}
        for file in files.values():
            self.add(file.message_type, file.enum_type, "." + file.package)

    def add(self, messages, enums, scope):
        for enum in enums:
            self.enums[f"{scope}.{enum.name}"] = enum
        for message in messages:
            self.messages[f"{scope}.{message.name}"] = message
            self.add(message.nested_type, message.enum_type, f"{scope}.{message.name}")

    def named(self, name):
        """The schema of the one message of this name outside the mesh configuration."""
        found = [f for f in self.messages if f.endswith("." + name) and ".mesh." not in f]
        assert len(found) == 1, found
        return self.message(found[0])

    def text(self, full):
        short = ".".join(p for p in full.split(".") if p[:1].isupper())
        package = full.split(".")[2]
        key = f"{package}/{short}" if f"{package}/{short}" in self.texts else short
        assert key in self.texts, f"fields.txt says nothing of {short}"
        return key, self.texts[key]

    def message(self, full):
        """The schema of a message."""
        key, (sentence, marks, fields) = self.text(full)
        descriptor = self.messages[full]
        schema = {"type": "object", "description": sentence, "properties": {}}
        required = []
        for field in descriptor.field:
            assert field.json_name in fields, f"fields.txt says nothing of {key}.{field.json_name}"
            self.used.add((key, field.json_name))
            said, more = fields[field.json_name]
            made = self.field(field, said, more)
            schema["properties"][field.json_name] = made
            self.rule(made, f"{key}.{field.json_name}")
            self.rule(made.get("items"), f"{key}.{field.json_name}.each")
            if "required" in dict(marks_of(more)):
                required.append(field.json_name)
            if (key, field.json_name) in ALSO:
                schema["properties"][ALSO[key, field.json_name]] = dict(made)
        if required:
            schema["required"] = required
        self.choices(schema, descriptor, marks)
        self.rule(schema, key)
        return schema

    def rule(self, schema, name):
        """Adds what rules.txt says of a place."""
        if schema is not None and name in self.rules:
            self.used_rules.add(name)
            kept = schema.get("x-kubernetes-validations", [])
            schema["x-kubernetes-validations"] = kept + self.rules[name]

    def choices(self, schema, descriptor, marks):
        """At most one of a oneof, as the API server writes it; and what `choose` asks, in CEL for its message."""
        groups = []
        for number in range(len(descriptor.oneof_decl)):
            names = [f.json_name for f in descriptor.field
                     if f.HasField("oneof_index") and f.oneof_index == number]  # fmt: skip
            if len(names) > 1:
                wanted = [{"required": [n]} for n in names]
                groups.append({"oneOf": [{"not": {"anyOf": wanted}}] + wanted})
        for names in re.findall(r"choose\(([^)]*)\)", marks):
            names = names.split()
            count = " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names)
            schema.setdefault("x-kubernetes-validations", []).append({
                "rule": f"{count} <= 1",
                "message": f"only one of {', '.join(names[:-1])} and {names[-1]} can be set"})
        if len(groups) == 1:
            schema.update(groups[0])
        elif groups:
            schema["allOf"] = groups

    def field(self, field, sentence, marks):
        element = self.element(field)
        schema = element
        entry = self.messages.get(field.type_name)
        if entry is not None and entry.options.map_entry:
            schema = {"type": "object", "additionalProperties": element}
        elif field.label == 3:
            schema = {"type": "array", "items": element}
        self.mark(schema, element, marks)
        schema = dict(schema, description=sentence)
        return schema

    def element(self, field):
        entry = self.messages.get(field.type_name)
        if entry is not None and entry.options.map_entry:
            return self.element(entry.field[1])
        if field.type == 11:
            return self.well_known(field.type_name) or self.message(field.type_name)
        if field.type == 14:
            names = [v.name for v in self.enums[field.type_name].value]
            return {"type": "string", "enum": names}
        if field.type in NUMBERS:
            kind, form = NUMBERS[field.type]
            return {"type": kind, "format": form}
        if field.type in (4, 13):
            return dict(UNSIGNED) if field.type == 13 else {"type": "integer", "minimum": 0}
        return {8: {"type": "boolean"}, 9: {"type": "string"}}.get(field.type) or {
            "type": "string", "format": "byte"}  # fmt: skip

    @staticmethod
    def well_known(name):
        if not name.startswith(".google.protobuf."):
            return None
        name = name.rsplit(".", 1)[1]
        if name == "Duration":
            return {"type": "string", "x-kubernetes-validations": [dict(DURATION_RULE)]}
        if name == "Timestamp":
            return {"type": "string", "format": "date-time"}
        if name == "Struct":
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        if name == "Value":
            return {"x-kubernetes-preserve-unknown-fields": True}
        return {"BoolValue": {"type": "boolean"}, "StringValue": {"type": "string"},
                "UInt32Value": dict(UNSIGNED), "UInt64Value": {"type": "integer", "minimum": 0},
                "Int32Value": {"type": "integer", "format": "int32"},
                "DoubleValue": {"type": "number", "format": "double"}}[name]  # fmt: skip

    @staticmethod
    def mark(schema, element, marks):
        for name, value in marks_of(marks):
            target = element if name.startswith("each.") else schema
            name = name.removeprefix("each.")
            if name == "port":
                target.update(PORT)
            elif name == "noWildcard":
                target["pattern"] = "^[^*]*$"
            elif name == "intOrString":
                for word in ("type", "format", "minimum", "maximum"):
                    target.pop(word, None)
                target.update({"anyOf": [{"type": "integer"}, {"type": "string"}],
                               "x-kubernetes-int-or-string": True})  # fmt: skip
            elif name == "listMapKey":
                target.update({"x-kubernetes-list-type": "map",
                               "x-kubernetes-list-map-keys": [value]})  # fmt: skip
            elif name == "mayBeZero":
                target["pattern"] = SPAN_PATTERN
                del target["x-kubernetes-validations"]
            elif name != "required":
                target[name] = value


def definition(kind, schemas):
    """The CustomResourceDefinition of a kind."""
    spec = schemas.named(kind.name)
    schemas.rule(spec, kind.name + ".spec")
    status = schemas.named(kind.status)
    status["x-kubernetes-preserve-unknown-fields"] = True
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    schema["description"] = spec["description"]
    if kind.needs_spec:
        schema["required"] = ["spec"]
    columns = [{"name": name, "type": "string", "jsonPath": path, "description": text + "."}
               for name, path, text in kind.columns]  # fmt: skip
    if kind.age:
        columns.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp",
                        "description": "The time since the object was made."})  # fmt: skip
    versions = []
    for version in kind.versions:
        entry = {"name": version, "served": True, "storage": version == kind.versions[0],
                 "subresources": {"status": {}}}  # fmt: skip
        if columns:
            entry["additionalPrinterColumns"] = columns
        versions.append(dict(entry, schema={"openAPIV3Schema": schema}))
    names = {"kind": kind.name, "listKind": kind.name + "List", "plural": kind.plural,
             "singular": kind.name.lower(),
             "categories": ["istio-io", kind.group.replace(".", "-")]}  # fmt: skip
    if kind.short:
        names["shortNames"] = list(kind.short)
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}",
                     "labels": {"app": "istio-pilot", "istio.io/rev": "default"},
                     "annotations": {"helm.sh/resource-policy": "keep"}},
        "spec": {"group": kind.group, "names": names, "scope": "Namespaced",
                 "versions": versions}}  # fmt: skip


def text_of(crd):
    """A definition as YAML, without aliases."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data):
            return True

    head = ("# SPDX-License-Identifier: Apache-2.0\n"
            "# Written by proto/generate_crds.py; edit proto/istio instead.\n")  # fmt: skip
    return head + yaml.dump(crd, Dumper=Plain, sort_keys=False, width=110, allow_unicode=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=HERE.parent / "config" / "crds", type=pathlib.Path)
    options = parser.parse_args()
    files = generate_config.read_descriptors(sorted((HERE / "istio").glob("*.proto")))
    rules = read_rules(HERE / "istio" / "rules.txt")
    schemas = Schemas(files, read_texts(HERE / "istio" / "fields.txt"), rules)
    texts = {f"{k.group}_{k.plural}.yaml": text_of(definition(k, schemas)) for k in KINDS}
    said = {(key, name) for key, (_, _, fields) in schemas.texts.items() for name in fields}
    # Messages of the same short name share an entry, so a field may be of the other one.
    unused = {key for key, name in said - schemas.used if key not in {k for k, _ in schemas.used}}
    if unused:
        sys.exit(f"fields.txt tells of what is not there: {', '.join(sorted(unused))}")
    if set(rules) != schemas.used_rules:
        sys.exit(f"rules.txt tells of what is not there: {set(rules) - schemas.used_rules}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (options.out / name).write_text(text)


if __name__ == "__main__":
    main()
