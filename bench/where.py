#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where an operation's cost is: CPU time by program part (perf), system calls by name (strace -c), user-space instructions by part (callgrind).

    bench/where.py [get get-tls ...] [--publish]      --publish: also writes the tables of docs/PERFORMANCE.md

In: programs in the build folder.  Out: two Markdown tables.  Shares of time are those of samples while the operation's load of run.py
runs; a count is the difference of two runs from fresh starts divided by the operations that one did more, as in counts.py.
"""

import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import account
import counts
import loads
import publish
import run
import servers


def instructions_by_part(folder):
    """Self cost of all files of callgrind, by library, or by folder of our own source."""
    total = collections.Counter()
    for path in glob.glob(os.path.join(folder, "cg.*")):
        names, current, part, after_call = {}, {"ob": "", "fl": ""}, "", False
        with open(path, encoding="ascii", errors="replace") as f:
            for line in f:
                match = re.match(r"(ob|fl|fi|fe)=(\(\d+\))(?: (.*))?$", line)
                if match:
                    kind = "ob" if match.group(1) == "ob" else "fl"
                    if match.group(3):
                        names[kind, match.group(2)] = match.group(3)
                    current[kind] = names.get((kind, match.group(2)), "")
                    part = part_of(current["ob"], current["fl"])
                elif line.startswith(("cob=", "cfi=", "cfl=")):
                    match = re.match(r"c(ob|fi|fl)=(\(\d+\))(?: (.*))?$", line)
                    if match and match.group(3):
                        names["ob" if match.group(1) == "ob" else "fl", match.group(2)] = match.group(3)
                elif line.startswith("calls="):
                    after_call = True
                elif line[:1] in "+-*0123456789" and line[:1]:
                    if not after_call:
                        total[part] += int(line.split()[1])
                    after_call = False
        os.unlink(path)
    return total


def part_of(program, source):
    library = os.path.basename(program)
    if not library.startswith("wsrpd"):
        return re.sub(r"[-.]\d.*|\.so.*", "", library) or "other"
    folders = [folder for folder in ("table", "eval", "runtime") if f"/{folder}/" in "/" + source]
    return folders[0] if folders else "libc"  # inlined from the C library's headers


def calls_by_name(folder):
    found = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w*)$", counts.strace_table(folder), re.M)
    return {name: int(count) for count, name in found if name != "total"}


READERS = {"strace": calls_by_name, "valgrind": instructions_by_part}


def largest_first(context, tool, operation):
    spent = counts.difference(context, servers.Wsrp, tool, operation, READERS[tool])
    return dict(sorted(spent.items(), key=lambda item: -item[1]))


def time_by_part(context, server, row):
    """{part: share of the samples} while the row's load runs."""
    data = os.path.join(context.work, "perf.data")
    pids = ",".join(str(pid) for root in server.pids() for pid in account.family(root))
    perf = subprocess.Popen(["perf", "record", "-q", "-F", "997", "-o", data, "-p", pids, "--", "sleep", "2"], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    row.load(context, server, 2)
    perf.wait(30)
    report = subprocess.run(["perf", "report", "-i", data, "--sort", "dso", "--stdio"], capture_output=True, text=True, check=True).stdout
    shares = {}
    for percent, name in re.findall(r"^\s*([\d.]+)%\s+(\S+)", report, re.M):
        part = "kernel" if name.startswith("[kernel") else re.sub(r"[-.]\d.*|\.so.*", "", name)
        shares[part] = shares.get(part, 0.0) + float(percent)
    return shares


def time_table(context, wanted):
    lines = ["| operation | kernel | wsrpd | libcrypto | libssl | libc | libevent |", "|---|---:|---:|---:|---:|---:|---:|"]
    server = servers.Wsrp(context)
    server.start()
    try:
        for row in run.ROWS:
            if wanted and row.key not in wanted:
                continue
            shares = time_by_part(context, server, row)
            cells = " | ".join(f"{shares.get(part, 0.0):.0f} %" for part in ("kernel", "wsrpd", "libcrypto", "libssl", "libc", "libevent_core"))
            lines.append(f"| {row.title} | {cells} |")
            print(lines[-1], flush=True)
    finally:
        server.stop()
    return "\n".join(lines)


def joined(spent, least, form):
    return ", ".join(f"{name} {form.format(count)}" for name, count in spent.items() if count >= least)


def table(context, operations):
    lines = ["| operation | system calls | user-space instructions by part |", "|---|---|---|"]
    for operation in operations:
        calls = largest_first(context, "strace", operation)
        parts = largest_first(context, "valgrind", operation)
        total = sum(parts.values())
        lines.append(f"| {operation} | {sum(calls.values()):.1f}: {joined(calls, 0.05, '{:.1f}')} | {total:,.0f}: {joined(parts, total * 0.01, '{:,.0f}')} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(servers.TOP, "build"))
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("operations", nargs="*", help=", ".join(counts.OPERATIONS))
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(1, os.cpu_count() - 1)})
    tables = {}
    with tempfile.TemporaryDirectory(prefix="wsrp-bench-") as work:
        context = servers.Context(work, os.path.abspath(options.build), 0, min(1, os.cpu_count() - 1))
        try:
            if shutil.which("perf"):
                tables["time"] = time_table(context, options.operations)
            else:
                print("perf is not installed: no shares of time")
            tables["where"] = table(context, [key for key in counts.OPERATIONS if not options.operations or key in options.operations])
        except (loads.LoadFailed, servers.StartFailed) as reason:
            print(reason, file=sys.stderr)
            return 1
        finally:
            context.close()
    if options.publish:
        for name, text in tables.items():
            publish.replace(os.path.join(servers.TOP, "docs", "PERFORMANCE.md"), name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
