# SPDX-License-Identifier: BSD-2-Clause
"""The differential tests: every case under nginx and under wsrpd, with `wsrpc explain` beside.

For each case two tests: `same` (records equal but for differences.py) and `explain` (what explain says against what was recorded).
The records of all cases are made before the first test, a few cases at a time, since most of their time is waiting.
"""

import unittest

import harness
from cases import CASES
from differences import LIST
from explained import check_explain
from lib import servers


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
        harness.check_same(self, case, *harness.result(self, case), LIST.without)

    def explain(self):
        harness.check_explained(self, case, harness.result(self, case)[1])

    setattr(Differential, "test_%s__same" % case.word, same)
    if case.explain:
        setattr(Differential, "test_%s__explain" % case.word, explain)


for one_case in CASES:
    add(one_case)

if __name__ == "__main__":
    unittest.main()
