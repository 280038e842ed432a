# SPDX-License-Identifier: BSD-2-Clause
"""A client that sends exactly the bytes it is given, cut as asked, and returns exactly the bytes that came back."""

import re
import select
import socket
import ssl
import time

from . import env, http1

CUTS = ("whole", "bytes", "lines")


def cut(data, how):
    """The pieces in which the bytes are sent: whole, one byte at a time (the middle of much data in blocks), or split at each CRLF."""
    if how == "whole":
        return [data]
    if how == "bytes" and len(data) > 4000:
        middle = data[1500:-1500]
        return cut(data[:1500], how) + [middle[i:i + 397] for i in range(0, len(middle), 397)] + cut(data[-1500:], how)
    if how == "bytes":
        return [data[i:i + 1] for i in range(len(data))]
    return [piece for piece in re.split(rb"(?<=\r\n)", data) if piece]


class Client:
    """One connection."""

    def __init__(self, address, tls=None, name=None, seconds=10, rcvbuf=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.seconds = seconds * env.SLOW
        self.sock.settimeout(self.seconds)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.connect(address)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name)
        self.buffer = bytearray()
        self.pieces = []
        self.ended = False  # FIN or RST seen
        self.reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def abort(self):
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data, how="whole", pause=0.0003):
        """Send in pieces, reading what comes meanwhile; stops early when the other side has closed. Returns success."""
        pieces = cut(data, how)
        for number, piece in enumerate(pieces):
            if len(pieces) > 1 and number:
                time.sleep(pause)
                while not self.ended and select.select([self.sock], [], [], 0)[0]:
                    self._receive()
            if self.ended:
                return False
            try:
                self.sock.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def finish(self):
        """Half-close."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _receive(self, size=65536):
        try:
            data = self.sock.recv(size)
        except (ConnectionResetError, BrokenPipeError):
            self.ended = self.reset = True
            return b""
        except ssl.SSLEOFError:
            data = b""
        if not data:
            self.ended = True
        self.buffer += data
        self.pieces.append(data)
        return data

    @property
    def received(self):
        """Every byte that came."""
        return b"".join(self.pieces)

    def read_all(self, seconds=None):
        """Everything until the other side closes; TimeoutError after the bound."""
        end = time.monotonic() + (seconds * env.SLOW if seconds else self.seconds)
        while not self.ended:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no end of the connection; received %r" % self.received[-300:])
            self.sock.settimeout(left)
            try:
                self._receive()
            except socket.timeout:
                continue
        data, self.buffer = bytes(self.buffer), bytearray()
        return data

    def read(self, size, seconds=None):
        """At least size bytes, or fewer when the connection ended; returns all buffered."""
        end = time.monotonic() + (seconds * env.SLOW if seconds else self.seconds)
        while len(self.buffer) < size and not self.ended:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("%d of %d bytes came: %r" % (len(self.buffer), size, self.buffer[-300:]))
            self.sock.settimeout(left)
            try:
                self._receive()
            except socket.timeout:
                continue
        data, self.buffer = bytes(self.buffer[:size]), self.buffer[size:]
        return data

    def _wanted(self):
        """How many bytes a large response has at least: its Content-Length with the head, else a last chunk must have come."""
        head, _, _ = bytes(self.buffer[:20000]).partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length:
            return len(head) + 4 + int(length[1])
        return 0 if self.buffer[-2:] == b"\r\n" else len(self.buffer) + 1

    def response(self, method="GET", seconds=None):
        """The next response, 1xx included, parsed strictly; ConnectionError when the connection ends before it is whole."""
        end = time.monotonic() + (seconds * env.SLOW if seconds else self.seconds)
        while True:
            # Parsing from the start again with every piece costs the square of the size: a large one is parsed when it may be whole.
            worth = self.ended or len(self.buffer) < 100000 or len(self.buffer) >= self._wanted()
            taken = http1.take_response(bytes(self.buffer), method, self.ended) if self.buffer and worth else None
            if taken is not None:
                self.buffer = self.buffer[taken[1]:]
                return taken[0]
            if self.ended:
                raise ConnectionError("the connection ended; received %r" % self.received[-300:])
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no response; received %r" % self.received[-300:])
            self.sock.settimeout(left)
            try:
                self._receive()
            except socket.timeout:
                continue

    def ask(self, target="/", method="GET", fields=(), body=b"", host="localhost", seconds=None):
        """Send one request and read its final response; 1xx before it are kept in `interim`."""
        self.send(request(target, method, fields, body, host))
        self.interim = []
        while True:
            answer = self.response(method, seconds)
            if answer.status >= 200 or answer.status == 101:
                return answer
            self.interim.append(answer)


def request(target="/", method="GET", fields=(), body=b"", host="localhost", version="1.1"):
    """The bytes of a request; Content-Length is added for a body unless the fields frame it."""
    lines = ["%s %s HTTP/%s" % (method, target, version)]
    if host is not None:
        lines.append("Host: " + host)
    lines += ["%s: %s" % pair for pair in fields]
    if body and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in fields):
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def get(address, target="/", method="GET", fields=(), body=b"", host="localhost", tls=None, name=None, seconds=10):
    """One request on a connection of its own."""
    with Client(address, tls, name, seconds) as client:
        return client.ask(target, method, tuple(fields) + (("Connection", "close"),), body, host)


def tls_context(alpn=None, minimum=None, maximum=None):
    """A context that verifies nothing, for the self-signed certificates of the tests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    return context
