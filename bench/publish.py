# SPDX-License-Identifier: BSD-2-Clause
"""The documents' share of a benchmark report: tables between markers in docs/PERFORMANCE.md and README.md.

In: the report of run.py.  Out: the text between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` is replaced; a file
without the markers is an error, so that a renamed heading cannot quietly leave old figures behind.
"""

import os
import re

import servers


def _ratio(spread):
    return "-" if not spread else f"{spread['median']:.2f}"


def _spread(spread):
    return "-" if not spread else f"{spread['median']:.2f} ({spread['q1']:.2f}-{spread['q3']:.2f})"


def _cost(spread):
    return "-" if not spread else f"{spread['median']:,.0f}" if spread["median"] >= 100 else f"{spread['median']:.1f}"


def heading(report):
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items() if name != "relay")
    return (f"{report['date']}, commit {report['commit']}: {report['machine']['cpu']}, {report['machine']['cores']} cores, Linux "
            f"{report['machine']['kernel']}; {versions}; {report['toolchain']['libssl']}; median of {report['rounds']} rounds.")


def _rows(report):
    lines = ["| CPU microseconds an operation | floor | nginx | HAProxy | wsrp | wsrp / nginx (quartiles) | to reach | wsrp / HAProxy | wsrp / floor | |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|"]
    for row in report.get("rows", {}).values():
        us = row["us"]
        floor = next((us[name] for name in ("relay", "handshake") if name in us), None)
        bar = "-" if row["bar"] is None else f"{row['bar']:.2f}"
        to_floor = _ratio(row["ours_to_floor"]) + (f" (to reach {row['floor_bar']:.2f})" if row["floor_bar"] else "")
        lines.append(f"| {row['title']} | {_cost(floor)} | {_cost(us.get('nginx'))} | {_cost(us.get('haproxy'))} | {_cost(us.get('wsrp'))} | "
                     f"{_spread(row['ours_to_nginx'])} | {bar} | {_ratio(row['ours_to_haproxy'])} | {to_floor} | {row['verdict']}"
                     + (f", rounds of {row['turns']} turns |" if row["turns"] > 1 else " |"))
    return lines


def _idle(report):
    lines = ["| KB a tunnel | floor | nginx | HAProxy | wsrp | to reach | |", "|---|---:|---:|---:|---:|---:|---|"]
    for row in report.get("idle", {}).values():
        cells = " | ".join(_cost(row["kb"].get(name)) for name in ("relay", "nginx", "haproxy", "wsrp"))
        lines.append(f"| {row['title']} | {cells} | {row['bar_kb']:g} | {row['verdict']} |")
    return lines


def _scale(report):
    def cell(row, key, form):
        return form.format(row[key]) if key in row else "-"
    lines = ["| servers | text | compile | its memory | table | first answer | daemon | `nginx -t` | |", "|---:|---:|---:|---:|---:|---:|---:|---:|---|"]
    for row in report.get("scale", []):
        nginx = f"{cell(row, 'nginx_s', '{:.2f} s')}, {cell(row, 'nginx_mb', '{:.0f} MB')}"
        lines.append(f"| {row['servers']:,} | {row['text_mb']:.1f} MB | {cell(row, 'compile_s', '{:.2f} s')} | {cell(row, 'compile_mb', '{:.0f} MB')} | "
                     f"{cell(row, 'table_mb', '{:.2f} MB')} | {cell(row, 'first_answer_ms', '{:.1f} ms')} | {cell(row, 'daemon_mb', '{:.1f} MB')} | {nginx} | "
                     f"{row.get('verdict', '')} |")
    return lines


def _lookup(report):
    lines = ["| look-up of one of | instructions | ns | |", "|---|---:|---:|---|"]
    names = {"name": "server names", "path": "locations"}
    for row in report.get("lookup", []):
        count = f"{row['instructions']:.0f}" if "instructions" in row else "-"
        lines.append(f"| {row['count']:,} {names[row['what']]} | {count} | {row['ns']:.0f} | {row.get('verdict', '')} |")
    return lines


def _shape(report):
    shape, names = report.get("shape", {}), ("relay", "nginx", "haproxy", "wsrp")
    lines = []
    if "curve" in shape:
        lines += ["| CPU microseconds a small GET | floor | nginx | HAProxy | wsrp | |", "|---|---:|---:|---:|---:|---|"]
        for row in shape["curve"]["rows"]:
            cells = " | ".join(f"{row['us'][name]:.1f}" if name in row["us"] else "-" for name in names)
            lines.append(f"| {row['connections']:,} connections | {cells} | {row['verdict']} |")
    if shape.get("latency"):
        latency = shape["latency"]
        lines += ["", f"| latency, open loop of {latency['rate']:,} GETs a second | p50 us | p99 us | generator late, p50 us | p99 us |", "|---|---:|---:|---:|---:|"]
        lines += [f"| {name} | {row['p50_us']:.0f} | {row['p99_us']:.0f} | {row['late_p50_us']:.1f} | {row['late_p99_us']:.1f} |"
                  for name, row in latency["servers"].items()]
        lines += ["", f"Latency: {latency['verdict']}. p99.9 and two workers: {shape.get('two_workers', {}).get('verdict', 'see the figures')}."]
    return lines


def full_table(report):
    parts = [[heading(report)], _rows(report), _idle(report), _scale(report), _lookup(report), _shape(report)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def short_table(report):
    """For README: what an operation costs as a part of nginx's cost."""
    lines = ["| a part of nginx's cost (CPU an operation, memory a tunnel) | nginx | HAProxy | wsrp |", "|---|---:|---:|---:|"]
    for row in report.get("rows", {}).values():
        if row["ours_to_nginx"]:
            lines.append(f"| {row['title']} | 1 | {_ratio(row['haproxy_to_nginx'])} | **{_ratio(row['ours_to_nginx'])}** |")
    for row in report.get("idle", {}).values():
        kb = row["kb"]
        if kb.get("nginx") and kb.get("wsrp"):
            haproxy = f"{kb['haproxy']['median'] / kb['nginx']['median']:.2f}" if kb.get("haproxy") else "-"
            lines.append(f"| {row['title']} | 1 | {haproxy} | **{kb['wsrp']['median'] / kb['nginx']['median']:.2f}** |")
    return "\n".join(lines)


def replace(path, name, text):
    with open(path, encoding="utf-8") as f:
        before = f.read()
    start, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    after, count = re.subn(re.escape(start) + r".*?" + re.escape(end), lambda _: f"{start}\n{text}\n{end}", before, flags=re.S)
    if count != 1:
        raise SystemExit(f"{path}: {start} ... {end} stands {count} times, not once")
    with open(path, "w", encoding="utf-8") as f:
        f.write(after)


def write(report):
    replace(os.path.join(servers.TOP, "docs", "PERFORMANCE.md"), "figures", full_table(report))
    replace(os.path.join(servers.TOP, "README.md"), "short", short_table(report))
