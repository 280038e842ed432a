# SPDX-License-Identifier: BSD-2-Clause
"""What a table means, as nested Python values in which positions, names of files, numbers of records and the order of interned records are gone.

    canonical(path) -> value; equal values mean that every request is answered alike

It starts at the process and its addresses, so that what nothing leads to does not count.  Which servers and upstreams are the same one is kept: they are numbered
in the order in which they are met.  The text of `wsrpc dump --stage=table` is what is read.
"""

import os
import re

from lib import env

SECTION = re.compile(r"section (\w+) count=\d+ stride=\d+ bytes=\d+$")
FIELD = re.compile(r'([\w\[\]]+)=("(?:[^"\\]|\\.)*"|\S*)')
SETTING = re.compile(r'(?m)^WSR_SETTING\((\w+),\s*(\w+),\s*(\w+),')
NONE = "-"

# member -> section that it is an index of; members that are lists of records
REFERENCES = {
    "server": {"location": "location", "srv": "srv", "tls": "tls", "host": "host", "scope": "scope", "program": "program"},
    "location": {"body": "body", "proxy": "proxy", "program": "program", "scope": "scope"},
    "body": {"regex": "regex", "core": "core", "file": "fileset", "log": "logset", "proxyset": "proxyset", "fieldset": "fieldset"},
    "proxy": {"upstream": "upstream", "url": "tmpl"},
    "upstream": {"hash_key": "tmpl"},
    "layer": {"regex": "regex", "condition": "cond", "location": "location", "pass": "pass", "require": "cond", "hosts": "cond", "auth": "auth"},
    "pass": {"regex": "regex", "proxy": "proxy", "target": "tmpl", "live_from": "tmpl", "live_target": "tmpl"},
    "worker": {"proxy": "proxy"},
    "reverse": {"live_internal": "tmpl", "live_external": "tmpl"},
    "auth": {"realm": "tmpl"},
    "header_op": {"value": "tmpl", "regex": "regex", "condition": "cond"},
    "env_op": {"slot": "variable", "value": "tmpl", "condition": "cond"},
    "alias_rule": {"regex": "regex", "target": "tmpl"},
    "rewrite_rule": {"condition": "cond", "regex": "regex", "target": "tmpl", "type": "tmpl", "handler": "tmpl"},
    "call": {"argument": "tmpl", "map": "map", "fallback": "tmpl"},
    "map": {"source": "tmpl", "default_value": "tmpl"},
    "map_slot": {"value": "tmpl"},
    "map_regex": {"regex": "regex", "value": "tmpl"},
    "log_ref": {"path": "tmpl", "format": "log_format", "condition": "tmpl", "when": "cond"},
    "log_format": {"line": "tmpl"},
    "error_page": {"target": "tmpl"},
    "field_op": {"value": "tmpl"},
    "redirect_rule": {"to": "tmpl"},
    "listen": {"default_server": "server", "nameset": "nameset"},
    "name_slot": {"server": "server"},
    "name_regex": {"regex": "regex", "server": "server"},
    "global": {"default_body": "body", "error_log": "error_log"},
}
LISTS = {
    "host": {"layers": "layer", "passes": "pass", "workers": "worker", "trusted": "access_rule"},
    "layer": {"env": "env_op", "rewrites": "rewrite_rule", "aliases": "alias_rule", "reverses": "reverse", "request_headers": "header_op",
              "response_headers": "header_op"},
    "worker": {"members": "member"},
    "upstream": {"peers": "peer"},
    "rewrite_rule": {"env": "env_op", "cookies": "tmpl_item"},
    "tls": {"certificates": "str_item", "keys": "str_item", "ticket_keys": "str_item"},
    "body": {"access": "access_rule"},
    "mime": {"slots": "mime_slot"},
    "map": {"slots": "map_slot", "regexes": "map_regex"},
    "nameset": {"exact": "name_slot", "leading": "name_slot", "trailing": "name_slot", "regexes": "name_regex"},
}
# tables of slots have no order, and empty slots
HASHED = ("mime_slot", "map_slot", "name_slot")
CELLS = {"LIST_STR": "str_item", "LIST_TMPL": "tmpl_item", "LIST_FIELD": "field_op", "LIST_REDIRECT": "redirect_rule", "LIST_LOG": "log_ref",
         "LIST_ERROR_PAGE": "error_page"}
# positions, hashes, who compiled what; a format is called as it must be
DROPPED = {"pos", "hash", "origin", "compiler", "names"}
GROUPS = ("core", "fileset", "logset", "proxyset", "fieldset")


def settings():
    with open(os.path.join(env.TOP, "table", "wsr_settings.def"), encoding="utf-8") as f:
        return {name: kind for _, kind, name in SETTING.findall(f.read())}


def unquoted(word):
    return re.sub(r"\\\\(.)", r"\\1", word[1:-1]) if word.startswith('"') else word


def read(path):
    """{section: [{member: text}, ...]}"""
    done = env.run([env.WSRPC, "dump", "--stage=table", path], 60, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    out, section = {}, None
    for line in done.stdout.split("\n"):
        found = SECTION.match(line)
        if found:
            section = found[1]
            out[section] = {} if section == "string" else []
        elif section == "string" and ":" in line:
            offset, _, text = line.partition(": ")
            out[section][offset] = text
        elif section and line:
            out[section].append(dict(FIELD.findall(line.partition(": ")[2])))
    return out


class Reader:
    def __init__(self, path):
        self.sections, self.kinds = read(path), settings()
        self.numbers = {"server": {}, "upstream": {}}
        self.known = {}

    def numbered(self, section, index):
        """A record that is itself, not what it is like: its number, and its content the first time."""
        numbers = self.numbers[section]
        if index in numbers:
            return (section, numbers[index])
        numbers[index] = len(numbers)
        return (section, numbers[index], self.content(section, index))

    def record(self, section, index):
        if index == NONE:
            return None
        if section in self.numbers:
            return self.numbered(section, int(index))
        return self.content(section, int(index))

    def content(self, section, index):
        special = getattr(self, "section_" + section, None)
        if special:
            return special(index)
        row = self.sections[section][index]
        if section in GROUPS:
            return self.group(row)
        return {m: self.member(section, m, v) for m, v in row.items() if m not in DROPPED and not (section == "log_format" and m == "name")}

    def member(self, section, member, text):
        if (section, member) == ("rewrite_rule", "escape"):
            return self.sections["string"].get(text)
        if member in LISTS.get(section, {}):
            return self.list(LISTS[section][member], text)
        if member in REFERENCES.get(section, {}):
            return self.record(REFERENCES[section][member], text)
        return text

    def list(self, section, text):
        first, count = (int(n) for n in text.split("+"))
        rows = range(first, first + count)
        if section not in HASHED:
            return [self.content(section, i) for i in rows]
        used = sorted((self.sections[section][i]["key"], i) for i in rows if self.sections[section][i]["key"] != NONE)
        return [self.content(section, i) for _, i in used]

    def group(self, row):
        out = {}
        for name, text in row.items():
            kind = self.kinds[name]
            if name == "error_log":
                out[name] = self.record("error_log", text)
            elif kind in CELLS:
                out[name] = self.list(CELLS[kind], text)
            elif kind in ("TMPL", "MIME"):
                out[name] = self.record(kind.lower(), text)
            else:
                out[name] = text
        return out

    def section_str_item(self, index):
        return self.sections["str_item"][index]["value"]

    def section_tmpl_item(self, index):
        return self.record("tmpl", self.sections["tmpl_item"][index]["tmpl"])

    def section_variable(self, index):
        row = self.sections["variable"][index]
        return (row["name"], row["kind"], self.record("map", row["map"]))

    def section_tmpl(self, index):
        row = self.sections["tmpl"][index]
        first, out = int(row["first_part"]), []
        for part in self.sections["part"][first:first + int(row["part_count"])]:
            kind, arg = int(part["kind"]), part["arg"]
            value = self.sections["string"].get(arg) if kind in (1, 2) else self.record("variable", arg) if kind == 3 else self.record("call", arg) if kind == 7 else None
            if kind == 1 and out and out[-1][0] == 1:
                value = out.pop()[2] + unquoted(value)  # neighbours are one text
            elif kind == 1:
                value = unquoted(value)
            out.append((kind, part["id"], value))
        return out

    def section_cond(self, index):
        """A tree: nodes in preorder."""
        out = []
        for i in range(index, index + int(self.sections["cond"][index]["size"])):
            row = self.sections["cond"][i]
            op, a, b = int(row["op"]), row["a"], row["b"]
            if 4 <= op <= 9:
                a, b = self.record("tmpl", a), self.record("tmpl", b)
            elif op == 10:
                a, b = self.record("tmpl", a), self.record("regex", b)
            elif 11 <= op <= 15:
                a = self.record("tmpl", a)
            elif op in (16, 18, 19):
                a, b = self.list("access_rule" if op == 16 else "str_item", "%s+%s" % (a, b)), None
            out.append((op, row["flags"], row["size"], a, b))
        return out

    def whole(self):
        listens = sorted(range(len(self.sections["listen"])), key=lambda i: self.sections["listen"][i]["text"])
        servers = [] if listens else range(len(self.sections["server"]))  # no address at all: a part of a site
        return {"process": self.content("global", 0), "listens": [self.content("listen", i) for i in listens], "servers": [self.content("server", i) for i in servers]}


def canonical(path):
    return Reader(path).whole()


def differences(a, b, where="table"):
    """The first places where two such values differ."""
    if type(a) is not type(b):
        return ["%s: %r and %r" % (where, a, b)]
    if isinstance(a, dict):
        return sum((differences(a.get(k), b.get(k), "%s.%s" % (where, k)) for k in sorted(set(a) | set(b))), [])[:20]
    if isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return ["%s: %d and %d items: %r and %r" % (where, len(a), len(b), a, b)]
        return sum((differences(x, y, "%s[%d]" % (where, i)) for i, (x, y) in enumerate(zip(a, b))), [])[:20]
    return [] if a == b else ["%s: %r and %r" % (where, a, b)]
