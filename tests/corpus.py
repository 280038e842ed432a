#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The seeds of fuzz_table: made anew, after a record of the table has changed.

    make corpus                 the same texts, compiled by today's compiler
    tests/corpus.py --choose    other texts: what reaches something new (needs the target: make build/tests/fuzz/fuzz_table)

A seed of fuzz_table is a table as wsrpc writes it, so it goes stale whenever a record changes; a stale seed is refused at the first look, and the target
tests nothing.  Its name is that of the text it is made from: an example, a good configuration, a case of the differential tests, or a seed of one of
the compiler's targets.  Seeds of the other targets are text, requests or answers: they stay.  tests/test_corpus.py says when a corpus has to be looked after.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
CORPUS = os.path.join(HERE, "corpus")

# As in the fuzz targets of the compiler.
OPTIONS = {
    "nginx": (),
    "apache": ("--dialect=apache", "--define", "NAME=value", "--define", "FLAG"),
    "iis": ("--dialect=iis", "--listen", "80", "--listen", "ssl:127.0.0.1:443", "--certificate", "site.pem"),
}
PLACES = {"DIR": "/d", "UNIX": "/d/up.sock"}


def filled(text):
    """A case of the differential tests with its places filled in: listeners from port 8001 on, backends from 9001."""
    def place(found):
        word, port = found[1], found[2]
        if word in PLACES:
            return PLACES[word]
        number = 8001 + ord(word) - ord("A") if len(word) == 1 else 9001 + sum(map(ord, word)) % 100
        return str(number) if port else "127.0.0.1:%d" % number

    return re.sub(r"\s*#\s*drop\s*$", "", re.sub(r"@([A-Z0-9]+)(\.port)?@", place, text), flags=re.M)


def cases():
    """(name, dialect, text) of the cases of both differential tests; their modules have the same names, so each is asked in a process of its own."""
    ask = "import sys, json; sys.path[:0] = %r; from cases import CASES; print(json.dumps([(case.word, case.text) for case in CASES]))"
    differential = os.path.join(HERE, "differential")
    for dialect, folders in (("nginx", [differential, HERE]), ("apache", [os.path.join(differential, "httpd"), HERE])):
        done = subprocess.run([sys.executable, "-B", "-c", ask % folders], stdout=subprocess.PIPE, timeout=60, check=True)
        for word, text in json.loads(done.stdout):
            yield "case-" + word.lower().strip("_"), dialect, filled(text).encode()


def seeds(target):
    """{name: bytes} of a corpus."""
    found = {}
    for path in sorted(glob.glob(os.path.join(CORPUS, target, "*"))):
        with open(path, "rb") as handle:
            found[os.path.basename(path)] = handle.read()
    return found


def texts():
    """(name, dialect, text) of everything that may be compiled into a seed."""
    for folder in ("examples", os.path.join("tests", "conf", "good")):
        for path in sorted(glob.glob(os.path.join(TOP, folder, "*.conf"))):
            with open(path, "rb") as handle:
                yield os.path.basename(path)[:-len(".conf")], "nginx", handle.read()
    yield from cases()
    for dialect in OPTIONS:
        for name, data in seeds("fuzz_" + dialect).items():
            yield "%s-%s" % (dialect, name), dialect, data[1:]  # the first byte is the target's own


def compiled(wsrpc, folder, dialect, text):
    """The table of a text, or None."""
    with open(os.path.join(folder, "site.conf"), "wb") as handle:
        handle.write(text)
    command = [wsrpc, *OPTIONS[dialect], "site.conf", "-o", "site.bin"]  # a table has the name of its text in it
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
    if done.returncode != 0:
        return None
    with open(os.path.join(folder, "site.bin"), "rb") as handle:
        return handle.read()


def tables(wsrpc):
    """{name: table} of all texts that compile; of texts with equal tables the first."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="wsrp-corpus-") as folder:
        for name, dialect, text in texts():
            table = compiled(wsrpc, folder, dialect, text)
            if table is not None and table not in found.values():
                found[name[:60]] = table
    return found


def chosen(made, target):
    """Names of a few tables that reach all that all of them reach, found by libFuzzer."""
    with tempfile.TemporaryDirectory(prefix="wsrp-corpus-") as folder:
        every, kept = os.path.join(folder, "every"), os.path.join(folder, "kept")
        os.mkdir(every)
        os.mkdir(kept)
        names = {}
        for name, table in made.items():
            names[table] = name
            with open(os.path.join(every, name), "wb") as handle:
                handle.write(table)
        subprocess.run([target, "-set_cover_merge=1", "-use_counters=0", "-verbosity=0", kept, every], timeout=600, check=True)
        for path in glob.glob(os.path.join(kept, "*")):
            with open(path, "rb") as handle:
                yield names[handle.read()]


def main():
    parser = argparse.ArgumentParser(description="make the corpus of fuzz_table anew")
    parser.add_argument("--build", default="build", help="build folder (default: build)")
    parser.add_argument("--choose", action="store_true", help="choose the texts anew too")
    options = parser.parse_args()
    build, folder = os.path.join(TOP, options.build), os.path.join(CORPUS, "fuzz_table")
    made = tables(os.path.join(build, "wsrpc"))
    names = sorted(chosen(made, os.path.join(build, "tests", "fuzz", "fuzz_table")) if options.choose else seeds("fuzz_table"))
    for name in seeds("fuzz_table"):
        os.unlink(os.path.join(folder, name))
    for name in names:
        if name not in made:
            print("%s: no text of this name compiles any more; choose anew" % name, file=sys.stderr)
            continue
        with open(os.path.join(folder, name), "wb") as handle:
            handle.write(made[name])
    kept = seeds("fuzz_table").values()
    print("%d texts compile, %d tables kept, %d bytes" % (len(made), len(kept), sum(map(len, kept))))


if __name__ == "__main__":
    main()
