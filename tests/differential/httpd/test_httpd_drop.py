# SPDX-License-Identifier: BSD-2-Clause
"""What the Apache cases prove, under the real httpd alone: without a marked line the record is another.

`Coverage` counts cases and requests, and looks for a case for every row of the directive table.
"""

import os
import unittest

import judge
import rows_shown
from cases import CASES
from judge import harness, servers
from known import BESIDE, LIST, UNCOVERED, WAITING, calmed
from observed import OBSERVED
from lib import env


def recorded(case, text=None):
    """httpd's record, without what no configuration decides."""
    return calmed(case, harness.record(case, judge.servers.Httpd, text))


def without_each(case):
    """What is wrong with the marks of one case, as text; None = nothing."""
    base, again = recorded(case), recorded(case)
    if not base.started:
        return base.seen.get("failure")
    unsteady = harness.difference({"rows": base.rows, "seen": base.seen}, {"rows": again.rows, "seen": again.seen}, judge="first")
    if unsteady:
        return "two runs of the same differ:\n" + "\n".join(unsteady)
    silent = ["line %d: %s" % (number + 1, code) for number, code, text in case.lines_to_drop() if recorded(case, text) == base]
    return "nothing changes without\n" + "\n".join(silent) if silent else None


class Coverage(unittest.TestCase):
    """The counts that the harness promises."""

    def test_size(self):
        self.assertGreaterEqual(len(CASES), 50)
        self.assertGreaterEqual(sum(len(case.rows) for case in CASES), 400)

    def test_every_acting_row_has_a_case(self):
        """A marked line of a compared case or a test elsewhere shows each row that acts; known.UNCOVERED names those that have none yet, and no others."""
        self.assertGreater(len(rows_shown.acting()), 160)
        self.assertEqual(sorted(set(rows_shown.without_a_case()) - set(UNCOVERED)), [])
        self.assertEqual(rows_shown.stale(), [])

    def test_named_differences_are_shown(self):
        """Each is used by a compared case, and each deviation beside them by its test: docs/APACHE.md names both."""
        used = {name for case in CASES if case.word not in WAITING for name in case.differs}
        self.assertEqual(sorted(set(LIST.by_name) - used), [])
        for what, where in BESIDE:
            path, _, test = where.partition(" ")
            self.assertRegex(env.read(os.path.join(env.TOP, path)), r"\bdef %s\(" % test, what)

    def test_observations_are_shown(self):
        """Each statement of observed.py names cases that are compared, tests, or files of messages; all of them are there."""
        compared = {case.name for case in CASES if case.word not in WAITING}
        for statements in OBSERVED.values():
            for statement, *places in statements:
                self.assertTrue(places, statement)
                for place in places:
                    path, _, test = place.partition(" ")
                    if not path.startswith("tests/"):
                        self.assertIn(place, compared, statement)
                    elif test:
                        self.assertRegex(env.read(os.path.join(env.TOP, path)), r"\bdef %s\(" % test, statement)
                    else:
                        self.assertTrue(os.path.exists(os.path.join(env.TOP, path)), statement)

    def test_every_case_has_marked_lines(self):
        self.assertFalse([case.name for case in CASES if not any(True for _ in case.lines_to_drop())])


class Drop(unittest.TestCase):
    """Filled in below, one test for each case."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Httpd)
        cls.records = harness.together(without_each, cases=CASES)


def add(case):
    def drop(self):
        problem = harness.result(self, case)
        if problem:
            self.fail("%s: %s" % (case.name, problem))

    setattr(Drop, "test_%s" % case.word, drop)


for one_case in CASES:
    add(one_case)

if __name__ == "__main__":
    unittest.main()
