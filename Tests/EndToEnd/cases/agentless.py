# SPDX-License-Identifier: Apache-2.0
"""Envoys without an agent that ask for their certificate over ADS."""
import adsclient
import grpc
from certificates import field

NODE = adsclient.SIDECAR
ASKING = dict(adsclient.METADATA[NODE], NAMESPACE="default", SERVICE_ACCOUNT="productpage",
              NAVARCH_SECRETS="ads")
WANTED = ["ROOTCA", "default"]


def _held(daemon, metadata, delta, **proof):
    """The secrets that a client holds once all that was asked before has been answered."""
    address = daemon.secure if proof else daemon.ads
    with adsclient.Client(address, NODE, metadata, delta=delta, **proof) as client:
        client.follows = False
        client.subscribe("cds")
        client.wait("clusters", lambda c: c.responses["cds"])
        client.subscribe("sds", WANTED)
        client.subscribe("lds")
        client.wait("listeners", lambda c: c.responses["lds"])
        return sorted(client.resources["sds"])


def _leaf(client):
    return client.resources["sds"]["default"].tls_certificate.certificate_chain.inline_bytes.decode()


def test_keys_are_for_streams_that_proved_who_they_are(start):
    """`default` and `ROOTCA` over ADS: with --allowAgentlessKeys, for a proved identity, renewed"""
    with start() as daemon:
        proof = {"roots": daemon.roots(), "token": daemon.token("default", "productpage")}
        assert _held(daemon, ASKING, True, **proof) == [], "keys are made without being allowed"
    environment = {"DEFAULT_WORKLOAD_CERT_TTL": "4s"}
    with start(arguments=["--allowAgentlessKeys"], environment=environment) as daemon:
        proof = {"roots": daemon.roots(), "token": daemon.token("default", "productpage")}
        silent = {k: v for k, v in ASKING.items() if k != "NAVARCH_SECRETS"}
        assert _held(daemon, silent, True, **proof) == [], "who did not ask is given a key"
        for delta in (False, True):
            assert _held(daemon, ASKING, delta) == [], "plaintext is given a key"
            assert _held(daemon, ASKING, delta, **proof) == WANTED
        seen = {}
        with adsclient.Client(daemon.secure, NODE, ASKING, delta=True, **proof) as client:
            client.subscribe("sds", WANTED)
            for _ in range(3):
                client.wait("another certificate", lambda c: WANTED == sorted(c.resources["sds"])
                            and _leaf(c) not in seen)
                secret = client.resources["sds"]["default"].tls_certificate
                seen[_leaf(client)] = secret.private_key.inline_bytes
        assert len(set(seen.values())) == 3, "a key is used for more than one certificate"
        for leaf, key in seen.items():
            assert field(leaf, "-ext", "subjectAltName").split()[-1] == (
                "URI:spiffe://cluster.local/ns/default/sa/productpage")
            for text in (open(daemon.log).read(), daemon.page("/debug/adsz").body, daemon.page(
                    "/debug/config_dump?proxyID=productpage-v1.default").body):
                assert key.decode() not in text and "PRIVATE KEY" not in text


def test_keys_end_with_the_proof(start):
    """A stream whose token has ended is given no other certificate: it ends, and a new token is asked for"""
    with start(arguments=["--allowAgentlessKeys"],
               environment={"DEFAULT_WORKLOAD_CERT_TTL": "4s"}) as daemon:
        roots = daemon.roots()
        token = daemon.navarchctl("token", "create", "--namespace", "default", "--service-account",
                                  "productpage", "--ttl", "5s").strip()
        with adsclient.Client(daemon.secure, NODE, ASKING, delta=True, roots=roots,
                              token=token) as client:
            client.subscribe("sds", WANTED)
            try:
                client.wait("its end", lambda c: c.ended, 60)
            except TimeoutError:
                pass
            assert client.error.code() == grpc.StatusCode.UNAUTHENTICATED, client.error
            assert "connect with a new token" in client.error.details(), client.error
            assert sorted(client.resources["sds"]) == WANTED
        fresh = {"roots": roots, "token": daemon.token("default", "productpage")}
        assert _held(daemon, ASKING, True, **fresh) == WANTED
