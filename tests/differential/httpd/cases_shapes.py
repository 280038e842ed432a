# SPDX-License-Identifier: BSD-2-Clause
"""The shapes of files that people publish: short virtual hosts put together from several answers, faults included.

They are compared as they stand, because a file of this kind has to behave as it did: the WebSocket rule that is never
reached, the doubled slash, fields that go out twice, headers in a host without a name, limits that do not limit.
"""

from judge import HttpdCase, get, head, post, upgrade, vhost

TLS = """    SSLEngine on
    SSLCertificateFile @DIR@/one.crt
    SSLCertificateKeyFile @DIR@/one.key
"""
CERTS = [("one", "talk.example", "localhost"), ("client", "client"), ("stranger", "stranger")]


def visitors(host, preflight=True, **more):
    """What browsers and others send to a host: pages, forms, preflights, handshakes."""
    rows = [get(path, host=host, **more) for path in ("/", "/a/b?c=d", "/live", "/live/room?x", "/liver")] + [upgrade(path, host=host, **more) for path in ("/live", "/live/room", "/other")]
    if preflight:
        rows.append(get("/a", method="OPTIONS", host=host, fields=[("Origin", "https://other.example"), ("Access-Control-Request-Method", "PUT")], **more))
    return rows + [post("/form", host=host, **more), post("/large", body=b"x" * 150000, host=host, **more), head("/a", host=host, **more),
                   get("/a", host=host, fields=[("Origin", "https://other.example"), ("Cookie", "a=1"), ("X-Forwarded-For", "192.0.2.9")], **more),
                   get("/a", host="elsewhere.example", **more), get("/a", host=None, version="1.0", **more)]


SECURE = {"tls": {"sni": "talk.example"}}

HttpdCase("shape", "TLS in front, the WebSocket rule behind the others, a redirect host", """
<VirtualHost *:@A.port@>
    ServerName talk.example
%s
    ProxyPreserveHost On # drop
    ProxyPass / http://127.0.0.1:@UP.port@/
    ProxyPassReverse / http://127.0.0.1:@UP.port@/

    # für WebSockets
    ProxyPass /live ws://@UP2@/live
    ProxyPassReverse /live ws://@UP2@/live
    ProxyTimeout 1800
</VirtualHost>

<VirtualHost *:@B.port@>
    ServerName talk.example
    Redirect permanent / https://talk.example/ # drop
</VirtualHost>
""".replace("@UP2@", "@UP2@") % TLS, visitors("talk.example", **SECURE) + visitors("talk.example", at="B"), certs=CERTS)

HttpdCase("shape", "the same with the WebSocket rule first", """
<VirtualHost *:@A.port@>
    ServerName talk.example
%s
    ProxyPreserveHost On # drop
    ProxyPass /live ws://@UP2@/live
    ProxyPass / http://@UP@/
    ProxyPassReverse / http://@UP@/
</VirtualHost>
""" % TLS, visitors("talk.example", **SECURE), certs=CERTS)

HttpdCase("shape", "everything from a tutorial in one host", """
<VirtualHost *:@A.port@>
    ServerName talk.example
    DocumentRoot @DIR@/html

    # 設定
%s
    ProxyRequests Off
    ProxyPass /live ws://@UP2@/
    ProxyPassReverse /live ws://@UP2@/
    ProxyPass / http://@UP@/
    ProxyPassReverse / http://@UP@/

    Header always set Access-Control-Allow-Origin "*"
    Header always set Access-Control-Allow-Methods "GET, PUT, OPTIONS"
    Protocols h2 http/1.1
    Header always set X-Frame-Options "SAMEORIGIN" # drop
    Header always set Strict-Transport-Security "max-age=600; includeSubDomains"
    SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1
    SSLVerifyClient require
    SSLVerifyDepth 1
    SSLCACertificateFile @DIR@/client.crt
    Header set Access-Control-Allow-Origin "*"
    Header set Access-Control-Allow-Methods "GET, PUT" # drop
    LimitRequestBody 100000
    LimitRequestFields 90
    LimitRequestFieldSize 900 # drop
    ProxyTimeout 500
</VirtualHost>
""" % TLS, [row for cert in ("client", None, "stranger") for row in visitors("talk.example", tls={"sni": "talk.example", **({"cert": cert} if cert else {})})]
    + [get("/a", host="talk.example", fields=[("X-Long", "v" * size)], tls={"sni": "talk.example", "cert": "client"}) for size in (880, 1000)], certs=CERTS, files={"html/index.html": "index"})

HttpdCase("shape", "headers pasted as a second host without a name", """
<VirtualHost *:@A.port@>
    ServerName talk.example
%s
    ProxyPass /live ws://@UP2@/ # drop
    ProxyPass / http://@UP@/
    ProxyPassReverse / http://@UP@/
</VirtualHost>

<VirtualHost *:@A.port@>
    Header always set X-Frame-Options "SAMEORIGIN"
    Header always set X-Content-Type-Options "nosniff"
</VirtualHost>
""" % TLS, visitors("talk.example", **SECURE), certs=CERTS)

HttpdCase("shape", "a host of headers alone", """
<VirtualHost *:@A.port@>
    DocumentRoot @DIR@/html
    Header always set X-Frame-Options "SAMEORIGIN" # drop
</VirtualHost>
""", visitors("talk.example", False), files={"html/index.html": "index", "html/a": "a file"})

HttpdCase("shape", "certificates alone and a WebSocket rule alone", """
<VirtualHost *:@A.port@>
    ServerName talk.example
    DocumentRoot @DIR@/html
%s</VirtualHost>
<VirtualHost *:@B.port@>
    ServerName talk.example
    DocumentRoot @DIR@/html
%s    ProxyRequests Off
    ProxyPass /live ws://@UP2@/ # drop
    ProxyPassReverse /live ws://@UP2@/
</VirtualHost>
""" % (TLS, TLS), visitors("talk.example", False, **SECURE) + visitors("talk.example", False, at="B", **SECURE), certs=CERTS, files={"html/index.html": "index"})

HttpdCase("shape", "fields for every answer over a proxy", vhost("""
    ProxyPass / http://@UP@/
    Header set Access-Control-Allow-Origin "*"
    Header set Access-Control-Allow-Headers "Content-Type, X-Token" # drop
    LimitRequestBody 100
    ProxyTimeout 700
""", name="talk.example"), visitors("talk.example"))
