# SPDX-License-Identifier: BSD-2-Clause
"""Every row of grammar/directives.def: right and wrong arguments, its verdict, and what its argument changes.

The rows come from the table itself, their cases from tests/directives.  For each row with an effect only the argument differs between two
configurations: the tables must differ, and what the case's probe sees must be what the case says.  A row without a case fails.
"""

import os
import re
import sys
import unittest

from lib import env

sys.path.insert(0, os.path.join(env.TOP, "tools"))
import directive_table  # noqa: E402 (the folder is known only now)
import gen_docs  # noqa: E402
from directives import cases, harness, has_effect, words  # noqa: E402

ROWS = directive_table.rows()
BATCH = 60  # statements compiled together; the compiler stops printing after a hundred errors

# How to get into a context: text in front and behind.
INSIDE = {
    "main": ("", "\nevents { }\n"),
    "events": ("events { ", " }"),
    "http": ("events { } http { ", " }"),
    "server": ("events { } http { server { listen 127.0.0.1:9; ", " } }"),
    "location": ("events { } http { server { listen 127.0.0.1:9; location /l { ", " } } }"),
    "if in server": ("events { } http { server { listen 127.0.0.1:9; if ($host = x) { ", " } } }"),
    "if in location": ("events { } http { server { listen 127.0.0.1:9; location /l { if ($host = x) { ", " } } } }"),
    "upstream": ("events { } http { upstream some_group { ", " server 127.0.0.1:9; } }"),
    "map": ("events { } http { map $host $some_map { ", " } }"),
    "types": ("events { } http { types { ", " } }"),
    "limit_except": None,  # the block itself is refused
}
MESSAGE = re.compile(r"(?m)^[^\n:]*:(\d+):(\d+): (error|warning|note): (.*?)(?: \[([a-z-]+)\])?$((?:\n +.*)*)")


def is_map_case(row, arguments):
    """In a map these names with another number of words are cases like any others."""
    return row.contexts == ["map"] and row.name in ("hostnames", "volatile") and arguments


class Message:
    def __init__(self, found):
        self.line, self.level, self.text, self.check = int(found[1]), found[3], found[4], found[5]
        self.notes = re.findall(r"(?m)^ +[|=] note: (.*)$", found[6])

    def __repr__(self):
        return "%s: %s [%s] %r" % (self.level, self.text, self.check, self.notes)


def setUpModule():
    if not os.access(env.WSRPC, os.X_OK):
        raise unittest.SkipTest("wsrpc is not built")


def lint(text):
    """The messages of the compiler's front half on a text, by line; everything else it printed is a failure."""
    done = env.run([env.WSRPC, "lint", "-"], 30, input=text.encode())
    out = done.stderr.decode("utf-8", "replace")
    if done.returncode not in (0, 1):
        raise AssertionError("wsrpc lint ended with %d\n%s\n%s" % (done.returncode, out, text))
    return done.returncode, [Message(found) for found in MESSAGE.finditer(out)]


def example_name(row):
    """A name that the row's pattern fits and no other row has."""
    if row.name == "*":
        return "some-word"
    return row.name.replace("*", "zzz") if row.is_pattern else row.name


def statement(row, arguments):
    text = (example_name(row) + " " + arguments).strip()
    return text + (" { }" if words.has_block(row.signature) else ";")


def home(row):
    """The first context of a row that a text can get into."""
    for context in (["http"] if row.anywhere else row.contexts):
        if INSIDE.get(context):
            return context
    return None


class Table(unittest.TestCase):
    """The table as such."""

    def test_names_are_looked_up_once(self):
        """No two rows have one name in one context."""
        known = set()
        for row in directive_table.rows(None):
            name = row.name.lower() if row.dialect == "APACHE" else row.name
            for context in () if row.anywhere else row.contexts:
                self.assertNotIn((row.dialect, name, context), known, row)
                known.add((row.dialect, name, context))

    def test_rows_that_need_a_note_have_one(self):
        for row in directive_table.rows(None):
            with self.subTest(row):
                self.assertEqual(row.note is not None, row.verdict in ("DIFFERS", "INERT", "REFUSED", "THIRD_PARTY") or "OBSOLETE" in row.policy)
                self.assertRegex(row.sentence, r"\.$")

    def test_list_of_the_compiler(self):
        """wsrpc --directives prints the rows in the order of the file."""
        out = env.run([env.WSRPC, "--directives"]).stdout.decode()
        heads = [line for line in out.splitlines() if not line.startswith(" ")]
        self.assertEqual(heads, ["%s %s" % (row.name, row.signature) for row in directive_table.rows(None)])


class Arguments(unittest.TestCase):
    """Each row in a configuration that passes and in one that fails, by its signature."""

    def batches(self, lines):
        """Compile (row, arguments, expectation) lines together, one configuration a context; yields (row, expectation, messages)."""
        for context, (front, behind) in ((c, i) for c, i in INSIDE.items() if i):
            mine = [one for one in lines if home(one[0]) == context]
            # A directive that may stand once in a block would be reported as repeated: the n-th use of a row goes into the n-th text.
            while mine:
                now, later, used = [], [], set()
                for one in mine:
                    (later if one[0] in used or len(now) == BATCH else now).append(one)
                    used.add(one[0])
                mine = later
                text = front + "\n" + "".join(statement(row, arguments) + "\n" for row, arguments, _ in now) + behind
                _, messages = lint(text)
                for number, (row, _, expectation) in enumerate(now):
                    yield row, expectation, [m for m in messages if m.line == number + 2]

    def test_wrong_arguments(self):
        lines = [(row, arguments, (arguments, check)) for row in ROWS if row.verdict not in ("REFUSED", "THIRD_PARTY")
                 for arguments, check in words.bad(row.signature) if not is_map_case(row, arguments)]
        checked = set()
        for row, (arguments, check), messages in self.batches(lines):
            with self.subTest(row, arguments=arguments):
                errors = [m for m in messages if m.level == "error"]
                self.assertEqual(len(errors), 1, messages)
                if check:
                    self.assertEqual(errors[0].check, check, errors)
            checked.add(row)
        missing = [row for row in ROWS if row not in checked and home(row) and row.verdict not in ("REFUSED", "THIRD_PARTY")]
        self.assertEqual([row.name for row in missing], ["hostnames", "volatile", "*"], "rows of which no wrong argument was tried")

    def test_wrong_context(self):
        for context, (front, behind) in ((c, i) for c, i in INSIDE.items() if i):
            if context in ("map", "types"):
                continue  # every word is one of theirs
            names = {row.name for row in ROWS if context in row.contexts}
            strangers = [row for row in ROWS if row.name not in names and not row.is_pattern and row.verdict not in ("REFUSED", "THIRD_PARTY")]
            for start in range(0, len(strangers), BATCH):
                some = strangers[start:start + BATCH]
                text = front + "\n" + "".join(statement(row, words.good(row.signature)) + "\n" for row in some) + behind
                _, messages = lint(text)
                for number, row in enumerate(some):
                    with self.subTest(row, context=context):
                        errors = [m for m in messages if m.line == number + 2 and m.level == "error"]
                        check = "unknown-directive" if row.contexts == ["map"] else "wrong-context"
                        self.assertEqual([m.check for m in errors], [check], errors)


class Verdicts(Arguments):
    """What the compiler says about a row is what the row says."""

    test_wrong_arguments = test_wrong_context = None

    def test_messages(self):
        lines = []
        for row in ROWS:
            if has_effect(row) or home(row) is None:
                continue
            lines.append((row, self.other_than_default(row), False))
            if row.default is not None:
                lines.append((row, row.default, True))
        for row, silent, messages in self.batches(lines):
            with self.subTest(row, default=silent):
                name = example_name(row)
                if silent or row.verdict == "INERT":
                    self.assertEqual(messages, [])
                elif row.verdict == "DIFFERS":
                    said = [] if "QUIET" in row.policy else [("note", "'%s': %s" % (name, row.note), "accepted-with-difference")]
                    self.assertEqual([(m.level, m.text, m.check) for m in messages], said)
                else:
                    how, check = ("is not compiled", "unsupported-directive") if row.verdict == "REFUSED" else ("is not part of nginx", "third-party-directive")
                    said = "'%s' %s: %s" % (name, how, row.sentence.rstrip("."))
                    self.assertEqual([(m.level, m.text.lower(), m.check) for m in messages], [("error", said.lower(), check)])
                    self.assertEqual(messages[0].notes, [row.note])

    @staticmethod
    def other_than_default(row):
        for which in range(3):
            arguments = words.good(row.signature, which)
            if arguments != row.default:
                return arguments
        raise AssertionError(row)


class Tables(unittest.TestCase):
    """Another argument, another table."""

    def compiled(self, text, folder):
        """The path of the table made of a text."""
        conf, out = env.write(os.path.join(folder, "site.conf"), text), os.path.join(folder, "site.bin")
        done = env.run([env.WSRPC, conf, "-o", out], cwd=folder)
        self.assertEqual(done.returncode, 0, "%s\n%s" % (done.stderr.decode(), text))
        return out

    def bytes_of(self, text, folder):
        with open(self.compiled(text, folder), "rb") as handle:
            return handle.read()

    def dumped(self, text, folder):
        done = env.run([env.WSRPC, "dump", "--stage=table", self.compiled(text, folder)], cwd=folder)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def test_each_case(self):
        folder = env.scratch()
        for one in cases():
            for name, data in one.files.items():
                env.write(os.path.join(folder, name), data)
        for one in cases():
            with self.subTest(one.title, a=one.a, b=one.b):
                dumps = [self.dumped(harness.without_places(one, variant), folder) for variant in (0, 1)]
                if not one.same_table:
                    self.assertNotEqual(dumps[0], dumps[1])

    def test_rows_without_effect(self):
        """What has no effect leaves no trace: the same table with the line and without."""
        folder = env.scratch()
        for row in ROWS:
            if has_effect(row) or row.verdict in ("REFUSED", "THIRD_PARTY") or not home(row):
                continue
            with self.subTest(row):
                front, behind = INSIDE[home(row)]
                tables = [self.bytes_of(front + "\n" + text + "\n" + behind, folder)
                          for text in (statement(row, Verdicts.other_than_default(row)), "")]
                self.assertEqual(tables[0], tables[1])


class Effects(unittest.TestCase):
    """Another argument, another answer: the probes of tests/directives on running daemons. One test a case, made below."""

    @classmethod
    def setUpClass(cls):
        cls.run_of_all = harness.Run([one for one in cases() if not one.needs_root or os.geteuid() == 0])

    def check(self, one):
        if one.needs_root and os.geteuid() != 0:
            self.skipTest("only root can see it")
        for variant in (0, 1):
            if (one, variant) in self.run_of_all.broken:
                self.fail("%s\n%s" % (one.line(variant), self.run_of_all.broken[one, variant]))
            found = self.run_of_all.results[one, variant]
            if isinstance(found, Exception):
                raise AssertionError("%s; the probe failed" % one.line(variant)) from found
            self.assertEqual(found, one.sees[variant], "%s;" % one.line(variant))

    def test_the_shared_daemons_end_well(self):
        for variant in (0, 1):
            self.assertIsNone(self.run_of_all.broken.get(("the shared daemon", variant)))


def add_tests():
    for number, one in enumerate(cases()):
        if one.probe:
            name = "test_%03d_%s" % (number, re.sub(r"\W+", "_", one.title))
            setattr(Effects, name, lambda self, one=one: self.check(one))


add_tests()


class Coverage(unittest.TestCase):
    """Every row has its case, and every case its row."""

    def test_every_row_has_a_case(self):
        self.assertEqual([row for row in ROWS if has_effect(row) and not any(one.is_about(row) for one in cases())], [])

    def test_every_case_has_a_row(self):
        for one in cases():
            self.assertEqual(len([row for row in ROWS if has_effect(row) and one.is_about(row)]), 1, one.row)

    def test_few_rows_without_visible_effect(self):
        self.assertLess(len([one for one in cases() if not one.probe]), 12)


class Documents(unittest.TestCase):
    """docs/DIRECTIVES.md, docs/NGINX.md and the manual page are what tools/gen_docs.py makes of the table."""

    def test_up_to_date(self):
        for path, text in gen_docs.documents().items():
            with self.subTest(path):
                self.assertEqual(env.read(os.path.join(env.TOP, path)), text, "run make docs")

    def test_manual_pages_can_be_broken_into_lines(self):
        for path, text in gen_docs.documents().items():
            if path.endswith(".5"):
                words = re.split(r"\s+|\\:", text)
                self.assertEqual([word for word in words if len(word) > 70], [], path)

    def test_manual_pages_name_every_row(self):
        pages = gen_docs.documents()
        for page, names in (("wsrp.conf.5", [row.name for row in gen_docs.directive_table.rows() if row.name != "*"]), ("wsrp-apache.conf.5", [row.name for row in gen_docs.directive_table.rows("APACHE")]),
                            ("wsrp-iis.conf.5", [row[0] for row in gen_docs.iis_elements()])):
            text = pages["docs/man/" + page].replace("\\-", "-")
            self.assertGreater(len(names), 30)
            self.assertEqual([name for name in names if not re.search(r'(?m)^\.BR? "?<?%s(?!\w)' % re.escape(name), text)], [], page)


if __name__ == "__main__":
    unittest.main()
