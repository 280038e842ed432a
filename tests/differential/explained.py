# SPDX-License-Identifier: BSD-2-Clause
"""`wsrpc explain --json` held against what wsrpd did with the same request: decision, status, the upstream's request, the fields of the answer.

`check_explain` is what harness.record() calls for each row; both dialects use it.
"""

import json
import os
import re


def explain_options(case, row, got):
    """A request as explain is told of it."""
    host, _, letter = row.at.rpartition("/")
    address = ("[%s]:%d" % (host, case.world.ports[letter]) if host else "127.0.0.1:%d" % case.world.ports[letter]) if letter in case.world.ports else "unix:" + os.path.join(case.world.folder, row.at)
    options = ["--json", "-X", row.method, "--listen", address]
    if row.at.startswith("::1"):
        options += ["--client", "::1"]
    if row.tls is not None:
        tls = {} if row.tls is True else row.tls
        options += ["--sni", tls.get("sni") or ""] + (["--client-certificate"] if tls.get("cert") == "client" else [])
    if row.version == "1.0":
        options.append("--http1.0")
    if row.body and not any(name.lower() == "transfer-encoding" for name, _ in row.fields):
        options += ["--body-length", str(len(row.body))]
    if got["upstream"] and got.get("status"):
        options += ["--upstream-status", str(got["status"])]
    fields = list(row.fields)
    if row.ws:
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")] + fields
    for name, value in fields:
        options += ["-H", "%s: %s" % (name, value)]
    return options


def check_explain(case, row, got, server, logged=None):
    """Compare `wsrpc explain --json` with what wsrpd did with the same request, and with the rule that it logged, if that is known; returns a list of problems."""
    if got["end"] != "answered" or "status" not in got or row.host is None or row.target == "*":
        return []  # what a URL cannot say
    url = "%s://%s%s" % ("https" if row.tls is not None else "http", row.host, row.target)
    done = server.explain(url, *explain_options(case, row, got))
    refused = re.search(rb"the request is refused with (\d+)", done.stderr)
    if refused:
        return [] if int(refused[1]) == got["status"] else ["%r: explain says refused with %s, answered was %d" % (row, refused[1].decode(), got["status"])]
    if done.returncode != 0:
        return ["%r: explain ended with %d: %s" % (row, done.returncode, done.stderr.decode("utf-8", "replace")[:500])]
    said = json.loads(done.stdout)
    problems = []

    def that(condition, message, *arguments):
        if not condition:
            problems.append("%r: %s" % (row, message % arguments))

    forwarded = [one for one in got["upstream"] if "method" in one]
    if forwarded:
        upstream, sent = said.get("upstream") or {}, forwarded[-1]
        that(said.get("decision") in ("proxy", "tunnel"), "explain says %s, but it was forwarded", said.get("decision"))
        that(upstream.get("method") == sent["method"], "explain says method %s, sent was %s", upstream.get("method"), sent["method"])
        that(upstream.get("target") == sent["target"], "explain says target %s, sent was %s", upstream.get("target"), sent["target"])
        of_group = upstream.get("peers", 1) > 1  # whose turn it is, only the daemon knows
        told, real = ({pair for pair in field_set(fields) if not (of_group and pair[0] == "host")} for fields in (upstream.get("headers", ()), sent["fields"]))
        that(told == real, "upstream fields: only explain has %s, only the upstream has %s", sorted(told - real), sorted(real - told))
    else:
        that(said.get("decision") not in ("proxy", "tunnel") or got["status"] >= 500 or got["status"] == 413 and not row.body.isalpha(), "explain says %s, but nothing was forwarded", said.get("decision"))
        if said.get("decision") == "answer":
            that(said.get("status") == got["status"], "explain says status %s, answered was %s", said.get("status"), got["status"])
    if got.get("status") and said.get("response_headers") is not None and (said.get("decision") != "file" or said.get("status") == got["status"]):
        missing = field_set(said["response_headers"]) - field_set(got["fields"])
        that(not missing or got["status"] >= 500 and forwarded, "explain promises %s, which the answer has not", sorted(missing))
    if said.get("rule") is not None:
        that(re.fullmatch(r".+:\d+(:\d+)?", said["rule"] or ""), "no file:line for the rule: %r", said["rule"])
        that(logged is None or logged == said["answer_rule"] or got["status"] >= 500, "explain names %s, wsrpd logged %s", said["answer_rule"], logged)
    return problems


def field_set(fields):
    """Fields without framing and what a connection, not the configuration, decides."""
    return {(name.lower(), value.lower() if name.lower() == "upgrade" else value) for name, value in fields if name.lower() not in ("content-length", "transfer-encoding", "date", "expires", "connection", "server", "keep-alive", "sec-websocket-accept")
            and "$" not in value and "expires=" not in value}
