# SPDX-License-Identifier: BSD-2-Clause
"""tools/layers.py notices each kind of wrong arrow; that the tree itself has none is what `make layers` says."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from lib import env

LAYERS = os.path.join(env.TOP, "tools", "layers.py")

# folder, include line, refused
INCLUDES = [
    ("table", '#include "table/wsr_format.h"', False),
    ("table", "#include <stdlib.h>", False),
    ("table", '#include "eval/wsr_eval.h"', True),
    ("table", "#include <unistd.h>", True),
    ("table", "#include <pcre2.h>", True),
    ("table", '  #  include "runtime/log.h"', True),
    ("eval", '#include "table/wsr_table.h"', False),
    ("eval", "#include <pcre2.h>", False),
    ("eval", "#include <sys/socket.h>", True),
    ("eval", "#include <openssl/evp.h>", True),
    ("eval", "#include <event2/event.h>", True),
    ("eval", '#include "compiler/tree.h"', True),
    ("eval", '#include "runtime/worker.h"', True),
    ("eval", '#include "common/identity.h"', True),
    ("common", "#include <openssl/evp.h>", False),
    ("common", '#include "runtime/log.h"', True),
    ("compiler", '#include "common/identity.h"', False),
    ("compiler", "#include <jansson.h>", False),
    ("compiler", '#include "runtime/log.h"', True),
    ("compiler", "#include <event2/event.h>", True),
    ("compiler", "#include <netdb.h>", True),
    ("runtime", "#include <event2/event.h>", False),
    ("runtime", '#include "compiler/tree.h"', True),
    ("runtime", '#include "grammar/directives.def"', True),
    ("runtime", "#include <expat.h>", True),
    ("runtime", "#include <jansson.h>", True),
    ("runtime", '#include "log.h"', True),  # not from the top folder
    ("runtime", '#include "runtime/no_such_file.h"', True),
]


def layers(*options):
    return subprocess.run([sys.executable, LAYERS, *options], capture_output=True, text=True, timeout=60, check=False)


class Includes(unittest.TestCase):
    def test_each(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "probe.c")
            for where, line, refused in INCLUDES:
                with self.subTest(folder=where, line=line):
                    with open(path, "w", encoding="utf-8") as f:
                        f.write(f"/* a comment */\n{line}\n")
                    done = layers("--file", path, "--as", where)
                    self.assertEqual(done.returncode, 1 if refused else 0, done.stderr)
                    if refused:
                        self.assertIn("probe.c:2: ", done.stderr)


class Symbols(unittest.TestCase):
    def refused(self, place, text):
        """What is said about an object of this text in the place of a known source file."""
        cc = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not cc or not shutil.which("nm"):
            self.skipTest("no C compiler")
        with tempfile.TemporaryDirectory() as build:
            source, out = os.path.join(build, "probe.c"), os.path.join(build, place)
            os.makedirs(os.path.dirname(out))
            with open(source, "w", encoding="utf-8") as f:
                f.write(text)
            subprocess.run([cc, "-c", "-o", out, source], check=True, timeout=60)
            return layers("--build", build).stderr

    def test_system_calls(self):
        text = "int open(const char *, int, ...); int f(void); int f(void) { return open(\"x\", 0); }\n"
        self.assertIn("table/wsr_hash.c: names open()", self.refused("table/wsr_hash.o", text))
        self.assertIn("eval/wsr_uri.c: names open()", self.refused("eval/wsr_uri.o", text))
        self.assertEqual(self.refused("table/wsr_table_file.o", text), "")

    def test_pure_functions(self):
        text = "#include <string.h>\nunsigned long f(const char *z); unsigned long f(const char *z) { return strlen(z); }\n"
        self.assertEqual(self.refused("table/wsr_hash.o", text), "")

    def test_clock_in_the_compiler(self):
        text = "#include <time.h>\nlong f(void); long f(void) { return (long)time(0); }\n"
        source = sorted(name for name in os.listdir(os.path.join(env.TOP, "compiler")) if name.endswith(".c"))[0]
        self.assertIn("names time()", self.refused("compiler/" + source[:-2] + ".o", text))


if __name__ == "__main__":
    unittest.main()
