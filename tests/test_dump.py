# SPDX-License-Identifier: BSD-2-Clause
"""The views of `wsrpc dump`, held against each other on every good configuration (tests/conf/good and examples/).

The plan, printed as a configuration in our own language, compiles to a table that means the same (positions and the name of the main file aside);
compiling is deterministic wherever the file lies; the views of a file and of its table are equal.
"""

import glob
import os
import re
import shutil
import tempfile
import unittest

from lib import env

GOOD = sorted(glob.glob(os.path.join(env.TOP, "tests", "conf", "good", "*.conf")) + glob.glob(os.path.join(env.TOP, "examples", "*.conf")))
POSITION = re.compile(r" \([^()\n]*:\d+\)")

HOST = """Listen 127.0.0.1:8080
TraceEnable Off
<VirtualHost 127.0.0.1:8080>
    ServerName a.example:81
    ServerAdmin a@b
    UseCanonicalName On
    UseCanonicalPhysicalPort On
    AllowEncodedSlashes NoDecode
    SSLStrictSNIVHostCheck On
    RemoteIPHeader X-F
    RemoteIPInternalProxy 10.0.0.0/8
    RemoteIPTrustedProxy 192.0.2.1
    Redirect / http://e.example/
</VirtualHost>
"""


def run(*command, cwd=None):
    return env.run([env.WSRPC, *command], 60, cwd=cwd or env.TOP, text=True)


def meaning(path):
    done = run("dump", path)
    assert done.returncode == 0, done.stderr
    lines = [POSITION.sub("", line) for line in done.stdout.splitlines()]
    return [line for line in lines if not line.startswith("    origin ")]


class Dump(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not os.access(env.WSRPC, os.X_OK):
            raise unittest.SkipTest("wsrpc is not built")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="wsrp-dump-")
        self.addCleanup(shutil.rmtree, self.folder)

    def table(self, conf, name="a.bin"):
        out = os.path.join(self.folder, name)
        done = run(conf, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def test_there_are_configurations(self):
        self.assertGreaterEqual(len(GOOD), 10)

    def test_host_of_httpd(self):
        """What belongs to a host as a whole stands in every view."""
        conf = env.write(os.path.join(self.folder, "host.conf"), HOST)
        table = self.table(conf)
        for options, lines in (((), ["    host admin a@b remote-field X-F server_port 81 encoded_slashes nodecode canonical_name canonical_port strict_sni trace off internal_proxy 10.0.0.0/8 trusted_proxy 192.0.2.1/32"]),
                               (("--stage=plan",), ["canonical_name on;", "canonical_port on;", "strict_sni on;", "encoded_slashes nodecode;", "trace off;", "server_port 81;", "internal_proxy 10.0.0.0/8;"]),
                               (("--source=nginx",), ["canonical_name on;", "encoded_slashes nodecode;", "trace off;", "trusted_proxy 192.0.2.1/32;"]),
                               (("--stage=table",), ["trusted=0+2 remote_header=X-F admin=a@b canonical_port=81 flags=%d" % (2 | 4 | 8 | 16 | 64)])):
            done = run("dump", *options, table)
            for line in lines:
                self.assertIn(line, done.stdout, options)

    def test_plan_means_the_same(self):
        for conf in GOOD:
            with self.subTest(conf=os.path.basename(conf)):
                first = self.table(conf)
                text = os.path.join(self.folder, "plan.conf")
                done = run("dump", "--stage=plan", first)
                self.assertEqual(done.returncode, 0, done.stderr)
                with open(text, "w") as f:
                    f.write(done.stdout)
                second = self.table(text, "b.bin")
                self.assertEqual(meaning(first), meaning(second))
                again = run("dump", "--stage=plan", second)
                self.assertEqual(again.stdout, done.stdout, "the plan of the plan is the plan")

    def test_same_bytes_in_any_folder(self):
        for conf in GOOD:
            with self.subTest(conf=os.path.basename(conf)):
                with open(self.table(conf), "rb") as f:
                    first = f.read()
                elsewhere = os.path.join(self.folder, "deep", os.path.basename(conf))
                shutil.copytree(os.path.dirname(conf), elsewhere)
                out = os.path.join(self.folder, "b.bin")
                done = run(os.path.basename(conf), "-o", out, cwd=elsewhere)
                self.assertEqual(done.returncode, 0, done.stderr)
                with open(out, "rb") as f:
                    self.assertEqual(first, f.read())

    def test_file_and_table_give_one_view(self):
        for conf in GOOD:
            table = self.table(conf)
            for stage in ([], ["--stage=plan"], ["--stage=table"]):
                with self.subTest(conf=os.path.basename(conf), stage=stage):
                    self.assertEqual(run("dump", *stage, conf).stdout, run("dump", *stage, table).stdout)

    def test_tree_of_a_table_is_refused(self):
        done = run("dump", "--stage=tree", self.table(GOOD[0]))
        self.assertEqual(done.returncode, 2)
        self.assertIn("is a table", done.stderr)

    def test_tree(self):
        done = run("dump", "--stage=tree", GOOD[0])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("server", done.stdout)

    def test_usage(self):
        self.assertEqual(run("dump").returncode, 2)
        self.assertEqual(run("dump", "--stage=nonsense", GOOD[0]).returncode, 2)
        self.assertEqual(run("dump", os.path.join(self.folder, "absent.bin")).returncode, 2)

    def test_damaged_table(self):
        path = self.table(GOOD[0])
        with open(path, "r+b") as f:
            f.seek(200)
            f.write(b"\xff")
        done = run("dump", path)
        self.assertEqual(done.returncode, 2)
        self.assertIn("damaged", done.stderr)

    def test_no_table(self):
        """What is neither a table nor text is not read as configuration, whose hundred messages would say nothing."""
        with open(self.table(GOOD[0]), "rb") as f:
            good = f.read()
        for data, said in ((b"", "the file is empty"), (b"X" + good[1:], "not a wsrp table"), (b"\0" * 100, "not a wsrp table"), (good[:20], "shorter")):
            path = os.path.join(self.folder, "no.bin")
            with open(path, "wb") as f:
                f.write(data)
            for stage in ((), ("--stage=plan",), ("--stage=table",), ("--stage=tree",)):
                with self.subTest(size=len(data), stage=stage):
                    done = run("dump", *stage, path)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertIn(said, done.stderr)
                    self.assertEqual(done.stderr.count("\n"), 1)

    def test_errors_are_reported(self):
        path = os.path.join(self.folder, "bad.conf")
        with open(path, "w") as f:
            f.write("http { server { listen 1; return 200 $nothing; } }\n")
        done = run("dump", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("unknown variable '$nothing'", done.stderr)
        self.assertEqual(done.stdout, "")


class Sections(unittest.TestCase):
    """--stage=table prints every section with all its records."""

    def test_counts(self):
        done = run("dump", "--stage=table", GOOD[0])
        self.assertEqual(done.returncode, 0, done.stderr)
        section, seen, want = None, 0, 0
        for line in done.stdout.splitlines():
            m = re.match(r"section (\w+) count=(\d+) stride=(\d+) bytes=(\d+)$", line)
            if m:
                self.assertTrue(section in (None, "string") or seen == want, section)
                section, seen, want = m[1], 0, int(m[2])
                self.assertEqual(int(m[2]) * int(m[3]), int(m[4]))
            else:
                seen += 1
        self.assertEqual(section, "member")
        self.assertEqual(seen, want)


if __name__ == "__main__":
    unittest.main()
