#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the APIs of proto/ that are read as JSON as Swift values for the room Configuration.

proto/istio is Istio's API, where an unknown field is an error; proto/kubernetes/core.proto is the
part of Kubernetes' API that we read, where it is passed over; proto/kubernetes/fields.txt says
which fields there are besides, and proto/istio/schema.txt what Istio's CRDs ask of values.

Needs protoc, and PyPI's protobuf in the Python that runs it. Does nothing where its inputs are
those of the last run.
"""

import argparse
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
STAMP = ".inputs"

# The Swift namespace of a proto package; all others are in `Istio` itself.
NAMESPACES = {"istio.mesh.v1alpha1": "Istio.Mesh", "istio.type.v1beta1": "Istio.Policy",
              "kubernetes": "Kubernetes"}  # fmt: skip
# Names that Swift keeps for itself.
RENAMED = {"Type": "Kind", "Protocol": "ProtocolName"}
KEYWORDS = set(
    "as associatedtype break case catch class continue default defer deinit do else enum extension"
    " fallthrough false fileprivate for func guard if import in init inout internal is let nil"
    " operator private protocol public repeat rethrows return self static struct subscript super"
    " switch throw throws true try typealias var where while".split()
)
WELL_KNOWN = {
    "Duration": "Duration", "Struct": "JSONValue", "Value": "JSONValue", "Timestamp": "String",
    "BoolValue": "Bool", "StringValue": "String", "DoubleValue": "Double", "FloatValue": "Float",
    "Int32Value": "Int32", "UInt32Value": "UInt32", "Int64Value": "Int64",
    "UInt64Value": "UInt64", "BytesValue": "ProtoBytes",
}  # fmt: skip


def read_descriptors(sources):
    """The descriptors of `sources`, parsed by protoc; a map of file name to descriptor."""
    from google.protobuf import descriptor_pb2, duration_pb2, struct_pb2
    from google.protobuf import timestamp_pb2, wrappers_pb2

    known = descriptor_pb2.FileDescriptorSet()
    for module in (duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2):
        module.DESCRIPTOR.CopyToProto(known.file.add())
    with tempfile.TemporaryDirectory() as folder:
        given = pathlib.Path(folder, "known.pb")
        made = pathlib.Path(folder, "made.pb")
        given.write_bytes(known.SerializeToString())
        command = ["protoc", "-I", str(HERE), f"--descriptor_set_in={given}"]
        command += [f"--descriptor_set_out={made}"]
        subprocess.run(command + [str(s.relative_to(HERE)) for s in sources], check=True, cwd=HERE)
        files = descriptor_pb2.FileDescriptorSet()
        files.ParseFromString(made.read_bytes())
    return {file.name: file for file in files.file}


def escaped(name):
    return f"`{name}`" if name in KEYWORDS else name


def capitalised(name):
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def case_name(name):
    """SCREAMING_SNAKE as camelCase; digits on both sides of an underscore keep it."""
    if name.upper() != name:
        return escaped(name[:1].lower() + name[1:])
    parts = name.lower().split("_")
    text = parts[0]
    for part in parts[1:]:
        both_digits = text[-1:].isdigit() and part[:1].isdigit()
        text += "_" + part if both_digits else part[:1].upper() + part[1:]
    return escaped(text)


def has(group, field):
    """Whether the oneof `group` has `field`."""
    return any(member.number == field.number for member in group[1])


class Generator:
    def __init__(self, files):
        self.swift = {}  # proto's full name to Swift's
        self.maps = {}  # full name of a map's entry to its descriptor
        self.lines = []
        self.is_kubernetes = False
        for file in files.values():
            space = NAMESPACES.get(file.package, "Istio")
            self.name_all(file.message_type, file.enum_type, "." + file.package, space)
        assert len(set(self.swift.values())) == len(self.swift), "two types of one Swift name"

    def name_all(self, messages, enums, scope, space):
        for kind in list(messages) + list(enums):
            full = f"{scope}.{kind.name}"
            swift = f"{space}.{RENAMED.get(kind.name, kind.name)}"
            self.swift[full] = swift
            if hasattr(kind, "nested_type"):
                if kind.options.map_entry:
                    self.maps[full] = kind
                self.name_all(kind.nested_type, kind.enum_type, full, swift)

    def add(self, depth, text):
        self.lines.append("  " * depth + text if text else "")

    # Types of fields.

    def element(self, field):
        kinds = {
            1: "Double", 2: "Float", 3: "Int64", 4: "UInt64", 5: "Int32", 8: "Bool", 9: "String",
            12: "ProtoBytes", 13: "UInt32",
        }  # fmt: skip
        if field.type in kinds:
            return kinds[field.type]
        if field.type_name.startswith(".google.protobuf."):
            return WELL_KNOWN[field.type_name.rsplit(".", 1)[1]]
        return self.swift[field.type_name]

    def shape(self, field):
        """The decoder's function for `field`, and its Swift type and default."""
        if field.type_name in self.maps:
            key, value = (self.element(part) for part in self.maps[field.type_name].field)
            return "map", f"[{key}: {value}] = [:]"
        element = self.element(field)
        if field.label == 3:
            return "list", f"[{element}] = []"
        if field.type_name == ".google.protobuf.Struct":
            return "structure", f"{element}?"
        if field.type_name == ".google.protobuf.Value":
            return "value", f"{element}?"
        if self.is_kubernetes and field.type_name == ".google.protobuf.Timestamp":
            return "one", 'String = ""'
        if field.type == 11 or field.proto3_optional:
            return "optional", f"{element}?"
        default = {"Bool": "false", "String": '""', "ProtoBytes": "ProtoBytes([])"}
        if field.type == 14:
            return "one", f"{element} = .protoDefault"
        return "one", f"{element} = {default.get(element, '0')}"

    # Declarations.

    def file(self, descriptor):
        self.lines = ["// Generated from proto/; do not edit.", "// swift-format-ignore-file", ""]
        self.lines += ["public import JSON", ""]
        space = NAMESPACES.get(descriptor.package, "Istio")
        self.is_kubernetes = descriptor.package == "kubernetes"
        for message in descriptor.message_type:
            self.add(0, f"extension {space} {{")
            self.declare(message, f".{descriptor.package}.{message.name}", 1)
            self.lines += ["}", ""]
            self.conform(message, f".{descriptor.package}.{message.name}")
        for enum in descriptor.enum_type:
            self.add(0, f"extension {space} {{")
            self.enum(enum, f".{descriptor.package}.{enum.name}", 1)
            self.lines += ["}", ""]
        return "\n".join(self.lines).rstrip() + "\n"

    def oneofs(self, message):
        """The oneofs of `message` with their fields, in order."""
        real = [
            [f for f in message.field if f.HasField("oneof_index") and f.oneof_index == index
             and not f.proto3_optional]
            for index in range(len(message.oneof_decl))
        ]  # fmt: skip
        return [(o.name, fields) for o, fields in zip(message.oneof_decl, real) if fields]

    def is_choice(self, message):
        """Whether `message` is nothing but one oneof, and so an enum in Swift."""
        groups = self.oneofs(message)
        return len(groups) == 1 and len(groups[0][1]) == len(message.field)

    def declare(self, message, full, depth):
        short = self.swift[full].rsplit(".", 1)[1]
        self.add(depth, f"/// `{full[1:]}`.")
        if self.is_choice(message):
            self.add(depth, f"public enum {short}: Hashable, Sendable {{")
            self.add(depth + 1, "case unset")
            self.cases(self.oneofs(message)[0][1], depth + 1)
            self.add(depth + 1, "public init() { self = .unset }")
        else:
            self.add(depth, f"public struct {short}: Hashable, Sendable {{")
            self.properties(message, full, depth + 1)
            self.add(depth + 1, "public init() {}")
        for nested in message.nested_type:
            if not nested.options.map_entry:
                self.declare(nested, f"{full}.{nested.name}", depth + 1)
        for enum in message.enum_type:
            self.enum(enum, f"{full}.{enum.name}", depth + 1)
        self.add(depth, "}")

    def properties(self, message, full, depth):
        groups = self.oneofs(message)
        written = set()
        for field in message.field:
            group = next((g for g in groups if has(g, field)), None)
            if group is None:
                self.add(depth, f"public var {escaped(field.json_name)}: {self.shape(field)[1]}")
            elif group[0] not in written:
                written.add(group[0])
                self.add(depth, f"public var {self.group_property(group)}: {self.group_type(group)}?")
        for group in groups:
            nested = {RENAMED.get(n.name, n.name) for n in message.nested_type}
            assert self.group_type(group) not in nested, f"{full}: {group[0]} is also a message"
            self.add(depth, f"public enum {self.group_type(group)}: Hashable, Sendable {{")
            self.cases(group[1], depth + 1)
            self.add(depth, "}")

    def group_property(self, group):
        name = capitalised(group[0])
        return escaped(name[:1].lower() + name[1:])

    def group_type(self, group):
        name = capitalised(group[0])
        return RENAMED.get(name, name)

    def cases(self, fields, depth):
        for field in fields:
            self.add(depth, f"case {escaped(field.json_name)}({self.element(field)})")

    def enum(self, enum, full, depth):
        assert not enum.options.allow_alias, f"{full}: aliases"
        short = self.swift[full].rsplit(".", 1)[1]
        self.add(depth, f"/// `{full[1:]}`.")
        self.add(depth, f"public enum {short}: Int32, ProtoEnum {{")
        for value in enum.value:
            self.add(depth + 1, f"case {case_name(value.name)} = {value.number}")
        names = ", ".join(f'"{value.name}"' for value in enum.value)
        self.add(depth + 1, f"public static let protoNames = [{names}]")
        self.add(depth, "}")

    # Conformances.

    def conform(self, message, full):
        groups = self.oneofs(message)
        choice = self.is_choice(message)
        self.add(0, f"extension {self.swift[full]}: ProtoMessage {{")
        head = "public mutating func decodeField(_ name: String, _ value: JSONValue,"
        self.add(1, head + " _ decoder: inout ProtoDecoder) throws(ConfigError) -> Bool {")
        if message.field:
            self.add(2, "switch name {")
            for field in message.field:
                self.decode_case(field, groups, choice)
            known = "true" if full.startswith(".kubernetes.") else "false"
            self.add(2, f"default: return {known}")
            self.add(2, "}")
            self.add(2, "return true")
        else:
            self.add(2, "true" if full.startswith(".kubernetes.") else "false")
        self.add(1, "}")
        self.encoding(message, groups, choice)
        self.lines += ["}", ""]
        if self.is_kubernetes:
            self.wire(message, full)
        for nested in message.nested_type:
            if not nested.options.map_entry:
                self.conform(nested, f"{full}.{nested.name}")

    def wire(self, message, full):
        """How a message is read from protobuf's wire format."""
        self.add(0, f"extension {self.swift[full]}: WireMessage {{")
        self.add(1, "public mutating func readField(_ number: Int, _ reader: inout WireReader)"
                    " throws(WireFormatError) -> Bool {")  # fmt: skip
        if message.field:
            self.add(2, "switch number {")
            special = {".google.protobuf.Timestamp": "time", ".google.protobuf.Value": "numberOrText"}
            for field in message.field:
                assert field.label != 3 or field.type in (9, 11), f"{full}: a packed list"
                function = special.get(field.type_name, self.shape(field)[0])
                target = f"self.{escaped(field.json_name)}"
                self.add(2, f"case {field.number}: try reader.{function}(&{target})")
            self.add(2, "default: return false")
            self.add(2, "}")
        self.add(2, "return true" if message.field else "false")
        self.add(1, "}")
        self.lines += ["}", ""]

    def decode_case(self, field, groups, choice):
        names = [field.json_name] + ([field.name] if field.name != field.json_name else [])
        camel = re.sub(r"_(.)", lambda m: m.group(1).upper(), field.name)
        assert camel == field.json_name, f"{field.name}: an unusual JSON name"
        labels = ", ".join(f'"{name}"' for name in names)
        for number, group in enumerate(groups):
            if has(group, field):
                target = "self" if choice else f"self.{self.group_property(group)}"
                self.add(2, f"case {labels}:")
                read = f"{self.element(field)}? = try decoder.alternative(value, {number})"
                self.add(3, f"let alternative: {read}")
                case = escaped(field.json_name)
                self.add(3, f"if let alternative {{ {target} = .{case}(alternative) }}")
                return
        function = self.shape(field)[0]
        tried = "" if function == "value" else "try "
        target = f"self.{escaped(field.json_name)}"
        self.add(2, f"case {labels}: {tried}decoder.{function}(value, &{target})")

    def encoding(self, message, groups, choice):
        self.add(1, "public func encodeFields(_ encoder: inout ProtoEncoder) {")
        for field in message.field:
            if any(has(group, field) for group in groups):
                continue
            function = self.shape(field)[0]
            function = {"structure": "optional", "value": "optional"}.get(function, function)
            target = f"self.{escaped(field.json_name)}"
            self.add(2, f'encoder.{function}("{field.json_name}", {target})')
        for group in groups:
            target = "self" if choice else f"self.{self.group_property(group)}"
            self.add(2, f"switch {target} {{")
            for field in group[1]:
                case = escaped(field.json_name)
                call = f'encoder.optional("{field.json_name}", alternative)'
                self.add(2, f"case .{case}(let alternative): {call}")
            self.add(2, "case .unset: break" if choice else "case nil: break")
            self.add(2, "}")
        self.add(1, "}")


def namespaces():
    inner = sorted({space.split(".")[1] for space in NAMESPACES.values() if "." in space})
    lines = ["// Generated from proto/; do not edit.", "// swift-format-ignore-file", ""]
    lines += ["/// Istio's API; networking, security, telemetry and extensions directly in it."]
    lines += ["public enum Istio {"]
    lines += [f"  /// Istio's API for what `{name}` says.\n  public enum {name} {{}}" for name in inner]
    lines += ["  public typealias MeshConfig = Mesh.MeshConfig"]
    lines += ["  public typealias MeshNetworks = Mesh.MeshNetworks", "}", ""]
    lines += ["/// What we read of Kubernetes' API.", "public enum Kubernetes {}"]
    return "\n".join(lines) + "\n"


def table(kind, path):
    """The table of the Swift type `kind` as one literal, which is read when first asked."""
    lines = ["// Generated from proto/; do not edit.", "// swift-format-ignore-file", ""]
    lines += [f"extension {kind} {{", '  static let text = """']
    lines += ["    " + line for line in path.read_text().splitlines() if not line.startswith("#")]
    return "\n".join(lines + ['    """', "}"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    default = HERE.parent / "Sources/Configuration/Generated"
    parser.add_argument("--out", type=pathlib.Path, default=default, help="folder to write to")
    out = parser.parse_args().out
    sources = sorted([*(HERE / "istio").glob("*.proto"), *(HERE / "kubernetes").glob("*.proto")])
    tables = {"KubernetesFields": HERE / "kubernetes/fields.txt",
              "IstioSchema": HERE / "istio/schema.txt"}  # fmt: skip
    digest = hashlib.sha256()
    for path in [pathlib.Path(__file__).resolve(), *tables.values(), *sources]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    stamp = out / STAMP
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    files = read_descriptors(sources)
    generator = Generator(files)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.swift"):
        old.unlink()
    (out / "Istio.swift").write_text(namespaces())
    for kind, path in tables.items():
        (out / f"{kind}Text.swift").write_text(table(kind, path))
    for name, descriptor in sorted(files.items()):
        target = out / (capitalised(name.removesuffix(".proto").replace("/", "_")) + ".swift")
        target.write_text(generator.file(descriptor))
    stamp.write_text(digest.hexdigest())
    print(f"generate-config: {len(files)} files", file=sys.stderr)


if __name__ == "__main__":
    main()
