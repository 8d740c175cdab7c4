# SPDX-License-Identifier: Apache-2.0
"""The mesh that is measured: services with five endpoints each in twenty namespaces, as files."""
import os

NAMESPACES = 20
ENDPOINTS = 5
SERVICE = """apiVersion: v1
kind: Service
metadata: {{name: svc-{n}, namespace: ns-{ns}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec:
  clusterIP: 10.{a}.{b}.{c}
  selector: {{app: svc-{n}}}
  ports: [{{name: http, port: 80, targetPort: 8080, protocol: TCP}}]
"""
RULE = """---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: svc-{n}, namespace: ns-{ns}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec:
  host: svc-{n}.ns-{ns}.svc.cluster.local
  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]
"""
ROUTE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: svc-{n}, namespace: ns-{ns}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec:
  hosts: [svc-{n}.ns-{ns}.svc.cluster.local]
  http:
  - route:
    - {{destination: {{host: svc-{n}.ns-{ns}.svc.cluster.local, subset: v1}}, weight: {weight}}}
    - {{destination: {{host: svc-{n}.ns-{ns}.svc.cluster.local, subset: v2}}, weight: {rest}}}
"""


def address(first, number):
    """The number-th address of the network first.0.0.0/8."""
    return "%d.%d.%d.%d" % (first, number >> 16 & 255, number >> 8 & 255, number & 255)


class Mesh:
    """Files of a mesh, one folder a namespace, and edits of it."""

    def __init__(self, folder, services):
        self.folder, self.services = folder, services
        for namespace in range(NAMESPACES):
            os.makedirs(os.path.join(folder, "ns-%d" % namespace))
        for number in range(services):
            self.add(number)

    def add(self, number):
        """A service with its endpoints; every tenth has subsets and a VirtualService."""
        namespace = number % NAMESPACES
        text = SERVICE.format(n=number, ns=namespace, a=number >> 14 & 255, b=number >> 8 & 63,
                              c=number & 255)
        if number % 10 == 0:
            text += RULE.format(n=number, ns=namespace)
            self.route(number, 90)
        self.write(number, "service", text)
        self.endpoints(number, ENDPOINTS)

    def endpoints(self, number, count):
        """The endpoints of a service."""
        namespace = number % NAMESPACES
        rows = ["- {addresses: [%s], conditions: {ready: true}}" % address(11, number * 8 + place)
                for place in range(count)]
        text = ["apiVersion: discovery.k8s.io/v1", "kind: EndpointSlice",
                "metadata: {name: svc-%d-a, namespace: ns-%d, labels: {kubernetes.io/service-name: "
                "svc-%d}}" % (number, namespace, number), "addressType: IPv4",
                "ports: [{name: http, port: 8080, protocol: TCP}]", "endpoints:", *rows, ""]
        self.write(number, "endpoints", "\n".join(text))

    def route(self, number, weight):
        """The VirtualService of a service."""
        self.write(number, "route", ROUTE.format(n=number, ns=number % NAMESPACES, weight=weight,
                                                 rest=100 - weight))

    def annotate(self, number, weight):
        """The VirtualService of a service with an annotation that nothing reads."""
        text = ROUTE.format(n=number, ns=number % NAMESPACES, weight=weight, rest=100 - weight)
        note = 'annotations: {example.com/note: "1"}, creationTimestamp'
        self.write(number, "route", text.replace("creationTimestamp", note))

    def strict(self):
        """Mutual TLS for the whole mesh."""
        with open(os.path.join(self.folder, "strict.yaml"), "w") as file:
            file.write("apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
                       "metadata: {name: default, namespace: istio-system}\n"
                       "spec: {mtls: {mode: STRICT}}\n")

    def write(self, number, what, text):
        """Replaces a file at once."""
        path = os.path.join(self.folder, "ns-%d" % (number % NAMESPACES),
                            "svc-%d-%s.yaml" % (number, what))
        with open(path + ".tmp", "w") as file:
            file.write(text)
        os.rename(path + ".tmp", path)
