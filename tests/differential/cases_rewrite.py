# SPDX-License-Identifier: BSD-2-Clause
"""Locations, return, rewrite, set, if, break, map, server names and listeners."""

from harness import Case, get, head, post, site

URIS = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/exact", "/exact/", "/exact?x", "/prefix", "/prefix/", "/prefix/x", "/prefixed", "/stop/x.php", "/x.php", "/x.PHP", "/X.php",
        "/img/x.GIF", "/img/x.gif", "/nested", "/nested/", "/nested/in", "/nested/in/x", "/nested/x.txt", "/other/x.txt", "/%65xact", "/exac%74", "/a/../exact", "//exact", "/exact//",
        "/stop/../x.php", "/caf%C3%A9", "/prefix%2Fx", "/PREFIX"]

Case("the five kinds of locations", site("""
    server {
        listen @A@;
        location = / { return 200 root; } # drop
        location / { return 200 slash; } # drop
        location = /exact { return 200 exact; } # drop
        location /prefix { return 200 prefix; } # drop
        location /prefix/ { return 200 prefix/; } # drop
        location ^~ /stop { return 200 stop; } # drop
        location ~ \\.php$ { return 200 php; } # drop
        location ~* \\.(gif|jpe?g)$ { return 200 "image $1"; } # drop
        location /nested { # drop
            return 200 nested;
            location /nested/in { return 200 in; } # drop
            location ~ \\.txt$ { return 200 nested-text; } # drop
        }
        location ~ \\.txt$ { return 200 text; } # drop
        location ~ ^/caf\\xc3\\xa9$ { return 200 cafe; }
    }"""), [get(uri) for uri in URIS])

Case("first regex in the file wins", site("""
    server {
        listen @A@;
        location ~ ^/a { return 200 first; } # drop
        location ~ b$ { return 200 second; } # drop
        location ~ ^/(?<name>c[^/]*)/(?<rest>.*) { return 200 "$name-$rest-$1-$2"; } # drop
        location /abc { return 200 prefix; }
        location ^~ /abcd { return 200 stopped; } # drop
    }"""), [get(uri) for uri in ("/a", "/ab", "/xb", "/abc", "/abcd", "/abcde/x", "/cat/dog", "/c/", "/c", "/CAT/x", "/x", "/ab?x=/abcd")] +
     [get("/ab", host="other")])

Case("return", site("""
    server {
        listen @A@;
        default_type text/x-default; # drop
        location /code { return 402; } # drop
        location /text { return 200 "hello $arg_n\\n"; } # drop
        location /moved { return 301 https://example.org$request_uri; } # drop
        location /short { return https://example.org/x; } # drop
        location /relative { return 302 /x/$uri; } # drop
        location /see { return 303 /x; } # drop
        location /keep { return 307 /x?$args; } # drop
        location /forever { return 308 http://$host/y; } # drop
        location /nothing { return 204; } # drop
        location /drop { return 444; } # drop
        location /teapot { return 418 "short and stout"; } # drop
        location /odd { return 599 odd; } # drop
        location /empty { return 200 ""; } # drop
        location /vars { return 200 "$request_method|$uri|$request_uri|$args|$query_string|$is_args|$scheme|$host|$http_host|$server_name|$server_port|$remote_addr|$server_addr|$server_protocol|$document_uri|$request|$content_length|$content_type|$http_x_y|$arg_a|$cookie_b|$status|$pipe|$nginx_version|$hostname"; } # drop
        location /error { return 500; } # drop
        location /unavailable { return 503 busy; } # drop
    }"""), [get(uri) for uri in ("/code", "/text?n=1", "/text", "/moved?a=b", "/moved/%41", "/short", "/relative", "/see", "/keep?a=b&c", "/forever", "/nothing", "/drop", "/teapot",
                                 "/odd", "/empty", "/error", "/unavailable", "/moved//x/../y?z", "/vars?a=1&b=2", "/vars/%41")]
     + [head("/text"), head("/code"), head("/moved"), post("/text"), post("/moved"), get("/text", version="1.0"), get("/relative", host="x.example:81"), get("/forever", host="Example.ORG")],
     explain=False)
Case.all[-1].text = Case.all[-1].text.replace("|$pipe|$nginx_version|$hostname", "|$pipe")

Case("variables in text", site("""
    server {
        listen @A@;
        server_name vars.example; # drop
        location / { return 200 "$request_method|$uri|$request_uri|$args|$query_string|$is_args|$scheme|$host|$http_host|$server_name|$remote_addr|$server_protocol|$request|$content_length|$content_type|$http_x_y|$arg_a|$arg_b|$cookie_b"; }
        location /braces { return 200 "${host}x${arg_a}"; } # drop
    }"""), [get("/"), get("/x/%41%20?a=1&b=2&a=3"), get("/x?A=1"), get("/", fields=[("X-Y", "1"), ("Cookie", "a=1; b=2")]), get("/", fields=[("X-Y", "1"), ("X-Y", "2")]), post("/p", b"hello"),
            post("/p", fields=[("Content-Type", "text/x")]), get("/", version="1.0"), get("/", version="1.0", host=None), get("/braces?a=b"), get("//a/./b/../c?d"), head("/h"),
            get("/", fields=[("Cookie", "b=1"), ("Cookie", "c=2")]), get("/?"), get("/?a"), get("/?a=%20"), get("/", host="VARS.example:8080"), get("/", host="vars.example.")])

Case("server level return hides locations", site("""
    server {
        listen @A@;
        return 301 https://$host$request_uri; # drop
        location / { return 200 never; }
    }
    server {
        listen @A@;
        server_name open.example; # drop
        location / { return 200 open; } # drop
    }"""), [get("/"), get("/x?y=z"), get("/", host="open.example"), post("/"), head("/x")])

Case("rewrite and its flags", site("""
    server {
        listen @A@;
        rewrite ^/server/(.*)$ /seen/$1; # drop
        location / { proxy_pass http://@UP@; }
        location /seen { return 200 "seen $uri $args"; } # drop
        location /last { rewrite ^/last/(.*)$ /seen/last/$1 last; return 200 last; } # drop
        location /break { rewrite ^/break/(.*)$ /broken/$1 break; proxy_pass http://@UP@; } # drop
        location /redirect { rewrite ^/redirect/(.*)$ /x/$1 redirect; return 200 r; } # drop
        location /permanent { rewrite ^/permanent/(.*)$ /x/$1 permanent; return 200 p; } # drop
        location /plain { rewrite ^/plain/(.*)$ /seen/plain/$1; return 200 "plain $uri"; } # drop
        location /two {
            rewrite ^/two/(.*)$ /three/$1; # drop
            rewrite ^/three/(.*)$ /seen/$1 last; # drop
        }
        location /away { rewrite ^/away/(.*)$ https://example.org/$1; } # drop
        location /noargs { rewrite ^/noargs/(.*)$ /seen/$1? last; } # drop
        location /moreargs { rewrite ^/moreargs/(.*)$ /seen/$1?more=1 last; } # drop
        location /onlymore { rewrite ^/onlymore/(.*)$ /seen/$1?only=1? last; } # drop
        location /cycle { rewrite ^ /cycle/again last; } # drop
        location /case { rewrite (?i)^/case/(.*)$ /seen/$1 last; return 200 case; } # drop
        location /stop { rewrite ^/stop/(.*)$ /x$1; break; proxy_pass http://@UP@; } # drop
        location /named { rewrite ^/named/(?<who>.*)$ /seen/$who-$1 last; } # drop
        location /vars { rewrite ^ /seen/$host/$arg_a? last; } # drop
        location /enc { rewrite ^/enc/(.*)$ https://example.org/?x=$1 permanent; } # drop
    }"""), [get(uri) for uri in ("/", "/server/x?y=z", "/last/x?y", "/last", "/break/x?y=z", "/break", "/redirect/x?y=z", "/redirect", "/permanent/x", "/permanent/x?y", "/plain/x", "/two/x?y",
                                 "/two", "/away/x?y=z", "/noargs/x?y=z", "/moreargs/x?y=z", "/moreargs/x", "/onlymore/x?y=z", "/cycle", "/case/x", "/CASE/x", "/stop/x?y", "/named/me",
                                 "/vars/x?a=1&b=2", "/enc/a%20b", "/enc/a&b=c", "/last/a%20b", "/break/a%20b", "/break/%C3%A9", "/last/%2541", "/redirect/%3f")]
     + [post("/break/x"), head("/last/x")])

Case("if, set and break", site("""
    server {
        listen @A@;
        set $where outside; # drop
        if ($arg_stop) { return 403 stopped; } # drop
        if ($http_user_agent ~* (bot|spider)) { set $where "bot $1"; } # drop
        if ($request_method = POST) { set $where post; } # drop
        if ($request_method != GET) { set $not_get 1; } # drop
        if ($host !~ ^(www|localhost)) { set $where foreign; } # drop
        location / { return 200 "$where $not_get"; }
        location /if {
            if ($arg_a = 1) { return 200 one; } # drop
            if ($arg_a = "") { return 200 none; } # drop
            if ($arg_a ~ ^[0-9]+$) { return 200 number; } # drop
            if ($arg_a !~* ^x) { return 200 not-x; } # drop
            return 200 x;
        }
        location /zero { if ($arg_a) { return 200 true; } return 200 false; } # drop
        location /file { if (-f @DIR@/html/there) { return 200 file; } return 200 no-file; } # drop
        location /nofile { if (!-f @DIR@/html/there$arg_x) { return 200 no-file; } return 200 file; } # drop
        location /dir { if (-d @DIR@/html) { return 200 dir; } return 200 no-dir; } # drop
        location /exists { if (-e @DIR@/html/$arg_n) { return 200 exists; } return 200 missing; } # drop
        location /break {
            set $v 1;
            if ($arg_b) { break; } # drop
            set $v 2; # drop
            return 200 "v=$v";
        }
        location /header {
            set $x a; # drop
            set $x "${x}b"; # drop
            proxy_set_header X-Set $x;
            proxy_pass http://@UP@;
        }
        location /ifproxy {
            if ($arg_other) { proxy_pass http://@UP2@; } # drop
            proxy_pass http://@UP@;
        }
        location /ifheader {
            add_header X-Base base;
            if ($arg_h) { add_header X-If if; } # drop
            return 200 h;
        }
    }"""), [get(uri) for uri in ("/", "/?stop=1", "/?stop=0", "/?stop=", "/if", "/if?a=1", "/if?a=22", "/if?a=yy", "/if?a=Xx", "/zero?a=0", "/zero?a=1", "/zero?a=00", "/zero", "/file", "/nofile",
                                 "/nofile?x=y", "/dir", "/exists?n=there", "/exists?n=not", "/break", "/break?b=1", "/header", "/ifproxy", "/ifproxy?other=1", "/ifheader", "/ifheader?h=1")]
     + [get("/", fields=[("User-Agent", "Googlebot/2")]), get("/", host="other.example"), post("/"), head("/"), get("/", fields=[("User-Agent", "SPIDER")]), get("/", host="www.x")],
     files={"html/there": "x"})

Case("map", site("""
    map $host $name { # drop
        default other; # drop
        hostnames; # drop
        a.example A; # drop
        *.b.example "wild $host"; # drop
        c.* tail; # drop
        .d.example dot; # drop
        ~^r\\d+\\.example$ regex; # drop
        ~*^(?<cap>q\\w+)\\.example$ "cap $cap"; # drop
    }
    map $arg_x $picked { "" empty; 1 one; two 2; ~^n(.*)$ "n-$1"; } # drop
    map "$arg_x-$arg_y" $both { 1-2 right; } # drop
    map $uri $by_uri { /m mm; ~/z$ zz; default none; } # drop
    map $name $chained { A "chained $name"; } # drop
    server {
        listen @A@;
        location / { return 200 "$name|$picked|$both|$by_uri|$chained"; }
    }"""), [get("/", host=name) for name in ("a.example", "A.EXAMPLE", "x.b.example", "b.example", "y.x.b.example", "c.org", "c.example", "d.example", "x.d.example", "r12.example", "rx.example",
                                             "qwe.example", "QWE.example", "none.example")]
     + [get(uri) for uri in ("/?x=1", "/?x=2", "/?x=two", "/?x=TWO", "/?x=nabc", "/?x=1&y=2", "/m", "/a/z", "/?x=")])

Case("server names", site("""
    server { listen @A@; server_name first.example; return 200 first; }
    server { listen @A@ default_server; server_name other; return 200 default; } # drop
    server { listen @A@; server_name exact.example; return 200 exact; } # drop
    server { listen @A@; server_name *.wild.example; return 200 wild; } # drop
    server { listen @A@; server_name *.deep.wild.example; return 200 deep; } # drop
    server { listen @A@; server_name .dot.example; return 200 dot; } # drop
    server { listen @A@; server_name tail.*; return 200 tail; } # drop
    server { listen @A@; server_name ~^r(?<n>\\d+)\\.example$; return 200 "regex $n $1"; } # drop
    server { listen @A@; server_name ~^r1.*$; return 200 second-regex; } # drop
    server { listen @A@; server_name one.example two.example; return 200 "$server_name"; } # drop
    server { listen @A@; server_name ""; return 200 empty; } # drop
    server { listen @A@; server_name x.wild.example; return 200 exact-in-wild; } # drop
    server { listen @B@; server_name exact.example; return 200 elsewhere; } # drop
    server { listen @B@ default_server; server_name _; return 200 underscore; } # drop
"""), [get("/", host=name) for name in ("exact.example", "EXACT.Example", "exact.example:81", "exact.example.", "a.wild.example", "wild.example", "a.b.wild.example", "a.deep.wild.example",
                                        "x.wild.example", "dot.example", "a.dot.example", "tail.org", "tail.a.b", "tail", "r12.example", "r1x.example", "rx.example", "one.example", "two.example",
                                        "unknown.example", "127.0.0.1", "_")]
     + [get("/", host=None, version="1.0"), get("/", host="exact.example", at="B"), get("/", host="a.wild.example", at="B"), get("/", host="x", at="B"), get("/", host="exact.example", version="1.0")])

Case("listening addresses", site("""
    server { listen @A@ backlog=64; return 200 "address $server_port"; }
    server { listen [::1]:@B.port@ ipv6only=on; return 200 "six $server_addr $scheme"; } # drop
    server { listen localhost:@C.port@; return 200 name; } # drop
    server { listen unix:@DIR@/front.sock; return 200 "unix $remote_addr"; } # drop
    server { listen @D@ reuseport; return 200 reuseport; } # drop
"""), [get("/"), get("/", at="::1/B", host="[::1]"), get("/", at="::1/B"), get("/", at="C"), get("/", at="front.sock"), get("/", at="D")])

Case("one listener for both families", site("""
    server {
        listen [::]:@A.port@ ipv6only=off; # drop
        listen @B@;
        return 200 both;
    }"""), [get("/", at="::1/A"), get("/", at="A"), get("/", at="B")], explain=False)

Case("keep-alive towards the client", site("""
    keepalive_requests 3; # drop
    server {
        listen @A@;
        keepalive_timeout 65 20; # drop
        location / { return 200 x; }
        location /proxy { proxy_pass http://@UP@; }
    }
    server {
        listen @B@;
        keepalive_timeout 0; # drop
        location / { return 200 off; }
    }
    server {
        listen @C@;
        keepalive_timeout 1s; # drop
        location / { return 200 short; }
    }"""), [get("/1"), get("/2", keep=True), get("/3", keep=True), get("/4", keep=True), get("/", at="B"), get("/", at="B", version="1.0", fields=[("Connection", "keep-alive")]),
            get("/", version="1.0"), get("/", version="1.0", fields=[("Connection", "keep-alive")]), get("/", fields=[("Connection", "close")]), get("/proxy"), get("/proxy", keep=True),
            get("/", at="C"), get("/", at="C", keep=True, pause=2)])

Case("a decoded line end is not a field", site("""
    server {
        listen @A@;
        location /return { return 302 /x$uri; }
        location /header { proxy_set_header X-Uri $uri; proxy_pass http://@UP@; }
        location /add { add_header X-Uri $uri; return 200 x; }
    }"""), [get("/return/%0d%0aX-Bad:1"), get("/header/%0d%0aX-Bad:1"), get("/add/%0d%0aX-Bad:1")], differs=["injection"])
