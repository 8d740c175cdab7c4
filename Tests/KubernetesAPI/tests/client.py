# SPDX-License-Identifier: Apache-2.0
"""A client that hides nothing: paths in, codes and JSON out."""
import http.client
import json
import ssl
import unittest
import urllib.parse

from kubeapi import KubernetesAPI
from kubeapi.request import Request

SERVICES = "/api/v1/namespaces/default/services"


def service(name, port=80, **metadata):
    """A small service."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": dict(name=name, **metadata),
            "spec": {"ports": [{"name": "http", "port": port}]}}


class Client:
    """Asks one server."""

    def __init__(self, server):
        self.address = urllib.parse.urlsplit(server.address)
        self.context = ssl.create_default_context(cafile=server.authority) if (
            server.authority) else None

    def open(self, timeout=10):
        """A connection."""
        if self.context:
            return http.client.HTTPSConnection(self.address.hostname, self.address.port,
                                               timeout=timeout, context=self.context)
        return http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=timeout)

    def send(self, method, path, body=None, **headers):
        """The response, its body unread."""
        connection = self.open()
        text = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method, path, text, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        response.connection = connection
        return response

    def ask(self, method, path, body=None, **headers):
        """(code, JSON, or the text that is none)."""
        response = self.send(method, path, body, **headers)
        text = response.read()
        response.connection.close()
        is_json = response.getheader("Content-Type").startswith("application/json")
        return response.status, json.loads(text) if is_json else text

    def get(self, path, **headers):
        """A page that must be there."""
        code, found = self.ask("GET", path, **headers)
        if code != 200:
            raise AssertionError("%s answers %d: %s" % (path, code, found))
        return found

    def watch(self, path, **query):
        """A watch that has begun."""
        return Watch(self.send("GET", path + "?" + urllib.parse.urlencode(
            dict(query, watch="true"))))


class Watch:
    """The frames of a watch, one after the other."""

    def __init__(self, response):
        self.response = response

    def next(self):
        """The next frame; None at the clean end."""
        line = self.response.readline()
        return json.loads(line) if line else None

    def brief(self):
        """(type, name) of the next frame."""
        frame = self.next()
        return frame and (frame["type"], frame["object"].get("metadata", {}).get("name"))

    def close(self):
        """Hangs up."""
        self.response.close()
        self.response.connection.close()


class ServerCase(unittest.TestCase):
    """A test with a server of its own."""
    options = {}

    def setUp(self):
        self.server = KubernetesAPI(**self.options)
        self.addCleanup(self.server.close)
        self.client = Client(self.server)

    def whole(self, obj, path):
        """An object with the kind of those at `path`."""
        request = Request.of("POST", path, {})
        request.locate()
        kind = self.server.store.kinds[request.group, request.plural]
        return dict({"apiVersion": kind.api_version(request.version), "kind": kind.kind}, **obj)

    def create(self, obj, path=SERVICES):
        """Makes an object; returns it."""
        code, made = self.client.ask("POST", path, self.whole(obj, path))
        self.assertEqual(code, 201, made)
        return made

    def watch(self, path=SERVICES, **query):
        """A watch that ends with the test."""
        watch = self.client.watch(path, **query)
        self.addCleanup(watch.close)
        return watch

    def status(self, answer, code, reason):
        """Asserts that an answer is that error; returns its message."""
        self.assertEqual((answer[0], answer[1].get("kind"), answer[1].get("reason")),
                         (code, "Status", reason), answer[1])
        self.assertEqual(answer[1]["code"], code)
        return answer[1]["message"]
