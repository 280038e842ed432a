# SPDX-License-Identifier: BSD-2-Clause
"""What may differ between httpd and wsrpd, and why: the list which the comparison is read with.

`calmed` takes out of a record what moves from run to run of the same server, LIST (see ../neutral.py) what is another with wsrpd.
"""

import re
import zlib

import judge  # noqa: F401 (first: it makes the shared modules importable)
from neutral import Differences, answer_framing, field_order, interim_answers, not_compared, own_connection, own_name_and_time, reason_phrase, request_framing, too_slow, without

LIST = Differences()
neutral, named, deliberate = LIST.add, LIST.add_named, LIST.add_deliberate

# Cases (as words) that are not compared yet, because a directive in them is not compiled or a difference is not settled; httpd answers them in test_httpd_drop.
WAITING = """
""".split()

# Rows of the directive table that act and have neither a compared case with a marked line nor a test elsewhere yet: this list only shrinks, an entry with a case is a failure too.
UNCOVERED = """

""".split()

# Rows without a difference that a client or a backend can see: the test that shows them, as "file name-of-the-test".
ELSEWHERE = {
    "GracefulShutdownTimeout": "tests/http/test_apache.py test_end_of_a_daemon_with_an_open_tunnel",
    "SSLPassPhraseDialog": "tests/http/test_apache.py test_nobody_is_asked_for_a_phrase",
    "SSLSessionTicketKeyFile": "tests/http/test_apache.py test_tickets_of_an_earlier_daemon",
    "SSLUseStapling": "tests/http/test_stapling.py test_good",
    "SSLStaplingForceURL": "tests/http/test_stapling.py test_good",
    "SSLStaplingReturnResponderErrors": "tests/http/test_stapling.py test_responder_that_refuses",
    "SSLStaplingFakeTryLater": "tests/http/test_stapling.py test_responder_in_trouble",
    "SSLStaplingResponderTimeout": "tests/http/test_stapling.py test_nobody_waits_and_failures_are_told_once",
    "SSLStaplingErrorCacheTimeout": "tests/http/test_stapling.py test_nobody_waits_and_failures_are_told_once",
    "SSLStaplingStandardCacheTimeout": "tests/http/test_stapling.py test_it_is_asked_again_in_time",
    "SSLStaplingResponseTimeSkew": "tests/http/test_stapling.py test_old_answers",
    "SSLStaplingResponseMaxAge": "tests/http/test_stapling.py test_old_answers",
}

# Deviations for the sake of safety that no compared case can show: what is done, why, and the test that shows it.
BESIDE = [
    ("A 101 opens a tunnel only with the Sec-WebSocket-Accept that answers the client's key; else the answer is 502. httpd tunnels after any 101: whoever makes a backend send one could speak through it unseen.",
     "tests/http/test_apache_safety.py test_a_101_without_the_right_key_opens_no_tunnel"),
    ("Only GET opens a tunnel (RFC 6455 section 4.1); with another method Upgrade is left out and the request is an ordinary one. httpd tunnels whatever the method.",
     "tests/http/test_apache_safety.py test_only_get_opens_a_tunnel"),
    ("HTTP/1.0 opens no tunnel: Upgrade is left out and the request is an ordinary one (RFC 9110 section 7.8). httpd upgrades the backend and never answers the client.",
     "tests/http/test_apache_safety.py test_http_1_0_opens_no_tunnel"),
    ("A path never becomes a part of the host: where the URL of ProxyPass has no slash behind its host, \"/@other.example/\" and the like are errors. httpd would ask whatever host the client names so.",
     "tests/http/test_apache_safety.py test_a_path_never_becomes_a_part_of_the_host"),
    ("An ErrorDocument that a backend serves is asked for without the body of the request that failed. httpd sends GET with that body: what a GET's body means nobody has said (RFC 9110 section 9.3.1).",
     "tests/http/test_apache_safety.py test_the_body_of_a_failed_request_goes_nowhere"),
    ("A \"#\" that a rule puts into the target for a backend is sent as %23 (RFC 9112 section 3.2). httpd sends it as it is: what reads it may cut the target there.",
     "tests/http/test_apache_safety.py test_a_hash_is_sent_encoded"),
    ("LA-U:REMOTE_USER names nobody whose password is wrong. httpd gives the name that was claimed.",
     "tests/http/test_apache_safety.py test_a_claimed_name_is_nobody_s"),
    ("Subrequests that a section asks for in order to know whether it holds end: one for the path of its own request says no, and they are counted. httpd dies.",
     "tests/http/test_apache_safety.py test_a_section_that_asks_about_itself_ends"),
    ("Files whose names begin with .ht are never sent (403). httpd relies on a section of its distribution's main file, which is seldom part of a site.",
     "tests/http/test_apache_safety.py test_access_files_are_not_sent"),
    ("What two parsers could read differently is refused with 400 or 501 and the connection closed: Content-Length beside Transfer-Encoding, two lengths, bare LF, folded lines, names with spaces.",
     "tests/http/test_apache_safety.py test_ambiguous_requests_are_refused"),
]


def calmed(case, records):
    """The record without what differs between two runs of one server: which pooled connection was taken, the order of Allow and of log lines, the page of its status; nor the length of error pages in logs."""
    for one in records.rows:
        if "fields" in one:
            one["fields"] = [(n, ",".join(sorted(v.replace(" ", "").split(","))) if n == "Allow" else v) for n, v in one["fields"]]
            one["fields"] = [(n, re.sub(r"(?i)expires=[^;]*", "expires=LATER", v) if n.lower() == "set-cookie" else v) for n, v in one["fields"]]
        if b"<title>Apache Status</title>" in one.get("body", b""):
            one["body"], one["fields"] = b"(status)", without(one["fields"], "content-length")
        for request in one["upstream"]:
            request.pop("reused", None)
        one["upstream"].sort(key=lambda request: request["backend"])
    for what, text in records.seen.items():
        if what.startswith("log:"):
            text = re.sub(r'(" [345]\d\d(?: [345]\d\d)?) \d+', r"\1 PAGE", text)  # bytes of an error page, which is each program's own
            records.seen[what] = "".join(sorted(text.splitlines(True)))
    return records


neutral(own_name_and_time)


@neutral
def trace_is_never_offered(_row, one):
    """TRACE of a file is always refused (TraceEnable), so Allow does not name it."""
    if "fields" in one:
        one["fields"] = [(n, ",".join(method for method in v.split(",") if method != "TRACE") if n.lower() == "allow" else v) for n, v in one["fields"]]


@neutral
def error_pages(row, one):
    """Error pages are short HTML of our own; their presence is compared, their text and charset are not."""
    body = one.get("body", b"")
    page = re.search(rb"<html", body, re.I) and re.search(rb"<(?:center|h1)>", body, re.I)
    types = [value for name, value in one.get("fields", ()) if name.lower() == "content-type"]
    bodiless = row.method == "HEAD" and types[:1] in (["text/html"], ["text/html; charset=iso-8859-1"]) and not one["upstream"]
    if one.get("status", 0) >= 300 and (page or bodiless):
        one["body"] = b"(error page)"
        one["fields"] = [(name, value) for name, value in without(one["fields"], "content-length", "content-type")]


@neutral
def persistence(_row, one):
    """Keep-Alive and "Connection: Keep-Alive" only repeat how long an idle connection is kept (RFC 9112 section 9.3); that is tested by time."""
    if "fields" in one:
        one["fields"] = without([(n, v) for n, v in one["fields"] if (n.lower(), v.lower()) != ("connection", "keep-alive")], "keep-alive")


neutral(interim_answers)
neutral(answer_framing)
neutral(request_framing)
neutral(own_connection)


@neutral
def merged_lines(_row, one):
    """Repeated fields of a request and their list joined with commas say the same (RFC 9110 section 5.3); httpd always joins."""
    for request in one["upstream"]:
        merged = {}
        for name, value in request.get("fields", ()):
            merged.setdefault(name.lower(), []).append(value)
        request["fields"] = sorted((name, ", ".join(values)) for name, values in merged.items())


neutral(field_order)
neutral(reason_phrase)


@neutral
def upgrade_tokens(_row, one):
    """Upgrade is compared without case (RFC 9110 section 7.8); we send it in lower case."""
    for request in one["upstream"]:
        request["fields"] = [(n, v.lower() if n == "upgrade" else v) for n, v in request["fields"]]


@neutral
def validators(_row, one):
    """An entity tag has no meaning but being the same for the same file (RFC 9110 section 8.8.3); a page of an error has no use for it, for a date or for ranges."""
    if one.get("status", 0) >= 400:
        one["fields"] = without(one["fields"], "etag", "last-modified", "accept-ranges")
    elif "fields" in one:
        one["fields"] = [(n, "(tag)" if n == "etag" else v) for n, v in one["fields"]]


@named
def nameless_host(row, one):
    """httpd looks the address of a host without ServerName up in the DNS; we call it by its first alias."""
    if row.host == "nameless.example":
        for request in one["upstream"]:
            request["fields"] = without(request["fields"], "x-forwarded-server")


@deliberate
def lifetime_of_a_cookie(_row, one):
    """A cookie of RewriteRule has Max-Age in place of Expires (RFC 6265 section 4.1.2.2): a client whose clock is wrong keeps it no longer than was said."""
    one["fields"] = [(n, re.sub(r"(?i)(expires|max-age)=[^;]*", "LIFETIME", v) if n == "set-cookie" else v) for n, v in one["fields"]]


@deliberate
def page_of_a_status(_row, one):
    """[R=200] is answered without a body; httpd sends the page of an internal error with status 200."""
    if one.get("status") == 200 and (b"misconfiguration" in one["body"] or not one["body"]):
        one["body"] = b""
        one["fields"] = without(one["fields"], "content-type", "content-length")


@deliberate
def targets_without_a_path(row, one):
    """CONNECT and OPTIONS * are for the server itself and never forwarded; httpd forwards CONNECT as a request for "/"."""
    if row.method in ("CONNECT", "OPTIONS"):
        not_compared(one)


@deliberate
def trace_of_files(row, one):
    """A TRACE that reaches no backend is refused with 405; httpd sends the request back, with every cookie and password in it, where a script of a page can read them."""
    if row.method == "TRACE" and not one["upstream"]:
        not_compared(one)


@deliberate
def names_of_clients(_row, one):
    """The name of a client is not looked up (HostnameLookups): an answer would wait for a name server that the client chooses."""
    for request in one["upstream"]:
        request["fields"] = without(request["fields"], "x-client")


@named
def types_by_several_extensions(row, one):
    """The last extension and AddType say what a file is: no charset, language or encoding is added, and TypesConfig is not read."""
    if row.target.count(".") > 1 or row.target.startswith(("/pic", "/sub")):
        one["fields"] = without(one["fields"], "content-type", "content-language", "content-encoding")


@deliberate
def listings_and_access_files(row, one):
    """Folders are not listed (403), and access files are not read (AllowOverride, AccessFileName): both let out or change what nobody put into the configuration."""
    if row.target.startswith(("/list/", "/deep/", "/one/", "/named/")) and row.target != "/list/x.txt":
        not_compared(one)


@deliberate
def compression(row, one):
    """Nothing is compressed here: what compresses pages together with secrets shows their length (BREACH), and backends can do it."""
    fields = dict(one["fields"])
    if fields.get("content-encoding") == "gzip":
        one["body"] = zlib.decompress(one["body"], 31)
    if row.target == "/up/brotli":  # which nothing at hand unpacks
        one["body"] = b""
    one["fields"] = without(one["fields"], "content-encoding", "vary", "content-length", "etag", "accept-ranges")


@named
def bodies_as_they_are(row, one):
    """The body of a request goes on as the client wrote it (SetInputFilter, AddInputFilter)."""
    if row.target != "/plain":
        one.pop("body", None)
        for request in one["upstream"]:
            request.pop("body", None)
            request["fields"] = without(request["fields"], "content-encoding")


@named
def every_request_goes_on(row, one):
    """Nothing is cached: every request reaches its backend."""
    if row.target.startswith("/kept"):
        one["fields"] = without(one["fields"], "age", "x-cache", "content-length")
        one["upstream"] = []


@named
def no_folder_of_files(_row, one):
    """Without DocumentRoot there are no files, and paths that no rule takes are 404; httpd serves the folder that it was built with."""
    if not one["upstream"]:
        not_compared(one)


@named
def ranges_of_backends(row, one):
    """A backend that does not know Range is passed on as it answers (RFC 9110 section 14.2); httpd cuts the parts out of answers that come in one piece."""
    if any(name == "Range" for name, _ in row.fields):
        not_compared(one)


@named
def version_in_Via(_row, one):  # pylint: disable=invalid-name
    """Via of an answer names the version in which the backend sent it (RFC 9110 section 7.6.3); httpd names the client's."""
    if "fields" in one:
        one["fields"] = [(n, re.sub(r"^1\.\d ", "1.x ", v) if n == "via" else v) for n, v in one["fields"]]


@named
def own_pages(row, one):
    """There are no pages of the server (server-status and its kin: wsrpd -s status tells what they show) and no type maps: what stands there is a file or another path."""
    if row.target.startswith(("/server-status", "/map.var")) and not one["upstream"] and one.get("status") != 403:
        not_compared(one)


@deliberate
def programs(row, one):
    """Programs are not run, and the text of one is never sent: 403 below ScriptAlias; httpd without mod_cgi sends the file."""
    if row.target.startswith(("/cgi-bin/", "/sm/")):
        not_compared(one)


@deliberate
def connections_that_went_stale(_row, one):
    """A request that meets a pooled connection which the backend has just closed is sent once more on a new one, if it may be repeated. httpd answers 502, or closes without a word for the client to try again."""
    one["upstream"] = [request for i, request in enumerate(one["upstream"]) if i == 0 or request != one["upstream"][i - 1]]


@deliberate
def answers_that_are_none(row, one):
    """An answer of a backend that is no HTTP/1 message, or one that two parsers could read differently, is a 502: no status line, folded lines, bare LF, Content-Length twice or beside Transfer-Encoding, an unknown coding. httpd passes the text on as a body or repairs it."""
    if row.target in ("/garbage", "/status", "/empty-line", "/folded", "/bare-lf", "/lengths", "/coding", "/both"):
        not_compared(one)


@deliberate
def raw_bytes(row, one):
    """A byte above 0x7f in a query is sent escaped, as in paths; httpd sends it as it came, which is no request line (RFC 9112 section 3.2)."""
    if row.raw and max(row.raw) > 127:
        not_compared(one)


@deliberate
def HTTP_2(row, one):  # pylint: disable=invalid-name
    """HTTP/1.1 alone is offered: a client that can speak both gets that."""
    if row.tls and "h2" in row.tls.get("alpn", ()):
        not_compared(one)


@deliberate
def refusal(row, one):
    """Stricter parsing: what httpd repairs or lets through in a malformed request is a 400 of ours."""
    if row.raw is not None:
        not_compared(one)


@named
def chunked_body_for_a_file(row, one):
    """The answer does not wait for a body that nobody reads: its chunks are thrown away, up to a ceiling; httpd reads them first and says 413 above LimitRequestBody."""
    if any(name == "Transfer-Encoding" for name, _ in row.fields) and not one["upstream"]:
        not_compared(one)


@named
def time_out(_row, one):
    """A client that is too slow gets a 408 where httpd closes without a word, or the other way round."""
    too_slow(one)
