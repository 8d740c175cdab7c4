# SPDX-License-Identifier: Apache-2.0
"""A cluster with Istio's sample workloads, and an outside world, for the documented tasks."""
