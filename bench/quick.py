#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-quick: six rows against nginx alone, and counts against the recorded ones.

Two minutes, for use after a change.  CPU ratios and nginx's counts (as recorded) are shown; our counts against those of
bench/recorded.json (user-space instructions, allocations and system calls an operation, which do not drift) decide: exit code 1 when
one is more than 3 % above what is recorded (10 % for 1 MB bodies).  Instructions depend on compiler, libraries and processor, which are recorded
beside them: with others only system calls decide.  --record writes the counts just taken, and
nginx's where they were recorded elsewhere.
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
import toolchain

TOLERANCE = 1.03
BODY_TOLERANCE = 1.10  # how much of a body has arrived at each read is a matter of time
NOISE = 0.02  # of a call: what happens once a second or so falls into one run and not into the other
RECORDED = os.path.join(servers.HERE, "recorded.json")


def compare(taken, beside, recorded, elsewhere):
    """Print each count beside nginx's and the recorded one; return those that grew too much."""
    worse = []
    print(f"\n{'an operation':<32}{'nginx':>12}{'wsrp':>12}{'recorded':>12}")
    for key, value in taken.items():
        before = recorded.get(key)
        mark = ""
        allowed = BODY_TOLERANCE if key.startswith("body") else TOLERANCE
        if before is not None and value > before * allowed + NOISE:
            decides = not elsewhere or key.endswith("system calls")
            mark = f"  more than {allowed - 1:.0%} above" if decides else "  recorded elsewhere"
            worse += [key] if decides else []
        cells = [f"{one:,.1f}" if one is not None else "-" for one in (beside.get(key), value, before)]
        print(f"{key:<32}{cells[0]:>12}{cells[1]:>12}{cells[2]:>12}{mark}")
    return worse


def differences(before, now):
    """What the recorded counts were taken with and we are not."""
    return [f"{name}: {before.get(name, 'unknown')}, here {version}" for name, version in now.items() if before.get(name) != version]


def take_counts(context, kind):
    taken = {}
    for tool in counts.TOOLS:
        if not shutil.which(tool):
            print(f"{tool} is not installed: not counted")
            continue
        for operation in counts.OPERATIONS:
            try:
                for what, count in counts.measure(context, kind, tool, operation).items():
                    taken[f"{operation}, {what}"] = round(count, 2)
            except (loads.LoadFailed, servers.StartFailed) as reason:
                print(f"{kind.name}: {operation}, {tool}: {reason}")
    return taken


def read_recorded():
    if not os.path.exists(RECORDED):
        return {"taken_with": {}, "nginx": {}, "counts": {}}  # nothing to compare with yet
    with open(RECORDED, encoding="ascii") as f:
        return json.load(f)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(servers.TOP, "build"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--record", action="store_true", help="write the counts to bench/recorded.json")
    parser.add_argument("--counts-only", action="store_true")
    parser.set_defaults(again=False)  # two minutes
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    kinds = run.kinds_available(options.build, ["nginx", "wsrp"])
    if servers.Wsrp not in kinds:
        print("wsrpd is not built")
        return 1
    os.sched_setaffinity(0, {min(1, os.cpu_count() - 1)})
    recorded, here, commit = read_recorded(), toolchain.versions(options.build), run.commit()
    elsewhere = differences(recorded["taken_with"], here)
    with tempfile.TemporaryDirectory(prefix="wsrp-bench-") as work:
        context = servers.Context(work, options.build, 0, min(1, os.cpu_count() - 1))
        try:
            if not options.counts_only:
                run.run_rows(context, kinds, [row for row in run.ROWS if row.quick], options)
            beside = take_counts(context, servers.Nginx) if options.record and elsewhere else recorded["nginx"]
            taken = take_counts(context, servers.Wsrp)
        finally:
            context.close()
    if elsewhere and recorded["counts"]:
        print("\nrecorded elsewhere (" + "; ".join(elsewhere) + "): instructions do not decide")
    worse = compare(taken, beside, recorded["counts"], elsewhere)
    if options.record:
        with open(RECORDED, "w", encoding="ascii") as f:
            json.dump({"commit": commit, "taken_with": here, "nginx": beside, "counts": taken}, f, indent=1)
            f.write("\n")
        print(f"recorded: {os.path.relpath(RECORDED)}")
        return 0
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
