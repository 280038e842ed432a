# SPDX-License-Identifier: BSD-2-Clause
"""Which row of Apache's directive table is shown by which case.

In: the cases with their marks, and known.py (cases that wait, rows tested elsewhere, rows without a case).
Out: row -> names of cases or tests, for the check in test_httpd_drop.py and for the column *compared in* of docs/APACHE.md.

A case shows a row when it is compared (it does not wait) and a marked line begins with the row's name: then test_httpd_drop proves that httpd's record
changes without the line, and test_httpd that ours is the same with it.  A row whose name ends with * is shown by any name that begins so and has no row of its own.
"""

import functools
import os
import re
import sys

import judge  # noqa: F401 (first: it makes the shared harness importable)
from cases import CASES
from known import ELSEWHERE, UNCOVERED, WAITING
from lib import env

sys.path.append(os.path.join(env.TOP, "tools"))
import directive_table  # noqa: E402 (the path to it is set above)


@functools.lru_cache
def rows():
    return directive_table.rows("APACHE")


def acting():
    """Names of the rows that change what a server does: neither accepted without effect nor refused."""
    return sorted({row.name for row in rows() if row.verdict in ("EXACT", "DIFFERS")})


def first_words(text):
    return {word.lower() for word in re.findall(r"(?m)^\s*<?([A-Za-z]\w*)", text)}


@functools.lru_cache
def shown():
    """name in lower case -> names of the compared cases in which a marked line begins with it."""
    found = {}
    for case in CASES:
        if case.word not in WAITING:
            for word in sorted(set().union(*(first_words(code) for _, code, _ in case.lines_to_drop()))):
                found.setdefault(word, []).append(case.name)
    return found


@functools.lru_cache
def used():
    """name in lower case -> names of the compared cases which have it anywhere."""
    found = {}
    for case in CASES:
        if case.word not in WAITING:
            texts = [case.text] + [text for text in case.files.values() if isinstance(text, str)]
            for word in sorted(set().union(*map(first_words, texts))):
                found.setdefault(word, []).append(case.name)
    return found


def of(name, words):
    """The cases of one row's name: an exact one, or a family such as Cache*."""
    if not name.endswith("*"):
        return words.get(name.lower(), [])
    own, start = {row.name.lower() for row in rows()}, name[:-1].lower()
    return sorted({case for word, cases in words.items() if word.startswith(start) and word not in own for case in cases})


def without_a_case():
    """Acting rows that neither a case nor a test elsewhere shows."""
    return [name for name in acting() if not of(name, shown()) and name not in ELSEWHERE]


def stale():
    """Entries of the two lists in known.py that say what is no longer so, as text."""
    names = acting()
    problems = ["%s: no row of this name acts" % name for name in [*ELSEWHERE, *UNCOVERED] if name not in names]
    problems += ["%s: in UNCOVERED, but shown by %s" % (name, ELSEWHERE.get(name) or of(name, shown())[0]) for name in UNCOVERED if name in ELSEWHERE or of(name, shown())]
    for name, where in ELSEWHERE.items():
        path, _, test = where.partition(" ")
        text = env.read(os.path.join(env.TOP, path))
        if of(name, shown()):
            problems.append("%s: in ELSEWHERE, but shown by %s" % (name, of(name, shown())[0]))
        if not re.search(r"\bdef %s\(" % test, text) or not re.search(r"\b%s\b" % name, text):
            problems.append("%s: %s has no test %s that names it" % (name, path, test))
    return problems


def compared_in(row):
    """Names of the cases (or the test) which show a row; for a row without effect those that only use it, for a refused one none."""
    if row.verdict in ("EXACT", "DIFFERS"):
        return of(row.name, shown()) or [ELSEWHERE[row.name]] if row.name in ELSEWHERE or of(row.name, shown()) else []
    return of(row.name, used()) if row.verdict == "INERT" else []
