# SPDX-License-Identifier: BSD-2-Clause
"""Who may come in and who the client is: passwords, satisfy, addresses that trusted peers name, limit_except."""

import base64

from harness import Case, get, head, post, raw, site, upgrade

USERS = """# users
ann:$apr1$8xQTxxGa$Cyke2NX3vEsX19OLJenom1:a comment
bob:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=
cat:{SSHA}O7nW1oGBDSWmW6P8Me+kWjjmnZ9hYmNk
dan:{PLAIN}test
eve:$2y$05$c2FsdHNhbHRzYWx0c2FsdOnJ7ZY85kWHR/WfhxJvulgl/5pJHEVFK
fay:$6$saltsalt$JcVDtuB6d1BHhCd5RPBh8g8xX/1CbY8EU2PN0MTaj2/Mypw4P./C6dN4j0HALhzBDTocyW1Jm.gYaTPjFGCV40
gil:abgOeLfPimXQo
hal
:x
ivy:
ann:{PLAIN}second
"""


def basic(user, password="test", scheme="Basic"):
    return [("Authorization", "%s %s" % (scheme, base64.b64encode(("%s:%s" % (user, password)).encode()).decode()))]


PASSWORDS = [[], basic("ann"), basic("ann", "second"), basic("bob"), basic("cat"), basic("dan"), basic("eve"), basic("fay"), basic("gil"), basic("hal", ""), basic("ivy", ""), basic("", "x"), basic("none"),
             basic("dan", "wrong"), basic("dan", ""), basic("dan", scheme="basic"), basic("dan", scheme="Bearer"), [("Authorization", "Basic")], [("Authorization", "Basic   " + basic("dan")[0][1][6:])],
             [("Authorization", "Basic ####")], [("Authorization", "Basic " + base64.b64encode(b"dan").decode())]]
DAN = basic("dan")

Case("passwords", site("""
    map $arg_open $realm { default "Members of $host"; 1 off; }
    server {
        listen @A@;
        auth_basic "Closed"; # drop
        auth_basic_user_file users; # drop
        location / { proxy_pass http://@UP@; proxy_set_header X-User "$remote_user"; }
        location /open/ { auth_basic off; proxy_pass http://@UP@; } # drop
        location /inner/ { auth_basic "Inner \\"quoted\\" realm"; proxy_pass http://@UP@; location /inner/deep/ { return 200 "return comes first"; } } # drop
        location /asked/ { auth_basic $realm; proxy_pass http://@UP@; } # drop
        location /file/ { alias @DIR@/html/; }
        location /missing/ { auth_basic_user_file nowhere; proxy_pass http://@UP@; } # drop
        location /page/ { error_page 401 /page-for-401; proxy_pass http://@UP@; } # drop
        location = /page-for-401 { auth_basic off; return 200 "please sign in"; } # drop
        location /moved/ { error_page 401 =302 https://login.example/?to=$uri; proxy_pass http://@UP@; } # drop
        location /tried/ { try_files /none @behind; } # drop
        location @behind { proxy_pass http://@UP@; } # drop
        location /rewritten { rewrite ^ /open/x last; }
    }"""), [get("/", fields=fields) for fields in PASSWORDS] + [get(path, fields=fields) for path in ("/open/", "/inner/x", "/inner/deep/x", "/asked/", "/asked/?open=1", "/file/a.txt", "/file/none", "/missing/", "/page/", "/moved/x", "/tried/",
     "/rewritten", "/page-for-401") for fields in ([], DAN, basic("dan", "no"))] + [head("/"), post("/"), post("/", fields=DAN), upgrade("/ws"), get("/", host="other.example", fields=DAN)],
     files={"users": USERS, "html/a.txt": "file"})

Case("satisfy", site("""
    server {
        listen @A@;
        auth_basic "Closed";
        auth_basic_user_file users;
        location /all-in/ { allow 127.0.0.1; deny all; proxy_pass http://@UP@; }
        location /all-out/ { deny all; proxy_pass http://@UP@; } # drop
        location /any-in/ { satisfy any; allow 127.0.0.0/8; deny all; proxy_pass http://@UP@; } # drop
        location /any-out/ { satisfy any; deny all; proxy_pass http://@UP@; } # drop
        location /any-none/ { satisfy any; proxy_pass http://@UP@; }
        location /any-other/ { satisfy any; allow 10.0.0.0/8; proxy_pass http://@UP@; }
        location /any-missing/ { satisfy any; deny all; auth_basic_user_file nowhere; proxy_pass http://@UP@; } # drop
        location /any-off/ { satisfy any; deny all; auth_basic off; proxy_pass http://@UP@; } # drop
    }"""), [get(path, fields=fields) for path in ("/all-in/", "/all-out/", "/any-in/", "/any-out/", "/any-none/", "/any-other/", "/any-missing/", "/any-off/") for fields in ([], DAN, basic("dan", "no"))], files={"users": USERS})

FORWARDED = [[], [("X-Forwarded-For", "192.0.2.1")], [("X-Forwarded-For", "192.0.2.1, 198.51.100.2")], [("X-Forwarded-For", "192.0.2.1, 10.1.1.1")], [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "10.1.1.1, 10.2.2.2")],
             [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "198.51.100.7, 10.2.2.2")], [("X-Forwarded-For", "10.1.1.1,10.2.2.2")], [("X-Forwarded-For", "nonsense, 10.1.1.1")], [("X-Forwarded-For", "192.0.2.1, nonsense")],
             [("X-Forwarded-For", "192.0.2.1:8080")], [("X-Forwarded-For", "[2001:db8::1]:443")], [("X-Forwarded-For", "2001:DB8:0::1")], [("X-Forwarded-For", "[2001:db8::1]")], [("X-Forwarded-For", "192.0.2.1:99999")], [("X-Forwarded-For", "192.0.2.1 , ,")],
             [("X-Forwarded-For", "::ffff:10.1.1.1")], [("X-Forwarded-For", "192.0.2.1, ::ffff:10.1.1.1")], [("X-Forwarded-For", "unix:/x")], [("X-Forwarded-For", ",")], [("X-Real-IP", "192.0.2.3")], [("X-Real-IP", "192.0.2.3"), ("X-Real-IP", "192.0.2.4")],
             [("X-Real-IP", "192.0.2.3, 192.0.2.4")], [("CF-Connecting-IP", "192.0.2.5")], [("CF-Connecting-IP", "192.0.2.5"), ("CF-Connecting-IP", "192.0.2.6")], [("X-Forwarded-For", "192.0.2.1"), ("X-Real-IP", "192.0.2.3")]]
SAID = "proxy_set_header X-Said \"$remote_addr,$realip_remote_addr\"; proxy_set_header X-Port $port; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_pass http://@UP@;"

GREETED = [b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n", b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n", b"PROXY UNKNOWN\r\n", b"PROXY TCP4 127.0.0.1 127.0.0.1 443 80\r\n"]

Case("addresses of the PROXY protocol", site("""
    log_format who '$remote_addr:$remote_port $realip_remote_addr $proxy_protocol_addr:$proxy_protocol_port';
    server {
        listen @A@ proxy_protocol;
        location / { proxy_set_header X-Said "$remote_addr"; proxy_set_header X-Announced "$proxy_protocol_addr $proxy_protocol_port"; proxy_pass http://@UP@; }
    }
    server {
        listen @B@ proxy_protocol;
        set_real_ip_from 127.0.0.1; # drop
        real_ip_header proxy_protocol; # drop
        access_log @DIR@/access.log who; # drop
        location / { proxy_set_header X-Said "$remote_addr"; deny 192.0.2.7; proxy_pass http://@UP@; }
    }"""), [raw(greeting + b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", at=at) for at in "AB" for greeting in GREETED[:2 if at == "B" else 4]], observe=["log:access.log"])

Case("real addresses", site("""
    map $remote_port $port { ~^[3-6][0-9][0-9][0-9][0-9]$ ""; default $remote_port; } # the kernel's choice is not compared
    log_format who '$remote_addr $realip_remote_addr "$http_x_forwarded_for" $uri';
    access_log @DIR@/access.log who;
    set_real_ip_from 10.0.0.0/8; # drop
    set_real_ip_from 127.0.0.1; # drop
    server {
        listen @A@;
        if ($remote_addr = 192.0.2.3) { return 200 "the server's rewrite phase knows"; }
        location / { %s }
    }
    server {
        listen @B@;
        real_ip_header X-Forwarded-For; # drop
        real_ip_recursive on; # drop
        location / { %s }
        location /closed/ { deny 192.0.2.1; proxy_pass http://@UP@; } # drop
    }
    server {
        listen @C@;
        set_real_ip_from 0.0.0.0/32;
        location /believed/ { set_real_ip_from 127.0.0.0/8; real_ip_header CF-Connecting-IP; deny 192.0.2.5; %s } # drop
        location / { %s }
        location /last/ { set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; %s } # drop
    }""" % tuple(SAID.replace("proxy_set_header X-Port $port; ", "") if i == 9 else SAID for i in range(5))), [get(path, at=at, fields=fields) for at, path in (("A", "/"), ("B", "/"), ("B", "/closed/"), ("C", "/believed/"), ("C", "/"), ("C", "/last/")) for fields in FORWARDED],
     observe=["log:access.log"])
