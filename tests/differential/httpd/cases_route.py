# SPDX-License-Identifier: BSD-2-Clause
"""Which rule answers: ProxyPass in its order, ProxyPassMatch, Location, Redirect, Alias, DocumentRoot and Directory."""

import re

import harness
from judge import HttpdCase, backend, get, head, post, raw, vhost, vhosts

PAGES = {"html/index.html": "<p>index</p>\n", "html/a.txt": "0123456789", "html/b.css": "b{}", "html/sub/index.html": "sub index\n", "html/sub/page.html": "page\n", "html/x/y.txt": "x y\n",
         "other/a.txt": "other a\n", "other/index.html": "other index\n", "other/deep/z.txt": "deep z\n", "html/empty/only.txt": "only\n", "html/with space.txt": "space\n", "html/errors/404.html": "<p>own 404</p>\n"}

HttpdCase("route", "ProxyPass in file order", vhost("""
    ProxyPass /no/yes http://@UP2@/yes # drop
    ProxyPass /no ! # drop
    ProxyPass /a http://@UP@/first # drop
    ProxyPass /a/b http://@UP2@/never
    ProxyPass /c/d http://@UP2@/deep # drop
    ProxyPass /c http://@UP2@/c # drop
    ProxyPass /Case http://@UP2@/case # drop
    ProxyPass / http://@UP@/base2/ # drop
"""), [get(uri) for uri in ("/", "/a", "/a/", "/a/b", "/a/b/c?x=y", "/ab", "/c", "/c/", "/c/d", "/c/d/e", "/c/dd", "/no", "/no/", "/no/x", "/no/yes", "/no/yes/z", "/nothing", "/Case/x", "/case/x", "/?q", "/a?", "/a?b?c")]
          + [post("/a/x"), head("/a/x"), get("/a", method="DELETE"), get("/a/x", version="1.0"), get("/a/x", host="other.example:99")])

HttpdCase("route", "textual mapping", vhost("""
    ProxyPass /nn http://@UP@/n # drop
    ProxyPass /ns http://@UP@/m/ # drop
    ProxyPass /sn/ http://@UP@/m2 # drop
    ProxyPass /ss/ http://@UP@/s/ # drop
    ProxyPass /bare http://@UP@ # drop
    ProxyPass /full http://@UP@/full # drop
    ProxyPass /q http://@UP@/q?fixed=1 # drop
"""), [get(uri) for uri in ("/nn", "/nn/", "/nn/x", "/nnx", "/ns", "/ns/", "/ns/x", "/nsx", "/sn", "/sn/", "/sn/x", "/ss", "/ss/", "/ss/x/y/", "/bare", "/bare/", "/bare/x?y", "/barex", "/full/z", "/fullz", "/q", "/q/x", "/q?own=2")])

ODD = ("//x", "/a//b", "/a/./b", "/a/../b", "/./x", "/x/..", "/x/.", "/%41%42", "/a%20b", "/%7Euser", "/a%2Fb", "/a%2fb", "/a%5Cb", "/a%00b", "/%zz", "/a%", "/a%2", "/../x", "/a/../../x", "/%2e%2e/x", "/a/%2e%2e/b", "/%C3%A9", "/%e4",
       "/a;b=c", "/a,b", "/a:b", "/a@b", "/a=b", "/a&b", "/a+b", "/a!b", "/a$b", "/a'b", "/a(b)", "/a*b", "/a~b", "/a%3Fb", "/a%23b", "/a%25b", "/a%3Bb", "/a%22b", "/a%3Cb", "/a%7Cb", "/a%5E", "/a%60", "/a%7B%7D", "/a%5B%5D",
       "/x?a%20b", "/x?a%2Fb=%zz", "/x?%C3%A9", "/x?a//b/../c", "/x?", "/x??", "/a.", "/a..", "/...", "/.a", "/a/...")

HttpdCase("route", "paths are normalised", vhost("    ProxyPass / http://@UP@/ # drop"), [get(uri) for uri in ODD]
          + [raw(("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % target).encode("latin-1")) for target in ("/a\\b", "/\xe4", "/a\"b", "/a<b>", "/a|b", "/a^b", "/a`b", "/{x}", "/[x]", "http://localhost/abs", "http://localhost",
                                                                                                 "http://other.example/abs?x=y", "/x#frag", "/x?a\\b", "/x?\xe4", "/x?a|b")]
          + [get("*", method="OPTIONS"), get("/x", method="TRACE"), get("localhost:80", method="CONNECT")], differs=["targets without a path", "raw bytes"])

HttpdCase("route", "nocanon and encoded slashes", vhosts("""
    ServerName on
    AllowEncodedSlashes On # drop
    ProxyPass / http://@UP@/""", """
    ServerName nodecode
    AllowEncodedSlashes NoDecode # drop
    ProxyPass / http://@UP@/""", """
    ServerName canon
    ProxyPass /raw http://@UP@/r nocanon # drop
    ProxyPass / http://@UP@/""", """
    ServerName both
    AllowEncodedSlashes NoDecode # drop
    ProxyPass / http://@UP@/ nocanon # drop""", """
    ServerName slashes
    MergeSlashes Off # drop
    ProxyPass /a http://@UP@/merged # drop
    ProxyPass / http://@UP@/"""), [get(uri, host=host) for host, uris in (
        ("on", ("/a%2Fb", "/a%2fb%20c", "/a%252Fb", "/a%25b", "/a%2541", "/x/a%2F..%2Fb", "/x/a%252F..%252Fb")), ("nodecode", ("/a%2Fb", "/a%2fb%20c", "/a%252Fb", "/a%41", "/a%25b", "/a%2541", "/a%25252F", "/a%25%32%46", "/a%25zz", "/a%252f", "/a%25", "/a%2F..%2Fb", "/a%252F..%252Fb", "/a%2e%2e%2Fb")),
        ("canon", ("/raw/%41%20b", "/raw//x/./y", "/raw/a;b=c%7E", "/raw/a%2Fb", "/plain/%41%20b", "/raw", "/raw?x%20")), ("both", ("/a%2Fb", "/%41%7e//x", "/a/../b", "/a%252Fb", "/a%25b")),
        ("slashes", ("//a/x", "/a//x", "/x//y", "/a/x"))) for uri in uris])

HttpdCase("route", "Location and several slashes", vhosts("""
    ServerName off
    MergeSlashes Off # drop
    ProxyPass / http://@UP@/
    <Location /private/b> # drop
        Require all denied
    </Location>
    <Location /p?tt*/b> # drop
        Require all denied
    </Location>
    <LocationMatch ^/match/b> # drop
        Require all denied
    </LocationMatch>
    <Location /never//b>
        Require all denied
    </Location>
    <Location /cl[^a]ss[!x]b>
        Require all denied
    </Location>""", """
    ServerName made
    RewriteEngine On
    RewriteRule ^/to/(.*)$ //private//$1 [PT] # drop
    ProxyPass / http://@UP@/
    <Location /private/b>
        Require all denied
    </Location>
    <LocationMatch ^//private//b> # drop
        Require all denied
    </LocationMatch>""", """
    ServerName rules
    MergeSlashes Off # drop
    RedirectMatch ^/r(.*)$ http://e.example$1 # drop
    RewriteEngine On
    RewriteRule ^/w(.*)$ http://e.example/w$1 [R] # drop
    ProxyPass /x http://@UP@/x nocanon""", """
    ServerName files
    MergeSlashes Off
    DocumentRoot @DIR@/html
    Alias /al/ @DIR@/html/
    RewriteEngine On
    RewriteRule ^/rw/(.*)$ @DIR@/html//dir//$1 # drop
    <Directory @DIR@/html/dir> # drop
        Require all denied
    </Directory>"""), [get(uri, host=host) for host, uris in (
        ("off", ("//private//b/c", "/private/b", "/private//b/x", "/private/c", "///private/b", "/private//bx", "//pitta/b", "/pitt///b", "/pitt/c", "/match/b", "//match/b", "/match//b", "/never/b", "/never//b",
                 "//../x", "/a//../b", "/a/..//private/b", "/cl^ssyb", "/clsss/b", "/clxss/b")),
        ("made", ("/to/b", "/to/bx", "/to/b/c")), ("rules", ("//r//x", "/r//x", "//w/x", "/x//y", "//x")),
        ("files", ("/file.txt", "/dir/file.txt", "/x/..//dir/file.txt", "//dir/file.txt", "/dir//file.txt", "/al//dir/file.txt", "/al//file.txt", "/rw/file.txt"))) for uri in uris],
          files={"html/file.txt": "file\n", "html/dir/file.txt": "hidden\n"})

HttpdCase("route", "ProxyPassMatch", vhost("""
    ProxyPassMatch ^/re/(.*)\\.x$ http://@UP@/$1 # drop
    ProxyPassMatch ^/two/([^/]+)/(\\d+)$ http://@UP2@/$2/$1?n=$2 # drop
    ProxyPassMatch ^/rex http://@UP@/base # drop
    ProxyPassMatch "^/no/.*\\.html$" ! # drop
    ProxyPassMatch ^/bare/(.*)$ http://@UP@ # drop
    ProxyPassMatch (?i)^/nocase/(.*)$ http://@UP@/lower/$1 # drop
    ProxyPassMatch /inner http://@UP2@/inner$0 # drop
    ProxyPass /no http://@UP2@/no # drop
    ProxyPass /after http://@UP@/after # drop
"""), [get(uri) for uri in ("/re/a.x", "/re/a/b.x?q=1", "/re/a.y", "/re/%41%20.x", "/two/n/12", "/two/n/12?z", "/two/n/m", "/rex", "/rex/y", "/rexyz", "/no/a.html", "/no/a.txt", "/bare/x", "/NoCase/X", "/a/inner/b", "/after/x", "/re/a%3Fb.x")])

HttpdCase("route", "Location and ProxyPass", vhost("""
    ProxyPass /loc http://@UP2@/outer
    ProxyPass /top http://@UP2@/top # drop
    <Location /loc> # drop
        ProxyPass http://@UP@/inner # drop
    </Location>
    <Location /loc/deep> # drop
        ProxyPass http://@UP@/deep # drop
    </Location>
    <Location /loc/open> # drop
        ProxyPass ! # drop
    </Location>
    <Location /slash/> # drop
        ProxyPass http://@UP@/slash/ # drop
    </Location>
    <LocationMatch "^/m/(?<name>[a-z]+)/"> # drop
        ProxyPass http://@UP@/matched/ # drop
    </LocationMatch>
    <Location ~ "^/tilde/[0-9]+"> # drop
        ProxyPass http://@UP@/tilde
    </Location>
    <Location ~ "^/prefix"> # drop
        ProxyPass http://@UP@/not-an-expression-for-httpd
        Require all denied
    </Location>
    <Location "/w*ld/x"> # drop
        ProxyPass http://@UP@/wild
    </Location>
    <Location /order/a/b>
        ProxyPass http://@UP@/ab
    </Location>
    <Location /order/a> # drop
        ProxyPass http://@UP@/a
    </Location>
"""), [get(uri) for uri in ("/loc", "/loc/", "/loc/x", "/locx", "/loc/deep", "/loc/deep/y?q", "/loc/deepx", "/loc/open", "/loc/open/x", "/slash", "/slash/", "/slash/x", "/m/ab/c", "/m/12/c", "/tilde/12", "/tilde/x", "/prefix/x", "/world/x", "/wld/x", "/wld/x/y",
                            "/w/a/ld/x", "/order/a", "/order/a/b", "/order/a/b/c", "/top/x", "/LOC/x", "//loc//x", "/loc/../top/x")])

HttpdCase("route", "merging of Location sections", vhost("""
    ProxyPass / http://@UP@/
    Header set X-Scope host # drop
    <Location /a/b>
        Header set X-Scope deep-but-first
        Header set X-Deep 1 # drop
    </Location>
    <Location /a>
        Header set X-Scope a # drop
        ProxyPreserveHost On
        RequestHeader set X-To-Backend a # drop
    </Location>
    <LocationMatch "\\.txt$"> # drop
        Header set X-Scope text # drop
        RequestHeader set X-To-Backend text
    </LocationMatch>
    <Location /> # drop
        Header append X-All all # drop
        RequestHeader append X-To-Backend last # drop
    </Location>
"""), [get(uri) for uri in ("/", "/a", "/a/x", "/a/b", "/a/b/c", "/a/b.txt", "/x.txt", "/ab", "/a/b/c.txt?x=.txt")])

HttpdCase("route", "precedence of modules", vhost("""
    DocumentRoot @DIR@/html # drop
    RewriteEngine On # drop
    RewriteRule ^/both/rule$ /moved [R=302,L] # drop
    RewriteRule ^/both/forbidden$ - [F] # drop
    RewriteRule ^/both/inside$ /sub/page.html [PT] # drop
    Redirect /both/redirect http://e.example/never
    RedirectMatch ^/both/match http://e.example/never
    Alias /both/alias @DIR@/other
    Redirect /red http://e.example/red # drop
    Alias /red/alias @DIR@/other
    Alias /files @DIR@/other # drop
    ProxyPass /both http://@UP@/both # drop
    <Location /both/locred> # drop
        Redirect 307 http://e.example/in-location
    </Location>
    <Location /both/denied> # drop
        Require all denied
    </Location>
    <Location /files/proxied> # drop
        ProxyPass http://@UP2@/from-location
    </Location>
    <Location /red/proxied> # drop
        ProxyPass http://@UP2@/red
    </Location>
"""), [get(uri) for uri in ("/both/rule", "/both/forbidden", "/both/inside", "/both/redirect", "/both/match", "/both/alias/a.txt", "/both/x", "/red/x", "/red/alias/a.txt", "/files/a.txt", "/files", "/files/", "/a.txt", "/both/locred", "/both/locred/x?y=z",
                            "/both/denied", "/both/denied/x", "/files/proxied/x", "/red/proxied", "/", "/none")], files=PAGES)

HttpdCase("redirect", "Redirect and its kin", vhost("""
    DocumentRoot @DIR@
    Redirect /temp http://e.example/t # drop
    Redirect permanent /perm https://e.example/p # drop
    Redirect 303 /see http://e.example/s # drop
    Redirect seeother /also http://e.example/also # drop
    Redirect 307 /seven http://e.example/seven # drop
    Redirect 308 /eight http://e.example/eight # drop
    RedirectTemp /rt http://e.example/rt # drop
    RedirectPermanent /rp http://e.example/rp # drop
    Redirect gone /gone # drop
    Redirect 404 /html/hidden # drop
    Redirect 403 /no # drop
    Redirect /path /other/path # drop
    Redirect /toslash http://e.example/dir/ # drop
    Redirect /slash/ http://e.example/nodir # drop
    Redirect /query http://e.example/q?fixed=1 # drop
    RedirectMatch ^/rm/(.*)\\.gif$ http://e.example/$1.jpg # drop
    RedirectMatch 301 ^/two/(\\w+)/(\\w+) http://e.example/$2-$1?a=$1 # drop
    RedirectMatch gone \\.old$ # drop
    RedirectMatch (?i)^/ANY/case http://e.example/any # drop
    Redirect 302 /a/b http://e.example/first # drop
    Redirect 302 /a http://e.example/second # drop
    <Location /inloc>
        Redirect permanent https://e.example/fixed # drop
    </Location>
    <LocationMatch ^/lm/(?<WHO>[a-z]+)>
        Redirect 302 https://e.example/who/%{env:MATCH_WHO} # drop
    </LocationMatch>
"""), [get(uri) for uri in ("/temp", "/temp/", "/temp/x?y=z", "/tempx", "/perm/a%20b", "/perm/%C3%A9", "/see", "/also", "/seven/x", "/eight/x", "/rt/x", "/rp/x", "/gone", "/gone/x", "/html/hidden", "/no/x", "/path/x?y", "/toslash/x", "/slash/x", "/slash",
                            "/query/x?own=2", "/query", "/rm/pic.gif", "/rm/a/b.gif?q=1", "/rm/pic.png", "/two/a/b", "/two/a/b/c?q", "/x.old", "/any/CASE", "/a/b/c", "/a/c", "/inloc", "/inloc/x?y=z", "/lm/bob", "/temp/../perm/x", "//temp//x", "/perm/a;b", "/perm/a%3Fb")]
          + [head("/perm/x"), post("/perm/x"), get("/perm/x", method="OPTIONS"), get("/path/x", host="name.example:8080"), get("/path/x", version="1.0", host=None), get("/perm", version="1.0")], files={"html/hidden": "hidden"})

HttpdCase("redirect", "a host that only redirects", vhosts("""
    ServerName chat.example
    Redirect permanent / https://chat.example/ # drop""", """
    ServerName noslash.example
    Redirect / https://noslash.example # drop""", """
    ServerName relative.example
    RedirectMatch ^/old(.*)$ /new$1 # drop
    Redirect 301 /a https://%{HTTP_HOST}/b # drop"""), [get(uri, host=host) for host in ("chat.example", "noslash.example") for uri in ("/", "/path", "/p/q?r=s", "/a%20b?c%20d")]
          + [get("/oldies?x", host="relative.example"), get("/a/x", host="relative.example"), get("/", host="unknown.example"), get("/x", host="CHAT.example:80")])

HttpdCase("files", "DocumentRoot, Alias and Directory", vhost("""
    DocumentRoot @DIR@/html # drop
    DirectoryIndex index.html only.txt # drop
    Alias /al @DIR@/other # drop
    Alias /als/ @DIR@/other/ # drop
    AliasMatch ^/am/(.*)\\.t$ @DIR@/other/$1.txt # drop
    Alias /one @DIR@/html/a.txt # drop
    <Directory @DIR@>
        AllowOverride None
        Options FollowSymLinks
        Require all granted
        Header set X-Dir outer # drop
    </Directory>
    <Directory @DIR@/html/sub> # drop
        Header set X-Dir sub # drop
    </Directory>
    <DirectoryMatch "/html/x"> # drop
        Require all denied
    </DirectoryMatch>
    <Files "page.*"> # drop
        Header set X-File page
    </Files>
    <FilesMatch "\\.css$"> # drop
        Header set X-File style
    </FilesMatch>
    <Files "a.txt">
        Header set X-Name a # drop
    </Files>
    ErrorDocument 404 /errors/404.html # drop
"""), [get(uri) for uri in ("/", "/index.html", "/a.txt", "/b.css", "/sub", "/sub/", "/sub/page.html", "/x/y.txt", "/al/a.txt", "/al", "/al/", "/als/a.txt", "/als", "/alx", "/am/a.t", "/am/b.t", "/one", "/none.txt", "/none/", "/a.txt/", "/a.txt?x=y", "/sub?x=y",
                            "/with%20space.txt", "/../x", "/al/../a.txt", "/al/deep/z.txt", "/a.txt/extra", "/empty/", "/x/")]
          + [head("/a.txt"), head("/"), head("/none"), post("/a.txt"), get("/a.txt", method="OPTIONS"), get("/a.txt", method="DELETE"), get("/a.txt", version="1.0"), get("/sub", host="name.example:81"),
             get("/none", method="OPTIONS"), get("/sub", method="OPTIONS"), get("/sub", method="PUT"), get("/a.txt", method="TRACE"), get("/a.txt", method="FOO"), post("/sub/")], files=PAGES, differs=["trace of files"])

HttpdCase("files", "FallbackResource, ScriptAlias and ProxyMatch", vhosts("""
    ServerName fallback
    DocumentRoot @DIR@/html
    <Directory @DIR@/html>
        FallbackResource /index.html # drop
    </Directory>""", """
    ServerName scripts
    DocumentRoot @DIR@/html
    ScriptAlias /cgi-bin/ @DIR@/other/ # drop
    ScriptAliasMatch ^/sm/(.*)$ @DIR@/other/$1 # drop""", """
    ServerName proxymatch
    ProxyPass / http://@UP@/
    <ProxyMatch "^http://[^/]+/matched/"> # drop
        RequestHeader set X-In-Proxy yes
    </ProxyMatch>"""), [get(uri, host=host) for host, uris in (("fallback", ("/a.txt", "/none", "/sub/", "/sub/none", "/deep/none?x=y")), ("scripts", ("/cgi-bin/none", "/cgi-bin/a.txt", "/sm/a.txt", "/a.txt")), ("proxymatch", ("/matched/x", "/x"))) for uri in uris], files=PAGES, differs=["programs"])

HttpdCase("files", "index files are requests of their own", vhosts("""
    ServerName rules
    DocumentRoot @DIR@/html
    RedirectMatch 301 ^/(x)/([^/]+)$ http://e.example/$2-$1 # drop
    ProxyPassMatch ^/(sub/.+)$ http://@UP@/b/$1 # drop
    <LocationMatch ^/empty/.> # drop
        Require all denied
    </LocationMatch>
    RewriteEngine On
    RewriteRule ^/loop/(.*)$ /loop/ [PT]
    Alias /loop/ @DIR@/html/sub/""", """
    ServerName rewritten
    DocumentRoot @DIR@/html
    DirectoryIndex one.html two.html only.txt # drop
    RewriteEngine On
    RewriteRule ^/sub/two.html$ /a.txt # drop
    RewriteRule ^/sub/only.txt$ /nowhere [R]
    RewriteRule ^/x/one.html$ - [G] # drop
    RewriteRule ^/file/ /a.txt # drop
    RewriteRule ^/folder/ /sub # drop
    RewriteRule ^/wrong/$ /sub/
    RewriteRule ^/wrong/one.html$ /a.txt/more # drop""", """
    ServerName fallen
    DocumentRoot @DIR@/html
    FallbackResource /missing # drop
    <Location /x>
        FallbackResource /a.txt # drop
    </Location>
    <Location /empty>
        FallbackResource /elsewhere # drop
    </Location>
    Redirect /elsewhere http://e.example/there # drop"""),
          [get(uri, host=host) for host, uris in (("rules", ("/x/", "/x/?q=1", "/sub/", "/empty/", "/empty/only.txt", "/", "/a.txt/", "/loop/")), ("rewritten", ("/sub/", "/x/", "/empty/", "/file/", "/file/a/?q", "/folder/", "/folder/?q", "/folder", "/wrong/")),
                                                  ("fallen", ("/none", "/none/", "/sub/", "/x/none", "/x/", "/x", "/empty/", "/empty/only.txt", "/empty/none"))) for uri in uris]
          + [get(uri, host="fallen", method=method) for uri in ("/sub", "/sub/", "/x/", "/a.txt") for method in ("HEAD", "OPTIONS", "PUT", "STRANGE")] + [get("/a.txt/b", host="fallen", method="PUT")] + [post("/sub/", host="rules"), post("/sub", host="fallen")], files=PAGES)

HttpdCase("files", "ranges and conditions of files", vhost("""
    DocumentRoot @DIR@/html
    FileETag None # drop"""), [get("/a.txt", fields=fields) for fields in ([("Range", "bytes=0-3")], [("Range", "bytes=5-")], [("Range", "bytes=-2")], [("Range", "bytes=20-")], [("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")],
                               [("If-Modified-Since", "Mon, 13 Nov 2023 22:13:20 GMT")], [("If-Unmodified-Since", "Mon, 13 Nov 2023 22:13:20 GMT")], [("If-None-Match", "*")], [("If-Match", "\"no\"")], [])], files=PAGES)

HttpdCase("files", "ErrorDocument", vhosts("""
    ServerName texts
    DocumentRoot @DIR@/html
    ErrorDocument 404 "Nothing here" # drop
    ErrorDocument 403 "Not for you # drop
    ErrorDocument 410 http://e.example/gone # drop
    Redirect gone /gone
    <Location /closed>
        Require all denied
    </Location>
    <Location /own>
        ErrorDocument 404 "Own text" # drop
    </Location>
    <Location /plain>
        ErrorDocument 404 default # drop
    </Location>""", """
    ServerName pages
    DocumentRoot @DIR@/html
    ErrorDocument 404 /errors/404.html # drop
    ErrorDocument 503 /errors/404.html # drop
    ErrorDocument 403 /errors/missing.html # drop
    ProxyPass /dead http://@DEAD@/
    ProxyPass /up http://@UP@/
    <Location /closed>
        Require all denied
    </Location>""", """
    ServerName override
    DocumentRoot @DIR@/html
    ProxyErrorOverride On # drop
    ErrorDocument 404 "replaced" # drop
    ErrorDocument 500 /errors/404.html # drop
    ProxyPass /errors !
    ProxyPass / http://@UP@/""", """
    ServerName some
    ProxyErrorOverride On 500 503 # drop
    ErrorDocument 500 "five hundred"
    ProxyPass / http://@UP@/"""),
          [get(uri, host=host) for host, uris in (("texts", ("/none", "/closed", "/gone", "/own/x", "/plain/x")), ("pages", ("/none", "/closed", "/dead/x", "/up/e404")), ("override", ("/e404", "/e500", "/e200", "/e302", "/e403")), ("some", ("/e404", "/e500"))) for uri in uris]
          + [head("/none", host="texts"), post("/none", host="pages"), head("/e404", host="override"), post("/closed", host="pages")], files=PAGES)


def by_number(request):
    """Answers with the status that the target's last segment names."""
    found = re.search(r"/e(\d{3})", request.target)
    if not found:
        return harness.answer(request)
    body = b"backend's %s" % found[1].encode()
    page = backend.respond(int(found[1]), [("Content-Type", "text/plain"), ("X-Upstream", "yes")] + ([("Location", "http://e.example/l")] if found[1] == "302" else []), body, reason="By Number")
    return [page[:-len(body)] if request.method == "HEAD" else page]


HttpdCase.all[-1].script = by_number
