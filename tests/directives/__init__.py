# SPDX-License-Identifier: BSD-2-Clause
"""How each row of the directive table is tested: the cases, and what of them the documents tell.

A case names a row, two arguments and what is seen with either.  Configuration is a template in which `LINE` stands for the directive with
its argument; other words in capitals are filled in by harness.py (PORT, BACKEND, FOLDER, NAME ...).  Nothing but the argument differs
between the two.
"""

import importlib

MODULES = ("process", "server", "files", "rewrite", "proxy", "upstream", "tls")
CASES = []


class Case:
    """One directive with two arguments; see case()."""

    def __init__(self, row, **values):
        self.row = row
        self.title = row
        self.__dict__.update(values)

    @property
    def name(self):
        return self.row.partition("@")[0]

    @property
    def context(self):
        return self.row.partition("@")[2] or None

    def is_about(self, row):
        """Is this the case of that row of the table? `keepalive@upstream` names the row of that name in that context."""
        return row.name == self.name and (self.context is None or self.context in row.contexts)

    def line(self, variant):
        """The directive as written in variant 0 or 1; None as argument: not written."""
        argument = (self.a, self.b)[variant]
        word = "" if self.name == "*" else self.name
        return "" if argument is None else (word + " " + argument).strip()


def case(row, a, b, seen, sees, probe, server=None, http=None, main=None, files=None, dead=False, title=None, root=False):
    """Add a case.

    row     the directive's name, and "@context" where the name has several rows
    a, b    its arguments; None: the line is not there
    seen    the kind of what is observed: answer, upstream request, TLS, time, connection, log, process
    sees    (with a, with b)
    probe   function of a harness.Probe that returns what it saw
    server  content of a server block that listens at PORT, or whole server blocks (text with "server {"); http stands in front of it
    main    a whole configuration of its own, with a daemon of its own
    dead    the daemon of this case is not expected to start in every variant
    root    can be seen by root only
    """
    assert sum(part is not None for part in (server, main)) == 1, row
    assert len(sees) == 2 and sees[0] != sees[1], row
    CASES.append(Case(row, a=a, b=b, seen=seen, sees=sees, probe=probe, server=server, http=http or "", main=main, files=files or {}, dead=dead,
                      title=title or row, needs_root=root, same_table=False))


def unseen(row, a, b, reason, server=None, http=None, main=None, same_table=False):
    """A row whose argument changes nothing that can be seen from outside, and why; the table differs all the same unless same_table."""
    CASES.append(Case(row, a=a, b=b, seen=None, sees=None, probe=None, reason=reason, server=server, http=http or "", main=main, files={}, dead=False,
                      title=row, needs_root=False, same_table=same_table))


def cases():
    """Every case, in the order of the modules."""
    if not CASES:
        for module in MODULES:
            importlib.import_module("directives.cases_" + module)
    return CASES


def has_effect(row):
    """Is the row one whose argument must change something?"""
    return row.verdict in ("EXACT", "OURS") or (row.verdict == "DIFFERS" and row.lowering != "none")


def seen(row):
    """What the tests observe of a row, for docs/NGINX.md."""
    if not has_effect(row):
        return {"INERT": "accepted; same table", "DIFFERS": "note; same table"}.get(row.verdict, "error with the way out")
    found = [one for one in cases() if one.is_about(row)]
    kinds = []
    for one in found:
        kind = one.seen or "no visible effect: " + one.reason
        if kind not in kinds:
            kinds.append(kind)
    return ", ".join(kinds)
