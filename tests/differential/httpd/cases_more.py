# SPDX-License-Identifier: BSD-2-Clause
"""What else of the dialect acts: variables in targets, members that differ, inherited rules, look-aheads, merged access, the PROXY protocol."""

import base64
import socket
import struct

from judge import HttpdCase, backend, get, harness, post, raw, upgrade, vhost, vhosts


def moved_everywhere(request):
    """Redirects to the backend's own name, in three fields, and cookies."""
    own = request.get("host")
    fields = [("Location", "http://%s/fixed/z" % own), ("Content-Location", "http://%s/e/z" % own), ("URI", "http://%s/n/z" % own),
              ("Set-Cookie", "a=b; Domain=fixed.example; Path=/fixed"), ("Set-Cookie", "c=d; Domain=written.example; Path=/written")]
    return [backend.respond(302, fields, b"moved", reason="Found")]


HttpdCase("targets", "variables of the environment in targets", vhost("""
    ProxyPassInterpolateEnv On # drop
    SetEnv FIXED fixed
    SetEnvIf X-B (.*) EARLY=$1 # drop
    SetEnvIf X-H (.*) HOST=@UP2@ # drop
    RewriteEngine On
    RewriteCond %{HTTP:X-R} (.+)
    RewriteRule .* - [E=RULE:%1] # drop
    ProxyPass /fixed http://@UP@/${FIXED} interpolate
    ProxyPass /early http://@UP@/${EARLY}/z interpolate # drop
    ProxyPass /rule http://@UP@/${RULE}/z interpolate # drop
    ProxyPass /plain http://@UP@/${EARLY}/z # drop
    ProxyPass /host http://${HOST}/hh interpolate # drop
    ProxyPass /${EARLY}/from http://@UP@/from interpolate # drop
    ProxyPass /several http://@UP@/${EARLY}/${EARLY}/${NONE}/${ interpolate # drop
    ProxyPassMatch ^/m(.*)$ http://@UP@/mm/${EARLY}$1 interpolate # drop
    <Location /section>
        ProxyPass http://@UP@/${EARLY}/l interpolate # drop
    </Location>
    <Location /off>
        ProxyPassInterpolateEnv Off # drop
        ProxyPass http://@UP@/${EARLY}/l interpolate
    </Location>
"""), [get(target, fields=fields) for target in ("/fixed/x", "/early/x", "/rule/x", "/plain/x", "/host/x", "/a/from/x", "/mabc", "/several/x", "/section/x", "/off/x")
       for fields in ((("X-H", "1"),), (("X-B", "a"), ("X-R", "r"), ("X-H", "1")))])

HttpdCase("targets", "variables of the environment on the way back", vhost("""
    ProxyPassInterpolateEnv On # drop
    SetEnv LATE late
    SetEnvIf X-B (.*) EARLY=$1 # drop
    SetEnvIf Request_URI section FIXED=fixed # drop
    ProxyPass / http://@UP@/
    ProxyPassReverse /${EARLY}/ http://@UP@/e/ interpolate # drop
    ProxyPassReverse /no/${EARLY}/ http://@UP@/n/ # drop
    ProxyPassReverseCookieDomain written.example pub-${EARLY}.example interpolate # drop
    ProxyPassReverseCookiePath /${FIXED} /${EARLY} interpolate # drop
    <Location /section>
        ProxyPassReverse http://@UP@/${FIXED}/ interpolate # drop
        ProxyPassReverseCookiePath /wri /${EARLY}/${NONE}/
        ProxyPassReverseCookieDomain fixed.example late-${LATE}.example interpolate # drop
    </Location>
"""), [get(target, fields=fields) for target in ("/x", "/section/x") for fields in ((), (("X-B", "a"),))], script=moved_everywhere)

APPS = """
    <Proxy balancer://apps>
        BalancerMember http://@UP@/app1 # drop
        BalancerMember http://@UP2@/app2/ # drop
    </Proxy>
"""


def by_member(request):
    """A redirect to the member's own path, where it is asked for."""
    if "moved" not in request.target:
        return harness.answer(request)
    return [backend.respond(302, [("Location", "http://%s/app1/there" % request.get("host"))], b"moved", reason="Found")]


HttpdCase("members", "members with paths of their own", vhost(APPS + """
    <Proxy balancer://bare>
        BalancerMember http://@UP@
        BalancerMember http://@UP2@/z # drop
    </Proxy>
    <Proxy balancer://dead>
        BalancerMember http://@DEAD@/dead
        BalancerMember http://@UP2@/alive # drop
    </Proxy>
    ProxyPass /a balancer://apps # drop
    ProxyPass /b balancer://apps/sub # drop
    ProxyPass /bare balancer://bare # drop
    ProxyPass /dead balancer://dead # drop
    ProxyPassReverse /a balancer://apps # drop
    ProxyPassMatch ^/m(.*)$ balancer://apps/mm$1 # drop
    RewriteEngine On
    RewriteRule ^/rw/(.*) balancer://apps/$1 [P] # drop
"""), [get(target) for target in ("/a/x", "/a", "/a/moved", "/a/moved", "/b/x", "/b/y?z=1", "/bare/x", "/bare/x", "/dead/x", "/dead/y", "/mx", "/my", "/rw/a", "/rw/b?c")],
          script=by_member, explain=False)  # whose turn it is explain cannot know

HttpdCase("members", "members with schemes of their own", vhost("""
    SSLProxyEngine On
    SSLProxyVerify none
    SSLProxyCheckPeerName off
    SSLProxyCheckPeerCN off
    <Proxy balancer://tls>
        BalancerMember http://@UP@ # drop
        BalancerMember https://@TLS@ # drop
    </Proxy>
    <Proxy balancer://sockets>
        BalancerMember ws://@UP@ # drop
        BalancerMember ws://@UP2@ # drop
    </Proxy>
    <Proxy balancer://mixed>
        BalancerMember http://@UP@
        BalancerMember ws://@UP2@ # drop
    </Proxy>
    <Proxy balancer://upgrading>
        BalancerMember http://@UP@ upgrade=websocket # drop
        BalancerMember http://@UP2@/z
    </Proxy>
    ProxyPass /tls balancer://tls
    ProxyPass /ws balancer://sockets
    ProxyPass /mix balancer://mixed
    ProxyPass /up balancer://upgrading
"""), [get(target) for target in ("/tls/a", "/tls/b", "/tls/c", "/ws/a", "/mix/a", "/up/a", "/ws/a", "/mix/a", "/up/a")] + [upgrade(target) for target in ("/ws/a", "/mix/a", "/up/a") * 2],
          explain=False)

# The password of everybody is "secret".
PASSWORDS = {"users": "apr:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n",
             "other": "bcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n", "groups": "staff: apr\n"}


def basic(user, password="secret"):
    return [("Authorization", "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode())]


HttpdCase("access", "AuthMerging", """
<Directory @DIR@/html>
    Require method GET
</Directory>
""" + vhost("""
    DocumentRoot @DIR@/html
    ProxyPass /base http://@UP@/
    ProxyPass /no http://@UP@/
    SetEnvIf X-A . ALLOWED
    <Location /base>
        Require ip 127.0.0.1 # drop
    </Location>
    <Location /base/and>
        AuthMerging And
        Require method GET # drop
    </Location>
    <Location /base/and/deeper>
        Require method POST # drop
    </Location>
    <Location /base/and/or>
        AuthMerging Or # drop
        Require method POST # drop
    </Location>
    <Location /base/and/only>
        AuthMerging And
    </Location>
    <Location /base/and/off>
        AuthMerging Off # drop
    </Location>
    <Location /base/or>
        AuthMerging Or # drop
        Require method POST
    </Location>
    <Location /base/not>
        AuthMerging And
        <RequireAll>
            Require all granted
            Require not method POST # drop
        </RequireAll>
    </Location>
    <Location /no>
        Require ip 10.0.0.1
    </Location>
    <Location /no/or>
        AuthMerging Or
        Require method GET # drop
    </Location>
    <Location /no/or/and>
        AuthMerging And
        Require env ALLOWED # drop
    </Location>
    <Location /x>
        AuthMerging And # drop
        Require env ALLOWED # drop
    </Location>
    <Location /y>
        AuthMerging Or # drop
        Require env ALLOWED
    </Location>
"""), [one(target, fields=fields) for one in (get, post) for fields in ((), (("X-A", "1"),))
       for target in ("/base", "/base/and", "/base/and/deeper", "/base/and/or", "/base/and/only", "/base/and/off", "/base/or", "/base/not", "/no", "/no/or", "/no/or/and",
                      "/a.html", "/x/a.html", "/y/a.html")], files={"html/a.html": "a\n", "html/x/a.html": "xa\n", "html/y/a.html": "ya\n"})

HttpdCase("access", "AuthType over several sections", vhost("""
    ProxyPass / http://@UP@/
    <Location /a>
        AuthType Basic # drop
        AuthName a
        AuthBasicProvider file
        AuthUserFile @DIR@/users
        Require valid-user
    </Location>
    <Location /a/other>
        AuthName b # drop
        AuthUserFile @DIR@/other # drop
    </Location>
    <Location /a/user>
        Require user sha # drop
    </Location>
    <Location /a/group>
        AuthMerging And
        AuthGroupFile @DIR@/groups # drop
        Require group staff
    </Location>
    <Location /a/open>
        AuthType None
        Require all granted # drop
    </Location>
    <Location /a/none>
        AuthType None # drop
    </Location>
    <Location /a/either>
        AuthMerging Or
        Require method GET # drop
    </Location>
    <Location /typeless>
        AuthName c
        AuthUserFile @DIR@/users
        Require valid-user
    </Location>
    <Location /fileless>
        AuthType Basic
        AuthName c # drop
        Require valid-user
    </Location>
    <Location /ruleless>
        AuthType Basic # drop
        AuthName c
        AuthUserFile @DIR@/users
    </Location>
"""), [get(target, fields=fields) for target in ("/a", "/a/other", "/a/user", "/a/group", "/a/open", "/a/none", "/a/either", "/typeless", "/fileless", "/ruleless")
       for fields in ((), basic("apr"), basic("sha"), basic("bcrypt"), basic("apr", "wrong"))] + [post("/a/either"), post("/a/either", fields=basic("sha"))], files=PASSWORDS)

HttpdCase("rewriting", "RewriteOptions between servers", vhosts("""
    ServerName plain.example
    RewriteEngine On
    RewriteRule ^/both /plain [R]
""", """
    ServerName behind.example
    RewriteOptions Inherit # drop
    RewriteRule ^/both /behind [R]
""", """
    ServerName before.example
    RewriteEngine On
    RewriteOptions InheritBefore # drop
    RewriteRule ^/both /before [R]
""", """
    ServerName silent.example
""", main="RewriteEngine On\nRewriteRule ^/main /frommain [R] # drop\nRewriteRule ^/both /mainboth [R]\n"),
          [get(target, host=name + ".example") for name in ("plain", "behind", "before", "silent") for target in ("/main", "/both")])

HttpdCase("rewriting", "RewriteOptions of the main server", vhosts("""
    ServerName plain.example
    RewriteEngine On
    RewriteRule ^/both /plain [R]
""", """
    ServerName ignoring.example
    RewriteEngine On
    RewriteOptions IgnoreInherit # drop
    RewriteRule ^/both /ignoring [R]
""", """
    ServerName sections.example
    <Location /elsewhere>
        RewriteRule x /y [R] # drop
    </Location>
""", """
    ServerName silent.example
""", main="RewriteEngine On\nRewriteOptions InheritDownBefore # drop\nRewriteRule ^/main /frommain [R]\nRewriteRule ^/both /mainboth [R] # drop\n"),
          [get(target, host=name + ".example") for name in ("plain", "ignoring", "sections", "silent") for target in ("/main", "/both")])

FOLDERS = {"html/%s%s" % (folder, name): "%s%s\n" % (folder, name) for folder in ("", "own/", "behind/", "behind/deep/", "base/", "base/deep/", "given/", "bare/") for name in ("x", "inner")}

HttpdCase("rewriting", "RewriteOptions of sections", vhosts("""
    ServerName a.example
    DocumentRoot @DIR@/html
    RewriteEngine On
    RewriteOptions Inherit
    <Directory @DIR@/html>
        RewriteRule ^x$ /outer [R,L] # drop
    </Directory>
    <Directory @DIR@/html/own>
        RewriteRule ^inner$ /own [R,L] # drop
    </Directory>
    <Directory @DIR@/html/behind>
        RewriteOptions Inherit # drop
        RewriteRule ^inner$ /behind [R,L]
    </Directory>
    <Directory @DIR@/html/behind/deep>
        RewriteOptions InheritBefore # drop
        RewriteRule ^x$ /deep [R,L]
    </Directory>
    <Directory @DIR@/html/base>
        RewriteOptions MergeBase # drop
        RewriteBase /given # drop
        RewriteRule ^nothing$ -
    </Directory>
    <Directory @DIR@/html/base/deep>
        RewriteRule ^x$ inner
    </Directory>
    <Directory @DIR@/html/bare>
        RewriteOptions AllowNoSlash # drop
        RewriteRule bare$ /seen [R,L]
    </Directory>
""", """
    ServerName down.example
    DocumentRoot @DIR@/html
    RewriteEngine On
    <Directory @DIR@/html>
        RewriteOptions InheritDown # drop
        RewriteRule ^x$ /outer [R,L]
    </Directory>
    <Directory @DIR@/html/own>
        RewriteOptions IgnoreInherit # drop
        RewriteRule ^inner$ /own [R,L]
    </Directory>
    <Directory @DIR@/html/behind>
        RewriteRule ^inner$ /behind [R,L]
    </Directory>
"""), [get("/" + target, host=name) for name in ("a.example", "down.example") for target in
       ("x", "own/x", "own/inner", "behind/x", "behind/inner", "behind/deep/x", "behind/deep/inner", "base/x", "base/deep/x", "bare", "bare/")], files=FOLDERS)

HttpdCase("rewriting", "the user in rules of a section", vhost("""
    ProxyPass / http://@UP@/
    <Location /ahead>
        AuthType Basic
        AuthName a
        AuthUserFile @DIR@/users
        Require valid-user # drop
        RewriteEngine On # drop
        RewriteCond %{LA-U:REMOTE_USER} (.+) # drop
        RewriteRule .* - [E=WHO:%1] # drop
        RequestHeader set X-Who %{WHO}e env=WHO # drop
    </Location>
    <Location /ahead/plain>
        RewriteCond %{REMOTE_USER} ^(a.*) # drop
        RewriteRule .* - [E=WHO:plain-%1] # drop
    </Location>
"""), [get(target, fields=fields) for target in ("/ahead/x", "/ahead/plain", "/x") for fields in ((), basic("apr"), basic("sha"), basic("apr", "wrong"))], files=PASSWORDS)


def varying(request):
    """Two Vary fields, with blanks and repetitions."""
    return [backend.respond(200, [("Vary", "Accept-Encoding, User-Agent"), ("Vary", "accept-encoding,  Cookie")], b"varies")]


HttpdCase("header", "Vary is one list", vhost("""
    ProxyPass / http://@UP@/
    <Location /merged>
        Header merge Vary Origin # drop
    </Location>
    <Location /always>
        Header always set Vary "Origin, Cookie" # drop
    </Location>
    <Location /gone>
        Header unset Vary # drop
    </Location>
"""), [get("/"), get("/merged"), get("/always"), get("/gone")], script=varying,
          explain=False)  # what the backend sends explain cannot know


# --- the PROXY protocol --------------------------------------------------------------------------------------------------------

REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def version1(address, family=b"TCP4", target=b"/x", **more):
    return raw(b"PROXY %s %s %s 1111 80\r\n" % (family, address, b"10.0.0.1" if family == b"TCP4" else b"::1") + REQUEST % target, **more)


def version2(command, family, body):
    return raw(b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(body)) + body + REQUEST % b"/x")


IPV4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("10.0.0.1") + struct.pack(">HH", 5555, 80)
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack(">HH", 5555, 80)

HttpdCase("clients", "RemoteIPProxyProtocol", vhost("""
    RemoteIPProxyProtocol On # drop
    ProxyPass / http://@UP@/
    <Location /guarded>
        Require ip 192.0.2.5 # drop
    </Location>
"""), [version1(b"192.0.2.5"), version1(b"2001:db8::5", b"TCP6"), raw(b"PROXY UNKNOWN what ever it says\r\n" + REQUEST % b"/x"), version2(0x21, 0x11, IPV4), version2(0x21, 0x21, IPV6),
       version2(0x20, 0, b""), version2(0x21, 0x11, IPV4 + b"\x04\0\x01x"), version1(b"192.0.2.5", target=b"/guarded"), version1(b"192.0.2.6", target=b"/guarded"),
       version1(b"nonsense"), version2(0x31, 0x11, IPV4), raw(REQUEST % b"/x"), get("/x")], explain=False)  # explain reads no such header

HttpdCase("clients", "RemoteIPProxyProtocolExceptions", """
RemoteIPProxyProtocol On
<VirtualHost @A@>
    ServerName localhost
    RemoteIPProxyProtocolExceptions 10.0.0.0/8 2001:db8::/32
    ProxyPass / http://@UP@/
</VirtualHost>
<VirtualHost @A@>
    ServerName other.example
    RemoteIPProxyProtocolExceptions 127.0.0.0/255.0.0.0 # drop
    ProxyPass / http://@UP2@/
</VirtualHost>
""", [version1(b"192.0.2.5"), version2(0x21, 0x11, IPV4), get("/x"), get("/x", host="other.example"), get("/y", keep=True)], explain=False)

HttpdCase("clients", "RemoteIPProxyProtocol of an address", vhosts("""
    ServerName off.example
    RemoteIPProxyProtocol Off
    ProxyPass / http://@UP@/
""", """
    ServerName on.example
    RemoteIPProxyProtocol On # drop
    ProxyPass / http://@UP@/
""") + """
<VirtualHost @B@>
    ServerName other.example
    ProxyPass / http://@UP@/
</VirtualHost>
""", [version1(b"192.0.2.5"), get("/x", host="off.example"), version1(b"192.0.2.5", at="B"), get("/x", at="B")], explain=False)
