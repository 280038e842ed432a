# SPDX-License-Identifier: BSD-2-Clause
"""Every example configuration compiles without a diagnostic worth acting on, twice to the same bytes, and means what its .dump says.

examples/NAME.dump holds the output of `wsrpc dump --stage=plan examples/NAME.conf`; after a wanted change write it anew with
WSRP_UPDATE_DUMPS=1 and read the difference.
"""

import glob
import os
import tempfile
import unittest

from lib import env

EXAMPLES = sorted(glob.glob(os.path.join(env.TOP, "examples", "*.conf")))


def run(*command):
    return env.run([env.WSRPC, *command], 60, cwd=env.TOP, text=True)


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.access(env.WSRPC, os.X_OK):
            raise unittest.SkipTest("wsrpc is not built")

    def test_there_are_examples(self):
        self.assertGreaterEqual(len(EXAMPLES), 5)

    def test_compile(self):
        for conf in EXAMPLES:
            with self.subTest(example=os.path.basename(conf)), tempfile.TemporaryDirectory() as folder:
                tables = []
                for name in ("one.bin", "two.bin"):
                    out = os.path.join(folder, name)
                    done = run(conf, "-o", out)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertNotIn("error:", done.stderr)
                    with open(out, "rb") as f:
                        tables.append(f.read())
                self.assertEqual(tables[0], tables[1], "two runs, two tables")

    def test_dump(self):
        for conf in EXAMPLES:
            with self.subTest(example=os.path.basename(conf)):
                done = run("dump", "--stage=plan", conf)
                self.assertEqual(done.returncode, 0, done.stderr)
                expected = conf[:-len(".conf")] + ".dump"
                if os.environ.get("WSRP_UPDATE_DUMPS"):
                    with open(expected, "w", encoding="utf-8") as f:
                        f.write(done.stdout)
                with open(expected, encoding="utf-8") as f:
                    self.assertEqual(done.stdout, f.read())


if __name__ == "__main__":
    unittest.main()
