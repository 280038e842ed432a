# SPDX-License-Identifier: BSD-2-Clause
"""What the cases prove, under nginx alone: without a marked line the record is another.  A case whose answers do not depend on a line tests nothing of it.

`Coverage` counts: cases, requests, and that every directive of the first version is marked somewhere.
"""

import re
import unittest

import harness
from cases import CASES
from lib import servers

# Directives whose line cannot change a record, and why.
INVISIBLE = {
    "sendfile": "a way to copy", "tcp_nopush": "packet sizes", "tcp_nodelay": "packet times",
}
WANTED = """sendfile tcp_nopush tcp_nodelay worker_processes events worker_connections error_log pid user http include types default_type log_format access_log keepalive_timeout keepalive_requests map server listen server_name
ssl ssl_certificate ssl_certificate_key ssl_protocols ssl_ciphers ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout ssl_session_tickets ssl_dhparam ssl_ecdh_curve location root index
proxy_pass proxy_http_version proxy_set_header proxy_redirect proxy_read_timeout proxy_send_timeout proxy_connect_timeout proxy_buffering proxy_buffer_size proxy_ssl_verify proxy_ssl_name
proxy_ssl_server_name proxy_ssl_trusted_certificate add_header rewrite set if break client_max_body_size client_header_timeout client_body_timeout send_timeout upstream keepalive alias return""".split()


class Coverage(unittest.TestCase):
    """The counts that the harness promises."""

    def test_size(self):
        self.assertGreaterEqual(len(CASES), 40)
        self.assertGreaterEqual(sum(len(case.rows) for case in CASES), 400)

    def test_every_directive_is_dropped_somewhere(self):
        words = set()
        for case in CASES:
            for _, code, _ in case.lines_to_drop():
                words.update(re.findall(r"(?:^|[{;]\s*)([a-z_]+)\b", code))
        missing = [name for name in WANTED if name not in words and name not in INVISIBLE]
        self.assertFalse(missing, "no marked line has: %s" % missing)


def without_each(case):
    """What is wrong with the marks of one case, as text; None = nothing."""
    base, again = harness.record(case, servers.Nginx), harness.record(case, servers.Nginx)
    if not base.started:
        return base.seen.get("failure")
    unsteady = harness.difference({"rows": base.rows, "seen": base.seen}, {"rows": again.rows, "seen": again.seen})
    if unsteady:
        return "two runs of the same differ:\n" + "\n".join(unsteady)
    silent = ["line %d: %s" % (number + 1, code) for number, code, text in case.lines_to_drop() if harness.record(case, servers.Nginx, text) == base]
    return "nothing changes without\n" + "\n".join(silent) if silent else None


class Drop(unittest.TestCase):
    """Filled in below, one test for each case that has marked lines."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Nginx)
        cls.records = harness.together(without_each)


def add(case):
    def drop(self):
        problem = harness.result(self, case)
        if problem:
            self.fail("%s: %s" % (case.name, problem))

    if any(True for _ in case.lines_to_drop()):
        setattr(Drop, "test_%s" % case.word, drop)


for one_case in CASES:
    add(one_case)

if __name__ == "__main__":
    unittest.main()
