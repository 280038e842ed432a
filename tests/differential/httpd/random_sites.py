# SPDX-License-Identifier: BSD-2-Clause
"""Random sites in the Apache dialect and random requests to them: what the property test is made of.

A Site is a list of rules (each a list of lines, so that one can be taken out whole) and becomes a virtual host of a text with
many; some rules stand in the main server, for all sites of a run.  Paths, targets and patterns come from one small alphabet,
so that rules overlap and shadow each other often.  Everything generated is accepted by httpd.

Sites have, in any order and any number:
    ProxyPass with prefixes and "!", with and without slashes at the ends, nocanon, ws:// targets, a backend
    with upgrade=websocket (workers that share their parameters are left to the cases)
    ProxyPassMatch with groups and "!"
    Location and LocationMatch, overlapping and nested by path, with ProxyPass, ProxyPassMatch, "!", Redirect, Require inside
    Redirect and RedirectMatch with statuses (gone, 404, 308 too) and targets with and without path and query; Alias, AliasMatch
    RewriteRule with P, R, PT, L, END, N=, C, S=, F, G, R=404, QSA, QSD, QSL, NE, NC, B, BNP, NS, E= and with "!"
    RewriteCond with OR and NC on the path, query, method, Upgrade, environment, files, groups ($0, %1), by expression, "=", "<", -f, -d
    RewriteRule with RewriteBase and RewriteOptions in Location, LocationMatch, Directory, DirectoryMatch, Files and If
    RewriteMap txt: and int: in substitutions and conditions; conditions that ask by subrequests (-U, -F, LA-U:)
    ErrorDocument with paths; DirectoryIndex, FallbackResource, AllowEncodedSlashes On and NoDecode, MergeSlashes Off, RewriteOptions Inherit and InheritBefore
    in the main server: ProxyPass, Redirect, RedirectMatch, Alias, Location and RewriteRule
Requests have paths near those of the rules with encoded and plain special bytes, "//", dot segments, encoded slashes, bytes
beyond ASCII, very long paths, no query, an empty one and others; GET, HEAD, POST, PUT, OPTIONS and DELETE; GET with and without Upgrade (only
GET takes Upgrade to the backend here).
"""

import collections

SEGMENTS = ("a", "b", "ab", "x", "a.x")
PATTERNS = ("^/a(.*)$", "^/a/(.*)$", "/b", "(.*)\\.x$", "^/([^/]+)/([^/]+)$", "^/(a|b)/?(.*)$", "^/x", "^(/ab)(/.*)?$", "a", "/$", "^/?(.*)$", "[ab]+$", "^(.*)/(.*)a(.*)$", "%|;", "^/(?i:A)(.*)$")
HOST_TARGETS = ("/a", "/b/", "/x", "/", "", "/ab/x", "/m/", "/n")
STATUSES = ("", "301 ", "permanent ", "303 ", "307 ", "temp ", "308 ", "seeother ")
FILES = {"html/a/index.html": "html a index\n", "html/a/b": "html a b\n", "html/b": "html b\n", "html/x/a": "html x a\n", "html/ab": "html ab\n", "html/a.x": "html a.x\n", "html/index.html": "html index\n", "map": "a b\nb /x/a\nab a.x\nx a/b\n",
         "other/a": "other a\n", "other/b/index.html": "other b index\n", "other/index.html": "other index\n", "other/x": "other x\n", "other/b/a": "other b a\n"}


def some(rng, share):
    return rng.random() < share


def path(rng, longest=3, shortest=0):
    """A prefix as rules name it."""
    made = "".join("/" + rng.choice(SEGMENTS) for _ in range(rng.randint(shortest, longest)))
    return made + "/" if not made or some(rng, 0.25) else made


def backend_url(rng):
    if some(rng, 0.06):
        return "http://@UP3@/up upgrade=websocket"
    return "%s://@%s@%s" % ("ws" if some(rng, 0.06) else "http", rng.choice(("UP", "UP2")), rng.choice(HOST_TARGETS))


def parameters(rng):
    """What may stand behind a target."""
    return " nocanon" if some(rng, 0.1) else ""


def substituted(rng, pattern, start):
    """A substitution with the groups that the pattern has."""
    groups = pattern.count("(") - pattern.count("(?")
    return start + rng.choice(["", "/fix"] + (["/$1", "$1"] if groups else []) + (["/$2-$1", "/$2"] if groups > 1 else []))


def mapped(rng, substitution):
    """At times a group is the key of a map."""
    return substitution.replace("$1", rng.choice(("${m:$1}", "${m:$1|a}", "${u:$1}")), 1) if some(rng, 0.1) else substitution


def redirect(rng):
    if some(rng, 0.15):
        return "Redirect %s %s" % (rng.choice(("gone", "404", "410", "403")), path(rng))
    return "Redirect %s%s %s" % (rng.choice(STATUSES), path(rng), rng.choice(("http://e.example/r", "http://e.example/r/", "https://e.example", "/b/r", "http://e.example/r?q=1", "http://e.example/r#f", "/b?")))


def redirect_match(rng):
    pattern = rng.choice(PATTERNS)
    if some(rng, 0.1):
        return "RedirectMatch %s %s" % (rng.choice(("gone", "404")), pattern)
    return "RedirectMatch %s%s %s" % (rng.choice(STATUSES), pattern, substituted(rng, pattern, rng.choice(("http://e.example/rm", "/x", "http://e.example/rm?m="))))


TESTS = (("%{REQUEST_URI}", ("^/a", "!^/a", "=/b", "/x", "^/(.*)$", "<b", ">/b", "!=/a")), ("%{QUERY_STRING}", ("q", "!q", "^$", "^(.+)$", "=q=1", '=""')), ("%{REQUEST_METHOD}", ("=GET", "!POST", "^(P)")),
         ("$0", ("^/a", "!b", "/x", "(.)$")), ("%{HTTP:Upgrade}", ("websocket", "!=websocket", "^$")), ("%{ENV:V}", ("a", "!.", "^(.)")), ("%{DOCUMENT_ROOT}%{REQUEST_URI}", ("-f", "-d", "!-f", "!-d")),
         ("%{REQUEST_FILENAME}", ("-f", "^(.*)/", "!-f")), ("%1", ("a", "!a", "^(.*)$")), ("%{HTTP_HOST}", ("^s[0-4]", "!s1")), ("%{IS_SUBREQ}", ("=true", "=false")), ("%{THE_REQUEST}", ("%2F", " /a", "\\\\?")),
         ("/a%{REQUEST_URI}", ("-U", "!-U")), ("%{REQUEST_FILENAME}", ("-F", "!-F")), ("%{LA-U:REQUEST_FILENAME}", ("-f", "!-d", "/html/a")), ("${m:$1|none}", ("none", "!none", "^(.)/")))


def condition(rng):
    test, expressions = rng.choice(TESTS)
    flags = [flag for flag, share in (("NC", 0.2), ("OR", 0.25)) if some(rng, share)]
    expression = rng.choice(expressions)
    return "RewriteCond %s %s%s" % (test, expression, " [%s]" % ",".join(flags) if flags and not expression.lstrip("!").startswith("-") else "")


def rewrite_rule(rng):
    lines = [condition(rng) for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3)))]
    pattern = rng.choice(PATTERNS)
    flags = []
    kind = rng.random()
    if kind < 0.28:
        to = substituted(rng, pattern, rng.choice(("http://e.example/w", "/w", "/a", "https://e.example", "a")))
        flags.append(rng.choice(("R", "R=301", "R=307", "R=308")))
    elif kind < 0.52:
        to = substituted(rng, pattern, rng.choice(("http://@UP@/w", "http://@UP@/w", "ws://@UP2@/w")))
        flags.append("P")
    elif kind < 0.66:
        to = "-"
        flags.append(rng.choice(("F", "G", "L", "S=1", "S=2", "END", "C", "PT", "E=V:$0", "E=V:a", "E=!V", "R=404", "R=403")))
    else:
        to = substituted(rng, pattern, rng.choice(("/a", "/b", "/x", "/ab/b", "http://e.example/w")))
        flags.append(rng.choice(("", "L", "PT", "PT,L", "END", "C", "S=1", "N=3", "NS", "E=V:$0")))
    to = mapped(rng, to)
    if to != "-" and lines and some(rng, 0.15):
        to += rng.choice(("/%1", "%1"))
    if to != "-" and some(rng, 0.3):
        to += rng.choice(("?", "?r=1", "?r=$0", "?%{QUERY_STRING}", "?v=%{ENV:V}"))
    flags += [flag for flag, share in (("NC", 0.1), ("QSA", 0.2), ("NE", 0.1), ("L", 0.3), ("QSD", 0.08), ("QSL", 0.05), ("B", 0.08), ("BNP", 0.03)) if some(rng, share)]
    flags = list(dict.fromkeys(",".join(filter(None, flags)).split(","))) if any(flags) else []
    negated = some(rng, 0.08) and "$" not in to and not any("$" in flag for flag in flags)
    lines.append("RewriteRule %s%s %s%s" % ("!" if negated else "", pattern, to, " [%s]" % ",".join(flags) if flags else ""))
    return lines


SECTION_PATTERNS = ("^a(.*)$", "^(.*)$", "^/?b", "^$", "^([^/]+)/(.*)$", "^(a|b)/?(.*)$", "x$", "^/(.*)$", "index", "^(.*)\\.x$")


def section_rule(rng):
    """A rule as those of sections are: the prefix is cut off what it looks at, and its result starts the request again."""
    pattern = rng.choice(SECTION_PATTERNS)
    kind = rng.random()
    if kind < 0.2:
        to, flags = substituted(rng, pattern, rng.choice(("http://e.example/s", "/s", "s", "/a"))), [rng.choice(("R", "R=301", "R=308"))]
    elif kind < 0.35:
        to, flags = substituted(rng, pattern, "http://@UP@/s"), ["P"]
    elif kind < 0.5:
        to, flags = "-", [rng.choice(("F", "G", "L", "S=1", "END", "C", "E=V:$0", "R=404"))]
    else:
        to, flags = substituted(rng, pattern, rng.choice(("/a", "/b", "x", "b", "/ab/b", "a.x"))), [rng.choice(("", "L", "END", "C", "S=1", "N=3", "PT", "NS", "DPI", "E=V:$0"))]
    to = mapped(rng, to)
    if to != "-" and some(rng, 0.25):
        to += rng.choice(("?", "?r=1", "?r=$0", "?%{QUERY_STRING}"))
    flags += [flag for flag, share in (("NC", 0.1), ("QSA", 0.15), ("NE", 0.1), ("L", 0.3), ("QSD", 0.05)) if some(rng, share)]
    flags = list(dict.fromkeys(flag for flag in flags if flag))
    return [condition(rng) for _ in range(rng.choice((0, 0, 0, 1, 2)))] + ["RewriteRule %s %s%s" % (pattern, to, " [%s]" % ",".join(flags) if flags else "")]


def section(rng):
    """A Location, Directory, Files or If with rules of its own."""
    opened = rng.choice(("<Location %s>" % path(rng, 2), "<Directory @DIR@/%s>" % rng.choice(("html", "html/a", "html/x", "other", "other/b")), "<Directory @DIR@/%s/>" % rng.choice(("html", "html/a")),
                         "<LocationMatch %s>" % rng.choice(PATTERNS), "<Files %s>" % rng.choice(("a", "b", "*.x", "index.html")), "<If \"%{QUERY_STRING} =~ /q/\">", "<DirectoryMatch /html/[ab]>"))
    inside = ["RewriteEngine On"] if some(rng, 0.85) else []
    if some(rng, 0.25):
        inside.append("RewriteBase " + rng.choice(("/", "/a", "/b/", "/x")))
    if some(rng, 0.15):
        inside.append("RewriteOptions " + rng.choice(("Inherit", "InheritBefore", "MergeBase", "AllowNoSlash", "InheritDown")))
    for _ in range(rng.choice((1, 1, 2, 3))):
        inside += section_rule(rng)
    return [opened] + ["    " + line for line in inside] + ["</%s>" % opened[1:].split()[0].rstrip(">")]


def location(rng):
    if some(rng, 0.7):
        opened, pattern = "<Location %s>" % path(rng), None
    else:
        pattern = rng.choice(PATTERNS)
        opened = "<LocationMatch %s>" % pattern
    close = "</%s>" % opened[1:].split()[0]
    inside = [rng.choice(("ProxyPass " + backend_url(rng) + parameters(rng), "ProxyPass " + backend_url(rng), "ProxyPass !", "Redirect %shttp://e.example/in" % rng.choice(STATUSES), "Redirect gone",
                          "Require all denied", "Require all granted", "Require method GET", "DirectoryIndex a index.html", redirect_match(rng)))]
    if pattern and some(rng, 0.3):
        inside = ["ProxyPassMatch " + substituted(rng, pattern, "http://@UP@/i")]
    if some(rng, 0.15):
        inside.append("Require all denied" if some(rng, 0.3) else "Require all granted")
    return [opened] + ["    " + line for line in dict.fromkeys(inside)] + [close]


def alias(rng):
    if some(rng, 0.2):
        pattern = rng.choice(PATTERNS)
        return "AliasMatch %s @DIR@/%s" % (pattern, substituted(rng, pattern, rng.choice(("html", "other", "other/b"))))
    where = path(rng, 2)
    return "Alias %s @DIR@/%s%s" % (where, rng.choice(("html", "other", "other/b", "html/a")), "/" if where.endswith("/") else "")


def rule(rng):
    """One rule as lines."""
    kind = rng.random()
    if kind < 0.33:
        return ["ProxyPass %s %s" % (path(rng), "!" if some(rng, 0.15) else backend_url(rng) + parameters(rng))]
    if kind < 0.42:
        pattern = rng.choice(PATTERNS)
        return ["ProxyPassMatch %s %s" % (pattern, "!" if some(rng, 0.15) else substituted(rng, pattern, "http://@UP@/m") + parameters(rng))]
    if kind < 0.5:
        return section(rng)
    if kind < 0.6:
        return location(rng)
    if kind < 0.69:
        return [redirect(rng)]
    if kind < 0.73:
        return [redirect_match(rng)]
    if kind < 0.8:
        return [alias(rng)]
    return rewrite_rule(rng)


def main_rule(rng):
    """A rule of the main server: its paths are longer, so that sites keep something to do."""
    where = path(rng, 3, 2)
    kind = rng.randrange(6)
    if kind == 0:
        return ["ProxyPass %s http://@UP2@/main" % where]
    if kind == 1:
        return ["Redirect %s%s http://e.example/main" % (rng.choice(STATUSES), where)]
    if kind == 2:
        return ["RedirectMatch ^(%s.*)\\.x$ http://e.example/main$1" % where]
    if kind == 3:
        return ["Alias %s @DIR@/other%s" % (where, "/" if where.endswith("/") else "")]
    if kind == 4:
        return ["<Location %s>" % where, "    " + rng.choice(("ProxyPass http://@UP2@/mainlocation", "Require all denied", "Redirect gone")), "</Location>"]
    return ["RewriteRule ^%s(.*)$ %s" % (where, rng.choice(("http://@UP@/main$1 [P]", "/b [PT]", "http://e.example/main$1 [R]", "/a/b", "- [G]")))]


def options(rng):
    """Settings of a whole host."""
    lines = []
    if some(rng, 0.12):
        lines.append("AllowEncodedSlashes " + rng.choice(("On", "NoDecode")))
    if some(rng, 0.06):
        lines.append("MergeSlashes Off")
    if some(rng, 0.15):
        lines.append("RewriteOptions " + rng.choice(("Inherit", "InheritBefore")))
    if some(rng, 0.08):
        lines.append("DirectoryIndex " + rng.choice(("a b", "index.html a", "none.html /b", "disabled")))
    if some(rng, 0.05):
        lines.append("FallbackResource " + rng.choice(("/b", "/a/b", "/a.x")))
    if some(rng, 0.15):
        lines.append("ErrorDocument %d %s" % (rng.choice((403, 404, 404, 410)), rng.choice(("/b", "/a/", "/none", "/x%2561", "/ab?e=1", "http://e.example/error"))))
    return [[line] for line in lines]


class Site:
    """A virtual host of generated rules."""

    def __init__(self, number, rules):
        self.number, self.rules = number, rules

    @property
    def name(self):
        return "s%d.example" % self.number

    def text(self):
        lines = ["    " + line for one in self.rules for line in one]
        return "\n".join(["<VirtualHost @A@>", "    ServerName " + self.name, "    DocumentRoot @DIR@/html", "    RewriteEngine On", "    RewriteMap m txt:@DIR@/map", "    RewriteMap u int:toupper"] + lines + ["</VirtualHost>"]) + "\n"

    def without(self, index, number):
        return Site(number, self.rules[:index] + self.rules[index + 1:])


def site(rng, number):
    return Site(number, options(rng) + [rule(rng) for _ in range(rng.randint(1, 10))])


def main_server(rng):
    """Text of the main server."""
    return "".join(line + "\n" for _ in range(8) for line in main_rule(rng))


SPECIAL = ("%61", "%2F", "%2f", "%20", "%3F", "%C3%A9", "//", "/./", "/../", "%2e", ".", ";p=1", "%25", "%41", "+", "%3B", "~", "%7e", "&", "%26", "%5C", "//", "/../", "%2e%2e/", "%zz", "%00", ":", "@", "'", "%23", "$1", "!", "=", "A", "%0a", "%7F", "%22",
           "%E9", "%2F%2F", "/%2e%2e/", "%252F", "a" * 300, "*", "%7C", "[", "%5B", "(", ",")
QUERIES = ("", "", "", "?q=1", "?", "?a%20b=%2F", "?q=1&r=2", "??", "?a?b", "?%3F=%C3%A9", "?/../x", "?&", "?a;b='", "?x=http://e.example/")


def target(rng):
    """A request's target: a path near those of the rules, at times with bytes that need care."""
    made = "".join("/" + rng.choice(SEGMENTS) for _ in range(rng.randint(0, 4)))
    if not made or some(rng, 0.3):
        made += "/"
    if some(rng, 0.005):
        made = "/a" * rng.choice((100, 1000, 4000, 4096, 5000))
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 1, 1, 2))):
        at = rng.randrange(len(made) + 1)
        made = made[:at] + rng.choice(SPECIAL) + made[at:]
    if not made.startswith("/"):
        made = "/" + made
    return made + rng.choice(QUERIES)


class Request(collections.namedtuple("Request", "method target upgrade")):
    """What is asked of a site."""

    def __str__(self):
        return "%s %s%s" % (self.method, self.target, "  Upgrade: " + self.upgrade if self.upgrade else "")

    @property
    def body(self):
        return b"sent" if self.method in ("POST", "PUT") else b""

    @property
    def fields(self):
        return [("Upgrade", self.upgrade), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")] if self.upgrade else []


def request(rng):
    method = "GET" if some(rng, 0.85) else rng.choice(("HEAD", "POST", "PUT", "OPTIONS", "DELETE"))
    return Request(method, target(rng), rng.choice(("websocket", "websocket", "other/1")) if method == "GET" and some(rng, 0.08) else None)
