# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every kind of caller by everything that an identity opens."""
import base64
import json
import os
import re
import subprocess
import tempfile
import time

import adsclient
import certificates
import grpc
from certificates import Authority, field, read
from mesh.ports import free_ports

from .identity import GATEWAY_METADATA, SECRET, Page, create

UNKNOWN, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
SPIFFE = "spiffe://cluster.local/ns/%s/sa/%s"


def _part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class Tokens:
    """Tokens as the daemon's own key would sign them, right or wrong."""

    def __init__(self, daemon):
        self.good = daemon.token("istio-system", "gateway")
        self.head, self.claims = [_read(part) for part in self.good.split(".")[:2]]
        self.key = os.path.join(daemon.state, "tokens", "signing-key.pem")

    def signed(self, head=None, key=None, **claims):
        """A token of these claims instead of the good one's."""
        text = _part(dict(self.head, **(head or {}))) + "." + _part(dict(self.claims, **claims))
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key or self.key],
                             input=text.encode(), capture_output=True, check=True).stdout
        numbers = re.findall("INTEGER +:([0-9A-F]+)", subprocess.run(
            ["openssl", "asn1parse", "-inform", "DER"], input=der, capture_output=True,
            check=True).stdout.decode())
        return text + "." + _part(b"".join(int(n, 16).to_bytes(32, "big") for n in numbers))

    def bad(self, folder):
        """{what is wrong: token}; nobody is to be believed by one of them."""
        now, parts = int(time.time()), self.good.split(".")
        other = Authority(os.path.join(folder, "stranger"), "Stranger").key
        none = _part({"alg": "none", "kid": self.head["kid"]})
        return {
            "none": None, "empty": "", "expired": self.signed(exp=now - 1),
            "not yet valid": self.signed(nbf=now + 3600),
            "another audience": self.signed(aud=["elsewhere"]),
            "another issuer": self.signed(iss="elsewhere"), "no subject": self.signed(sub=""),
            "no service account": self.signed(sub="gateway"),
            "a path": self.signed(sub="system:serviceaccount:istio-system:../gateway"),
            "alg none": none + "." + parts[1] + ".", "alg none, signed": ".".join([none] + parts[1:]),
            "HS256": self.signed(head={"alg": "HS256"}), "RS256": self.signed(head={"alg": "RS256"}),
            "another's key": self.signed(key=other), "an unknown key": self.signed(
                head={"kid": "elsewhere"}),
            "huge": self.signed(padding="a" * 6000) + "a" * 1500, "truncated": self.good[:-10],
            "without a signature": ".".join(parts[:2]) + ".", "one part": parts[0],
            "others' claims": ".".join([parts[0], _part(dict(
                self.claims, sub="system:serviceaccount:default:web")), parts[2]]),
        }


def _claims(daemon, node, metadata, **proof):
    """What becomes of a stream whose node claims so: "served", or the code of the refusal."""
    with adsclient.Client(daemon.secure, node, metadata, **proof) as client:
        client.subscribe("cds")
        try:
            client.wait("clusters", lambda c: c.responses["cds"])
        except TimeoutError:
            return client.error.code()
        return "served"


def _secret(daemon, node, metadata, awaited, **proof):
    """Whether a stream is given the gateway's secret, or the code of the refusal.

    Over delta, where what is not given is answered too.
    """
    with adsclient.Client(daemon.secure, node, metadata, delta=True, **proof) as client:
        client.subscribe("cds")
        client.subscribe("sds", [SECRET, "kubernetes://istio-system/page",
                                 "kubernetes-gateway://istio-system/page"])
        client.subscribe("lds")
        try:
            client.wait("an answer for secrets", lambda c: c.responses["lds"] and c.responses["sds"]
                        and (c.resources["sds"] or not awaited))
        except TimeoutError:
            if not client.error:
                raise
            return client.error.code()
        return bool(client.resources["sds"])


def test_every_caller_by_everything(start):
    """Callers x {node claims, SDS secret, SAN of the CSR, impersonation}: what is denied, and what not"""
    with tempfile.TemporaryDirectory(prefix="navarch-test-") as folder:
        page = Page(folder, free_ports(1)[0])
        with start(config_dir=page.config.folder) as daemon:
            roots, tokens = daemon.roots(), Tokens(daemon)
            csr = read(certificates.request(
                folder, "-addext", "subjectAltName=URI:" + SPIFFE % ("kube-system", "admin"))[0])
            callers = {("istio-system", "gateway"): {"token": tokens.good},
                       ("istio-system", "other"): {"token": daemon.token("istio-system", "other")},
                       ("far", "gateway"): {"token": daemon.token("far", "gateway")}}
            leaf, key = os.path.join(folder, "leaf.pem"), os.path.join(folder, "request.key")
            with open(leaf, "w") as file:
                file.write(create(daemon, csr.encode(), roots=roots, token=tokens.good)[0])
            by_certificate = {"certificate": (leaf, key)}
            kinds = [(who, proof) for who, proof in callers.items()]
            kinds.append((("istio-system", "gateway"), by_certificate))
            nodes = {"istio-system": adsclient.GATEWAY,
                     "far": "router~10.244.1.20~gateway.far~far.svc.cluster.local"}
            for who, proof in kinds:
                proof = dict(proof, roots=roots)
                for claimed in callers:
                    node = nodes[claimed[0]]
                    metadata = dict(GATEWAY_METADATA, NAMESPACE=claimed[0],
                                    SERVICE_ACCOUNT=claimed[1])
                    case = "%s as %s" % (who, claimed)
                    is_own = who == claimed
                    assert _claims(daemon, node, metadata, **proof) == (
                        "served" if is_own else DENIED), case
                    # The gateway's workload is named by its labels, whoever runs it in its namespace.
                    given = who[0] == "istio-system" if is_own else DENIED
                    assert _secret(daemon, node, metadata, given is True, **proof) == given, case
                chain = create(daemon, csr.encode(), **proof)
                said = field(chain[0], "-ext", "subjectAltName").split()[-1]
                assert said == "URI:" + SPIFFE % who, said
                for other in (SPIFFE % ("kube-system", "admin"), SPIFFE % who, "x"):
                    assert create(daemon, csr.encode(), impersonate=other, **proof) == UNKNOWN
            _nobody(daemon, folder, tokens, csr, roots)


def _nobody(daemon, folder, tokens, csr, roots):
    """Every wrong token, and a certificate of a stranger: neither stream, nor secret, nor certificate."""
    bad = tokens.bad(folder)
    for name, token in bad.items():
        proof = {"roots": roots, "token": token}
        assert create(daemon, csr.encode(), **proof) == UNKNOWN, name
        assert _claims(daemon, adsclient.GATEWAY, GATEWAY_METADATA, **proof) == UNKNOWN, name
    stranger = Authority(os.path.join(folder, "second"), "Stranger")
    forged = stranger.issue("gateway", "URI:" + SPIFFE % ("istio-system", "gateway"))
    assert create(daemon, csr.encode(), roots=roots, certificate=forged) == (
        grpc.StatusCode.UNAVAILABLE)
    log = read(daemon.log)
    for name, token in bad.items():
        assert not token or len(token) < 100 or token not in log, "the log shows a token: " + name
    dump = daemon.page("/debug/config_dump?proxyID=istio-ingressgateway.istio-system").body
    for text in (log, dump, daemon.page("/debug/configz").body, daemon.page("/debug/adsz").body):
        assert "PRIVATE KEY" not in text


