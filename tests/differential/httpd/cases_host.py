# SPDX-License-Identifier: BSD-2-Clause
"""Which virtual host answers, TLS, logs, reading of the file, and the settings of the main level."""

import ssl

from judge import HttpdCase, get, head, post, raw, upgrade, vhost, vhosts

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CERTS = [("one", "one.example"), ("two", "two.example"), ("client", "client"), ("stranger", "stranger")]


def named(text):
    return "Header always set X-Host %s\n    ProxyPass / http://@UP@/" % text


HttpdCase("host", "names, aliases and the default", vhosts("""
    ServerName first.example
    ServerAlias *.wild.example www.first.example # drop
    %s""" % named("first"), """
    ServerName second.example:8080
    ServerAlias exact.wild.example s?cond.example # drop
    %s""" % named("second"), """
    ServerName FIRST.example
    %s""" % named("never"), """
    ServerAlias nameless.example # drop
    %s""" % named("nameless"), """
    ServerName http://scheme.example:99 # drop
    %s""" % named("scheme")) + """
<VirtualHost @B@> # drop
    ServerName second.example
    Header always set X-Host other-port
    ProxyPass / http://@UP2@/
</VirtualHost>
<VirtualHost *:@B.port@>
    ServerName star.example
    Header always set X-Host star
    ProxyPass / http://@UP2@/
</VirtualHost>
""", [get("/", host=host) for host in ("first.example", "FIRST.EXAMPLE", "first.example:99", "first.example.", "a.wild.example", "a.b.wild.example", "wild.example", "exact.wild.example", "www.first.example", "second.example", "second.example:8080", "sacond.example", "secoond.example",
                                       "nameless.example", "main.example", "scheme.example", "unknown.example", "127.0.0.1", "[::1]")]
          + [get("/", host=None, version="1.0"), get("/", host="second.example", version="1.0"), raw(b"GET http://second.example/abs HTTP/1.1\r\nHost: first.example\r\n\r\n"), get("/", at="B", host="second.example"), get("/", at="B", host="star.example"), get("/", at="B", host="x")], differs=["nameless host"])

HttpdCase("host", "inheritance from the main server", """
ServerName main.example
DocumentRoot @DIR@/html
Header always set X-Main yes # drop
RequestHeader set X-Main-Request yes # drop
ProxyPreserveHost On # drop
ProxyTimeout 100
Redirect /main-redirect http://e.example/main # drop
Alias /main-alias @DIR@/html # drop
ProxyPass /main-proxy http://@UP2@/main # drop
RewriteEngine On
RewriteRule ^/main-rule$ /never [R]
<Location /main-location> # drop
    Header always set X-Location main
</Location>
ErrorDocument 404 "main text" # drop
Listen @A@
Listen @B@
<VirtualHost @A@>
    ServerName one.example
    Header always set X-One yes # drop
    ProxyPass /own http://@UP@/own # drop
    Redirect /own-redirect http://e.example/own # drop
</VirtualHost>
<VirtualHost @A@>
    ServerName two.example
    ProxyPreserveHost Off # drop
    ErrorDocument 404 "own text" # drop
    RewriteEngine On
    RewriteOptions Inherit # drop
    ProxyPass /main-proxy !
</VirtualHost>
""", [get(uri, host=host) for host in ("one.example", "two.example") for uri in ("/", "/main-redirect/x", "/main-alias/a.txt", "/main-proxy/x", "/main-rule", "/main-location/x", "/own/x", "/own-redirect/y")] + [get(uri, at="B", host="main.example") for uri in ("/main-proxy/x", "/main-rule", "/none")],
          files={"html/a.txt": "a\n"})

HttpdCase("host", "conditions of the file", """
Define UPSTREAM @UP@ # drop
Define HERE
<IfDefine HERE> # drop
    Define WHERE here
</IfDefine>
<IfDefine !HERE>
    Define WHERE not-here
</IfDefine>
<IfModule mod_proxy.c> # drop
    Define PROXY yes
</IfModule>
<IfModule !ssl_module>
    Define WHERE never
</IfModule>
<IfVersion >= 2.4> # drop
    Define NEW 2.4
</IfVersion>
<IfVersion < 2.2>
    Define NEW 2.0
</IfVersion>
<IfFile parts/a.inc> # drop
    Define FILE file
</IfFile>
<IfDirective ProxyPass> # drop
    Define DIRECTIVE directive
</IfDirective>
<IfSection VirtualHost> # drop
    Define SECTION section
</IfSection>
include parts/*.inc # drop
IncludeOptional none/*.conf
<VIRTUALHOST @A@>
    servername "localhost"
    Header always set X-Where "${WHERE} ${PROXY} ${NEW} ${INCLUDED} ${FILE} ${DIRECTIVE} ${SECTION}" # drop
    HEADER ALWAYS SET X-Quoted 'single "inside"' # drop
    Header always set X-Escaped "a \\"b\\" c" # drop
    Header always set \\
        X-Continued yes # drop
    # a comment that goes on \\
    Header always set X-In-Comment no
    ProxyPass /cont \\
       http://${UPSTREAM}/\\
cont # drop
    IncludeOptional parts/*.vhost # drop
    ProxyPass / http://${UPSTREAM}/
    UnDefine HERE # drop
    <IfDefine HERE>
        Header always set X-Undefined no
    </IfDefine>
</VIRTUALHOST>
""", [get("/"), get("/cont/x"), get("/in-vhost/x"), get("/a.b")], files={"parts/a.inc": "Define INCLUDED one\n", "parts/b.vhost": "ProxyPass /in-vhost http://${UPSTREAM}/included\n"})

SECURE = """
    SSLEngine On # drop
    SSLCertificateFile %s.crt # drop
    SSLCertificateKeyFile %s.key # drop"""


def secure(name, body, marks=False):
    text = "    ServerName %s.example" % name + SECURE % (name, name) + "\n" + body
    return text if marks else text.replace(" # drop", "", 3)


HttpdCase("host", "ServerRoot, nested files and no virtual host", """
ServerRoot "@DIR@/root" # drop
Include hosts # drop
Listen @A@
""", [get("/x"), get("/y")], files={"root/hosts/10.conf": "Define TO e.example\nInclude more.inc\n", "root/more.inc": "Redirect /x http://${TO}/\n"})

HttpdCase("tls", "certificates, SNI and Host", vhosts(secure("one", "    " + named("one"), True), secure("two", "    " + named("two") + "\n    RequestHeader set X-TLS \"%{SSL_PROTOCOL}s %{HTTPS}s %{SSL_TLS_SNI}s\" # drop", True), """
    ServerName same.example
    SSLEngine On
    SSLCertificateFile one.crt
    SSLCertificateKeyFile one.key
    %s""" % named("same")) + """
<VirtualHost @B@>
    ServerName plain.example
    Redirect / https://one.example/ # drop
</VirtualHost>""",
          [get("/", host=host, tls={"sni": sni}) for sni in ("one.example", "two.example", "same.example", "unknown.example", "TWO.example") for host in ("one.example", "two.example", "same.example", "unknown.example")]
          + [get("/", host=host, tls={}) for host in ("one.example", "two.example", "same.example")] + [get("/", host=None, version="1.0", tls={"sni": "one.example"}), get("/", host=None, version="1.0", tls={}), get("/", host="one.example"), get("/x?y", host="z", at="B"),
             get("/", host="one.example", tls={"sni": "one.example", "alpn": ["h2", "http/1.1"]}), get("/", host="one.example", tls={"sni": "one.example", "alpn": ["h2"]}), upgrade("/", host="one.example", tls={"sni": "one.example"}), get("/", host="one.example", tls={"sni": "one.example", "max": V12})],
          certs=CERTS, differs=[])

HttpdCase("tls", "SSLProtocol", vhosts(*(secure("one", "    SSLProtocol %s # drop\n    Redirect / https://e.example/" % words).replace("one.example", "%s.example" % name) for name, words in (
    ("all", "all -SSLv3 -TLSv1 -TLSv1.1 -TLSv1.2"), ("word", "TLSv1.2"))), secure("two", "    Redirect / https://e.example/two")) + "".join("""
<VirtualHost @%s@>
    ServerName one.example
    SSLEngine On
    SSLCertificateFile one.crt
    SSLCertificateKeyFile one.key
    SSLProtocol %s # drop
    Redirect / https://e.example/
</VirtualHost>""" % pair for pair in (("B", "TLSv1.2 TLSv1.3"), ("C", "-all +tlsv1.2"), ("D", "all -TLSv1.3"))),
          [get("/", host=name, tls={"sni": name, **tls}) for name in ("all.example", "word.example", "two.example") for tls in ({"max": V12}, {"min": V13})] + [get("/", at=at, tls={"sni": "one.example", **tls}) for at in "BCD" for tls in ({"max": V12}, {"min": V13})], certs=CERTS)

HttpdCase("tls", "ciphers, order, chain, tickets", """
SSLSessionCache shmcb:@DIR@/cache(512000)
<VirtualHost @A@>
    ServerName one.example
    SSLEngine On
    SSLCertificateFile one.crt
    SSLCertificateKeyFile one.key
    SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384 # drop
    SSLHonorCipherOrder On # drop
    SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256
    SSLOpenSSLConfCmd Curves P-256
    SSLCompression Off
    SSLInsecureRenegotiation Off
    SSLSessionTickets Off
    SSLOptions +StdEnvVars
    Redirect / https://e.example/
</VirtualHost>
<VirtualHost @B@>
    ServerName one.example
    SSLEngine On
    SSLCertificateFile one.crt
    SSLCertificateKeyFile one.key
    SSLHonorCipherOrder Off
    Protocols http/1.1 # drop
    Redirect / https://e.example/
</VirtualHost>
""".replace("    Protocols http/1.1 # drop\n", "    Protocols http/1.1\n"), [get("/", at=at, tls={"sni": "one.example", "max": V12, "ciphers": ciphers}) for at in "AB" for ciphers in ("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305")]
          + [get("/", tls={"sni": "one.example", "min": V13}), get("/", at="B", tls={"sni": "one.example", "alpn": ["http/1.1"]})], certs=CERTS)

HttpdCase("tls", "SSLVerifyClient", "".join("""
<VirtualHost @%s@>
    ServerName one.example
    SSLEngine On
    SSLCertificateFile one.crt
    SSLCertificateKeyFile one.key
    SSLVerifyClient %s # drop
    SSLVerifyDepth 2
    SSLCACertificateFile client.crt
    ProxyPass / http://@UP@/
    RequestHeader set X-Verify "%%{SSL_CLIENT_VERIFY}s %%{SSL_CLIENT_S_DN}s %%{SSL_CLIENT_S_DN_CN}s" # drop
    <Location /required>
        Require expr %%{SSL_CLIENT_VERIFY}=='SUCCESS'%s
    </Location>
    <Location /tls> # drop
        SSLRequireSSL
    </Location>
</VirtualHost>""" % pair for pair in (("A", "require", ""), ("B", "optional", " # drop"))).replace("    <Location /tls> # drop\n        SSLRequireSSL\n    </Location>\n", ""),
          [get(uri, at=at, tls={"sni": "one.example", **tls}) for at in "AB" for tls in ({}, {"cert": "client"}, {"cert": "stranger"}, {"cert": "client", "max": V12}, {"max": V12}) for uri in ("/", "/required")], certs=CERTS, explain=False)

HttpdCase("tls", "SSLRequireSSL and strict names", vhosts("""
    ServerName plain.example
    ProxyPass / http://@UP@/
    <Location /tls>
        SSLRequireSSL # drop
    </Location>""") + """
<VirtualHost @B@>
    ServerName one.example
    SSLEngine On
    SSLCertificateFile one.crt
    SSLCertificateKeyFile one.key
    SSLStrictSNIVHostCheck On # drop
    ProxyPass / http://@UP@/
    <Location /tls>
        SSLRequireSSL
    </Location>
</VirtualHost>
<VirtualHost @B@>
    ServerName none.example
    SSLEngine On
    SSLCertificateFile one.crt
    SSLCertificateKeyFile one.key
    Redirect / https://e.example/
</VirtualHost>""", [get("/tls/x"), get("/x"), get("/tls/x", at="B", host="one.example", tls={"sni": "one.example"}), get("/", at="B", host="one.example", tls={}), get("/", at="B", host="none.example", tls={"sni": "none.example"})], certs=CERTS)

FORMAT = "%h %l %u %t \\\"%r\\\" %>s %b"
HttpdCase("log", "formats", vhost("""
    LogFormat "%h %a %A %l %u \\"%r\\" %>s %s %b %m %U %q %H %v %V %p %{Host}i %{X-Missing}i %{X-Out}o %{COND}e %% %{c}a %{local}p %{canonical}p" full
    CustomLog logs/full.log full # drop
    CustomLog logs/common.log common # drop
    CustomLog logs/combined.log "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-agent}i\\"" # drop
    CustomLog logs/cond.log "%r" env=COND # drop
    CustomLog logs/not.log "%r" env=!COND # drop
    CustomLog logs/expr.log "%U %>s" "expr=%{REQUEST_STATUS} >= 400" # drop
    CustomLog logs/status.log "%{Referer}i|%{User-Agent}i|%{Cookie}i|%{a}C" # drop
    CustomLog logs/time.log "%{%Y}t %{sec}t %T %D %{ms}T" # drop
    SetEnvIf Request_URI "^/quiet" COND # drop
    LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
    Header set X-Out out # drop
    ProxyPass /up http://@UP@/
    Redirect /r http://e.example/
    <Location /denied>
        Require all denied
    </Location>
"""), [get("/up/x?y=z"), get("/r/x"), get("/quiet"), get("/denied"), get("/none", fields=[("Referer", "http://r/\"q\""), ("User-Agent", "agent\\1")]), head("/up/x"), post("/up/x"), get("/up/a%20b", host="name.example:81"), get("/up/x", version="1.0", host=None),
           get("/up/x", fields=[("Cookie", "a=1; b=2"), ("User-Agent", "\xe9\x80\tx")])], files={"logs/.keep": ""}, observe=["log:logs/%s.log" % name for name in ("full", "common", "combined", "cond", "not", "expr", "status")] + ["lines:logs/time.log"], explain=False)

HttpdCase("log", "TransferLog, main server logs and ErrorLog", """
LogFormat "main %v %r %>s" # drop
TransferLog logs/main.log # drop
ErrorLog logs/error.log # drop
LogLevel crit # drop
<VirtualHost @A@>
    ServerName own.example
    CustomLog logs/own.log "own %v %r %>s" # drop
    ErrorLog logs/own-error.log # drop
    Redirect /r http://e.example/
    ProxyPass /dead http://@DEAD@/
</VirtualHost>
<VirtualHost @A@>
    ServerName inherits.example
    Redirect /r http://e.example/
</VirtualHost>
""", [get("/r", host="own.example"), get("/dead", host="own.example"), get("/r", host="inherits.example"), get("/none", host="inherits.example")], files={"logs/.keep": ""}, observe=["log:logs/main.log", "log:logs/own.log", "exists:logs/error.log", "exists:logs/own-error.log", "lines:logs/own-error.log"], explain=False)

HttpdCase("connection", "KeepAlive", """
KeepAlive On
MaxKeepAliveRequests 3 # drop
KeepAliveTimeout 5
<VirtualHost @A@>
    ServerName on
    Redirect /r http://e.example/
    ProxyPass /up http://@UP@/
</VirtualHost>
<VirtualHost @B@>
    ServerName off
    KeepAlive Off # drop
    Redirect /r http://e.example/
</VirtualHost>
""", [get("/r"), get("/r", keep=True), get("/up/x", keep=True), get("/r", keep=True), get("/r", at="B"), get("/r", at="B", keep=True), get("/r", version="1.0"), get("/r", version="1.0", keep=True), get("/r", version="1.0", fields=[("Connection", "keep-alive")]),
      get("/r", version="1.0", fields=[("Connection", "keep-alive")], keep=True), get("/r", fields=[("Connection", "close")]), get("/r", keep=True)], explain=False)

HttpdCase("connection", "idle connections and slow heads", """
KeepAliveTimeout 1 # drop
RequestReadTimeout header=1 body=5 # drop
<VirtualHost @A@>
    ServerName localhost
    Redirect /r http://e.example/
</VirtualHost>
""", [get("/r"), get("/r", keep=True, pause=1.8), raw(b"GET /r HTTP/1.1\r\nHost: lo", wait=2.2)], explain=False, differs=["time out"])

HttpdCase("connection", "names of the server", """
ServerTokens Prod # drop
ServerSignature Off
TraceEnable Off # drop
<VirtualHost @A@>
    ServerName canonical.example:8080
    UseCanonicalName On # drop
    UseCanonicalPhysicalPort On
    Redirect /r /target
    ProxyPass /up http://@UP@/
    ProxyPassReverse /up http://@UP@/
    ServerAdmin admin@@@e.example # drop
    RequestHeader set X-Admin "expr=%{SERVER_ADMIN}"
</VirtualHost>
<VirtualHost @A@>
    ServerName physical.example
    UseCanonicalName On # drop
    UseCanonicalPhysicalPort On # drop
    TraceEnable On # drop
    Redirect /r /target
    ProxyPass /up http://@UP@/
</VirtualHost>
<VirtualHost @A@>
    ServerName off.example:99
    UseCanonicalPhysicalPort On # drop
    Redirect /r /target
</VirtualHost>
""".replace("@@@", "@"), [get("/r"), get("/r", host="other.example:99"), get("/up/x", method="TRACE"), get("/up/x", host="other.example:99"), get("/r", host="physical.example"), get("/r", host="physical.example:77"), get("/up/x", host="physical.example", method="TRACE"),
                          get("/up/x", host="physical.example", method="TRACE", body=b"x"), get("/r", host="off.example"), get("/r", host="off.example:88")])

HttpdCase("connection", "names of clients", vhost("""
    ProxyPass / http://@UP@/
    HostnameLookups On # drop
    RequestHeader set X-Client "expr=%{REMOTE_HOST}"
"""), [get("/x")], differs=["names of clients"])

# Sites as they are commonly written: everything at once.
HttpdCase("site", "chat behind TLS", """
<VirtualHost *:@A.port@>
    ServerName one.example
    ServerAlias www.one.example
    DocumentRoot @DIR@/html

    # TLS
    SSLEngine on
    SSLCertificateFile @DIR@/one.crt
    SSLCertificateKeyFile @DIR@/one.key
    SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1

    ProxyRequests Off
    ProxyPreserveHost On # drop
    ProxyPass /.well-known ! # drop
    ProxyPass /chat ws://@UP2@/ # drop
    ProxyPassReverse /chat ws://@UP2@/
    ProxyPass / http://@UP@/ # drop
    ProxyPassReverse / http://@UP@/
    RequestHeader set X-Forwarded-Proto https # drop

    Header always set Access-Control-Allow-Origin "*" # drop
    Header always set Strict-Transport-Security "max-age=31536000; includeSubDomains" # drop
    ErrorLog @DIR@/error.log
    CustomLog @DIR@/access.log combined
</VirtualHost>
<VirtualHost *:@B.port@>
    ServerName one.example
    ServerAlias www.one.example
    Redirect permanent / https://one.example/ # drop
</VirtualHost>
""", [get(uri, host=host, tls={"sni": host}) for host in ("one.example", "www.one.example") for uri in ("/", "/a/b?c=d", "/chat", "/chat/x", "/.well-known/a.txt")]
          + [upgrade(uri, host="one.example", tls={"sni": "one.example"}) for uri in ("/chat", "/chat/room", "/other")] + [post("/x", host="one.example", tls={"sni": "one.example"}), get("/", host="www.one.example", at="B"), get("/x?y", host="other.example", at="B"), upgrade("/chat", host="one.example", at="B")],
          certs=[("one", "one.example", "www.one.example")], files={"html/.well-known/a.txt": "a\n"})

HttpdCase("site", "two ways in and a fallback", vhosts("""
    ServerName app.example
    ServerAdmin root@@@app.example
    Timeout 30
    KeepAlive On
    ProxyRequests Off
    <Proxy *> # drop
        Require all granted
        RequestHeader set X-Through-Proxy yes
    </Proxy>
    <Location />
        ProxyPass http://@UP@/app/ # drop
        ProxyPassReverse http://@UP@/app/
        Require all granted
    </Location>
    <Location /admin>
        ProxyPass http://@UP2@/admin
        Require ip 10.0.0.0/8 # drop
    </Location>
    <Location /ws/>
        ProxyPass ws://@UP2@/ws/ # drop
    </Location>
    ErrorDocument 403 "Not from here" # drop""".replace("@@@", "@"), """
    ServerName static.example
    DocumentRoot @DIR@/html # drop
    DirectoryIndex index.html
    <Directory @DIR@/html>
        Options -Indexes +FollowSymLinks
        AllowOverride None
        Require all granted
    </Directory>
    RewriteEngine On
    RewriteCond %{REQUEST_FILENAME} -f [OR]
    RewriteCond @DIR@/html%{REQUEST_URI} -f # drop
    RewriteRule ^ - [L] # drop
    RewriteCond %{HTTP:Upgrade} =websocket [NC] # drop
    RewriteRule /(.*) ws://@UP2@/$1 [P,L] # drop
    RewriteRule ^/api/(.*)$ http://@UP@/v1/$1 [P,L] # drop
    RewriteRule ^ /index.html [L] # drop"""), [get(uri, host="app.example") for uri in ("/", "/x?y", "/admin", "/admin/x", "/ws/x", "/ws")] + [upgrade("/ws/x", host="app.example"), upgrade("/x", host="app.example")]
          + [get(uri, host="static.example") for uri in ("/", "/a.txt", "/none", "/api/x?y", "/deep/link")] + [upgrade(uri, host="static.example") for uri in ("/ws", "/api/ws")] + [post("/api/x", host="static.example")],
          files={"html/index.html": "index\n", "html/a.txt": "a\n"})
