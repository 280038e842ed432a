# SPDX-License-Identifier: BSD-2-Clause
"""The systems under test: Wsrpd and, as its judges, the real Nginx and the real Apache httpd, behind one interface.

    server = Wsrpd(); server.start(text, waits=[("127.0.0.1", port)]); ...; server.stop()

`text` is configuration in the server's dialect; relative paths in it are looked up in server.folder.  All get the pid file
and the error log from outside of the text, so that one text serves both judge and judged.  After stop() no process of the
server is left, so its addresses are free; it raises when the program left a sanitizer report or processes, or did not end by itself in time: a test
cannot pass over either.
"""

import os
import re
import shutil
import signal
import subprocess
import unittest

from . import env, processes

SANITIZER = re.compile(r"ERROR: (?:Address|Leak|Thread|Memory)Sanitizer|runtime error:|LeakSanitizer: detected")


class StartFailure(Exception):
    """The server did not take its configuration or did not start."""


class Server:
    """What both have in common: a folder, a process, an error log."""

    name = None

    def __init__(self, folder=None):
        self.folder = folder or env.scratch("wsrp-" + self.name)
        self.process = None  # leads a group of its own
        self.ready = None  # what has to be true beside accepting, see Wsrpd
        self.log = os.path.join(self.folder, self.name + ".error.log")
        self.compile_options = ()  # of wsrpc

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def file(self, path, data, mode=0o644):
        """A file in the server's folder."""
        return env.write(os.path.join(self.folder, path), data, mode)

    def errors(self):
        """The error log so far."""
        return env.read(self.log)

    def launch(self, command, waits, seconds=10):
        """Start the process with its standard error in self.log and wait until every address accepts."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, process_group=0)
        try:
            for address in waits:
                env.wait_until(lambda a=address: self.running() and env.accepts(a), seconds, "listening on %r" % (address,))
            if self.ready:
                env.wait_until(lambda: self.running() and self.ready(), seconds, "%s being ready" % self.name)
        except TimeoutError as slow:
            self.stop()
            raise StartFailure("%s: %s\n%s" % (self.name, slow, self.errors())) from slow

    def running(self):
        """True; StartFailure when the process has ended."""
        if self.process.poll() is None:
            return True
        code = self.process.returncode
        self.end(signal.SIGKILL, 0)
        raise StartFailure("%s ended with %d\n%s" % (self.name, code, self.errors()))

    def kill(self, number):
        """Send a signal to the main process."""
        self.process.send_signal(number)

    def children(self):
        """The process ids of the workers."""
        path = "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)
        return [int(pid) for pid in env.read(path).split()]

    def end(self, number, seconds, grace=2):
        """End the process and all that it started; None, or as text what took force (see processes.end)."""
        process, self.process = self.process, None
        return processes.end(process, number, seconds, grace)

    def discard(self):
        """Be rid of the process if it still runs; how it ends does not matter."""
        if self.process is not None:
            self.end(signal.SIGKILL, 10, grace=0)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """End the process; AssertionError if it or a child had to be killed, if it failed or left a sanitizer report."""
        if self.process is None:
            return
        process = self.process
        problem = self.end(number, seconds * env.SLOW)
        if problem is None and process.returncode not in (0, -number):
            problem = "ended with %d" % process.returncode
        log = self.errors()
        if SANITIZER.search(log):
            problem = "sanitizer report"
        if problem:
            raise AssertionError("%s %s\n%s" % (self.name, problem, log[-6000:]))


class Nginx(Server):
    """The real nginx; websocket and redirect directives of ours must not be in its text."""

    name = "nginx"

    @staticmethod
    def available():
        return env.NGINX is not None

    def start(self, text, waits=(), file="site.conf"):
        # Folders for bodies have compiled-in places that only root can use.
        places = "".join(" %s_temp_path %s/tmp-%s;" % (kind, self.folder, kind) for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
        text = re.sub(r"(?m)^(\s*http\s*\{)", lambda found: found[1] + places, text, count=1)
        self.conf = self.file("nginx-" + file, text)
        main = "daemon off; error_log %s info;" % self.log if not re.search(r"(?m)^error_log", text) else "daemon off;"
        if not re.search(r"(?m)^pid\s", text):
            main += " pid %s/nginx.pid;" % self.folder
        self.launch([env.NGINX, "-p", self.folder, "-e", self.log, "-c", self.conf, "-g", main], waits)
        return self


class Httpd(Server):
    """The real Apache httpd of Debian: the text gets a prelude with what a distribution's main file says (modules, processes, places)."""

    name = "httpd"
    BINARY = shutil.which("apache2", path=os.environ.get("PATH", "") + ":/usr/sbin")
    MODULES_DIR = "/usr/lib/apache2/modules"
    MODULES = """mpm_event authn_core authn_file authz_core authz_host authz_user authz_groupfile auth_basic access_compat alias dir autoindex mime headers rewrite
        proxy proxy_http proxy_wstunnel slotmem_shm proxy_balancer lbmethod_byrequests lbmethod_bytraffic lbmethod_bybusyness
        env setenvif socache_shmcb ssl remoteip reqtimeout filter allowmethods autoindex http2
        expires deflate brotli cache cache_socache status negotiation macro""".split()

    @classmethod
    def available(cls):
        return cls.BINARY is not None and os.path.isdir(cls.MODULES_DIR)

    def prelude(self, text):
        """What the text leaves to the main file of a distribution."""
        lines = ["ServerRoot " + self.folder, "DefaultRuntimeDir " + self.folder, "Mutex pthread default", "StartServers 1", "ServerLimit 1", "ThreadsPerChild 16",
                 "MaxRequestWorkers 16", "MinSpareThreads 1", "MaxSpareThreads 16"]
        lines += ["LoadModule %s_module %s/mod_%s.so" % (name, self.MODULES_DIR, name) for name in self.MODULES]
        if os.geteuid() == 0:
            lines += ["User www-data", "Group www-data"]

        def unless(directive, value):
            if not re.search(r"(?mi)^%s\s" % directive, text):
                lines.append("%s %s" % (directive, value))

        lines.append("PidFile %s/httpd.pid" % self.folder)
        unless("ErrorLog", self.log)
        types = os.path.join(self.folder, "mime.types")
        if not os.path.exists(types):
            self.file("mime.types", "text/html html htm\ntext/plain txt\ntext/css css\n")
        unless("TypesConfig", types)
        if not re.search(r"(?mi)^ServerName\s", text):
            lines.append("ServerName main.example")
        # A site file leaves the listeners to the main file: they come from the addresses of its hosts, as wsrpc makes them.
        if not re.search(r"(?mi)^\s*Listen\s", text):
            found = [address for hosts in re.findall(r"(?mi)^\s*<VirtualHost\s+([^>]*)>", text) for address in hosts.split()]
            found = list(dict.fromkeys(re.sub(r"^(\*|_default_):", "", one) for one in found))
            lines += ["Listen " + address for address in found if address.isdigit() or address.rpartition(":")[2] not in found]
        return "\n".join(lines) + "\n"

    def start(self, text, waits=(), file="site.conf"):
        site = self.file("httpd-" + file, text)
        self.conf = self.file("httpd-main-" + file, self.prelude(text) + "Include %s\n" % site)
        own = re.search(r"(?m)^\s*PidFile\s+(\S+)", text)
        pid = os.path.join(self.folder, own[1] if own else "httpd.pid")
        if os.path.exists(pid):
            os.unlink(pid)
        self.ready = lambda: os.path.exists(pid)  # written when all addresses are bound
        self.launch([self.BINARY, "-f", self.conf, "-DFOREGROUND"], waits)
        return self

    def stop(self, number=signal.SIGTERM, seconds=2):
        """httpd lets a child with an open exchange linger for ten seconds; its manners at the end are not what is tested."""
        if self.process is None:
            return
        self.end(number, seconds, grace=0)


class Wsrpd(Server):
    """Ours: compiled by wsrpc, served by wsrpd from the folder of the table."""

    name = "wsrpd"

    def __init__(self, folder=None):
        super().__init__(folder)
        self.pid_option = ["-o", "pid=" + os.path.join(self.folder, "wsrpd.pid")]
        self.ready = lambda: self.control("status").returncode == 0

    @staticmethod
    def available():
        return os.access(env.WSRPD, os.X_OK) and os.access(env.WSRPC, os.X_OK)

    def compile(self, text, file="site.conf", table="site.bin", options=()):
        """wsrpc on the text; StartFailure with its diagnostics. Returns the table's path."""
        conf = self.file(file, text)
        out = os.path.join(self.folder, table)
        self.diagnostics = ""
        done = env.run([env.WSRPC, *options, conf, "-o", out], 60, cwd=self.folder)
        self.diagnostics = done.stderr.decode("utf-8", "replace")
        if done.returncode != 0 or SANITIZER.search(self.diagnostics):
            raise StartFailure("wsrpc ended with %d\n%s" % (done.returncode, self.diagnostics))
        return out

    def start(self, text, waits=(), file="site.conf", options=()):
        self.table = self.compile(text, file, options=self.compile_options)
        if re.search(r"(?mi)^pid(file)?\s", text):
            self.pid_option = []
        return self.serve(waits, options)

    def serve(self, waits=(), options=()):
        """wsrpd on the table compiled before."""
        self.launch([env.WSRPD, "-p", self.folder, *self.pid_option, *options, self.table], waits)
        return self

    def control(self, what, seconds=30):
        """wsrpd -s WHAT; returns the completed process."""
        return env.run([env.WSRPD, "-p", self.folder, *self.pid_option, "-s", what, self.table], seconds, cwd=self.folder)

    def explain(self, url, *options):
        """wsrpc explain on the table being served."""
        return env.run([env.WSRPC, "explain", self.table, url, *options], 30, cwd=self.folder)


def require(kind):
    """Skip the test where the system under test is not there."""
    if not kind.available():
        raise unittest.SkipTest("%s is not %s" % (kind.name, "built" if kind is Wsrpd else "installed"))


def subject():
    """The system that the shared end-to-end tests drive: wsrpd, or what WSRP_SUBJECT names, to try a test on nginx."""
    kind = Nginx if os.environ.get("WSRP_SUBJECT") == "nginx" else Wsrpd
    require(kind)
    return kind
