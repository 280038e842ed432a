# SPDX-License-Identifier: BSD-2-Clause
"""The surroundings of a test: build folder, scratch folders, free ports, certificates, bounded waiting.

Ports come from below the kernel's ephemeral range, so that an outgoing connection of a proxy cannot take one between two
starts of a server on it.  A port handed out once is not handed out again in this process.
"""

import atexit
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(TESTS)
BUILD = os.path.abspath(os.path.join(TOP, os.environ.get("BUILD", "build")))
WSRPC = os.path.join(BUILD, "wsrpc")
WSRPD = os.path.join(BUILD, "wsrpd")
ECHO = os.path.join(BUILD, "wsr-echo")
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
SLOW = 4 if "san" in os.path.basename(BUILD) else 1  # the factor of every deadline: instrumented programs are slower

_lock = threading.Lock()
_handed_out = set()


def scratch(name="wsrp"):
    """A new folder that workers without rights may enter, removed at exit."""
    path = tempfile.mkdtemp(prefix=name + "-")
    os.chmod(path, 0o755)
    if not os.environ.get("WSRP_KEEP"):
        atexit.register(shutil.rmtree, path, True)
    return path


def free_port(host="127.0.0.1"):
    """A TCP port on which nobody listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(1000):
        port = random.SystemRandom().randrange(10240, 32000)
        with _lock:
            if port in _handed_out:
                continue
            _handed_out.add(port)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port found")


def wait_until(condition, seconds=5, what="the condition", step=0.01):
    """Poll until condition() is true and return its value; raise TimeoutError after the bound."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError("%s did not come true in %g s" % (what, seconds * SLOW))
        time.sleep(step)


def accepts(address):
    """Does somebody accept connections at (host, port) or at the path of a unix socket?"""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(address)
            return True
        except OSError:
            return False


def free(address):
    """Could a server listen on (host, port)?  Connections of an earlier one that are being forgotten do not hinder it."""
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            return True
        except OSError:
            return False


def write(path, data, mode=0o644):
    """Write text or bytes to a file whose folder is made when it is missing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as handle:
        handle.write(data.encode() if isinstance(data, str) else data)
    os.chmod(path, mode)
    return path


def read(path):
    """The text of a file, empty when there is none."""
    try:
        with open(path, "rb") as handle:
            return handle.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def run(command, seconds=30, **more):
    """A bounded command with its output captured."""
    return subprocess.run(command, capture_output=True, timeout=seconds * SLOW, check=False, **more)


def certificate(folder, name, names=(), key="ec"):
    """A self-signed certificate folder/name.crt and its key; returns the two paths."""
    crt, pem = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
    alternatives = ",".join(("IP:" if n.replace(".", "").isdigit() or ":" in n else "DNS:") + n for n in (names or (name,)))
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]
    done = run(["openssl", "req", "-x509", *kind, "-nodes", "-days", "30", "-subj", "/CN=" + name,
                "-addext", "subjectAltName=" + alternatives, "-keyout", pem, "-out", crt])
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    os.chmod(pem, 0o600)
    return crt, pem
