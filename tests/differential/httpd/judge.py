# SPDX-License-Identifier: BSD-2-Clause
"""The Apache side of the differential harness: cases in the Apache dialect, judged by the real httpd.

The harness (../harness.py) starts the server, sends the rows and records; here is what the dialect changes: where a text
listens, which lines `# drop` takes away, and `vhost`, the frame of most cases.
"""

import os
import re
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import harness  # noqa: E402 (the path to it is set above)
from harness import get, head, post, raw, upgrade  # noqa: E402
from lib import backend, servers  # noqa: E402

__all__ = ["HttpdCase", "backend", "get", "head", "post", "raw", "redirecting", "same_as", "scripted", "upgrade", "vhost", "vhosts"]

DIALECT = ("--dialect=apache",)


class HttpdCase(harness.Case):
    """A configuration in the Apache dialect with its rows; `area` groups the cases that one part of the compiler answers for."""

    all = []
    judge = servers.Httpd
    options = DIALECT
    area = None

    def __init__(self, area, name, text, rows, **more):
        super().__init__(name, text, rows, **more)
        self.area = area

    def lines_to_drop(self):
        """As the harness's, for sections that end with </Name>."""
        lines = self.text.split("\n")
        for number, line in enumerate(lines):
            if not re.search(r"#\s*drop\s*$", line):
                continue
            end, code = number, re.sub(r"#\s*drop\s*$", "", line).strip()
            section = re.match(r"<(\w+)", code)
            if section:
                depth = 1
                while depth:
                    end += 1
                    depth += bool(re.match(r"(?i)\s*<%s\b" % section[1], lines[end])) - bool(re.match(r"(?i)\s*</%s\b" % section[1], lines[end]))
            yield number, code, "\n".join(lines[:number] + lines[end + 1:])

    @staticmethod
    def quiet(text):
        """Without CustomLog nothing is logged."""
        return text

    @staticmethod
    def listens(text):
        found = re.findall(r"(?mi)^\s*(?:Listen\s+|<VirtualHost\s+)([^>\n]*)", text)
        return [(host or "", port) for words in found for host, port in re.findall(r"(\S*?):?(\d+)(?=\s|$)", words)]


def vhost(body, main="", name="localhost"):
    """One virtual host on address A."""
    return "%s\n<VirtualHost @A@>\n    ServerName %s\n%s\n</VirtualHost>\n" % (main, name, body)


def vhosts(*bodies, main=""):
    """Several hosts on address A; each body brings its names."""
    return main + "\n" + "".join("<VirtualHost @A@>\n%s\n</VirtualHost>\n" % body for body in bodies)


def scripted(**by_name):
    """A script that answers by the first segment of the target: name=(status, fields, body); everything else as usual."""
    def script(request):
        name = re.sub(r"\W", "", request.target.split("?")[0].split("/")[-1])
        if name not in by_name:
            return harness.answer(request)
        status, fields, body = by_name[name]
        page = backend.respond(status, fields, body, reason="Scripted")
        return [page[:-len(body)] if request.method == "HEAD" and body else page]

    return script


def redirecting(*fields):
    """A script that answers every request with a 302 and these fields."""
    def script(_request):
        return [backend.respond(302, list(fields), b"moved", reason="Found")]

    return script


def same_as(rows, **more):
    """The same rows with other settings."""
    made = []
    for row in rows:
        one = harness.Row()
        one.__dict__.update(row.__dict__)
        one.__dict__.update(more)
        made.append(one)
    return made
