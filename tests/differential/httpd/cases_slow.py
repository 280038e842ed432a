# SPDX-License-Identifier: BSD-2-Clause
"""Backends that are slow, break off or talk nonsense, how long tunnels may be silent, and which connections end for it."""

from judge import HttpdCase, backend, get, harness, post, upgrade, vhost, vhosts
from lib import websocket

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n"


def slowly(request):
    """In pieces or with a pause at the place that the last segment names; everything else at once."""
    what = request.target.partition("?")[0].rpartition("/")[2]
    pieces = {
        "drip": [HEAD, ("pause", 0.6), b"01234", ("pause", 0.6), b"56", ("pause", 0.6), b"789"],
        "drip-head": [HEAD[:20], ("pause", 0.6), HEAD[20:40], ("pause", 0.6), HEAD[40:] + b"0123456789"],
        "stuck-head": [HEAD[:30], ("pause", 1.8), HEAD[30:] + b"0123456789"],
        "stuck-body": [HEAD + b"0123", ("pause", 1.8), b"456789"],
        "stuck": [("pause", 1.8), HEAD + b"0123456789"],
        "interim": [b"HTTP/1.1 102 Processing\r\n\r\n", ("pause", 0.6), b"HTTP/1.1 102 Processing\r\n\r\n", ("pause", 0.6), HEAD + b"0123456789"],
    }
    return pieces.get(what) or harness.answer(request)


HttpdCase("slow", "slow backends", vhosts("""
    ServerName proxy
    Timeout 5
    ProxyTimeout 1s # drop
    ProxyPass / http://@UP@/""", """
    ServerName all
    Timeout 1 # drop
    ProxyPass / http://@UP@/all/""", """
    ServerName worker
    Timeout 1
    ProxyTimeout 1
    ProxyPass / http://@UP2@/worker/ timeout=4 # drop"""),
          [get("/" + what, host="proxy") for what in ("drip", "drip-head", "stuck", "stuck-head", "stuck-body", "interim")] + [get("/stuck", host="all"), get("/drip", host="all")]
          + [get("/" + what, host="worker") for what in ("stuck", "stuck-body")] + [post("/stuck", host="proxy"), get("/next", host="proxy")], script=slowly)


def breaking(request):
    """Breaks off where the last segment says."""
    what = request.target.rpartition("/")[2]
    steps = {
        "close": [("close",)],
        "reset": [("reset",)],
        "half-line": [HEAD[:10], ("close",)],
        "half-head": [HEAD[:30], ("close",)],
        "half": [HEAD + b"0123", ("close",)],
        "half-reset": [HEAD + b"0123", ("reset",)],
        "half-chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n012", ("close",)],
        "no-last-chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n", ("close",)],
        "until-close": [b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it", ("close",)],
    }
    return steps.get(what) or harness.answer(request)


BROKEN = ("close", "reset", "half-line", "half-head", "half", "half-reset", "half-chunk", "no-last-chunk", "until-close")
HttpdCase("slow", "backends that break off", vhost("""
    ProxyPass / http://@UP@/ # drop
"""), [get("/" + what) for what in BROKEN] + [row for what in ("close", "reset", "half-line", "half-head", "half") for row in (get("/x"), get("/" + what, keep=True), get("/x", keep=True))]
          + [get("/x"), post("/close", keep=True), post("/reset"), post("/half"), get("/close", version="1.0"), get("/half-chunk", version="1.0")], script=breaking, differs=["connections that went stale"])


def chatting(request):
    """Tunnels whose far end is silent, or says something all the time."""
    if "chatty" in request.target:
        return [websocket.switching(request)] + [step for i in range(5) for step in (("pause", 0.5), websocket.frame(b"%d" % i, mask=False))] + [("echo",)]
    return harness.answer(request)


HttpdCase("slow", "silent tunnels", vhosts("""
    ServerName proxy
    Timeout 5
    ProxyTimeout 1
    ProxyPass / ws://@UP@/proxy/""", """
    ServerName all
    Timeout 1 # drop
    ProxyTimeout 1
    ProxyPass / ws://@UP@/all/""", """
    ServerName worker
    Timeout 1
    ProxyPass / ws://@UP2@/worker/ timeout=4 # drop""", """
    ServerName short
    Timeout 4
    ProxyPass / ws://@UP2@/short/ timeout=1"""),
          [upgrade("/x", host=host, quiet=1.9) for host in ("proxy", "all", "worker", "short")] + [upgrade("/chatty", host="all", quiet=2.8)], script=chatting)


def nonsense(request):
    """What is no answer of HTTP/1."""
    what = request.target.rpartition("/")[2]
    lines = {"garbage": b"garbage\r\n\r\n", "bare": b"just text", "two": b"HTTP/2.0 200 OK\r\n\r\n", "nine": b"HTTP/0.9 200 OK\r\n\r\nold", "status": b"HTTP/1.1 2x0 OK\r\n\r\n", "short": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
             "empty-line": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "field": b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\nok",
             "folded": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok", "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
             "lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
             "both": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}
    return [lines[what], ("close",)] if what in lines else harness.answer(request)


HttpdCase("slow", "backends that talk nonsense", vhost("""
    ProxyPass / http://@UP@/ # drop
"""), [get("/" + what) for what in ("garbage", "bare", "two", "nine", "status", "short", "empty-line", "field", "folded", "bare-lf", "lengths", "coding", "both")] + [get("/x")], script=nonsense, differs=["answers that are none"])
