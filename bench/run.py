#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: what an operation costs wsrpd, nginx, HAProxy and the bare relay, side by side in one run.

In: programs in the build folder, nginx, haproxy and wrk from packages.  Out: tables, build/bench.json, and with --publish
bench/results/DATE.json, docs/bench.svg and the tables of docs/PERFORMANCE.md and README.md.

CPU is the kernel's account of the server processes, so the cost of load and backend does not count; servers have one
core, load and backend the other.  The machine's speed drifts, so only ratios inside a round mean anything: in each round
the servers run in turn, in changing order, the ratio is formed there, and a row is the median of all rounds.  Quartiles
more than 10 % apart make it "not decided"; such a row is measured once more, with rounds of four turns, so that what
drifts within a round falls on all servers alike, and the second result stands whatever it says.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import chart
import loads
import lookup
import publish
import scale
import servers
import shape
import toolchain

NOT_DECIDED = 0.10  # of the median: largest distance of the quartiles
TURNS_AGAIN = 4  # in each round of a row that was not decided with one


def wrk_row(path, port, connections):
    scheme = "https" if port == "tls" else "http"

    def load(context, server, seconds):
        url = f"{scheme}://127.0.0.1:{getattr(server, port)}{path}"
        return loads.http(context, server, url, connections, max(1, round(seconds)))
    return load


def ws_row(tls, size, connections):
    return lambda context, server, seconds: loads.websocket(context, server, tls, size, connections, seconds)


def tls_row(resume):
    return lambda context, server, seconds: loads.new_connections(context, server, resume, 8, seconds)


class Row:
    """One operation: how to load it, which servers can do it, and the bar for ours (a part of nginx's cost)."""

    def __init__(self, key, title, load, bar, floor=None, floor_bar=None, quick=False, without=()):
        self.key = key
        self.title = title
        self.load = load
        self.bar = bar
        self.floor = floor  # "relay", "handshake" (libssl alone) or None
        self.floor_bar = floor_bar
        self.quick = quick
        self.without = without if floor == "relay" else ("relay", *without)  # servers that cannot do it


ROWS = [
    Row("get", "small GET, keep-alive both sides", wrk_row("/small", "clear", 32), 0.75, "relay", quick=True),
    Row("get-unkept", "small GET, upstream connection of its own", wrk_row("/unkept", "clear", 32), 1.00),
    Row("get-logged", "small GET, written to an access log", wrk_row("/logged", "clear", 32), 0.75, without=("haproxy",)),
    Row("file", "file of 1 KB", wrk_row("/file.html", "clear", 32), 1.00, without=("haproxy",)),
    Row("get-tls", "small GET over TLS", wrk_row("/small", "tls", 32), 0.80, "relay", quick=True),
    Row("connect-tls", "new TLS connection per GET, full handshake", tls_row(False), 0.95, "handshake"),
    Row("resume-tls", "new TLS connection per GET, resumed", tls_row(True), 1.00, "handshake", 1.25),
    Row("redirect", "redirect", wrk_row("/some/path?x=1", "redirect", 32), 0.60, "relay", quick=True),
    Row("body", "1 MB body", wrk_row("/bytes/1000000", "clear", 8), 0.45, "relay", quick=True),
    Row("body-tls", "1 MB body over TLS", wrk_row("/bytes/1000000", "tls", 8), 0.75, "relay"),
    Row("ws64", "64 B WebSocket message and echo", ws_row(False, 64, 32), 0.80, "relay", quick=True),
    Row("ws64-tls", "64 B WebSocket message over TLS", ws_row(True, 64, 32), 1.00, "relay", 1.08, quick=True),
    Row("ws16k", "16 KB WebSocket message and echo", ws_row(False, 16384, 32), None, "relay"),
    Row("ws16k-tls", "16 KB WebSocket message over TLS", ws_row(True, 16384, 32), 0.60, "relay"),
]
OTHERS = ("scale", "lookup", "curve", "latency", "workers")
IDLE = [("idle", "memory per idle WebSocket", False, 1.0), ("idle-tls", "memory per idle WebSocket over TLS", True, 12.0)]


def summary(values):
    """Median and quartiles; None for nothing."""
    if not values:
        return None
    if len(values) < 4:
        return {"median": statistics.median(values), "q1": min(values), "q3": max(values)}
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "q1": q1, "q3": q3}


def decided(spread):
    return spread["q3"] - spread["q1"] <= NOT_DECIDED * spread["median"]


def verdict(row, ours, floor):
    """What the row says: reached, not reached, not decided, or nothing where there is no bar or no wsrpd."""
    if ours is None:
        return "wsrpd missing"
    if row.bar is None:
        return "no bar"
    spreads = [(ours, row.bar)] + ([(floor, row.floor_bar)] if row.floor_bar and floor else [])
    if not all(decided(spread) for spread, _ in spreads):
        return "not decided"
    return "reached" if all(spread["median"] <= bar for spread, bar in spreads) else "not reached"


def handshake_floor(context, count=300):
    out = subprocess.run(servers.on_core(context.server_core, [os.path.join(context.build, "bench", "handshake"), "-c",
                                         f"{context.work}/cert.pem", "-k", f"{context.work}/key.pem", "-n", str(count)]),
                         capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def take_turn(context, row, order, seconds, failed, totals):
    """One load on each server; operations and nanoseconds go into `totals`.  A failure is said and leaves a gap, the second ends the row for that server."""
    for server in order:
        if failed.get((row.key, server.name), 0) >= 2:
            continue
        try:
            count, spent, _ = row.load(context, server, seconds)
            done, ns = totals.get(server.name, (0, 0))
            totals[server.name] = (done + count, ns + spent)
        except loads.LoadFailed as reason:
            failed[(row.key, server.name)] = failed.get((row.key, server.name), 0) + 1
            print(f"  {row.key}: {server.name} failed: {reason}", file=sys.stderr)


def measure_round(context, row, running, turns, seconds, failed):
    """Microseconds an operation of each server over its turns, each turn in an order of its own."""
    totals = {}
    order = [s for s in running if s.name not in row.without]
    for _ in range(turns):
        random.shuffle(order)
        take_turn(context, row, order, seconds, failed, totals)
    cost = {name: ns / done / 1000.0 for name, (done, ns) in totals.items()}
    if row.floor == "handshake":
        floor = handshake_floor(context, 300 * turns)
        cost["handshake"] = floor["resumed_us"] if row.key == "resume-tls" else floor["full_us"]
    return cost


def measure_row(context, row, running, options, failed):
    """The result of a row; one that is not decided is measured again, once, with longer rounds."""
    for turns in (1, TURNS_AGAIN) if options.again else (1,):
        rounds = [measure_round(context, row, running, turns, options.seconds, failed) for _ in range(options.rounds)]
        result = result_of(row, rounds)
        result["turns"] = turns
        if result["verdict"] != "not decided":
            break
    return result


def result_of(row, rounds):
    """Medians, ratios formed inside each round, verdict."""
    names = sorted({name for cost in rounds for name in cost})

    def ratio(a, b):
        return summary([cost[a] / cost[b] for cost in rounds if a in cost and b in cost])

    result = {"title": row.title, "bar": row.bar, "floor_bar": row.floor_bar, "rounds": rounds,
              "us": {name: summary([cost[name] for cost in rounds if name in cost]) for name in names},
              "haproxy_to_nginx": ratio("haproxy", "nginx"), "floor_to_nginx": ratio(row.floor, "nginx") if row.floor else None,
              "ours_to_nginx": ratio("wsrp", "nginx"), "ours_to_haproxy": ratio("wsrp", "haproxy"),
              "ours_to_floor": ratio("wsrp", row.floor) if row.floor else None}
    result["verdict"] = verdict(row, result["ours_to_nginx"], result["ours_to_floor"])
    if row.key == "resume-tls" and result["verdict"] == "reached" and result["ours_to_haproxy"]["median"] > 1.0:
        result["verdict"] = "not reached"
    return result


def measure_idle(context, kinds, tls, count, repeats):
    """KB a tunnel of each server, each time from a fresh start."""
    kilobytes = {}
    for kind in kinds:
        values = []
        for _ in range(repeats):
            server = kind(context)
            try:
                server.start()
                values.append(loads.idle_tunnels(context, server, tls, count) / 1024.0)
            except (loads.LoadFailed, servers.StartFailed) as reason:
                print(f"  idle: {kind.name} failed: {reason}", file=sys.stderr)
                break
            finally:
                server.stop()
        kilobytes[kind.name] = summary(values)
    return kilobytes


def idle_result(title, bar, kilobytes):
    ours = kilobytes.get("wsrp")
    if ours is None:
        word = "wsrpd missing"
    else:
        word = "not decided" if not decided(ours) else "reached" if ours["median"] <= bar else "not reached"
    return {"title": title, "bar_kb": bar, "kb": kilobytes, "verdict": word}


def number(spread, width=8):
    text = "-" if spread is None else f"{spread['median']:.2f}" if spread["median"] < 10 else f"{spread['median']:.1f}"
    return text.rjust(width)


def ratio_text(spread):
    return "-" if spread is None else f"{spread['median']:.2f} ({spread['q1']:.2f}-{spread['q3']:.2f})"


HEADING = (f"{'CPU microseconds an operation':<44}{'floor':>8}{'nginx':>8}{'haproxy':>8}{'wsrp':>8}  "
           f"{'haproxy/nginx':<18}{'wsrp/nginx':<18}{'wsrp/floor':<18}{'to reach':<10}")


def print_row(row, result):
    us = result["us"]
    bar = "-" if row.bar is None else f"{row.bar:.2f}" + (f", {row.floor_bar:.2f}" if row.floor_bar else "")
    print(f"{row.title:<44}{number(us.get(row.floor))}{number(us.get('nginx'))}{number(us.get('haproxy'))}{number(us.get('wsrp'))}  "
          f"{ratio_text(result['haproxy_to_nginx']):<18}{ratio_text(result['ours_to_nginx']):<18}"
          f"{ratio_text(result['ours_to_floor']):<18}{bar:<11}{result['verdict']}"
          + (f" (rounds of {result['turns']} turns)" if result["turns"] > 1 else ""), flush=True)


def print_idle(result):
    kb = result["kb"]
    print(f"{result['title'] + ', KB':<44}{number(kb.get('relay'))}{number(kb.get('nginx'))}{number(kb.get('haproxy'))}"
          f"{number(kb.get('wsrp'))}  {'':<54}{result['bar_kb']:<11}{result['verdict']}", flush=True)


def machine():
    return {"cpu": toolchain.processor(), "cores": os.cpu_count(), "kernel": platform.release()}


def commit():
    out = subprocess.run(["git", "-C", servers.TOP, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return out.stdout.strip() or "unknown"


def kinds_available(build, only):
    kinds = [servers.Nginx, servers.Haproxy, servers.Relay]
    if os.path.exists(os.path.join(build, "wsrpd")):
        kinds.append(servers.Wsrp)
    return [kind for kind in kinds if not only or kind.name in only]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(servers.TOP, "build"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each load")
    parser.add_argument("--rows", help="comma-separated keys: " + ", ".join(every_key()))
    parser.add_argument("--servers", help="comma-separated: nginx, haproxy, relay, wsrp")
    parser.add_argument("--tunnels", type=int, default=2000)
    parser.add_argument("--publish", action="store_true", help="write bench/results/DATE.json, docs/bench.svg and the tables of the documents")
    parser.add_argument("--short", action="store_true", help="leave out nginx -t with 100,000 servers (30 s, 4 GB of memory)")
    parser.set_defaults(again=True)
    parser.add_argument("--json", help="where the figures go (build/bench.json)")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.wanted = options.rows.split(",") if options.rows else every_key()
    unknown = [key for key in options.wanted if key not in every_key()]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}")
    if options.publish and set(options.wanted) != set(every_key()):
        parser.error("--publish replaces whole tables: it needs all rows")
    return options


def every_key():
    return [row.key for row in ROWS] + [key for key, *_ in IDLE] + list(OTHERS)


def seconds_expected(options, kinds):
    """From what each part took on a machine of two cores at 2.5 GHz."""
    once = {"idle": 8, "idle-tls": 40, "scale": 35 if options.short else 75, "lookup": 60, "curve": 75, "latency": 40, "workers": 1}
    per_load = options.seconds + 0.35
    return 5 + sum(once[key] if key in once else options.rounds * len(kinds) * per_load for key in options.wanted)


def run_rows(context, kinds, rows, options):
    """All CPU rows; servers run through all of them."""
    running, results, failed = [], {}, {}
    try:
        for kind in kinds:
            server = kind(context)
            server.start()
            running.append(server)
        print(HEADING)
        for row in rows:
            results[row.key] = measure_row(context, row, running, options, failed)
            print_row(row, results[row.key])
    finally:
        for server in running:
            server.stop()
    return results


def measure_all(context, kinds, options):
    """Every wanted part; each prints as it goes."""
    rows = [row for row in ROWS if row.key in options.wanted]
    measured = {"rows": run_rows(context, kinds, rows, options) if rows else {}, "idle": {}}
    for key, title, tls, bar in IDLE:
        if key in options.wanted:
            measured["idle"][key] = idle_result(title, bar, measure_idle(context, kinds, tls, options.tunnels, 3))
            print_idle(measured["idle"][key])
    if {"curve", "latency", "workers"} & set(options.wanted):
        measured["shape"] = shape.run(context, kinds, options.wanted, min(options.rounds, 5), options.seconds)
    if "lookup" in options.wanted:
        measured["lookup"] = lookup.run(context)
    if "scale" in options.wanted:
        measured["scale"] = scale.run(context, not options.short)
    return measured


def write_report(report, options):
    path = options.json or os.path.join(options.build, "bench.json")
    with open(path, "w", encoding="ascii") as f:
        json.dump(report, f, indent=1)
        f.write("\n")
    print(f"\nfigures: {os.path.relpath(path)}")
    if options.publish:
        kept = os.path.join(servers.HERE, "results", report["date"] + ".json")
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        shutil.copyfile(path, kept)
        chart.draw(report, os.path.join(servers.TOP, "docs", "bench.svg"))
        publish.write(report)
        print(f"published: {os.path.relpath(kept)}, docs/bench.svg, docs/PERFORMANCE.md, README.md")


def main():
    options = parse_arguments()
    kinds = kinds_available(options.build, options.servers.split(",") if options.servers else None)
    os.sched_setaffinity(0, {min(1, os.cpu_count() - 1)})
    report = {"commit": commit(), "date": time.strftime("%Y-%m-%d"), "machine": machine(), "toolchain": toolchain.versions(options.build),
              "rounds": options.rounds, "seconds": options.seconds}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wsrp-bench-") as work:
        context = servers.Context(work, options.build, 0, min(1, os.cpu_count() - 1))
        try:
            report["versions"] = {kind.name: (kind(context).version() if kind is servers.Wsrp else kind.version()) for kind in kinds}
            print(f"{report['machine']['cpu']}, {report['machine']['cores']} cores, Linux {report['machine']['kernel']}; commit "
                  f"{report['commit']}; " + ", ".join(f"{n} {v}" for n, v in report["versions"].items() if n != "relay")
                  + f"; {report['toolchain']['libssl']}; {options.rounds} rounds of {options.seconds:g} s; floor: relay, for handshakes libssl alone"
                  + f"\nabout {seconds_expected(options, kinds) / 60:.0f} minutes, and "
                  f"{options.rounds * len(kinds) * TURNS_AGAIN * (options.seconds + 0.35):.0f} s for each row that is not decided at first\n", flush=True)
            report.update(measure_all(context, kinds, options))
        finally:
            context.close()
    report["minutes"] = round((time.monotonic() - started) / 60, 1)
    write_report(report, options)


if __name__ == "__main__":
    main()
