# SPDX-License-Identifier: BSD-2-Clause
"""Rows of upstream groups."""

import threading

from lib import env

from . import case
from .probes import body, connections

PASS = "location / { proxy_pass http://NAME; }"
TWO = "upstream NAME { LINE; server BACKEND; server BACKEND2; }"


def share(count, target="/", different=False):
    """How many of so many requests each of the two backends got, in order."""
    def probe(p):
        for number in range(count):
            p.get(target % number if different else target)
        return tuple(sorted((len(p.backend.requests), len(p.made["BACKEND2"].requests))))
    return probe


def while_busy(p):
    """Which backend gets the third request while the first is busy with the first request?"""
    slow = threading.Thread(target=lambda: p.get("/slow"))
    slow.start()
    env.wait_until(lambda: p.backend.requests or p.made["BACKEND2"].requests, 3)
    busy = p.backend if p.backend.requests else p.made["BACKEND2"]
    p.get("/")
    p.get("/")
    slow_done = len(busy.requests)
    slow.join(10)
    return slow_done


def alternates(p):
    """Is every request answered by another server than the one before?"""
    order = []
    for _ in range(24):
        before = len(p.backend.requests)
        p.get("/")
        order.append(len(p.backend.requests) > before)
    return all(order[i] != order[i + 1] for i in range(len(order) - 1))


def forgets_dead(p):
    """After two requests: do four more go to the one server that lives, without trying the dead one again?"""
    tried = [p.get("/").get("X-Tried") for _ in range(6)]
    return not any("," in addresses for addresses in tried[2:])


case("upstream", "NAME", "NAME_other", "answer", ("in", "out"), body(), http="LINE { server 127.0.0.1:PORT2; } upstream NAME_spare { server BACKEND; }",
     server="server { listen 127.0.0.1:PORT; location / { proxy_pass http://NAME; error_page 502 =200 @out; } location @out { return 200 out; } }"
            " server { listen 127.0.0.1:PORT2; return 200 in; }")
case("server@upstream", "BACKEND", "BACKEND2", "upstream request", (1, 0), lambda p: [p.get("/"), len(p.backend.requests) if "BACKEND" in p.made else 0][1],
     http="upstream NAME { LINE; }", server=PASS)
case("server@upstream", "BACKEND weight=3", "BACKEND weight=1", "upstream request", ((2, 6), (4, 4)), share(8), title="server weight=",
     http="upstream NAME { LINE; server BACKEND2; }", server=PASS)
case("server@upstream", "BACKEND backup", "BACKEND", "upstream request", ((0, 4), (2, 2)), share(4), title="server backup", http="upstream NAME { LINE; server BACKEND2; }", server=PASS)
case("server@upstream", "BACKEND down", "BACKEND", "upstream request", ((0, 4), (2, 2)), share(4), title="server down", http="upstream NAME { LINE; server BACKEND2; }", server=PASS)
case("server@upstream", "HOLE max_fails=1", "HOLE max_fails=0", "answer", (True, False), forgets_dead, title="server max_fails=",
     http="upstream NAME { LINE fail_timeout=60s; server BACKEND; }", server="location / { proxy_connect_timeout 200ms; add_header X-Tried $upstream_addr; proxy_pass http://NAME; }")
case("keepalive", "8", "0" , "connection", (1, 3), connections(3), http="upstream NAME { server BACKEND; LINE; }", server=PASS)
case("keepalive_requests@upstream", "1", "100", "connection", (3, 1), connections(3), http="upstream NAME { server BACKEND; keepalive 8; LINE; }", server=PASS)
case("keepalive_timeout@upstream", "200ms", "30s", "connection", (2, 1), connections(2, 0.7), http="upstream NAME { server BACKEND; keepalive 8; LINE; }", server=PASS)
case("keepalive_time@upstream", "200ms", "1h", "connection", (2, 1), connections(3, 0.4), http="upstream NAME { server BACKEND; keepalive 8; LINE; }", server=PASS)
case("least_conn", "", None, "upstream request", (1, 2), while_busy, http=TWO, server=PASS)
case("ip_hash", "", None, "upstream request", ((0, 6), (3, 3)), share(6), http=TWO, server=PASS)
case("random", "", None, "upstream request", (False, True), alternates, http=TWO, server=PASS)
case("hash", "$arg_a", "$arg_b", "upstream request", (True, False), lambda p: 0 in share(20, "/?a=1&b=%d", True)(p), http=TWO, server=PASS)
