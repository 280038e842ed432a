# SPDX-License-Identifier: BSD-2-Clause
"""The servers of the tests themselves: after stop() no process of theirs is left and the address is free, however they end."""

import os
import signal
import sys
import unittest

from lib import env, processes, servers

# Listens, forks a child which has the listener too and does not care about SIGTERM, and writes the child's number.
STUBBORN = """
import os, signal, socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("child.part", "w") as out:
        out.write(str(os.getpid()))
    os.rename("child.part", "child")
    time.sleep(60)
    os._exit(0)
while not os.path.exists("child"):
    time.sleep(0.01)
if sys.argv[2] == "stays":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("ready", "w")
time.sleep(60)
"""


class Stop(unittest.TestCase):
    def started(self, kind, how):
        """A server of this kind whose program is the one above; (server, its address, the child's number)."""
        server = kind()
        address = ("127.0.0.1", env.free_port())
        server.ready = lambda: os.path.exists(os.path.join(server.folder, "ready"))
        server.launch([sys.executable, "-c", STUBBORN, str(address[1]), how], [address])
        return server, address, int(env.read(os.path.join(server.folder, "child")))

    def check_gone(self, address, child):
        self.assertFalse(processes.alive(child))
        self.assertTrue(env.free(address))

    def test_children_of_a_judge_are_waited_for(self):
        """httpd's parent ends, or is killed after its two seconds; its child holds the address until it is killed too."""
        for how in ("leaves", "stays"):
            with self.subTest(how=how):
                server, address, child = self.started(servers.Httpd, how)
                self.assertFalse(env.free(address))
                server.stop()
                self.check_gone(address, child)

    def test_children_of_a_parent_that_died(self):
        server, address, child = self.started(servers.Httpd, "leaves")
        server.process.kill()
        server.process.wait()
        server.stop()
        self.check_gone(address, child)

    def test_children_of_ours_may_not_be_left(self):
        """wsrpd has to see to its workers itself."""
        for how, said in (("leaves", "left 1 processes behind"), ("stays", "did not end")):
            with self.subTest(how=how):
                server, address, child = self.started(servers.Wsrpd, how)
                with self.assertRaisesRegex(AssertionError, said):
                    server.stop(seconds=1)
                self.check_gone(address, child)

    def test_a_start_that_fails_leaves_nothing(self):
        """The program ends before it is ready, but its child does not."""
        server, address = servers.Httpd(), ("127.0.0.1", env.free_port())
        server.ready = lambda: os.kill(server.process.pid, signal.SIGKILL)
        with self.assertRaises(servers.StartFailure):
            server.launch([sys.executable, "-c", STUBBORN, str(address[1]), "leaves"], [address])
        child = os.path.join(server.folder, "child")
        self.assertIsNone(server.process)
        self.assertTrue(env.free(address))
        self.assertFalse(os.path.exists(child) and processes.alive(int(env.read(child))))


if __name__ == "__main__":
    unittest.main()
