# SPDX-License-Identifier: Apache-2.0
"""Objects from YAML files: what is in a cluster when a test begins."""
import os

from .errors import APIError
from .resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES


def load_directory(api, folder):
    """Loads every YAML and JSON file below a folder, or one file; returns the number of objects."""
    texts = []
    if os.path.isfile(folder):
        paths = [folder]
    else:
        paths = sorted(os.path.join(where, name) for where, _, names in os.walk(folder)
                       for name in names if name.endswith((".yaml", ".yml", ".json")))
    for path in paths:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    return load_objects(api, [o for text in texts for o in parse(text)])


def load_text(api, text):
    """Loads the objects of one text."""
    return load_objects(api, parse(text))


def parse(text):
    """The objects of a text, those of Lists too."""
    import yaml
    out = []
    for document in yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(document, dict) and document.get("kind"):
            if document["kind"].endswith("List") and isinstance(document.get("items"), list):
                out += [o for o in document["items"] if isinstance(o, dict)]
            else:
                out.append(document)
    return [_plain(o) for o in out]


def _plain(value):
    """YAML's dates as the text that they were."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if hasattr(value, "strftime"):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def load_objects(api, objects):
    """Makes or replaces objects, status and all; namespaces that are missing are made."""
    def order(obj):
        return {"CustomResourceDefinition": 0, "Namespace": 1}.get(obj["kind"], 2)
    with api.store.changed:
        for obj in sorted(objects, key=order):
            _put(api, obj)
    return len(objects)


def _put(api, obj):
    group, _, version = obj.get("apiVersion", "").rpartition("/")
    resource = next((k for k in api.store.kinds.values() if k.group == group
                     and version in k.versions and k.kind == obj["kind"]), None)
    if resource is None:
        raise APIError(400, "BadRequest", "no kind %s in %s" % (obj["kind"], obj.get("apiVersion")))
    metadata = obj.setdefault("metadata", {})
    namespace = (metadata.get("namespace") or "default") if resource.namespaced else ""
    spaces = api.store.kinds[NAMESPACES]
    if namespace and not api.store.get(spaces, "", namespace):
        api.writer.create(spaces, "", {"metadata": {"name": namespace}})
    old = api.store.get(resource, namespace, metadata.get("name", ""))
    if old is None:
        api.writer.create(resource, namespace, obj, trusted=True)
    elif resource.key != CUSTOM_RESOURCE_DEFINITIONS:
        kept = old.object["metadata"]
        body = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}
        body["metadata"] = dict(metadata, **{
            k: kept[k] for k in ("uid", "creationTimestamp", "resourceVersion", "generation",
                                 "namespace") if k in kept})
        if body != old.object:
            api.store.commit(resource, namespace, metadata["name"], body)
