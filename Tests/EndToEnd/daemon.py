# SPDX-License-Identifier: Apache-2.0
"""A control plane on free loopback ports, over a configuration directory of its own."""
import json
import os
import re
import shutil
import subprocess
import tempfile

from mesh import client
from mesh.config import ConfigDirectory
from mesh.ports import free_ports
from mesh.processes import Child


class Daemon:
    """One run of navarchd; `with` starts it, waits for /ready, and ends it."""

    def __init__(self, program, arguments=(), config_dir=None, environment=None,
                 grpc_address="free", namespace=None, kubeconfig=None, state=None):
        self.folder = tempfile.mkdtemp(prefix="navarch-test-")
        self.config = None
        if config_dir is None and kubeconfig is None:
            self.config = ConfigDirectory(os.path.join(self.folder, "config"))
            self.config.load_samples()
            config_dir = self.config.folder
        grpc, http, monitoring, secure, https = free_ports(5)
        self.ads, self.secure = "127.0.0.1:%d" % grpc, "127.0.0.1:%d" % secure
        self.state = state or os.path.join(self.folder, "state")
        source = ["--kubeconfig", kubeconfig] if kubeconfig else ["--configDir", config_dir]
        self.control = os.path.join(os.path.dirname(program), "navarchctl")
        self.http, self.monitoring = ("127.0.0.1", http), ("127.0.0.1", monitoring)
        address = self.ads if grpc_address == "free" else grpc_address
        self.command = [program, "discovery", *source,
                        *(["--grpcAddr", address] if address else []),
                        "--httpAddr", "127.0.0.1:%d" % http,
                        "--monitoringAddr", "127.0.0.1:%d" % monitoring,
                        "--secureGRPCAddr", self.secure, "--stateDir", self.state,
                        "--httpsAddr", "127.0.0.1:%d" % https, *arguments]
        self.environment, self.namespace = environment, namespace
        self.log = os.path.join(self.folder, "navarchd.log")
        self.child = None

    def launch(self):
        """Starts it."""
        self.child = Child("navarchd", self.command, self.log, self.namespace,
                           environment=self.environment)
        return self

    def start(self):
        """Starts it and waits until it is ready."""
        self.launch()
        def ready():
            if not self.child.running:
                raise client.TimedOut("navarchd ended at its start:\n" + self.child.tail())
            return client.get(self.namespace, self.http, "/ready", timeout=5).status == 200
        try:
            client.wait_until("/ready", ready, 30)
        except client.TimedOut:
            self.close()
            raise
        return self

    def navarchctl(self, *arguments):
        """What a command of navarchctl prints about this control plane's state directory."""
        return subprocess.run([self.control, *arguments, "--stateDir", self.state], check=True,
                              capture_output=True, text=True, timeout=30).stdout

    def token(self, namespace, account):
        """A token of a service account."""
        return self.navarchctl("token", "create", "--namespace", namespace,
                               "--service-account", account).strip()

    def roots(self):
        """The path of a file with the mesh's roots."""
        path = os.path.join(self.folder, "roots.pem")
        with open(path + ".new", "w") as file:
            file.write(self.navarchctl("ca", "root"))
        os.rename(path + ".new", path)  # in one step: others may be reading it
        return path

    def page(self, path, monitoring=False):
        """A page's answer."""
        return client.get(self.namespace, self.monitoring if monitoring else self.http, path)

    def json(self, path):
        """A debug page as JSON."""
        answer = self.page(path)
        if answer.status != 200:
            raise AssertionError("%s answers %d" % (path, answer.status))
        return json.loads(answer.body)

    def metrics(self):
        """{name with labels: value} of the monitoring port."""
        out = {}
        for line in self.page("/metrics", monitoring=True).body.splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*(?:\{.*\})?) ([-+0-9.eE]+)$", line)
            if found:
                out[found.group(1)] = float(found.group(2))
        return out

    def close(self):
        """Ends it and removes its folder; returns its exit status."""
        status = self.child.stop(15) if self.child else None
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
