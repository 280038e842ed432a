#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-quick: six rows against nginx alone, and counts against the recorded ones.

Two minutes, for use after a change.  CPU ratios are shown; the counts of bench/recorded.json (user-space instructions and
system calls an operation, which do not drift) decide: exit code 1 when one is more than 3 % above what is recorded.
--record writes the counts just taken.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile

import counts
import loads
import run
import servers

TOLERANCE = 1.03
RECORDED = os.path.join(servers.HERE, "recorded.json")


def compare(taken, recorded):
    """Print each count beside the recorded one; return those that grew too much."""
    worse = []
    for key, value in taken.items():
        before = recorded.get(key)
        mark = ""
        if before is not None and value > before * TOLERANCE:
            mark = "  more than 3 % above"
            worse.append(key)
        print(f"{key:<32}{value:>12.2f}{'-' if before is None else f'{before:.2f}':>14}{mark}")
    return worse


def take_counts(context):
    taken = {}
    for tool, program in (("system calls", "strace"), ("instructions", "valgrind")):
        if not shutil.which(program):
            print(f"{tool}: {program} is not installed, not counted")
            continue
        for operation in counts.OPERATIONS:
            try:
                taken[f"{operation}, {tool}"] = counts.measure(context, tool, operation)
            except (loads.LoadFailed, servers.StartFailed) as reason:
                print(f"{operation}, {tool}: {reason}")
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(servers.TOP, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--record", action="store_true", help="write the counts to bench/recorded.json")
    parser.add_argument("--counts-only", action="store_true")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    kinds = run.kinds_available(options.build, ["nginx", "wsrp"])
    if servers.Wsrp not in kinds:
        print("wsrpd is not built")
        return 1
    os.sched_setaffinity(0, {min(1, os.cpu_count() - 1)})
    with tempfile.TemporaryDirectory(prefix="wsrp-bench-") as work:
        context = servers.Context(work, options.build, 0, min(1, os.cpu_count() - 1))
        try:
            if not options.counts_only:
                run.run_rows(context, kinds, [row for row in run.ROWS if row.quick], options)
            print(f"\n{'an operation of wsrpd':<32}{'now':>12}{'recorded':>14}")
            taken = take_counts(context)
        finally:
            context.close()
    if options.record:
        with open(RECORDED, "w", encoding="ascii") as f:
            json.dump(taken, f, indent=1)
            f.write("\n")
        return 0
    recorded = {}
    if os.path.exists(RECORDED):
        with open(RECORDED, encoding="ascii") as f:
            recorded = json.load(f)
    return 1 if compare(taken, recorded) else 0


if __name__ == "__main__":
    sys.exit(main())
