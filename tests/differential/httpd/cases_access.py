# SPDX-License-Identifier: BSD-2-Clause
"""Who may: Require and its obsolete spelling, Basic authentication, RemoteIP, limits."""

import base64

from judge import HttpdCase, get, head, post, raw, upgrade, vhost, vhosts

# The password of everybody is "secret".
USERS = {"users": "apr:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nbcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\nsix:$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1\n"
         "five:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA\ncrypt:abNANd1rDfiNc\n# comment: none\nempty:\n", "groups": "staff: apr sha\nadmin: bcrypt\n", "html/index.html": "index\n", "html/a.txt": "a\n", "allowed": "x\n"}


def basic(user, password="secret", scheme="Basic"):
    return ("Authorization", "%s %s" % (scheme, base64.b64encode(("%s:%s" % (user, password)).encode()).decode()))


HttpdCase("access", "Require", vhost("""
    ProxyPass / http://@UP@/
    <Location /granted>
        Require all granted
    </Location>
    <Location /denied>
        Require all denied # drop
    </Location>
    <Location /denied/open>
        Require all granted # drop
    </Location>
    <Location /ip>
        Require ip 127.0.0
    </Location>
    <Location /ip2>
        Require ip 10.0.0.0/8 192.168.1.1 ::1 # drop
    </Location>
    <Location /not>
        <RequireAll> # drop
            Require all granted
            Require not ip 127.0.0.1 # drop
        </RequireAll>
    </Location>
    <Location /local>
        Require local # drop
        Require ip 10.1.2.3
    </Location>
    <Location /method>
        Require method GET HEAD # drop
    </Location>
    <Location /env>
        Require env ALLOWED # drop
        Require ip 10.1.2.3
    </Location>
    <Location /expr>
        Require expr "%{HTTP:X-Token} == 'good'" # drop
        Require ip 10.1.2.3
    </Location>
    <Location /all>
        <RequireAll>
            Require ip 127.0.0.1
            Require method GET # drop
            <RequireAny> # drop
                Require env ALLOWED # drop
                Require expr %{QUERY_STRING}=='any' # drop
            </RequireAny>
            <RequireNone> # drop
                Require expr %{HTTP:X-None}=='1'
            </RequireNone>
        </RequireAll>
    </Location>
    <Location /deeper>
        Require method GET
    </Location>
    <Location /deeper/replaces>
        Require all granted # drop
    </Location>
    SetEnvIf X-Allow yes ALLOWED # drop
"""), [get(uri) for uri in ("/", "/granted", "/denied", "/denied/x", "/denied/open", "/ip", "/ip2", "/not", "/local", "/method", "/env", "/expr", "/all", "/all?any", "/deeper", "/deeper/replaces")]
          + [post("/method"), get("/env", fields=[("X-Allow", "yes")]), get("/expr", fields=[("X-Token", "good")]), get("/expr", fields=[("X-Token", "bad")]), get("/all", fields=[("X-Allow", "yes")]), post("/all?any"), get("/all?any", fields=[("X-None", "1")]), post("/deeper"), post("/deeper/replaces"),
             upgrade("/denied/x"), head("/denied"), get("/denied/../granted")], files=USERS)

HttpdCase("access", "Order, Allow and Deny", vhost("""
    ProxyPass / http://@UP@/
    <Location /da>
        Order deny,allow
        Deny from all
        Allow from 127.0.0.1 # drop
    </Location>
    <Location /ad>
        Order allow,deny # drop
        Allow from all
        Deny from 127.0.0.0/8 # drop
    </Location>
    <Location /onlyorder>
        Order allow,deny # drop
    </Location>
    <Location /env>
        Order deny,allow
        Deny from all
        Allow from env=ALLOWED # drop
    </Location>
    <Location /limit>
        <Limit POST PUT> # drop
            Order deny,allow
            Deny from all
        </Limit>
        <LimitExcept GET POST HEAD> # drop
            Order deny,allow
            Deny from all
        </LimitExcept>
    </Location>
    <Location /partial>
        Order deny,allow
        Deny from 127 # drop
        Allow from 10.0.0.0/255.0.0.0
    </Location>
    SetEnvIf X-Allow yes ALLOWED # drop
"""), [get(uri) for uri in ("/da", "/ad", "/onlyorder", "/env", "/limit", "/partial", "/x")] + [get("/env", fields=[("X-Allow", "yes")]), post("/limit"), get("/limit", method="DELETE"), get("/limit", method="PUT"), head("/limit")])

HttpdCase("access", "Basic authentication", vhost("""
    ProxyPass / http://@UP@/
    <Location /user>
        AuthType Basic # drop
        AuthName "The Realm" # drop
        AuthUserFile @DIR@/users # drop
        Require valid-user # drop
    </Location>
    <Location /user/named>
        Require user sha six # drop
    </Location>
    <Location /group>
        AuthType Basic
        AuthName groups
        AuthBasicProvider file
        AuthUserFile @DIR@/users
        AuthGroupFile @DIR@/groups # drop
        Require group staff # drop
    </Location>
    <Location /either>
        AuthType Basic
        AuthName either
        AuthUserFile @DIR@/users
        Order deny,allow
        Deny from all
        Allow from env=ALLOWED
        Require valid-user
        Satisfy Any # drop
    </Location>
    <Location /anyof>
        AuthType Basic
        AuthName any
        AuthUserFile @DIR@/users
        <RequireAny>
            Require valid-user
            Require expr %{QUERY_STRING}=='open' # drop
        </RequireAny>
    </Location>
    <Location /user/off>
        Require all granted # drop
    </Location>
    <Location /limited>
        AuthType Basic
        AuthName limited
        AuthUserFile @DIR@/users
        <LimitExcept GET HEAD> # drop
            Require valid-user
        </LimitExcept>
    </Location>
    RequestHeader set X-User "expr=%{REMOTE_USER}" # drop
    SetEnvIf X-Allow yes ALLOWED
"""), [get("/user", fields=[basic(user)]) for user in ("apr", "sha", "bcrypt", "six", "five", "crypt", "empty", "nobody", "# comment")] + [get("/user"), get("/user", fields=[basic("sha", "wrong")]), get("/user", fields=[basic("sha", scheme="basic")]), get("/user", fields=[("Authorization", "Basic !!!")]),
       get("/user", fields=[("Authorization", "Bearer x")]), get("/user", fields=[basic("sha", "")]), get("/user/named", fields=[basic("sha")]), get("/user/named", fields=[basic("apr")]), get("/group", fields=[basic("apr")]), get("/group", fields=[basic("bcrypt")]),
       get("/either"), get("/either", fields=[("X-Allow", "yes")]), get("/either", fields=[basic("sha")]), get("/anyof"), get("/anyof?open"), get("/anyof", fields=[basic("sha")]), get("/user/off"), get("/limited"), post("/limited"), post("/limited", fields=[basic("sha")]), head("/user"),
       upgrade("/user", fields=[basic("sha")]), upgrade("/user")], files=USERS)

HttpdCase("access", "RemoteIP", vhosts("""
    ServerName header
    RemoteIPHeader X-Forwarded-For # drop
    RemoteIPInternalProxy 127.0.0.1 10.0.0.0/8 # drop
    ProxyPass / http://@UP@/
    RequestHeader set X-Seen "expr=%{REMOTE_ADDR}" # drop
    <Location /inside>
        Require ip 192.168.0.0/16 # drop
    </Location>""", """
    ServerName trusted
    RemoteIPHeader X-Real-IP # drop
    RemoteIPTrustedProxy 127.0.0.0/8
    ProxyPass / http://@UP@/
    RequestHeader set X-Seen "expr=%{REMOTE_ADDR}"
    <Location /inside>
        Require ip 203.0.113.0/24 # drop
    </Location>""", """
    ServerName anyone
    RemoteIPHeader X-Client
    RemoteIPTrustedProxy 10.0.0.0/8 # drop
    ProxyPass / http://@UP@/
    RequestHeader set X-Seen "expr=%{REMOTE_ADDR}" """), [get(uri, host=host, fields=fields) for host, name in (("header", "X-Forwarded-For"), ("trusted", "X-Real-IP"), ("anyone", "X-Client")) for uri in ("/x", "/inside")
                                                         for fields in ([], [(name, "192.168.1.1")], [(name, "203.0.113.9")], [(name, "203.0.113.9, 10.1.1.1")], [(name, "nonsense")], [(name, "192.168.1.1, 203.0.113.9")], [(name, "1.1.1.1"), (name, "192.168.1.2")])][:38])


def lines(number, size=1):
    return b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"v" * size) for i in range(number)) + b"\r\n"


HttpdCase("limits", "LimitRequest", vhosts("""
    ServerName localhost
    LimitRequestLine 200 # drop
    LimitRequestFieldSize 100 # drop
    LimitRequestFields 10 # drop
    LimitRequestBody 100
    ProxyPass /proxied http://@UP@/
    DocumentRoot @DIR@/html
    <Directory @DIR@/html>
        LimitRequestBody 50 # drop
    </Directory>""", """
    ServerName second
    LimitRequestFields 3
    ProxyPass / http://@UP@/"""), [raw(lines(9)), raw(lines(10)), raw(lines(8, 95)), raw(lines(8, 99)), raw(b"GET /" + b"x" * 186 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"), raw(b"GET /" + b"x" * 187 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"), raw(b"GET /" + b"x" * 190 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                                      raw(lines(4).replace(b"localhost", b"second")), post("/proxied/x", body=b"x" * 200), post("/a.txt", body=b"x" * 40), post("/a.txt", body=b"x" * 60), post("/a.txt", body=b"3c\r\n" + b"x" * 60 + b"\r\n0\r\n\r\n", fields=[("Transfer-Encoding", "chunked")]), get("/a.txt")],
          files=USERS, differs=["chunked body for a file"])

HttpdCase("limits", "LimitRequest of the main server", """
LimitRequestFields 5
LimitRequestFieldSize 50
LimitRequestLine 60
<VirtualHost @A@>
    ServerName localhost
    ProxyPass / http://@UP@/ # drop
</VirtualHost>
""", [raw(lines(3)), raw(lines(8)), raw(lines(1, 80)), raw(b"GET /" + b"x" * 90 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")])

HttpdCase("limits", "malformed requests", vhost("    ProxyPass / http://@UP@/ # drop"), [raw(data) for data in (
    b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nnocolon\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"G=T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/2.7\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1 x\r\nHost: localhost\r\n\r\n", b"GET x HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n", b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"GET / http/1.1\r\nHost: localhost\r\n\r\n")], differs=["refusal"])

HttpdCase("access", "Files and what follows a file's name", vhost("""
    DocumentRoot @DIR@/html
    <Files secret.txt> # drop
        Require all denied
    </Files>
    <FilesMatch "\\.bak$"> # drop
        Require all denied
    </FilesMatch>
    <Files "d*r"> # drop
        Require all denied
    </Files>
"""), [get(uri) for uri in ("/secret.txt", "/secret.txt/", "/secret.txt/more", "/secret.txt/x/../more", "/none/secret.txt", "/none", "/x.bak", "/x.bak/y", "/none/x.bak", "/dir/open.txt", "/dir/secret.txt", "/dir/none/secret.txt",
                            "/dir", "/doer", "/doer/secret.txt", "/secret.txt.d/open.txt")],
          files={"html/secret.txt": "secret\n", "html/x.bak": "bak\n", "html/dir/secret.txt": "secret\n", "html/dir/open.txt": "open\n", "html/secret.txt.d/open.txt": "open\n"})
