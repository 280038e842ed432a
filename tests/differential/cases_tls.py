# SPDX-License-Identifier: BSD-2-Clause
"""TLS towards clients and towards upstreams."""

import ssl

from harness import Case, get, post, raw, site, upgrade

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CERTS = [("one", "one.example", "localhost"), ("two", "two.example"), ("wild", "*.wild.example")]
T12 = {"max": V12}

Case("certificates by name", site("""
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen @A@ ssl; # drop
        ssl_certificate one.crt; # drop
        ssl_certificate_key one.key; # drop
        server_name one.example;
        return 200 "one $scheme $ssl_protocol $https $server_port";
    }
    server { # drop
        listen @A@ ssl;
        server_name two.example;
        ssl_certificate two.crt;
        ssl_certificate_key two.key;
        return 200 "two $ssl_server_name $ssl_session_reused";
    }
    server { # drop
        listen @A@ ssl;
        server_name *.wild.example;
        ssl_certificate wild.crt;
        ssl_certificate_key wild.key;
        location / { proxy_set_header X-Scheme "$scheme $ssl_protocol $ssl_server_name"; proxy_pass http://@UP@; }
    }"""), [get("/", host=host, tls={"sni": sni}) for host, sni in (("one.example", "one.example"), ("two.example", "two.example"), ("a.wild.example", "a.wild.example"), ("none.example", "none.example"),
                                                                    ("two.example", "one.example"), ("one.example", "two.example"))]
     + [get("/", host="one.example", tls={}), get("/", host="two.example", tls={"sni": "TWO.example"}), get("/", host="one.example", tls={"sni": "one.example", "max": V12}),
        get("/", host="one.example", tls={"sni": "one.example", "alpn": ["http/1.1"]}), get("/", host="one.example", tls={"sni": "one.example", "alpn": ["h2", "http/1.1"]}),
        post("/", host="b.wild.example", tls={"sni": "b.wild.example"}), raw(b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n"), get("/", host="one.example", tls={"sni": "one.example"}, version="1.0")],
     certs=CERTS)

Case("ssl in its obsolete form", site("""
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen @A@;
        ssl on; # drop
        ssl_certificate one.crt; # drop
        ssl_certificate_key one.key; # drop
        return 200 $scheme;
    }"""), [get("/", tls={}), get("/", tls={"sni": "one.example"})], certs=CERTS)

Case("protocols", site("""
    ssl_certificate one.crt;
    ssl_certificate_key one.key;
    server {
        listen @A@ ssl;
        ssl_protocols TLSv1.2 TLSv1.3; # drop
        return 200 $ssl_protocol;
    }
    server {
        listen @B@ ssl;
        ssl_protocols TLSv1.3; # drop
        return 200 $ssl_protocol;
    }"""), [get("/", at=at, tls=tls) for at in "AB" for tls in ({}, {"max": V12}, {"min": V13})], certs=CERTS)

Case("ciphers and curves", site("""
    ssl_certificate rsa.crt; # drop
    ssl_certificate_key rsa.key; # drop
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen @A@ ssl;
        ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384; # drop
        ssl_prefer_server_ciphers on; # drop
        return 200 $ssl_cipher;
    }
    server {
        listen @B@ ssl;
        ssl_ciphers DHE-RSA-AES128-GCM-SHA256; # drop
        ssl_dhparam dh.pem; # drop
        return 200 $ssl_cipher;
    }
    server {
        listen @C@ ssl;
        ssl_ecdh_curve secp384r1; # drop
        return 200 curve;
    }"""), [get("/", tls={"max": V12, "ciphers": "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"}), get("/", tls={"max": V12, "ciphers": "ECDHE-RSA-CHACHA20-POLY1305"}),
            get("/", tls={"max": V12, "ciphers": "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"}), get("/", at="B", tls={"max": V12, "ciphers": "ALL"}),
            get("/", at="B", tls={"max": V12, "ciphers": "ECDHE-RSA-AES128-GCM-SHA256"}), get("/", at="C", tls={"curve": "prime256v1"}), get("/", at="C", tls={"curve": "secp384r1"}),
            get("/", at="C", tls={"max": V12, "curve": "prime256v1"})],
     certs=[("rsa", "rsa.example")], files={"dh.pem": """-----BEGIN DH PARAMETERS-----
MIIBDAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAgICAOE=
-----END DH PARAMETERS-----
"""})

Case("session resumption", site("""
    ssl_certificate one.crt;
    ssl_certificate_key one.key;
    ssl_protocols TLSv1.2;
    server {
        listen @A@ ssl;
        ssl_session_tickets off; # drop
        return 200 none;
    }
    server {
        listen @B@ ssl;
        ssl_session_tickets off;
        ssl_session_cache shared:B:1m; # drop
        return 200 cache;
    }
    server {
        listen @C@ ssl;
        ssl_session_cache shared:C:1m;
        ssl_session_timeout 1s; # drop
        return 200 short;
    }
    server { listen @D@ ssl; return 200 tickets; }
"""), [get("/", at="A", tls=T12, resume=0), get("/", at="B", tls=T12, resume=0), get("/", at="C", tls=T12, resume=0), get("/", at="C", tls=T12, resume=2.2), get("/", at="D", tls=T12, resume=0)],
     certs=CERTS)

Case("TLS towards the upstream", site("""
    server {
        listen @A@;
        location / { proxy_pass https://@TLS@; } # drop
        location /unverified {
            proxy_ssl_trusted_certificate one.crt;
            proxy_ssl_verify on; # drop
            proxy_pass https://@TLS@;
        }
        location /verified {
            proxy_ssl_trusted_certificate upstream.crt; # drop
            proxy_ssl_verify on;
            proxy_ssl_name upstream.example; # drop
            proxy_pass https://@TLS@;
        }
        location /wrong-name {
            proxy_ssl_trusted_certificate upstream.crt;
            proxy_ssl_verify on;
            proxy_ssl_name wrong.example;
            proxy_pass https://@TLS@;
        }
        location /sni {
            proxy_ssl_server_name on; # drop
            proxy_ssl_name asked.example; # drop
            proxy_pass https://@TLS@;
        }
        location /uri/ { proxy_pass https://@TLS@/base/; } # drop
        location /plain { proxy_pass http://@TLS@; }
        location /https-to-plain { proxy_pass https://@UP@; }
    }"""), [get(uri) for uri in ("/", "/unverified", "/verified", "/wrong-name", "/sni", "/uri/x?y", "/https-to-plain")] + [post("/verified")], certs=CERTS)

Case("a published TLS site", """
worker_processes  1;

events {
    worker_connections  1024;
}

http {
    map $http_upgrade $connection_upgrade {
        default upgrade;
        ''      close;
    }

    server {
        #listen 8000;
        listen @A@ ssl;  # change
        server_name localhost;

        ssl_certificate one.crt; #add
        ssl_certificate_key one.key; #add
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers 'EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH';
        ssl_prefer_server_ciphers on;
        ssl_session_cache shared:SSL:10m;

        location / {
            proxy_pass   http://localhost:@UP.port@;

            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host; # drop
            proxy_set_header X-Real-IP $remote_addr; # drop
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; # drop
            proxy_set_header X-Forwarded-Proto $scheme; # drop

            proxy_read_timeout 86400;
        }
        location /html { # drop
            root html;
            index index.html index.htm;
        }
    }
}
""", [get("/", tls={}), upgrade("/", tls={}), upgrade("/x?y", tls={"sni": "localhost"}), post("/p", tls={}), get("/html/", tls={}), get("/a?b", tls={"max": V12}, host="localhost:8443"),
      raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")], certs=CERTS, files={"html/html/index.html": "index"}, differs=["upgrade recipe"])

