# SPDX-License-Identifier: Apache-2.0
"""What a real Envoy makes of it."""
import os

from mesh import netns
from mesh.box import NamespaceBox
from mesh.client import wait_until
from mesh.loopback import LoopbackBox


def _accepted(start, protocol):
    kind = LoopbackBox if netns.usable() else NamespaceBox
    box = kind(start.program, protocol)
    try:
        box.start()
        for pod in box.pods.values():
            admin = box.admin(pod)
            wait_until("nothing warming in " + pod.name,
                       lambda a=admin: not a.dump("dynamic_warming_clusters"), 30)
            refused = ["%s=%d" % pair for pair in admin.rejected().items()] + admin.refusals()
            assert not refused, "%s refused: %s" % (pod.name, "; ".join(refused))
            updates = admin.stats("(cluster_manager.cds|listener_manager.lds).update_success")
            assert len(updates) == 2 and all(updates.values()), "%s: %s" % (pod.name, updates)
            unknown = admin.stats("dynamic_unknown_fields|deprecated_feature_use")
            used = {k: v for k, v in unknown.items() if v}
            assert not used, "%s was sent deprecated or unknown fields: %s" % (pod.name, used)
    finally:
        box.close(keep_logs=bool(os.environ.get("KEEP_LOGS")))


def test_envoys_accept_delta(start):
    """Seven real Envoys accept everything over delta, and nothing warms for ever"""
    _accepted(start, "delta")


def test_envoys_accept_state_of_the_world(start):
    """Seven real Envoys accept everything over state of the world"""
    _accepted(start, "sotw")
