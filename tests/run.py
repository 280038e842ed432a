#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run every test of the project and count.

In: a build folder (--build) with the programs, the unit tests and the fuzz targets made by `make check`.
Out: a line for each suite, the details of failures only, and as the last line alone "N passed, N failed, N skipped".
Exit code 1 when anything failed, or was skipped while the variable CI is set.

Every suite is a process of its own in its own session with a deadline, so that a hanging test costs its bound and no more: whatever of the
session is left then, servers in process groups of their own too, is killed.  Python test modules report each test as a line of JSON on a pipe (see run_module); cmocka reports TAP.
Invariant: a suite which ends without having reported anything, or which dies, counts as a failure.
"""

import argparse
import concurrent.futures
import glob
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from lib import processes

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
SANITIZER = re.compile(rb"ERROR: (?:Address|Leak|Thread|Memory)Sanitizer|runtime error:|LeakSanitizer: detected")


class Outcome:
    """What one suite did: counts, the text of each failure and the reason of each skip."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failures = []  # (test, text)
        self.skips = []  # (test, reason)
        self.seconds = 0.0

    def fail(self, test, text):
        self.failures.append((test, text))

    def skip(self, test, reason):
        self.skips.append((test, reason))


def bounded(command, seconds, env=None, pass_fds=()):
    """Run a command in its own session; return (exit code or None when it ran out of time, output)."""
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=TOP, env=env,
                                 start_new_session=True, pass_fds=pass_fds)
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            processes.kill(processes.of_session(child.pid))
            child.wait()
        out.seek(0)
        return code, out.read()


def text(data, limit=8000):
    """Bytes for the terminal, the end of it when it is long."""
    shown = data.decode("utf-8", "replace")
    return shown if len(shown) <= limit else "[...]\n" + shown[-limit:]


# --- kinds of suites ------------------------------------------------------------------------------------------------

def run_layers(options):
    outcome = Outcome("layers")
    code, out = bounded(["make", "-s", "layers", "BUILD=" + options.build], 60)
    if code == 0:
        outcome.passed = 1
    else:
        outcome.fail("make layers", text(out))
    return outcome


def run_unit(path, options):
    """A cmocka program speaks TAP; a failure's reason follows as lines that start with '#'."""
    outcome = Outcome("unit " + os.path.basename(path))
    code, out = bounded([path], options.unit_seconds, dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", **options.sanitizer))
    current = None
    for line in out.decode("utf-8", "replace").splitlines():
        found = re.match(r"(not ok|ok) \d+ (?:- (.*)|# SKIP (.*))$", line)
        if found is None:
            if line.startswith("#") and current is not None:
                current.append(line[1:].strip())
            continue
        current = None
        if found[3] is not None:
            outcome.skip(found[3], "skipped by the program")
        elif found[1] == "ok":
            outcome.passed += 1
        else:
            current = []
            outcome.fail(found[2], current)
    outcome.failures = [(name, "\n".join(lines)) for name, lines in outcome.failures]
    if code is None:
        outcome.fail("(program)", "no end after %d s\n%s" % (options.unit_seconds, text(out)))
    elif SANITIZER.search(out) or (code != 0 and not outcome.failures and not outcome.skips):
        outcome.fail("(program)", "exit code %d\n%s" % (code, text(out)))
    elif not (outcome.passed or outcome.failures or outcome.skips):
        outcome.fail("(program)", "reported no test\n" + text(out))
    return outcome


def run_fuzz(path, options):
    """A libFuzzer target: its corpus, then a bounded number of new inputs and a bounded time."""
    name = os.path.basename(path)
    outcome = Outcome("fuzz " + name)
    with tempfile.TemporaryDirectory(prefix="wsrp-fuzz-") as work:
        found, grown = os.path.join(work, "found-"), os.path.join(work, "corpus")
        os.mkdir(grown)
        command = [path, "-seed=1", "-runs=%d" % options.fuzz_runs, "-max_total_time=%d" % options.fuzz_seconds, "-timeout=10",
                   "-rss_limit_mb=2048", "-verbosity=0", "-artifact_prefix=" + found, grown]
        seeds = os.path.join(HERE, "corpus", name)
        if os.path.isdir(seeds):
            command.append(seeds)
        code, out = bounded(command, options.fuzz_seconds + 60)
        if code == 0:
            outcome.passed = 1
        else:
            report = text(out)
            for crash in glob.glob(found + "*"):
                kept = os.path.join(options.build, "tests", "fuzz", name + "-" + os.path.basename(crash))
                shutil.copy(crash, kept)
                report += "\ninput kept as %s\n" % kept
            outcome.fail(name, report)
    return outcome


def run_python(path, options):
    """A module of unittest tests, in a child of this program which reports on a pipe."""
    outcome = Outcome(os.path.relpath(path, HERE))
    read_end, write_end = os.pipe()
    logs = tempfile.mkdtemp(prefix="wsrp-san-")
    os.chmod(logs, 0o777)  # workers that dropped their rights write here too
    env = dict(os.environ, BUILD=options.build, WSRP_REPORT_DIR=logs, PYTHONDONTWRITEBYTECODE="1", **options.sanitizer)
    for variable in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        env[variable] = ":".join(filter(None, [env.get(variable), "log_path=%s/report" % logs]))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        report = pool.submit(lambda: os.fdopen(read_end, "r", encoding="utf-8").read())
        command = [sys.executable, os.path.abspath(__file__), "--child", path, "--report-fd", str(write_end)]
        if options.match:
            command += ["--match", options.match]
        code, out = bounded(command, options.module_seconds, env, pass_fds=(write_end,))
        os.close(write_end)
        lines = report.result(30)
    for line in lines.splitlines():
        row = json.loads(line)
        if row["what"] == "pass":
            outcome.passed += 1
        elif row["what"] == "skip":
            outcome.skip(row["test"], row["text"])
        else:
            outcome.fail(row["test"], row["text"])
    for report_file in sorted(glob.glob(os.path.join(logs, "*"))):
        with open(report_file, "rb") as handle:
            data = handle.read()
        if SANITIZER.search(data):
            outcome.fail("(sanitizer)", text(data))
    shutil.rmtree(logs, ignore_errors=True)
    if code is None:
        outcome.fail("(module)", "no end after %d s\n%s" % (options.module_seconds, text(out)))
    elif code != 0:
        outcome.fail("(module)", "exit code %s\n%s" % (code, text(out)))
    elif outcome.failures and out.strip():
        outcome.failures[-1] = (outcome.failures[-1][0], outcome.failures[-1][1] + "the module's output:\n" + text(out))
    return outcome


# --- the child that runs one module ---------------------------------------------------------------------------------

def said(test):
    """The end of the error log of the server that a failed test has: the reason of a 502 is there."""
    try:
        lines = test.server.errors().splitlines()[-20:]
    except (AttributeError, OSError):
        return ""
    return "".join("    | %s\n" % line for line in lines)


class Reporter(unittest.TestResult):
    """Writes one line of JSON for each test as it ends; a failed subtest fails its test."""

    def __init__(self, handle):
        super().__init__()
        self.handle = handle
        self.bad = set()

    def row(self, what, test, message=""):
        json.dump({"what": what, "test": test.id() if hasattr(test, "id") else str(test), "text": message}, self.handle)
        self.handle.write("\n")
        self.handle.flush()

    def addSuccess(self, test):
        if test.id() not in self.bad:
            self.row("pass", test)

    def addFailure(self, test, err):
        self.row("fail", test, self._exc_info_to_string(err, test) + said(test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.bad.add(test.id())
            self.row("fail", subtest, self._exc_info_to_string(err, test) + said(test))

    def addSkip(self, test, reason):
        self.row("skip", test, reason)

    def addExpectedFailure(self, test, err):
        self.row("pass", test)

    def addUnexpectedSuccess(self, test):
        self.row("fail", test, "passed, but is marked as an expected failure")


def run_module(path, report_fd, match):
    """Load one file as a module and run its tests (those whose id contains `match`)."""
    sys.path[:0] = [HERE, os.path.dirname(path)]
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    loader = unittest.TestLoader()
    if match:
        loader.testNamePatterns = ["*%s*" % match]
    suite = loader.loadTestsFromModule(module)
    with os.fdopen(report_fd, "w", encoding="utf-8") as handle:
        suite.run(Reporter(handle))
    return 0


# --- all together ---------------------------------------------------------------------------------------------------

def jobs_for(options):
    """(name, function) in the order of starting: what fails cheapest first, what takes longest before what is short."""
    jobs = []

    def add(name, function, *arguments):
        if not options.only or any(part in name for part in options.only):
            jobs.append((name, lambda: function(*arguments, options)))

    def add_built(kind, prefix, function):
        for source in sorted(glob.glob(os.path.join(HERE, kind, prefix + "*.c"))):
            name = os.path.splitext(os.path.basename(source))[0]
            path = os.path.join(options.build, "tests", kind, name)
            add(kind + " " + name, function if os.access(path, os.X_OK) else not_built, path)

    add("layers", run_layers)
    add_built("unit", "test_", run_unit)
    for path in sorted(glob.glob(os.path.join(HERE, "**", "test_*.py"), recursive=True)):
        add(os.path.relpath(path, HERE), run_python, path)
    add_built("fuzz", "fuzz_", run_fuzz)
    return jobs


def not_built(path, _options):
    outcome = Outcome(os.path.basename(path))
    outcome.skip(os.path.basename(path), "not built: unit tests need cmocka, fuzz targets clang and its runtime library")
    return outcome


def timed(name, function):
    start = time.monotonic()
    try:
        outcome = function()
    except Exception as problem:  # a fault of the runner itself must not hide the other suites
        outcome = Outcome(name)
        outcome.fail("(runner)", repr(problem))
    outcome.seconds = time.monotonic() - start
    return outcome


def show(outcome):
    print("%-44s %5d passed %4d failed %4d skipped %7.1f s"
          % (outcome.name, outcome.passed, len(outcome.failures), len(outcome.skips), outcome.seconds), flush=True)
    for reason in sorted({reason for _, reason in outcome.skips}):
        count = sum(1 for _, other in outcome.skips if other == reason)
        print("    skipped (%d): %s" % (count, reason))
    for test, message in outcome.failures:
        print("  FAILED %s" % test)
        for line in message.rstrip().splitlines():
            print("    " + line)
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="run all tests and count them")
    parser.add_argument("--build", default="build", help="build folder (default: build)")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="suites at a time")
    parser.add_argument("--match", help="Python tests whose name contains this")
    parser.add_argument("--fuzz-runs", type=int, default=int(os.environ.get("FUZZ_RUNS", 20000)))
    parser.add_argument("--fuzz-seconds", type=int, default=20, help="bound for each fuzz target")
    parser.add_argument("--unit-seconds", type=int, default=120)
    parser.add_argument("--module-seconds", type=int, default=300, help="bound for each Python module")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--report-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("only", nargs="*", help="suites whose name contains one of these")
    options = parser.parse_args()
    if options.child:
        return run_module(options.child, options.report_fd, options.match)
    options.build = os.path.abspath(os.path.join(TOP, options.build))
    options.sanitizer = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}

    jobs = jobs_for(options)
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(timed, *job) for job in jobs]):
            outcome = done.result()
            show(outcome)
            passed += outcome.passed
            failed += len(outcome.failures)
            skipped += len(outcome.skips)
    refused = skipped and os.environ.get("CI")
    if refused:
        print("a skip is a failure here, because the variable CI is set")
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or refused or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
