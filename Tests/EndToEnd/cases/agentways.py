# SPDX-License-Identifier: Apache-2.0
"""The agent's other ways: mounted certificates, overrides, hooks and drains, and gRPC without an Envoy."""
import contextlib
import http.client
import json
import os
import subprocess
import tempfile

import certificates
from certificates import field, read
from mesh.client import get, wait_until
from mesh.ports import free_ports

from . import identity, proxyless
from .agent import WEB, Agent, Application, ask, mesh_client, try_to_ask, web_config

FILES = ("cert-chain.pem", "key.pem", "root-cert.pem")


def _mount(daemon, folder, work):
    """Puts a new certificate of the workload where somebody else would mount it; its serial number."""
    csr, key = certificates.request(work)
    chain = identity.create(daemon, read(csr).encode(), roots=daemon.roots(),
                            token=daemon.token("default", "web"))
    for name, text in zip(FILES, ("".join(chain[:-1]), read(key), chain[-1])):
        path = os.path.join(folder, name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)
    return field(chain[0], "-serial")


def test_mounted_certificates_are_all_there_is(start):
    """FILE_MOUNTED_CERTS: mTLS by files that others renew; no token, and nobody asks for a certificate"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        port, mounted = free_ports(1)[0], os.path.join(folder, "etc", "certs")
        os.makedirs(mounted)
        config = web_config(folder, port, Application().server_address[1])
        with start(config_dir=config.folder) as daemon:
            first = _mount(daemon, mounted, folder)
            chain, key, roots = (os.path.join(mounted, name) for name in FILES)
            client = mesh_client(daemon, folder)
            before = daemon.metrics()["citadel_server_csr_count"]
            agent = Agent(daemon, folder, token=False, FILE_MOUNTED_CERTS="true",
                          ISTIO_META_TLS_CLIENT_CERT_CHAIN=chain, ISTIO_META_TLS_CLIENT_KEY=key,
                          ISTIO_META_TLS_CLIENT_ROOT_CERT=roots)
            try:
                agent.wait()
                answer, shown = wait_until("an answer", lambda: try_to_ask(port, client), 30)
                assert "sa/client" in answer and field(shown, "-serial") == first, answer
                assert daemon.metrics()["citadel_server_csr_count"] == before, "it asked for another"
                second = _mount(daemon, mounted, folder)
                def renewed():
                    answer, shown = ask(port, client)
                    assert "sa/client" in answer, answer
                    return field(shown, "-serial") == second
                wait_until("the new files in use", renewed, 60)
                assert "PRIVATE" not in read(agent.child.log)
            finally:
                agent.child.stop(20)


def _run(agent, *words):
    """What a command of the agent's program ends with: status, output, complaint."""
    done = subprocess.run([agent.program, *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_hooks_and_overrides(start):
    """`wait`, `request`, POST /drain, and ISTIO_BOOTSTRAP_OVERRIDE laid over the bootstrap"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        port = free_ports(1)[0]
        config = web_config(folder, port, Application().server_address[1])
        override = os.path.join(folder, "override.json")
        with open(override, "w") as file:
            json.dump({"stats_flush_interval": "7s", "node": {"metadata": {"EXTRA": "here"}}}, file)
        with start(config_dir=config.folder) as daemon:
            agent = Agent(daemon, folder, proxy={
                "drainDuration": "1s", "terminationDrainDuration": "60s"}.items(),
                ISTIO_BOOTSTRAP_OVERRIDE=override)
            try:
                url = "http://localhost:%d/healthz/ready" % agent.ready
                status, said, _ = _run(agent, "wait", "--url", url, "--timeoutSeconds", "60")
                assert (status, said) == (0, "the proxy is ready\n"), (status, said)
                dead = "http://localhost:%d/" % free_ports(1)[0]
                status, _, said = _run(agent, "wait", "--url", dead, "--timeoutSeconds", "1",
                                       "--periodMillis", "100")
                assert status == 1 and "not ready" in said, (status, said)
                admin = ["--debug-port", str(agent.admin)]
                status, said, _ = _run(agent, "request", "GET", "server_info", *admin)
                assert status == 0 and json.loads(said)["state"] == "LIVE", said
                status, _, said = _run(agent, "request", "GET", "/nowhere", *admin)
                assert status == 1 and "404" in said, (status, said)
                _, said, _ = _run(agent, "request", "GET", "/config_dump", *admin)
                bootstrap = next(c["bootstrap"] for c in json.loads(said)["configs"]
                                 if "bootstrap" in c)
                assert bootstrap["stats_flush_interval"] == "7s", bootstrap["stats_flush_interval"]
                metadata = bootstrap["node"]["metadata"]
                assert metadata["EXTRA"] == "here" and metadata["NAMESPACE"] == "default", metadata
                _drains_once(daemon, folder, agent, port)
            finally:
                agent.child.stop(20)


def _is_sent_away(port, client):
    """Whether an answer closes its connection."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=client)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        return answer.headers.get("connection") == "close"
    finally:
        connection.close()


def _drains_once(daemon, folder, agent, port):
    """POST /drain has clients go elsewhere, and answers on; the end then waits for no second drain."""
    client = mesh_client(daemon, folder)
    wait_until("an answer", lambda: try_to_ask(port, client), 30)
    assert not _is_sent_away(port, client)
    assert get(None, ("127.0.0.1", agent.status), "/drain").status == 405
    assert get(None, ("127.0.0.1", agent.status), "/drain", method="POST").body == "OK"
    wait_until("a word to go elsewhere", lambda: _is_sent_away(port, client), 60)
    status, said, _ = _run(agent, "request", "GET", "/server_info", "--debug-port",
                           str(agent.admin))
    assert status == 0 and agent.child.running, said
    # A second drain would take a minute.
    assert agent.child.stop(40) == 0, agent.child.tail(20)


@contextlib.contextmanager
def _provisioned(daemon, folder, name, address, account):
    """An agent without an Envoy, and the bootstrap that it writes for gRPC's own xDS client."""
    place = os.path.join(folder, name)
    certs, bootstrap = os.path.join(place, "certs"), os.path.join(place, "bootstrap.json")
    os.makedirs(certs)
    agent = Agent(daemon, place, account, POD_NAME=name, INSTANCE_IP=address, OUTPUT_CERTS=certs,
                  DISABLE_ENVOY="true", GRPC_XDS_BOOTSTRAP=bootstrap)
    try:
        def there():
            assert agent.child.running, agent.child.tail()
            return os.path.exists(bootstrap) and get(
                None, ("127.0.0.1", agent.status), "/healthz/ready").status == 200
        wait_until("a bootstrap and a certificate", there, 60)
        yield bootstrap
    finally:
        agent.child.stop(20)


def test_grpc_asks_the_agent(start):
    """GRPC_XDS_BOOTSTRAP: grpcio's own xDS clients by the agent's socket, in mTLS by its certificates"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder, \
            contextlib.ExitStack() as stack:
        (port,) = free_ports(1)
        daemon = start()
        pods = proxyless.add_service(daemon.config, port, secure=True)
        stack.enter_context(daemon)
        def app(name, address, account, arguments):
            path = stack.enter_context(_provisioned(daemon, folder, name, address, account))
            return stack.enter_context(proxyless.App(read(path), arguments))
        for name, address in pods.items():
            server = app(name, address, "echo", ["serve", "%s:%d" % (address, port), name])
            assert server.line() == "serving", "a server does not serve"
        caller = app("caller", "127.0.2.1", "caller",
                     ["call", "xds:///" + proxyless.HOST + ":7070"])
        assert caller.ask().startswith("UNAVAILABLE"), "a server takes plain text"
        daemon.config.destination_rule("echo", {
            "host": "echo", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}})
        wait_until("answers over TLS", lambda: caller.ask().startswith("echo-v"), 60)
        answers = {caller.ask() for _ in range(8)}
        assert answers == set(pods), answers
        leaf = read(os.path.join(folder, "echo-v1", "certs", "cert-chain.pem"))
        assert WEB.replace("/web", "/echo") in field(leaf, "-ext", "subjectAltName")
