# SPDX-License-Identifier: BSD-2-Clause
"""Random sites in the Apache dialect and random requests to them: what the property test is made of.

A Site is a list of rules (each a list of lines, so that one can be taken out whole) and becomes a virtual host of a text with
many; a request is a target.  Paths, targets and patterns come from one small alphabet, so that rules overlap and shadow each
other often.  Everything generated is accepted by httpd.
"""

SEGMENTS = ("a", "b", "ab", "x", "a.x")
PATTERNS = ("^/a(.*)$", "^/a/(.*)$", "/b", "(.*)\\.x$", "^/([^/]+)/([^/]+)$", "^/(a|b)/?(.*)$", "^/x", "^(/ab)(/.*)?$", "a", "/$", "^/?(.*)$", "[ab]+$")
HOST_TARGETS = ("/a", "/b/", "/x", "/", "", "/ab/x", "/m/", "/n")
STATUSES = ("", "301 ", "permanent ", "303 ", "307 ", "temp ")
FILES = {"html/a/index.html": "html a index\n", "html/a/b": "html a b\n", "html/b": "html b\n", "html/x/a": "html x a\n", "html/ab": "html ab\n", "html/a.x": "html a.x\n", "html/index.html": "html index\n",
         "other/a": "other a\n", "other/b/index.html": "other b index\n", "other/index.html": "other index\n", "other/x": "other x\n", "other/b/a": "other b a\n"}


def path(rng, longest=3):
    """A prefix as rules name it."""
    made = "".join("/" + rng.choice(SEGMENTS) for _ in range(rng.randint(0, longest)))
    return made + "/" if not made or rng.random() < 0.25 else made


def backend_url(rng):
    return "http://@%s@%s" % (rng.choice(("UP", "UP2")), rng.choice(HOST_TARGETS))


def substituted(rng, pattern, start):
    """A substitution with the groups that the pattern has."""
    groups = pattern.count("(")
    return start + rng.choice(["", "/fix"] + (["/$1", "$1"] if groups else []) + (["/$2-$1", "/$2"] if groups > 1 else []))


def redirect(rng):
    if rng.random() < 0.15:
        return "Redirect gone %s" % path(rng)
    return "Redirect %s%s %s" % (rng.choice(STATUSES), path(rng), rng.choice(("http://e.example/r", "http://e.example/r/", "https://e.example", "/b/r", "http://e.example/r?q=1")))


def rewrite_rule(rng):
    lines = []
    for number in range(rng.choice((0, 0, 0, 1, 1, 2))):
        test, condition = rng.choice((("%{REQUEST_URI}", rng.choice(("^/a", "!^/a", "=/b", "/x", "^/(.*)$"))), ("%{QUERY_STRING}", rng.choice(("q", "!q", "^$", "^(.+)$", "=q=1"))), ("%{REQUEST_METHOD}", "=GET"), ("$0", rng.choice(("^/a", "!b", "/x")))))
        lines.append("RewriteCond %s %s%s" % (test, condition, rng.choice(("", "", " [NC]", " [OR]")) if number == 0 else ""))
    pattern = rng.choice(PATTERNS)
    flags = []
    kind = rng.random()
    if kind < 0.3:
        to = substituted(rng, pattern, rng.choice(("http://e.example/w", "/w", "/a", "https://e.example")))
        flags.append(rng.choice(("R", "R=301", "R=307")))
    elif kind < 0.55:
        to = substituted(rng, pattern, "http://@UP@/w")
        flags.append("P")
    elif kind < 0.65:
        to = "-"
        flags.append(rng.choice(("F", "G", "L", "S=1", "S=2", "END", "C", "PT")))
    else:
        to = substituted(rng, pattern, rng.choice(("/a", "/b", "/x", "/ab/b")))
        flags.append(rng.choice(("", "L", "PT", "PT,L", "END", "C", "S=1")))
    if to != "-" and rng.random() < 0.3:
        to += rng.choice(("?", "?r=1", "?r=$0"))
    flags += [flag for flag, share in (("NC", 0.1), ("QSA", 0.2), ("NE", 0.1), ("L", 0.3), ("QSD", 0.08), ("B", 0.08)) if rng.random() < share]
    flags = list(dict.fromkeys(",".join(filter(None, flags)).split(","))) if any(flags) else []
    lines.append("RewriteRule %s%s %s%s" % ("!" if rng.random() < 0.08 and "$" not in to else "", pattern, to, " [%s]" % ",".join(flags) if flags else ""))
    return lines


def location(rng):
    kind = rng.random()
    if kind < 0.75:
        opened = "<Location %s>" % path(rng)
    else:
        opened = "<LocationMatch %s>" % rng.choice(PATTERNS)
    close = "</%s>" % opened[1:].split()[0]
    inside = rng.choice(("ProxyPass " + backend_url(rng), "ProxyPass " + backend_url(rng), "ProxyPass !", "Redirect %shttp://e.example/in" % rng.choice(STATUSES), "Require all denied", "Require all granted"))
    return [opened, "    " + inside, close]


def rule(rng):
    """One rule as lines."""
    kind = rng.random()
    if kind < 0.35:
        return ["ProxyPass %s %s" % (path(rng), "!" if rng.random() < 0.15 else backend_url(rng))]
    if kind < 0.45:
        pattern = rng.choice(PATTERNS)
        return ["ProxyPassMatch %s %s" % (pattern, "!" if rng.random() < 0.15 else substituted(rng, pattern, "http://@UP@/m"))]
    if kind < 0.6:
        return location(rng)
    if kind < 0.72:
        return [redirect(rng)]
    if kind < 0.77:
        pattern = rng.choice(PATTERNS)
        return ["RedirectMatch %s%s %s" % (rng.choice(STATUSES), pattern, substituted(rng, pattern, "http://e.example/rm"))]
    if kind < 0.84:
        where = path(rng, 2)
        return ["Alias %s @DIR@/%s%s" % (where, rng.choice(("html", "other", "other/b", "html/a")), "/" if where.endswith("/") else "")]
    return rewrite_rule(rng)


class Site:
    """A virtual host of generated rules."""

    def __init__(self, number, rules):
        self.number, self.rules = number, rules

    @property
    def name(self):
        return "s%d.example" % self.number

    def text(self):
        lines = ["    " + line for one in self.rules for line in one]
        return "\n".join(["<VirtualHost @A@>", "    ServerName " + self.name, "    DocumentRoot @DIR@/html", "    RewriteEngine On"] + lines + ["</VirtualHost>"]) + "\n"

    def without(self, index, number):
        return Site(number, self.rules[:index] + self.rules[index + 1:])


def site(rng, number):
    return Site(number, [rule(rng) for _ in range(rng.randint(1, 10))])


def target(rng):
    """A request's target: a path near those of the rules, at times with bytes that need care."""
    made = "".join("/" + rng.choice(SEGMENTS) for _ in range(rng.randint(0, 4)))
    if not made or rng.random() < 0.3:
        made += "/"
    if rng.random() < 0.35:
        at = rng.randrange(len(made) + 1)
        made = made[:at] + rng.choice(("%61", "%2F", "%20", "%3F", "%C3%A9", "//", "/./", "/../", "%2e", ".", ";p=1", "%25", "%41", "+", "%3B", "~", "%7e", "&", "%26", "%5C", "//", "/../", "%2e%2e/", "%zz", "%00", ":", "@", "'", "%23", "$1", "!", "=", "A")) + made[at:]
    if not made.startswith("/"):
        made = "/" + made
    return made + rng.choice(("", "", "", "?q=1", "?", "?a%20b=%2F", "?q=1&r=2"))
