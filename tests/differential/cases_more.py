# SPDX-License-Identifier: BSD-2-Clause
"""Directives beyond the first list which the compiler takes as well: error pages, try_files, access rules, fields of proxied answers, URI policies."""

from harness import Case, get, head, post, site
from lib import backend

FILES = {"html/index.html": "index", "html/a.txt": "a text", "html/dir/index.html": "dir", "html/dir/b.txt": "b text", "html/404.html": "<p>own 404", "html/50x.html": "<p>own 50x", "html/only.txt": "only"}
TYPES = "types { text/html html; text/plain txt; }"

Case("error_page", site(TYPES + """
    server {
        listen @A@;
        root html;
        error_page 404 /404.html; # drop
        error_page 500 502 503 504 /50x.html; # drop
        location = /404.html { internal; } # drop
        location /dead { proxy_pass http://@DEAD@; } # drop
        location /changed { error_page 404 =200 /index.html; } # drop
        location /kept { error_page 404 = /teapot; } # drop
        location /teapot { return 418 teapot; } # drop
        location /named { error_page 404 @named; } # drop
        location /redirect { error_page 404 http://example.org/gone; } # drop
        location /redirect2 { error_page 404 =301 http://example.org/gone; } # drop
        location /return { error_page 410 /index.html; return 410; } # drop
        location /returntext { error_page 410 /index.html; return 410 text; } # drop
        location /passed { proxy_pass http://@UP@/; } # drop
        location /intercepted { proxy_intercept_errors on; proxy_pass http://@UP@/; } # drop
        location @named { return 200 "named $uri $request_uri"; }
        location /forbidden { deny all; error_page 403 =402 /404.html; } # drop
    }"""), [get(uri) for uri in ("/none", "/404.html", "/50x.html", "/dead", "/changed", "/kept", "/named/x?y", "/redirect", "/redirect2", "/return", "/returntext", "/passed/404", "/intercepted/404",
                                 "/intercepted/502", "/intercepted/200", "/forbidden", "/passed/500")] + [head("/none"), post("/none"), post("/named")],
     files=FILES, script=lambda request: [backend.respond(int(request.target[-3:]), [], b"" if request.method == "HEAD" else b"upstream says " + request.target.encode())])

Case("try_files", site(TYPES + """
    server {
        listen @A@;
        root html;
        location / { try_files $uri $uri/ /index.html; } # drop
        location /files/ { try_files /dir$uri /a.txt =404; } # drop
        location /code/ { try_files $uri =403; } # drop
        location /named/ { try_files $uri @up; } # drop
        location /args/ { try_files $uri /seen?from=$uri&$args; } # drop
        location /seen { return 200 "$uri $args"; }
        location /direct { try_files /only.txt /none; } # drop
        location @up { proxy_pass http://@UP@; } # drop
    }"""), [get(uri) for uri in ("/", "/a.txt", "/dir", "/dir/", "/dir/b.txt", "/none", "/none/", "/files/x", "/code/x", "/named/x?y", "/args/x?y=z", "/direct", "/seen?x", "/a.txt/")] + [post("/named/p"), head("/a.txt"),
            head("/none")], files=FILES)

Case("access rules", site("""
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /none { deny all; proxy_pass http://@UP@; } # drop
        location /some {
            allow 127.0.0.1; # drop
            deny all;
            proxy_pass http://@UP@;
        }
        location /net {
            deny 127.0.0.0/8; # drop
            allow all;
            proxy_pass http://@UP@;
        }
        location /six { allow ::1; deny all; proxy_pass http://@UP@; } # drop
        location /before { deny all; return 200 before; } # drop
        location /other { allow 10.0.0.1; allow 127.0.0.0/30; deny all; proxy_pass http://@UP@; }
        location /ten {
            allow 10.0.0.0/8;
            deny all; # drop
            proxy_pass http://@UP@;
        }
    }"""), [get(uri) for uri in ("/", "/none", "/some", "/net", "/six", "/before", "/other", "/ten")] + [head("/ten"), post("/some"), post("/none")])


def decorated(request):
    """An answer with everything that a proxy may hide, pass or rewrite."""
    fields = [("X-Powered-By", "up"), ("X-Secret", "s"), ("Server", "upstream/1"), ("Date", "Tue, 14 Nov 2023 22:13:20 GMT"), ("X-Accel-Expires", "1"),
              ("Set-Cookie", "a=b; Path=/one/x; Domain=up.example"), ("Set-Cookie", "c=d; path=/two; HttpOnly"), ("Location", "http://other/"), ("X-Accel-Buffering", "no")]
    body = ("%s %s %r" % (request.method, request.target, request.body)).encode()
    page = backend.respond(200, fields, body)
    return [page[:-len(body)] if request.method == "HEAD" else page]


Case("fields of a proxied answer", site("""
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /hide { proxy_hide_header X-Secret; proxy_hide_header X-Powered-By; proxy_pass http://@UP@; } # drop
        location /pass { proxy_pass_header Server; proxy_pass_header X-Accel-Expires; proxy_pass http://@UP@; } # drop
        location /expires { expires 1h; proxy_pass http://@UP@; } # drop
        location /expires-off { expires epoch; proxy_pass http://@UP@; } # drop
        location /expires-negative { expires -1; return 200 x; } # drop
    }"""), [get(uri) for uri in ("/", "/hide", "/pass", "/expires", "/expires-off", "/expires-negative")] + [head("/hide"), get("/pass", version="1.0")], script=decorated)

Case("parts of a proxied request", site("""
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /method { proxy_method PUT; proxy_pass http://@UP@; } # drop
        location /nofields { proxy_pass_request_headers off; proxy_pass http://@UP@; } # drop
        location /nobody { proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://@UP@; } # drop
    }"""), [get(uri) for uri in ("/", "/method", "/nofields", "/nobody")] + [post(uri) for uri in ("/", "/method", "/nofields", "/nobody")]
     + [get("/nofields", fields=[("X-A", "1"), ("Cookie", "a=b")])] + [head("/method"), get("/method")])

Case("policies of a URI", site("""
    server {
        listen @A@;
        merge_slashes off; # drop
        location / { return 200 "$uri"; }
        location /a/b { return 200 "ab $uri"; }
    }
    server {
        listen @B@;
        absolute_redirect off; # drop
        location /dir { root html; }
        location /moved { return 301 /x; }
    }
    server {
        listen @C@;
        port_in_redirect off; # drop
        location / { return 301 /x; }
    }
    server {
        listen @D@;
        server_name named.example; # drop
        server_name_in_redirect on; # drop
        location / { return 301 /x; }
    }"""), [get("//a//b"), get("/a//b"), get("/a/b"), get("/moved", at="B"), get("/dir", at="B"), get("/", at="C"), get("/", at="D"), get("/", at="D", host="other.example")], files=FILES)

Case("field names and sizes", site("""
    server {
        listen @A@;
        underscores_in_headers on; # drop
        location / { proxy_pass http://@UP@; }
    }
    server {
        listen @B@;
        ignore_invalid_headers off; # drop
        location / { proxy_pass http://@UP@; }
    }
    server {
        listen @C@;
        client_header_buffer_size 512;
        large_client_header_buffers 2 1k; # drop
        location / { return 200 x; }
    }"""), [get("/", fields=[("X_A", "1")]), get("/", at="B", fields=[("X_A", "1"), ("X.B", "2")]), get("/", at="C", fields=[("X-Long", "a" * 900)]), get("/", at="C", fields=[("X-Long", "a" * 1100)]),
            get("/" + "a" * 900, at="C"), get("/" + "a" * 1100, at="C")])

Case("settings of files", site(TYPES + """
    server {
        listen @A@;
        root html;
        location / { }
        location /noetag/ { alias @DIR@/html/; etag off; } # drop
        location /before/ { alias @DIR@/html/; if_modified_since before; } # drop
        location /never/ { alias @DIR@/html/; if_modified_since off; } # drop
        location /noranges/ { alias @DIR@/html/; max_ranges 0; } # drop
        location /expires/ { alias @DIR@/html/; expires max; } # drop
        location /list/ { alias @DIR@/html/dir2/; autoindex on; } # drop
    }"""), [get("/noetag/a.txt"), get("/before/a.txt", fields=[("If-Modified-Since", "Tue, 14 Nov 2023 22:13:21 GMT")]), get("/a.txt", fields=[("If-Modified-Since", "Tue, 14 Nov 2023 22:13:21 GMT")]),
            get("/never/a.txt", fields=[("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")]), get("/noranges/a.txt", fields=[("Range", "bytes=0-1")]), get("/expires/a.txt"), get("/list/"), get("/list/x"),
            get("/noranges/a.txt"), head("/expires/a.txt")], files=dict(FILES, **{"html/dir2/x": "x"}), differs=["folder listing"])

Case("what is tried again", site("""
    upstream two { server @DEAD@; server @UP@; }
    upstream three { server @DEAD@; server @UP@; }
    upstream four { server @DEAD@; server @UP@; }
    upstream failing { server @UP@; server @UP2@; }
    server {
        listen @A@;
        location / { proxy_pass http://two; }
        location /off { proxy_next_upstream off; proxy_pass http://three; } # drop
        location /503 { proxy_next_upstream error http_503; proxy_pass http://failing; } # drop
        location /404 { proxy_next_upstream error http_404; proxy_pass http://failing; } # drop
        location /tries { proxy_next_upstream_tries 1; proxy_pass http://four; } # drop
    }"""), [get("/"), get("/503"), get("/404"), post("/503"), get("/other"), get("/off"), get("/tries")],
     script=lambda request: [backend.respond(int(request.target[1:4]) if request.backend == "up" and request.target[1:4].isdigit() else 200, [], request.backend.encode())])

