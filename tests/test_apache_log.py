# SPDX-License-Identifier: BSD-2-Clause
"""Access logs of Apache's language: letters of a format, escaping, env=, and the log of the host instead of the main server's."""
import http.client
import os
import subprocess
import tempfile
import unittest

from lib import env, servers

SITE = r"""Listen 127.0.0.1:%(port)d
ErrorLog %(folder)s/error.log
CustomLog %(folder)s/main.log common
LogFormat "%%h %%m %%U %%q %%>s %%b %%k \"%%{X-A}i\" %%{X-B}i" mine
<VirtualHost *:%(port)d>
    ServerName a.example
    SetEnvIf Request_URI ^/quiet quiet
    CustomLog %(folder)s/host.log mine env=!quiet
    Redirect / http://b.example/
</VirtualHost>
"""


class AccessLog(unittest.TestCase):
    def test_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            port = env.free_port()
            path, table = os.path.join(folder, "site.conf"), os.path.join(folder, "site.bin")
            with open(path, "w", encoding="utf-8") as file:
                file.write(SITE % {"port": port, "folder": folder})
            self.assertEqual(subprocess.run([env.WSRPC, path, "-o", table], stderr=subprocess.DEVNULL, timeout=30, check=False).returncode, 0)
            daemon = servers.Wsrpd(folder)
            daemon.table = table
            daemon.serve([("127.0.0.1", port)])
            try:
                self.requests(port)
            finally:
                daemon.stop()
            with open(os.path.join(folder, "host.log"), encoding="utf-8") as file:
                lines = file.read().split("\n")
            self.assertRegex(lines[0], r'^127\.0\.0\.1 GET /x \?y=1 302 [1-9]\d* 0 "q\\"\\\\" -$')
            self.assertEqual(lines[1:], ['127.0.0.1 HEAD /z  302 - 2 "-" b', ""])
            self.assertFalse(os.path.exists(os.path.join(folder, "main.log")) and os.path.getsize(os.path.join(folder, "main.log")))

    def requests(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for method, target, fields in (("GET", "/x?y=1", {"X-A": 'q"\\'}), ("GET", "/quiet", {}), ("HEAD", "/z", {"X-B": "b"})):
            connection.request(method, target, headers={"Host": "a.example", **fields})
            connection.getresponse().read()
        connection.close()


if __name__ == "__main__":
    unittest.main()
