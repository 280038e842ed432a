# SPDX-License-Identifier: BSD-2-Clause
"""Runs the cases: most share one daemon for each of the two variants, some have a daemon of their own.

A case's template is filled in once with invented places, to compare the two tables, and once for each variant with places that exist:

    PORT PORT2      free ports; a case's server block listens at PORT unless it says otherwise
    BACKEND         address of a recording backend of this case and variant; BACKEND2 another one
    FOLDER          the folder of the daemon, which is also that of the table
    NAME            an identifier that no other case has
    DNS DNS2        name servers: every name is 127.0.0.1; no name exists;  DNS3 never answers
    HOLE            an address that never answers a connection attempt
    LINE            the directive with its argument
"""

import concurrent.futures
import os
import re
import socket
import ssl
import struct
import threading
import time

from lib import backend, client, env, servers

from . import pki

PLACE = re.compile(r"(?<![A-Z])(PORT2?|BACKEND2?|FOLDER|NAME|DNS[23]?|HOLE|LINE)(?![A-Z])")
IN_USE = re.compile(r"[Aa]ddress (?:already )?in use")
FRAME = """worker_processes 1;
error_log stderr notice;
%s
events { worker_connections 2000; }
http {
access_log off;
error_log FOLDER/shared.log info;
%s
}
"""


class NameServer:
    """A name server on UDP that knows one answer to everything: 127.0.0.1, no such name, or silence."""

    def __init__(self, answer):
        self.answer = answer
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(2048)
            except OSError:
                return
            end = query.index(b"\0", 12) + 5
            kind = struct.unpack(">H", query[end - 4:end - 2])[0]
            if self.answer == "silence":
                continue
            found = self.answer == "loopback" and kind == 1
            code = 0 if self.answer == "loopback" else 3
            reply = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, int(found), 0, 0) + query[12:end]
            if found:
                reply += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
            self.sock.sendto(reply, peer)

    def stop(self):
        self.sock.close()


class Hole:
    """A listener whose queue is full: connection attempts get no answer."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fill = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", self.port))
            self.fill.append(sock)

    def stop(self):
        for sock in self.fill + [self.listener]:
            sock.close()


def fill(text, place):
    return PLACE.sub(lambda found: place(found[1]), text)


def template(one):
    """The case's part of the http block."""
    text = one.server
    if "server {" not in text:
        text = "server { %s %s }" % ("" if re.search(r"\blisten\b", text) or one.name == "listen" else "listen 127.0.0.1:PORT;", text)
    return one.http + "\n" + text + "\n"


def whole(one):
    """The case alone as a main file."""
    return one.main if one.main is not None else FRAME % ("", template(one))


def line(one, variant):
    """What stands for LINE: a line of its own, so that no other position depends on the argument."""
    return one.line(variant) + "\n"


def without_places(one, variant):
    """The case's file for comparing tables: a directive that is not written vanishes with its semicolon or its block."""
    invented = {"PORT": "10001", "PORT2": "10002", "BACKEND": "127.0.0.1:10003", "BACKEND2": "127.0.0.1:10004", "FOLDER": "/folder", "NAME": "some_name",
                "DNS": "127.0.0.1:10005", "DNS2": "127.0.0.1:10006", "DNS3": "127.0.0.1:10007", "HOLE": "127.0.0.1:10008"}
    return expand(whole(one), one, variant, invented.__getitem__)


def expand(text, one, variant, place):
    if one.line(variant) == "":
        text = re.sub(r"(?<![A-Z])LINE(?:;| \{[^{}]*\})", "\n", text)
    else:
        text = re.sub(r"(?<![A-Z])LINE(?![A-Z])", line(one, variant).replace("\\", r"\\"), text)
    return fill(text, place)


class Probe:
    """A case in one variant while it runs: what its probe may use."""

    def __init__(self, one, variant, number, server):
        self.case, self.variant, self.server = one, variant, server
        self.name = "c%d" % number
        self.made = {}
        self.seconds = 0

    def place(self, word):
        """The text of a place, made at its first use."""
        if word == "NAME":
            return self.name
        if word == "FOLDER":
            return self.server.folder
        if word not in self.made:
            if word.startswith("PORT"):
                self.made[word] = env.free_port()
            elif word.startswith("BACKEND"):
                self.made[word] = backend.Backend(script=script)
            elif word.startswith("DNS"):
                self.made[word] = NameServer({"DNS": "loopback", "DNS2": "nothing", "DNS3": "silence"}[word])
            else:
                self.made[word] = Hole()
        made = self.made[word]
        return str(made) if isinstance(made, int) else "127.0.0.1:%d" % made.port

    def text(self):
        return expand(whole(self.case), self.case, self.variant, self.place)

    def part(self):
        return expand(template(self.case), self.case, self.variant, self.place)

    def stop(self):
        for made in self.made.values():
            if not isinstance(made, int):
                made.stop()

    def forget_ports(self):
        """Somebody else has one of them: others are made at the next use."""
        for word in ("PORT", "PORT2"):
            self.made.pop(word, None)

    # --- for the probes

    @property
    def port(self):
        return self.made["PORT"]

    @property
    def backend(self):
        return self.made["BACKEND"]

    @property
    def folder(self):
        return self.server.folder

    def path(self, name):
        return os.path.join(self.server.folder, name)

    def connect(self, port=None, **more):
        return client.Client(("127.0.0.1", port or self.port), **more)

    def get(self, target="/", method="GET", fields=(), body=b"", host="localhost", port=None, tls=None, name=None, seconds=10):
        return client.get(("127.0.0.1", port or self.port), target, method, fields, body, host, tls, name, seconds)

    def request(self, target="/", **more):
        """What the backend received for one request."""
        self.get(target, **more)
        return self.backend.requests[-1]

    def lines(self, name, wanted=1, seconds=3):
        """The lines of a file in the folder, once there are so many of them."""
        try:
            return env.wait_until(lambda: len(env.read(self.path(name)).splitlines()) >= wanted and env.read(self.path(name)).splitlines(), seconds)
        except TimeoutError:
            return env.read(self.path(name)).splitlines()


def script(request):
    """The backend: what it answers follows from the last part of the path."""
    target = request.target.partition("?")
    word = target[0].rpartition("/")[2]
    if re.fullmatch(r"status\d+", word):
        return [backend.respond(int(word[6:]), [("Content-Type", "text/plain"), ("X-Up", "yes")], b"upstream " + word.encode(), "Some")]
    if word == "slow":
        return [("pause", 1.0 * env.SLOW), backend.respond(200, [], b"slow")]
    if word == "moved":
        return [backend.respond(302, [("Location", target[2].partition("=")[2])], b"", "Found")]
    if word == "fields":
        return [backend.respond(200, [("Server", "the-backend"), ("X-Shown", "1"), ("X-Pad", "pad")], b"fields")]
    if word == "large":
        return [backend.respond(200, [("X-Large", "x" * 3000)], b"large head")]
    if word == "chat":
        head = backend.respond(101, [("Upgrade", request.get("upgrade") or "none"), ("Connection", "Upgrade"),
                                     ("Sec-WebSocket-Accept", accept_key(request.get("sec-websocket-key") or ""))], reason="Switching Protocols")
        return [head, ("echo",)] if request.get("upgrade") else [backend.respond(200, [], b"no upgrade")]
    body = ("%s %s %d" % (request.method, request.target, len(request.body))).encode()
    return [backend.respond(200, [("Content-Type", "text/plain")], b"" if request.method == "HEAD" else body)]


def accept_key(key):
    """RFC 6455 section 4.2.2."""
    import base64  # pylint: disable=import-outside-toplevel
    import hashlib  # pylint: disable=import-outside-toplevel
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def run_probe(probe):
    """What a probe sees, or the exception it raised."""
    start = time.monotonic()
    try:
        return probe.case.probe(probe)
    except (OSError, ssl.SSLError, AssertionError, ValueError, IndexError, KeyError, AttributeError, TypeError) as problem:
        return problem
    finally:
        probe.seconds = time.monotonic() - start


class Run:
    """Both variants of the cases that share a daemon, and the cases that have their own; results by (case, variant)."""

    def __init__(self, every, kind=None):
        self.kind = kind or servers.subject()
        self.results, self.broken, self.seconds = {}, {}, {}
        self.numbers = {one: number for number, one in enumerate(every)}
        self.pki = env.scratch("wsrp-rows")
        pki.make(self.pki)
        shared = [one for one in every if one.probe and one.main is None]
        alone = [one for one in every if one.probe and one.main is not None]
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            waiting = [pool.submit(self.own_daemon, one, variant) for one in alone for variant in (0, 1)]
            for variant in (0, 1):
                self.shared_daemon(shared, variant, pool)
            for one in waiting:
                one.result()

    def server(self, files):
        server = self.kind()
        for name in os.listdir(self.pki):
            with open(os.path.join(self.pki, name), "rb") as handle:
                server.file(name, handle.read())
        for name, data in files.items():
            server.file(name, data)
        return server

    def shared_daemon(self, every, variant, pool):
        server = self.server({name: data for one in every for name, data in one.files.items()})
        probes = [Probe(one, variant, self.numbers[one], server) for one in every]
        try:
            fitting = [probe for probe in probes if self.compiles(probe)]
            try:
                self.start(server, fitting)
            except servers.StartFailure as problem:
                for probe in fitting:
                    self.broken[probe.case, variant] = str(problem)
                return
            for probe, result in zip(fitting, pool.map(run_probe, fitting)):
                self.results[probe.case, variant] = result
                self.seconds[probe.case, variant] = probe.seconds
            self.end(server, variant)
        finally:
            for probe in probes:
                probe.stop()

    @staticmethod
    def start(server, probes, attempts=4):
        """Start the daemon of these probes; with new ports when somebody took one of them meanwhile."""
        for attempt in range(attempts):
            text = fill(FRAME % ("", "".join(probe.part() for probe in probes)), probes[0].place)
            ports = [("127.0.0.1", probe.made["PORT"]) for probe in probes if "PORT" in probe.made]
            try:
                server.start(text, ports[:1] + ports[-1:])
                return
            except servers.StartFailure as problem:
                if attempt == attempts - 1 or not IN_USE.search(str(problem)):
                    raise
                env.write(server.log, "")
                for probe in probes:
                    probe.forget_ports()

    def end(self, server, variant):
        try:
            server.stop()
        except AssertionError as problem:
            self.broken["the shared daemon", variant] = str(problem)

    def compiles(self, probe):
        """A case that does not compile must not take the others along."""
        if self.kind is not servers.Wsrpd:
            return True
        try:
            probe.server.compile(without_places(probe.case, probe.variant), "one.conf", "one.bin")
            return True
        except servers.StartFailure as problem:
            self.broken[probe.case, probe.variant] = str(problem)
            return False

    def own_daemon(self, one, variant, attempts=4):
        server = self.server(one.files)
        probe = Probe(one, variant, self.numbers[one], server)
        try:
            probe.started = self.start_alone(probe, server)
            if probe.started is not None and attempts > 1 and IN_USE.search(probe.started):
                self.own_daemon(one, variant, attempts - 1)
                return
            if probe.started is not None and not one.dead:
                self.broken[one, variant] = probe.started
                return
            self.results[one, variant] = run_probe(probe)
            self.seconds[one, variant] = probe.seconds
            if probe.started is None:
                server.stop()
        except (servers.StartFailure, AssertionError) as problem:
            self.broken[one, variant] = str(problem)
        finally:
            server.discard()
            probe.stop()

    def start_alone(self, probe, server):
        """Start a daemon on the case's own file; None, or why it does not start."""
        text = probe.text()
        ports = [("127.0.0.1", probe.made["PORT"])] if "PORT" in probe.made else []
        if self.kind is servers.Wsrpd:
            server.table = server.compile(text)
            server.ready = None  # asks by the pid file of the command line
        try:
            if self.kind is servers.Wsrpd:
                # Neither pid file nor anything else from the command line: it would win over the table.
                server.launch([env.WSRPD, "-p", server.folder, server.table], ports)
            else:
                server.start(text, ports)
        except servers.StartFailure as problem:
            return str(problem)
        return None
