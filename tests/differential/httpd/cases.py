# SPDX-License-Identifier: BSD-2-Clause
"""All cases of the Apache dialect: importing a module of them adds them to judge.HttpdCase.all."""

import judge  # first: it makes the shared harness importable
import cases_access
import cases_files
import cases_host
import cases_more
import cases_proxy
import cases_published
import cases_rewrite
import cases_route
import cases_rules
import cases_shapes
import cases_slow
import cases_tls

CASES = judge.HttpdCase.all
assert all((cases_access, cases_files, cases_host, cases_more, cases_proxy, cases_published, cases_rewrite, cases_route, cases_rules, cases_shapes, cases_slow, cases_tls))
