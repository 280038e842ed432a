# SPDX-License-Identifier: BSD-2-Clause
"""Files and their fields: types, charsets, languages, lifetimes, ranges, folders; filters and caches, which have no effect here."""

import gzip

from judge import HttpdCase, backend, get, head, post, scripted, vhost, vhosts

TEXT = b"text that compresses well: " + b"a" * 2000
FILES = {"html/index.html": "index\n", "html/a.txt": "0123456789\n", "html/style.css": "body {}\n", "html/pic.own": "own\n", "html/two.own.txt": "two\n", "html/none.zzz": "none\n", "html/plain": "plain\n",
         "html/page.html.de": "deutsch\n", "html/page.utf": "utf\n", "html/data.txt.gz": gzip.compress(b"data\n", mtime=0), "html/big.txt": TEXT, "html/sub/x.txt": "x\n", "html/list/x.txt": "x\n", "html/deep/.htaccess": "Header set X-Access yes\n",
         "html/deep/x.txt": "x\n", "html/named/.rules": "Header set X-Access named\n", "html/named/x.txt": "x\n", "html/one/.htaccess": "Redirect /one/x.txt http://e.example/\n", "html/one/x.txt": "x\n", "own.types": "text/x-own own\ntext/plain txt\ntext/html html\n"}

HttpdCase("files", "AddType", vhosts("""
    ServerName types
    DocumentRoot @DIR@/html
    AddType text/x-own .own # drop
    AddType "text/html; charset=utf-8" html # drop
    AddType application/x-upper .CSS # drop
    <Location /sub>
        AddType text/x-sub .txt # drop
    </Location>""", """
    ServerName later
    DocumentRoot @DIR@/html
    <Directory @DIR@/html>
        AddType text/x-first .own
        AddType text/x-second .own # drop
    </Directory>
    <Files style.*>
        AddType text/x-style .css # drop
    </Files>"""), [get(uri, host=host) for host in ("types", "later") for uri in ("/a.txt", "/pic.own", "/two.own.txt", "/index.html", "/", "/style.css", "/none.zzz", "/plain", "/sub/x.txt")], files=FILES)

HttpdCase("files", "MaxRanges", vhosts("""
    ServerName none
    DocumentRoot @DIR@/html
    MaxRanges none # drop""", """
    ServerName one
    DocumentRoot @DIR@/html
    MaxRanges 1 # drop""", """
    ServerName places
    DocumentRoot @DIR@/html
    <Directory @DIR@/html/sub>
        MaxRanges none # drop
    </Directory>
    <Location /a.txt>
        MaxRanges unlimited
    </Location>"""), [get(uri, host=host, fields=[("Range", ranges)]) for host in ("none", "one") for uri in ("/a.txt",) for ranges in ("bytes=0-1", "bytes=1-", "bytes=-1")] + [get("/a.txt", host="one", fields=[("Range", "bytes=0-0,4-5")])]
          + [get("/sub/x.txt", host="places", fields=[("Range", "bytes=0-0")]), get("/a.txt", host="places", fields=[("Range", "bytes=0-0")]), get("/a.txt", host="none"), head("/a.txt", host="one", fields=[("Range", "bytes=0-0")])], files=FILES)

HttpdCase("files", "lifetimes", vhosts("""
    ServerName default
    DocumentRoot @DIR@/html
    ExpiresActive On # drop
    ExpiresDefault "access plus 1 hour" # drop
    ProxyPass /up http://@UP@/
    Redirect /r http://e.example/
    <Location /sub>
        ExpiresDefault A600 # drop
    </Location>
    <Location /up/off>
        ExpiresActive Off # drop
    </Location>""", """
    ServerName modified
    DocumentRoot @DIR@/html
    ExpiresActive On
    ExpiresDefault "modification plus 40 years" # drop
    ProxyPass /up http://@UP@/
    <Location /a.txt>
        Header set Cache-Control private # drop
    </Location>
    <Location /sub>
        ExpiresDefault "modification plus 1 day" # drop
    </Location>""", """
    ServerName merged
    DocumentRoot @DIR@/html
    ExpiresActive On
    ExpiresDefault "now plus 2 weeks 1 day" # drop
    ProxyPass /up http://@UP@/
    Header merge Cache-Control private # drop
    Header unset Expires # drop"""), [get(uri, host=host) for host in ("default", "modified", "merged") for uri in ("/a.txt", "/sub/x.txt", "/none", "/up/x", "/up/cached", "/up/expires", "/up/e404")] + [get("/r", host="default"), get("/up/off", host="default"), get("/a.txt", host="default", fields=[("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")]), post("/up/x", host="default"), head("/a.txt", host="default"), get("/sub", host="default")],
          files=FILES)


def aged(request):
    """Answers with lifetimes of the backend's own."""
    fields = {"cached": [("Cache-Control", "no-store")], "expires": [("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")]}.get(request.target.split("/")[-1], [])
    body = b"backend\n"
    return [backend.respond(404 if request.target.endswith("e404") else 200, [("Content-Type", "text/plain")] + fields, body)]


HttpdCase.all[-1].script = aged
HttpdCase.all[-1].explain = False  # what a backend's own lifetimes become cannot be told without them

HttpdCase("files", "lifetimes by type", vhost("""
    DocumentRoot @DIR@/html
    ExpiresActive On
    ExpiresByType text/css "access plus 1 day" # drop
    AddType image/png png
    AddType image/gif gif
    ExpiresByType image/* "modification plus 1 week" # drop
    ExpiresByType image/png "access plus 1 week 2 hours" # drop
    ExpiresByType TEXT/html A7
    ExpiresByType text/html "now plus 0 seconds" # drop
    ExpiresDefault A60
    ProxyPass /up http://@UP@
    <Directory @DIR@/html/sub>
        ExpiresByType text/plain A99 # drop
        ExpiresByType text/css M20
    </Directory>
    <Files off.html>
        ExpiresActive Off # drop
    </Files>
    <Location /up/typed>
        ExpiresByType application/json A3 # drop
    </Location>
""") + """
<VirtualHost @A@>
    ServerName types.example
    DocumentRoot @DIR@/html
    ExpiresActive On
    ExpiresByType text/css A11 # drop
</VirtualHost>
""", [get(target, fields=fields) for target in ("/style.css", "/a.txt", "/p.png", "/p.gif", "/page.html", "/off.html", "/sub/x.txt", "/sub/y.css") for fields in ((), [("If-None-Match", "*")])]
          + [get("/up/" + target) for target in ("page", "json", "typed/json", "notype", "none")] + [get(target, host="types.example") for target in ("/style.css", "/a.txt")],
          files=dict(FILES, **{"html/p.png": "png", "html/p.gif": "gif", "html/page.html": "page", "html/off.html": "off", "html/sub/y.css": "y"}), explain=False,
          script=scripted(page=(200, [("Content-Type", "Text/HTML ; charset=x")], b"page"), json=(200, [("Content-Type", "application/json")], b"{}"), notype=(200, [], b"?"),
                          none=(404, [("Content-Type", "text/css")], b"")))

HttpdCase("files", "types, charsets and languages", vhost("""
    DocumentRoot @DIR@/html
    AddCharset utf-8 .utf # drop
    AddLanguage de .de # drop
    AddEncoding x-gzip .gz # drop
    <Directory @DIR@/html/sub>
        DefaultLanguage fr # drop
    </Directory>
""", main="TypesConfig @DIR@/own.types # drop"), [get(uri) for uri in ("/a.txt", "/page.html.de", "/page.html.utf", "/data.txt.gz", "/pic.own", "/sub/x.txt")], files=dict(FILES, **{"html/page.html.utf": "utf\n"}), differs=["types by several extensions"])

HttpdCase("files", "listings and access files", vhost("""
    DocumentRoot @DIR@/html
    <Directory @DIR@/html/list>
        Options +Indexes # drop
    </Directory>
    <Directory @DIR@/html/deep>
        AllowOverride FileInfo # drop
    </Directory>
    <Directory @DIR@/html/one>
        AllowOverride None
        AllowOverrideList Redirect # drop
    </Directory>
"""), [get(uri) for uri in ("/list/", "/list/x.txt", "/sub/", "/deep/x.txt", "/deep/.htaccess", "/one/x.txt", "/sub/x.txt")], files=FILES, differs=["listings and access files"])

HttpdCase("files", "names of access files", vhost("""
    DocumentRoot @DIR@/html
    AccessFileName .rules # drop
    <Directory @DIR@/html/named>
        AllowOverride All
    </Directory>
"""), [get("/named/x.txt"), get("/a.txt")], files=FILES, differs=["listings and access files"])

GZIP, BROTLI = [("Accept-Encoding", "gzip")], [("Accept-Encoding", "br")]


def long_text(request):
    """An answer that is worth compressing and may be kept for an hour; what came is told in the body."""
    fields = [("Content-Type", "text/html" if "page" in request.target else "text/plain"), ("Cache-Control", "max-age=3600"), ("X-Upstream", "yes")]
    return [backend.respond(200, fields, TEXT + request.target.encode() + b" %d" % len(request.body))]


HttpdCase("content", "filters of answers", vhost("""
    DocumentRoot @DIR@/html
    ProxyPass /up http://@UP@/
    DeflateCompressionLevel 1 # drop
    BrotliCompressionQuality 0 # drop
    <Location /up/all>
        SetOutputFilter DEFLATE # drop
    </Location>
    <Location /up/brotli>
        SetOutputFilter BROTLI_COMPRESS # drop
    </Location>
    <Location /big.txt>
        AddOutputFilter DEFLATE txt # drop
    </Location>
    <Location /up/type>
        AddOutputFilterByType DEFLATE text/html # drop
    </Location>
    <Location /up/chain>
        FilterDeclare SHORT
        FilterProvider SHORT DEFLATE "%{CONTENT_TYPE} =~ m#^text/#" # drop
        FilterChain SHORT # drop
    </Location>
"""), [get(uri, fields=fields) for uri in ("/up/all", "/big.txt", "/up/type/page", "/up/type/text", "/up/chain/page", "/a.txt") for fields in ((), GZIP)] + [get("/up/brotli", fields=fields) for fields in ((), BROTLI)], files=FILES, script=long_text, differs=["compression"])

HttpdCase("content", "filters of requests", vhost("""
    ProxyPass / http://@UP@/
    <Location /set>
        SetInputFilter DEFLATE # drop
    </Location>
    <Location /extension>
        AddInputFilter DEFLATE .gz # drop
    </Location>
"""), [post(uri, body=gzip.compress(b"what the client wrote", mtime=0), fields=[("Content-Encoding", "gzip")]) for uri in ("/set", "/extension/a.gz", "/plain")] + [post("/set", body=b"as it is")], script=long_text, differs=["bodies as they are"])

HttpdCase("content", "a cache", vhost("""
    ProxyPass / http://@UP@/
    CacheEnable socache /kept # drop
    CacheHeader On # drop
""", main="CacheSocache shmcb:@DIR@/cache(200000)"), [get(uri) for uri in ("/kept/a", "/kept/a", "/kept/b", "/other", "/other")], script=long_text, differs=["every request goes on"])
