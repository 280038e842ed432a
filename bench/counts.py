# SPDX-License-Identifier: BSD-2-Clause
"""User-space instructions and calls of malloc and its kin (callgrind), and system calls (strace -c), an operation of a server.

Neither drifts with the machine, so a few per cent can be seen.  Each is the difference of two runs, of which one does
more operations, from fresh starts: what starting, loading and stopping cost cancels out.
"""

import glob
import os
import re
import subprocess
import time

import loads
import servers

FEW, MANY = 300, 1500
LARGE = 30  # an operation of the largest kind is done so many times less often


def http(path, port):
    def load(context, server, count):
        scheme = "https" if port == "tls" else "http"
        done = subprocess.run(["h2load", "--h1", "-n", str(count), "-c", "1", f"{scheme}://127.0.0.1:{getattr(server, port)}{path}"],
                              capture_output=True, text=True, check=False)
        if f"{count} done" not in done.stdout or "0 errored" not in done.stdout:
            raise loads.LoadFailed(done.stdout[-400:] + done.stderr[-400:])
    return load


def websocket(tls, size):
    def load(context, server, count):
        port = server.tls if tls else server.clear
        tool = os.path.join(context.build, "bench", "wsload")
        done = subprocess.run([tool] + (["-t"] if tls else []) + ["-c", "1", "-s", str(size), "-n", str(count), f"127.0.0.1:{port}/ws"],
                              capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise loads.LoadFailed(done.stderr)
    return load


OPERATIONS = {
    "get": http("/small", "clear"),
    "get-logged": http("/logged", "clear"),
    "get-unkept": http("/unkept", "clear"),
    "file": http("/file.html", "clear"),
    "get-tls": http("/small", "tls"),
    "redirect": http("/some/path?x=1", "redirect"),
    "ws64": websocket(False, 64),
    "ws64-tls": websocket(True, 64),
    "body": http("/bytes/1000000", "clear"),
    "body-tls": http("/bytes/1000000", "tls"),
}


def _allocations(text):
    """Calls of malloc, calloc and realloc.  A name stands where it is used first: `cfn=(12) malloc`, later `cfn=(12)`; a line
    `calls=COUNT ...` follows."""
    wanted, callee, total = set(), None, 0
    for line in text.splitlines():
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.partition("=")[2].partition(" ")
            if name.split("'")[0] in ("malloc", "calloc", "realloc", "posix_memalign"):
                wanted.add(number)
            if line.startswith("cfn="):
                callee = number
        elif line.startswith("calls=") and callee in wanted:
            total += int(line[6:].split()[0])
    return total


def _callgrind_totals(folder):
    totals = {"instructions": 0, "allocations": 0}
    for path in glob.glob(os.path.join(folder, "cg.*")):
        with open(path, encoding="ascii", errors="replace") as f:
            text = f.read()
        match = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
        totals["instructions"] += int(match.group(1)) if match else 0
        totals["allocations"] += _allocations(text)
        os.unlink(path)
    return totals


def strace_table(folder):
    """What strace wrote.  It is no parent of the server (-D) and may end a little after it."""
    path = os.path.join(folder, "st")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if os.path.exists(path):
            with open(path, encoding="ascii", errors="replace") as f:
                text = f.read()
            if re.search(r"^\s*100\.00 .* total$", text, re.M):
                os.unlink(path)
                return text
        time.sleep(0.05)
    raise loads.LoadFailed("strace left no table")


def _strace_totals(folder):
    match = re.search(r"^\s*100\.00\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?total$", strace_table(folder), re.M)
    return {"system calls": int(match.group(1))}


TOOLS = {
    "strace": (lambda folder: ["strace", "-D", "-c", "-f", "-qq", "-o", f"{folder}/st"], _strace_totals),
    "valgrind": (lambda folder: ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/cg.%p", "-q"], _callgrind_totals),
}


def _run(context, kind, tool, operation, count, read):
    command, load = TOOLS[tool][0], OPERATIONS[operation]
    server = kind(context)
    try:
        server.start(command(context.work))
        load(context, server, count)
    finally:
        server.stop()
    return read(context.work)


def difference(context, kind, tool, operation, read):
    """{what: count an operation} of this kind of server, from what read(folder) finds in the tool's output."""
    part = LARGE if operation.startswith("body") else 1
    few = _run(context, kind, tool, operation, FEW // part, read)
    many = _run(context, kind, tool, operation, MANY // part, read)
    return {what: (many[what] - few.get(what, 0)) * part / (MANY - FEW) for what in many}


def measure(context, kind, tool, operation):
    return difference(context, kind, tool, operation, TOOLS[tool][1])
