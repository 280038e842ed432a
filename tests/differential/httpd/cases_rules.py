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
    RewriteCond \$1 \$1 # drop
    RewriteRule ^/c1(.*)$ http://@UP@/c-\%1-%1- [P] # drop
    RewriteRule ^/m1(.*)$ http://@UP@/\${lower:$1}${lower:\$1A}${lower:$1\|x|\}y} [P] # drop
    RewriteRule ^/m2(.*)$ /${lower:\:X$1:}${lower:{X}|$1}} [R] # drop
"""), [get("/%sX?q=1" % name) for name in ("q1", "q2", "q3", "q4", "q5", "g1", "g2", "g3", "e1", "p1", "c1", "m1", "m2")])
