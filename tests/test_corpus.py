# SPDX-License-Identifier: BSD-2-Clause
"""The seeds of the fuzz targets reach what they are for: tables are accepted, texts compile, the kinds of records all occur."""

import os
import re
import struct
import tempfile
import unittest

import corpus
from lib import env, servers


def sections():
    """{kind number: name} of the table format."""
    return {int(number): name for number, name in re.findall(r"\bX\((\d+),\s*(\w+),", env.read(os.path.join(env.TOP, "table", "wsr_format.h")))}


def filled_sections(table):
    """Kind numbers of the sections of a table that have records (FORMAT.md, sections 3 and 4)."""
    first, count = struct.unpack_from("<II", table, 24)
    entries = [struct.unpack_from("<IIQQ", table, first + 24 * i) for i in range(count)]
    return {kind for kind, _, _, records in entries if records}


class Corpus(unittest.TestCase):
    def setUp(self):
        servers.require(servers.Wsrpd)

    def test_tables_are_accepted(self):
        """A refused table tests nothing."""
        seeds = corpus.seeds("fuzz_table")
        self.assertGreaterEqual(len(seeds), 20)
        with tempfile.TemporaryDirectory() as folder:
            for name, table in seeds.items():
                done = env.run([env.WSRPC, "dump", "--stage=table", env.write(os.path.join(folder, "seed.bin"), table)])
                self.assertEqual(done.returncode, 0, "tests/corpus/fuzz_table/%s is stale, run 'make corpus': %s" % (name, done.stderr.decode()))

    def test_every_kind_of_record_is_in_a_table(self):
        there = set().union(*map(filled_sections, corpus.seeds("fuzz_table").values()))
        missing = [name for number, name in sections().items() if number not in there]
        self.assertEqual(missing, [], "no table of tests/corpus/fuzz_table has such a record: 'make corpus', or a new case with one")

    def test_texts_compile(self):
        """Most of those that are meant to; what is named after a message or reads files does not."""
        for dialect, fewest in (("nginx", 9), ("apache", 65), ("iis", 5)):
            with self.subTest(dialect=dialect), tempfile.TemporaryDirectory() as folder:
                texts = [data[1:] for data in corpus.seeds("fuzz_" + dialect).values()]
                good = [text for text in texts if corpus.compiled(env.WSRPC, folder, dialect, text)]
                self.assertGreaterEqual(len(good), fewest)

    def test_every_target_has_seeds(self):
        for name in sorted(os.listdir(os.path.join(env.TESTS, "fuzz"))):
            if name.endswith(".c"):
                self.assertTrue(corpus.seeds(name[:-2]), name)


if __name__ == "__main__":
    unittest.main()
