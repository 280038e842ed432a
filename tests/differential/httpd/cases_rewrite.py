# SPDX-License-Identifier: BSD-2-Clause
"""mod_rewrite, conditions, expressions, environment variables, Header and RequestHeader."""

from judge import HttpdCase, backend, get, harness, head, post, upgrade, vhost, vhosts

PAGES = {"html/index.html": "<p>index</p>\n", "html/a.txt": "a text\n", "html/sub/page.html": "page\n", "html/sub/index.html": "sub index\n", "html/front.php.html": "front\n", "maps/txt.map": "# a map\none first\ntwo second # comment\nthree  /third/place\n",
         "maps/rnd.map": "pick only|only\n"}

HttpdCase("rewrite", "flags of RewriteRule", vhost("""
    DocumentRoot @DIR@/html
    RewriteEngine On # drop
    RewriteRule ^/r302$ /target [R] # drop
    RewriteRule ^/r301/(.*)$ https://e.example/$1 [R=301,L] # drop
    RewriteRule ^/perm$ /p [R=permanent] # drop
    RewriteRule ^/see$ /p [R=seeother,L] # drop
    RewriteRule ^/r308$ /p [R=308,L] # drop
    RewriteRule ^/r404$ - [R=404] # drop
    RewriteRule ^/abs$ http://e.example/implicit # drop
    RewriteRule ^/self$ http://localhost/a.txt # drop
    RewriteRule ^/gone$ - [G] # drop
    RewriteRule ^/forbidden - [F] # drop
    RewriteRule ^/CASE$ /a.txt [NC] # drop
    RewriteRule ^/qsa/(.*)$ /q/$1?added=1 [QSA,R,L] # drop
    RewriteRule ^/qsd/(.*)$ /q/$1 [QSD,R,L] # drop
    RewriteRule ^/qsl/(.*)$ /q/a?b=$1?c [QSL,R,L] # drop
    RewriteRule ^/noq$ /q? [R,L] # drop
    RewriteRule ^/q2/(.*)$ /q?x=$1 [R,L] # drop
    RewriteRule ^/ne/(.*)$ /e#$1%20 [NE,R,L] # drop
    RewriteRule ^/esc/(.*)$ /e#$1%20 [R,L] # drop
    RewriteRule ^/b/(.*)$ /q?x=$1 [B,R,L] # drop
    RewriteRule ^/bnp/(.*)$ /q?x=$1 [B,BNP,R,L] # drop
    RewriteRule ^/chain1$ /step [C] # drop
    RewriteRule ^/step$ /a.txt # drop
    RewriteRule ^/nochain$ /x [C]
    RewriteRule ^/never$ /y [C]
    RewriteRule ^/x$ /z
    RewriteRule ^/skip$ - [S=1] # drop
    RewriteRule ^/skip$ /sub/page.html
    RewriteRule ^/next/(.*)a(.*)$ /next/$1b$2 [N] # drop
    RewriteRule ^/next/(b+)$ /found?$1 [R,L] # drop
    RewriteRule ^/last$ /a.txt [L] # drop
    RewriteRule ^/end$ /a.txt [END] # drop
    RewriteRule ^/a\\.txt$ /sub/page.html # drop
    RewriteRule ^/env - [E=SEEN:yes,E=WHO:$0] # drop
    RewriteRule ^/cookie$ - [CO=name:value:.e.example:60:/path:secure:httponly] # drop
    RewriteRule ^/env/proxy$ http://@UP@/env [P] # drop
    RewriteRule ^/proxy/(.*)$ http://@UP@/rewritten/$1 [P,QSA] # drop
    RewriteRule ^/pt$ /aliased/a.txt [PT] # drop
    RewriteRule !^(http|/(next|found|q|e|t|p|sub|none|html|aliased|index|step|case|skip|x|z|a|w|$)) /sub/page.html # drop
    Alias /aliased @DIR@/html
    RequestHeader set X-Seen "%{SEEN}e %{WHO}e" env=SEEN # drop
"""), [get(uri) for uri in ("/r302", "/r302?x=y", "/r301/a%20b?q=1", "/perm", "/see", "/r308", "/r404", "/abs?x=y", "/self", "/gone", "/forbidden/x", "/case", "/qsa/x?own=2", "/qsd/x?own=2", "/qsl/x", "/noq?x=y", "/q2/a%26b%20c", "/q2/a?z", "/ne/frag", "/esc/frag",
                           "/b/a%20b%26c%2Bd", "/b/%C3%A9", "/bnp/a%20b", "/chain1", "/nochain", "/never", "/skip", "/next/aab", "/last", "/end", "/env/proxy", "/cookie", "/proxy/x?y=z", "/proxy/a%20b", "/proxy/a%3Fb", "/pt", "/other/thing", "/", "/none", "/step", "/r301/%2e%2e/x", "/R302")]
          + [head("/r302"), post("/r301/x"), get("/self", host="localhost:81"), get("/r302", host="name.example:81"), get("/r302", version="1.0", host=None)], files=PAGES, differs=["lifetime of a cookie"])

HttpdCase("rewrite", "conditions", vhost("""
    DocumentRoot @DIR@/html
    RewriteEngine On
    RewriteCond %{HTTP_HOST} ^www\\.(.+)$ [NC] # drop
    RewriteRule ^ http://%1%{REQUEST_URI} [R=301,L] # drop
    RewriteCond %{HTTPS} !=on
    RewriteCond %{REQUEST_URI} ^/secure # drop
    RewriteRule ^/?(.*) https://%{SERVER_NAME}/$1 [R,L]
    RewriteCond %{REQUEST_METHOD} =POST [OR] # drop
    RewriteCond %{REQUEST_METHOD} =DELETE
    RewriteRule ^/method - [F] # drop
    RewriteCond %{QUERY_STRING} (^|&)id=(\\d+)(&|$) # drop
    RewriteRule ^/id$ /item/%2? [R,L] # drop
    RewriteCond %{HTTP:X-Custom} ^(a|b)$ [NC] # drop
    RewriteRule ^/custom$ /custom/%1 [R,L] # drop
    RewriteCond %{HTTP_USER_AGENT} bot [NC,OR] # drop
    RewriteCond %{HTTP_REFERER} ^http://bad
    RewriteRule ^/agent - [F,L] # drop
    RewriteCond %{REMOTE_ADDR} ^127\\.0\\.0\\.1$
    RewriteCond $1 >m # drop
    RewriteRule ^/cmp/(\\w+)$ /greater/$1 [R,L] # drop
    RewriteCond $1 -gt10 # drop
    RewriteRule ^/num/(\\d+)$ /big/$1 [R,L] # drop
    RewriteCond $1 <=b # drop
    RewriteRule ^/le/(\\w+)$ /small [R,L]
    RewriteCond %{HTTP_COOKIE} (?:^|;\\s*)lang=(\\w+) # drop
    RewriteRule ^/lang$ /%1/lang [R,L]
    RewriteCond %{THE_REQUEST} "^GET /the\\?raw%20" # drop
    RewriteRule ^/the$ /the-request [R,L]
    RewriteCond %{SERVER_PORT}/%{SERVER_PROTOCOL}/%{REQUEST_SCHEME} "^\\d+/HTTP/1\\.[01]/http$"
    RewriteRule ^/server$ /%{SERVER_NAME}/%{HTTP_ACCEPT} [R,L]
    RewriteCond %{DOCUMENT_ROOT}/%{REQUEST_URI} -f # drop
    RewriteRule ^/(a\\.txt|nofile)$ /exists [R,L]
    RewriteCond @DIR@/html%{REQUEST_URI} !-d # drop
    RewriteCond @DIR@/html%{REQUEST_URI} !-f # drop
    RewriteRule ^/(index\\.html|sub|missing)$ /front?p=$1 [R,L] # drop
    RewriteCond expr "%{HTTP:X-Expr} == 'yes' && %{QUERY_STRING} =~ /z/" # drop
    RewriteRule ^/expr$ /expr-matched [R,L]
    RewriteCond %{ENV:FLAG} =1 # drop
    RewriteRule ^/flag$ /flagged [R,L]
    RewriteCond %{HTTP_HOST}<>%{HTTP:Origin} !^(.*)<>http://\\1$ # drop
    RewriteRule ^/origin$ /foreign [R,L] # drop
    RewriteCond %{HTTP:X-Never} =never [OR]
    RewriteRule ^/trailing-or$ /or [R,L] # drop
    SetEnvIf X-Flag ^1$ FLAG=1 # drop
    ProxyPass / http://@UP@/ # drop
"""), [get("/x", host="www.name.example"), get("/p?q=r", host="WWW.name.example:81"), get("/secure/x"), post("/method"), get("/method"), get("/method", method="DELETE"), get("/id?id=5"), get("/id?a=b&id=7&c=d"), get("/id?xid=5"), get("/custom", fields=[("X-Custom", "B")]), get("/custom"),
       get("/agent", fields=[("User-Agent", "MyBot/1")]), get("/agent", fields=[("Referer", "http://bad/x")]), get("/agent"), get("/cmp/z"), get("/cmp/a"), get("/cmp/apple"), get("/num/11"), get("/num/9"), get("/num/10"), get("/le/b"), get("/le/c"), get("/le/a"), get("/le/aa"), get("/lang", fields=[("Cookie", "a=b; lang=de")]),
       get("/lang", fields=[("Cookie", "xlang=de")]), get("/the?raw%20x"), get("/the?raw"), get("/server", fields=[("Accept", "x")]), get("/a.txt"), get("/nofile"), get("/index.html"), get("/sub"), get("/missing"), get("/expr?z", fields=[("X-Expr", "yes")]), get("/expr?y", fields=[("X-Expr", "yes")]), get("/flag", fields=[("X-Flag", "1")]),
       get("/flag"), get("/origin", fields=[("Origin", "http://evil")]), get("/origin", fields=[("Origin", "http://localhost")]), get("/other"), get("/trailing-or")], files=PAGES)

HttpdCase("rewrite", "rules in sections and the classic recipes", vhosts("""
    ServerName loc
    RewriteEngine On
    <Location /app> # drop
        RewriteEngine On
        RewriteRule ^.*$ http://@UP@/per-location [P]
    </Location>
    <Directory @DIR@/html>
        RewriteEngine On
        RewriteBase / # drop
        RewriteRule ^dir-(.*)$ /sub/page.html?x=$1 [L] # drop
        RewriteRule ^moved$ away [R=302,L] # drop
        RewriteCond %{REQUEST_FILENAME} !-f # drop
        RewriteCond %{REQUEST_FILENAME} !-d
        RewriteRule . /front.php.html [L] # drop
    </Directory>
    DocumentRoot @DIR@/html""", """
    ServerName https
    RewriteEngine On
    RewriteCond %{HTTPS} off
    RewriteRule (.*) https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L] # drop""", """
    ServerName certbot
    RewriteEngine on
    RewriteCond %{SERVER_NAME} =certbot [OR] # drop
    RewriteCond %{SERVER_NAME} =www.certbot
    RewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [END,NE,R=permanent] # drop""", """
    ServerName letsencrypt
    RewriteEngine On
    RewriteCond %{REQUEST_URI} !^/\\.well-known/ # drop
    RewriteRule ^/(.*) https://e.example/$1 [R,L]
    Alias /.well-known @DIR@/html""", """
    ServerName off
    RewriteRule ^/x /never [R]
    ProxyPass / http://@UP@/""", """
    ServerName options
    RewriteEngine On
    RewriteOptions AllowNoSlash
    RewriteRule ^/(.+)/$ /$1 [R=301,L] # drop
    ProxyPass / http://@UP@/"""), [get(uri, host=host) for host, uris in (("loc", ("/app", "/app/x?y", "/dir-a", "/moved", "/a.txt", "/sub/", "/anything", "/")), ("https", ("/", "/a%20b?x=y", "/a%3Fb")), ("certbot", ("/", "/a%20b?x=%20", "/a'b")), ("letsencrypt", ("/x", "/.well-known/a.txt", "/")),
                                                                         ("off", ("/x",)), ("options", ("/x/", "/x/y/?z", "/x"))) for uri in uris], files=PAGES)

HttpdCase("rewrite", "RewriteMap", vhost("""
    RewriteEngine On
    RewriteMap txt txt:@DIR@/maps/txt.map # drop
    RewriteMap rnd rnd:@DIR@/maps/rnd.map # drop
    RewriteMap lower int:tolower # drop
    RewriteMap upper int:toupper # drop
    RewriteMap esc int:escape # drop
    RewriteMap unesc int:unescape # drop
    RewriteRule ^/txt/(.*)$ /${txt:$1|default-$1} [R,L] # drop
    RewriteRule ^/rnd/(.*)$ /${rnd:$1} [R,L]
    RewriteRule ^/lower/(.*)$ /l/${lower:$1} [R,L] # drop
    RewriteRule ^/upper/(.*)$ /u/${upper:$1|x} [R,L] # drop
    RewriteRule ^/esc/(.*)$ /e/${esc:$1} [R,L,NE] # drop
    RewriteRule ^/unesc/(.*)$ /e/${unesc:$1} [R,L]
    RewriteCond ${txt:%{QUERY_STRING}|NO} !=NO # drop
    RewriteRule ^/cond$ /in-map [R,L] # drop
    RewriteCond ${lower:%{HTTP_HOST}} ^upper\\.(.+)$ # drop
    RewriteRule ^/host$ /h/%1 [R,L]
"""), [get(uri) for uri in ("/txt/one", "/txt/two", "/txt/three", "/txt/none", "/txt/ONE", "/rnd/pick", "/rnd/none", "/lower/AbC", "/upper/abc", "/esc/a%20b%2541", "/unesc/a%2541", "/cond?one", "/cond?nine")] + [get("/host", host="UPPER.Example")], files=PAGES)

HttpdCase("expr", "If, expressions and the environment", vhost("""
    ProxyPass / http://@UP@/
    SetEnvIf User-Agent "bot" is_bot=1 !other # drop
    SetEnvIfNoCase X-Case "^abc$" cased # drop
    BrowserMatch "Safari/([0-9]+)" safari=$1 # drop
    BrowserMatchNoCase chrome chrome # drop
    SetEnvIf Request_URI "\\.gif$" image # drop
    SetEnvIf Remote_Addr "^127\\." local=yes # drop
    SetEnvIf Request_Method POST posting # drop
    SetEnvIf is_bot 1 chained # drop
    SetEnvIfExpr "%{QUERY_STRING} =~ /expr=([a-z]+)/" byexpr=$1 # drop
    SetEnv fixed value # drop
    SetEnv gone value
    UnsetEnv gone # drop
    PassEnv NOT_THERE
    RequestHeader set X-Env "%{is_bot}e|%{cased}e|%{safari}e|%{image}e|%{local}e|%{posting}e|%{chained}e|%{byexpr}e|%{fixed}e|%{gone}e|%{chrome}e" # drop
    <If "%{HTTP:X-If} == 'one' && %{REQUEST_METHOD} != 'POST'"> # drop
        RequestHeader set X-Branch one
    </If>
    <ElseIf "-T osenv('NO_SUCH_VARIABLE') || %{HTTP:X-If} in {'two', 'three'}"> # drop
        RequestHeader set X-Branch two
    </ElseIf>
    <Else> # drop
        RequestHeader set X-Branch else
    </Else>
    <If "-R '127.0.0.0/8'"> # drop
        RequestHeader set X-Local yes
    </If>
    <If "%{HTTP_USER_AGENT} -strmatch '*Test*' || req('X-Num') -gt 5 || ! -n %{HTTP:X-Need}"> # drop
        Header set X-Ops yes
    </If>
    <If "tolower(req('X-Low')) == 'abc' and %{HTTP:X-Low} =~ m#^A(.*)$#i"> # drop
        Header set X-Low "matched"
    </If>
"""), [get("/x"), get("/a.gif"), post("/x"), get("/x?expr=abc"), get("/x", fields=[("User-Agent", "a bot")]), get("/x", fields=[("X-Case", "ABC")]), get("/x", fields=[("User-Agent", "Safari/537 Chrome")]), get("/x", fields=[("X-If", "one")]), post("/x", fields=[("X-If", "one")]),
       get("/x", fields=[("X-If", "two")]), get("/x", fields=[("X-If", "three"), ("X-Need", "1")]), get("/x", fields=[("X-Need", "1")]), get("/x", fields=[("X-Need", "1"), ("X-Num", "6")]), get("/x", fields=[("X-Need", "1"), ("X-Num", "5")]), get("/x", fields=[("X-Need", "1"), ("User-Agent", "my Test x")]),
       get("/x", fields=[("X-Low", "ABC")]), get("/x", fields=[("X-Low", "BBC")])])

FROM_BACKEND = [("X-From", "backend"), ("X-Twice", "one"), ("X-Twice", "two"), ("Server", "upstream/1"), ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-Powered-By", "PHP"), ("Content-Type", "text/html"), ("X-Edit", "aba aba"), ("X-Empty", "")]


def with_fields(request):
    what = request.target.rpartition("/")[2]
    status = int(what) if what.isdigit() else 200
    return [backend.respond(status, FROM_BACKEND, b"" if request.method == "HEAD" else b"page", length=request.method != "HEAD")]


HttpdCase("header", "Header, every action and both tables", vhost("""
    ProxyPass / http://@UP@/
    <Location /none>
        ProxyPass !
    </Location>
    Header set X-Set value # drop
    Header set X-From replaced # drop
    Header onsuccess set X-Onsuccess yes # drop
    Header always set X-Always yes # drop
    Header always set X-Powered-By twice # drop
    Header append X-Twice three # drop
    Header append X-New appended # drop
    Header merge X-Twice two # drop
    Header merge X-Merge new # drop
    Header add X-Add first # drop
    Header add X-Add second # drop
    Header unset Server
    Header unset X-Unset-Nothing
    Header always unset X-From
    Header edit X-Edit ^aba(.*)$ "edited$1" # drop
    Header edit* Set-Cookie ([ab])= $1$1= # drop
    Header edit Set-Cookie ^(.*)$ "$1; Secure" # drop
    Header setifempty X-From never
    Header setifempty X-If-Empty made # drop
    Header setifempty X-Empty made
    Header echo ^X-Echo # drop
    Header set X-Cond yes env=COND # drop
    Header set X-Not-Cond yes env=!COND # drop
    Header set X-Expr yes "expr=%{REQUEST_URI} =~ m#^/e#" # drop
    Header set X-Expr-Value "expr=%{REQUEST_METHOD} for %{HTTP_HOST}" # drop
    Header set X-Format "%{COND}e|%{missing}e|%%" # drop
    Header always set Strict-Transport-Security "max-age=63072000; includeSubDomains" # drop
    Header always append X-Frame-Options SAMEORIGIN # drop
    Header set X-Error yes "expr=%{REQUEST_STATUS} >= 400" # drop
    Header always set X-Error-Always yes "expr=%{REQUEST_STATUS} -ge 400" # drop
    SetEnvIf X-Cond (.+) COND=$1 # drop
    <Location /scoped> # drop
        Header set X-Set scoped
        Header always set X-Always scoped
        Header unset X-New
    </Location>
"""), [get(uri) for uri in ("/", "/x/404", "/x/500", "/x/302", "/x/304", "/none/x", "/scoped/x", "/scoped/404", "/e", "/a%00", "/%zz")] + [get("/x", fields=[("X-Cond", "given"), ("X-Echo-Me", "hello"), ("X-Echo-Me", "again")]), head("/x"), post("/x"), get("/x", host="na me"), get("/x", version="1.0")], script=with_fields,
          explain=False)  # what becomes of a backend's own fields (append, setifempty) cannot be told without them

HttpdCase("header", "security headers as published", vhosts("""
    ServerName replaced
    ProxyPass / http://@UP@/
    Header onsuccess unset X-Powered-By # drop
    Header always unset X-Powered-By
    Header onsuccess unset X-From # drop
    Header always set X-From ours # drop
    Header always edit Set-Cookie ^(.*)$ "$1;HttpOnly;Secure"
    Header always set X-Content-Type-Options nosniff # drop
    Header set Access-Control-Allow-Origin "*" # drop
    Header unset ETag
    Header set Cache-Control "max-age=0, no-store" "expr=%{CONTENT_TYPE} =~ m#text/html#" # drop""", """
    ServerName cors
    ProxyPass / http://@UP@/
    SetEnvIf Origin "^https?://(.+\\.)?(e\\.example)$" ORIGIN=$0 # drop
    Header always set Access-Control-Allow-Origin %{ORIGIN}e env=ORIGIN # drop
    Header merge Vary Origin # drop
    RewriteEngine On
    RewriteCond %{REQUEST_METHOD} OPTIONS # drop
    RewriteRule ^(.*)$ $1 [R=200,L] # drop"""), [get("/", host="replaced"), get("/404", host="replaced"), get("/", host="cors"), get("/", host="cors", fields=[("Origin", "https://a.e.example")]), get("/", host="cors", fields=[("Origin", "https://evil.example")]),
                                               get("/", host="cors", method="OPTIONS", fields=[("Origin", "http://e.example")])], script=with_fields, differs=["page of a status"])

HttpdCase("header", "RequestHeader, every action", vhost("""
    ProxyPass / http://@UP@/
    RequestHeader set X-Set value # drop
    RequestHeader set X-Forwarded-Proto "http" # drop
    RequestHeader set X-Forwarded-Port "80" early # drop
    RequestHeader append X-Append more # drop
    RequestHeader merge X-Merge b # drop
    RequestHeader add X-Add new # drop
    RequestHeader unset X-Unset # drop
    RequestHeader unset Accept-Encoding # drop
    RequestHeader edit X-Edit ^(\\w+)-(\\w+)$ $2-$1 # drop
    RequestHeader edit* X-All a b # drop
    RequestHeader setifempty X-Default default # drop
    RequestHeader set X-Host expr=%{HTTP_HOST} # drop
    RequestHeader set X-Addr "%{REMOTE_ADDR}s" # drop
    RequestHeader set X-Scheme expr=%{REQUEST_SCHEME} # drop
    RequestHeader set X-Cond yes env=COND # drop
    RequestHeader set X-Expr yes "expr=%{QUERY_STRING} == 'on'" # drop
    RequestHeader set Host internal.example # drop
    RequestHeader set X-Forwarded-For mine # drop
    RequestHeader set X-Colon: colon # drop
    SetEnvIf X-Cond . COND
"""), [get("/"), get("/?on"), get("/", fields=[("X-Set", "client"), ("X-Append", "has"), ("X-Merge", "a, b"), ("X-Add", "has"), ("X-Unset", "1"), ("Accept-Encoding", "gzip"), ("X-Edit", "one-two"), ("X-All", "aaa"), ("X-Default", ""), ("X-Cond", "1"), ("X-Forwarded-For", "1.1.1.1")]),
       get("/", fields=[("X-Merge", "a"), ("X-Append", "1"), ("X-Append", "2"), ("X-Unset", "1"), ("X-Unset", "2"), ("X-Default", "own"), ("X-Forwarded-Proto", "https"), ("X-Edit", "nothing here")]), get("/", host="name.example:81"), post("/")], files={})
