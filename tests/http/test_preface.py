# SPDX-License-Identifier: BSD-2-Clause
"""The PROXY protocol in front of requests: a header that comes in pieces, one in front of TLS, clients that send none or leave."""

import os
import socket
import ssl
import time
import unittest

from lib import env, servers

CONF = """
RemoteIPProxyProtocol On
RequestReadTimeout header=1
<VirtualHost 127.0.0.1:%d>
    ServerName plain.example
    DocumentRoot %s
    Header set X-Client "expr=%%{REMOTE_ADDR}"
</VirtualHost>
<VirtualHost 127.0.0.1:%d>
    ServerName plain.example
    SSLEngine On
    SSLCertificateFile server.crt
    SSLCertificateKeyFile server.key
    DocumentRoot %s
    Header set X-Client "expr=%%{REMOTE_ADDR}"
</VirtualHost>
"""
HEADER = b"PROXY TCP4 192.0.2.5 10.0.0.1 1111 80\r\n"
REQUEST = b"GET /f HTTP/1.1\r\nHost: plain.example\r\nConnection: close\r\n\r\n"


def everything(sock):
    """All until the end; what the server did not read makes it a reset."""
    got = b""
    while True:
        try:
            data = sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return got
        got += data


class Preface(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.require(servers.Wsrpd)
        cls.folder = env.scratch("wsrp-preface")
        cls.plain, cls.tls = env.free_port(), env.free_port()
        env.certificate(cls.folder, "server", ["plain.example"])
        env.write(os.path.join(cls.folder, "f"), "content\n")
        os.chmod(cls.folder, 0o755)
        cls.server = servers.Wsrpd(cls.folder)
        cls.server.compile_options = ("--dialect=apache",)
        text = CONF % (cls.plain, cls.folder, cls.tls, cls.folder)
        cls.server.start(text, [("127.0.0.1", cls.plain), ("127.0.0.1", cls.tls)])

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def connect(self, port):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.addCleanup(sock.close)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def test_one_byte_at_a_time(self):
        sock = self.connect(self.plain)
        for byte in HEADER + REQUEST[:20]:
            sock.sendall(bytes([byte]))
            time.sleep(0.002)
        sock.sendall(REQUEST[20:])
        got = everything(sock)
        self.assertIn(b"HTTP/1.1 200", got)
        self.assertIn(b"X-Client: 192.0.2.5\r\n", got)

    def test_in_front_of_tls(self):
        sock = self.connect(self.tls)
        sock.sendall(HEADER)
        context = ssl._create_unverified_context()
        secure = context.wrap_socket(sock, server_hostname="plain.example")
        self.addCleanup(secure.close)
        secure.sendall(REQUEST)
        self.assertIn(b"X-Client: 192.0.2.5\r\n", everything(secure))

    def test_silence_ends(self):
        sock = self.connect(self.plain)
        sock.sendall(HEADER[:10])
        start = time.monotonic()
        self.assertEqual(everything(sock), b"")
        self.assertGreater(time.monotonic() - start, 0.5)

    def test_who_leaves_is_forgotten(self):
        self.connect(self.plain).close()
        half = self.connect(self.plain)
        half.sendall(HEADER[:10])
        half.close()
        sock = self.connect(self.plain)
        sock.sendall(HEADER + REQUEST)
        self.assertIn(b"HTTP/1.1 200", everything(sock))

    def test_none(self):
        sock = self.connect(self.plain)
        sock.sendall(REQUEST)
        self.assertEqual(everything(sock), b"")


if __name__ == "__main__":
    unittest.main()
