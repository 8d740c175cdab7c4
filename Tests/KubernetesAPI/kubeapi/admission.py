# SPDX-License-Identifier: Apache-2.0
"""What the server adds to objects, and what it refuses: the parts that clients come to notice."""
import base64
import copy
import ipaddress
import re

from . import messages, schemas
from .errors import bad_request, invalid

#: Where the addresses of services come from.
SERVICE_NETWORK = ipaddress.ip_network("10.96.0.0/16")


def decoded(resource, request, body):
    """A body as a server decodes it, and the fields that it does not know; they may be an error."""
    if resource.is_custom:
        body = copy.deepcopy(body)
        unknown = schemas.prune(body, resource)
    else:
        body, unknown = messages.conform(resource, body)
    how = request.query.get("fieldValidation", "Warn")
    if unknown and how == "Strict":
        raise bad_request('%s in version "%s" cannot be handled as a %s: strict decoding error: %s' % (
            resource.kind, request.version, resource.kind,
            ", ".join('unknown field "%s"' % u for u in unknown)))
    return body, unknown if how == "Warn" else []


def default(store, resource, obj, old=None):
    """Fills in what a client may leave out."""
    name = obj["metadata"]["name"]
    if resource.key == ("", "namespaces"):
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        obj.setdefault("status", {"phase": "Active"})
    elif resource.key == ("", "services"):
        _service(store, obj, old)
    elif resource.key == ("", "secrets"):
        obj.setdefault("type", "Opaque")
        for key, text in (obj.pop("stringData", None) or {}).items():
            obj.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
    elif resource.key == ("discovery.k8s.io", "endpointslices"):
        for port in obj.get("ports") or ():
            port.setdefault("name", "")
            port.setdefault("protocol", "TCP")
    elif resource.key == ("", "pods") and old is None:
        obj.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})
        obj.setdefault("spec", {}).setdefault("serviceAccountName", "default")
    elif resource.is_custom:
        schemas.prune(obj, resource)


def _service(store, obj, old):
    spec = obj.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj.setdefault("status", {"loadBalancer": {}})
    if kind == "ExternalName":
        return
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if not spec.get("clusterIP"):
        spec["clusterIP"] = (old or {}).get("spec", {}).get("clusterIP") or _free_address(store)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    family = "IPv6" if ":" in spec["clusterIP"] else "IPv4"
    spec.setdefault("ipFamilies", [family])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _free_address(store):
    """An address of the service network that no service has; the search goes on where it stood."""
    number = getattr(store, "last_address", 9) + 1
    taken = {r.object.get("spec", {}).get("clusterIP") for r in store.objects["", "services"].values()}
    while str(SERVICE_NETWORK[number]) in taken:
        number += 1
    store.last_address = number
    return str(SERVICE_NETWORK[number])


def check(resource, obj, old):
    """Refuses an object that breaks a rule which clients rely on."""
    name = obj["metadata"]["name"]
    causes = []
    if resource.key == ("", "services"):
        causes = _service_causes(obj, old)
    elif resource.key == ("apiextensions.k8s.io", "customresourcedefinitions"):
        causes = schemas.definition_causes(obj)
    elif resource.is_custom:
        causes = schemas.causes(obj, resource)
    elif resource.key == ("discovery.k8s.io", "endpointslices"):
        causes = _slice_causes(obj)
    elif resource.key in (("", "configmaps"), ("", "secrets")):
        causes = _data_causes(obj, old)
    causes = list(causes)
    if causes:
        raise invalid(resource.kind, resource.group, name, causes)


def _data_causes(obj, old):
    data, causes = obj.get("data") or {}, []
    for key in data:
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            causes.append(("data[%s]" % key, 'Invalid value: "%s": a valid config key must consist of '
                           "alphanumeric characters, '-', '_' or '.'" % key))
    if obj.get("type") == "kubernetes.io/tls":
        causes += [("data[%s]" % k, "Required value") for k in ("tls.crt", "tls.key") if k not in data]
    if old and obj.get("type") != old.get("type"):
        causes.append(("type", 'Invalid value: "%s": field is immutable' % obj.get("type")))
    if old and old.get("immutable") and data != (old.get("data") or {}):
        causes.append(("data", "Forbidden: field is immutable when `immutable` is set"))
    return causes


def _slice_causes(obj):
    family = {"IPv4": 4, "IPv6": 6}.get(obj.get("addressType"))
    for number, endpoint in enumerate(obj.get("endpoints") or ()):
        for place, address in enumerate(endpoint.get("addresses") or ()):
            try:
                good = family is None or ipaddress.ip_address(address).version == family
            except ValueError:
                good = False
            if not good:
                yield ("endpoints[%d].addresses[%d]" % (number, place), 'Invalid value: "%s": must be '
                       "a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)" % address)


def _service_causes(obj, old):
    spec, causes = obj["spec"], []
    if not spec.get("ports") and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(("spec.ports", "Required value"))
    names = [p.get("name", "") for p in spec.get("ports") or ()]
    if len(names) > 1 and "" in names:
        causes.append(("spec.ports[%d].name" % names.index(""), "Required value"))
    for number, port in enumerate(spec.get("ports") or ()):
        if not isinstance(port.get("port"), int) or not 0 < port["port"] < 65536:
            causes.append(("spec.ports[%d].port" % number, "Invalid value: %r: must be between 1 "
                           "and 65535, inclusive" % port.get("port")))
    before = (old or {}).get("spec", {})
    if before.get("clusterIP") and spec["type"] != "ExternalName" and (
            before.get("type") != "ExternalName") and spec.get("clusterIP") != before["clusterIP"]:
        causes.append(("spec.clusterIP", 'Invalid value: "%s": field is immutable'
                       % spec.get("clusterIP")))
    return causes
