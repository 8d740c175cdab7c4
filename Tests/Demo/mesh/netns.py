# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: making them, capturing their traffic, and opening sockets inside them."""
import contextlib
import ctypes
import os
import shutil
import subprocess

PREFIX = "navarch-"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# The rules of istio-init: what the application sends goes to 15001, what comes in to 15006, and
# the proxy itself (user or group 1337) is left alone.
CAPTURE = """\
*nat
:MESH_INBOUND - [0:0]
:MESH_OUTPUT - [0:0]
:MESH_IN_REDIRECT - [0:0]
:MESH_REDIRECT - [0:0]
-A PREROUTING -p tcp -j MESH_INBOUND
-A OUTPUT -p tcp -j MESH_OUTPUT
-A MESH_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A MESH_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A MESH_INBOUND -p tcp --dport 15008 -j RETURN
-A MESH_INBOUND -p tcp --dport 15020 -j RETURN
-A MESH_INBOUND -p tcp --dport 15021 -j RETURN
-A MESH_INBOUND -p tcp --dport 15090 -j RETURN
-A MESH_INBOUND -p tcp -j MESH_IN_REDIRECT
-A MESH_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
-A MESH_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --uid-owner 1337 -j MESH_IN_REDIRECT
-A MESH_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A MESH_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A MESH_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 1337 -j MESH_IN_REDIRECT
-A MESH_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN
-A MESH_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A MESH_OUTPUT -d 127.0.0.1/32 -j RETURN
-A MESH_OUTPUT -j MESH_REDIRECT
COMMIT
"""


def ip(*arguments):
    """Runs ip(8); its complaint becomes the exception's text."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("ip %s: %s" % (" ".join(arguments), done.stderr.strip()))


def usable():
    """Why namespaces with capture cannot be had here, or None."""
    if os.geteuid() != 0:
        return "not root"
    for tool in ("ip", "iptables-restore", "setpriv"):
        if not shutil.which(tool):
            return "%s is missing" % tool
    name = "%s%d-try" % (PREFIX, os.getpid())
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        capture(name)
    except RuntimeError as error:
        return str(error)
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return None


def capture(name):
    """Redirects the namespace's TCP to its proxy."""
    done = subprocess.run(["ip", "netns", "exec", name, "iptables-restore"], input=CAPTURE,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("iptables-restore: " + done.stderr.strip())


def alive(name):
    """Whether the driver that made this namespace still runs (its id is in the name)."""
    pid = name[len(PREFIX):].split("-")[0]
    return pid.isdigit() and os.path.exists("/proc/" + pid)


def sweep():
    """Removes namespaces whose driver was killed before it could clean up."""
    listed = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    for name in listed:
        if name.startswith(PREFIX) and not alive(name):
            remove(name)


def remove(name):
    """Removes a namespace, with its links, and its files under /etc/netns."""
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    shutil.rmtree(os.path.join("/etc/netns", name), ignore_errors=True)


def write_hosts(name, lines):
    """The /etc/hosts that programs started in the namespace see."""
    folder = os.path.join("/etc/netns", name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "hosts"), "w") as file:
        file.write("127.0.0.1 localhost\n" + "".join(line + "\n" for line in lines))


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(name):
    """Sockets that this thread opens meanwhile belong to the namespace; None: where we are."""
    if name is None:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(os.path.join("/run/netns", name), os.O_RDONLY)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(there)
        os.close(home)
