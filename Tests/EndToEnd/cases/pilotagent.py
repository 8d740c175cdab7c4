# SPDX-License-Identifier: Apache-2.0
"""Istio's own pilot-agent as client: what it sends, in its order, and what it must be told."""
import queue
import tempfile
import threading

import adsclient
import certificates
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from mesh.config import ISTIO

from . import identity

PREFIX = adsclient.PREFIX
CLUSTER, LISTENER = adsclient.TYPES["cds"], adsclient.TYPES["lds"]
ENDPOINT, ROUTE = adsclient.TYPES["eds"], adsclient.TYPES["rds"]
EXTENSION = adsclient.TYPES["ecds"]
NAMES = PREFIX + "istio.networking.nds.v1.NameTable"
ROOTS = PREFIX + "istio.mesh.v1alpha1.ProxyConfig"
HEALTH = PREFIX + "istio.v1.HealthInformation"
BOOTSTRAP = PREFIX + "envoy.config.bootstrap.v3.Bootstrap"
NODE = adsclient.SIDECAR
# What a pod has in its environment and files, as pilot-agent puts it into the node (pkg/bootstrap).
METADATA = {
    "ANNOTATIONS": {"kubernetes.io/config.seen": "2026-01-01T00:00:00Z",
                    "prometheus.io/scrape": "true"},
    "APP_CONTAINERS": "productpage", "CLUSTER_ID": "Kubernetes", "DNS_CAPTURE": "true",
    "ENVOY_PROMETHEUS_PORT": 15090, "ENVOY_STATUS_PORT": 15021, "INSTANCE_IPS": "10.244.1.11",
    "INTERCEPTION_MODE": "REDIRECT", "ISTIO_PROXY_SHA": "abcdef", "ISTIO_VERSION": "1.30.3",
    "LABELS": {"app": "productpage", "version": "v1",
               "security.istio.io/tlsMode": "istio",
               "service.istio.io/canonical-name": "productpage",
               "service.istio.io/canonical-revision": "v1"},
    "MESH_ID": "cluster.local", "METADATA_DISCOVERY": "true", "NAME": "productpage-v1",
    "NAMESPACE": "default", "NODE_NAME": "node-1", "PILOT_SAN": ["istiod.istio-system.svc"],
    "OWNER": "kubernetes://apis/apps/v1/namespaces/default/deployments/productpage-v1",
    "POD_PORTS": "[{\"containerPort\":9080,\"protocol\":\"TCP\"}]",
    "PROXY_CONFIG": {"binaryPath": "/usr/local/bin/envoy", "concurrency": 2,
                     "configPath": "./etc/istio/proxy", "controlPlaneAuthPolicy": "MUTUAL_TLS",
                     "discoveryAddress": "istiod.istio-system.svc:15012", "drainDuration": "45s",
                     "proxyAdminPort": 15000, "serviceCluster": "istio-proxy", "statNameLength": 189,
                     "statusPort": 15020, "terminationDrainDuration": "5s"},
    "SERVICE_ACCOUNT": "productpage", "WORKLOAD_IDENTITY_SOCKET_FILE": "socket",
    "WORKLOAD_NAME": "productpage-v1"}


class PilotAgent:
    """Its stream to the control plane: Envoy's requests as they come, and its own behind them."""

    def __init__(self, daemon, token, roots, delta=True, more=None):
        from envoy.config.core.v3 import base_pb2
        from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
        self.messages, self.delta = discovery_pb2, delta
        self.node = base_pb2.Node(id=NODE, cluster="productpage.default", user_agent_name="envoy")
        self.node.user_agent_build_version.version.major_number = 1
        self.node.client_features.append("envoy.lb.does_not_support_overprovisioning")
        json_format.ParseDict({**METADATA, **(more or {})}, self.node.metadata)
        self.outgoing, self.incoming = queue.Queue(), queue.Queue()
        # The keepalive of istio's clients (pkg/keepalive): 30 s, which the server must bear.
        self.channel = grpc.secure_channel(
            daemon.secure, grpc.ssl_channel_credentials(open(roots, "rb").read()),
            adsclient.OPTIONS + [("grpc.ssl_target_name_override", identity.SERVER),
                                 ("grpc.keepalive_time_ms", 30000),
                                 ("grpc.keepalive_timeout_ms", 10000)])
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self.channel)
        method = stub.DeltaAggregatedResources if delta else stub.StreamAggregatedResources
        self.call = method(iter(self.outgoing.get, None), metadata=[
            ("clusterid", "Kubernetes"), ("authorization", "Bearer " + token)])
        self.isFirst = True
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        try:
            for response in self.call:
                self.incoming.put(response)
        except grpc.RpcError as error:
            self.incoming.put(error)
        self.incoming.put(None)

    def send(self, url, names=(), nonce="", version="", error=None):
        """One request; Envoy's first carries the node, those of the agent itself never do."""
        kind = self.messages.DeltaDiscoveryRequest if self.delta else self.messages.DiscoveryRequest
        request = kind(type_url=url, response_nonce=nonce)
        if self.isFirst:
            request.node.CopyFrom(self.node)
            self.isFirst = False
        if self.delta:
            request.resource_names_subscribe.extend(names)
        else:
            request.resource_names.extend(names)
            request.version_info = version
        if error:
            request.error_detail.code, request.error_detail.message = 13, error
        self.outgoing.put(request)

    def take(self, url):
        """The next response, which must be of this type; acknowledged as pilot-agent does."""
        response = self.incoming.get(timeout=30)
        assert getattr(response, "type_url", None) == url, "%s instead of %s" % (response, url)
        # What is its own and empty it passes over without a word.
        if response.resources or url not in (NAMES, ROOTS):
            self.send(url, nonce=response.nonce, version=getattr(response, "version_info", ""))
        return response

    def take_until(self, url, condition):
        """The first response of a type that fulfils a condition; others may come before it."""
        while True:
            response = self.incoming.get(timeout=30)
            assert hasattr(response, "type_url"), response
            if response.resources or response.type_url not in (NAMES, ROOTS):
                self.send(response.type_url, nonce=response.nonce)
            if response.type_url == url and condition(response):
                return response

    def contents(self, response):
        """The bytes of a response's resources."""
        return [entry.resource.value if self.delta else entry.value for entry in response.resources]

    def names(self, response):
        """The names of a delta response's resources."""
        return {entry.name for entry in response.resources}

    def close(self):
        """Ends the stream."""
        self.outgoing.put(None)
        self.call.cancel()
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _field(kind, name, number, label=1, type_name=None):
    field = descriptor_pb2.FieldDescriptorProto(name=name, number=number, label=label, type=kind)
    if type_name:
        field.type_name = type_name
    return field


def _own_types():
    """The classes of NameTable and of what the agent reads of ProxyConfig."""
    text, message = 9, 11
    file = descriptor_pb2.FileDescriptorProto(name="agent.proto", package="agent", syntax="proto3")
    table = file.message_type.add(name="NameTable")
    info = table.nested_type.add(name="NameInfo")
    info.field.extend([_field(text, "ips", 1, 3), _field(text, "registry", 2),
                       _field(text, "shortname", 3), _field(text, "namespace", 4)])
    entry = table.nested_type.add(name="TableEntry")
    entry.options.map_entry = True
    entry.field.extend([_field(text, "key", 1),
                        _field(message, "value", 2, type_name=".agent.NameTable.NameInfo")])
    table.field.append(_field(message, "table", 1, 3, ".agent.NameTable.TableEntry"))
    roots = file.message_type.add(name="Roots")
    roots.field.append(_field(text, "ca_certificates_pem", 34, 3))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName("agent." + name))
            for name in ("NameTable", "Roots")]


def _certificate(daemon, folder, token, roots):
    """The certificate as CitadelClient.CSRSign asks for it; the chain."""
    request_class, response_class = identity._messages()
    csr, _ = certificates.request(
        folder, "-addext",
        "subjectAltName=critical,URI:spiffe://cluster.local/ns/default/sa/productpage")
    request = request_class(csr=certificates.read(csr).encode(), validity_duration=86400)
    request.metadata.update({"CertSigner": ""})
    with adsclient.secure_channel(daemon.secure, roots) as channel:
        call = channel.unary_unary(
            "/istio.v1.auth.IstioCertificateService/CreateCertificate",
            request_class.SerializeToString, response_class.FromString)
        metadata = [("clusterid", "Kubernetes"), ("authorization", "Bearer " + token)]
        return list(call(request, timeout=30, metadata=metadata).cert_chain)


def _begin(agent):
    """Envoy's first requests with the agent's own behind LDS (xds_proxy_delta.go)."""
    agent.send(CLUSTER)
    clusters = agent.take(CLUSTER)
    assert {"BlackHoleCluster", "PassthroughCluster"} <= agent.names(clusters)
    endpoints = sorted(name for name in agent.names(clusters) if name.startswith("outbound|"))
    agent.send(ENDPOINT, endpoints)
    assert agent.names(agent.take(ENDPOINT)) == set(endpoints)
    for url in (LISTENER, NAMES, ROOTS, HEALTH):
        agent.send(url)
    assert {"virtualInbound", "virtualOutbound"} <= agent.names(agent.take(LISTENER))


def test_pilot_agent_is_served(start):
    """CreateCertificate, delta ADS, NDS, PCDS and health as pilot-agent asks; it can come again"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, \
            start(environment={"ISTIO_MULTIROOT_MESH": "true"}) as daemon:
        roots, token = daemon.roots(), daemon.token("default", "productpage")
        chain = _certificate(daemon, folder, token, roots)
        assert len(chain) == 2, "a chain of the leaf and the root, which the agent trusts"
        name_table, further_roots = _own_types()
        with PilotAgent(daemon, token, roots) as agent:
            _begin(agent)
            table = name_table.FromString(agent.contents(agent.take(NAMES))[0]).table
            reviews = table["reviews.default.svc.cluster.local"]
            assert (reviews.registry, reviews.shortname, reviews.namespace) == (
                "Kubernetes", "reviews", "default") and list(reviews.ips), reviews
            # The first answer has them, however early it is.
            trusted = further_roots.FromString(agent.contents(agent.take(ROOTS))[0])
            assert list(trusted.ca_certificates_pem) == [certificates.read(roots)]
            # Health is answered by nothing: the agent takes an answer for Envoy's, and logs an error.
            agent.send(HEALTH, error="unhealthy")
            agent.send(HEALTH)
            agent.send(BOOTSTRAP, ["y"])
            assert agent.take(BOOTSTRAP).removed_resources == ["y"]
            # What nobody knows is said not to be there, and the stream goes on.
            for url in (BOOTSTRAP, PREFIX + "istio.extensions.v1alpha1.WasmPlugin",
                        PREFIX + "istio.workload.Workload", "no type at all"):
                agent.send(url, ["x"])
                assert agent.take(url).removed_resources == ["x"], url
            agent.send(ROUTE, ["9080"])
            assert agent.names(agent.take(ROUTE)) == {"9080"}
            # The extensions of filters that are none of ours are not there, and said not to be.
            agent.send(EXTENSION, ["default.none"])
            assert agent.take(EXTENSION).removed_resources == ["default.none"]
            # A new service changes the table of names, and the agent is told.
            daemon.config.put({"apiVersion": ISTIO, "kind": "ServiceEntry", "metadata": {
                "name": "far", "namespace": "default"}, "spec": {
                    "hosts": ["far.example.com"], "addresses": ["240.0.0.9"], "location": "MESH_EXTERNAL",
                    "resolution": "STATIC", "endpoints": [{"address": "1.1.1.1"}],
                    "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]}})
            agent.take_until(NAMES, lambda r: list(name_table.FromString(
                agent.contents(r)[0]).table["far.example.com"].ips) == ["240.0.0.9"])
        group = {"AUTO_REGISTER_GROUP": "machines"}
        with PilotAgent(daemon, token, roots, more=group) as again:  # Envoy's stream was restarted
            _begin(again)
            again.take(NAMES)
        assert "WorkloadGroup default/machines, which is not done" in certificates.read(daemon.log)
        with PilotAgent(daemon, token, roots, delta=False) as old:  # ISTIO_DELTA_XDS=false
            old.send(CLUSTER)
            old.take(CLUSTER)
            for url in (LISTENER, NAMES, ROOTS, HEALTH):
                old.send(url)
            old.take(LISTENER)
            assert "reviews.default.svc.cluster.local" in name_table.FromString(
                old.contents(old.take(NAMES))[0]).table
            assert old.take(ROOTS).resources

