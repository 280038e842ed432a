# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the main and events blocks: each case has a daemon of its own."""

import os
import pwd
import re
import signal
import subprocess
import time

from lib import env

from . import case, unseen
from .probes import WEBSOCKET

MAIN = """LINE;
events { EVENTS }
http { access_log off; server { listen 127.0.0.1:PORT; location / { HERE } } }
"""


def main(here="return 200 here;", events="", line="LINE;"):
    return MAIN.replace("LINE;", line).replace("HERE", here).replace("EVENTS", events)


IN_EVENTS = main(events="LINE;", line="")


def worker_user(p):
    return pwd.getpwuid(int(re.search(r"(?m)^Uid:\s+(\d+)", env.read("/proc/%d/status" % p.server.children()[0]))[1])).pw_name


def open_files(p):
    """The limit of the worker, once it has set it."""
    def limit():
        return int(re.search(r"(?m)^Max open files\s+(\d+)", env.read("/proc/%d/limits" % p.server.children()[0]))[1])
    try:
        return env.wait_until(lambda: limit() < 1000 and limit(), 2)
    except TimeoutError:
        return limit()


def worker_count(p):
    """The number of workers once it stays what it is: the first one accepts before the last one is there."""
    try:
        env.wait_until(lambda: len(p.server.children()) > 1, 0.5)
    except TimeoutError:
        pass
    time.sleep(0.2)
    return len(p.server.children())


def last_is_served(p):
    """With 39 connections within their first request: is a request on one more answered?"""
    links = []
    try:
        for _ in range(40):
            links.append(p.connect())
            links[-1].send(b"GET / HTTP/1.1\r\nHost: ")
            time.sleep(0.005)
        links[-1].send(b"x\r\n\r\n")
        try:
            return links[-1].response(seconds=1).status == 200
        except OSError:
            return False
    finally:
        for link in links:
            link.close()


def ends_soon(p):
    """Does a daemon with an open tunnel end within two seconds of QUIT?"""
    with p.connect() as link:
        assert link.ask("/chat", fields=WEBSOCKET).status == 101
        p.server.kill(signal.SIGQUIT)
        try:
            p.server.process.wait(2 * env.SLOW)
            return True
        except subprocess.TimeoutExpired:
            return False


def pid_files(p):
    names = [name for name in ("first.pid", "second.pid") if env.read(p.path(name)).strip() == str(p.server.process.pid)]
    return names[0] if len(names) == 1 else names


def foreground(p):
    """Is the process that was started the master? The other one is ended here."""
    if p.server.process is not None:
        try:
            p.server.process.wait(0.7 * env.SLOW)
        except subprocess.TimeoutExpired:
            return True
    pid = int(env.wait_until(lambda: env.read(p.path("own.pid")).strip(), 3))
    os.kill(pid, signal.SIGTERM)
    env.wait_until(lambda: not os.path.exists("/proc/%d" % pid), 5)
    return False


def log_file(p):
    time.sleep(0.1)
    return [name for name in ("one.log", "two.log") if env.read(p.path(name))]


unseen("events", "", None, "the block has no argument; each directive inside has a row", main="LINE { }", same_table=True)
unseen("http", "", None, "the block has no argument; each directive inside has a row", main="events { } LINE { }", same_table=True)
case("user", "nobody nogroup", "daemon", "process", ("nobody", "daemon"), worker_user, main=main(), root=True)
case("worker_processes", "1", "3", "process", (1, 3), worker_count, main=main())
case("worker_connections", "20", "500", "connection", (False, True), last_is_served, main=IN_EVENTS)
case("worker_rlimit_nofile", "333", "444", "process", (333, 444), open_files, main=main())
case("worker_shutdown_timeout", "300ms", "1h", "time", (True, False), ends_soon, main=main("proxy_pass http://BACKEND; websocket on;"))
case("pid", "first.pid", "second.pid", "process", ("first.pid", "second.pid"), pid_files, main=main())
case("daemon", "off", "on", "process", (True, False), foreground, main=main(line="LINE; pid own.pid;"), dead=True)
case("error_log", "one.log notice", "two.log notice", "log", (["one.log"], ["two.log"]), log_file, main=main())
unseen("multi_accept", "on", "off", "how many waiting connections one turn of the loop accepts is not seen by any of them", main=IN_EVENTS)
