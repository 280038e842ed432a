# SPDX-License-Identifier: BSD-2-Clause
"""Rows of TLS towards clients."""

import ssl

from lib import client, env

from . import case, unseen
from .probes import context, handshake, resumed, s_client, tls_body, tls_status

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
EC = "ssl_certificate ec.crt; ssl_certificate_key ec.key; "
LISTEN = "listen 127.0.0.1:PORT ssl; "
AES128, AES256 = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"


def tls(text, certificate=EC):
    return LISTEN + certificate + text + " return 200 x;"


def version(sock):
    return sock.version()


def cipher(sock):
    return sock.cipher()[0]


def certificate_name(p):
    """The file whose certificate the server sends."""
    with p.connect(tls=context(), name="localhost") as link:
        der = link.sock.getpeercert(True)
    return [name for name in ("ec", "other") if ssl.PEM_cert_to_DER_cert(env.read(p.path(name + ".crt"))) == der]


def ticket_key_name(p):
    """The first byte of the session ticket: the ticket key's name starts with it."""
    done = env.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % p.port, "-tls1_2"], 15, input=b"")
    text = done.stdout.decode("utf-8", "replace")
    return text[text.index("0000 - ") + 7:][:2]


def largest_record(p):
    """The length of the largest TLS record of a large answer."""
    with p.connect() as link:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        seen = bytearray()

        def step(action):
            while True:
                try:
                    return action()
                except ssl.SSLWantReadError:
                    link.sock.sendall(outgoing.read())
                    data = link.sock.recv(65536)
                    if not data:
                        raise ConnectionError("the end came early") from None
                    seen.extend(data)
                    incoming.write(data)
        step(engine.do_handshake)
        engine.write(client.request("/large.bin", fields=[("Connection", "close")]))
        total = 0
        while total < 300000:
            total += len(step(lambda: engine.read(65536)))
    lengths, at = [], 0
    while at + 5 <= len(seen):
        length = int.from_bytes(seen[at + 3:at + 5], "big")
        lengths.append(length)
        at += 5 + length
    return max(lengths) > 8192


def starts(p):
    return p.started is None


def alone(text):
    return "events { } http { access_log off; server { %s return 200 x; } }" % (LISTEN + text)


case("ssl", "on", "off", "TLS", (200, "refused"), tls_status(), server="listen 127.0.0.1:PORT; LINE; " + EC + "return 200 x;")
case("ssl_certificate", "ec.crt", "other.crt", "process", (True, False), starts, main=alone("LINE; ssl_certificate_key ec.key;"), dead=True)
case("ssl_certificate", "ec.crt; ssl_certificate_key ec.key", "other.crt; ssl_certificate_key other.key", "TLS", (["ec"], ["other"]), certificate_name, title="ssl_certificate and its key",
     server=LISTEN + "LINE; return 200 x;")
case("ssl_certificate_key", "ec.key", "other.key", "process", (True, False), starts, main=alone("ssl_certificate ec.crt; LINE;"), dead=True)
case("ssl_password_file", "right.pass", "wrong.pass", "process", (True, False), starts, main=alone("ssl_certificate ec.crt; ssl_certificate_key locked.key; LINE;"), dead=True)
case("ssl_protocols", "TLSv1.2", "TLSv1.3", "TLS", ("TLSv1.2", "TLSv1.3"), handshake(version), server=tls("LINE;"))
case("ssl_ciphers", AES128, AES256, "TLS", (AES128, AES256), handshake(cipher, maximum=V12), server=tls("LINE;"))
case("ssl_prefer_server_ciphers", "on", "off", "TLS", (AES256, AES128), handshake(cipher, maximum=V12, ciphers=AES128 + ":" + AES256),
     server=tls("ssl_ciphers %s:%s; LINE;" % (AES256, AES128)))
case("ssl_session_cache", "shared:NAME:1m", "off", "TLS", (True, False), resumed(maximum=V12), server=tls("ssl_session_tickets off; LINE;"))
case("ssl_session_timeout", "1s", "5m", "TLS", (False, True), resumed(2.2, maximum=V12), server=tls("LINE;"))
case("ssl_session_tickets", "on", "off", "TLS", (True, False), resumed(maximum=V12), server=tls("LINE;"))
case("ssl_session_ticket_key", "ticket1.key", "ticket2.key", "TLS", ("01", "02"), ticket_key_name, server=tls("LINE;"))
case("ssl_dhparam", "dh2048.pem", "dh3072.pem", "TLS", ("2048", "3072"), s_client(r"Server Temp Key: DH, (\d+) bits", "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"),
     server=tls("ssl_ciphers HIGH; LINE;", "ssl_certificate rsa.crt; ssl_certificate_key rsa.key; "))
case("ssl_ecdh_curve", "prime256v1", "secp384r1", "TLS", ("prime256v1", "secp384r1"), s_client(r"Server Temp Key: ECDH, ([^,]*)"), server=tls("LINE;"))
case("ssl_client_certificate", "root.crt", "other.crt", "answer", (200, 400), tls_status(certificate=("direct.crt", "direct.key")),
     server=LISTEN + EC + "ssl_verify_client on; LINE; location / { proxy_pass http://BACKEND; }")
VERIFY = LISTEN + EC + "%s location / { return 200 $ssl_client_verify; }"
case("ssl_trusted_certificate", "root.crt", "ec.crt", "answer", (200, 400), tls_status(certificate=("direct.crt", "direct.key")),
     server=VERIFY % "ssl_verify_client on; ssl_client_certificate other.crt; LINE;")
case("ssl_verify_client", "on", "off", "answer", (400, 200), tls_status(), server=VERIFY % "ssl_client_certificate root.crt; LINE;")
case("ssl_verify_client", "off", "optional", "answer", ("NONE", "SUCCESS"), tls_body(certificate=("direct.crt", "direct.key")), title="ssl_verify_client optional",
     server=VERIFY % "ssl_client_certificate root.crt; LINE;")
case("ssl_verify_depth", "0", "1", "answer", (400, 200), tls_status(certificate=("chain.crt", "leaf.key")), server=VERIFY % "ssl_verify_client on; ssl_client_certificate root.crt; LINE;")
case("ssl_crl", "revoked.crl", "empty.crl", "answer", (400, 200), tls_status(certificate=("direct.crt", "direct.key")),
     server=VERIFY % "ssl_verify_client on; ssl_client_certificate root.crt; LINE;")
STAPLE = r"OCSP [Rr]esponse(?: Status)?: (no response|successful|trylater)"
case("ssl_stapling", "on", "off", "TLS", ("successful", "no response"), s_client(STAPLE, "-status"), server=tls("ssl_stapling_file staple.der; LINE;"))
case("ssl_stapling_file", "staple.der", "later.der", "TLS", ("successful", "trylater"), s_client(STAPLE, "-status"), server=tls("ssl_stapling on; LINE;"))
unseen("ssl_stapling_responder", "http://127.0.0.1:1/", "http://127.0.0.1:2/", "a responder is needed: tests/http/test_stapling.py", server=tls("ssl_stapling on; LINE;"))
unseen("ssl_stapling_verify", "on", "off", "a responder is needed: tests/http/test_stapling.py", server=tls("ssl_stapling on; LINE;"))
case("ssl_buffer_size", "4k", "16k", "TLS", (False, True), largest_record, server=LISTEN + EC + "LINE; root www-large;", files={"www-large/large.bin": b"large file\n" * 30000})
case("ssl_reject_handshake", "on", "off", "TLS", ("refused", "TLSv1.3"), handshake(version), server=tls("LINE;"))
case("ssl_verify_client", "on", "off", "answer", (421, 200), tls_status(host="b.example"), title="ssl_verify_client, host other than in the handshake",
     server="server { " + LISTEN + EC + "server_name localhost; return 200 a; }"
            " server { " + LISTEN + "server_name b.example; ssl_certificate other.crt; ssl_certificate_key other.key; ssl_client_certificate root.crt; LINE; return 200 b; }")
