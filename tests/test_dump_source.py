# SPDX-License-Identifier: BSD-2-Clause
"""`wsrpc dump --source=nginx`: a table as text in our own language, which compiles to an equal table and is printed as the same text again.

The configurations are those of other tests: every case that is compared with httpd, random sites, the inputs of the IIS tests, one site in two dialects, the
examples and good configurations.  What is served from such a text is compared in differential/httpd/test_httpd_source.py.
"""

import glob
import os
import random
import re
import shutil
import sys
import tempfile
import unittest

from lib import canonical, env

sys.path[:0] = [os.path.join(env.TOP, "tests", "differential", "httpd"), os.path.join(env.TOP, "tools")]
import directive_table  # noqa: E402 (the folders are known only now)
import judge  # noqa: E402,F401 (first: it makes the shared harness importable)
import random_sites  # noqa: E402
import test_iis  # noqa: E402
import test_two_dialects  # noqa: E402
from cases import CASES  # noqa: E402

PLACE = re.compile(r'\s+# [^"\n]*:\d+$')
SEEDS = range(6)


# Rows that no case has, and words that would mean something else if they were not quoted or spelt out.
REST = r"""
Group staff
Listen 127.0.0.1:8443
Listen [::1]:8080
LogFormat "%h ${x} $1 %{X}e |} %%" "odd name"
LogFormat "%h %a" combined
LogFormat "%h" twice
CustomLog a.log "odd name" env=!quiet
CustomLog b.log combined "expr=%{REQUEST_STATUS} -ge 400 || -z %{REQUEST_URI}"
CustomLog c.log "%h literal"
AddType text/x-odd .odd .html
<VirtualHost 127.0.0.1:8443>
    ServerName https://Secure.Example.org:443
    ServerAlias ?.example.org *.example.*
    SSLEngine on
    SSLCertificateFile a.crt
    SSLCertificateKeyFile a.key
    SSLCertificateChainFile chain.crt
    SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256
    SSLVerifyClient require
    SSLUseStapling On
    SSLStaplingForceURL http://ocsp.example/a
    SSLStaplingResponseMaxAge 86400
    SSLStaplingResponseTimeSkew 60
    SSLStaplingStandardCacheTimeout 1800
    LogFormat "%a" twice
    CustomLog d.log twice
    SetEnv if "and"
    SetEnv "a b}c|d%41" "$1 ${y} \"quoted\" back\\slash"
    SetEnvIf not "^(or)$" to=$1 !unset
    SetEnvIfExpr "%{HTTP_HOST} == 'if' && !(%{REMOTE_ADDR} -ipmatch '10.0.0.0/8' || true)" not=yes
    RewriteEngine On
    RewriteMap files txt:map.txt
    RewriteMap low int:tolower
    RewriteCond %{REQUEST_URI} >=/m [OR]
    RewriteCond %{HTTP:X} "=" [NC]
    RewriteCond %{HTTP:X} -gt5
    RewriteRule ^/(\d+)\$(.*) "/${files:${low:$1}|if}\?x=\$1&%1\}" [L,E=a:b|c,E=!d,CO=n:v$1:.example.org,B=#?;]
    RewriteRule !^/not/ - [S=2,T=text/plain]
    RewriteRule "^/a b" "/to not" [QSD,R]
    Header set X-If "if" env=if
    Header edit X-Edit "^(a|b)$" "$1\$2 %%"
    Header onsuccess append X-Empty ""
    RequestHeader setifempty X-Always "always"
    Redirect 410 "/to"
    Redirect "/~" "http://a/$1"
    RedirectMatch 301 "^/r/(.*)$" "/s/$1?\$2"
    Alias "/if" "/srv/a b"
    ErrorDocument 403 "no ${name} here; {} # none"
    ErrorDocument 404 default
    <Location "/to">
        Require all denied
        DirectoryIndex disabled
    </Location>
    <LocationMatch "^/(?<word>if|and) ">
        <RequireAny>
            Require user "and" or
            Require not ip 10.1
        </RequireAny>
    </LocationMatch>
    <Directory "~" "^/srv/.*\.d$">
        <Files "*.h">
            Order Deny,Allow
            Deny from env=quiet 192.168.0.0/16
        </Files>
    </Directory>
</VirtualHost>
""".replace("            Require not ip 10.1\n", "")


def without_places(text):
    """The text without the comments that name lines."""
    return [PLACE.sub("", line) for line in text.split("\n") if not line.lstrip().startswith("#")]


def filled_in(text, folder):
    """A case's text with addresses and folders in their places."""
    ports = {}

    def place(found):
        name = found[1].split(".")[0]
        if name in ("DIR", "UNIX"):
            return folder + ("/socket" if name == "UNIX" else "")
        port = ports.setdefault(name, 18000 + len(ports))
        return str(port) if found[1].endswith(".port") else "127.0.0.1:%d" % port

    return re.sub(r"@([A-Z0-9]+(?:\.port)?)@", place, re.sub(r"[ \t]*#\s*drop[ \t]*$", "", text, flags=re.M))


class Source(unittest.TestCase):
    maxDiff = None
    seen = set()  # statements that stood in some text

    @classmethod
    def setUpClass(cls):
        if not os.access(env.WSRPC, os.X_OK):
            raise unittest.SkipTest("wsrpc is not built")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="wsrp-source-")
        self.addCleanup(shutil.rmtree, self.folder)

    def run_wsrpc(self, *words, status=0):
        done = env.run([env.WSRPC, *words], 60, cwd=self.folder)
        self.assertEqual(done.returncode, status, done.stderr.decode("utf-8", "replace"))
        return done

    def round_trip(self, conf, *options):
        """Table -> text -> table -> text. @return the text"""
        one, other, text = (os.path.join(self.folder, name) for name in ("one.bin", "other.bin", "source.conf"))
        self.run_wsrpc(*options, conf, "-o", one)
        printed = self.run_wsrpc("dump", "--source=nginx", one).stdout
        with open(text, "wb") as f:
            f.write(printed)
        self.run_wsrpc(text, "-o", other)
        problems = canonical.differences(canonical.canonical(one), canonical.canonical(other))
        self.assertFalse(problems, "\n".join(problem[:300] for problem in problems))
        again = self.run_wsrpc("dump", "--source=nginx", other).stdout
        printed = printed.decode("utf-8", "surrogateescape")
        self.assertEqual(without_places(printed), without_places(again.decode("utf-8", "surrogateescape")), "the text of the text is the text")
        self.seen.update(re.findall(r"(?m)^ *([a-z_0-9]+)", printed))
        return printed

    def written(self, text, name="site.conf"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def test_cases_compared_with_httpd(self):
        self.assertGreater(len(CASES), 50)
        for case in CASES:
            with self.subTest(case=case.name):
                folder = tempfile.mkdtemp(dir=self.folder)
                for path, content in case.files.items():
                    env.write(os.path.join(folder, path), content)
                self.round_trip(self.written(filled_in(case.text, folder), os.path.join(folder, "site.conf")), *case.options)

    def test_random_sites(self):
        for path, content in random_sites.FILES.items():
            env.write(os.path.join(self.folder, path), content)
        for seed in SEEDS:
            with self.subTest(seed=seed):
                rng = random.Random(seed)
                text = "\n".join(random_sites.site(rng, number).text() for number in range(20))
                self.round_trip(self.written(filled_in(text, self.folder)), *judge.DIALECT)

    def test_iis(self):
        site = test_iis.HEAD + test_iis.RULES.replace("BACKEND", "127.0.0.1:9000") + test_iis.TAIL
        path = self.written(site, "web.config")
        text = self.round_trip(path, "--listen", "127.0.0.1:8080", "--listen", "ssl:127.0.0.1:8443", "--certificate", "a.crt", "--certificate-key", "a.key")
        self.assertIn("iis on;", text)
        self.assertIn("# web.config:", text)

    def test_one_site_in_two_dialects(self):
        for name, text in (("nginx.conf", test_two_dialects.NGINX), ("httpd.conf", test_two_dialects.APACHE)):
            with self.subTest(name=name):
                self.round_trip(self.written(text.replace("ADDRESS", "127.0.0.1:8080").replace("BACKEND", "127.0.0.1:9000"), name))

    def test_nginx(self):
        """Our own language is nginx's with more in it: its tables are printed as well."""
        for conf in sorted(glob.glob(os.path.join(env.TOP, "examples", "*.conf")) + glob.glob(os.path.join(env.TOP, "tests", "conf", "good", "*.conf"))):
            with self.subTest(conf=os.path.basename(conf)):
                self.round_trip(conf)

    def test_what_the_cases_do_not_have(self):
        env.write(os.path.join(self.folder, "map.txt"), "a}b|c $1{}\ndefault x\n~tilde y\n\\\\back z\n")
        self.round_trip(self.written(REST))

    def test_no_address(self):
        self.assertIn("listen none;", self.round_trip(self.written("ProxyPass /a http://127.0.0.1:9000/\nHeader set A b\n")))

    def test_places(self):
        conf = self.written("Listen 8080\n<VirtualHost *:8080>\nServerName a\nRedirect /old http://b/\n<Location /x>\nHeader set A b\n</Location>\n</VirtualHost>\n")
        text = self.round_trip(conf)
        self.assertRegex(text, r"redirect_rule 302 /old to http://b/; # site.conf:4\n")
        self.assertRegex(text, r"section location /x \{ # site.conf:5\n +response_header set A b; # site.conf:6\n")

    def test_explain_and_lint_name_lines_of_the_text(self):
        conf = self.written("Listen 8080\n<VirtualHost *:8080>\nServerName a\nRedirect /old http://b/\n</VirtualHost>\n")
        lines = self.round_trip(conf).split("\n")
        number = 1 + next(i for i, line in enumerate(lines) if "redirect_rule" in line)
        text = os.path.join(self.folder, "source.conf")
        self.assertEqual(self.run_wsrpc("lint", text).stderr, b"")
        self.assertIn(b"source.conf:%d" % number, self.run_wsrpc("explain", os.path.join(self.folder, "other.bin"), "http://a:8080/old").stdout)

    def test_a_file_is_compiled_first(self):
        conf = self.written("Listen 8080\n<VirtualHost *:8080>\nServerName a\n</VirtualHost>\n")
        self.run_wsrpc(conf, "-o", os.path.join(self.folder, "a.bin"))
        self.assertEqual(self.run_wsrpc("dump", "--source=nginx", conf).stdout, self.run_wsrpc("dump", "--source=nginx", "a.bin").stdout)

    def test_z_every_row_is_printed(self):
        """Behind the others, which collect what stood in a text."""
        self.assertEqual({row.name for row in directive_table.rows("HTTPD")} - self.seen, set())

    def test_usage(self):
        done = self.run_wsrpc("dump", "--source=apache", os.devnull, status=2)
        self.assertIn(b"no such language to print: 'apache'", done.stderr)


if __name__ == "__main__":
    unittest.main()
