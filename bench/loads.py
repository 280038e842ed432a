# SPDX-License-Identifier: BSD-2-Clause
"""One load against one server: operations done, and what they cost the server.

wrk makes the HTTP load, our own tools the WebSocket and the new-connection load.  Ours say when all connections stand
and then wait, so that only the steady state is accounted; wrk's few connections are lost in its thousands of requests.
"""

import json
import os
import re
import subprocess
import time

import account


class LoadFailed(Exception):
    """A load that did not do what it should; its figures would be worth nothing."""


def _tool(context, name, arguments):
    command = ["taskset", "-c", str(context.load_core), os.path.join(context.build, "bench", name)] + [str(a) for a in arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _cpu(server):
    return sum(account.cpu_ns(pid) for pid in server.pids())


def _finish(process):
    out, err = process.communicate(timeout=60)
    if process.returncode != 0:
        raise LoadFailed(err.strip() or f"exit code {process.returncode}")
    return out


def run_tool(context, server, name, arguments):
    """Start, wait until ready, account the run itself; return (result, ns of CPU)."""
    process = _tool(context, name, ["-w"] + arguments)
    if process.stdout.readline().strip() != "ready":
        _finish(process)
        raise LoadFailed(f"{name} was not ready")
    before = _cpu(server)
    process.stdin.write("go\n")
    process.stdin.flush()
    line = process.stdout.readline()
    spent = _cpu(server) - before
    _finish(process)
    if not line:
        raise LoadFailed(f"{name} ended without a result")
    return json.loads(line), spent


def _counted(server, count):
    if count == 0:
        raise LoadFailed(f"{server.name}: no operation was done")
    return count


def websocket(context, server, tls, size, connections, seconds):
    port = server.tls if tls else server.clear
    arguments = ["-m", "echo", "-c", connections, "-s", size, "-d", seconds, f"127.0.0.1:{port}/ws"]
    result, spent = run_tool(context, server, "wsload", (["-t"] if tls else []) + arguments)
    return _counted(server, result["messages"]), spent, result


def new_connections(context, server, resume, slots, seconds):
    arguments = (["-r"] if resume else []) + ["-c", slots, "-d", seconds, f"127.0.0.1:{server.tls}/small"]
    result, spent = run_tool(context, server, "tlsload", arguments)
    if resume and result["resumed"] < result["connections"]:
        raise LoadFailed(f"{server.name}: only {result['resumed']} of {result['connections']} connections resumed")
    return _counted(server, result["connections"]), spent, result


def http(context, server, url, connections, seconds):
    before = _cpu(server)
    done = subprocess.run(["taskset", "-c", str(context.load_core), "wrk", "-t1", "-c", str(connections), "-d", f"{seconds}s", url],
                          capture_output=True, text=True, check=False)
    spent = _cpu(server) - before
    match = re.search(r"(\d+) requests in", done.stdout)
    if done.returncode != 0 or not match or "Non-2xx" in done.stdout or re.search(r"(connect|read|write) [1-9]", done.stdout):
        raise LoadFailed(f"{server.name}: {url}: {done.stdout[-400:]}{done.stderr}")
    return _counted(server, int(match.group(1))), spent, {}


def requests(context, server, connections, how, seconds):
    """GETs over many connections; `how` is ["-k", under way] or ["-r", rate]."""
    arguments = ["-c", connections] + how + ["-d", seconds, f"127.0.0.1:{server.clear}/small"]
    result, spent = run_tool(context, server, "httpload", arguments)
    return _counted(server, result["requests"]), spent, result


def idle_tunnels(context, server, tls, count):
    """Proportional set size a tunnel, in bytes, of tunnels that have each echoed one message."""
    port = server.tls if tls else server.clear
    target = f"127.0.0.1:{port}/ws"
    _finish(_tool(context, "wsload", (["-t"] if tls else []) + ["-m", "idle", "-c", 4, target]))  # what is loaded on first use
    before = sum(account.pss(pid) for pid in server.pids())
    process = _tool(context, "wsload", (["-t"] if tls else []) + ["-m", "idle", "-c", count, target])
    if process.stdout.readline().strip() != "ready":
        _finish(process)
        raise LoadFailed("tunnels did not open")
    process.stdout.readline()
    time.sleep(2)  # servers may release what a connection needs no more after a moment of silence
    after = sum(account.pss(pid) for pid in server.pids())
    _finish(process)
    return (after - before) / count
