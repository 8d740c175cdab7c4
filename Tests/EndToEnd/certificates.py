# SPDX-License-Identifier: Apache-2.0
"""Certificates as the openssl command makes and reads them."""
import os
import subprocess

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments, given=None):
    """What a command of openssl prints."""
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, text=True,
                          errors="replace", timeout=60)
    if done.returncode:
        raise AssertionError("openssl %s: %s" % (arguments[0], done.stderr.strip()))
    return done.stdout


def read(path):
    """The text of a file."""
    with open(path) as file:
        return file.read()


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name, issuer=None):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.name = folder, name
        self.certificate, self.key = os.path.join(folder, "ca.pem"), os.path.join(folder, "ca.key")
        extra = ["-CA", issuer.certificate, "-CAkey", issuer.key] if issuer else []
        openssl("req", "-x509", *EC, "-days", "30", "-keyout", self.key, "-out", self.certificate,
                "-subj", "/O=" + name, "-addext", "keyUsage=critical,keyCertSign", *extra)

    def issue(self, name, *names):
        """A leaf for subject alternative names; paths of certificate and key."""
        certificate, key = (os.path.join(self.folder, name + end) for end in (".pem", ".key"))
        openssl("req", "-x509", *EC, "-days", "2", "-CA", self.certificate, "-CAkey", self.key,
                "-keyout", key, "-out", certificate, "-subj", "/CN=" + name,
                "-addext", "subjectAltName=" + ",".join(names),
                "-addext", "basicConstraints=critical,CA:FALSE")
        return certificate, key


def request(folder, *extra):
    """A certificate signing request with its key: paths of both."""
    path, key = os.path.join(folder, "request.pem"), os.path.join(folder, "request.key")
    openssl("req", "-new", *EC, "-keyout", key, "-out", path, "-subj", "/", *extra)
    return path, key


def shown(address, roots, name):
    """The chain that a server shows, its leaf first, verified by roots for a name."""
    text = openssl("s_client", "-connect", address, "-servername", name, "-CAfile", roots,
                   "-verify_hostname", name, "-verify_return_error", "-alpn", "h2", "-showcerts",
                   given="")
    parts = text.split("-----BEGIN CERTIFICATE-----")[1:]
    end = "-----END CERTIFICATE-----\n"
    return ["-----BEGIN CERTIFICATE-----" + p.split(end)[0] + end for p in parts]


def field(pem, *which):
    """What `openssl x509` says of a certificate, e.g. -serial."""
    return openssl("x509", "-noout", *which, given=pem).strip()
