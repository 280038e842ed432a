# SPDX-License-Identifier: BSD-2-Clause
"""What probes have in common: functions that make a probe, a function from a harness.Probe to what was seen."""

import re
import socket
import ssl
import time

from lib import client, env

WEBSOCKET = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))


def status(target="/", **more):
    return lambda p: p.get(target, **more).status


def body(target="/", **more):
    return lambda p: p.get(target, **more).body.decode("latin-1")


def field(name, target="/", **more):
    """A field of the answer; our own port as PORT."""
    def probe(p):
        value = p.get(target, **more).get(name)
        return value and value.replace(str(p.port), "PORT")
    return probe


def received(what, target="/", **more):
    """Something of the request that the backend received: a field's name, or an attribute after a dot."""
    def probe(p):
        request = p.request(target, **more)
        return getattr(request, what[1:]) if what[0] == "." else request.get(what)
    return probe


def connections(count, pause=0):
    """How many connections the backend saw for so many requests."""
    def probe(p):
        for number in range(count):
            time.sleep(pause * env.SLOW if number else 0)
            p.get("/")
        return len(p.backend.records)
    return probe


def within(seconds, probe):
    """What a probe sees, or "nothing yet" when it takes longer."""
    def bounded(p):
        try:
            return probe(p, seconds)
        except TimeoutError:
            return "nothing yet"
    return bounded


def answer_within(seconds, target="/", **more):
    """The status that comes within the time, "closed", or "nothing yet"."""
    def probe(p):
        try:
            return p.get(target, seconds=seconds, **more).status
        except TimeoutError:
            return "nothing yet"
        except ConnectionError:
            return "closed"
    return probe


def after_silence(start, seconds=1.5):
    """Send an unfinished request and wait: is the connection still open?"""
    def probe(p):
        with p.connect() as link:
            link.send(start)
            try:
                link.read_all(seconds)
                return "closed"
            except TimeoutError:
                return "open"
    return probe


def log_has(name, pattern, target="/", seconds=3, **more):
    """Is there a line in the log NAME.suffix after a request?"""
    def probe(p):
        p.get(target, **more)
        try:
            return bool(env.wait_until(lambda: re.search(pattern, env.read(p.path(p.name + name))), seconds))
        except TimeoutError:
            return False
    return probe


def first_log_line(name, target="/", **more):
    def probe(p):
        p.get(target, **more)
        lines = p.lines(p.name + name)
        return lines[0] if lines else None
    return probe


# --- TLS

def context(maximum=None, minimum=None, ciphers=None, certificate=None):
    made = client.tls_context(minimum=minimum, maximum=maximum)
    if ciphers:
        made.set_ciphers(ciphers)
    if certificate:
        made.load_cert_chain(*certificate)
    return made


def handshake(read, name="localhost", **how):
    """What a function reads from the socket after a handshake, or "refused"."""
    def probe(p):
        try:
            with p.connect(tls=context(**how), name=name) as link:
                return read(link.sock)
        except (ssl.SSLError, ConnectionError):
            return "refused"
    return probe


def tls_status(target="/", certificate=None, **more):
    """The status over TLS, with a client certificate (names of two files) if given, or "refused"."""
    def probe(p):
        pair = certificate and tuple(p.path(name) for name in certificate)
        try:
            return p.get(target, tls=context(certificate=pair), name="localhost", **more).status
        except (ssl.SSLError, ConnectionError):
            return "refused"
    return probe


def tls_body(target="/", certificate=None, **how):
    def probe(p):
        pair = certificate and tuple(p.path(name) for name in certificate)
        return p.get(target, tls=context(certificate=pair, **how), name="localhost").body.decode("latin-1")
    return probe


def s_client(pattern, *arguments):
    """What openssl s_client says: the first group of a pattern."""
    def probe(p):
        done = env.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % p.port, *arguments], 15, input=b"")
        found = re.search(pattern, done.stdout.decode("utf-8", "replace"))
        return found and found[1]
    return probe


def resumed(pause=0, **how):
    """Is a second connection resumed?"""
    def probe(p):
        made = context(**how)
        with p.connect(tls=made, name="localhost") as link:
            link.ask("/")
            session = link.sock.session
        time.sleep(pause)
        sock = made.wrap_socket(socket.create_connection(("127.0.0.1", p.port), 10), server_hostname="localhost", session=session)
        with sock:
            return sock.session_reused
    return probe


def tunnel(target="/chat", fields=WEBSOCKET, send=b"over the tunnel"):
    """The status of a handshake, and whether bytes come back."""
    def probe(p):
        with p.connect() as link:
            answer = link.ask(target, fields=fields)
            if answer.status != 101:
                return answer.status
            link.send(send)
            return answer.status, link.read(len(send), 3) == send
    return probe
