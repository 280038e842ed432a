#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Property test: random sites and random requests, httpd = wsrpd on which rule answers and what the backend receives.

All sites are virtual hosts of one start of httpd and one of wsrpd; the backends answer with the target they received, so
that one answer says everything: status, Location, backend, target.  A site that differs is made smaller, rule by rule,
while it differs.

    test_httpd_random.py [--sites 500] [--cases 50000] [--seed N]     a longer run; prints its seed
"""

import argparse
import collections
import os
import random
import re
import sys
import unittest

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import judge  # noqa: E402 (first: it makes the shared parts importable)
import random_sites  # noqa: E402
from lib import backend, client, env, servers  # noqa: E402

SITES, CASES, SEED = 50, 1000, 20


def told(name):
    """A backend's answer: who it is and what it was asked for."""
    def script(request):
        return [backend.respond(200, [("X-Backend", name), ("X-Target", request.target), ("X-Asked", "%s, body of %d, upgrade %s" % (request.method, len(request.body), (request.get("upgrade") or "no").lower()))], b"")]

    return script


class Tidy(backend.Backend):
    """A backend that takes request targets which RFC 9112 section 3.2 does not allow: it reads the bytes in `mended` as if they were percent-encoded."""

    mended = bytes(range(0x80, 0x100))

    def _more(self, sock, record):
        data = sock.recv(262144)
        if record.parsed == len(record.data):
            target, space, rest = data.partition(b" HTTP/1.")
            data = b"".join(b"%%%02X" % byte if byte in self.mended else bytes([byte]) for byte in target) + space + rest
        with self.lock:
            record.data += data
        return data


class Pair:
    """Both servers on the same sites, one after the other on one port; their answers by (site number, request).  `main` is the text of the main server."""

    def __init__(self, main=""):
        self.main = main
        self.folder = env.scratch("wsrp-random")
        self.backends = {name: Tidy(told(name)) for name in ("UP", "UP2", "UP3")}
        self.port = env.free_port()
        for path, content in random_sites.FILES.items():
            env.write(os.path.join(self.folder, path), content)
        for path, _, _ in os.walk(self.folder):
            os.chmod(path, 0o755)

    def stop(self):
        for one in self.backends.values():
            one.stop()

    def expand(self, text):
        for name, one in self.backends.items():
            text = text.replace("@%s@" % name, "127.0.0.1:%d" % one.port)
        return text.replace("@A@", "127.0.0.1:%d" % self.port).replace("@DIR@", self.folder)

    def ask(self, kind, sites, requests):
        """Start one server on the sites and send it the requests [(site, request)]."""
        # Groups in a query and [NE] bring decoded bytes into a target: both servers send bytes of other alphabets then, only httpd sends a "#".
        for one in self.backends.values():
            one.mended = Tidy.mended + (b"#" if kind is servers.Httpd else b"")
        server = kind(self.folder)
        server.compile_options = judge.DIALECT
        server.start(self.expand(self.main + "\n".join(site.text() for site in sites)), [("127.0.0.1", self.port)])
        out, conn = {}, None
        try:
            for site, request in requests:
                out[site.number, request], conn = self.exchange(conn, site, request)
        finally:
            if conn:
                conn.close()
            server.stop()
        return out

    def exchange(self, conn, site, request):
        """What one request gets; the connection is kept while the server keeps it."""
        try:
            if conn is None:
                conn = client.Client(("127.0.0.1", self.port), seconds=5)
            got = conn.ask(request.target, request.method, request.fields, request.body, site.name)
        except (OSError, TimeoutError) as problem:
            if conn:
                conn.close()
            return {"end": type(problem).__name__}, None
        record = {"status": got.status, "location": got.get("location"), "backend": got.get("x-backend"), "target": got.get("x-target"), "asked": got.get("x-asked"),
                  "file": got.body if got.status == 200 and not got.get("x-backend") and not b"<" in got.body[:1] else None}
        if request.method != "GET" and (record["asked"] or "").startswith("GET, "):
            record["asked"] = re.sub("body of [0-9]+", "body of 0", record["asked"])  # an ErrorDocument's: see known.py
        if "close" in got.tokens("connection"):
            conn.close()
            conn = None
        return record, conn

    def differing(self, sites, requests):
        """[(site, request, httpd's, ours)] where they differ."""
        theirs = self.ask(servers.Httpd, sites, requests)
        ours = self.ask(servers.Wsrpd, sites, requests)
        return [(site, request, theirs[site.number, request], ours[site.number, request]) for site, request in requests if theirs[site.number, request] != ours[site.number, request]]

    def smallest(self, site, request):
        """The site with as few rules as still differ on this request: all candidates of a step are hosts of one start."""
        while len(site.rules) > 1:
            candidates = [site.without(index, index) for index in range(len(site.rules))]
            found = self.differing(candidates, [(candidate, request) for candidate in candidates])
            if not found:
                break
            site = found[0][0]
        return site


def generated(seed, count, cases):
    """The main server, sites and requests of a run."""
    rng = random.Random(seed)
    main = random_sites.main_server(rng)
    sites = [random_sites.site(rng, number) for number in range(count)]
    requests = {}
    while len(requests) < cases:
        requests[rng.choice(sites), random_sites.request(rng)] = True
    return main, sites, list(requests)


def kind_of(record):
    if "end" in record:
        return "no answer"
    return "file" if record["file"] is not None else "proxied" if record["backend"] else "redirect" if record["location"] else "status %d" % record["status"]


def explained(pair, found, limit=5):
    """Text for the first differences: the smallest site of each, what httpd did, what we did."""
    lines, seen, main = ["%d requests differ" % len(found)], set(), pair.main
    for site, request, _, _ in found:
        if site.number in seen or len(seen) >= limit:
            continue
        seen.add(site.number)
        pair.main = ""
        if not pair.differing([site], [(site, request)]):
            pair.main = main
        small = pair.smallest(site, request)
        again = pair.differing([small], [(small, request)])
        lines += ["", (pair.main + small.text()).rstrip(), str(request)] + ["    httpd %s\n    wsrpd %s" % (theirs, ours) for _, _, theirs, ours in again]
        pair.main = main
    return "\n".join(lines)


class Random(unittest.TestCase):
    """The short run, and that its sites are worth asking."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Httpd)
        main, cls.sites, cls.requests = generated(SEED, SITES, CASES)
        cls.pair = Pair(main)
        cls.addClassCleanup(cls.pair.stop)

    def test_all_kinds_of_answers_occur(self):
        kinds = collections.Counter(map(kind_of, self.pair.ask(servers.Httpd, self.sites, self.requests).values()))
        for kind, share in (("proxied", 0.2), ("redirect", 0.1), ("file", 0.01), ("status 403", 0.01), ("status 404", 0.02), ("status 400", 0.002), ("status 410", 0.002)):
            self.assertGreaterEqual(kinds[kind], share * len(self.requests), "%s: %s" % (kind, kinds))
        self.assertNotIn("no answer", kinds)

    def test_httpd_and_wsrpd_agree(self):
        servers.require(servers.Wsrpd)
        found = self.pair.differing(self.sites, self.requests)
        if found:
            self.fail(explained(self.pair, found))


def main():
    parser = argparse.ArgumentParser(description="httpd and wsrpd on random sites")
    parser.add_argument("--sites", type=int, default=500)
    parser.add_argument("--cases", type=int, default=50000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--show", type=int, default=20, help="differing sites to make small and print")
    options = parser.parse_args()
    print("seed %d, %d sites, %d cases" % (options.seed, options.sites, options.cases), flush=True)
    main_text, sites, requests = generated(options.seed, options.sites, options.cases)
    pair = Pair(main_text)
    try:
        found = pair.differing(sites, requests)
        print(explained(pair, found, options.show) if found else "no difference", flush=True)
    finally:
        pair.stop()
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
