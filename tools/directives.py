# SPDX-License-Identifier: BSD-2-Clause
"""grammar/directives.def as Python data, for the generated manual and for the tests that go through all rows.

    rows() -> [Row(name, contexts, signature, default, policy, verdict, lowering, sentence, note), ...] in the order of the file

contexts is a list of names as users see them ("http", "if in location"), default None or text.
"""

import collections
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(TOP, "grammar", "directives.def")
HEADER = os.path.join(TOP, "compiler", "directive.h")

Row = collections.namedtuple("Row", "name contexts signature default policy verdict lowering sentence note")


def context_names():
    """[(symbol, printed name), ...] from compiler/directive.h, bit order."""
    with open(HEADER) as f:
        return re.findall(r'X\(\d+,\s*(\w+),\s*"([^"]*)"\)', f.read())


def split(text):
    """The arguments of one D(...) whose text starts behind the parenthesis; neighbouring strings are joined. Returns (fields, end)."""
    fields, strings, words, depth, at = [], [], [], 0, 0
    while True:
        c = text[at]
        if c == '"':
            end = at + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            strings.append(re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text[at + 1:end]))
            at = end + 1
            continue
        if c in "),/" and depth == 0 and not text.startswith("/*", at):
            fields.append("".join(strings) if strings else "".join(words).strip())
            fields[-1] = (fields[-1], bool(strings))
            strings, words = [], []
            if c == ")":
                return fields, at + 1
        elif text.startswith("/*", at):
            at = text.index("*/", at) + 2
            continue
        else:
            depth += (c == "(") - (c == ")")
            words.append(c)
        at += 1


def rows():
    with open(TABLE) as f:
        text = f.read()
    groups = dict(re.findall(r"^#define (C_\w+) +\(?([^)\n]*)\)?$", text, re.M))
    names = context_names()
    found = []
    for m in re.finditer(r"^D\(NGINX,", text, re.M):
        fields, _ = split(text[m.end():])
        (name, _), (contexts, _), (signature, _), (default, given), (policy, _), (verdict, _), (lowering, _), (sentence, _), (note, noted) = fields
        while any(g in contexts.split("|") for g in groups):
            contexts = "|".join(groups.get(c.strip(), c.strip()).replace(" ", "") for c in contexts.split("|"))
        symbols = set(c.strip() for c in contexts.split("|"))
        where = [shown for symbol, shown in names if "~0u" in symbols or "C_" + symbol in symbols]
        found.append(Row(name, where, signature, default if given else None, policy, verdict, lowering, sentence, note if noted else None))
    return found


if __name__ == "__main__":
    for row in rows():
        print(row)
