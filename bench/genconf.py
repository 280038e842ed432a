#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A configuration of N servers, two locations each, about 370 bytes of text a server: genconf.py N [--port P] [--backend P] > FILE

nginx and wsrpc read the same text.  Every server has its own name; the second locations share 1,024 upstreams.
"""

import argparse
import sys

UPSTREAMS = 1024

HEAD = """\
worker_processes 1;
{extra}events {{
    worker_connections 1024;
}}
http {{
    access_log off;
    server_names_hash_max_size {hash_size};
    server_names_hash_bucket_size 128;
"""

SERVER = """\
    server {{
        listen 127.0.0.1:{port};
        server_name app{n:06d}.example.org;
        location / {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_set_header Host $host;
        }}
        location /live/ {{
            proxy_pass http://10.0.{a}.{b}:8080;
            proxy_set_header Host $host;
            proxy_read_timeout 1h;
        }}
    }}
"""


def name_of(n):
    return f"app{n:06d}.example.org"


def write(out, count, port, backend, extra=""):
    out.write(HEAD.format(extra=extra, hash_size=max(512, count * 4)))
    for n in range(count):
        out.write(SERVER.format(port=port, n=n, backend=backend, a=n % UPSTREAMS >> 8, b=n % 256))
    out.write("}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--backend", type=int, default=9000)
    options = parser.parse_args()
    write(sys.stdout, options.count, options.port, options.backend)


if __name__ == "__main__":
    main()
