# SPDX-License-Identifier: BSD-2-Clause
"""The differential tests: every case under nginx and under wsrpd, with `wsrpc explain` beside.

For each case two tests: `same` (records equal but for differences.py) and `explain` (what explain says against what was recorded).
The records of all cases are made before the first test, a few cases at a time, since most of their time is waiting.
"""

import copy
import unittest

import differences
import harness
from cases import CASES
from explained import check_explain
from lib import servers


def neutralised(case, row, one):
    """The record of a row without what may differ."""
    one = copy.deepcopy(one)
    one.pop("reason", None)
    for function in differences.NEUTRAL + [differences.NAMED[name] for name in case.differs]:
        function(row, one)
    return one


def both(case):
    """The records of nginx and of wsrpd."""
    return harness.record(case, servers.Nginx), harness.record(case, servers.Wsrpd, explain=check_explain if case.explain else None)


class Differential(unittest.TestCase):
    """Filled in below, two tests for each case."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Nginx)
        servers.require(servers.Wsrpd)
        cls.records = harness.together(both)


def add(case):
    def same(self):
        theirs, ours = harness.result(self, case)
        self.assertTrue(theirs.started, theirs.seen.get("failure"))
        self.assertTrue(ours.started, ours.seen.get("failure"))
        problems = []
        for row, left, right in zip(case.rows, theirs.rows, ours.rows):
            lines = harness.difference(neutralised(case, row, left), neutralised(case, row, right))
            problems += ["%r" % row] + ["    " + line for line in lines] if lines else []
        problems += harness.difference(theirs.seen, ours.seen, "seen")
        if problems:
            self.fail("%s\n%s" % (case.name, "\n".join(problems)))

    def explain(self):
        _, ours = harness.result(self, case)
        self.assertTrue(ours.started, ours.seen.get("failure"))
        if ours.explained:
            self.fail("%s\n%s" % (case.name, "\n".join(ours.explained)))

    setattr(Differential, "test_%s__same" % case.word, same)
    if case.explain:
        setattr(Differential, "test_%s__explain" % case.word, explain)


for one_case in CASES:
    add(one_case)

if __name__ == "__main__":
    unittest.main()
