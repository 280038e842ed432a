# SPDX-License-Identifier: BSD-2-Clause
"""grammar/directives.def as Python data, for the generated documents and for the tests that go through all rows.

    rows() -> [Row, ...] in the order of the file

A row's contexts are names as users see them ("http", "if in location"), its default and note None or text, its policy a set of words.
"""

import ast
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKEN = re.compile(r'\s+|/\*\s*---\s*(?P<section>.*?)\s*-*\s*\*/|/\*.*?\*/|(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>~?\w+)|(?P<mark>[(),|])', re.DOTALL)


class Row:
    """One row of grammar/directives.def."""

    def __init__(self, section, values, contexts):
        self.dialect, self.name, mask, self.signature, self.default, policy, self.verdict, self.lowering, self.sentence, self.note = values
        self.section = section
        self.anywhere = mask == "~0u"
        apache = self.dialect == "APACHE"
        self.contexts = [name for symbol, name in contexts.items() if symbol.startswith("C_AP_") == apache and (self.anywhere or symbol in re.findall(r"\w+", mask))]
        self.opens = re.search(r"OPENS\((\w+)\)", policy)
        self.opens = self.opens and contexts[self.opens[1]]
        self.policy = set(re.findall(r"\b(?:ONCE|MANY|INHERIT|INHERIT_ALL|QUIET|OBSOLETE)\b", policy))

    @property
    def where(self):
        return "anywhere" if self.anywhere else ", ".join(self.contexts)

    @property
    def is_pattern(self):
        return "*" in self.name

    def __repr__(self):
        return "<%s in %s>" % (self.name, self.where)


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as handle:
        return handle.read()


def context_names():
    """C_SYMBOL -> printed name, in the order of the bits."""
    rows = re.findall(r'\bX\(\d+,\s*(\w+),\s*"([^"]*)"\)', read("compiler/directive.h"))
    if not rows:
        raise SystemExit("compiler/directive.h: no contexts found")
    return {"C_" + symbol: name for symbol, name in rows}


def tokens(text):
    """(kind, text) of the rows' C text; section comments are kept."""
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise SystemExit("grammar/directives.def: cannot read %r" % text[at:at + 40])
        at = found.end()
        if found.lastgroup:
            yield found.lastgroup, found[found.lastgroup]


def arguments(stream):
    """The arguments of one macro call: adjacent strings are joined, other tokens kept as text, NULL is None."""
    out, strings, words, depth = [], [], [], 0
    for kind, text in stream:
        if kind == "mark" and depth == 0 and text in ",)":
            value = "".join(strings) if strings else "".join(words)
            out.append(None if value == "NULL" and not strings else value)
            strings, words = [], []
            if text == ")":
                return out
            continue
        depth += {"(": 1, ")": -1}.get(text, 0) if kind == "mark" else 0
        if kind == "string":
            strings.append(ast.literal_eval(text))
        else:
            words.append(text)
    raise SystemExit("grammar/directives.def: a row has no end")


def rows(dialect="NGINX"):
    """Every row of a dialect (None: all) in the order of the files; HTTPD: our own rows for what only httpd has."""
    text = read("grammar/directives.def")
    for name in ("directives_httpd.def", "directives_apache.def", "directives_apache_more.def"):
        text = text.replace('#include "grammar/%s"' % name, read("grammar/" + name))
    for name, value in reversed(re.findall(r"(?m)^#define (C_\w+) +(\(.*\))$", text)):  # the later ones name the earlier ones
        text = re.sub(r"\b%s\b" % name, value, text)
    text = re.sub(r"(?m)^#.*$", "", text)
    contexts, found, section = context_names(), [], ""
    stream = tokens(text)
    for kind, word in stream:
        if kind == "section":
            section = word
        elif kind == "word" and word == "D":
            next(stream)
            values = arguments(stream)
            if len(values) != 10:
                raise SystemExit("grammar/directives.def: %r has %d columns" % (values[1], len(values)))
            if dialect in (None, values[0]):
                found.append(Row(section, values, contexts))
    return found
