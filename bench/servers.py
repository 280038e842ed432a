# SPDX-License-Identifier: BSD-2-Clause
"""The servers of a benchmark: configuration, start on one core, stop by process id.

Each offers the same on loopback: a clear port and a TLS port that proxy to the echo backend over kept-alive connections
and carry WebSocket, and a port that answers every request with a redirect.  Three paths differ: /file.html is a file of
1 KB (not of HAProxy's), /unkept is proxied over a connection of its own each time, which is what a proxy_pass without
more does, and /logged is written to an access log (not by HAProxy).  One worker each (the Context may say more),
otherwise no access log and the defaults people run with.  nginx and wsrp read the same configuration text.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.append(os.path.join(TOP, "tests"))
from lib import processes  # noqa: E402 (the path to it is set above)

NGINX_CONF = """\
worker_processes {workers};
pid {work}/{name}.pid;
error_log {work}/{name}.log error;
events {{
    worker_connections 18000;
}}
http {{
    access_log off;
    keepalive_requests 100000000;
{paths}
    upstream echo {{
        server 127.0.0.1:{backend};
        keepalive 512;
        keepalive_requests 100000000;
    }}
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        ''      '';
    }}
    server {{
        listen 127.0.0.1:{clear};
        listen 127.0.0.1:{tls} ssl;
        server_name localhost;
        ssl_certificate {work}/cert.pem;
        ssl_certificate_key {work}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 1h;
        location / {{
            proxy_pass http://echo;
        }}
        location = /logged {{
            proxy_pass http://echo/small;
            access_log {work}/{name}-access.log;
        }}
        location = /file.html {{
            root {work};
        }}
        location = /unkept {{
            proxy_pass http://127.0.0.1:{backend}/small;
            proxy_http_version 1.0;
            proxy_set_header Connection close;
        }}
    }}
    server {{
        listen 127.0.0.1:{redirect};
        return 301 https://$host$request_uri;
    }}
}}
"""

NGINX_PATHS = """\
    client_body_temp_path {work}/nginx-body;
    proxy_temp_path {work}/nginx-proxy;
    fastcgi_temp_path {work}/nginx-fastcgi;
    uwsgi_temp_path {work}/nginx-uwsgi;
    scgi_temp_path {work}/nginx-scgi;
"""

HAPROXY_CONF = """\
global
    nbthread {workers}
    maxconn 9000
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    option forwardfor
frontend clear
    bind 127.0.0.1:{clear}
    http-request set-header X-Forwarded-Proto http
    use_backend unkept if {{ path /unkept }}
    default_backend echo
frontend tls
    bind 127.0.0.1:{tls} ssl crt {work}/both.pem alpn http/1.1
    http-request set-header X-Forwarded-Proto https
    default_backend echo
frontend redirect
    bind 127.0.0.1:{redirect}
    http-request redirect scheme https code 301
backend echo
    http-reuse always
    server echo 127.0.0.1:{backend}
backend unkept
    http-reuse never
    option http-server-close
    http-request set-path /small
    server echo 127.0.0.1:{backend}
"""


class StartFailed(Exception):
    """A server that did not come up; the text says why."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def make_certificate(work):
    """A self-signed ECDSA P-256 certificate: cert.pem, key.pem, and both.pem for HAProxy."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", f"{work}/key.pem", "-out", f"{work}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    os.chmod(f"{work}/key.pem", 0o644)
    with open(f"{work}/both.pem", "w", encoding="ascii") as both:
        for part in ("cert.pem", "key.pem"):
            with open(f"{work}/{part}", encoding="ascii") as f:
                both.write(f.read())


def wait_for_port(port, process, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(f"exit code {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise StartFailed(f"port {port} does not answer")


def on_core(core, command):
    return ["taskset", "-c", str(core)] + command


class Server:
    """One server under test; `clear`, `tls` and `redirect` are its ports."""

    name = ""

    # `wrapper` of start() is a tool and its options to run the program under.

    def __init__(self, context):
        self.context = context
        self.clear, self.tls, self.redirect = free_ports(3)
        self.processes = []

    def write(self, file, text):
        path = os.path.join(self.context.work, file)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def fill(self, text, **more):
        return text.format(work=self.context.work, name=self.name, workers=self.context.workers, backend=self.context.backend_port, clear=self.clear,
                           tls=self.tls, redirect=self.redirect, **more)

    def spawn(self, command, port, wrapper=()):
        log = open(os.path.join(self.context.work, f"{self.name}.out"), "ab")
        command = on_core(self.context.server_core, list(wrapper) + command)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.context.work, process_group=0)
        log.close()
        self.processes.append(process)
        try:
            wait_for_port(port, process, 60)
        except StartFailed as reason:
            self.stop()
            with open(os.path.join(self.context.work, f"{self.name}.out"), encoding="utf-8", errors="replace") as f:
                raise StartFailed(f"{self.name}: {reason}\n{f.read()[-2000:]}") from None

    def pids(self):
        return [process.pid for process in self.processes]

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            processes.end(process, signal.SIGTERM, 10)
        self.processes = []


class Nginx(Server):
    name = "nginx"

    def start(self, wrapper=()):
        paths = NGINX_PATHS.format(work=self.context.work)
        conf = self.write("nginx.conf", self.fill(NGINX_CONF, paths=paths))
        self.spawn([shutil.which("nginx") or "/usr/sbin/nginx", "-c", conf, "-p", self.context.work, "-g", "daemon off;"], self.clear,
                   wrapper)

    @staticmethod
    def version():
        out = subprocess.run([shutil.which("nginx") or "/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True)
        return out.stderr.strip().rpartition("/")[2]


class Haproxy(Server):
    name = "haproxy"

    def start(self, wrapper=()):
        conf = self.write("haproxy.cfg", self.fill(HAPROXY_CONF))
        self.spawn([shutil.which("haproxy") or "/usr/sbin/haproxy", "-W", "-f", conf], self.clear, wrapper)

    @staticmethod
    def version():
        out = subprocess.run([shutil.which("haproxy") or "/usr/sbin/haproxy", "-v"], capture_output=True, text=True, check=True)
        return out.stdout.split()[2]


# What wsrpd answers a redirect with, so that the floor sends as much.
PAGE = ("<!DOCTYPE html>\n<html><head><title>301 Moved Permanently</title></head>\n<body><h1>301 Moved Permanently</h1><hr><p>wsrp/0.1.0</p>"
        "</body></html>\n")
REDIRECT = ("HTTP/1.1 301 Moved Permanently\r\nServer: wsrp/0.1.0\r\nDate: Sat, 21 Nov 2026 08:00:00 GMT\r\nContent-Type: text/html\r\n"
            f"Content-Length: {len(PAGE)}\r\nLocation: https://127.0.0.1/some/path?x=1\r\n\r\n{PAGE}")


class Relay(Server):
    """The floor: no HTTP; its redirect is the same bytes for whatever it reads."""

    name = "relay"

    def start(self, wrapper=()):
        relay = os.path.join(self.context.build, "bench", "relay")
        backend = f"127.0.0.1:{self.context.backend_port}"
        self.spawn([relay, "-l", f"127.0.0.1:{self.clear}", "-u", backend], self.clear, wrapper)
        self.spawn([relay, "-l", f"127.0.0.1:{self.tls}", "-u", backend, "-c", f"{self.context.work}/cert.pem", "-k",
                    f"{self.context.work}/key.pem"], self.tls, wrapper)
        answer = os.path.join(self.context.work, "redirect.txt")
        with open(answer, "w", encoding="ascii", newline="") as f:
            f.write(REDIRECT)
        self.spawn([relay, "-l", f"127.0.0.1:{self.redirect}", "-a", answer], self.redirect, wrapper)

    @staticmethod
    def version():
        return "of this tree"


class Wsrp(Server):
    name = "wsrp"

    def start(self, wrapper=()):
        conf = self.write("wsrp.conf", self.fill(NGINX_CONF, paths=""))
        table = os.path.join(self.context.work, "wsrp.bin")
        done = subprocess.run([os.path.join(self.context.build, "wsrpc"), conf, "-o", table], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StartFailed(f"wsrpc: {done.stderr}")
        self.spawn([os.path.join(self.context.build, "wsrpd"), "-p", self.context.work, table], self.clear, wrapper)

    def version(self):
        out = subprocess.run([os.path.join(self.context.build, "wsrpd"), "--version"], capture_output=True, text=True, check=True)
        return out.stdout.splitlines()[0].split()[1]


class Context:
    """What all servers of one run share: the work folder with the certificate, the backend, the cores."""

    def __init__(self, work, build, server_core=0, load_core=1, workers=1):
        self.work = work
        self.build = build
        self.workers = workers
        self.server_core = server_core
        self.load_core = load_core
        os.chmod(work, 0o1777)  # workers without rights write the counts of callgrind here
        make_certificate(work)
        with open(os.path.join(work, "file.html"), "w", encoding="ascii") as f:
            f.write(1023 * "x" + "\n")
        self.backend = subprocess.Popen(on_core(load_core, [os.path.join(build, "wsr-echo"), "-l", "127.0.0.1:0"]),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.backend_port = int(self.backend.stdout.readline().rpartition(":")[2])

    def close(self):
        self.backend.terminate()
        self.backend.wait(10)
        self.backend.stdout.close()
