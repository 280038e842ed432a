# SPDX-License-Identifier: BSD-2-Clause
"""The command line of wsrpc: results, exit statuses, files written whole or not at all, the same bytes everywhere."""
import os
import resource
import shutil
import stat
import subprocess
import tempfile
import unittest

from lib import env

WSRPC = env.WSRPC

GOOD = "server {\n    listen 127.0.0.1:8080;\n    include common;\n    location / { proxy_pass http://127.0.0.1:9; }\n}\n"
COMMON = "proxy_read_timeout 5s;\n"
BAD = "server {\n    listen 127.0.0.1:8080\n    sendfile maybe;\n}\n"


def limit_time():
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (32 << 20, 32 << 20))


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="wsrpc-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("good.conf", GOOD)
        self.write("common", COMMON)
        self.write("bad.conf", BAD)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_it(self, *args, status=0, **options):
        options.setdefault("cwd", self.folder)
        done = subprocess.run([WSRPC, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, **options)
        self.assertEqual(done.returncode, status, done.stderr.decode("utf-8", "replace"))
        return done

    # -- what is written

    def test_compile(self):
        done = self.run_it("good.conf", "-o", "site.bin")
        self.assertEqual(done.stdout, b"")
        self.assertTrue(self.read("site.bin").startswith(b"WSRTABLE"))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("site.bin")).st_mode), 0o644 & ~self.umask())
        self.run_it("compile", "good.conf", "-o", "again.bin")
        self.assertEqual(self.read("site.bin"), self.read("again.bin"))

    @staticmethod
    def umask():
        mask = os.umask(0)
        os.umask(mask)
        return mask

    def test_standard_output_and_input(self):
        self.run_it("good.conf", "-o", "site.bin")
        self.assertEqual(self.run_it("good.conf", "-o", "-").stdout, self.read("site.bin"))
        done = self.run_it("-", "--stdin-filename", "good.conf", "-o", "-", input=GOOD.encode())
        self.assertEqual(done.stdout, self.read("site.bin"))
        elsewhere = self.run_it("-", "--stdin-filename", self.path("good.conf"), "-o", "-", input=GOOD.encode(), cwd="/")
        self.assertTrue(elsewhere.stdout.startswith(b"WSRTABLE"))
        done = self.run_it("lint", "-", input=b"zzz;\n", status=1)
        self.assertIn(b"standard input:1:1: error: unknown directive 'zzz'", done.stderr)

    def test_same_bytes_in_any_folder_and_locale(self):
        self.run_it("good.conf", "-o", "site.bin")
        other = self.path("other")
        os.mkdir(other)
        shutil.copy(self.path("good.conf"), other)
        shutil.copy(self.path("common"), other)
        done = self.run_it("good.conf", "-o", "-", cwd=other, env={"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo", "PATH": os.environ["PATH"]})
        self.assertEqual(done.stdout, self.read("site.bin"))

    def test_failed_compile_leaves_the_old_table(self):
        self.run_it("good.conf", "-o", "site.bin")
        before = os.stat(self.path("site.bin"))
        self.run_it("bad.conf", "-o", "site.bin", status=1)
        after = os.stat(self.path("site.bin"))
        self.assertEqual((before.st_ino, before.st_mtime_ns, before.st_size), (after.st_ino, after.st_mtime_ns, after.st_size))
        self.run_it("bad.conf", "-o", "new.bin", status=1)
        self.assertFalse(os.path.exists(self.path("new.bin")))
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")], [])

    def test_replaced_by_rename(self):
        self.write("site.bin", "in use")
        with open(self.path("site.bin"), "rb") as held:
            self.run_it("good.conf", "-o", "site.bin")
            self.assertEqual(held.read(), b"in use")
        self.assertTrue(self.read("site.bin").startswith(b"WSRTABLE"))

    def test_cannot_write(self):
        done = self.run_it("good.conf", "-o", "no/such/folder/site.bin", status=2)
        self.assertIn(b"cannot write 'no/such/folder/site.bin': No such file or directory", done.stderr)
        os.mkdir(self.path("folder"))
        self.run_it("good.conf", "-o", "folder", status=2)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")], [])

    def test_full_device(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([WSRPC, "good.conf", "-o", "-"], cwd=self.folder, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"No space left on device", done.stderr)

    def test_pipe_is_written_to_and_stays(self):
        """A name that is no regular file cannot be replaced by a rename: -o /dev/null must not remove the device."""
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            self.run_it("good.conf", "-o", pipe)
            self.assertEqual(os.read(reader, 8), b"WSRTABLE")
            self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode))
        finally:
            os.close(reader)

    def test_depfile(self):
        self.write("a b#$.conf", COMMON)
        self.write("main.conf", GOOD.replace("include common;", "include common; location /x { include 'a b#$.conf'; } location /y { include common; }"))
        self.run_it("main.conf", "-o", "site.bin", "--depfile", "site.d")
        self.assertEqual(self.read("site.d").decode(), "site.bin: \\\n  main.conf \\\n  common \\\n  a\\ b\\#$$.conf\n")
        self.run_it("main.conf", "-o", "-", "--depfile", "site.d", status=2)

    # -- messages and exit statuses

    def test_lint(self):
        self.assertEqual(self.run_it("lint", "good.conf").stdout, b"")
        done = self.run_it("lint", "good.conf", "bad.conf", "bad.conf", status=1)
        self.assertEqual(done.stderr.count(b"missing ';' after 'listen 127.0.0.1:8080'"), 2)
        self.assertEqual(done.stderr.count(b"'maybe' is not allowed here"), 2)
        self.assertNotIn(b"\033", done.stderr)

    def test_usage(self):
        for args in ([], ["good.conf"], ["-o", "x"], ["good.conf", "bad.conf", "-o", "x"], ["--nonsense"], ["lint"], ["lint", "-o", "x", "good.conf"],
                     ["good.conf", "-o", "x", "-W", "no-such-check"], ["good.conf", "-o"], ["help", "no_such_directive"]):
            with self.subTest(args):
                self.assertNotEqual(self.run_it(*args, status=2).stderr, b"")
        self.assertFalse(os.path.exists(self.path("x")))

    def test_unreadable_main_file(self):
        done = self.run_it("lint", "none.conf", status=2)
        self.assertIn(b"'none.conf': No such file or directory", done.stderr)
        self.run_it("lint", ".", status=2)

    def test_levels(self):
        self.write("old.conf", "server { listen 80; ssl off; }")
        self.run_it("lint", "old.conf")
        self.run_it("lint", "-E", "obsolete-directive", "old.conf", status=1)
        self.run_it("lint", "-E", "all", "old.conf", status=1)
        done = self.run_it("lint", "-W", "no-obsolete-directive", "old.conf")
        self.assertNotIn(b"obsolete", done.stderr)
        self.write("missing.conf", "server { include none.conf; }")
        self.run_it("lint", "missing.conf", status=1)
        self.run_it("lint", "-W", "include-missing", "missing.conf")

    def test_strict(self):
        self.write("types.conf", "http { include mime.types; server { listen 80; } }")
        self.run_it("lint", "types.conf")
        self.run_it("lint", "--strict", "types.conf", status=1)

    def test_check_files(self):
        self.write("tls.conf", "server { listen 443 ssl; ssl_certificate a.pem; ssl_certificate_key a.key; }")
        self.run_it("lint", "tls.conf")
        done = self.run_it("lint", "--check-files", "tls.conf", status=1)
        self.assertEqual(done.stderr.count(b"[file-unreadable]"), 2)
        self.write("a.pem", "")
        self.write("a.key", "")
        self.run_it("lint", "--check-files", "tls.conf")

    # -- what it tells about itself

    def test_version_and_help(self):
        self.assertRegex(self.run_it("--version").stdout.decode(), r"^wsrpc \d+\.\d+\.\d+\nwrites table format \d+\.\d+\n$")
        usage = self.run_it("--help").stdout
        self.assertEqual(usage, self.run_it("help").stdout)
        for word in (b"--depfile", b"--strict", b"lint", b"explain", b"dump"):
            self.assertIn(word, usage)

    def test_help_on_directives(self):
        text = self.run_it("help", "proxy_read_timeout").stdout.decode()
        self.assertIn("proxy_read_timeout <duration>\n", text)
        self.assertIn("In: http, server, location. Default: 60s.", text)
        self.assertIn("not compiled", self.run_it("lint", "-", input=b"location / { fastcgi_pass a:1; }", status=1).stderr.decode())
        self.assertIn("use proxy_pass", self.run_it("help", "fastcgi_pass").stdout.decode())
        self.assertIn("gzip_*", self.run_it("help", "gzip_vary").stdout.decode())
        self.assertGreater(self.run_it("--directives").stdout.count(b"\n"), 1000)

    def test_dump_tree(self):
        text = self.run_it("dump", "--stage=tree", "good.conf").stdout.decode()
        self.assertIn("http {  # good.conf:1, inferred\n", text)
        self.assertIn("proxy_read_timeout 5s;  # common:1\n", text)

    # -- limits

    def largest(self, *args):
        """Compile; the most memory that the compiler held, in KB."""
        process = subprocess.Popen([WSRPC, *args], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=limit_time)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss

    def test_many_apache_hosts(self):
        """Cost grows with the number of hosts, not with its square: hosts do not look through each other, nor sections through the whole file."""
        host = "<IfModule mod_ssl.c>\n<VirtualHost *:8080>\nServerName a%d.example\nRewriteEngine On\nProxyPass / http://127.0.0.1:%d/\n</VirtualHost>\n</IfModule>\n"
        for count in (5000, 40000):
            self.write("%d.conf" % count, "Listen 127.0.0.1:8080\n<Location /s>\nRequire all denied\n</Location>\n" +
                       "".join(host % (i, 9000 + i % 50) for i in range(count)))
        few, many = (self.largest("--dialect=apache", name, "-o", "hosts.bin") for name in ("5000.conf", "40000.conf"))
        self.assertLess(many, 12 * few)

    def test_out_of_memory(self):
        if b"asan" in subprocess.run(["ldd", WSRPC], stdout=subprocess.PIPE, check=True).stdout:
            return  # the sanitizers' own address space leaves nothing to limit
        self.write("large.conf", "http {\n" + "server { listen 80; server_name a.example.org; }\n" * 100000 + "}\n")
        done = self.run_it("large.conf", "-o", "site.bin", status=2, preexec_fn=limit_memory)
        self.assertEqual(done.stderr, b"wsrpc: out of memory\n")
        self.assertFalse(os.path.exists(self.path("site.bin")))


if __name__ == "__main__":
    unittest.main()
