# SPDX-License-Identifier: Apache-2.0
"""The form of objects in protobuf: envelopes, frames with lengths, and errors."""
import struct

from kubeapi import protobuf, unpacking

from .client import SERVICES, ServerCase, service

PROTOBUF = "application/vnd.kubernetes.protobuf"
ACCEPT = PROTOBUF + ",application/json"


def fields(data):
    """[(number, value)] of a message; the values are whole numbers or bytes."""
    out, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            out.append((tag >> 3, varint()))
        else:
            length = varint()
            out.append((tag >> 3, data[at:at + length]))
            at += length
    return out


def opened(data):
    """(kind, the object's fields) of an envelope."""
    assert data[:4] == b"k8s\0", data[:8]
    unknown = dict(fields(data[4:]))
    return dict(fields(unknown[1]))[2].decode(), fields(unknown[2])


class Protobuf(ServerCase):
    def test_a_list_holds_its_items(self):
        self.create(service("a", 8080, labels={"app": "a"}))
        answer = self.client.send("GET", SERVICES, Accept=ACCEPT)
        self.assertEqual(answer.getheader("Content-Type"), PROTOBUF)
        kind, found = opened(answer.read())
        self.assertEqual((kind, [n for n, _ in found]), ("ServiceList", [1, 2]))
        item = dict(fields(found[1][1]))
        metadata = fields(item[1])
        self.assertIn((1, b"a"), metadata)
        self.assertIn((11, b"\x0a\x03app\x12\x01a"), metadata)
        self.assertIn((3, 8080), fields(dict(fields(item[2]))[1]))

    def test_frames_of_a_watch_have_lengths(self):
        self.create(service("a"))
        answer = self.client.send(
            "GET", SERVICES + "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true"
            "&resourceVersionMatch=NotOlderThan&timeoutSeconds=1", Accept=ACCEPT)
        self.assertEqual(answer.getheader("Content-Type"), PROTOBUF + ";stream=watch")
        data, kinds = answer.read(), []
        while data:
            length, = struct.unpack(">I", data[:4])
            event = dict(fields(data[4:4 + length]))
            kind, _ = opened(dict(fields(event[2]))[1])
            kinds.append((event[1].decode(), kind))
            data = data[4 + length:]
        self.assertEqual(kinds[:2], [("ADDED", "Service"), ("BOOKMARK", "Service")])

    def test_errors_have_the_form_too(self):
        answer = self.client.send("GET", SERVICES + "/none", Accept=ACCEPT)
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (404, PROTOBUF))
        kind, found = opened(answer.read())
        self.assertEqual((kind, dict(found)[4]), ("Status", b"NotFound"))

    def test_kinds_without_the_form_are_json(self):
        answer = self.client.send(
            "GET", "/apis/networking.istio.io/v1/virtualservices", Accept=ACCEPT)
        self.assertEqual(answer.getheader("Content-Type"), "application/json")

    def test_bodies_have_the_form_too(self):
        deployments = "/apis/apps/v1/namespaces/default/deployments"
        obj = {"metadata": {"name": "d", "labels": {"a": "b"}}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {
                "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "secret": {"optional": False}}],
                "containers": [{"name": "c", "env": [{"name": "E", "value": "1"}], "resources": {
                    "limits": {"cpu": "1"}}, "readinessProbe": {"httpGet": {"port": "web"}}}]}}}}
        body = protobuf.envelope("apps/v1", "Deployment", protobuf.message("apps.Deployment", obj))
        made = self.client.ask("POST", deployments, body, Content_Type=PROTOBUF)[1]
        self.assertEqual(made["spec"], obj["spec"])
        self.status(self.client.ask("POST", deployments, body[4:], Content_Type=PROTOBUF), 400,
                    "BadRequest")
        whole = self.client.send("GET", deployments + "/d", Accept=ACCEPT)
        self.assertEqual(unpacking.body(whole.read())["spec"], obj["spec"])
        whole.connection.close()
