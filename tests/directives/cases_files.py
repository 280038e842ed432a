# SPDX-License-Identifier: BSD-2-Clause
"""Rows of static files, types, error pages and logs."""

from . import case, unseen
from .probes import body, field, first_log_line, log_has, status

FILES = {"www-a/f.txt": "in a", "www-b/f.txt": "in b", "www-a/one.html": "one", "www-a/two.html": "two", "www-a/f.odd": "odd", "www-a/sub/f.txt": "in sub"}


def file_case(row, *rest, **more):
    case(row, *rest, files=FILES, **more)


file_case("root", "www-a", "www-b", "answer", ("in a", "in b"), body("/f.txt"), server="LINE;")
file_case("alias", "www-a/", "www-b/", "answer", ("in a", "in b"), body("/files/f.txt"), server="location /files/ { LINE; }")
file_case("index", "one.html", "two.html", "answer", ("one", "two"), body("/"), server="root www-a; LINE;")
file_case("try_files", "/one.html =404", "/none /two.html", "answer", ("one", "two"), body("/x"), server="root www-a; location /x { LINE; } location / { }")
file_case("try_files", "/none =404", "/none =403", "answer", (404, 403), status("/x"), title="try_files =status", server="root www-a; location / { LINE; }")
file_case("default_type", "text/x-one", "text/x-two", "answer", ("text/x-one", "text/x-two"), field("Content-Type", "/f.odd"), server="root www-a; LINE;")
file_case("types", "", None, "answer", ("text/x-odd", "text/plain"), field("Content-Type", "/f.odd"), server="root www-a; default_type text/plain; LINE { text/x-odd odd; }")
file_case("*@types", "text/x-odd odd", "text/x-odd other", "answer", ("text/x-odd", "text/plain"), field("Content-Type", "/f.odd"),
          server="root www-a; default_type text/plain; types { LINE; }")
unseen("sendfile", "on", "off", "only how the same bytes get into the socket", server="root www-a; LINE;")
file_case("etag", "on", "off", "answer", (True, False), lambda p: bool(p.get("/f.txt").get("ETag")), server="root www-a; LINE;")
file_case("if_modified_since", "before", "exact", "answer", (304, 200),
          lambda p: p.get("/f.txt", fields=[("If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT")]).status, server="root www-a; LINE;")
file_case("max_ranges", "1", "0", "answer", (206, 200), lambda p: p.get("/f.txt", fields=[("Range", "bytes=0-1")]).status, server="root www-a; LINE;")
file_case("log_not_found", "on", "off", "log", (True, False), log_has(".log", "missing-file", "/missing-file", seconds=1), server="root www-a; error_log NAME.log error; LINE;")
case("error_log", "NAME.log error", "NAME.log crit", "log", (True, False), log_has(".log", "missing-file", "/missing-file", seconds=1), title="error_log, its level",
     server="root www-a; LINE;")
case("error_page", "404 /page", "405 /page", "answer", ("page", 404), lambda p: p.get("/x").body.decode() if p.get("/x").body == b"page" else p.get("/x").status,
     server="LINE; location = /page { return 200 page; } location / { return 404; }")
case("error_page", "404 =200 /page", "404 =201 /page", "answer", (200, 201), status("/x"), title="error_page =status",
     server="LINE; location = /page { try_files /none @page; } location @page { return 200 page; } location / { root www-a; }")
case("expires", "1h", "epoch", "answer", ("max-age=3600", "no-cache"), field("Cache-Control"), server="LINE; return 200 x;")
case("log_format", "NAME_f 'one $uri'", "NAME_f 'two $uri'", "log", ("one /x", "two /x"), first_log_line(".log", "/x"), http="LINE;",
     server="access_log NAME.log NAME_f; return 200 x;")
case("access_log", "NAME.log NAME_f", "NAME.log NAME_g", "log", ("f 200", "g 200"), first_log_line(".log"), http="log_format NAME_f 'f $status'; log_format NAME_g 'g $status';",
     server="LINE; return 200 x;")
case("access_log", "NAME.log NAME_f if=$arg_a", "NAME.log NAME_f if=$arg_b", "log", (True, False), log_has(".log", "f 200", "/?a=1", seconds=1), title="access_log if=",
     http="log_format NAME_f 'f $status';", server="LINE; return 200 x;")
unseen("log_subrequest", "on", "off", "no request is made inside: what nginx does by subrequests is refused", server="LINE; return 200 x;")
