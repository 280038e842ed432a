# SPDX-License-Identifier: BSD-2-Clause
"""What upstreams answer, and what nginx makes of it: fields of caches, dates, redirects to files."""

from harness import Case, get, head, site
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
