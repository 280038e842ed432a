# SPDX-License-Identifier: BSD-2-Clause
"""The two-parser property, over the vectors of vectors.py and vectors_upstream.py.

Whatever bytes a client sends, what the upstream receives parses strictly into exactly the requests that the client was
answered for, or the client got an error (4xx, 5xx or the end of the connection) and nothing was forwarded.  Whatever
bytes an upstream answers, the client receives strictly parsed answers, 502 or an end of the connection that it can tell.
Each vector is sent whole, one byte at a time and split at each CRLF; as the first and as the second request of a connection.

A request with "Connection: close" follows every vector whose bytes are whole, so that both sides show whether they are
still in step, and so that the end of the connection ends the exchange.  LANES pairs of a listener and a backend work side
by side; a backend sees one exchange at a time and pairs answers with requests by number (X-Id).
"""

import concurrent.futures
import queue
import time
import unittest

from lib import backend, client, env, http1, servers, websocket
from vectors import VECTORS
from vectors_upstream import ANSWERS

LANES = 10
FIRST = b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
WAYS = [(how, second) for second in (False, True) for how in client.CUTS]
HOP = {"te", "keep-alive", "proxy-connection", "http2-settings"}
RETRIES = 3  # how often an idempotent request may be seen when the upstream closed without an answer

CONF = """
worker_processes 1;
error_log stderr info;
events { worker_connections 1024; }
http {
    access_log off;
    client_header_timeout 15s;
    client_body_timeout 15s;
    keepalive_timeout 5s;
    proxy_read_timeout 5s;
%s
}
"""
SERVER = """
    server {
        listen 127.0.0.1:%(listen)d;
        location / { proxy_pass http://127.0.0.1:%(upstream)d; }
        location /ws { proxy_pass http://127.0.0.1:%(upstream)d; websocket on; }
    }
"""
RECIPE = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"


def websocket_answer(request):
    """The 101 in right and wrong forms, by target."""
    right = websocket.switching(request)
    wrong = {
        "/ws-wrong-accept": right.replace(b"Accept: ", b"Accept: x"),
        "/ws-no-accept": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "/ws-no-upgrade": right.replace(b"Upgrade: websocket\r\n", b""),
        "/ws-no-connection": right.replace(b"Connection: Upgrade\r\n", b""),
        "/ws-other": right.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    }
    return [wrong[request.target], ("close",)] if request.target in wrong else [right, ("echo",)]


def script(request):
    """What every backend answers: a vector's bytes for /r/NUMBER/CUT, a handshake, or the ordinary page."""
    if request.target.startswith("/r/"):
        _, _, number, how = request.target.split("/")
        answer = ANSWERS[int(number)]
        data = answer.data
        steps = [("slow", data, how)] if data and len(data) < 20000 else [data] if data else []
        return steps + ([(answer.end,)] if answer.end else [])
    if request.target == "/ws-refused":
        return [backend.respond(403, [("X-Id", str(request.number))], b"no", "Forbidden")]
    if request.target.startswith("/ws") and request.target != "/ws-page" and request.tokens("upgrade"):
        request.tunnelled = True
        return websocket_answer(request)
    return backend.default_script(request)


class Lane:
    """One listener of the server and the backend behind it."""

    def __init__(self):
        self.backend = backend.Backend(script)
        self.address = ("127.0.0.1", env.free_port())

    def settle(self, forwarded, seconds=0.05):
        """Give what is still on its way to the backend time to arrive."""
        time.sleep(0.003)
        end = time.monotonic() + seconds
        while len(self.backend.requests) < forwarded and time.monotonic() < end:
            time.sleep(0.002)
        # Half a request is right only on a connection that ends.
        end = time.monotonic() + 0.5 * env.SLOW
        while any(record.data[record.parsed:] and not record.closed for record, _ in self.backend.since()) and time.monotonic() < end:
            time.sleep(0.002)


class Exchange:
    """What happened once: what the client received and what the backend did."""

    def __init__(self, lane, data, how, second, whole=True, end="fin", tunnel=None, early=b"", patient=False):
        lane.backend.mark()
        self.problem = None
        self.first = None
        with client.Client(lane.address, seconds=20) as sock:
            if second:
                sock.send(FIRST)
                self.first = sock.response()
                self.skip = len(sock.received)
            else:
                self.skip = 0
            if tunnel is not None:
                self.tunnel(sock, data, how, tunnel, early)
            else:
                if patient:
                    # The upstream says all it has to say before the next request: only then is it known who is to blame.
                    sock.send(data)
                    self.wait_for_answer(lane, sock)
                    sent = sock.send(LAST)
                else:
                    sent = sock.send(data + LAST if whole else data, how)
                if not whole and end == "rst":
                    sock.abort()
                    time.sleep(0.02)
                else:
                    if not whole and sent:
                        sock.finish()
                    try:
                        sock.read_all()
                    except TimeoutError as slow:
                        self.problem = "the connection did not end: %s" % slow
            self.received = sock.received[self.skip:]
            self.reset = sock.reset
        lane.settle(len(lane.backend.requests))
        if not whole:
            time.sleep(0.02)
        self.sections = []
        for record, data in lane.backend.since():
            requests = [request for request in record.requests if request in lane.backend.requests]
            self.sections.append((requests, record.broken, record.data[record.parsed:], record.closed, record))
        self.forwarded = sorted(lane.backend.requests, key=lambda request: request.number)
        if second:
            self.forwarded = self.forwarded[1:]

    @staticmethod
    def wait_for_answer(lane, sock):
        end = time.monotonic() + 10
        while not sock.ended and time.monotonic() < end:
            if backend.readable(sock.sock, 0.01):
                sock._receive()
            elif sock.pieces and not lane.backend.playing:
                return

    def tunnel(self, sock, data, how, tunnel, early):
        try:
            sock.send(data + early, how)
            answer = sock.response()
            self.echo = b""
            if answer.status == 101:
                self.echo = sock.read(len(early))
                sock.send(tunnel, how)
                self.echo += sock.read(len(tunnel))
                sock.finish()
                sock.read_all()
            else:
                self.problem = "no tunnel: %r" % answer
        except (TimeoutError, ConnectionError, http1.Malformed) as bad:
            self.problem = "tunnel: %s" % bad


def matches(status, allowed):
    return status in allowed if isinstance(allowed, set) else status == allowed


def fit(wanted):
    return "/".join(map(str, sorted(wanted))) if isinstance(wanted, set) else str(wanted)


class Judge:
    """Collects what is wrong with one exchange."""

    def __init__(self):
        self.problems = []

    def that(self, condition, message, *arguments):
        if not condition:
            self.problems.append(message % arguments if arguments else message)
        return bool(condition)


def upstream_side(judge, exchange, route_upgrades):
    """What the backend received parses into whole requests, and their fields are clean."""
    for _, broken, rest, closed, record in exchange.sections:
        judge.that(broken is None, "the upstream received what does not parse: %s: %r", broken, record.data[-400:])
        judge.that(not rest or closed or broken, "half a request stays on an open upstream connection: %r", rest[:200])
    for request in exchange.forwarded:
        names = {name.lower() for name, _ in request.fields}
        judge.that(not names & HOP, "hop-by-hop fields were forwarded: %s", sorted(names & HOP))
        options = set(request.tokens("connection"))
        judge.that(options <= {"close", "keep-alive", "upgrade"}, "Connection names %s", sorted(options))
        upgrades = request.tokens("upgrade")
        judge.that(not upgrades or (route_upgrades and upgrades == ["websocket"] and "upgrade" in options and request.minor == 1),
                   "Upgrade %s was forwarded", upgrades)


def client_side(judge, exchange, methods, allow_cut=False):
    """What the client received parses; returns the final answers, the 1xx and whether the last was cut."""
    cut = False
    try:
        answers, rest = http1.all_responses(exchange.received, methods, closed=True)
        if rest and not (answers and answers[-1].status == 101):
            cut = True
            judge.that(allow_cut or exchange.reset, "the last answer is incomplete: %r", rest[:200])
    except http1.Malformed as bad:
        judge.that(False, "the client received what does not parse: %s: %r", bad, exchange.received[-400:])
        return None, None, cut
    return [answer for answer in answers if answer.status >= 200 or answer.status == 101], [a for a in answers if a.status < 200 and a.status != 101], cut


def judge_request(vector, exchange):
    """All that is wrong with one exchange of a request vector."""
    judge = Judge()
    judge.that(exchange.problem is None, "%s", exchange.problem)
    upstream_side(judge, exchange, vector.data.find(b" /ws") >= 0)
    answers, _, _ = client_side(judge, exchange, vector.methods)
    if answers is None:
        return judge.problems
    last = [request for request in exchange.forwarded if request.target == "/last"]
    forwarded = [request for request in exchange.forwarded if request.target != "/last"]
    ids = [answer.get("x-id") for answer in answers if answer.get("x-id")]
    seen = [str(request.number) for request in exchange.forwarded if not getattr(request, "tunnelled", False)]
    if vector.end != "rst" and (vector.whole or vector.end == "fin" and vector.answers is not None):
        judge.that(ids == seen, "answers for requests %s, but the upstream received %s %s", ids, seen, exchange.forwarded)
    if vector.tunnel is not None:
        judge.that(getattr(exchange, "echo", None) == vector.early + vector.tunnel, "the tunnel returned %r", getattr(exchange, "echo", None))
    statuses = [answer.status for answer in answers]
    if last:
        judge.that(vector.keeps is not False, "a request behind the closing one was forwarded")
        if judge.that(statuses and statuses[-1] == 200, "the request behind has no answer: %s", statuses):
            statuses = statuses[:-1]
    elif statuses and vector.answers is not None and len(statuses) == len(vector.answers) + 1 and statuses[-1] >= 400:
        statuses = statuses[:-1]  # the request behind was refused: an error, and nothing forwarded
        judge.that(vector.keeps is not True, "the connection is out of step: %s", [answer.status for answer in answers])
    elif vector.keeps is True and vector.whole:
        judge.that(False, "the connection did not serve the next request: %s", statuses)
    if vector.answers is not None and not (exchange.reset and not statuses):
        judge.that(len(statuses) == len(vector.answers) and all(map(matches, statuses, vector.answers)),
                   "answers %s, expected %s", statuses, [fit(allowed) for allowed in vector.answers])
        errors_only = vector.answers and all(isinstance(a, int) and a >= 400 and a not in (403, 502) or a == {400, 501} for a in vector.answers)
        judge.that(not (errors_only and forwarded), "refused and yet forwarded: %r", forwarded)
    if vector.want is not None and (vector.answers is not None or not vector.whole):
        got = [(request.method, request.target, request.body) for request in forwarded]
        judge.that(got == vector.want, "the upstream received %r, expected %r", got, vector.want)
    for request in forwarded:
        names = {name.lower() for name, _ in request.fields} | {name.lower() for name, _ in request.trailers}
        judge.that(not names & set(vector.absent), "the upstream received %s", sorted(names & set(vector.absent)))
        pairs = {(name.lower(), value) for name, value in request.fields}
        for name, value in vector.present:
            judge.that((name.lower(), value) in pairs, "the upstream did not receive %s: %r", name, value)
    return judge.problems


def judge_answer(answer, exchange):
    """All that is wrong with one exchange of an upstream answer."""
    judge = Judge()
    judge.that(exchange.problem is None, "%s", exchange.problem)
    upstream_side(judge, exchange, False)
    answers, interim, cut = client_side(judge, exchange, (answer.method,), "cut" in answer.outcome)
    if answers is None:
        return judge.problems
    asked = [request for request in exchange.forwarded if request.target.startswith("/r/")]
    judge.that(1 <= len(asked) <= (RETRIES if answer.end else 1), "the upstream was asked %d times", len(asked))
    judge.that(not interim or answer.interim is not None and {one.status for one in interim} <= answer.interim,
               "interim answers %s", sorted({one.status for one in interim}))
    if not answers:
        judge.that("cut" in answer.outcome and (cut or not exchange.received or exchange.reset), "no answer: %r", exchange.received[:300])
        return judge.problems
    first = answers[0]
    outcome = 502 if first.status == 502 else (first.status, first.body)
    judge.that(outcome in answer.outcome, "answered with %r, expected %s", outcome, answer.outcome)
    names = {name.lower() for name, _ in first.fields}
    judge.that(not names & set(answer.absent), "the client received %s", sorted(names & set(answer.absent)))
    if outcome != 502:
        for pair in answer.present:
            judge.that(pair in first.fields, "the client did not receive %s: %s", *pair)
    last = [request for request in exchange.forwarded if request.target == "/last"]
    judge.that(len(answers) <= 2, "more answers than requests: %r", answers)
    if len(answers) == 2:
        judge.that(last and answers[1].status == 200 and answers[1].get("x-id") == str(last[0].number), "the next request got the wrong answer: %r", answers[1])
    else:
        judge.that(not last, "the next request was forwarded, and has no answer")
    return judge.problems


def run_all(kind):
    """Every vector in every way; returns {vector: [problem, ...]}."""
    lanes = [Lane() for _ in range(LANES)]
    blocks = "".join(SERVER % {"listen": lane.address[1], "upstream": lane.backend.port} for lane in lanes)
    if kind is servers.Nginx:
        blocks = blocks.replace("websocket on;", RECIPE)
    free = queue.Queue()
    for lane in lanes:
        free.put(lane)

    def one(row, how, second):
        lane = free.get()
        try:
            if row in VECTORS:
                exchange = Exchange(lane, row.data, how, second, row.whole, row.end, row.tunnel, row.early)
                return judge_request(row, exchange)
            line = "%s /r/%d/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (row.method, ANSWERS.index(row), how)
            return judge_answer(row, Exchange(lane, line.encode(), "whole", second, patient=True))
        except (OSError, TimeoutError, ConnectionError, http1.Malformed) as bad:
            return ["%s: %s" % (type(bad).__name__, bad)]
        finally:
            free.put(lane)

    results = {}
    with kind() as server:
        server.start(CONF % blocks, [lane.address for lane in lanes])
        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            waiting = {pool.submit(one, row, how, second): (row, how, second) for row in VECTORS + ANSWERS for how, second in WAYS}
            for done in concurrent.futures.as_completed(waiting):
                row, how, second = waiting[done]
                place = "%s, %s" % (how, "second" if second else "alone")
                results.setdefault(row, []).extend("[%s] %s" % (place, problem) for problem in done.result())
        for lane in lanes:
            lane.backend.stop()
    return results


class TwoParsers(unittest.TestCase):
    """One test for each vector; the exchanges of all run together before the first."""

    @classmethod
    def setUpClass(cls):
        cls.results = run_all(servers.subject())

    def test_classes_are_whole(self):
        """At least 200 vectors in 12 classes with at least 8 each."""
        count = {}
        for row in VECTORS + ANSWERS:
            count[row.kind] = count.get(row.kind, 0) + 1
        self.assertEqual(len(count), 12)
        self.assertGreaterEqual(min(count.values()), 8, count)
        self.assertGreaterEqual(sum(count.values()), 200)


def add(row):
    def test(self):
        if self.results[row]:
            shown = self.results[row][:6] + ["... %d problems" % len(self.results[row])] * (len(self.results[row]) > 6)
            self.fail("%s: %s\n%r\n%s" % (row.kind, row.name, row.data[:300], "\n".join(shown)))

    name = "test_%s__%s" % (row.kind, row.name)
    test.__doc__ = row.name
    setattr(TwoParsers, "".join(c if c.isalnum() else "_" for c in name), test)


for one_row in VECTORS + ANSWERS:
    add(one_row)

if __name__ == "__main__":
    unittest.main()
