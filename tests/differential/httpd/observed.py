# SPDX-License-Identifier: BSD-2-Clause
"""What httpd 2.4.71 was observed to do, statement by statement, and what shows that wsrpd does the same, or does otherwise on purpose.

OBSERVED: subject -> statements, each with the compared cases (by name), tests ("file test") or files of messages (tests/conf/bad) that show it.
test_httpd_drop.py looks for every name.
"""

BAD = "tests/conf/bad/apache-"
SAFETY = "tests/http/test_apache_safety.py test_"

OBSERVED = {
    "ProxyPass: choice and mapping": [
        ("In file order the first prefix that fits answers, not the longest; ! excludes.", "ProxyPass in file order", BAD + "proxy-pass.conf"),
        ("A prefix without a slash at its end fits whole segments, with regard to case.", "ProxyPass in file order", "textual mapping"),
        ("The rest of the path is joined textually: /m/ makes //, a target without path gets one; the query is kept.", "textual mapping"),
        ("Paths are matched and sent as they are normalised: %41 decoded, slashes merged, dots resolved, encoded again; %2F and %00 are 404, bad escapes and /../ above the root 400.", "paths are normalised",
         "nocanon and encoded slashes"),
        ("ProxyPass in a Location beats all outside, and of several Locations the last that fits counts.", "Location and ProxyPass"),
        ("Two arguments inside a section, one outside, and Directory, Files or If around it are refused.", BAD + "proxy-pass.conf"),
        ("ProxyPassMatch substitutes; without $1 the path is appended.", "ProxyPassMatch"),
        ("RewriteRule [P] of the host comes before ProxyPass.", "precedence of modules", "the recipe with RewriteRule"),
        ("A target whose URL begins with an earlier one's shares its worker, and its own parameters are ignored.", "workers are shared by their URL", BAD + "proxy-pass.conf"),
        ("Unknown parameters and values that are no numbers are refused.", BAD + "proxy-pass.conf"),
    ],
    "Redirect, Alias and access beside ProxyPass": [
        ("ProxyPass beats Redirect, RedirectMatch, Alias and DocumentRoot, RewriteRule [R] and [F] beat ProxyPass.", "precedence of modules"),
        ("A Redirect or a denial inside a Location beats ProxyPass.", "precedence of modules"),
        ("Redirect: first in file order, by segments, rest of the path and query appended, slashes joined as they are; a target with a query takes the request's place.", "Redirect and its kin"),
        ("Inside a Location the rest of the path is not appended.", "Redirect and its kin"),
        ("Statuses: 302 unless said, names and numbers; gone and 404 take no URL.", "Redirect and its kin", BAD + "proxy-pass.conf"),
        ("Without a slash at its end the target of / is glued to the path.", "a host that only redirects"),
    ],
    "ProxyPassReverse": [
        ("Location, Content-Location and URI are changed on every status, Refresh, Link and bodies never.", "ProxyPassReverse", "redirects of backends"),
        ("All rules of the host count for every answer, in file order; the first prefix counts and the rest is appended textually.", "ProxyPassReverse"),
        ("Scheme, host and port must be those written; relative places stay, unless the rule has a path.", "ProxyPassReverse", "redirects of backends"),
        ("The result has the scheme of the connection and the Host of the request with its port.", "ProxyPassReverse", "redirects of backends"),
        ("A rule for ws: does not change places with http:.", "ProxyPassReverse"),
        ("With ProxyPreserveHost a backend that names the public host in http is not changed.", "redirects of backends"),
        ("Cookies are changed by the Cookie directives alone, for the whole host.", "ProxyPassReverseCookie"),
    ],
    "Fields to the backend": [
        ("X-Forwarded-For, -Host and -Server are appended to the client's own; there is no X-Forwarded-Proto, X-Real-IP or Via.", "request fields", "RequestHeader, every action"),
        ("Host is the target's, or with ProxyPreserveHost the client's as it came.", "ProxyPreserveHost, ProxyAddHeaders and ProxyVia"),
        ("Connection, Keep-Alive, TE, Upgrade, Proxy-Connection and what Connection names are taken out; Proxy-Authorization, Proxy and Expect stay.", "request fields"),
        ("Repeated fields are joined with a comma, Cookie too.", "request fields"),
        ("Bodies arrive whole, in chunks or with their length.", "request fields", "tests/http/test_proxy.py"),
    ],
    "Upgrade": [
        ("ws: and wss: targets take Upgrade: websocket as the whole value, whatever Connection says; everything else is proxied as ordinary HTTP.", "ws targets", "https and wss targets"),
        ("A refusal of the backend is passed on and the connection stays.", "refused handshakes and the order of rules", "tests/http/test_apache.py test_refused_handshake_is_an_ordinary_answer"),
        ("http: targets upgrade with upgrade=websocket or upgrade=ANY only.", "ws targets"),
        ("ProxyWebsocketFallbackToProxyHttp Off: what is no handshake falls through to the next rule.", "the old tunnel"),
        ("Neither Header nor Header always changes a 101.", "ws targets"),
        ("Frames, closing codes, large messages and data behind the handshake pass; a half-dead peer ends the other side.", "tests/http/test_websocket.py"),
        ("HTTP/1.0 opens no tunnel; httpd upgrades its backend and never answers.", SAFETY + "http_1_0_opens_no_tunnel"),
        ("HTTP/2 carries no WebSocket unless asked to.", "Protocols", BAD + "more.conf"),
    ],
    "Time-outs and failures": [
        ("A tunnel may be silent for the longest of Timeout and timeout= or ProxyTimeout; either direction counts, and TCP ends without a closing frame.", "silent tunnels"),
        ("A backend that is silent for ProxyTimeout makes a 502; timeout= beats ProxyTimeout.", "slow backends", "timeouts"),
        ("A dead backend makes a 503 and closes, and is not asked again for retry=.", "dead backends", "tests/http/test_apache.py test_backend_is_asked_again_after_retry"),
        ("A backend that closes without a word: 502 for the first request of a connection, for a later one the connection ends without an answer, POST included; not when its status line had come.", "backends that break off"),
        ("A body that breaks off ends the client's connection.", "backends that break off"),
        ("What is no HTTP is passed on by httpd, and is a 502 here.", "backends that talk nonsense"),
        ("400, 408, 411, 413, 414, 500, 501 and 503 close the client's connection, whoever answers so.", "answers of the backend", "tests/http/test_apache.py test_statuses_that_close"),
        ("ProxyTimeout is at least 1; what stands behind the digits does not count.", "slow backends", BAD + "proxy-pass.conf"),
    ],
    "Header": [
        ("There are two tables, both are sent, and both apply to every proxied answer; to answers of the server itself only always does, in the scope that was known by then.", "Header, every action and both tables"),
        ("A backend's fields are in the table onsuccess: always neither replaces nor removes them.", "Header, every action and both tables", "security headers as published"),
        ("append and merge join, add adds, setifempty asks for presence, edit replaces; env= and expr= decide.", "Header, every action and both tables", "RequestHeader, every action"),
        ("A colon behind the name is accepted, an unquoted blank is not.", "RequestHeader, every action", BAD + "hosts.conf"),
    ],
    "LimitRequest": [
        ("LimitRequestBody holds for files and never for what is proxied.", "LimitRequest"),
        ("Sizes of lines, fields and their number, to the octet.", "LimitRequest"),
        ("The first host of an address decides; neither other hosts nor the main server do.", "LimitRequest", "LimitRequest of the main server"),
    ],
    "TLS": [
        ("SSLProtocol is read from left to right, a word without sign replaces the set; an empty set is refused.", "SSLProtocol", BAD + "tls.conf"),
        ("SSLVerifyClient require fails the handshake, optional lets none pass but no bad one.", "SSLVerifyClient", "chain, depth and revocation of clients"),
        ("SSLVerifyDepth counts what stands between.", "chain, depth and revocation of clients"),
        ("SSLVerifyClient in a Location: refused here, since TLS 1.3 has no renegotiation.", BAD + "tls.conf"),
        ("Without SNI or with an unknown one the first host answers; Host of a host with other settings is 421; no Host is 400.", "certificates, SNI and Host"),
        ("Only http/1.1 without Protocols; plain HTTP to a port of TLS is 400.", "certificates, SNI and Host", "Protocols"),
    ],
    "Hosts and reading": [
        ("The first host is the default; ServerName and ServerAlias in file order, without regard to case, port and a dot at the end.", "names, aliases and the default"),
        ("A host without a name has the main server's.", "names, aliases and the default", "headers pasted as a second host without a name"),
        ("No, two, empty or malformed Host: 400.", "malformed requests"),
        ("Names in any case, quotes, continuation (also of comments), definitions.", "conditions of the file"),
        ("No comments behind directives; ${UNDEFINED} warns; an open quote is text; invisible letters are refused.", BAD + "reading.conf", BAD + "invisible.conf"),
        ("What httpd lets through in a malformed request is refused here.", "malformed requests", SAFETY + "ambiguous_requests_are_refused"),
    ],
}
