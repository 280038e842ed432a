# SPDX-License-Identifier: BSD-2-Clause
"""Who the client is: the header of the PROXY protocol and its variables, and proxies that are believed (real_ip)."""

import socket
import struct

from harness import Case, get, raw, site

REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"


def preface(data, target=b"/", fields=b""):
    return raw(data + REQUEST % (target, fields))


def binary(command, family, body):
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(body)) + body


IPV4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("10.0.0.1") + struct.pack(">HH", 5555, 81)
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack(">HH", 6666, 82)
PREFACES = (b"PROXY TCP4 192.0.2.5 10.0.0.2 1111 80\r\n", b"PROXY TCP6 2001:db8::5 ::1 2222 443\r\n", b"PROXY UNKNOWN\r\n", binary(0x21, 0x11, IPV4), binary(0x21, 0x21, IPV6), binary(0x20, 0, b""))
WHO = 'return 200 "$remote_addr $proxy_protocol_addr|$proxy_protocol_port|$proxy_protocol_server_addr|$proxy_protocol_server_port $proxy_add_x_forwarded_for|$realip_remote_addr\\n";'

Case("variables of the PROXY protocol", site("""
    server {
        listen @A@ proxy_protocol; # drop
        location / { %s }
        location /up {
            proxy_set_header X-Client $proxy_protocol_addr:$proxy_protocol_port; # drop
            proxy_pass http://@UP@;
        }
    }
    server { listen @B@; %s }
""" % (WHO, WHO)), [preface(data, target) for target in (b"/", b"/up") for data in PREFACES] + [get(at="B")], explain=False)

Case("real_ip_header proxy_protocol", site("""
    real_ip_header proxy_protocol; # drop
    server {
        listen @A@ proxy_protocol;
        set_real_ip_from 127.0.0.1; # drop
        location / { return 200 "$remote_addr:$remote_port $realip_remote_addr $proxy_protocol_addr $http_x_real_ip $proxy_add_x_forwarded_for\\n"; }
        location /guarded { # drop
            allow 192.0.2.5;
            allow 2001:db8::/32;
            deny all;
            return 200 "in $binary_remote_addr\\n";
        }
        location /up { # drop
            proxy_set_header X-Real-IP $remote_addr; # drop
            proxy_pass http://@UP@;
        }
    }
    server {
        listen @B@ proxy_protocol;
        set_real_ip_from 10.0.0.0/8;
        return 200 "$remote_addr:$remote_port\\n";
    }
""").replace("$remote_addr:$remote_port\\n\";\n    }\n", "$remote_addr\\n\";\n    }\n"), [preface(data, target, b"X-Real-IP: 198.51.100.1\r\n") for target in (b"/guarded", b"/up") for data in PREFACES]
     + [preface(data) for data in PREFACES if b"UNKNOWN" not in data and data[12:13] != b"\x20"] + [raw(PREFACES[0] + REQUEST % (b"/", b""), at="B")], explain=False)

LISTS = ("192.0.2.1", "192.0.2.1, 10.0.0.1", "192.0.2.1,10.0.0.1,10.0.0.2", "10.0.0.3, 10.0.0.1", "nonsense", "192.0.2.1, nonsense", "nonsense, 10.0.0.1", "2001:db8::7", "[2001:db8::7]:99", "192.0.2.1:8080",
         "192.0.2.1:0", "192.0.2.1 10.0.0.1", " 192.0.2.1 , ", ",", "", "192.0.2.1:", "2001:db8::7, 192.0.2.9")
TELL = 'return 200 "$remote_addr|$remote_port|$realip_remote_addr|$proxy_add_x_forwarded_for\\n";'
Case("proxies that are believed", site("""
    set_real_ip_from 127.0.0.0/8; # drop
    set_real_ip_from 10.0.0.0/8;
    server {
        listen @A@;
        server_name real;
        location / { TELL }
    }
    server {
        listen @A@;
        server_name forwarded;
        real_ip_header X-Forwarded-For; # drop
        location / { TELL }
    }
    server {
        listen @A@;
        server_name recursive;
        real_ip_header X-Forwarded-For; # drop
        real_ip_recursive on; # drop
        location / { TELL }
        location /rewritten { rewrite ^ /; }
    }
    server {
        listen @A@;
        server_name own;
        set_real_ip_from 127.0.0.1; # drop
        real_ip_header X-Client; # drop
        real_ip_recursive on;
        location / { TELL }
        location /guarded { # drop
            deny 192.0.2.0/24;
            error_page 403 /;
        }
        location /up {
            proxy_pass http://@UP@;
            proxy_set_header X-Real-IP $remote_addr; # drop
        }
    }
    server {
        listen @A@;
        server_name stranger;
        set_real_ip_from 192.0.2.0/24; # drop
        location / { TELL }
    }
""".replace("TELL", TELL.replace("$remote_port|", ""))), [get(host=host, fields=[(name, text)]) for host, name in (("real", "X-Real-IP"), ("forwarded", "X-Forwarded-For"), ("recursive", "X-Forwarded-For"), ("own", "X-Client")) for text in LISTS]
     + [get(host="recursive", fields=[("X-Forwarded-For", one) for one in many]) for many in (("192.0.2.1", "10.0.0.1"), ("192.0.2.1, 10.0.0.9", "10.0.0.1"), ("192.0.2.1", "192.0.2.2"), ("192.0.2.1", "nonsense"), ("nonsense", "10.0.0.1"))]
     + [get(host="forwarded", fields=[("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2")]), get(host="real", fields=[("X-Real-IP", "192.0.2.1"), ("X-Real-IP", "192.0.2.2")]), get("/rewritten", host="recursive", fields=[("X-Forwarded-For", "192.0.2.1")]),
        get("/guarded", host="own", fields=[("X-Client", "192.0.2.1")]), get("/guarded", host="own"), get("/up", host="own", fields=[("X-Client", "192.0.2.1")]), get(host="stranger", fields=[("X-Real-IP", "192.0.2.1")]), get(host="real")])

Case("ports of clients that proxies name", site("""
    server {
        listen @A@;
        set_real_ip_from 127.0.0.1; # drop
        return 200 "$remote_addr|$remote_port\\n";
    }
"""), [get(fields=[("X-Real-IP", text)]) for text in ("192.0.2.1", "192.0.2.1:8080", "[2001:db8::7]:99")])
