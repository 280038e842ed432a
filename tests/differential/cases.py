# SPDX-License-Identifier: BSD-2-Clause
"""All cases: importing a module of them adds them to harness.Case.all."""

import cases_access
import cases_answers
import cases_client
import cases_files
import cases_more
import cases_proxy
import cases_rewrite
import cases_shapes
import cases_tls
import harness

CASES = harness.Case.all
assert all((cases_access, cases_answers, cases_client, cases_files, cases_more, cases_proxy, cases_rewrite, cases_shapes, cases_tls))
