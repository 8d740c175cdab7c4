# SPDX-License-Identifier: Apache-2.0
"""The end-to-end cases: every function whose name begins with test_ is one."""
