# SPDX-License-Identifier: BSD-2-Clause
"""The shapes of files that people publish: the WebSocket recipe at "/", a static site over TLS, a redirect server beside a TLS server."""

import os

from harness import Case, get, head, post, site, upgrade
from lib import env

CERTS = [("one", "talk.example", "localhost")]
RECIPE = """proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
"""


def visitors(host="talk.example", **more):
    """What browsers and others send to a host."""
    return [get(path, host=host, **more) for path in ("/", "/a/b?c=d", "/live", "/live/room?x")] + [upgrade(path, host=host, **more) for path in ("/live/room", "/other")] + [
        post("/form", host=host, **more), post("/large", body=b"x" * 150000, host=host, **more), head("/a", host=host, **more), get("/a", host="elsewhere.example", **more),
        get("/a", host=host, fields=[("Origin", "https://other.example"), ("Cookie", "a=1"), ("X-Forwarded-For", "192.0.2.9")], **more)]


Case("shape: a whole file with the recipe in its only location", """
#user  nobody;
worker_processes  1;
#pid        logs/nginx.pid;
events {
    worker_connections  512;
}
http {
    include       mime.types;
    default_type  application/octet-stream;
    access_log off;
    sendfile        on;
    keepalive_timeout  65;
    #gzip  on;
    map $http_upgrade $connection_upgrade {
        default upgrade;
        ''      close;
    }
    server {
        listen @A@;
        listen @B@ ssl;  # both
        server_name talk.example;
        ssl_certificate one.crt; #add
        ssl_certificate_key one.key; #add
        ssl_protocols TLSv1.2 TLSv1.3;

        location / {
            proxy_pass   http://@UP@;
            %s
            proxy_set_header Host $http_host; # drop
            proxy_set_header X-Real-IP $remote_addr; # drop
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; # drop
            proxy_set_header X-Forwarded-Proto $scheme; # drop
            proxy_set_header X-Frame-Options SAMEORIGIN; # drop
            proxy_read_timeout 7200;
        }
    }
}
""" % RECIPE, visitors() + visitors(at="B", tls={"sni": "talk.example"}), certs=CERTS, files={"mime.types": "types { text/html html; }\n"}, differs=["upgrade recipe"])

Case("shape: static files over TLS", site("""
    server {
        listen       @A@ ssl;
        server_name  talk.example;
        ssl_certificate      one.crt; # 自己署名
        ssl_certificate_key  one.key; # 同じ
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {
            root html;
            index front.html index.html; # drop
        }
        location /other { # drop
            root html;
            index index.htm;
        }
    }"""), visitors(tls={"sni": "talk.example"}) + [get("/other/", tls={"sni": "talk.example"}), get("/other/index.html", tls={})], certs=CERTS,
     files={"html/index.html": "index", "html/front.html": "front", "html/other/index.htm": "other", "html/a": "a file"})

Case("shape: a redirect server and a TLS server with a location for WebSockets", site("""
server {

    listen  @A@;

    server_name talk.example;

    rewrite ^ https://$server_name$request_uri? permanent; # drop

}
server {
      listen @B@ ssl;
      server_name talk.example;
      ssl_certificate one.crt;
      ssl_certificate_key one.key;
index index.html index.htm;
      proxy_read_timeout 1800s;
      add_header Strict-Transport-Security max-age=600; # drop
      ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
      ssl_ciphers 'EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH';
      ssl_prefer_server_ciphers on;
      ssl_session_cache shared:SSL:10m;
      ssl_dhparam dh.pem;
      location / {
             proxy_set_header X-Real-IP $remote_addr;
             proxy_set_header Host $http_host; # drop
             proxy_set_header X-NginX-Proxy true;
             proxy_pass http://@UP@;
             proxy_redirect off;
      }
      location /live/ { # drop
             proxy_pass http://@UP2@;
            %s
      }
}
""" % RECIPE), visitors() + visitors(at="B", tls={"sni": "talk.example"}) + visitors(at="B", tls={}), certs=CERTS,
     files={"dh.pem": env.read(os.path.join(env.TOP, "tests", "directives", "dh2048.pem"))}, differs=["upgrade recipe"])
