# SPDX-License-Identifier: BSD-2-Clause
"""The differential tests of the Apache dialect: every case under httpd and under wsrpd, the records equal but for known.py."""

import unittest

import judge  # noqa: F401 (first: it makes the shared harness importable)
from cases import CASES
from explained import check_explain
from judge import harness, servers
from known import WAITING, calmed, neutralised


def both(case):
    """The records of httpd and of wsrpd."""
    return calmed(case, harness.record(case, servers.Httpd)), calmed(case, harness.record(case, servers.Wsrpd, explain=check_explain if case.explain else None))


class Differential(unittest.TestCase):
    """Filled in below, one test for each case."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Httpd)
        servers.require(servers.Wsrpd)
        cls.records = harness.together(both, cases=[case for case in CASES if case.word not in WAITING])


def add(case):
    def same(self):
        theirs, ours = harness.result(self, case)
        self.assertTrue(theirs.started, theirs.seen.get("failure"))
        self.assertTrue(ours.started, ours.seen.get("failure"))
        problems = []
        for row, left, right in zip(case.rows, theirs.rows, ours.rows):
            lines = harness.difference(neutralised(case, row, left), neutralised(case, row, right), judge="httpd")
            problems += ["%r" % (row if row.raw is None else row.raw[:100])] + ["    " + line for line in lines] if lines else []
        problems += harness.difference(theirs.seen, ours.seen, "seen", judge="httpd")
        if problems:
            self.fail("%s\n%s" % (case.name, "\n".join(problems)))

    def explain(self):
        _, ours = harness.result(self, case)
        self.assertTrue(ours.started, ours.seen.get("failure"))
        if ours.explained:
            self.fail("%s\n%s" % (case.name, "\n".join(ours.explained)))

    word = "test_%s__%s" % (case.area.replace(" ", "_"), case.word)
    setattr(Differential, word, same)
    if case.explain:
        setattr(Differential, word + "__explain", explain)


for one_case in CASES:
    if one_case.word not in WAITING:
        add(one_case)

if __name__ == "__main__":
    unittest.main()
