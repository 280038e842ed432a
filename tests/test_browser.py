# SPDX-License-Identifier: BSD-2-Clause
"""Chromium, headless, drives the quickstart page: connects, sends, reads the echo, the protocol and the rule that answered."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import unittest
import urllib.request

from lib import env, processes, servers

try:
    import websockets
except ImportError:
    websockets = None

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One tab, driven over the DevTools protocol."""

    def __init__(self, peer):
        self.peer = peer
        self.count = 0

    async def call(self, method, **parameters):
        self.count += 1
        number = self.count
        await self.peer.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(await asyncio.wait_for(self.peer.recv(), 30 * env.SLOW))
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(answer["error"])
                return answer["result"]

    async def value(self, expression):
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, expression, wanted, seconds=15):
        value = None
        for _ in range(int(seconds * env.SLOW * 20)):
            value = await self.value(expression)
            if value == wanted if not callable(wanted) else wanted(value):
                return value
            await asyncio.sleep(0.05)
        raise AssertionError("%s is %r" % (expression, value))


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.require(servers.Wsrpd)
        if CHROMIUM is None:
            raise unittest.SkipTest("chromium is not installed")
        if websockets is None:
            raise unittest.SkipTest("python3-websockets is not installed")
        cls.https, cls.http, cls.echo = env.free_port(), env.free_port(), env.free_port()
        cls.folder = env.scratch("wsrp-browser")
        cls.site = cls.launch("quickstart", [os.path.join(env.TOP, "tools", "quickstart.sh"), env.BUILD],
                              QUICKSTART_HTTPS_PORT=str(cls.https), QUICKSTART_HTTP_PORT=str(cls.http), QUICKSTART_ECHO_PORT=str(cls.echo), QUICKSTART_DIR=cls.folder + "/site")
        try:
            env.wait_until(lambda: env.accepts(("127.0.0.1", cls.https)) and env.accepts(("127.0.0.1", cls.echo)), 60, "quickstart: " + env.read(cls.folder + "/quickstart.log"))
            cls.browser = cls.launch("chromium", [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors", "--no-first-run",
                                                  "--disable-background-networking", "--no-proxy-server", "--remote-debugging-port=0", "--remote-allow-origins=*",
                                                  "--user-data-dir=" + cls.folder + "/profile", "about:blank"], HOME=cls.folder)
        except BaseException:
            cls.end(cls.site)
            raise
        port_file = os.path.join(cls.folder, "profile", "DevToolsActivePort")
        try:
            env.wait_until(lambda: env.read(port_file).count("\n"), 60, "chromium")
        except TimeoutError:
            cls.tearDownClass()
            raise AssertionError("chromium did not start:\n" + env.read(cls.folder + "/chromium.log")[-3000:]) from None
        cls.debug_port = int(env.read(port_file).split("\n")[0])

    @classmethod
    def launch(cls, name, command, **environ):
        with open(os.path.join(cls.folder, name + ".log"), "wb") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, **environ), process_group=0)

    @classmethod
    def end(cls, process):
        processes.end(process, signal.SIGTERM, 15 * env.SLOW)

    @classmethod
    def tearDownClass(cls):
        cls.end(cls.browser)
        cls.end(cls.site)

    def drive(self, steps):
        """Run steps(page) on the quickstart page."""
        async def run():
            with urllib.request.urlopen("http://127.0.0.1:%d/json/list" % self.debug_port, timeout=20) as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            async with websockets.connect(tabs[0]["webSocketDebuggerUrl"], max_size=None) as peer:
                page = Page(peer)
                await page.call("Page.enable")
                await page.call("Page.navigate", url="https://localhost:%d/" % self.https)
                await page.until("location.protocol + document.readyState + !!document.getElementById('connect')", "https:completetrue")
                await steps(page)

        asyncio.run(asyncio.wait_for(run(), 90 * env.SLOW))

    def test_page(self):
        async def steps(page):
            self.assertEqual(await page.value("document.getElementById('url').value"), "wss://localhost:%d/ws" % self.https)
            await page.value("document.getElementById('connect').click()")
            await page.until("document.getElementById('state').textContent", "open")
            self.assertEqual(await page.value("document.getElementById('protocol').textContent"), "echo.v1")
            rule = await page.until("document.getElementById('rule').textContent", lambda text: re.search(r"quickstart\.conf:\d+", text or ""))
            with open(os.path.join(env.TOP, "examples", "quickstart.conf"), encoding="utf-8") as handle:
                line = handle.read().splitlines()[int(re.search(r":(\d+)", rule)[1]) - 1]
            self.assertIn("location /ws", line)
            await page.value("document.getElementById('message').value = 'through the tunnel \\u00e9'; document.getElementById('send').click()")
            await page.until("[...document.querySelectorAll('#log .got')].map(one => one.textContent).join('|')", lambda text: "through the tunnel \u00e9" in (text or ""))
            await page.value("document.getElementById('connect').click()")
            await page.until("document.getElementById('state').textContent", "closed")

        self.drive(steps)

    def test_redirect(self):
        async def steps(page):
            await page.call("Page.navigate", url="http://localhost:%d/" % self.http)
            await page.until("location.href + document.readyState", "https://localhost:%d/complete" % self.https)

        self.drive(steps)


if __name__ == "__main__":
    unittest.main()
