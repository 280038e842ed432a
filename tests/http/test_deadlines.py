# SPDX-License-Identifier: BSD-2-Clause
"""Workers that do not answer the master: each of these waits for its deadline of half a minute, all at the same time."""

import concurrent.futures
import os
import signal
import time
import unittest

from lib import client, env, servers

CONF = "worker_processes 2;\nerror_log stderr notice;\nevents { }\nhttp { access_log off; server { listen 127.0.0.1:%d; return 200 \"%s\"; } }\n"
DEADLINE = 30


def started():
    server, port = servers.Wsrpd(), env.free_port()
    server.start(CONF % (port, "old"), [("127.0.0.1", port)])
    server.port = port
    return server


def status(server):
    return server.control("status").stdout.decode()


def stop_a_new_worker(server):
    """Kill workers until a new one is caught before it serves; returns its number."""
    for _ in range(20):
        env.wait_until(lambda: "workers: 2" in status(server), 20, "both workers")
        before = set(server.children())
        os.kill(min(before), signal.SIGKILL)
        new = env.wait_until(lambda: set(server.children()) - before, 20, "a new worker", step=0)
        os.kill(min(new), signal.SIGSTOP)
        time.sleep(0.3)
        if "workers: 1" in status(server):
            return min(new)
        os.kill(min(new), signal.SIGCONT)
    raise AssertionError("every new worker answered before it could be stopped")


def hanging_at_its_start():
    """A worker that is started in place of a dead one: it is replaced by another, and a reload that waited for it goes on."""
    with started() as server:
        stopped = stop_a_new_worker(server)
        server.compile(CONF % (server.port, "new"))
        begin = time.monotonic()
        reload = server.control("reload", 2 * DEADLINE)
        assert 0.8 * DEADLINE < time.monotonic() - begin < 1.5 * DEADLINE * env.SLOW, time.monotonic() - begin
        assert reload.returncode == 0, reload.stderr
        assert stopped not in server.children()
        assert "(pid %d) does not serve %d s after its start: it is killed" % (stopped, DEADLINE) in server.errors(), server.errors()
        assert client.get(("127.0.0.1", server.port)).body == b"new"
        assert "workers: 2" in status(server)


def hanging_at_a_reload():
    """A worker that does not answer an offer: the reload is refused, the old table goes on."""
    with started() as server:
        stopped = min(server.children())
        os.kill(stopped, signal.SIGSTOP)
        server.compile(CONF % (server.port, "new"))
        reload = server.control("reload", 2 * DEADLINE)
        os.kill(stopped, signal.SIGCONT)
        assert reload.returncode != 0 and b"a worker did not answer in time" in reload.stderr + reload.stdout, reload
        assert client.get(("127.0.0.1", server.port)).body == b"old"
        assert server.control("reload").returncode == 0
        assert client.get(("127.0.0.1", server.port)).body == b"new"


class Deadlines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.require(servers.Wsrpd)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.results = {function: pool.submit(function) for function in (hanging_at_its_start, hanging_at_a_reload)}

    def test_a_restarted_worker_that_hangs_is_replaced(self):
        self.results[hanging_at_its_start].result()

    def test_a_worker_that_hangs_at_a_reload_refuses_it(self):
        self.results[hanging_at_a_reload].result()


if __name__ == "__main__":
    unittest.main()
