# SPDX-License-Identifier: BSD-2-Clause
"""What the Apache cases prove, under the real httpd alone: without a marked line the record is another.

`Coverage` counts cases and requests.
"""

import os
import re
import unittest

import judge
from cases import CASES
from judge import harness, servers
from known import calmed
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

    def test_every_directive_of_the_dialect_has_a_case(self):
        """Rows that act (exactly or with a difference) are named by a case; a section by its tag."""
        rows = env.read(os.path.join(env.TOP, "grammar", "directives_apache.def"))
        acting = {name for name, verdict in re.findall(r'D\(APACHE, "([^"]+)",(?:[^"]|"(?:[^"\\]|\\.)*")*?\b(EXACT|DIFFERS|INERT|REFUSED|THIRD_PARTY|OURS),', rows) if verdict in ("EXACT", "DIFFERS")}
        named = {word.lower() for case in CASES for text in [case.text, *case.files.values()] for word in re.findall(r"(?m)^\s*<?([A-Za-z]\w*)", text)}
        self.assertGreater(len(acting), 40)
        self.assertFalse(sorted(name for name in acting if name.lower() not in named))

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
