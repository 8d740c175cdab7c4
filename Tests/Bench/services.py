# SPDX-License-Identifier: Apache-2.0
"""The mesh that is measured, as files: what istiod 1.30.3 was measured with.

S ServiceEntries with five static endpoints and an address each in twenty namespaces, port 80 HTTP
and for a tenth a TCP port too, with rules or without; VirtualServices for a fifth of them, DestinationRules with two
subsets for three tenths. Every simulated proxy is an endpoint of the mesh.
"""
import os

NAMESPACES = 20
ENDPOINTS = 5
SERVICE = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: svc-{n}, namespace: ns-{ns}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec:
  hosts: [{host}]
  addresses: [{address}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
  - {{name: http, number: 80, protocol: HTTP, targetPort: 8080}}
{tcp}  endpoints:
{endpoints}
"""
TCP = "  - {name: tcp, number: 9000, protocol: TCP, targetPort: 9000}\n"
RULE = """apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: svc-{n}, namespace: ns-{ns}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec:
  host: {host}
  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]
"""
ROUTE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: svc-{n}, namespace: ns-{ns}, creationTimestamp: "2026-01-01T00:00:00Z"{note}}}
spec:
  hosts: [{host}]
  http:
  - route:
    - {{destination: {{host: {host}, subset: v1}}, weight: {weight}}}
    - {{destination: {{host: {host}, subset: v2}}, weight: {rest}}}
"""
STRICT = """apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
NOTE = ', annotations: {example.com/note: "1"}'


def address(first, number):
    """The number-th address of the network first.0.0.0/8."""
    return "%d.%d.%d.%d" % (first, number >> 16 & 255, number >> 8 & 255, number & 255)


def host(number):
    """The host of a service."""
    return "svc-%d.ns-%d.example.com" % (number, number % NAMESPACES)


def cluster(number, subset=""):
    """The name of a service's cluster, and of its endpoints."""
    return "outbound|80|%s|%s" % (subset, host(number))


class Mesh:
    """Files of a mesh, one folder a namespace, and edits of it."""

    def __init__(self, folder, services):
        self.folder, self.services = folder, services
        for namespace in range(NAMESPACES):
            os.makedirs(os.path.join(folder, "ns-%d" % namespace), exist_ok=True)
        for number in range(services):
            self.add(number)

    def add(self, number):
        """A service with its endpoints, and its rules."""
        self.endpoints(number, ENDPOINTS)
        if number % 10 < 3:
            self.write(number, "rule", RULE.format(n=number, ns=number % NAMESPACES, host=host(number)))
        if number % 10 < 2:
            self.route(number, 90)

    def endpoints(self, number, count):
        """A service with `count` endpoints: the number-th proxy is the first of the number-th service."""
        rows = ["  - {address: %s, labels: {app: svc-%d, version: v%d}}" % (
            address(11, place * self.services + number), number, place % 2 + 1)
            for place in range(count)]
        self.write(number, "service", SERVICE.format(
            n=number, ns=number % NAMESPACES, host=host(number), address=address(240, number + 256),
            tcp=TCP if number % 10 == number // 10 % 10 else "", endpoints="\n".join(rows)))

    def route(self, number, weight, note=""):
        """The VirtualService of a service."""
        self.write(number, "route", ROUTE.format(
            n=number, ns=number % NAMESPACES, host=host(number), weight=weight, rest=100 - weight,
            note=note))

    def annotate(self, number, weight):
        """The VirtualService of a service with an annotation that nothing reads."""
        self.route(number, weight, NOTE)

    def strict(self):
        """Mutual TLS for the whole mesh."""
        self.replace(os.path.join(self.folder, "strict.yaml"), STRICT)

    def write(self, number, what, text):
        """A file of a service."""
        name = "svc-%d-%s.yaml" % (number, what)
        self.replace(os.path.join(self.folder, "ns-%d" % (number % NAMESPACES), name), text)

    def replace(self, path, text):
        """Replaces a file at once."""
        with open(path + ".tmp", "w") as file:
            file.write(text)
        os.rename(path + ".tmp", path)
