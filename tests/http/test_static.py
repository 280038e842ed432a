# SPDX-License-Identifier: BSD-2-Clause
"""Static files end to end: root, alias, index, HEAD, conditions, ranges, folders, and what must not be readable."""

import os
import time
import unittest

from lib import client, env, site

MTIME = 1700000000


class Static(site.Site):
    FILES = {"www/index.html": "<p>index", "www/a.txt": "0123456789", "www/sub/index.html": "sub", "www/bare/x": "x", "www/b.css": "b{}", "www/big.bin": bytes(range(256)) * 40000,
             "www/empty": "", "files/f.txt": "aliased", "secret.txt": "secret", "www/sub/deep/page.html": "deep"}
    CONF = """
    types { text/html html; text/plain txt; text/css css; }
    default_type application/octet-stream;
    server {
        listen @A@;
        root www;
        index index.html;
        location /alias/ { alias @DIR@/files/; }
        location = /one { alias @DIR@/files/f.txt; }
    }"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in cls.FILES:
            os.utime(os.path.join(cls.folder, name), (MTIME, MTIME))
        os.symlink("../secret.txt", os.path.join(cls.folder, "www", "link.txt"))
        env.write(os.path.join(cls.folder, "www", "private.txt"), "private", 0o600)
        os.mkfifo(os.path.join(cls.folder, "www", "fifo"))

    def test_file(self):
        answer = self.get("/a.txt")
        self.assertEqual((answer.status, answer.body, answer.get("content-type"), answer.get("content-length")), (200, b"0123456789", "text/plain", "10"))
        self.assertEqual(answer.get("last-modified"), "Tue, 14 Nov 2023 22:13:20 GMT")
        self.assertEqual(answer.get("accept-ranges"), "bytes")
        self.assertTrue(answer.get("etag"))

    def test_types(self):
        for target, kind in (("/b.css", "text/css"), ("/big.bin", "application/octet-stream"), ("/", "text/html"), ("/empty", "application/octet-stream")):
            self.assertEqual(self.get(target).get("content-type"), kind, target)

    def test_index(self):
        self.assertEqual(self.get("/").body, b"<p>index")
        self.assertEqual(self.get("/sub/").body, b"sub")

    def test_folder_without_slash(self):
        answer = self.get("/sub?x=y")
        self.assertEqual((answer.status, answer.get("location")), (301, "http://localhost:%d/sub/?x=y" % self.ports["A"]))

    def test_folder_without_index(self):
        self.assertEqual(self.get("/bare/").status, 403)

    def test_missing(self):
        for target in ("/none", "/sub/none/", "/a.txt/", "/a.txt/x", "/alias/none"):
            self.assertEqual(self.get(target).status, 404, target)

    def test_alias(self):
        self.assertEqual(self.get("/alias/f.txt").body, b"aliased")
        self.assertEqual(self.get("/one").body, b"aliased")

    def test_head(self):
        answer = self.get("/a.txt", method="HEAD")
        self.assertEqual((answer.status, answer.body, answer.get("content-length")), (200, b"", "10"))

    def test_post(self):
        self.assertEqual(self.get("/a.txt", method="POST", body=b"x").status, 405)

    def test_large(self):
        self.assertEqual(self.get("/big.bin").body, self.FILES["www/big.bin"])

    def test_large_to_a_slow_reader(self):
        before = self.memory()
        sock = self.connect(rcvbuf=8192, seconds=30)
        sock.send(client.request("/big.bin"))
        time.sleep(0.5)
        self.assertLess(self.memory() - before, 6000 * env.SLOW)
        self.assertEqual(sock.response().body, self.FILES["www/big.bin"])

    def test_conditions(self):
        etag = self.get("/a.txt").get("etag")
        for fields, status in (
                ([("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")], 304), ([("If-Modified-Since", "Mon, 13 Nov 2023 22:13:20 GMT")], 200),
                ([("If-Modified-Since", "nonsense")], 200), ([("If-None-Match", etag)], 304), ([("If-None-Match", "W/" + etag)], 304), ([("If-None-Match", "*")], 304),
                ([("If-None-Match", '"x"')], 200), ([("If-None-Match", '"x", ' + etag)], 304), ([("If-Match", etag)], 200), ([("If-Match", '"x"')], 412),
                ([("If-Unmodified-Since", "Mon, 13 Nov 2023 22:13:20 GMT")], 412), ([("If-None-Match", '"x"'), ("If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")], 200)):
            answer = self.get("/a.txt", fields=fields)
            self.assertEqual(answer.status, status, fields)
            if status == 304:
                self.assertEqual((answer.body, answer.get("etag")), (b"", etag))

    def test_ranges(self):
        etag = self.get("/a.txt").get("etag")
        for value, status, body, where in (
                ("bytes=0-3", 206, b"0123", "bytes 0-3/10"), ("bytes=7-", 206, b"789", "bytes 7-9/10"), ("bytes=-2", 206, b"89", "bytes 8-9/10"),
                ("bytes=5-100", 206, b"56789", "bytes 5-9/10"), ("bytes=-100", 206, b"0123456789", "bytes 0-9/10"), ("bytes=10-", 416, None, "bytes */10"),
                ("lines=0-3", 200, b"0123456789", None)):
            answer = self.get("/a.txt", fields=[("Range", value)])
            self.assertEqual((answer.status, answer.get("content-range")), (status, where), value)
            if body is not None:
                self.assertEqual(answer.body, body, value)
        self.assertEqual(self.get("/a.txt", fields=[("Range", "bytes=0-3"), ("If-Range", etag)]).status, 206)
        self.assertEqual(self.get("/a.txt", fields=[("Range", "bytes=0-3"), ("If-Range", '"x"')]).status, 200)

    def test_large_range(self):
        answer = self.get("/big.bin", fields=[("Range", "bytes=5000000-5999999")])
        self.assertEqual((answer.status, answer.body), (206, self.FILES["www/big.bin"][5000000:6000000]))

    def test_nothing_outside(self):
        for target in ("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub/../../secret.txt", "/alias/../secret.txt", "/alias/..%2f..%2fsecret.txt", "/alias../secret.txt",
                       "/sub/..%2f..%2f..%2f..%2fetc/passwd", "/.%2e/secret.txt", "//../secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt", "/..\\secret.txt", "/a.txt%00.html"):
            answer = self.get(target)
            self.assertIn(answer.status, (400, 403, 404), target)
            self.assertNotIn(b"secret\n", answer.body)

    def test_odd_files(self):
        start = time.monotonic()
        self.assertIn(self.get("/fifo").status, (403, 404))
        self.assertLess(time.monotonic() - start, 2 * env.SLOW, "a FIFO must not block")
        self.assertEqual(self.get("/link.txt").status, 200)
        if os.geteuid() == 0:
            self.assertEqual(self.get("/private.txt").status, 403)

    def test_pipelined_files(self):
        sock = self.connect()
        sock.send(client.request("/a.txt") * 5 + client.request("/none") + client.request("/a.txt"))
        self.assertEqual([sock.response().status for _ in range(7)], [200] * 5 + [404, 200])


if __name__ == "__main__":
    unittest.main()
