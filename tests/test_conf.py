# SPDX-License-Identifier: BSD-2-Clause
"""Configurations with their expected messages, and configurations that compile.

tests/conf/bad/NAME.conf starts with its expectations:

    # options: --strict                             (may be missing)
    # expect: 12:5: error: unknown directive 'x' [unknown-directive]
    # expect: = note: did you mean 'y'?

and `wsrpc lint` must print exactly these messages, in this order (source lines and carets left out; those of carets.conf are compared whole with
carets.txt). tests/conf/good/NAME.conf compiles, twice to equal bytes. After a wanted change write the expectations anew with

    /usr/bin/python3 tests/test_conf.py --write
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

from lib import env

sys.path.append(os.path.join(env.TOP, "tools"))
import directive_table  # noqa: E402 (the path to it is set above)

HERE = os.path.dirname(os.path.abspath(__file__))
WSRPC = env.WSRPC
BAD = os.path.join(HERE, "conf", "bad")
GOOD = os.path.join(HERE, "conf", "good")
APACHE = os.path.join(HERE, "conf", "apache")  # good ones in Apache's language
MESSAGE = re.compile(r"^(?:\S+:\d+:\d+: |wsrpc: |      = )")
EXPECT = b"# expect: "
OPTIONS = b"# options: "


def lint(folder, name, options):
    """Messages of one file, run in its folder so that names are as short as in the expectations."""
    done = subprocess.run([WSRPC, "lint", *options, name], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
    return done.returncode, done.stderr.decode("utf-8", "surrogateescape")


def messages(stderr, name):
    lines = [line for line in stderr.split("\n") if MESSAGE.match(line)]
    return [line.strip().removeprefix(name + ":") for line in lines]


def split_file(path):
    """Options, expectations, and the text without the expectations."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    options = [word.decode() for line in lines if line.startswith(OPTIONS) for word in line[len(OPTIONS):].split()]
    expected = [line[len(EXPECT):].decode("utf-8", "surrogateescape") for line in lines if line.startswith(EXPECT)]
    return options, expected, b"\n".join(line for line in lines if not line.startswith(EXPECT))


def write_expectations(path):
    """Messages name lines of the file with the expectations in it, so their number must be known first."""
    name = os.path.basename(path)
    options, _, text = split_file(path)
    count = 0
    while True:
        with open(path, "wb") as file:
            file.write(EXPECT + b"\n" + (EXPECT + b"\n") * (count - 1) + text if count else text)
        found = messages(lint(BAD, name, options)[1], name)
        if len(found) == count:
            break
        count = len(found)
    with open(path, "wb") as file:
        file.write(b"".join(EXPECT + line.encode("utf-8", "surrogateescape") + b"\n" for line in found) + text)


class Bad(unittest.TestCase):
    maxDiff = None

    def test_expected_messages(self):
        for path in sorted(glob.glob(os.path.join(BAD, "*.conf"))):
            name = os.path.basename(path)
            with self.subTest(name):
                options, expected, _ = split_file(path)
                status, stderr = lint(BAD, name, options)
                self.assertEqual("\n".join(messages(stderr, name)), "\n".join(expected))
                self.assertEqual(status, 1)

    def test_carets(self):
        with open(os.path.join(BAD, "carets.txt"), encoding="utf-8") as file:
            self.assertEqual(lint(BAD, "carets.conf", [])[1], file.read())

    def test_every_row_of_an_httpd_block_is_refused(self):
        """Each row of httpd { } stands in httpd-count, httpd-words and httpd-places, where a number of arguments, a word or a place can be wrong."""
        rows = {row.name: row for row in directive_table.rows("HTTPD") if {"httpd", "section"} & set(row.contexts)}
        any_number = {"auth"}
        any_word = {"server_admin", "rewrite_base", "default_charset", "fallback_resource", "types_add", "expires_types", "proxy_ssl_trusted_certificate_path", "proxy_ssl_crl_path"}
        self.assertGreater(len(rows), 40)
        for name, left_out in (("count", any_number), ("words", any_word), ("places", set())):
            text = re.sub(r"(?m)^#.*$", "", env.read(os.path.join(BAD, "httpd-%s.conf" % name)))
            self.assertEqual([row for row in rows if row not in left_out and not re.search(r"(?m)(^|[{;])\s*%s\b" % row, text)], [], name)

    def test_every_check_has_a_bad_file(self):
        listed = subprocess.run([WSRPC, "--checks"], stdout=subprocess.PIPE, timeout=30, check=True).stdout.decode()
        names = {line.split()[0] for line in listed.split("\n") if line and not line.startswith(" ")}
        fired = set()
        for path in glob.glob(os.path.join(BAD, "*.conf")):
            fired.update(re.findall(r"\[([a-z-]+)\]$", "\n".join(split_file(path)[1]), re.M))
        iis = {name for name in names if name.startswith("iis-")}  # test_iis.py
        self.assertEqual(names - fired - iis, set())


class Good(unittest.TestCase):
    def compile(self, path, output):
        done = subprocess.run([WSRPC, os.path.basename(path), "-o", output], cwd=os.path.dirname(path), stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode("utf-8", "replace"))

    def test_compile_twice_to_equal_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in sorted(glob.glob(os.path.join(GOOD, "*.conf")) + glob.glob(os.path.join(APACHE, "*.conf"))):
                with self.subTest(os.path.basename(path)):
                    tables = []
                    for output in (os.path.join(folder, "a"), os.path.join(folder, "b")):
                        self.compile(path, output)
                        with open(output, "rb") as file:
                            tables.append(file.read())
                    self.assertTrue(tables[0].startswith(b"WSRTABLE"))
                    self.assertEqual(tables[0], tables[1])


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        for bad in sorted(glob.glob(os.path.join(BAD, "*.conf"))):
            write_expectations(bad)
        with open(os.path.join(BAD, "carets.txt"), "w", encoding="utf-8") as out:
            out.write(lint(BAD, "carets.conf", [])[1])
    else:
        unittest.main()
