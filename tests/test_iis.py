# SPDX-License-Identifier: BSD-2-Clause
"""A web.config compiled and served: rules, conditions, maps, variables, actions, WebSockets over TLS and not; and what is refused, with its words."""

import os
import re
import subprocess
import unittest

from lib import client, env, websocket
from lib.backend import Backend, respond
from lib.servers import Wsrpd

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n<system.webServer>\n'
TAIL = "\n</system.webServer>\n</configuration>\n"

RULES = """<rewrite>
<rewriteMaps><rewriteMap name="Moved"><add key="/Old-Page" value="/new-page" /></rewriteMap></rewriteMaps>
<rules>
<rule name="moved" stopProcessing="true"><match url=".*" />
 <conditions><add input="{Moved:{URL}}" pattern="(.+)" /></conditions><action type="Redirect" url="{C:1}" redirectType="Found" /></rule>
<rule name="secure" stopProcessing="true"><match url="^secure/(.*)" />
 <conditions logicalGrouping="MatchAll"><add input="{HTTPS}" pattern="off" /><add input="{HTTP_X_SKIP}" pattern="^yes$" negate="true" /></conditions>
 <action type="Redirect" url="https://{HTTP_HOST}/secure/{R:1}" redirectType="Permanent" appendQueryString="false" /></rule>
<rule name="either" stopProcessing="true"><match url="^either" />
 <conditions logicalGrouping="MatchAny"><add input="{QUERY_STRING}" pattern="a=1" /><add input="{REQUEST_METHOD}" pattern="^DELETE$" /></conditions>
 <action type="CustomResponse" statusCode="418" statusReason="no" /></rule>
<rule name="both" stopProcessing="true"><match url="^both/(.*)" />
 <conditions trackAllCaptures="true"><add input="{HTTP_HOST}" pattern="^(\\w+)\\." /><add input="{QUERY_STRING}" pattern="n=(\\d+)" /></conditions>
 <action type="Redirect" url="/{C:1}/{C:2}/{R:1}" redirectType="Temporary" appendQueryString="false" /></rule>
<rule name="forbidden" stopProcessing="true"><match url="^private" /><action type="CustomResponse" statusCode="403" /></rule>
<rule name="abort" stopProcessing="true"><match url="^abort" /><action type="AbortRequest" /></rule>
<rule name="off" enabled="false"><match url=".*" /><action type="AbortRequest" /></rule>
<rule name="wild" patternSyntax="Wildcard" stopProcessing="true"><match url="wild/*/end" /><action type="Redirect" url="/{R:1}" redirectType="SeeOther" /></rule>
<rule name="exact" patternSyntax="ExactMatch" stopProcessing="true"><match url="exact.page" /><action type="CustomResponse" statusCode="410" /></rule>
<rule name="api" stopProcessing="true"><match url="^api/(.*)" />
 <serverVariables><set name="HTTP_X_PART" value="{ToLower:{R:1}}" /><set name="RESPONSE_X_Rule" value="api" /></serverVariables>
 <action type="Rewrite" url="http://BACKEND/v1/{R:1}" /></rule>
<rule name="ws" stopProcessing="true"><match url="^ws$" /><action type="Rewrite" url="http://BACKEND/ws" /></rule>
<rule name="short"><match url="^short/(.*)" /><action type="Rewrite" url="/long/{R:1}" /></rule>
<rule name="long"><match url="^long/(.*)" ignoreCase="false" /><action type="Rewrite" url="http://BACKEND/{R:1}?via=long" /></rule>
</rules>
<outboundRules><rule name="location"><match serverVariable="RESPONSE_Location" pattern="^http://BACKEND/(.*)" /><action type="Rewrite" value="/api/{R:1}" /></rule></outboundRules>
</rewrite>
<security><requestFiltering><requestLimits maxAllowedContentLength="1000" maxUrl="300" maxQueryString="100" /></requestFiltering></security>
<httpProtocol><customHeaders><add name="X-Site" value="one" /><remove name="X-Powered-By" /></customHeaders></httpProtocol>"""


def script(request):
    """A WebSocket for /ws, a redirect for /v1/gone, otherwise 200."""
    if request.target == "/ws":
        return [websocket.switching(request), ("echo",)]
    if request.target == "/v1/gone":
        return [respond(302, [("Location", "http://%s/there" % request.get("host"))], reason="Found")]
    return [respond(200, [("X-Powered-By", "test")], b"fine")]


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backend = Backend(script)
        cls.address, cls.secure = ("127.0.0.1", env.free_port()), ("127.0.0.1", env.free_port())
        cls.server = Wsrpd()
        certificate, key = env.certificate(cls.server.folder, "site.example", ["site.example"])
        cls.server.compile_options = ("--listen", "%s:%d" % cls.address, "--listen", "ssl:%s:%d" % cls.secure, "--certificate", certificate, "--certificate-key", key)
        text = HEAD + RULES.replace("BACKEND", "%s:%d" % cls.backend.address) + TAIL
        cls.server.start(text, waits=[cls.address, cls.secure], file="web.config")

    @classmethod
    def tearDownClass(cls):
        try:
            cls.server.stop()
        finally:
            cls.backend.stop()

    def ask(self, target, **more):
        return client.get(self.address, target, host=more.pop("host", "site.example"), **more)

    def redirected(self, target, status, location, **more):
        answer = self.ask(target, **more)
        self.assertEqual((answer.status, answer.get("location")), (status, location))

    def test_redirects(self):
        self.redirected("/old-page", 302, "http://site.example/new-page")
        self.redirected("/secure/a?x=1", 301, "https://site.example/secure/a")
        self.redirected("/both/z?n=42", 307, "http://site.example/site/42/z")
        self.redirected("/wild/a/b/end", 303, "http://site.example/a/b")

    def test_conditions(self):
        self.assertEqual(self.ask("/secure/a", fields=[("X-Skip", "YES")]).status, 404)
        self.assertEqual(self.ask("/either?a=1").status, 418)
        self.assertEqual(self.ask("/either", method="DELETE").status, 418)
        self.assertNotEqual(self.ask("/either?a=2").status, 418)
        self.assertEqual(self.ask("/both/z?n=x").status, 404)

    def test_answers(self):
        self.assertEqual(self.ask("/private/x").status, 403)
        self.assertEqual(self.ask("/EXACT.page").status, 410)
        self.assertEqual(self.ask("/exactXpage").status, 404)

    def test_abort(self):
        with client.Client(self.address) as c:
            c.send(client.request("/abort", host="site.example"))
            self.assertEqual(c.read_all(), b"")

    def test_proxied(self):
        self.backend.clear()
        answer = self.ask("/api/Some%20Thing?q=1")
        self.assertEqual((answer.status, answer.body, answer.get("x-rule"), answer.get("x-site"), answer.get("x-powered-by")), (200, b"fine", "api", "one", None))
        seen = self.backend.requests[-1]
        self.assertEqual(seen.target, "/v1/Some%20Thing?q=1")
        self.assertEqual(seen.get("host"), "%s:%d" % self.backend.address)
        self.assertEqual(seen.get("x-part"), "some thing")
        self.assertEqual(seen.get("x-original-url"), "/api/Some%20Thing?q=1")
        self.assertRegex(seen.get("x-forwarded-for"), r"^127\.0\.0\.1:\d+$")

    def test_rules_go_on(self):
        self.backend.clear()
        self.assertEqual(self.ask("/short/a?q=1").status, 200)
        self.assertEqual(self.backend.requests[-1].target, "/a?via=long&q=1")
        self.assertEqual(self.ask("/LONG/a").status, 404)

    def test_outbound_location(self):
        self.assertEqual(self.ask("/api/gone").get("location"), "/api/there")

    def test_limits(self):
        self.assertEqual(self.ask("/api/x", method="POST", body=b"x" * 1001).status, 413)
        self.assertEqual(self.ask("/api/x", method="POST", body=b"x" * 1000).status, 200)
        self.assertEqual(self.ask("/" + "a" * 600).status, 414)

    def test_websocket(self):
        for address, tls in ((self.address, None), (self.secure, client.tls_context())):
            with client.Client(address, tls=tls, name="site.example" if tls else None) as c:
                c.send(websocket.handshake("/ws", host="site.example"))
                self.assertEqual(c.response().status, 101)
                message = websocket.frame(b"hello")
                c.send(message)
                self.assertEqual(c.read(len(message)), message)


class Small(unittest.TestCase):
    """One small file a test."""

    def setUp(self):
        self.backend = Backend(self.script)
        self.addCleanup(self.backend.stop)
        self.address = ("127.0.0.1", env.free_port())
        self.server = Wsrpd()
        self.server.compile_options = ("--listen", "%s:%d" % self.address)
        self.fields = []

    def script(self, request):
        status = int((request.target.split("status=") + ["200"])[1][:3]) if "status=" in request.target else 200
        return [respond(status, list(self.fields), b"fine", reason="Scripted")]

    def serve(self, text):
        self.server.start(HEAD + text.replace("BACKEND", "%s:%d" % self.backend.address) + TAIL, waits=[self.address], file="web.config")
        self.addCleanup(self.server.stop)

    def ask(self, target, **more):
        return client.get(self.address, target, host="site.example", **more)

    def redirects(self, expected, status=302):
        for target, location in expected:
            answer = self.ask(target)
            self.assertEqual((answer.status, answer.get("location")), (status, location) if location else (404, None), target)

    def test_redirect_relative(self):
        self.serve('<httpRedirect enabled="true" destination="https://e.example/new" httpResponseStatus="PermRedirect" />')
        self.redirects([("/", "https://e.example/new/"), ("/a/b.htm?c=d", "https://e.example/new/a/b.htm?c=d")], 308)

    def test_redirect_exact(self):
        self.serve('<httpRedirect enabled="true" destination="https://e.example/new" exactDestination="true" />')
        self.redirects([("/", "https://e.example/new"), ("/a/b.htm?c=d", "https://e.example/new")])

    def test_redirect_child_only(self):
        self.serve('<httpRedirect enabled="true" destination="https://e.example/new/" childOnly="true" />')
        self.redirects([("/", "https://e.example/new/"), ("/b.htm?c", "https://e.example/new/b.htm?c"), ("/a/b.htm", None)])

    def test_redirect_variables_and_wildcards(self):
        self.serve('<httpRedirect enabled="true" destination="https://e.example/all$V$Q"><add wildcard="*.php" destination="https://e.example/$0.htm" />'
                   '<add wildcard="/old/*/page*" destination="/new/$1/$0" /></httpRedirect>')
        self.redirects([("/a/b.php?c=d", "https://e.example/a/b.htm"), ("/old/x/page7", "http://site.example/new/7/x"), ("/z?c=d", "https://e.example/all/z?c=d")])

    def test_redirect_off(self):
        self.serve('<httpRedirect enabled="false" destination="https://e.example/" />')
        self.redirects([("/", None)])

    OUTBOUND = """<rewrite><rules><rule name="all"><match url="(.*)" /><action type="Rewrite" url="http://BACKEND/{R:1}" /></rule></rules><outboundRules>
        <preConditions><preCondition name="moved" logicalGrouping="MatchAny"><add input="{RESPONSE_STATUS}" pattern="^30[12]$" /><add input="{RESPONSE_X_ALSO}" pattern="yes" /></preCondition>
         <preCondition name="plain"><add input="{RESPONSE_CONTENT_TYPE}" pattern="^text/plain" /></preCondition></preConditions>
        <rule name="location" preCondition="moved"><match serverVariable="RESPONSE_Location" pattern="^http://[^/]+/(.*)" />
         <conditions><add input="{REQUEST_URI}" pattern="^/app/" /></conditions><action type="Rewrite" value="https://{HTTP_HOST}/app/{R:1}" /></rule>
        <rule name="whole"><match serverVariable="RESPONSE_X_Part" pattern="inner" /><action type="Rewrite" value="all of it" /></rule>
        <rule name="add" preCondition="plain"><match serverVariable="RESPONSE_X_Added" pattern=".*" /><action type="Rewrite" value="new" /></rule>
        <rule name="not"><match serverVariable="RESPONSE_X_Not" pattern="^good" negate="true" /><action type="Rewrite" value="bad" /></rule>
        <rule name="nothing"><match serverVariable="RESPONSE_X_Part" pattern=".*" /><action type="None" /></rule>
        </outboundRules></rewrite>"""

    def answered(self, target, *fields):
        self.fields = fields
        return self.ask(target)

    def test_outbound_conditions(self):
        self.serve(self.OUTBOUND)
        there = ("Location", "http://inner.example/x/y")
        for target, fields, location in (("/app/a?status=302", [there], "https://site.example/app/x/y"), ("/other?status=302", [there], there[1]), ("/app/a?status=201", [there], there[1]),
                                         ("/app/a?status=201", [there, ("X-Also", "yes")], "https://site.example/app/x/y"), ("/app/a?status=301", [("Location", "/z")], "/z")):
            self.assertEqual(self.answered(target, *fields).get("location"), location, (target, fields))

    def test_outbound_values(self):
        self.serve(self.OUTBOUND)
        self.assertEqual(self.answered("/a", ("X-Part", "an inner part")).get("x-part"), "all of it")
        self.assertEqual(self.answered("/a", ("X-Part", "another")).get("x-part"), "another")
        self.assertIsNone(self.answered("/a").get("x-part"))
        self.assertEqual(self.answered("/a", ("Content-Type", "text/plain")).get("x-added"), "new")
        self.assertEqual(self.answered("/a", ("Content-Type", "text/plain"), ("X-Added", "old")).get("x-added"), "new")
        self.assertIsNone(self.answered("/a", ("Content-Type", "text/html")).get("x-added"))
        self.assertEqual([self.answered("/a", ("X-Not", value)).get("x-not") for value in ("goodness", "other")], ["goodness", "bad"])
        self.assertEqual(self.answered("/a").get("x-not"), "bad")

    def test_fields_of_own_answers(self):
        """customHeaders and outbound rules are for every answer, redirectHeaders for redirects that are made here."""
        self.serve("""<httpProtocol><customHeaders><add name="X-Custom" value="c" /></customHeaders><redirectHeaders><clear /><add name="X-Moved" value="m" /></redirectHeaders></httpProtocol>
            <rewrite><rules><rule name="a" stopProcessing="true"><match url="^old" /><action type="Redirect" url="http://inner.example/x" redirectType="Found" /></rule>
            <rule name="b" stopProcessing="true"><match url="^closed" /><action type="CustomResponse" statusCode="403" /></rule>
            <rule name="c"><match url="^up/(.*)" /><action type="Rewrite" url="http://BACKEND/{R:1}" /></rule></rules>
            <outboundRules><rule name="add"><match serverVariable="RESPONSE_Strict_Transport_Security" pattern=".*" /><action type="Rewrite" value="max-age=1" /></rule>
            <rule name="location"><match serverVariable="RESPONSE_Location" pattern="^http://inner\\.example/(.*)" /><action type="Rewrite" value="https://site.example/{R:1}" /></rule>
            <rule name="errors" preCondition="bad"><match serverVariable="RESPONSE_X_Error" pattern=".*" /><action type="Rewrite" value="{RESPONSE_STATUS}" /></rule>
            <preConditions><preCondition name="bad"><add input="{RESPONSE_STATUS}" pattern="^[45]" /></preCondition></preConditions></outboundRules></rewrite>""")
        for target, status, moved, error in (("/old", 302, "m", None), ("/closed", 403, None, "403"), ("/none", 404, None, "404"), ("/up/x", 200, None, None), ("/up/x?status=302", 302, None, None), ("/up/x?status=503", 503, None, "503")):
            answer = self.answered(target)
            self.assertEqual((answer.status, answer.get("x-custom"), answer.get("strict-transport-security"), answer.get("x-moved"), answer.get("x-error")), (status, "c", "max-age=1", moved, error), target)
        self.assertEqual(self.ask("/old").get("location"), "https://site.example/x")

    def test_backend_hosts_in_answers(self):
        self.serve('<proxy enabled="true" reverseRewriteHostInResponseHeaders="true" timeout="00:00:30" />'
                   '<rewrite><rules><rule name="all"><match url="(.*)" /><action type="Rewrite" url="http://BACKEND/{R:1}" /></rule></rules></rewrite>')
        self.assertEqual(self.answered("/a?status=302", ("Location", "http://%s:%d/x?y" % self.backend.address)).get("location"), "http://site.example/x?y")
        self.assertEqual(self.answered("/a?status=302", ("Location", "http://else.example/x")).get("location"), "http://else.example/x")

    def test_timeout(self):
        self.backend.script = lambda request: [("pause", 3), respond(200, [], b"late")]
        self.serve('<proxy enabled="true" timeout="00:00:01" /><rewrite><rules><rule name="all"><match url="(.*)" /><action type="Rewrite" url="http://BACKEND/{R:1}" /></rule></rules></rewrite>')
        self.assertEqual(self.ask("/a").status, 502)


class Refused(unittest.TestCase):
    def compile(self, text, *options):
        folder = env.scratch("wsrp-iis")
        path = os.path.join(folder, "web.config")
        env.write(path, text)
        done = subprocess.run([env.WSRPC, path, "-o", path + ".bin", *options], stderr=subprocess.PIPE, timeout=30, check=False)
        return done.returncode, done.stderr.decode()

    def expect(self, body, check, words, *options):
        code, said = self.compile(HEAD + body + TAIL, *(options or ("--listen", "127.0.0.1:80")))
        self.assertEqual(code, 1, said)
        self.assertIn("[%s]" % check, said)
        self.assertIn(words, said)
        return said

    def rule(self, inside):
        return '<rewrite><rules><rule name="r">%s</rule></rules></rewrite>' % inside

    FULL = '<match url="^https://www\\.example\\.org(:443)?/ws/(.*)" /><action type="Rewrite" url="http://127.0.0.1:9/{R:2}" />'

    def test_full_url(self):
        said = self.expect(self.rule(self.FULL), "iis-full-url", "can never match")
        self.assertIn('url="^ws/(.*)"', said)
        self.assertRegex(said, r"web\.config:4:\d+: error")

    def test_assume_full_url(self):
        code, said = self.compile(HEAD + self.rule(self.FULL) + TAIL, "--listen", "127.0.0.1:80", "--assume-full-url")
        self.assertEqual((code, said), (0, ""))

    def test_placeholder(self):
        self.expect(self.rule('<match url="(.*)" /><action type="Rewrite" url="http://&lt;server&gt;/{R:1}" />'), "iis-placeholder", "'<server>'")

    def test_bindings(self):
        self.expect(self.rule('<match url="x" /><action type="None" />'), "iis-bindings", "--listen", "--strict")

    def test_unknown_variable(self):
        self.expect(self.rule('<match url="x" /><action type="Redirect" url="/{NO_SUCH}" />'), "unknown-variable", "{NO_SUCH}")

    def test_attribute(self):
        self.expect(self.rule('<match uri="x" /><action type="None" />'), "argument", "<match> has no attribute 'uri'")
        self.expect(self.rule('<match url="x" /><action type="Rewrit" url="/" />'), "argument", "'Rewrit' is none of")

    def test_outbound(self):
        rules = "<rewrite><outboundRules>%s</outboundRules></rewrite>"
        self.expect(rules % '<rule name="r"><match filterByTags="A, Img" pattern="x" /><action type="Rewrite" value="y" /></rule>', "unsupported-directive", "for the body is not compiled")
        self.expect(rules % '<rule name="r" preCondition="none"><match serverVariable="RESPONSE_A" pattern="x" /><action type="Rewrite" value="y" /></rule>', "argument", "there is no <preCondition>")
        self.expect(rules % '<rule name="r"><match serverVariable="RESPONSE_A" pattern="x" /><action type="Redirect" url="y" /></rule>', "argument", "Rewrite or None")

    def test_settings(self):
        self.expect('<proxy timeout="2 minutes" />', "duration", "hours:minutes:seconds")
        self.expect('<security><requestFiltering><verbs><add verb="TRACE" allowed="false" /></verbs></requestFiltering></security>', "unsupported-directive", "{REQUEST_METHOD}")
        self.expect('<httpRedirect enabled="true" />', "argument", "no destination")

    def test_what_other_settings_change(self):
        body = ('<httpErrors errorMode="Custom"><remove statusCode="404" /><error statusCode="404" path="/e.htm" responseMode="ExecuteURL" /></httpErrors>'
                '<staticContent><mimeMap fileExtension=".a" mimeType="a/b" /><clientCache cacheControlMode="UseMaxAge" cacheControlMaxAge="1.00:00:00" /></staticContent>'
                '<defaultDocument enabled="true"><files><clear /><add value="i.htm" /></files></defaultDocument><urlCompression doDynamicCompression="true" />')
        code, said = self.compile(HEAD + body + TAIL, "--listen", "127.0.0.1:80")
        self.assertEqual(code, 0, said)
        self.assertEqual(re.findall(r"<(\w+)>:", said), ["httpErrors", "error", "clientCache", "urlCompression"])
        self.assertNotIn("is not read", said)
        for name in ("fileExtensions", "hiddenSegments", "denyUrlSequences", "denyQueryStringSequences", "filteringRules"):
            self.expect("<security><requestFiltering><%s /></requestFiltering></security>" % name, "unsupported-directive", "CustomResponse")

    def test_xml(self):
        self.expect("<rewrite>", "syntax", "not well-formed XML: mismatched tag")
        code, said = self.compile('<!DOCTYPE a [<!ENTITY b "c">]>' + HEAD.split("\n", 1)[1] + TAIL, "--listen", "80", "--dialect", "iis")
        self.assertEqual(code, 1)
        self.assertIn("DOCTYPE", said)

    def test_unread_element_is_told(self):
        code, said = self.compile(HEAD + '<handlers><add name="x" /></handlers>' + TAIL, "--listen", "127.0.0.1:80")
        self.assertEqual(code, 0)
        self.assertEqual(len(re.findall("<handlers> in <system.webServer> is not read", said)), 1)

    def test_regular_expression(self):
        self.expect(self.rule('<match url="(x" /><action type="None" />'), "regex", "(x")


if __name__ == "__main__":
    unittest.main()
