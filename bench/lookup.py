# SPDX-License-Identifier: BSD-2-Clause
"""Match time by size: 1,000 to 1,000,000 server names, and as many locations of one server.

In: a Context.  Out: a row for each size, printed too: nanoseconds of CPU a look-up (the slower memory of a larger table is in
it) and user-space instructions a look-up (callgrind, inside the search only), which say what the search itself costs.
bench/match.c asks, with the daemon's own functions.
"""

import json
import os
import re
import shutil
import subprocess

import servers

COUNTS = (1000, 10000, 100000, 1000000)
FLAT = 2.0  # instructions a look-up, 1,000,000 against 1,000: a longer way down the trie, never a search through the list
LOOKUPS, COUNTED = 1024000, 10240


def write_names(out, count):
    for n in range(count):
        out.write(f"server {{ listen 127.0.0.1:8080; server_name app{n:07d}.example.org; return 204; }}\n")


def write_paths(out, count):
    out.write("server {\n    listen 127.0.0.1:8080;\n")
    for n in range(count):
        out.write(f"    location /team{n % 997:03d}/app{n:07d}/ {{ return 204; }}\n")
    out.write("}\n")


WRITERS = {"name": write_names, "path": write_paths}


def instructions(context, command):
    out = os.path.join(context.work, "lookup.cg")
    subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "-q", "--toggle-collect=look_up*"] + command + [str(COUNTED)],
                   check=True, capture_output=True)
    with open(out, encoding="ascii", errors="replace") as f:
        total = int(re.search(r"^(?:summary|totals): (\d+)", f.read(), re.M).group(1))
    os.unlink(out)
    return total / COUNTED


def measure(context, what, count):
    conf, table = os.path.join(context.work, "lookup.conf"), os.path.join(context.work, "lookup.bin")
    with open(conf, "w", encoding="ascii") as f:
        WRITERS[what](f, count)
    done = subprocess.run(servers.on_core(context.server_core, [os.path.join(context.build, "wsrpc"), conf, "-o", table]),
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise servers.StartFailed(f"wsrpc: {done.stderr[-500:]}")
    command = [os.path.join(context.build, "bench", "match"), table, what, str(count)]
    out = subprocess.run(servers.on_core(context.server_core, command + [str(LOOKUPS)]), capture_output=True, text=True, check=True)
    row = {"what": what, "count": count, "ns": json.loads(out.stdout)["ns"], "table_mb": os.path.getsize(table) / 1e6}
    if shutil.which("valgrind"):
        row["instructions"] = instructions(context, command)
    os.unlink(conf)
    os.unlink(table)
    return row


def verdict(rows):
    """Of the rows of one kind: flat, or not."""
    counted = [row["instructions"] for row in rows if "instructions" in row]
    if len(counted) < len(COUNTS):
        return "not counted"
    return "reached" if counted[-1] <= counted[0] * FLAT else "not reached"


def run(context):
    rows = []
    print(f"\nMatch time by size (to reach: instructions for 1,000,000 at most {FLAT:g} times those for 1,000)")
    for what, title in (("name", "server names"), ("path", "locations")):
        for count in COUNTS:
            row = measure(context, what, count)
            rows.append(row)
            count_text = f"{row['instructions']:.0f} instructions" if "instructions" in row else "-"
            print(f"{count:>11,} {title:<13} {row['ns']:>7.1f} ns, {count_text}", flush=True)
        word = verdict([row for row in rows if row["what"] == what])
        rows[-1]["verdict"] = word
        print(f"{'':>11} {title:<13} {word}", flush=True)
    return rows
