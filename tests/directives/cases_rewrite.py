# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the rewriting statements, ours included."""

from . import case
from .probes import body, field, received, status

case("return", "200 one", "200 two", "answer", ("one", "two"), body(), server="LINE;")
case("return", "301 http://h.example/", "308 http://h.example/", "answer", (301, 308), status(), title="return of a status", server="LINE;")
case("rewrite", "^/a(.*)$ /one$1", "^/a(.*)$ /two$1", "upstream request", ("/one/x", "/two/x"), received(".target", "/a/x"), server="LINE; location / { proxy_pass http://BACKEND; }")
case("rewrite", "^/a /b last", "^/a /b break", "answer", ("b", "a"), body("/a"), title="rewrite last and break",
     server="location /a { LINE; root none; error_page 404 =200 @a; } location /b { return 200 b; } location @a { return 200 a; }")
case("rewrite", "^/a /b redirect", "^/a /b permanent", "answer", (302, 301), status("/a"), title="rewrite redirect and permanent", server="LINE;")
case("set", "$NAME_v one", "$NAME_v two", "answer", ("one", "two"), body(), server='LINE; return 200 "$NAME_v";')
case("break", "", None, "answer", ("first", "second"), body(), server="set $NAME_v first; LINE; set $NAME_v second; location / { try_files /none @x; } location @x { return 200 $NAME_v; }")
case("redirect", "301 /old http://new.example", "308 /old http://new.example", "answer", (301, 308), status("/old/x"), server="LINE;")
case("redirect", "/old http://one.example", "/old http://two.example", "answer", ("http://one.example/x?q=1", "http://two.example/x?q=1"), field("Location", "/old/x?q=1"),
     title="redirect TO", server="LINE;")
