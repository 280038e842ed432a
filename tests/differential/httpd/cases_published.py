# SPDX-License-Identifier: BSD-2-Clause
"""What virtual hosts of well-known applications need beyond a ProxyPass: each case is the part of such a file that once was answered otherwise here.

The files themselves are put together from the recipes that projects give for their own application behind httpd.
"""

from judge import HttpdCase, backend, get, post, scripted, upgrade, vhost

COOKIES = [[], [("Cookie", "SERVERID=sticky.one")], [("Cookie", "SERVERID=sticky.one")], [], [("Cookie", "SERVERID=sticky.two")], [], [], [("Cookie", "SERVERID=x.none")], []]

HttpdCase("published", "balancers of the main server which rules alone name", """
Header add Set-Cookie "SERVERID=sticky.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED # drop
<Proxy "balancer://pages_of_all"> # drop
    BalancerMember http://@UP@ route=one
    BalancerMember http://@UP2@ route=two
    ProxySet stickysession=SERVERID
</Proxy>
<Proxy "balancer://sockets_of_all">
    BalancerMember ws://@UP@ route=one # drop
    BalancerMember ws://@UP2@ route=two
    ProxySet stickysession=SERVERID
</Proxy>
BalancerMember balancer://loose http://@UP2@/loose # drop
""" + vhost("""
    RewriteEngine On
    RewriteRule ^/loose/(.*) balancer://loose/$1 [P,L]
    RewriteCond %{HTTP:Upgrade} =websocket [NC]
    RewriteRule /(.*) balancer://sockets_of_all/$1 [P,L]
    RewriteRule /(.*) balancer://pages_of_all/$1 [P,L] # drop
"""), [get("/a/b?c", fields=fields) for fields in COOKIES] + [upgrade("/live", fields=fields) for fields in COOKIES] + [get("/loose/x"), post("/form")])

HttpdCase("published", "Host of a client that names none", vhost("""
    ProxyPreserveHost On # drop
    ProxyPass / http://@UP@/
"""), [get("/check", host=None, version="1.0"), get("/check", host="127.0.0.1:81", version="1.0")])

HttpdCase("published", "the port of a host without a name", """
ServerName main.example
<VirtualHost *:@A.port@>
    ServerAlias www.main.example
    Redirect /gone /here # drop
    ProxyPass /app http://@UP@/
    ProxyPassReverse /app http://@UP@/
    UseCanonicalName On # drop
</VirtualHost>
<VirtualHost *:@B.port@>
    Redirect /gone /here
    RewriteEngine On
    RewriteRule ^/port$ /at-%{SERVER_PORT} [R]
</VirtualHost>
""", [get(target, host=host, at=at) for at in "AB" for host in ("other.example", "www.main.example", "other.example:81") for target in ("/gone/x", "/port", "/app/moved")],
          script=scripted(moved=(302, [("Location", "/there")], b"moved")))

TYPES = [action + " Content-Type application/x-own" for action in ("set", "setifempty", "add", "append", "merge")] + [
    "unset Content-Type", "edit Content-Type ^t X-t", "edit* Content-Type t T"]
TYPED = "".join("""
    <Location /{0}{1}>
        Header {2} {3} # drop
        ErrorDocument 403 "not here"
        Redirect 403 /{0}{1}/refused
    </Location>
    Alias /{0}{1}/ @DIR@/html/
    ProxyPass /{0}{1}/up http://@UP@/up""".format(table[0], number, table, line) for number, line in enumerate(TYPES) for table in ("onsuccess", "always"))

HttpdCase("published", "one Content-Type whatever Header does", vhost(TYPED), [get("/%s%d/%s" % (table, number, rest)) for number in range(len(TYPES)) for table in "oa"
          for rest in ("style.css", "noext", "up/page", "up/typeless", "up/missing", "refused")], files={"html/style.css": "p { }", "html/noext": "?"},
          script=scripted(typeless=(200, [("X-Up", "1")], b"typeless"), missing=(404, [("Content-Type", "text/plain")], b"missing")),
          explain=False)  # which type the backend's answer has cannot be told without it

CHARSETS = {"plain": "text/plain", "html": "TEXT/html", "spaced": "text/html ; x=y", "told": "text/html; charset=latin1", "xhtml": "application/xhtml+xml", "css": "text/css", "flowed": "text/plain;format=flowed"}

HttpdCase("published", "charsets and types taken away", """
AddType text/x-own own
AddType text/x-first first
RemoveType css # drop
""" + vhost("""
    DocumentRoot @DIR@/html
    RemoveType own # drop
    AddType text/x-two two
    <Directory @DIR@/html/sub>
        RemoveType .two html # drop
        AddType text/plain html
    </Directory>
    AddDefaultCharset utf-8 # drop
    ProxyPass /up http://@UP@/up
    <Location /up/on>
        AddDefaultCharset On # drop
    </Location>
    <Location /up/off>
        AddDefaultCharset Off # drop
    </Location>
    <Location /set.txt>
        Header set Content-Type text/html
    </Location>
"""), [get(target) for target in ("/a.css", "/a.own", "/a.first", "/a.two", "/sub/a.two", "/sub/a.html", "/a.html", "/set.txt")]
          + [get("/up/" + where + name) for where in ("", "on/", "off/", "missing/") for name in (*CHARSETS, "typeless")],
          files={"html/" + name: name for name in ("a.css", "a.own", "a.first", "a.two", "sub/a.two", "sub/a.html", "a.html", "set.txt")}, explain=False,
          script=lambda request: [backend.respond(404 if "missing" in request.target else 200,
                                                  [("Content-Type", CHARSETS[name]) for name in CHARSETS if request.target.endswith("/" + name)], b"body")])

HttpdCase("published", "pages of the server and type maps", vhost("""
    DocumentRoot @DIR@/html
    ProxyPass /server-status !
    ProxyPass /up http://@UP@/
    AddHandler type-map var # drop
    <Location /server-status>
        SetHandler server-status # drop
        Require ip 127.0.0.1
    </Location>
    <Location /server-status/closed>
        SetHandler server-status
        Require ip 192.0.2.1
    </Location>
    <Location /up>
        SetHandler None
    </Location>
"""), [get(target) for target in ("/server-status", "/server-status/closed", "/map.var", "/page.txt", "/up/x")],
          files={"html/map.var": "URI: page.txt\nContent-type: text/plain\n", "html/page.txt": "page"}, differs=["own pages"])

HttpdCase("published", "hosts by the names that need no look-up, expressions without quotes", vhost("""
    ProxyPass / http://@UP@/
    <Location /old>
        Order Deny,Allow
        Deny from all
        Allow from localhost 192.0.2.1 # drop
    </Location>
    <Location /deny>
        Order Allow,Deny
        Allow from all
        Deny from localhost # drop
    </Location>
    <Location /nobody>
        Order Deny,Allow
        Deny from none
        Allow from all
    </Location>
    <Location /shut>
        Order Allow,Deny
        Allow from none
    </Location>
    <Location /new>
        Require host localhost # drop
        Require user nobody
    </Location>
    <Location /without>
        <RequireAll>
            Require all granted
            Require not host localhost # drop
        </RequireAll>
    </Location>
    <Location /expression>
        Require expr %{HTTP:X-Who} in {'alice', 'bob'} || %{QUERY_STRING} =~ /open.+door/ # drop
    </Location>
"""), [get(path + "/x") for path in ("/old", "/deny", "/nobody", "/shut", "/new", "/without")]
          + [get("/expression" + query, fields=fields) for query in ("", "?open%20door") for fields in ((), [("X-Who", "bob")], [("X-Who", "eve")])])

HttpdCase("published", "a field named by an expression", vhost("""
    SetEnvIfNoCase ^Authorization$ "(.+)" HTTP_AUTHORIZATION=$1 # drop
    SetEnvIf ^X-Token$ ^s(.*) TOKEN=$1 # drop
    RequestHeader set X-Seen "%{HTTP_AUTHORIZATION}e %{TOKEN}e"
    ProxyPass / http://@UP@/
"""), [get("/x", fields=fields) for fields in ((), [("Authorization", "Bearer 1")], [("X-Token", "secret"), ("X-Token-Two", "so")])])

HttpdCase("published", "the client's certificate in a field", """
<VirtualHost @A@>
    ServerName localhost
    SSLEngine on
    SSLCertificateFile @DIR@/one.crt
    SSLCertificateKeyFile @DIR@/one.key
    SSLVerifyClient optional
    SSLCACertificateFile @DIR@/client.crt
    SSLOptions +StdEnvVars +ExportCertData
    RequestHeader set X-Client-Cert "%{SSL_CLIENT_CERT}s" # drop
    RequestHeader set X-Client-Name "%{SSL_CLIENT_S_DN_CN}s"
    ProxyPass / http://@UP@/
</VirtualHost>
""", [get("/x", tls={"sni": "localhost", **more}) for more in ({}, {"cert": "client"})], certs=[("one", "localhost"), ("client", "client")], explain=False)


def small_or_old(request):
    """A page without ranges; by HTTP/1.0 where the path says so."""
    head = b"HTTP/1.0 200 OK\r\n" if "old" in request.target else b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
    return [head + b"Content-Type: text/plain\r\n\r\n0123456789"] + ([("close",)] if "old" in request.target else [])


HttpdCase("published", "a host of backends alone", vhost("""
    ProxyVia On # drop
    ProxyPass /app http://@UP@/app # drop
"""), [get("/app/x"), get("/app/x", fields=[("Range", "bytes=2-4")]), get("/app/old"), get("/"), get("/other"), post("/other"), get("/other", method="OPTIONS")],
          script=small_or_old, differs=["no folder of files", "ranges of backends", "version in Via"], explain=False)
