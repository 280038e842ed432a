# SPDX-License-Identifier: BSD-2-Clause
"""A test class with a site: a backend, free ports, and the server under test on the class's configuration.

    class Something(site.Site):
        CONF = "server { listen @A@; location / { proxy_pass http://@UP@; } }"

CONF stands inside http { }; MAIN before it; CERTS are made in the folder; FILES written there.  @A@ ... @D@ are listening
addresses, @UP@ the backend's, @UNIX@ a unix-socket backend's path, @DEAD@ nobody's.  Every test may set self.backend.script; it is put back.
"""

import os
import re
import time
import unittest

from . import backend, client, env, servers

FRAME = """%s
events { worker_connections 1024; }
http {
%s
}
"""


class Site(unittest.TestCase):
    """The fixture."""

    CONF = None
    MAIN = "worker_processes 1;"
    CERTS = ()
    FILES = {}
    OURS = False  # True: uses directives that nginx has not

    @classmethod
    def setUpClass(cls):
        if cls is Site or cls.CONF is None:
            raise unittest.SkipTest("only a fixture")
        kind = servers.subject()
        if cls.OURS and kind is not servers.Wsrpd:
            raise unittest.SkipTest("for wsrpd only")
        cls.server = kind()
        cls.folder = cls.server.folder
        cls.backend = backend.Backend()
        cls.unix = backend.Backend(path=os.path.join(cls.folder, "up.sock"))
        cls.ports = {letter: env.free_port() for letter in "ABCD"}
        cls.dead = env.free_port()
        for name, *names in cls.CERTS:
            env.certificate(cls.folder, name, names)
        for path, data in cls.FILES.items():
            env.write(os.path.join(cls.folder, path), data)
        cls.text = cls.expand(FRAME % (cls.MAIN, cls.CONF))
        cls.waits = [("127.0.0.1", int(port)) for port in re.findall(r"listen 127\.0\.0\.1:(\d+)", cls.text)]
        try:
            cls.server.start(cls.text, cls.waits)
        except Exception:
            cls.backend.stop()
            cls.unix.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.backend.stop()
        cls.unix.stop()
        cls.server.stop()

    @classmethod
    def expand(cls, text):
        """A text with its places filled in."""
        places = {"UP": "127.0.0.1:%d" % cls.backend.port, "UP.port": str(cls.backend.port), "UNIX": cls.unix.path, "DEAD": "127.0.0.1:%d" % cls.dead, "DIR": cls.folder}
        for letter, port in cls.ports.items():
            places[letter] = "127.0.0.1:%d" % port
            places[letter + ".port"] = str(port)
        text = re.sub(r"@([A-Z]+(?:\.port)?)@", lambda found: places[found[1]], text)
        return text if "access_log" in text else text.replace("http {", "http { access_log off;", 1)

    def setUp(self):
        self.backend.script = backend.default_script
        self.backend.early = None
        self.backend.clear()

    @property
    def address(self):
        return ("127.0.0.1", self.ports["A"])

    def connect(self, at="A", **more):
        """A raw client to a listener, closed at the end of the test."""
        made = client.Client(("127.0.0.1", self.ports[at]), **more)
        self.addCleanup(made.close)
        return made

    def get(self, target="/", at="A", **more):
        """One answer on a connection of its own."""
        return client.get(("127.0.0.1", self.ports[at]), target, **more)

    def url(self, target="/", at="A", scheme="http", host="127.0.0.1"):
        return "%s://%s:%d%s" % (scheme, host, self.ports[at], target)

    def curl(self, *arguments, seconds=20):
        """curl's standard output; a test failure when curl fails."""
        done = env.run(["curl", "-sS", "--max-time", str(seconds), *arguments], seconds + 5)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def soon(self, condition, what, seconds=3):
        """env.wait_until as an assertion."""
        try:
            return env.wait_until(condition, seconds, what)
        except TimeoutError as slow:
            self.fail(str(slow))

    def memory(self):
        """Resident kilobytes of the workers."""
        total = 0
        for pid in self.server.children() or [self.server.process.pid]:
            total += int(re.search(r"VmRSS:\s+(\d+)", env.read("/proc/%d/status" % pid))[1])
        return total

    def cpu(self):
        """Seconds of CPU that the workers have used."""
        ticks = 0
        for pid in self.server.children():
            fields = env.read("/proc/%d/stat" % pid).rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def sleep(seconds):
        time.sleep(seconds)
