# SPDX-License-Identifier: BSD-2-Clause
"""A recording backend: keeps the exact bytes of every connection and answers as scripted.

A script is a function request -> steps, or a generator function; a step is
    bytes                 sent as they are
    ("pause", seconds)    silence
    ("slow", bytes, how)  bytes cut as lib.client.cut does it
    ("read", size)        wait until so many more raw bytes have come (a tunnel's, or of a body that the script asks for early)
    ("echo",)             send back what comes until the end: the far end of a tunnel
    ("close",)            FIN now;  ("reset",) RST now
After the steps the connection waits for its next request, unless the request asked to close it or the steps closed it.
Requests are parsed strictly; bytes that do not parse are kept, answered with a 400 and reported by `take_violations`.
"""

import os
import select
import socket
import ssl
import struct
import threading
import time

from . import http1
from .client import cut


def respond(status=200, fields=(), body=b"", reason="OK", length=True, version="1.1"):
    """The bytes of a response."""
    lines = ["HTTP/%s %d %s" % (version, status, reason)] + ["%s: %s" % pair for pair in fields]
    if length and status >= 200 and status not in (204, 304):
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def default_script(request):
    """200 with a body that depends on the request, so that answers cannot be mixed up unseen."""
    body = ("%s %s %d\n" % (request.method, request.target, len(request.body))).encode()
    head = respond(200, [("Content-Type", "text/plain"), ("X-Id", str(request.number))], body)
    return [head[:-len(body)] if request.method == "HEAD" else head]


class Record:
    """One connection as the backend saw it."""

    def __init__(self, number):
        self.number = number
        self.data = b""  # every byte received
        self.parsed = 0  # how many of them belong to whole requests or to a tunnel
        self.requests = []
        self.broken = None  # why the bytes do not parse
        self.told = False  # has take_violations reported that?
        self.closed = False
        self.seen = 0  # see Backend.mark


class Backend:
    """Listens on 127.0.0.1 (or a unix socket path) with one thread for each connection.

    tls: a function that makes a context; one of its own for each connection rules out that a session is taken up again.
    """

    def __init__(self, script=default_script, path=None, tls=None, host="127.0.0.1", port=0, early=None):
        self.script = script
        self.early = early  # head -> steps or None, asked before the body has come
        self.tls = tls
        self.path = path
        self.lock = threading.Lock()
        self.records = []
        self.requests = []  # all whole requests in the order of their arrival
        self.count = 0
        self.stopping = False
        self.playing = 0  # scripts that are being carried out
        self.open = set()
        if path:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(path)
            os.chmod(path, 0o666)
            self.address = path
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.listener = socket.socket(family, socket.SOCK_STREAM)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
            self.address = (host, self.listener.getsockname()[1])
        self.port = None if path else self.address[1]
        self.listener.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Stop listening and drop every connection."""
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop()
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)

    def drop(self, reset=False):
        """Close every open connection from this side."""
        with self.lock:
            sockets = list(self.open)
        for sock in sockets:
            try:
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def clear(self):
        """Forget what was recorded (connections stay)."""
        with self.lock:
            self.requests.clear()
            self.records = [record for record in self.records if not record.closed]

    def mark(self):
        """Start a new section: `since` reports only what comes after this."""
        with self.lock:
            self.records = [record for record in self.records if not record.closed]
            for record in self.records:
                record.seen = len(record.data)
            self.requests.clear()

    def since(self):
        """(record, bytes received since the mark) of every connection that received any."""
        with self.lock:
            return [(record, record.data[record.seen:]) for record in self.records if len(record.data) > record.seen]

    def take_violations(self):
        """(why, bytes) of each connection whose bytes did not parse; each is reported once."""
        with self.lock:
            found = [record for record in self.records if record.broken and not record.told]
            for record in found:
                record.told = True
            return [(record.broken, record.data) for record in found]

    # --- the connection's thread

    def _accept(self):
        while not self.stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with self.lock:
            record = Record(len(self.records))
            self.records.append(record)
            self.open.add(sock)
        raw = sock
        try:
            if not self.path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock.settimeout(30)
                sock = self.tls().wrap_socket(sock, server_side=True)
                record.tls_name = getattr(sock, "sni", None)
                record.tls_version = "%s %s" % (sock.version(), sock.cipher()[0] if sock.version() != "TLSv1.3" else "")
                with self.lock:
                    self.open.add(sock)
            self._connection(sock, record)
        except (OSError, ssl.SSLError):
            pass
        finally:
            record.closed = True
            with self.lock:
                self.open.discard(raw)
                self.open.discard(sock)
            sock.close()

    def _more(self, sock, record):
        data = sock.recv(262144)
        with self.lock:
            record.data += data
        return data

    def _connection(self, sock, record):
        sock.settimeout(60)
        answered_early = False
        while True:
            pending = record.data[record.parsed:]
            try:
                taken = http1.take_request(pending) if pending else None
                if taken is None and self.early and pending and not answered_early:
                    head = http1.request_head(pending)
                    steps = head and self.early(head[0])
                    if steps:
                        answered_early = True
                        if not self._play(sock, record, steps):
                            return
            except http1.Malformed as problem:
                record.broken = str(problem)
                sock.sendall(respond(400, [("Connection", "close")], b"backend: " + str(problem).encode()))
                return
            if taken is None:
                if not self._more(sock, record):
                    return
                continue
            request, size = taken
            request.raw = pending[:size]
            answered_early = False
            with self.lock:
                record.parsed += size
                self.count += 1
                request.number = self.count
                request.connection = record
                record.requests.append(request)
                self.requests.append(request)
            if not self._play(sock, record, self.script(request)):
                return
            if "close" in request.tokens("connection") or (request.minor == 0 and "keep-alive" not in request.tokens("connection")):
                return

    def _play(self, sock, record, steps):
        """Carry out the steps; False when the connection is over."""
        with self.lock:
            self.playing += 1
        try:
            return self._steps(sock, record, steps)
        finally:
            with self.lock:
                self.playing -= 1

    def _steps(self, sock, record, steps):
        for step in steps:
            if isinstance(step, bytes):
                sock.sendall(step)
            elif step[0] == "pause":
                time.sleep(step[1])
            elif step[0] == "slow":
                for piece in cut(step[1], step[2]):
                    sock.sendall(piece)
                    time.sleep(0.0003)
            elif step[0] == "read":
                wanted = record.parsed + step[1]
                while len(record.data) < wanted:
                    if not self._more(sock, record):
                        return False
                record.parsed = wanted
            elif step[0] == "echo":
                self._echo(sock, record)
                return False
            elif step[0] == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif step[0] == "close":
                return False
            else:
                raise ValueError(step)
        return True

    def _echo(self, sock, record):
        while True:
            pending = record.data[record.parsed:]
            record.parsed = len(record.data)
            if pending:
                sock.sendall(pending)
            if not self._more(sock, record):
                return


def tls_context(path):
    """A server's context with path.crt and path.key; the name that a client asked for is kept as `sni` of its socket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path + ".crt", path + ".key")
    context.sni_callback = lambda sock, name, _context: setattr(sock, "sni", name)
    return context


def readable(sock, seconds=0):
    """Has the socket something to read?"""
    return bool(select.select([sock], [], [], seconds)[0])
