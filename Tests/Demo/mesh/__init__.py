# SPDX-License-Identifier: Apache-2.0
"""A mesh in a box: pods as network namespaces, each with an unmodified Envoy."""
