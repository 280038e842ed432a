# SPDX-License-Identifier: BSD-2-Clause
"""What upstreams answer, and what nginx makes of it: fields of caches, dates, redirects to files."""

from harness import Case, get, head, post, site, upgrade
from lib.backend import respond

CACHED = {
    "none": [], "private": [("Cache-Control", "private, max-age=5"), ("Expires", "Thu, 01 Jan 1970 00:00:01 GMT")], "two": [("Cache-Control", "no-cache"), ("Cache-Control", "no-store")],
    "dated": [("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")], "odd": [("Last-Modified", "yesterday")], "css": [("Content-Type", "text/css")], "error": []}
FILES = {"html/a.txt": "text", "html/b.css": "b{}"}


def cached(request):
    name = request.target.rpartition("/")[2]
    return [respond(404 if name == "error" else 200, CACHED.get(name, []), b"" if request.method == "HEAD" else b"page")]


Case("expires in front of an upstream and of files", site("""
    types { text/plain txt; text/css css; }
    map $sent_http_content_type $kept { # drop
        default off;
        text/css max; # drop
        ~text/ 2h; # drop
    }
    server {
        listen @A@;
        location /up/ { proxy_pass http://@UP@; }
        location /hour/ { proxy_pass http://@UP@; expires 1h; add_header Cache-Control public; } # drop
        location /past/ { proxy_pass http://@UP@; expires -1; } # drop
        location /never/ { proxy_pass http://@UP@; expires epoch; proxy_hide_header Cache-Control; } # drop
        location /zero/ { proxy_pass http://@UP@; expires 0; } # drop
        location /by-type/ { proxy_pass http://@UP@; expires $kept; } # drop
        location /by-argument/ { proxy_pass http://@UP@; expires $arg_e; } # drop
        location /by-date/ { proxy_pass http://@UP@; expires modified $arg_e; } # drop
        location /dated/ { proxy_pass http://@UP@; expires modified +1y; } # drop
        location /undated/ { proxy_pass http://@UP@; expires modified 1h; proxy_hide_header Last-Modified; } # drop
        location /typed/ { alias @DIR@/html/; expires $kept; } # drop
    }"""), [get(folder + name) for folder in ("/up/", "/hour/", "/past/", "/never/", "/zero/", "/by-type/", "/undated/") for name in CACHED] + [head("/hour/private")]
     + [get("/by-argument/none?e=" + text) for text in ("1h", "", "off", "max", "epoch", "-1", "h", "1h1d", "1d1h", "1d%202h", "5", "0", "@", "@25h", "+3", "1ms", "99999999999999999999")]
     + [get("/by-date/dated?e=" + text) for text in ("1y", "-1y", "max", "0", "@5h")] + [get("/dated/odd"), get("/dated/none")]
     + [get(folder + name) for folder in ("/typed/",) for name in ("a.txt", "b.css")], files=FILES, script=cached)

Case("expires by the date of a file, which explain does not know", site("""
    server {
        listen @A@;
        location /old/ { alias @DIR@/html/; expires modified 1d; } # drop
        location /files/ { alias @DIR@/html/; expires modified 40y; } # drop
    }"""), [get("/old/a.txt"), get("/old/none"), get("/files/a.txt")], files=FILES, explain=False)

ELSEWHERE = {"file": "/kept/a.txt", "css": "/kept/b.css", "encoded": "/kept/%61.txt?x=1", "named": "@named", "again": "/up/css", "proxied": "/behind/x?y=1", "missing": "/kept/none", "folder": "/kept/",
             "text": "/text", "moved": "/moved", "denied": "/denied/x", "up": "/kept/../kept/a.txt", "up2": "/kept/%2e%2e/kept/a.txt", "relative": "kept/a.txt", "empty": "", "loop": "/up/loop"}


def elsewhere(request):
    name = request.target.partition("?")[0].rpartition("/")[2]
    if request.target.startswith("/behind/"):
        return [respond(200, [("Content-Type", "text/plain"), ("X-Method", request.method), ("Set-Cookie", "second=2"), ("X-Other", "kept here")], b"" if request.method == "HEAD" else b"from behind")]
    fields = [("Content-Type", "text/x-own" if name != "css" else "text/css"), ("Set-Cookie", "first=1"), ("Cache-Control", "private"), ("Content-Disposition", "attachment"), ("ETag", "\"own\""), ("X-Other", "lost")]
    return [respond(200 if name != "again" else 404, fields + ([("X-Accel-Redirect", ELSEWHERE[name])] if name in ELSEWHERE else []), b"" if request.method == "HEAD" else b"not seen")]


Case("X-Accel-Redirect", site("""
    server {
        listen @A@;
        location /up/ { proxy_pass http://@UP@; }
        location /ignored/ { proxy_pass http://@UP@/up/; proxy_ignore_headers X-Accel-Expires X-Accel-Redirect; } # drop
        location /intercepted/ { proxy_pass http://@UP@/up/; proxy_intercept_errors on; error_page 404 = /text; } # drop
        location /kept/ { internal; alias @DIR@/html/; add_header X-Kept yes; } # drop
        location /cached/ { proxy_pass http://@UP@/up/; }
        location /behind/ { internal; proxy_pass http://@UP2@; proxy_set_header X-Told $upstream_http_content_disposition; } # drop
        location /text { internal; expires 1h; return 200 "text $uri $upstream_http_content_disposition"; } # drop
        location /moved { return 302 /elsewhere; } # drop
        location /denied/ { deny all; } # drop
        location @named { return 200 "named $uri $args"; } # drop
    }"""), [ask("/up/" + name + "?a=1") for name in list(ELSEWHERE) + ["plain"] for ask in (get, head, post)] + [get("/ignored/file"), get("/intercepted/again"), get("/up/file", fields=[("Range", "bytes=1-2")]),
     get("/up/file", fields=[("If-None-Match", "\"own\"")]), get("/up/file", version="1.0"), get("/text"), upgrade("/up/named")],
     files=FILES, script=elsewhere, explain=False, differs=["get without body"])


def moving(request):
    if request.backend == "up2":
        return [respond(200, [("Content-Type", "text/plain")], ("moved to %s" % request.target).encode())]
    if request.target == "/401":
        return [respond(401, [("WWW-Authenticate", "Basic realm=\"theirs\"")], b"no")]
    return [respond(302, [("Location", "/there?x=1"), ("X-Place", "/place")], b"go")]


Case("answers of an upstream that are caught", site("""
    server {
        listen @A@;
        location / {
            proxy_pass http://@UP@;
            proxy_intercept_errors on; # drop
            error_page 301 302 307 = @follow; # drop
            error_page 401 /sign-in; # drop
        }
        location @follow { # drop
            set $place $upstream_http_location; # drop
            proxy_pass http://@UP2@$place;
        }
        location = /sign-in { return 200 "please sign in $upstream_http_www_authenticate"; } # drop
    }"""), [get("/x"), head("/x"), get("/401"), post("/x"), post("/401"), post("/x", body=b"x" * 40000)], script=moving, explain=False)
