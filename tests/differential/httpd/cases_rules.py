# SPDX-License-Identifier: BSD-2-Clause
"""Finer points of mod_rewrite: what a rule leaves behind for the phases after it."""

from judge import HttpdCase, get, head, post, vhost

FILES = {"html/a.txt": "a text\n", "html/sub/index.html": "sub index\n", "html/fallen.txt": "fallen\n", "html/inner/a": "never\n", "other/o.txt": "other\n"}

HttpdCase("rules", "R whose URL a later rule makes a path again", vhost("""
    DocumentRoot @DIR@/html
    RewriteEngine On
    RewriteRule ^/file/(.*) http://e.example/file/$1 [R=307] # drop
    RewriteRule ^http://e.example/file/(.*) /$1
    RewriteRule ^/through/(.*) http://e.example/through/$1 [R=308] # drop
    RewriteRule ^http://e.example/through/(.*) /$1 [PT] # drop
    ProxyPass /pass http://@UP@/x # drop
    Redirect 303 /redirect http://e.example/redirect # drop
    Alias /alias @DIR@/other # drop
    ErrorDocument 404 /fallen.txt # drop
    <Location /section>
        RewriteEngine On
        RewriteRule ^ http://e.example/ [R=303] # drop
        RewriteRule ^ /a.txt # drop
    </Location>
    <Directory @DIR@/html/inner>
        RewriteEngine On
        RewriteRule ^a$ /a.txt # drop
    </Directory>
"""), [one(path) for path in ("/file/a.txt", "/through/a.txt", "/through/none") for one in (get, head, post)]
          + [get(path, method="OPTIONS") for path in ("/file/a.txt", "/through/a.txt", "/through/none", "/through/inner/a")]
          + [get(path) for path in ("/file/sub/", "/through/sub", "/through/sub/", "/through/pass/y", "/through/redirect/y", "/through/alias/o.txt", "/through/inner/a", "/section", "/section/x")], files=FILES)

HttpdCase("rules", "backslashes in substitutions and test strings", vhost(r"""
    RewriteEngine On
    RewriteMap lower int:tolower # drop
    RewriteRule ^/q1(.*)$ /b\?x=$1 [R] # drop
    RewriteRule ^/q2(.*)$ http://@UP@/x\?y=$1? [P] # drop
    RewriteRule ^/q3(.*)$ /x\? [R] # drop
    RewriteRule ^/q4(.*)$ http://@UP@/x?y=\?$1 [P,QSL] # drop
    RewriteRule ^/q5(.*)$ /x\\?$1 [R] # drop
    RewriteRule ^/g1(.*)$ /\$1\%{HTTP_HOST}/\\$1 [R] # drop
    RewriteRule ^/g2(.*)$ /$\1%\1$1 [R] # drop
    RewriteRule ^/g3(.*)$ "/x\ a$1\q" [R] # drop
    RewriteRule ^/e1(.*)$ - [E=A:\$1x$1\%{HTTP_HOST}\\\q] # drop
    RewriteRule ^/e1 http://@UP@/%{ENV:A} [P] # drop
    RewriteRule ^/p1(.*)$ /v%20x%2520\%20$1 [R] # drop
    RewriteCond \$1 \$1
    RewriteRule ^/c1(.*)$ http://@UP@/c-\%1-%1- [P] # drop
    RewriteRule ^/m1(.*)$ http://@UP@/\${lower:$1}${lower:\$1A}${lower:$1\|x|\}y} [P] # drop
    RewriteRule ^/m2(.*)$ /${lower:\:X$1:}${lower:{X}|$1}} [R] # drop
"""), [get("/%sX?q=1" % name) for name in ("q1", "q2", "q3", "q4", "q5", "g1", "g2", "g3", "e1", "p1", "c1", "m1", "m2")])

AHEAD = {"html/a.txt": "a text\n", "html/in/b.txt": "b text\n", "html/in/index.html": "in index\n", "html/dir/x.txt": "x\n", "html/locked.txt": "locked\n", "html/private/p.txt": "private\n", "users": "user:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n",
         "other/o.txt": "other\n"}
PASS = [("Authorization", "Basic dXNlcjpwYXNz")]

HttpdCase("rules", "conditions that ask by a subrequest", vhost("""
    DocumentRoot @DIR@/html
    RewriteEngine On
    RewriteCond /%{QUERY_STRING} -U # drop
    RewriteRule ^/url$ http://@UP@/yes [P]
    RewriteRule ^/url$ http://@UP@/no [P]
    RewriteCond %{QUERY_STRING} -U # drop
    RewriteRule ^/in/rel$ http://@UP@/yes [P]
    RewriteRule ^/in/rel$ http://@UP@/no [P]
    RewriteCond @DIR@/html/%{QUERY_STRING} -F # drop
    RewriteRule ^/file$ http://@UP@/yes [P]
    RewriteRule ^/file$ http://@UP@/no [P]
    RewriteCond expr "-A '/closed' || -F '@DIR@/html/locked.txt'" # drop
    RewriteRule ^/expr$ http://@UP@/never [P]
    RewriteCond expr "-U %{QUERY_STRING}" # drop
    RewriteRule ^/expr$ http://@UP@/yes [P]
    RewriteRule ^/forbidden - [F] # drop
    RewriteRule ^/through(.*) /in$1 [PT]
    Redirect /moved http://e.example/
    ProxyPass /passed http://@UP@/p
    Alias /alias @DIR@/other
    <Location /closed>
        Require all denied # drop
    </Location>
    <Files locked*>
        Require all denied # drop
    </Files>
    <Directory @DIR@/other>
        Require all denied
    </Directory>
    <Directory @DIR@/html/dir>
        RewriteEngine On
        RewriteRule ^moved http://e.example/ [R]
    </Directory>
"""), [get("/url?" + what) for what in ("a.txt", "none", "closed", "closed/x", "in", "in/", "dir/", "moved", "passed/x", "forbidden", "through", "alias/o.txt", "%zz", "%2561.txt", "a%00", "../..", "a.txt?closed", "url", "dir/moved", "locked.txt", "locked.txt/x")]
          + [get("/in/rel?" + what) for what in ("b.txt", "../closed", "")] + [get("/expr?" + what) for what in ("/a.txt", "/closed", "")]
          + [get("/file?" + what) for what in ("a.txt", "none", "a.txt/more", "none/more", "in", "in/", "in/../a.txt", "../../../../../../../../../..", "../other/o.txt", "locked.txt", "locked.none", "dir/moved")], files=AHEAD)

HttpdCase("rules", "look-aheads", vhost("""
    DocumentRoot @DIR@/html
    RewriteEngine On
    RewriteRule ^/renamed(/.*) $1 # drop
    RewriteCond %{LA-U:REQUEST_FILENAME}|%{LA-F:REQUEST_FILENAME}|%{LA-U:REQUEST_URI}|%{LA-F:REQUEST_URI}|%{LA-U:PATH_INFO}|%{LA-U:QUERY_STRING}|%{LA-U:IS_SUBREQ} (.*)
    RewriteRule ^ - [E=AHEAD:%1] # drop
    RewriteCond %{LA-U:REMOTE_USER} (.+) # drop
    RewriteRule ^/private - [E=WHO:%1] # drop
    RewriteCond %{LA-U:REQUEST_FILENAME} !-f # drop
    RewriteCond %{LA-U:REQUEST_FILENAME} !-d # drop
    RewriteRule ^/front/(.*) http://@UP@/front/$1 [P,NS] # drop
    RewriteRule ^/sent http://@UP@/sent [P] # drop
    RewriteRule ^/through(.*) /in$1 [PT]
    Header always set X-Ahead %{AHEAD}e # drop
    Header always set X-Who %{WHO}e # drop
    Alias /front @DIR@/html
    Alias /base @DIR@/other
    ProxyPass /passed http://@UP@/p
    <Directory @DIR@/html/private>
        AuthType Basic
        AuthName a
        AuthUserFile @DIR@/users
        Require valid-user
    </Directory>
    <Directory @DIR@/html/dir>
        RewriteEngine On
        RewriteRule ^moved /a.txt # drop
        RewriteCond %{LA-U:REQUEST_FILENAME}|%{LA-F:REQUEST_FILENAME}|%{LA-U:REQUEST_URI}|%{LA-F:REQUEST_URI}|%{LA-F:PATH_INFO} (.*)
        RewriteRule ^ - [E=AHEAD:%1] # drop
    </Directory>
    <Directory @DIR@/other>
        RewriteEngine On
        RewriteBase /base # drop
        RewriteCond %{LA-U:REQUEST_FILENAME}|%{LA-F:REQUEST_FILENAME}|%{LA-U:REQUEST_URI} (.*)
        RewriteRule ^ - [E=AHEAD:%1] # drop
    </Directory>
    <Location /section>
        RewriteEngine On
        RewriteCond %{LA-U:REQUEST_FILENAME}|%{LA-F:REQUEST_FILENAME}|%{LA-U:REQUEST_URI} (.*)
        RewriteRule ^ - [E=AHEAD:%1] # drop
    </Location>
"""), [get(path) for path in ("/a.txt", "/a.txt/more", "/none?q", "/in", "/in/", "/renamed/a.txt", "/renamed/none", "/b%2561", "/front/a.txt", "/front/in", "/front/none", "/sent", "/through/b.txt", "/passed/x", "/private/p.txt", "/dir/x.txt", "/dir/moved", "/dir/none/x",
                              "/base/o.txt", "/base/none", "/section", "/section/x")] + [get("/private/p.txt", fields=PASS), get("/private", fields=PASS), get("/private/", fields=PASS)], files=AHEAD)

HttpdCase("rules", "rules in sections that have no path", vhost("""
    DocumentRoot @DIR@/html
    RewriteEngine On
    <If "%{QUERY_STRING} =~ /base/">
        RewriteEngine On
        RewriteBase /in # drop
        RewriteRule ^(.*)r$ /s?r=$0 [R=308,L] # drop
        RewriteRule /x$ b.txt # drop
        RewriteRule /y$ /a.txt # drop
        RewriteRule /z$ b.txt [R] # drop
        RewriteRule /p$ http://@UP@/q?$0 [P] # drop
        RewriteRule ^index - [F]
    </If>
    <If "%{QUERY_STRING} =~ /none/">
        RewriteEngine On
        RewriteRule /x$ b.txt # drop
        RewriteRule /z$ b.txt [R] # drop
    </If>
    <Files none>
        RewriteEngine On
        RewriteRule (.*) /b?$1 [R] # drop
    </Files>
    <Files x.txt>
        RewriteEngine On
        RewriteRule x.txt$ b # drop
    </Files>
"""), [get(path + "?base") for path in ("/ar", "/r", "/x", "/in/x", "/y", "/z", "/in/z", "/p", "/in/")] + [get(path + "?none") for path in ("/x", "/z", "/in/z")] + [get("/none"), get("/dir/x.txt")], files=AHEAD)

HttpdCase("rules", "where rules of sections lead", vhost("""
    DocumentRoot @DIR@/html
    AllowEncodedSlashes NoDecode
    ErrorDocument 410 /shown/x%2561?y#z # drop
    RewriteEngine On
    RewriteRule ^/shown/(.*) http://@UP@/shown [P,E=SHOWN:$1,NE]
    RewriteRule ^/both http://@UP@/both [P,NE]
    RewriteRule ^/gone - [G] # drop
    <Directory @DIR@/html>
        RewriteEngine On
        RewriteRule ^again/(.*) /shown/$1 [L] # drop
        RewriteRule ^in$ /a.txt
        RewriteRule ^in/$ /a.txt # drop
        RewriteRule ^dir$ http://@UP@/dir [P]
        RewriteRule ^dir/$ http://@UP@/dir/ [P] # drop
        RewriteRule ^sub/$ http://@UP@/sub/ [P]
        RewriteRule ^none http://@UP@/none [P] # drop
    </Directory>
    <Location /both/q>
        RewriteRule (.*) /path$1 # drop
    </Location>
    Header always set X-Shown %{SHOWN}e # drop
"""), [get("/again/" + path) for path in ("a", "a%2561", "a//b", "a%25%32%46b", "a/%2e%2e/%252e%252e/b", "%25zz", "x%253Fy", "x%23y", "x%3Fy?z", "%2F/x", "a%2500", "a?q%23=1", "../b")]
          + [get(path, method=method) for path in ("/in", "/in/", "/dir", "/dir/", "/sub", "/sub/", "/none") for method in ("GET", "HEAD", "POST", "OPTIONS")] + [get(path) for path in ("/gone", "/both/q?a", "/both/q", "/none?a")],
          files=dict(FILES, **{"html/in/index.html": "in index\n", "html/dir/x.txt": "x\n"}))

HttpdCase("rules", "rules on the way to an ErrorDocument", vhost("""
    DocumentRoot @DIR@/html
    ErrorDocument 403 /a.txt # drop
    ErrorDocument 404 /forbidden # drop
    ErrorDocument 405 /moved # drop
    ErrorDocument 406 /in/section # drop
    ErrorDocument 407 /redirect
    RewriteEngine On
    RewriteRule ^/forbidden - [F] # drop
    RewriteRule ^/r405 - [R=405] # drop
    RewriteRule ^/r406 - [R=406] # drop
    RewriteRule ^/r407 - [R=407] # drop
    RewriteRule ^/moved http://e.example/moved [R] # drop
    Redirect 301 /redirect http://e.example/redirect
    <Location /in>
        RewriteRule ^ http://e.example/in [R=307] # drop
    </Location>
"""), [get(path) for path in ("/none", "/forbidden", "/r405", "/r406", "/r407", "/in", "/moved")] + [head("/none"), post("/forbidden")], files=FILES)

HttpdCase("rules", "RewriteBase where every path is the section's", vhost("""
    DocumentRoot @DIR@/html
    RewriteEngine On
    <Location />
        RewriteBase /in # drop
        RewriteRule ^(.*)w$ /a/$1 [R] # drop
        RewriteRule ^(.*)v$ b.txt # drop
    </Location>
"""), [get("/" + path) for path in ("w", "in/w", "v", "in/v", "in/b.txt")], files=AHEAD)
