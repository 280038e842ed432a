#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the documents that follow from the directive table and the list of variables.

In: grammar/directives.def, compiler/directive.h (the contexts), eval/variables.def, tests/directives and tests/differential/httpd (how each row is tested).
Out: docs/DIRECTIVES.md, docs/NGINX.md, docs/APACHE.md, docs/IIS.md and docs/man/wsrp*.conf.5; with --check nothing is written and the exit code is 1 when a file is
not what it should be.  The same inputs give the same bytes.  tests/test_directives.py reads the table through this file too.
"""

import argparse
import ast
import os
import re
import sys

import directive_table
from directive_table import TOP, read

VERDICTS = {
    "EXACT": "as in nginx",
    "DIFFERS": "differs",
    "INERT": "no effect",
    "REFUSED": "refused",
    "THIRD_PARTY": "refused, not part of nginx",
    "OURS": "ours",
}
SOURCES = {"PURE": "from the request and the table", "WORLD": "a fact of the running daemon", "PREFIX": "a family of names"}


def variables():
    """(name, source, sentence) of every variable."""
    found = re.findall(r'WSR_VAR\(\w+,\s*("[^"]*"),\s*(\w+),\s*("(?:[^"\\]|\\.)*")\)', read("eval/variables.def"))
    return [(ast.literal_eval(name), source, ast.literal_eval(sentence)) for name, source, sentence in found]


def sections(rows):
    """[(section, its rows)] in the order of the file."""
    out = []
    for row in rows:
        if not out or out[-1][0] != row.section:
            out.append((row.section, []))
        out[-1][1].append(row)
    return out


# --- Markdown -------------------------------------------------------------------------------------------------------

NOTICE = "<!-- Written by tools/gen_docs.py from grammar/directives.def: change that and run `make docs`. -->\n"


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def code(text):
    """Inline code for a table cell; '|' must be escaped there even inside code."""
    fence = "``" if "`" in text else "`"
    return fence + text.replace("|", "\\|") + fence


def headline(row):
    name = "*any other word*" if row.name == "*" else None
    syntax = " ".join(part for part in (row.name if not name else "", row.signature) if part)
    return (name + " " if name else "") + (code(syntax) if syntax else "")


def about(row):
    text = row.sentence
    if row.note:
        text += " *%s*" % (row.note[0].upper() + row.note[1:] + ("" if row.note.endswith((".", ";")) else "."))
    return cell(text)


HTTPD_TEXT = """A server with an `httpd` block runs the phases of Apache httpd, or of IIS, in place of nginx's. `wsrpc dump --source=nginx FILE` prints any Apache or
IIS site so, and the text compiles to an equal table. One statement is one record of the table; sections are laid over each other in the order of the text; the
settings of the tables above are written as there, in the server for the host and in a section for the section.

A text may hold, besides `$name` and `$1`: `${$}` a dollar; `${0}` the whole match; `${%1}` a group of the condition that matched last; `${env:NAME}` a variable
of the environment; `${field:NAME}` a field of the request; `${var:NAME}` a variable whose name is taken letter by letter; `${lower:TEXT}`, `${upper:TEXT}`,
`${escape:TEXT}`, `${unescape:TEXT}`, `${base64:TEXT}`, `${unbase64:TEXT}`; `${ahead:TEXT}` and
`${ahead_file:TEXT}` (the text at the end of a subrequest for what rules have made of the path or file so far); `${default:TEXT|OTHERWISE}`; `${map:NAME:TEXT|OTHERWISE}` and `${random:...}` for a
`lookup`; `${x:7d}` a byte. A `}` or `|` inside of such a text is written `${x:7d}` and `${x:7c}`.

A CONDITION is made of terms joined by `and` or by `or`; `( )`, as words of their own, hold one of them inside the other; `not` stands in front. Terms: `all`;
`valid_user`; `user NAME...`; `group NAME...`; `client NETWORK...`; `-n TEXT` (not empty), `-v TEXT` (has a value), `-t TEXT` (neither empty nor 0, off, false, no);
`-f -d -e -x -s -l PATH` (a file, folder, anything, a program, not empty, a link); `-U PATH`, `-F PATH` (a subrequest for
this URL, or for this file, which must be there, would not be refused; `-A` as `-U`, an empty text being the present folder); `TEXT = TEXT`, `<`, `<=` (with `i` behind it without regard to case, with `n` the
shorter text is the smaller); `-eq`, `-lt`, `-le` of numbers; `TEXT ~ REGEX`, `TEXT ~* REGEX`. A word that means something here is a text when it stands in quotes.
"""


def directives_md(rows, names, httpd):
    out = [NOTICE, "# Directives\n"]
    out.append("%d directives, in the order of `grammar/directives.def`. `wsrpc help NAME` prints one of them.\n" % len(rows))
    out.append("""How to read the arguments: words stand as they are, `a|b` is a choice, `[x]` may be missing, `x...` is one or more,
`key=<kind>` a keyed word, `{ }` a block. `<int 1..9>` is a number in that range, `<duration>` a time (`500ms`, `30s`, `5m`, `1h`; without
unit: seconds; `<duration s>`: whole seconds), `<size>` bytes (`8k`, `1m`), `<offset>` the same with `g`, `<text>` may contain variables and
`<string>` may not. A name with an asterisk stands for every name that fits.

Verdicts: **as in nginx**; **differs**: compiled with the difference given in italics, which the compiler prints as a note; **no effect**:
accepted in silence, the reason in italics; **refused**: an error with the way out in italics; **ours**: not a directive of nginx. What differs or
is refused is accepted in silence where its argument is the default.
""")
    for section, members in sections(rows):
        out.append("## %s\n" % (section[0].upper() + section[1:]))
        out.append("| Directive | In | Default | Verdict | What it does |\n| --- | --- | --- | --- | --- |")
        for row in members:
            default = code(row.default) if row.default is not None else ""
            out.append("| %s | %s | %s | %s | %s |" % (headline(row), cell(row.where), default, VERDICTS[row.verdict], about(row)))
        out.append("")
    out.append("# Phases of httpd\n")
    out.append(HTTPD_TEXT)
    for section, members in sections(httpd):
        out.append("## %s\n" % (section[0].upper() + section[1:]))
        out.append("| Directive | In | What it does |\n| --- | --- | --- |")
        out += ["| %s | %s | %s |" % (headline(row), cell(row.where), about(row)) for row in members]
        out.append("")
    out.append("## Variables\n")
    out.append("A name that ends with an underscore is a family: the rest names the field, argument or cookie.\n")
    out.append("| Variable | Value | Known |\n| --- | --- | --- |")
    out += ["| %s | %s | %s |" % (code("$" + name), cell(sentence), SOURCES[source]) for name, source, sentence in names]
    return "\n".join(out) + "\n"


def nginx_md(rows, seen):
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
    out = [NOTICE, "# What differs from nginx\n"]
    out.append("Rows of the directive table: %d. %s.\n" % (len(rows), "; ".join("%s: %d" % (VERDICTS[v], counts[v]) for v in VERDICTS).capitalize()))
    out.append("""The column *seen in* says what `tests/test_directives.py` observes when only the argument of that directive changes: `answer` (what the client
receives), `upstream request` (what a recording backend receives), `TLS`, `time`, `connection`, `log`, `process`, or the message of the
compiler. What nginx itself does is compared in `tests/differential/`.

Everywhere: only `Upgrade: websocket` opens a tunnel (`upgrade_protocols` widens that), and the well-known `proxy_set_header Upgrade` and
`Connection` lines are recognised as `websocket on`; upstreams are spoken to with HTTP/1.1 over kept connections; a name in `proxy_pass` that
does not resolve never stops a start, its requests are answered with 502 until it does; requests and responses whose framing two parsers could
read differently are refused instead of repaired; error pages are our own.
""")
    for section, members in sections(rows):
        out.append("## %s\n" % (section[0].upper() + section[1:]))
        out.append("| Directive | In | Verdict | Difference, reason or way out | Seen in |\n| --- | --- | --- | --- | --- |")
        for row in members:
            name = "*any other word*" if row.name == "*" else code(row.name)
            out.append("| %s | %s | %s | %s | %s |" % (name, cell(row.where), VERDICTS[row.verdict], cell(row.note or ""), cell(seen(row))))
        out.append("")
    return "\n".join(out)


# --- manual page ----------------------------------------------------------------------------------------------------

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return ("\\&" + text) if text[:1] in ".'" else text


def man_entry(row, verdicts=VERDICTS, section=False):
    name = "any other word" if row.name == "*" else "<%s>" % row.name if section else row.name
    out = [".TP", ".B " + roff(name) if row.name != "*" else ".I " + roff(name)]
    if row.signature:
        signature = roff(row.signature).replace('"', "\\(dq").replace("|", "|\\:")  # a long choice may be broken behind each bar
        out[-1] = '.BR "%s" " %s"' % (roff(name), signature)
    out.append(roff(row.sentence))
    out.append(".br")
    out.append(roff("In: %s.%s%s" % (row.where, " Default: %s." % row.default if row.default is not None else "",
                                     "" if row.verdict == "EXACT" else " %s%s." % (verdicts[row.verdict].capitalize(), ": " + row.note.rstrip(".") if row.note else ""))))
    return out


def man_page(rows, names):
    out = ['.\\" SPDX-License-Identifier: BSD-2-Clause', '.\\" Written by tools/gen_docs.py from grammar/directives.def and eval/variables.def.',
           '.TH WSRP.CONF 5 "" "wsrp %s" "wsrp"' % version(), ".ad l", ".SH NAME", "wsrp.conf \\- configuration that wsrpc compiles", ".SH DESCRIPTION"]
    out.append("""The language is nginx's: a directive is a name, its arguments and a semicolon, or a block in braces. Words with blanks, semicolons or braces
stand in quotes; a backslash takes the meaning of the next character away; # starts a comment where a word could start.""")
    out.append(".PP")
    out.append(roff("Arguments: words stand as they are, a|b is a choice, [x] may be missing, x... is one or more, key=<kind> a keyed word. Times are numbers with "
                    "ms, s, m, h, d, w, M or y (without unit: seconds), sizes have k or m, and g where <offset> stands; <text> may contain variables, <string> may not."))
    out.append(".PP")
    out.append("Unless a verdict stands behind it, a directive means what it means in nginx. Differs: a note says how. No effect: accepted in silence.")
    out.append("Refused: an error, unless the argument is the default. Ours: not a directive of nginx.")
    for section, members in sections(rows):
        out.append(".SH " + section.upper())
        for row in members:
            out += man_entry(row)
    out += [".SH PHASES OF HTTPD", "A server with an httpd block runs the phases of Apache httpd or IIS; wsrpc dump \\-\\-source=nginx prints such sites so."]
    out.append("docs/DIRECTIVES.md says what texts and conditions may hold there.")
    for row in directive_table.rows("HTTPD"):
        out += man_entry(row)
    out.append(".SH VARIABLES")
    out.append("A name that ends with an underscore is a family: the rest names the field, argument or cookie.")
    for name, _, sentence in names:
        out += [".TP", ".B $" + roff(name), roff(sentence)]
    out += [".SH SEE ALSO", ".BR wsrpc (1),", ".BR wsrp\\-apache.conf (5),", ".BR wsrp\\-iis.conf (5),", ".BR wsrpd (8)"]
    return "\n".join(out) + "\n"


def man_head(title, source, description):
    return ['.\\" SPDX-License-Identifier: BSD-2-Clause', '.\\" Written by tools/gen_docs.py from %s.' % source, '.TH %s 5 "" "wsrp %s" "wsrp"' % (title.upper(), version()), ".ad l",
            ".SH NAME", "%s \\- %s" % (roff(title), description), ".SH DESCRIPTION"]


def man_page_apache(rows):
    verdicts = {verdict: text.replace("nginx", "httpd") for verdict, text in VERDICTS.items()}
    out = man_head("wsrp-apache.conf", "grammar/directives_apache.def and grammar/directives_apache_more.def", "Apache configuration that wsrpc compiles")
    out += ["Files of Apache httpd 2.4: a directive is a line, its name without regard to case and its arguments, which stand in quotes when they have blanks; a backslash at",
            "the end of a line continues it; sections stand in pointed brackets; # starts a comment at the beginning of a line. A file without",
            ".B Listen", "listens on the addresses of its virtual hosts. ${NAME} is a",
            ".B Define", "of the text or of", ".BR \\-\\-define .", "Modules are those that a directive below belongs to:",
            ".B <IfModule>", "is decided by that, and a note says how.", ".PP",
            "Unless a verdict stands behind it, a directive means what it means in httpd. Differs: a note says how. No effect: accepted in silence. Refused: an error with the way out.",
            "docs/APACHE.md names the comparison that shows each of them."]
    for section, members in sections(rows):
        out.append(".SH " + roff(section.removeprefix("Apache: ").upper()))
        for row in members:
            out += man_entry(row, verdicts, row.signature.endswith("{ }"))
    out += [".SH SEE ALSO", ".BR wsrpc (1),", ".BR wsrp.conf (5),", ".BR wsrp\\-iis.conf (5),", ".BR wsrpd (8)"]
    return "\n".join(out) + "\n"


def man_page_iis():
    verdicts = {verdict: text.replace("nginx", "IIS") for verdict, text in VERDICTS.items()}
    out = man_head("wsrp-iis.conf", "grammar/iis.def", "IIS configuration (web.config) that wsrpc compiles")
    out += ["The rules of a web.config (URL Rewrite 2.1) as a site. Addresses and certificates are not part of such a file:",
            ".BR \\-\\-listen ,", ".B \\-\\-certificate", "and", ".B \\-\\-certificate\\-key", "of", ".BR wsrpc (1)", "name them. Elements that are not listed are reported with their place and have no effect.",
            ".PP", "A pattern is matched against the path without its first slash and without the query;", ".B \\-\\-assume\\-full\\-url",
            "matches one that begins with a scheme against the whole URL. A", ".B Rewrite", "to a URL with a scheme is a reverse proxy; what no rule takes is answered with 404.", ".SH ELEMENTS"]
    for name, parents, verdict, attributes, sentence, note in iis_elements():
        out += [".TP", ".B <%s>" % roff(name)]
        out.append(roff(sentence))
        if attributes:
            out += [".br", roff("Attributes: %s." % ", ".join(attributes.split())).replace("|", "|\\:")]
        out += [".br", roff("In: %s.%s" % (" ".join("<%s>" % parent for parent in parents.split()) or "the document",
                                           (" %s%s." % (verdicts[verdict].capitalize(), ": " + note if note else "") if verdict != "EXACT" else " %s." % (note[0].upper() + note[1:]) if note else "")))]
    out += [".SH SEE ALSO", ".BR wsrpc (1),", ".BR wsrp.conf (5),", ".BR wsrp\\-apache.conf (5),", ".BR wsrpd (8)"]
    return "\n".join(out) + "\n"


def version():
    found = re.search(r"(?m)^VERSION\s*:=\s*(\S+)", read("Makefile"))
    return found[1] if found else ""


# --- all ------------------------------------------------------------------------------------------------------------

def seen_by_tests():
    """row -> what its test observes, from tests/directives."""
    sys.path.insert(0, os.path.join(TOP, "tests"))
    from directives import seen  # pylint: disable=import-outside-toplevel
    return seen


def iis_elements():
    """(element, parents, verdict, attributes, sentence, note) of grammar/iis.def."""
    text = re.sub(r'"\s*\n\s*"', "", read("grammar/iis.def"))
    string = r'"(?:[^"\\]|\\.)*"'
    found = re.findall(r"^E\((%s),\s*(%s),\s*(\w+),\s*(%s),\s*(%s),\s*(NULL|%s)\)$" % ((string,) * 5), text, re.M)
    return [tuple(None if value == "NULL" else ast.literal_eval(value) if value.startswith('"') else value for value in row) for row in found]


IIS_INTRO = """# IIS configuration

    wsrpc web.config --listen 80 --listen ssl:443 --certificate site.pem --certificate-key site.key -o site.bin

The rules of a `web.config` (URL Rewrite 2.1) as a site. Bindings and certificates are not part of such a file, so they stand on the command line; `ssl:` in front of an
address makes it speak TLS. Elements that are not in the list below are reported with their place and have no effect.

* A pattern is matched against the path without its first slash and without the query, without regard to case unless `ignoreCase="false"`. A pattern that
  begins with a scheme and a host can never match: that is an error which names the pattern that was perhaps meant. `--assume-full-url` matches such patterns
  against `scheme://host/path`.
* `Rewrite` to a URL with `http://` or `https://` is a reverse proxy as Application Request Routing makes it: Host of the target (unless `<proxy preserveHostHeader="true">`),
  `X-Forwarded-For` with the client's port, `X-Original-URL`. `X-ARR-LOG-ID`, `X-ARR-SSL` and `Max-Forwards` are not added. WebSockets pass unless `<webSocket enabled="false">`.
* A request that no rule takes is answered with 404: there is no folder of files.
* `{HTTP_X_NAME}`, `{REQUEST_URI}`, `{QUERY_STRING}`, `{HTTPS}`, `{URL}`, `{CACHE_URL}`, `{REMOTE_ADDR}` and the other variables of a request, `{R:n}`, `{C:n}`, `{ToLower:}`, `{UrlEncode:}`,
  `{UrlDecode:}` and `{Map:}` stand in texts.
* An outbound rule takes the place of the whole value of a field, and sets one that is absent when its pattern takes the empty text; `{RESPONSE_X_NAME}` and `{RESPONSE_STATUS}` stand in
  its conditions and preConditions. Backends' hosts in `Location` become the host that was asked for when `<proxy reverseRewriteHostInResponseHeaders="true">` says so.
* `rewriteMaps` are compiled; keys are compared without regard to case.

Not compared with a running IIS: the tests follow its documentation (tests/test_iis.py).
"""


def iis_md():
    lines = [NOTICE.replace("directives.def", "iis.def"), IIS_INTRO, "| element | in | verdict | attributes | |", "|---|---|---|---|---|"]
    for name, parents, verdict, attributes, sentence, note in iis_elements():
        lines.append("| `<%s>` | %s | %s | %s | %s |" % (name, " ".join("`%s`" % parent for parent in parents.split()) or "the document",
                                                      VERDICTS[verdict].replace("nginx", "IIS"), " ".join(code(word) for word in attributes.split()),
                                                      cell(sentence + (" " + note[0].upper() + note[1:] + "." if note else ""))))
    return "\n".join(lines) + "\n"


APACHE_INTRO = """# What differs from httpd

Rows of Apache's directives: %d. %s.

A name with an asterisk stands for every name that starts so; names are read without regard to case. Sections are shown with `< >`. The column *compared in*
names cases of `tests/differential/httpd/` that show the directive: the same text is served by httpd, the answers are compared, and without the line httpd's
would be others; a path stands for a test of something no client sees; for a directive without effect the cases merely use it. Notes in *verdict* **refused** are the way out.

Everywhere: HTTP/1.1 is the only version; the `Server` field names wsrp; error pages are our own; a log is a file, not a program; files that directives name
are read by the daemon, those of `Include` and `RewriteMap` by the compiler. What is done otherwise on purpose stands at the [end](#deliberate-deviations).
"""

DEVIATIONS_INTRO = """## Deliberate deviations

A site does what httpd does with the same text, also where that is odd. It does not where httpd's way is a danger to whoever runs the site:

| What is done, and why | Shown by |
| --- | --- |"""

OTHER_INTRO = """
Other differences which the comparison with httpd calls by name:

| What is done | Shown by |
| --- | --- |"""

FORM_INTRO = """
What no comparison looks at, because it has no meaning or is each server's own:
"""


def comparison():
    """The modules rows_shown and known of tests/differential/httpd."""
    for folder in ("tests", os.path.join("tests", "differential", "httpd")):
        if os.path.join(TOP, folder) not in sys.path:
            sys.path.append(os.path.join(TOP, folder))
    import known  # pylint: disable=import-outside-toplevel
    import rows_shown  # pylint: disable=import-outside-toplevel
    return rows_shown, known


def deviations():
    """What differs from httpd by name, with its reason and the cases or tests which show it."""
    shown, known = comparison()

    def row(name):
        cases = [case.name for case in shown.CASES if name in case.differs and case.word not in known.WAITING]
        return "| %s | %s |" % (cell(" ".join(known.LIST.by_name[name].__doc__.split())), cell("; ".join(cases)))

    out = [DEVIATIONS_INTRO] + [row(name) for name in known.LIST.deliberate]
    out += ["| %s | %s |" % (cell(what), code(where)) for what, where in known.BESIDE]
    out += [OTHER_INTRO] + [row(name) for name in known.LIST.by_name if name not in known.LIST.deliberate]
    return out + [FORM_INTRO] + ["- %s" % " ".join(function.__doc__.split()) for function in known.LIST.always] + [""]


def compared_in(row):
    """Names of the cases which show a row, from tests/differential/httpd; at most three."""
    names = comparison()[0].compared_in(row)
    return "; ".join(names[:3]) + ("; others" if len(names) > 3 else "")


def apache_md(rows):
    verdicts = {verdict: text.replace("nginx", "httpd") for verdict, text in VERDICTS.items()}
    counts = "; ".join("%s: %d" % (text, sum(row.verdict == verdict for row in rows)) for verdict, text in verdicts.items())
    out = [NOTICE.replace("directives.def", "directives_apache.def and directives_apache_more.def")]
    out.append(APACHE_INTRO % (len(rows), counts[0].upper() + counts[1:]))
    for section, members in sections(rows):
        title = section.removeprefix("Apache: ")
        out.append("## %s\n" % (title[0].upper() + title[1:]))
        out.append("| Directive | In | Default | Verdict | What it does, difference, reason or way out | Compared in |\n| --- | --- | --- | --- | --- | --- |")
        for row in members:
            name = "<%s>" % row.name if row.signature.endswith("{ }") else row.name
            out.append("| %s | %s | %s | %s | %s | %s |" % (code(name), cell(row.where), code(row.default) if row.default is not None else "", verdicts[row.verdict],
                                                          about(row), cell(compared_in(row))))
        out.append("")
    return "\n".join(out + deviations())


def documents():
    """path -> text of every document."""
    rows, names = directive_table.rows(), variables()
    return {
        "docs/APACHE.md": apache_md(directive_table.rows("APACHE")),
        "docs/IIS.md": iis_md(),
        "docs/DIRECTIVES.md": directives_md(rows, names, directive_table.rows("HTTPD")),
        "docs/NGINX.md": nginx_md(rows, seen_by_tests()),
        "docs/man/wsrp.conf.5": man_page(rows, names),
        "docs/man/wsrp-apache.conf.5": man_page_apache(directive_table.rows("APACHE")),
        "docs/man/wsrp-iis.conf.5": man_page_iis(),
    }


def main():
    parser = argparse.ArgumentParser(description="write docs/DIRECTIVES.md, docs/NGINX.md, docs/APACHE.md, docs/IIS.md and docs/man/wsrp*.conf.5")
    parser.add_argument("--check", action="store_true", help="write nothing, say which file is out of date")
    options = parser.parse_args()
    stale = 0
    for path, text in documents().items():
        full = os.path.join(TOP, path)
        old = read(path) if os.path.exists(full) else None
        if old == text:
            continue
        stale += 1
        if options.check:
            print("%s is out of date: run make docs" % path, file=sys.stderr)
            continue
        with open(full, "w", encoding="utf-8") as handle:
            handle.write(text)
        print("  DOC     %s" % path)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
