# SPDX-License-Identifier: BSD-2-Clause
"""The chart of a benchmark report: one group of bars an operation, nginx being 100 %; a stroke through them is the floor.

In: the report of run.py.  Out: an SVG file which follows the reader's light or dark colours.
"""

import os
from xml.sax.saxutils import escape

LABEL, BAR, HEIGHT, GAP, SCALE = 330, 14, 3, 16, 3.0  # pixels; SCALE is pixels a per cent
LIMIT = 160  # per cent; longer bars are cut and say their number
SERIES = [("nginx", "nginx", "#8a94a6"), ("haproxy", "HAProxy", "#c9a66b"), ("wsrp", "wsrp", "#2f7d5d")]
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #222 }
.small { font-size: 11px; fill: #555 }
.axis { stroke: #bbb }
.floor { stroke: #c0392b; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .small { fill: #aaa } .axis { stroke: #555 } }
"""


def _groups(report):
    """
    (title, note, unit, {server: (cost, per cent of nginx)}, floor's per cent or None) of each row that has nginx's figure; CPU per cents were
    formed inside the rounds.
    """
    for row in report.get("rows", {}).values():
        ratios = {"nginx": {"median": 1.0}, "haproxy": row["haproxy_to_nginx"], "wsrp": row["ours_to_nginx"]}
        floor = 100.0 * row["floor_to_nginx"]["median"] if row["floor_to_nginx"] else None
        note = "not decided" if row["verdict"] == "not decided" else ""
        yield row["title"], note, "µs", {name: (row["us"][name]["median"], 100.0 * ratio["median"]) for name, ratio in ratios.items() if ratio}, floor
    for row in report.get("idle", {}).values():
        kb = {name: spread["median"] for name, spread in row["kb"].items() if spread}
        if kb.get("nginx"):
            floor = 100.0 * kb["relay"] / kb["nginx"] if kb.get("relay") else None
            yield row["title"], "", "KB", {name: (value, 100.0 * value / kb["nginx"]) for name, value in kb.items()}, floor


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def draw(report, path):
    parts, y = [], 54
    for title, note, unit, cost, floor in _groups(report):
        top = y
        parts.append(f'<text x="{LABEL - 10}" y="{y + 24}" text-anchor="end">{escape(title)}</text>')
        if note:
            parts.append(f'<text class="small" x="{LABEL - 10}" y="{y + 39}" text-anchor="end">{note}</text>')
        for name, _, colour in SERIES:
            if name not in cost:
                continue
            value, percent = cost[name]
            width = min(percent, LIMIT) * SCALE
            parts.append(f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
            parts.append(f'<text class="small" x="{LABEL + width + 6:.1f}" y="{y + 11}">{_number(value)} {unit}</text>')
            y += BAR + HEIGHT
        if floor is not None and floor <= LIMIT:
            parts.append(f'<line class="floor" x1="{LABEL + floor * SCALE:.1f}" x2="{LABEL + floor * SCALE:.1f}" y1="{top - 3}" y2="{y}"/>')
        y += GAP
    legend = "".join(f'<rect x="{LABEL + i * 100}" y="12" width="12" height="12" rx="2" fill="{colour}"/>'
                     f'<text x="{LABEL + 18 + i * 100}" y="23">{title}</text>' for i, (_, title, colour) in enumerate(SERIES))
    legend += (f'<line class="floor" x1="{LABEL + 306}" x2="{LABEL + 306}" y1="10" y2="26"/>'
               f'<text x="{LABEL + 318}" y="23">the least that is possible</text>')
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items() if name != "relay")
    notes = ["CPU time of the server processes an operation, memory a tunnel; less is better. Least: a bare relay; for handshakes libssl alone.",
             f"{versions}; {report['machine']['cpu']}; {report['commit']}, {report['date']}"]
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + LIMIT * SCALE + 90:.0f} {y + 40}">\n<style>{STYLE}</style>\n{legend}\n'
           f'<line class="axis" x1="{LABEL + 100 * SCALE}" x2="{LABEL + 100 * SCALE}" y1="44" y2="{y - 8}"/>\n'
           f'<text class="small" x="{LABEL + 100 * SCALE}" y="41" text-anchor="middle">nginx = 100 %</text>\n'
           + "\n".join(parts) + "".join(f'\n<text class="small" x="10" y="{y + 12 + 16 * i}">{escape(note)}</text>' for i, note in enumerate(notes))
           + "\n</svg>\n")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(svg)
