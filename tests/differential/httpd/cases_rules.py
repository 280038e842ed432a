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
