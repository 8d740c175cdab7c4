#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes Envoy's API for us: protobuf-c's sources (target CEnvoyAPI) and their Swift face (EnvoyAPI).

The descriptors are those of the pinned PyPI package xds-protos, which this script imports, and of
proto/filters. protobuf-c's generator gets them as a descriptor set, without the options that only
documentation and validation need. The face covers the messages that proto/face.txt lists; all
others are reachable by name, as JSON. Does nothing where its inputs are those of the last run.
"""

import argparse
import hashlib
import importlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
UNITS = 8
# Options, annotations and documentation: nothing of them is on the wire.
WITHOUT = ("validate/", "udpa/annotations/", "xds/annotations/", "envoy/annotations/",
           "google/api/annotations", "google/api/http", "google/protobuf/descriptor.proto")  # fmt: skip
ROOTS = ("envoy", "udpa/type", "xds/type", "xds/core", "xds/data")
# protobuf-c gives every message a member `base` of its own, so that a field may not be named so.
RESERVED_FIELD = "base"


def descriptors():
    """Every descriptor file of Envoy's v3 API and of proto/filters, dependencies first."""
    from google.protobuf import descriptor_pb2

    files = {}

    def add(file):
        if file.name in files or file.name.startswith(WITHOUT):
            return
        for dependency in file.dependencies:
            add(dependency)
        copy = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(copy)
        files[file.name] = copy

    packages = pathlib.Path(importlib.import_module("xds").__path__[0]).parent
    for root in ROOTS:
        for path in sorted((packages / root).rglob("*_pb2.py")):
            parts = path.relative_to(packages).with_suffix("").parts
            if parts[0] != "envoy" or any(part.startswith("v3") for part in parts):
                add(importlib.import_module(".".join(parts)).DESCRIPTOR)
    for file in own_files(files):
        files.setdefault(file.name, file)
    return files


def own_files(known):
    """The descriptors of proto/filters, parsed by protoc."""
    from google.protobuf import descriptor_pb2

    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder, "given"), pathlib.Path(folder, "made")
        given.write_bytes(descriptor_pb2.FileDescriptorSet(file=known.values()).SerializeToString())
        sources = sorted(str(p.relative_to(HERE)) for p in (HERE / "filters").glob("*.proto"))
        subprocess.run(
            ["protoc", "-I", str(HERE), f"--descriptor_set_in={given}",
             f"--descriptor_set_out={made}", *sources], check=True, cwd=HERE)  # fmt: skip
        found = descriptor_pb2.FileDescriptorSet()
        found.ParseFromString(made.read_bytes())
        return list(found.file)


def strip(file):
    """Takes from a file what is not needed to read and write its messages."""
    kept = [d for d in file.dependency if not d.startswith(WITHOUT)]
    for field in ("dependency", "public_dependency", "weak_dependency", "options", "extension",
                  "service", "source_code_info"):  # fmt: skip
        file.ClearField(field)
    file.dependency.extend(kept)
    for message in file.message_type:
        strip_message(message)
    for enum in file.enum_type:
        strip_enum(enum)


def strip_message(message):
    map_entry = message.options.map_entry
    message.ClearField("options")
    if map_entry:
        message.options.map_entry = True
    for field in message.field:
        packed = field.options.packed if field.options.HasField("packed") else None
        field.ClearField("options")
        if packed is not None:
            field.options.packed = packed
        if field.name == RESERVED_FIELD:
            field.name += "_"
    for oneof in message.oneof_decl:
        oneof.ClearField("options")
    for enum in message.enum_type:
        strip_enum(enum)
    for nested in message.nested_type:
        strip_message(nested)


def strip_enum(enum):
    alias = enum.options.allow_alias
    enum.ClearField("options")
    if alias:
        enum.options.allow_alias = True
    for value in enum.value:
        value.ClearField("options")


# ---------------------------------------------------------------------------- C


def write_c(files, out):
    """protobuf-c's sources in a few units, and the table of all message descriptors by name."""
    from google.protobuf import descriptor_pb2

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    given = out / "descriptors"
    given.write_bytes(descriptor_pb2.FileDescriptorSet(file=files.values()).SerializeToString())
    plugin = shutil.which("protoc-gen-c")
    subprocess.run(
        ["protoc", f"--descriptor_set_in={given}", f"--plugin=protoc-gen-c={plugin}",
         f"--c_out={out}", *files], check=True)  # fmt: skip
    given.unlink()
    sources = sorted(out.rglob("*.pb-c.c"))
    symbols = {}
    for source in sources:
        text = source.read_text().replace(f'"{RESERVED_FIELD}_"', f'"{RESERVED_FIELD}"')
        pattern = r"const ProtobufCMessageDescriptor (\w+) =\s*\{\s*PROTOBUF_C__\w+,\s*\"([^\"]+)\""
        symbols |= {name: symbol for symbol, name in re.findall(pattern, text)}
        source.with_suffix(".inc").write_text(text)
        source.unlink()
    included = [str(s.with_suffix(".inc").relative_to(out)) for s in sources]
    for unit in range(UNITS):
        lines = "".join(f'#include "{name}"\n' for name in included[unit::UNITS])
        (out / f"unit{unit}.c").write_text(lines)
    names = sorted(symbols)
    table = ['#include "CEnvoyAPI.h"\n']
    table += [f"extern const ProtobufCMessageDescriptor {symbols[n]};\n" for n in names]
    table.append("const ProtobufCMessageDescriptor *const cenvoyapi_messages[] = {\n")
    table += [f"  &{symbols[n]},\n" for n in names]
    table.append(f"}};\nconst int cenvoyapi_message_count = {len(names)};\n")
    (out / "table.c").write_text("".join(table))
    return {name: index for index, name in enumerate(names)}


# ------------------------------------------------------------------------ Swift

KEYWORDS = set(
    "as associatedtype break case catch class continue default defer deinit do else enum extension"
    " fallthrough false fileprivate for func guard if import in init inout internal is let nil"
    " operator private protocol public repeat rethrows return self static struct subscript super"
    " switch throw throws true try typealias var where while Type Protocol Any Self".split()
)
WRAPPERS = {"BoolValue": "Bool", "StringValue": "String", "DoubleValue": "Double",
            "FloatValue": "Float", "Int32Value": "Int32", "UInt32Value": "UInt32",
            "Int64Value": "Int64", "UInt64Value": "UInt64"}  # fmt: skip
SCALARS = {1: "Double", 2: "Float", 3: "Int64", 4: "UInt64", 5: "Int32", 6: "UInt64", 7: "UInt32",
           8: "Bool", 9: "String", 12: "[UInt8]", 13: "UInt32", 15: "Int32", 16: "Int64",
           17: "Int32", 18: "Int64"}  # fmt: skip
SPECIAL = {"google.protobuf.Duration": "Duration", "google.protobuf.Struct": "JSONObject",
           "google.protobuf.Value": "JSONValue", "google.protobuf.Any": "ProtobufAny",
           "google.protobuf.Empty": "ProtobufEmpty"}  # fmt: skip
MESSAGE, ENUM = 11, 14


def lower_camel(name):
    head, *rest = [part for part in name.split("_") if part]
    return (head.lower() if head.isupper() else head[0].lower() + head[1:]) + "".join(
        p[0].upper() + (p[1:].lower() if p.isupper() else p[1:]) for p in rest
    )


def upper_camel(name):
    camel = lower_camel(name)
    return camel[0].upper() + camel[1:]


def quoted(name):
    return f"`{name}`" if name in KEYWORDS else name


class Face:
    """The Swift face of the messages that face.txt lists."""

    def __init__(self, files, indexes, listing):
        self.indexes = indexes
        self.messages, self.enums = {}, {}
        for file in files.values():
            for message in file.message_type:
                self.collect(message, file.package)
            for enum in file.enum_type:
                self.enums[f"{file.package}.{enum.name}"] = enum
        self.swift = {}
        self.read_listing(listing)

    def collect(self, message, scope):
        name = f"{scope}.{message.name}"
        self.messages[name] = message
        for enum in message.enum_type:
            self.enums[f"{name}.{enum.name}"] = enum
        for nested in message.nested_type:
            self.collect(nested, name)

    def read_listing(self, listing):
        """`full.name`, `full.name as Swift`, `package.*`; what is nested in a message comes too."""
        aliases = {}
        for number, raw in enumerate(listing.splitlines(), 1):
            line = raw.split("#")[0].split()
            if not line:
                continue
            if line[0].endswith(".*"):
                package = line[0][:-2]
                found = [n for n in [*self.messages, *self.enums] if n.rpartition(".")[0] == package]
            else:
                found = [n for n in [line[0]] if n in self.messages or n in self.enums]
            if not found:
                sys.exit(f"proto/face.txt:{number}: there is no message or enum {line[0]}")
            for name in found:
                aliases[name] = line[2] if len(line) == 3 else aliases.get(name, name.rpartition(".")[2])
        taken = {}
        for name, alias in aliases.items():
            if alias in taken:  # the package's own word goes before the second of a name
                alias = upper_camel(name.split(".")[-3]) + alias
            if taken.setdefault(alias, name) != name:
                sys.exit(f"proto/face.txt: {name} and {taken[alias]} are both Envoy.{alias}")
            self.swift[name] = f"Envoy.{alias}"
        for name in [*self.messages, *self.enums]:
            entry = name in self.messages and self.messages[name].options.map_entry
            if name not in self.swift and not entry:
                self.name_nested(name)

    def name_nested(self, name):
        parent, _, last = name.rpartition(".")
        if parent in self.messages:
            self.name_nested(parent)
            if parent in self.swift:
                self.swift.setdefault(name, f"{self.swift[parent]}.{self.type_name(last)}")

    @staticmethod
    def type_name(name):
        return {"Type": "Kind", "Protocol": "ProtocolName"}.get(name, name)

    # The Swift type of a field's element, or None where the face does not have it.
    def element(self, field):
        if field.type == MESSAGE:
            name = field.type_name[1:]
            package, _, last = name.rpartition(".")
            if package == "google.protobuf" and last in WRAPPERS:
                return WRAPPERS[last]
            return SPECIAL.get(name) or self.swift.get(name)
        if field.type == ENUM:
            return self.swift.get(field.type_name[1:])
        return SCALARS[field.type]

    def emit(self):
        """The text of the face, a file for each proto package."""
        texts = {}
        for name, swift in sorted(self.swift.items()):
            if name in self.messages:
                text = self.message(name, swift)
            else:
                text = self.enum(name, swift)
            package = swift.split(".")[1][0].upper()
            texts.setdefault(package, []).append(text)
        return {key: "\n".join(parts) for key, parts in texts.items()}

    def enum(self, name, swift):
        scope, _, last = swift.rpartition(".")
        seen, cases = set(), []
        prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2]).upper() + "_"
        values = self.enums[name].value
        cut = len(prefix) if all(v.name.startswith(prefix) for v in values) else 0
        for value in values:
            if value.number not in seen:
                seen.add(value.number)
                case = lower_camel(value.name[cut:])
                cases.append(f"    case {quoted(case if not case[0].isdigit() else '_' + case)} = {value.number}\n")
        return (f"extension {scope} {{\n  public enum {last}: Int32, ProtobufEnum {{\n"
                + "".join(cases) + "  }\n}\n")  # fmt: skip

    def message(self, name, swift):
        scope, _, last = swift.rpartition(".")
        message = self.messages[name]
        order = {f.name: i for i, f in enumerate(sorted(message.field, key=lambda f: f.number))}
        body = [f"  public struct {last}: ProtobufMessage {{\n"
                f"    public static let type = MessageType({self.indexes[name]})\n"
                f"    public let slot: MessageSlot\n"
                f"    public init(slot: MessageSlot) {{ self.slot = slot }}\n"]  # fmt: skip
        for field in message.field:
            body.append(self.property(message, field, order[field.name]))
        for index, oneof in enumerate(message.oneof_decl):
            members = [f for f in message.field if f.HasField("oneof_index") and f.oneof_index == index]
            body.append(self.oneof(oneof.name, members, order))
        return f"extension {scope} {{\n{''.join(body)}  }}\n}}\n"

    def property(self, message, field, index):
        repeated = field.label == 3
        name = quoted(lower_camel(field.name.rstrip("_")))
        if repeated and field.type == MESSAGE:
            entry = self.messages.get(field.type_name[1:])
            if entry is not None and entry.options.map_entry:
                key, value = sorted(entry.field, key=lambda f: f.number)
                kind = self.element(value)
                if key.type != 9 or kind is None:
                    return ""
                return self.accessor(name, f"ProtobufMap<{kind}>", "map", index)
        kind = self.element(field)
        if kind is None:
            return ""
        if repeated:
            return self.accessor(name, f"ProtobufList<{kind}>", "list", index)
        if field.type == MESSAGE or field.HasField("oneof_index"):
            access = "member" if field.HasField("oneof_index") else "optional"
            return self.accessor(name, f"{kind}?", access, index)
        return self.accessor(name, kind, "scalar", index)

    @staticmethod
    def accessor(name, kind, access, index):
        return (f"    public var {name}: {kind} {{\n"
                f"      get {{ slot.{access}({index}) }}\n"
                f"      nonmutating set {{ slot.set({access}: {index}, newValue) }}\n    }}\n")  # fmt: skip

    def oneof(self, name, members, order):
        known = [(f, self.element(f)) for f in members]
        known = [(f, kind) for f, kind in known if kind is not None]
        if not known:
            return ""
        kind, property_name = upper_camel(name), quoted(lower_camel(name))
        if kind in ("Type", "Protocol"):
            kind += "Choice"
        choice = f"{kind}Case"
        cases = "".join(f"      case {quoted(lower_camel(f.name))}({k})\n" for f, k in known)
        gets = "".join(
            f"        if let value: {k} = slot.member({order[f.name]}) {{ return .{lower_camel(f.name)}(value) }}\n"
            for f, k in known)  # fmt: skip
        sets = "".join(
            f"        case .{lower_camel(f.name)}(let value): slot.set(member: {order[f.name]}, value as {k}?)\n"
            for f, k in known)  # fmt: skip
        clear = "".join(
            f"        case nil: slot.clear(member: {order[known[0][0].name]})\n")  # fmt: skip
        return (f"    public enum {choice} {{\n{cases}    }}\n"
                f"    public var {property_name}: {choice}? {{\n      get {{\n{gets}        return nil\n      }}\n"
                f"      nonmutating set {{\n        switch newValue {{\n{sets}{clear}        }}\n      }}\n    }}\n")  # fmt: skip


HEAD = "// Generated by proto/generate_envoy.py. Do not edit.\n// swift-format-ignore-file\n\npublic import JSON\n\n"


def inputs_hash():
    from google.protobuf import __version__ as protobuf

    hasher = hashlib.sha256(protobuf.encode())
    hasher.update(importlib.metadata.version("xds-protos").encode())
    for path in [pathlib.Path(__file__), HERE / "face.txt", *sorted((HERE / "filters").glob("*"))]:
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    import importlib.metadata  # noqa: F401

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=HERE.parent)
    root = parser.parse_args().root
    c_out = root / "Sources/CEnvoyAPI/generated"
    swift_out = root / "Sources/EnvoyAPI/Generated"
    stamp, digest = swift_out / ".inputs", inputs_hash()
    if stamp.exists() and stamp.read_text() == digest and (c_out / "table.c").exists():
        return
    files = descriptors()
    for file in files.values():
        strip(file)
    indexes = write_c(files, c_out)
    face = Face(files, indexes, (HERE / "face.txt").read_text())
    swift_out.mkdir(parents=True, exist_ok=True)
    texts = face.emit()
    for old in swift_out.glob("Envoy*.swift"):
        if old.stem[5:] not in texts:
            old.unlink()
    for key, text in texts.items():
        # What is nested comes after what it is nested in: sorted names see to that.
        body = HEAD if "JSON" in text else HEAD.replace("public import JSON\n\n", "")
        write_if_changed(swift_out / f"Envoy{key}.swift", body + text)
    stamp.write_text(digest)
    print(f"Envoy's API: {len(indexes)} messages in C, {len(face.swift)} types in Swift")


if __name__ == "__main__":
    main()
