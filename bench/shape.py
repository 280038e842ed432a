# SPDX-License-Identifier: BSD-2-Clause
"""What one number an operation does not show: cost by number of connections, latency, two workers.

In: a Context and the kinds of servers.  Out: rows, printed too.  A curve is CPU a small GET with 100, 1,000 and 8,000
kept-alive connections of which 64 have a request under way; latency is that of an open loop at half the rate which the slowest
peer sustains, with how late the generator itself was.  What needs cores of its own says so where there are none.
"""

import os
import random
import statistics
import sys

import loads
import servers

CONNECTIONS = (100, 1000, 8000)
UNDER_WAY = 64
LATE_MAX = 0.10  # of the smallest p99: a generator that is later than that measures itself
CORES_NEEDED = 6
NOT_HERE = "not measurable here"
PEERS = ("nginx", "haproxy")


def each_round(running, rounds, measure):
    """{server: [what measure(server) gave in each round]}; a server that fails is said once and left out."""
    results = {}
    for _ in range(rounds):
        order = list(running)
        random.shuffle(order)
        for server in order:
            if results.get(server.name, ()) is None:
                continue
            try:
                results.setdefault(server.name, []).append(measure(server))
            except loads.LoadFailed as reason:
                print(f"  {server.name} failed: {reason}", file=sys.stderr)
                results[server.name] = None
    return {name: values for name, values in results.items() if values}


def microseconds(context, server, how, connections, seconds):
    count, spent, _ = loads.requests(context, server, connections, how, seconds)
    return spent / count / 1000.0


def cheapest(us):
    """Is ours below both peers?"""
    peers = [us[name] for name in PEERS if name in us]
    return "wsrpd missing" if "wsrp" not in us or not peers else "below both peers" if us["wsrp"] <= min(peers) else "not below both peers"


def curve(context, running, rounds, seconds):
    print(f"\n{'CPU microseconds a small GET':<44}" + "".join(f"{server.name:>9}" for server in running))
    rows = []
    for connections in CONNECTIONS:
        taken = each_round(running, rounds, lambda server: microseconds(context, server, ["-k", UNDER_WAY], connections, seconds))
        us = {name: statistics.median(values) for name, values in taken.items()}
        rows.append({"connections": connections, "us": us, "verdict": cheapest(us)})
        cells = "".join(f"{us[server.name]:>9.1f}" if server.name in us else f"{'-':>9}" for server in running)
        print(f"{f'{connections:,} connections, {UNDER_WAY} requests under way':<44}{cells}  {rows[-1]['verdict']}", flush=True)
    return {"rows": rows}


def sustained_rate(context, running, seconds):
    """Requests a second of the slowest peer in a closed loop."""
    rates = []
    for server in running:
        if server.name in PEERS:
            count, _, result = loads.requests(context, server, UNDER_WAY, ["-k", UNDER_WAY], seconds)
            rates.append(count / result["seconds"])
    return min(rates)


def latency(context, running, rounds, seconds):
    if not any(server.name in PEERS for server in running):
        return {}
    rate = int(sustained_rate(context, running, seconds) / 2)
    taken = each_round(running, rounds, lambda server: loads.requests(context, server, 256, ["-r", rate], seconds)[2])
    print(f"\nLatency of a small GET in an open loop of {rate:,} a second, microseconds")
    print(f"{'':<12}{'p50':>9}{'p99':>9}{'p99.9':>22}{'generator late p50':>22}{'p99':>9}")
    enough = os.cpu_count() >= CORES_NEEDED
    rows = {}
    for server in running:
        if server.name not in taken:
            continue
        row = {key: statistics.median(result[key] for result in taken[server.name])
               for key in ("p50_us", "p99_us", "late_p50_us", "late_p99_us") + (("p999_us",) if enough else ())}
        rows[server.name] = row
        tail = f"{row['p999_us']:.0f}" if enough else NOT_HERE
        print(f"{server.name:<12}{row['p50_us']:>9.0f}{row['p99_us']:>9.0f}{tail:>22}{row['late_p50_us']:>22.1f}{row['late_p99_us']:>9.1f}", flush=True)
    word = latency_verdict(rows)
    print(f"{'':<12}{word}")
    return {"rate": rate, "servers": rows, "verdict": word}


def latency_verdict(rows):
    peers = [rows[name] for name in PEERS if name in rows]
    if "wsrp" not in rows or not peers:
        return "wsrpd missing"
    if max(row["late_p99_us"] for row in rows.values()) > LATE_MAX * min(row["p99_us"] for row in rows.values()):
        return "not decided: the generator was late"
    below = all(rows["wsrp"][key] <= peer[key] for peer in peers for key in ("p50_us", "p99_us"))
    return "below both peers" if below else "not below both peers"


def two_workers(context, kinds, rounds, seconds):
    """CPU a small GET and requests a second with two workers on two cores; load and backend on two others."""
    if os.cpu_count() < CORES_NEEDED:
        print(f"\nTwo workers: {NOT_HERE} ({os.cpu_count()} cores, {CORES_NEEDED} needed)")
        return {"verdict": NOT_HERE}
    wide = servers.Context(context.work, context.build, "0,1", "2,3", workers=2)
    running = []
    try:
        for kind in kinds:
            if kind is not servers.Relay:
                running.append(kind(wide))
                running[-1].start()
        def measure(server):
            count, spent, result = loads.requests(wide, server, 256, ["-k", 256], seconds)
            return spent / count / 1000.0, count / result["seconds"]
        taken = each_round(running, rounds, measure)
    finally:
        for server in running:
            server.stop()
        wide.close()
    print("\nTwo workers: CPU microseconds a small GET, requests a second")
    rows = {}
    for name, values in taken.items():
        rows[name] = {"us": statistics.median(us for us, _ in values), "rate": statistics.median(rate for _, rate in values)}
        print(f"{name:<12}{rows[name]['us']:>9.1f}{rows[name]['rate']:>12,.0f}", flush=True)
    return {"servers": rows}


def run(context, kinds, wanted, rounds, seconds):
    report, running = {}, []
    try:
        for kind in kinds if {"curve", "latency"} & set(wanted) else ():
            running.append(kind(context))
            running[-1].start()
        if "curve" in wanted:
            report["curve"] = curve(context, running, rounds, seconds)
        if "latency" in wanted:
            report["latency"] = latency(context, running, rounds, seconds)
    finally:
        for server in running:
            server.stop()
    if "workers" in wanted:
        report["two_workers"] = two_workers(context, kinds, rounds, seconds)
    return report
