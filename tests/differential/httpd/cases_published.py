# SPDX-License-Identifier: BSD-2-Clause
"""What virtual hosts of well-known applications need beyond a ProxyPass: each case is the part of such a file that once was answered otherwise here.

The files themselves are put together from the recipes that projects give for their own application behind httpd.
"""

from judge import HttpdCase, get, post, scripted, upgrade, vhost

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
