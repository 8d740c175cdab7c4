# SPDX-License-Identifier: Apache-2.0
"""Where the project's things are."""
import glob
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SAMPLES = os.path.join(ROOT, "config", "samples", "bookinfo")
PROGRAMS = os.path.join(ROOT, ".build", "demo")
RUN_ENVOY = os.path.join(ROOT, "config", "envoy", "run.sh")


class Missing(Exception):
    """Something the mesh needs is not there; the text says what to do."""


def envoy():
    """Envoy's binary: ENVOY, else that of .venv/envoy."""
    found = [os.environ["ENVOY"]] if os.environ.get("ENVOY") else []
    found += glob.glob(os.path.join(
        ROOT, ".venv/envoy/lib/python3*/site-packages/envoy/_bin/envoy"))
    for path in found:
        if os.access(path, os.X_OK):
            return path
    raise Missing("no Envoy: run Tests/EndToEnd/setup")


def navarchd(given=None):
    """The control plane: what is given, else NAVARCHD, else the newest build."""
    path = given or os.environ.get("NAVARCHD")
    if not path:
        built = glob.glob(os.path.join(ROOT, ".build", "*", "navarchd"))
        if not built:
            raise Missing("no navarchd: run make build, or give its path as NAVARCHD")
        path = max(built, key=os.path.getmtime)
    if not os.access(path, os.X_OK):
        raise Missing("not a program: " + path)
    return os.path.abspath(path)


def program(name):
    """A compiled helper of the demo."""
    path = os.path.join(PROGRAMS, name)
    if not os.access(path, os.X_OK):
        raise Missing("%s is not built: run make -C Tests/Demo/app" % path)
    return path


def with_yaml(script):
    """Starts this program again in the project's environment where PyYAML or grpcio is missing."""
    try:
        import grpc  # noqa: F401
        import yaml  # noqa: F401
    except ImportError:
        python = os.path.join(ROOT, ".venv", "xds", "bin", "python")
        if not os.path.exists(python) or os.path.realpath(sys.prefix) == os.path.realpath(
                os.path.join(ROOT, ".venv", "xds")):
            sys.exit("the Python environment is missing: run Tests/EndToEnd/setup")
        os.execv(python, [python, os.path.abspath(script)] + sys.argv[1:])
