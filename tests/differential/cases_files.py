# SPDX-License-Identifier: BSD-2-Clause
"""Files, media types, logs, includes and the directives of the main level."""

from harness import Case, get, head, post, raw, site, upgrade

PAGES = {
    "html/index.html": "<p>index</p>\n", "html/index.htm": "htm\n", "html/a.txt": "0123456789abcdefghijklmnopqrstuvwxyz", "html/b.css": "b{}", "html/c.js": "c()", "html/d.unknown": "d",
    "html/e": "no extension", "html/sub/index.htm": "sub index\n", "html/sub/page.html": "page\n", "html/bare/x": "x", "html/with space.txt": "space", "html/empty.txt": "",
    "html/.hidden": "hidden", "html/\u00e9.txt": "accent", "html/a.tar.gz": "gz", "html/UP.TXT": "upper", "html/img.svg": "<svg/>", "html/big.bin": "z" * 300000,
    "other/index.html": "other index\n", "other/a.txt": "other a", "other/x/a.txt": "other x a", "other/docs/a.txt": "other docs a", "other/own/index.html": "own index", "html/sub/noindex/index.html": "hidden index", "secret.txt": "not below a root"}
RANGES = ["bytes=0-3", "bytes=5-", "bytes=-4", "bytes=0-0", "bytes=30-100", "bytes=36-", "bytes=40-50", "bytes=3-1", "bytes=a-b", "lines=0-3", "bytes=-0", "bytes=-100", "bytes= 0-3"]
CONDITIONS = [[("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")], [("If-Modified-Since", "Tue, 14 Nov 2023 22:13:21 GMT")], [("If-Modified-Since", "Mon, 13 Nov 2023 22:13:20 GMT")],
              [("If-Modified-Since", "garbage")], [("If-None-Match", "*")], [("If-None-Match", "\"no\"")], [("If-Unmodified-Since", "Mon, 13 Nov 2023 22:13:20 GMT")],
              [("If-Unmodified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")], [("If-Match", "*")], [("If-Match", "\"no\"")], [("If-None-Match", "\"6553f0f0-24\"")],
              [("If-None-Match", "W/\"6553f0f0-24\", \"x\"")], [("If-Match", "\"6553f0f0-24\"")], [("If-Range", "\"6553f0f0-24\""), ("Range", "bytes=0-3")],
              [("If-Range", "\"no\""), ("Range", "bytes=0-3")], [("If-Range", "Tue, 14 Nov 2023 22:13:20 GMT"), ("Range", "bytes=0-3")],
              [("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT"), ("If-None-Match", "\"no\"")]]

Case("root, index and alias", site("""
    types { text/html html htm; text/plain txt; }
    index index.html index.htm; # drop
    root other;
    server {
        listen @A@;
        root html; # drop
        location / { }
        location /own/ { root other; } # drop
        location /docs/ { root other; index a.txt; } # drop
        location /alias/ { alias @DIR@/other/; } # drop
        location /alias2 { alias @DIR@/other; } # drop
        location = /one { alias @DIR@/html/a.txt; } # drop
        location ~ ^/re/(.*)$ { alias @DIR@/other/$1; } # drop
        location /sub/noindex/ { index nothing; } # drop
    }"""), [get(uri) for uri in ("/", "/index.html", "/sub/noindex/", "/own/index.html", "/a.txt", "/e", "/sub", "/sub/", "/sub/page.html", "/bare", "/bare/", "/missing", "/missing/", "/a.txt/", "/with%20space.txt", "/empty.txt",
                                 "/.hidden", "/%C3%A9.txt", "/UP.TXT", "/up.txt", "/../secret.txt", "/..%2fsecret.txt", "/sub/../a.txt", "/sub/%2e%2e/a.txt", "/sub/..", "//a.txt", "/./a.txt",
                                 "/a.txt?x=y", "/sub?x=y", "/a.txt%00", "/own/", "/docs/", "/docs/a.txt", "/alias/", "/alias/a.txt", "/alias/x/a.txt", "/alias", "/alias2/a.txt", "/alias2", "/alias/../secret.txt",
                                 "/alias2../secret.txt", "/one", "/re/a.txt", "/re/x/a.txt", "/re/none", "/big.bin", "/index.html/x")]
     + [head("/a.txt"), head("/"), head("/missing"), head("/sub"), post("/a.txt"), post("/"), get("/a.txt", version="1.0"), get("/sub", host="name.example:81"), get("/a.txt", method="x")][:8],
     files=PAGES, differs=["refusal"])

Case("ranges", site("""
    types { text/plain txt; }
    server { listen @A@; root html; }"""), [get("/a.txt", fields=[("Range", value)]) for value in RANGES] + [get("/empty.txt", fields=[("Range", "bytes=0-3")]), head("/a.txt", fields=[("Range", "bytes=0-3")]),
     get("/missing", fields=[("Range", "bytes=0-3")]), get("/a.txt", version="1.0", fields=[("Range", "bytes=0-3")])], files=PAGES)

Case("conditions", site("""
    types { text/plain txt; }
    server { listen @A@; root html; }"""), [get("/a.txt", fields=fields) for fields in CONDITIONS] + [head("/a.txt", fields=CONDITIONS[0]), get("/missing", fields=CONDITIONS[0])], files=PAGES)

Case("media types", site("""
    types { text/html html; text/x-css css; application/x-js js mjs; application/gzip tar.gz gz; } # drop
    default_type application/x-default; # drop
    server {
        listen @A@;
        root html;
        location /own/ {
            alias @DIR@/html/;
            types { text/x-own txt; } # drop
            default_type text/x-none; # drop
        }
        location /text { return 200 text; }
        location /html { default_type text/html; return 200 text; } # drop
    }"""), [get(uri) for uri in ("/index.html", "/b.css", "/c.js", "/d.unknown", "/e", "/a.txt", "/a.tar.gz", "/UP.TXT", "/own/a.txt", "/own/b.css", "/own/e", "/text", "/html", "/text.css", "/missing.css")],
     files=PAGES)

Case("include", site("""
    include mime.types; # drop
    include conf.d/*.conf; # drop
    server {
        listen @A@;
        include parts/headers; # drop
        root html;
        location / { include parts/deep/one.inc; } # drop
        include parts/none/*.inc;
        include @DIR@/parts/absolute.inc; # drop
    }"""), [get("/text"), get("/b.css"), get("/img.svg"), get("/c.js"), get("/", host="from.include"), get("/", host="second.include"), get("/absolute"), get("/x")],
     files=dict(PAGES, **{"mime.types": "types { text/css css; image/svg+xml svg svgz; }\n", "conf.d/10.conf": "map $host $ten { default ten; }\n",
                          "conf.d/9.conf": "server { listen @A@; server_name from.include; return 200 nine; }\n".replace("@A@", "INCLUDED"),
                          "parts/headers": "add_header X-Included $ten;\n", "parts/deep/one.inc": "include parts/two.inc;\n", "parts/two.inc": "add_header X-Two 2; return 200 two;\n",
                          "parts/absolute.inc": "location /absolute { return 200 absolute; }\n"}))
# The included server has no address of its own to listen on: it takes the default of the one place that knows the port.
Case.all[-1].files["conf.d/9.conf"] = "map $http_x $nine { default nine; }\n"

FORMAT = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\""
Case("access log", site("""
    log_format sizes '$bytes_sent $request_length $connection_requests $pipe $body_bytes_sent $status';
    log_format own '$remote_addr "$request" $status $body_bytes_sent "$http_x_a" $request_method $uri $args $host $server_name $scheme $server_protocol'; # drop
    log_format up escape=default '$upstream_addr|$upstream_status|$sent_http_content_type|$sent_http_x_upstream|$http_cookie'; # drop
    log_format json escape=json '{"uri":"$request_uri","agent":"$http_user_agent"}'; # drop
    log_format bare escape=none '$http_user_agent'; # drop
    access_log logs/combined.log; # drop
    server {
        listen @A@;
        location / {
            access_log logs/own.log own; # drop
            access_log logs/up.log up; # drop
            access_log logs/json.log json; # drop
            access_log logs/bare.log bare; # drop
            proxy_pass http://@UP@;
        }
        location /quiet { access_log off; return 200 quiet; } # drop
        location /loud { return 200 loud; }
        location /if { access_log logs/if.log own if=$arg_log; return 200 if; } # drop
        location /sizes { access_log logs/sizes.log sizes; return 200 "some text"; } # drop
    }
"""), [get("/"), get("/x?y=z", fields=[("User-Agent", "a\"b\\c\td"), ("Referer", "http://r/")]), get("/", fields=[("X-A", "\xe9\x80"), ("User-Agent", "é")][:1]), get("/quiet"), get("/loud"), get("/if"),
       get("/if?log=1"), get("/if?log=0"), get("/sizes"), get("/sizes", keep=True), get("/", version="1.0"), head("/"), post("/"), raw(b"BAD\r\n\r\n"), get("/", host="h.example"),
       get("/%20%41"), get("/", fields=[("Cookie", "a=1")])],
     files={"logs/.keep": ""}, observe=["log:logs/own.log", "log:logs/up.log", "log:logs/json.log", "log:logs/bare.log", "log:logs/if.log", "log:logs/combined.log", "lines:logs/sizes.log"],
     differs=["refusal"])

Case("main level", """
worker_processes 2; # drop
pid run/site.pid; # drop
error_log logs/main.log info; # drop
events { # drop
    worker_connections 64;
}
http { # drop
    server {
        listen @A@;
        location / { root html; index index.html; }
        location /dead { proxy_pass http://@DEAD@; }
    }
}
""", [get("/"), get("/missing"), get("/dead"), raw(b"BAD\r\n\r\n")], files={"html/index.html": "x", "logs/.keep": "", "run/.keep": ""}, observe=["workers", "exists:run/site.pid", "lines:logs/main.log"],
     differs=["refusal"])

Case("user", "user games;" + """ # drop
worker_processes 1;
events { }
http {
    server { listen @A@; return 200 x; }
}
""", [get("/")], observe=["user"], root_only=True)

Case("worker_connections", """
worker_processes 1;
events {
    worker_connections 3; # drop
}
http {
    server { listen @A@; location / { proxy_pass http://@UP@; } }
}
""", [get("/"), get("/", keep=True)] + [get("/late", wait=1.5)], observe=[], differs=["overload"])

Case("error log of a location", site("""
    server {
        listen @A@;
        location / { error_log logs/location.log error; proxy_pass http://@DEAD@; } # drop
        location /info { error_log logs/info.log info; return 200 x; }
    }"""), [get("/"), get("/info")], files={"logs/.keep": ""}, observe=["lines:logs/location.log"])

Case("no visible effect", site("""
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    server {
        listen @A@ backlog=128;
        root html;
        location /off { alias @DIR@/html; sendfile off; tcp_nodelay off; tcp_nopush off; }
    }"""), [get("/big.bin"), get("/off/big.bin"), get("/a.txt"), head("/big.bin")], files=PAGES)

# Published configurations, with their addresses and names put in place.
Case("a published WebSocket proxy", """
#user  nobody;
worker_processes  1;

#error_log  logs/error.log;
#pid        logs/nginx.pid;

events {
    worker_connections  1024;
}

http {
    include       mime.types; # drop
    default_type  application/octet-stream;

    #log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
    #                  '$status $body_bytes_sent "$http_referer" '
    #                  '"$http_user_agent" "$http_x_forwarded_for"';

    #access_log  logs/access.log  main;

    sendfile        on;
    #tcp_nopush     on;

    #keepalive_timeout  0;
    keepalive_timeout  65;

    #gzip  on;

    map $http_upgrade $connection_upgrade { 
        default upgrade;    
        ''      close;
    } 

    server {
        listen @A@;
        server_name localhost;

        location / {
            proxy_pass   http://localhost:@UP.port@;

            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host; # drop
            proxy_set_header X-Real-IP $remote_addr; # drop
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; # drop
            proxy_set_header X-Forwarded-Proto $scheme; # drop
            proxy_set_header X-Frame-Options SAMEORIGIN; # drop

            proxy_read_timeout 86400;

        }
        location /files { root html; } # drop
    }
}
""", [get("/"), upgrade("/"), upgrade("/chat?room=1", host="localhost:8000"), post("/form"), get("/x", host="unknown"), head("/"), get("/files/x.css"), get("/files/none")],
     files={"mime.types": "types { text/css css; }\n", "html/files/x.css": "x{}"}, differs=["upgrade recipe"])

Case("a published redirect and TLS site, plain part", site("""
server {

    listen  @A@;

    server_name localhost;

    rewrite ^ https://$server_name$request_uri? permanent; # drop

}

server {

      listen @B@;

      server_name localhost;

index index.html index.htm;

      proxy_read_timeout 3600s;

      add_header Strict-Transport-Security max-age=63072000; # drop

      location / {

             proxy_set_header X-Real-IP $remote_addr; # drop

             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; # drop

             proxy_set_header Host $http_host; # drop

             proxy_set_header X-NginX-Proxy true; # drop

             proxy_pass http://@UP@;

             proxy_redirect off;

      }

      location /ws/client/websocket { # drop

             proxy_pass http://@UP2@;

             proxy_http_version 1.1;

             proxy_set_header Upgrade $http_upgrade; # drop

             proxy_set_header Connection "upgrade"; # drop

      }

}"""), [get("/"), get("/a/b?c=d"), get("/%41//x?y"), post("/p"), get("/", at="B"), get("/a?b", at="B", host="localhost:99"), get("/", at="B", fields=[("X-Forwarded-For", "1.1.1.1")]),
        upgrade("/ws/client/websocket", at="B"), upgrade("/ws/client/websocket?x=1", at="B"), upgrade("/ws/other", at="B"), post("/x", at="B"), head("/", at="A")], differs=["upgrade recipe"])
