# SPDX-License-Identifier: BSD-2-Clause
"""The differential tests of the Apache dialect: every case under httpd and under wsrpd, the records equal but for known.py."""

import os
import unittest

import judge  # noqa: F401 (first: it makes the shared harness importable)
from cases import CASES
from explained import check_explain
from judge import harness, servers
from known import LIST, WAITING, calmed
from lib import env


class Rules:
    """The line of the text that wsrpd names in its access log, row by row. A case with logs of its own is left as it is."""

    compared = 0  # in all cases together

    def __init__(self, case):
        self.text = None if "CustomLog" in case.text or "TransferLog" in case.text else case.text + '\nCustomLog rules.log "%{WSRP_RULE}e %r"\n'
        self.lines = 0

    def logged(self, folder, row):
        """The rule of this request, the newest; None when nothing was logged for it (rows of bytes come without being asked about)."""
        def lines():
            return env.read(os.path.join(folder, "rules.log")).splitlines()

        wanted = " %s %s HTTP/%s" % (row.method, row.target.replace("\\", "\\\\"), row.version)
        try:
            env.wait_until(lambda: len(lines()) > self.lines and lines()[-1].endswith(wanted), 1)
        except TimeoutError:
            return None
        self.lines = len(lines())
        Rules.compared += 1
        return lines()[-1].split(" ")[0]

    def check(self, case, row, got, server):
        return check_explain(case, row, got, server, self.logged(server.folder, row) if self.text and got["end"] == "answered" else None)


def both(case):
    """The records of httpd and of wsrpd."""
    rules = Rules(case)
    ours = harness.record(case, servers.Wsrpd, rules.text, rules.check) if case.explain else harness.record(case, servers.Wsrpd)
    return calmed(case, harness.record(case, servers.Httpd)), calmed(case, ours)


class Differential(unittest.TestCase):
    """Filled in below, one test for each case."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Httpd)
        servers.require(servers.Wsrpd)
        cls.records = harness.together(both, cases=[case for case in CASES if case.word not in WAITING])

    def test_lines_of_rules_are_compared(self):
        """What explain names and what the access log names, for most requests."""
        self.assertGreater(Rules.compared, 600)


def add(case):
    def same(self):
        harness.check_same(self, case, *harness.result(self, case), LIST.without)

    def explain(self):
        harness.check_explained(self, case, harness.result(self, case)[1])

    word = "test_%s__%s" % (case.area.replace(" ", "_"), case.word)
    setattr(Differential, word, same)
    if case.explain:
        setattr(Differential, word + "__explain", explain)


for one_case in CASES:
    if one_case.word not in WAITING:
        add(one_case)

if __name__ == "__main__":
    unittest.main()
