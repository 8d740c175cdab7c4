# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server to test clients with: one process, everything in memory, no nodes."""
from .cluster import KubernetesAPI  # noqa: F401
