# SPDX-License-Identifier: BSD-2-Clause
"""One configuration, one request list, one recording backend: what a server answers and what the upstream receives.

A Case holds a configuration in the nginx dialect and rows (requests).  `record` starts a server on it, sends the rows in
order and returns plain data: for each row the answer and the upstream's view, then what was observed of files and
processes.  The real nginx and wsrpd run one after the other on the same ports, so that their records compare as they are.
What is the dialect's own are methods of Case; httpd/judge.py has those of the Apache dialect.

In the text of a case
    @A@ @B@ ...      listening addresses 127.0.0.1:PORT (rows name them by letter); @A.port@ is the port alone
    @UP@ @UP2@       addresses of recording backends; @UNIX@ one on a unix socket (a path); @TLS@ one that speaks TLS
    @DEAD@           an address where nobody listens; @FULL@ one whose queue is full, so that connecting never ends
    @DIR@            the case's folder; relative paths are looked up in it too
    ... # drop       under nginx the records change when this line (or the block it opens) is removed
"""

import concurrent.futures
import os
import pprint
import re
import socket
import ssl
import time

from lib import backend, client, env, http1, servers, websocket

MTIME = 1700000000  # of every file of a case: Tue, 14 Nov 2023 22:13:20 GMT
WAIT = 2.5  # seconds without an end after which an exchange counts as hanging


class Row:
    """One request; see the helpers below for what each setting means."""

    def __init__(self, target="/", method="GET", host="localhost", fields=(), body=b"", at="A", tls=None, keep=False, version="1.1",
                 raw=None, wait=WAIT, ws=None, pause=0, resume=None, slow=False, timing=False, quiet=0):
        self.target, self.method, self.host, self.fields, self.body = target, method, host, tuple(fields), body
        self.at = at            # letter of the listening address, HOST/letter for another host, or the path of a unix socket
        self.tls = tls          # None, or a dict: sni, max, min, ciphers, curve, alpn, cert (name of a pair in the folder), ca (the server's chain must end there), names: those of authorities too
        self.keep = keep        # on the connection of the row before
        self.version = version
        self.raw = raw          # exact bytes instead of the request
        self.wait = wait        # bound in seconds for the answer
        self.ws = ws            # a WebSocket handshake with these fields (True: none), then one message
        self.pause = pause      # seconds before the row
        self.resume = resume    # seconds after which the TLS session is offered again
        self.slow = slow        # read nothing for so many seconds, then all
        self.timing = timing    # note whether the body's start came before the upstream's pause
        self.quiet = quiet      # in a tunnel: seconds without a word of ours before the message

    def __repr__(self):
        if self.raw is not None:
            return repr(self.raw[:100])
        return ("%s %s Host: %s %s" % (self.method, self.target, self.host, dict(self.fields) or ""))[:200]


def get(target="/", **more):
    return Row(target, **more)


def head(target="/", **more):
    return Row(target, "HEAD", **more)


def post(target="/", body=b"hello", **more):
    return Row(target, "POST", body=body, **more)


def raw(data, **more):
    return Row(raw=data, **more)


def upgrade(target="/ws", fields=(), **more):
    return Row(target, ws=True, fields=fields, **more)


def site(body, main=""):
    """The frame around what stands inside http { }."""
    return "%s\nevents { }\nhttp {\n%s\n}\n" % (main, body)


class Case:
    """A configuration, its rows, and what the backend answers."""

    all = []
    judge = servers.Nginx   # the real server, whose records are right
    options = ()            # of wsrpc

    def __init__(self, name, text, rows, files=None, certs=(), script=None, early=None, observe=(), differs=(), root_only=False, explain=True,
                 prepare=None, secures=None):
        self.name, self.text, self.rows = name, text, rows
        self.files = files or {}        # path -> content
        self.certs = certs              # (file name, names...) made before the first start
        self.script = script or answer  # request -> steps
        self.early = early
        self.observe = observe          # what is looked at afterwards: see `observations`
        self.differs = differs          # names in differences.py which this case may show
        self.root_only = root_only
        self.explain = explain
        self.prepare = prepare          # called with the folder before anything is started
        self.secures = secures or {}    # place -> name of a certificate in the folder, or (name, authority whose client certificates are demanded)
        self.world = None
        self.word = re.sub(r"\W+", "_", name)
        self.all.append(self)

    def lines_to_drop(self):
        """(line number, its text, the text without it) for every marked line."""
        lines = self.text.split("\n")
        for number, line in enumerate(lines):
            if re.search(r"#\s*drop\s*$", line):
                end, depth = number, 0
                code = re.sub(r"#\s*drop\s*$", "", line).rstrip()
                if code.endswith("{"):
                    depth = 1
                    while depth:
                        end += 1
                        depth += lines[end].count("{") - lines[end].count("}")
                yield number, code.strip(), "\n".join(lines[:number] + lines[end + 1:])

    @staticmethod
    def quiet(text):
        """The text without an access log, unless it has one of its own."""
        return text if "access_log" in text else re.sub(r"(?m)^http \{", "http { access_log off;", text)

    @staticmethod
    def listens(text):
        """(host, port) of each address that the text listens on."""
        return re.findall(r"listen\s+([^\s;]*):(\d+)", text)


def answer(request):
    """The backend's ordinary page: what was asked for, with the fields an upstream usually sends."""
    body = ("%s: %s %s %r\n" % (request.backend, request.method, request.target, request.body[:100])).encode()
    fields = [("Server", "upstream/1"), ("Date", "Tue, 14 Nov 2023 22:13:20 GMT"), ("Content-Type", "text/plain"), ("X-Upstream", request.backend)]
    if request.tokens("upgrade") == ["websocket"] and request.get("sec-websocket-key"):
        return [websocket.switching(request), ("echo",)]
    page = backend.respond(200, fields, body)
    return [page[:-len(body)] if request.method == "HEAD" else page]


class World:
    """Backends, ports and files of one case; they stay the same over all of its starts."""

    def __init__(self, case):
        self.case = case
        self.folder = env.scratch("wsrp-diff")
        self.ports = {letter: env.free_port() for letter in sorted(set(re.findall(r"@([A-J])(?:\.port)?@", case.text)))}
        self.backends = []
        self.up = self.backend("up")
        self.up2 = self.backend("up2")
        self.unix = self.backend("unix", path=os.path.join(self.folder, "up.sock"))
        self.full = None
        self.secure = None
        for name, *names in case.certs:
            env.certificate(self.folder, name, names, "rsa" if name.startswith("rsa") else "ec")
        if case.prepare:
            case.prepare(self.folder)
        self.secures = {place: self.backend(place.lower(), tls=self.demanding(*((one,) if isinstance(one, str) else one))) for place, one in case.secures.items()}
        if "@TLS" in case.text:
            env.certificate(self.folder, "upstream", ["upstream.example", "localhost", "127.0.0.1"])
            self.secure = self.backend("tls", tls=lambda: backend.tls_context(os.path.join(self.folder, "upstream")))
        if "@FULL@" in case.text:
            self.fill()
        for path, content in case.files.items():
            made = env.write(os.path.join(self.folder, path), content)
            os.utime(made, (MTIME, MTIME))
        for path, _, _ in os.walk(self.folder):
            os.chmod(path, 0o755)
        self.dead = env.free_port()

    def backend(self, name, **more):
        def script(request):
            request.backend = name
            return self.case.script(request)

        made = backend.Backend(script, early=self.case.early, **more)
        made.name = name
        self.backends.append(made)
        return made

    def demanding(self, name, authority=None):
        """A function that makes a backend's context with a certificate of the folder."""
        def make():
            context = backend.tls_context(os.path.join(self.folder, name))
            if authority:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(os.path.join(self.folder, authority + ".crt"))
            return context

        return make

    def fill(self):
        """A listener nobody accepts from, with its queue full: further SYNs are dropped."""
        self.full = socket.socket()
        self.full.bind(("127.0.0.1", 0))
        self.full.listen(0)
        self.fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.full.getsockname())
            self.fillers.append(filler)

    def stop(self):
        for one in self.backends:
            one.stop()
        for sock in ([self.full] + self.fillers) if self.full else []:
            sock.close()

    def expand(self, text):
        """The configuration with its places filled in."""
        places = {"UP": "127.0.0.1:%d" % self.up.port, "UP.port": str(self.up.port), "UP2": "127.0.0.1:%d" % self.up2.port, "UNIX": self.unix.path,
                  "DEAD": "127.0.0.1:%d" % self.dead, "DIR": self.folder}
        for place, one in self.secures.items():
            places.update({place: "127.0.0.1:%d" % one.port, place + ".port": str(one.port)})
        if self.secure:
            places.update({"TLS": "127.0.0.1:%d" % self.secure.port, "TLS.port": str(self.secure.port)})
        if self.full:
            places["FULL"] = "127.0.0.1:%d" % self.full.getsockname()[1]
        for letter, port in self.ports.items():
            places[letter] = "127.0.0.1:%d" % port
            places[letter + ".port"] = str(port)
        text = re.sub(r"[ \t]*#\s*drop[ \t]*$", "", text, flags=re.M)
        return self.case.quiet(re.sub(r"@([A-Z0-9]+(?:\.port)?)@", lambda found: places[found[1]], text))

    def waits(self, text):
        """The addresses which a text listens on."""
        return [("::1" if "[" in host else "127.0.0.1", int(port)) for host, port in self.case.listens(text) if int(port) in self.ports.values()]


# --- one row --------------------------------------------------------------------------------------------------------

def tls_context(world, options):
    context = client.tls_context(options.get("alpn"))
    for name, value in (("minimum_version", options.get("min")), ("maximum_version", options.get("max"))):
        if value:
            setattr(context, name, value)
    if options.get("ciphers"):
        context.set_ciphers(options["ciphers"])
    if options.get("cert"):
        context.load_cert_chain(os.path.join(world.folder, options["cert"] + ".crt"), os.path.join(world.folder, options["cert"] + ".key"))
    if options.get("ca"):
        context.load_verify_locations(os.path.join(world.folder, options["ca"] + ".crt"))
        context.verify_mode = ssl.CERT_REQUIRED
    if options.get("curve"):
        context.set_ecdh_curve(options["curve"])
    return context


def tls_facts(sock):
    der = sock.getpeercert(True)
    names = re.findall(rb"(?:[a-z0-9*-]+\.)+example|localhost", der)
    return {"version": sock.version(), "cipher": sock.cipher()[0] if sock.version() != "TLSv1.3" else "1.3", "alpn": sock.selected_alpn_protocol(),
            "certificate": sorted({name.decode() for name in names})}


def asked_names(world, address):
    """The authorities that the server names when it asks for a certificate."""
    shown = env.run(["openssl", "s_client", "-connect", "%s:%d" % address, "-tls1_2", "-nameopt", "RFC2253"], 10, cwd=world.folder).stdout.decode()
    found = re.search(r"Acceptable client certificate CA names\n((?:[A-Z]+=.*\n)*)", shown)
    return sorted(found[1].split()) if found else None


def connect(world, row):
    """A connection for the row, its TLS facts with it."""
    host, _, letter = row.at.rpartition("/")
    address = (host or "127.0.0.1", world.ports[letter]) if letter in world.ports else os.path.join(world.folder, row.at)
    options = {} if row.tls is True else row.tls
    context = tls_context(world, options) if options is not None else None
    conn = client.Client(address, context, options.get("sni") if options else None, seconds=row.wait, rcvbuf=4096 if row.slow else None)
    conn.facts = tls_facts(conn.sock) if context else None
    if options and options.get("names"):
        conn.facts["names"] = asked_names(world, address)
    return conn


def resumed(world, row):
    """Is the session of a first connection taken up by a second one?"""
    options = {} if row.tls is True else row.tls
    context = tls_context(world, options)
    address = ("127.0.0.1", world.ports[row.at])
    session = None
    for _ in range(2):
        with socket.create_connection(address, timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=options.get("sni"), session=session) as sock:
                sock.settimeout(5)
                sock.sendall(client.request(row.target, fields=[("Connection", "close")]))
                while sock.recv(4096):
                    pass
                if session is not None:
                    return sock.session_reused
                session = sock.session
        time.sleep(row.resume)
    return None


def message_of(row):
    if row.raw is not None:
        return row.raw
    if row.ws:
        return websocket.handshake(row.target, row.host, fields=row.fields)
    return client.request(row.target, row.method, row.fields, row.body, row.host, row.version)


def silence(conn, seconds):
    """Listen for so long; what was heard, with "(end)" behind it when the other side closed."""
    end = time.monotonic() + seconds
    while not conn.ended and time.monotonic() < end:
        if backend.readable(conn.sock, max(0, end - time.monotonic())):
            conn._receive()
    heard, conn.buffer = bytes(conn.buffer), bytearray()
    return heard + (b"(end)" if conn.ended else b"")


def exchange(world, row, conn):
    """Send one row and describe what came back; returns (record, connection or None)."""
    record = {"end": "answered"}
    try:
        if conn is None:
            conn = connect(world, row)
            if conn.facts:
                record["tls"] = conn.facts
        conn.send(message_of(row))
        if row.slow:
            time.sleep(row.slow)
        start = time.monotonic()
        if row.timing:
            env.wait_until(lambda: backend.readable(conn.sock, 0.05) and (conn._receive() or True) and conn.buffer.partition(b"\r\n\r\n")[2], 5)
            record["body started early"] = time.monotonic() - start < 0.3
        interim = []
        while True:
            got = conn.response(row.method, row.wait)
            if got.status >= 200 or got.status == 101:
                break
            interim.append(got.status)
        record.update(status=got.status, reason=got.reason, fields=got.fields, body=got.body, framing=got.framing, trailers=got.trailers, interim=interim)
        if row.ws and got.status == 101:
            if row.quiet:
                record["heard"] = silence(conn, row.quiet)
            conn.send(websocket.frame(b"ping over the tunnel", mask=False))
            record["tunnel"] = conn.read(22, 2)
            conn.close()
            return record, None
    except (ConnectionRefusedError, FileNotFoundError):
        record["end"] = "refused"
    except TimeoutError:
        record["end"] = "timeout"
    except http1.Malformed as bad:
        record.update(end="malformed", what=str(bad))
    except ssl.SSLError:
        record["end"] = "TLS failure"
    except (ConnectionError, OSError) as bad:
        record.update(end="closed" if not (conn and conn.received) else "cut", size=len(conn.received) > 4096 if conn else 0, what=type(bad).__name__)
    if record["end"] != "answered" and conn is not None:
        conn.close()
        conn = None
    return record, conn


def upstream_view(world):
    """What the backends received since the last look."""
    out = []
    for one in world.backends:
        for request in list(one.requests):
            record = request.connection
            out.append({"backend": one.name, "method": request.method, "target": request.target, "version": "1.%d" % request.minor,
                        "fields": request.fields, "body": request.body, "framing": request.framing,
                        "reused": request is not record.requests[0], "sni": getattr(record, "tls_name", None)})
        for broken, data in one.take_violations():
            out.append({"backend": one.name, "violation": bool(broken and data)})
        one.mark()
    return out


# --- what is looked at beside the answers ---------------------------------------------------------------------------

def calm(text):
    """A log without what differs between any two runs."""
    text = re.sub(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", "TIME", text)
    text = re.sub(r'("BAD" 400) \d+', r"\1 PAGE", text)  # bytes of an error page, which is each program's own
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", "ISO", text)
    text = re.sub(r"\b\d{10}\.\d{3}\b", "MSEC", text)
    return re.sub(r"\b\d+\.\d{3}\b", "SECONDS", text)


def observations(world, server, case):
    """log:PATH its calmed text, exists:PATH, lines:PATH whether it has any, workers: their number, user: and group: whose they are."""
    out = {}
    for what in case.observe:
        kind, _, path = what.partition(":")
        full = os.path.join(world.folder, path)
        if kind == "log":
            env.wait_until(lambda f=full: True, 1)
            time.sleep(0.1)
            out[what] = calm(env.read(full))
        elif kind == "lines":
            time.sleep(0.1)
            out[what] = bool(env.read(full).strip())
        elif kind == "exists":
            out[what] = os.path.exists(full)
        elif kind == "workers":
            time.sleep(0.1)
            out[what] = len(server.children())
        elif kind in ("user", "group"):
            env.wait_until(lambda: server.children(), 5)
            time.sleep(0.1)
            out[what] = sorted({getattr(os.stat("/proc/%d" % pid), "st_%cid" % kind[0]) for pid in server.children()})
    return out


class Records:
    """What came of one run of a case; `explained` holds problems found by comparing with wsrpc explain."""

    def __init__(self):
        self.rows = []
        self.seen = {}
        self.started = True
        self.explained = []

    def __eq__(self, other):
        return (self.started, self.rows, self.seen) == (other.started, other.rows, other.seen)


def steady(fields):
    """Response fields without the moving time."""
    def still(name, value):
        moves = name.lower() == "date" or name.lower() == "expires" and re.search(r"20[^3]\d .*GMT$", value)
        return "DATE" if moves else re.sub(r"max-age=\d{10}", "max-age=AGE", value)

    return [(name, still(name, value)) for name, value in fields]


def record(case, kind, text=None, explain=None):
    """Start a server of this kind on the case (or on a changed text of it) and send all rows."""
    world = case.world
    if world is None:
        world = case.world = World(case)
    for what in case.observe:
        path = os.path.join(world.folder, what.partition(":")[2])
        if os.path.isfile(path):
            os.unlink(path)
    for one in world.backends:
        one.drop()
        one.mark()
    out = Records()
    expanded = world.expand(text or case.text)
    server = kind(world.folder)
    server.compile_options = case.options
    try:
        server.start(expanded, world.waits(expanded))
    except servers.StartFailure as failure:
        out.started = False
        out.seen["failure"] = re.sub(r"\d+", "N", str(failure)) if kind is case.judge else str(failure)
        return out
    conn = None
    try:
        for row in case.rows:
            if conn is not None and not row.keep:
                conn.close()
                conn = None
            if row.pause:
                time.sleep(row.pause)
            if row.resume is not None:
                try:
                    got = {"end": "answered", "resumed": resumed(world, row)}
                except OSError as bad:
                    got = {"end": type(bad).__name__}
            else:
                got, conn = exchange(world, row, conn)
            if "fields" in got:
                got["fields"] = steady(got["fields"])
            if got["end"] != "answered" or "status" in got and got["status"] >= 500:
                time.sleep(0.05)
            got["upstream"] = upstream_view(world)
            out.rows.append(got)
            if explain and not row.raw:
                out.explained += explain(case, row, got, server)
        if conn is not None:
            conn.close()
        out.seen = observations(world, server, case)
    finally:
        server.stop()
    return out


# --- many cases at a time -------------------------------------------------------------------------------------------

def together(function, at_once=4, cases=None):
    """{case: function(case)} with a few cases at a time; an exception is a result too."""
    def guarded(case):
        if case.root_only and os.geteuid() != 0:
            return None
        try:
            return function(case)
        except Exception as problem:  # shown by the test of this case only
            return problem

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        waiting = {case: pool.submit(guarded, case) for case in cases or Case.all}
        return {case: done.result() for case, done in waiting.items()}


def result(test, case):
    """What `together` made of a case: a skip, its exception, or its value."""
    if case.root_only and os.geteuid() != 0:
        test.skipTest("needs root to change users")
    value = test.records[case]
    if isinstance(value, Exception):
        raise value
    return value


def difference(left, right, path="", judge="nginx"):
    """Where two records part, as lines."""
    if isinstance(left, dict) and isinstance(right, dict):
        return [line for key in sorted(set(left) | set(right)) for line in difference(left.get(key), right.get(key), path + "." + key, judge)]
    if path.endswith("fields") and isinstance(left, list) and isinstance(right, list):
        return ["%s: only %s has %r" % (path, judge, pair) for pair in left if pair not in right] + ["%s: only wsrpd has %r" % (path, pair) for pair in right if pair not in left] or (
            ["%s: order %r / %r" % (path, left, right)] if left != right else [])
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [line for i, (a, b) in enumerate(zip(left, right)) for line in difference(a, b, "%s[%d]" % (path, i), judge)]
    return [] if left == right else ["%s: %s %s, wsrpd %s" % (path, judge, shorten(left), shorten(right))]


def shorten(value):
    shown = pprint.pformat(value, width=200, compact=True)
    return shown if len(shown) < 600 else shown[:300] + " ... " + shown[-200:]


def check_same(test, case, theirs, ours, neutral=None, judge=None):
    """Fail the test where two records of a case part.

    neutral(case, row, record) takes out of a row's record what may differ (see neutral.py); judge is the name of the left side.
    """
    judge = judge or case.judge.name
    test.assertTrue(theirs.started, theirs.seen.get("failure"))
    test.assertTrue(ours.started, ours.seen.get("failure"))
    problems = []
    for row, left, right in zip(case.rows, theirs.rows, ours.rows):
        if neutral:
            left, right = neutral(case, row, left), neutral(case, row, right)
        lines = difference(left, right, judge=judge)
        problems += ["%r" % row] + ["    " + line for line in lines] if lines else []
    problems += difference(theirs.seen, ours.seen, "seen", judge)
    if problems:
        test.fail("%s\n%s" % (case.name, "\n".join(problems)))


def check_explained(test, case, ours):
    """Fail the test where `wsrpc explain` said something else than wsrpd did."""
    test.assertTrue(ours.started, ours.seen.get("failure"))
    if ours.explained:
        test.fail("%s\n%s" % (case.name, "\n".join(ours.explained)))
