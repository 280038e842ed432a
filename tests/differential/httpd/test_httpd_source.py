# SPDX-License-Identifier: BSD-2-Clause
"""What `wsrpc dump --source=nginx` prints is served like the table it was printed from: cases of the differential tests, wsrpd on both.

A case is compiled from Apache's text and served; then its table is printed, the text compiled, and that table served.
"""

import re
import unittest

import judge  # noqa: F401 (first: it makes the shared harness importable)
from cases import CASES
from judge import harness, servers
from known import calmed
from lib import env


class Printed(servers.Wsrpd):
    """wsrpd on the table of the text that its first table was printed as."""

    def compile(self, text, file="site.conf", table="site.bin", options=()):
        first = super().compile(text, file, "first.bin", options)
        done = env.run([env.WSRPC, "dump", "--source=nginx", first], 60, cwd=self.folder)
        if done.returncode != 0:
            raise servers.StartFailure("wsrpc dump ended with %d\n%s" % (done.returncode, done.stderr.decode("utf-8", "replace")))
        return super().compile(done.stdout.decode("utf-8", "surrogateescape"), "printed.conf", table)


def timeless(case, records):
    """Without what differs between two runs of one server: its log's own clock and process numbers."""
    records = calmed(case, records)
    for what, text in records.seen.items():
        if isinstance(text, str):
            records.seen[what] = re.sub(r"\d\d:\d\d:\d\d|\[?pid \d+\]?|\b\d+#\d+", "N", text)
    return records


def both(case):
    return timeless(case, harness.record(case, servers.Wsrpd)), timeless(case, harness.record(case, Printed))


class Served(unittest.TestCase):
    """Filled in below, one test for each case."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Wsrpd)
        cls.records = harness.together(both, cases=CASES)


def add(case):
    def same(self):
        harness.check_same(self, case, *harness.result(self, case), judge="direct")

    setattr(Served, "test_%s__%s" % (case.area.replace(" ", "_"), case.word), same)


for one_case in CASES:
    add(one_case)

if __name__ == "__main__":
    unittest.main()
