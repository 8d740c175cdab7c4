# SPDX-License-Identifier: Apache-2.0
"""The server's own tests."""
