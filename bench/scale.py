# SPDX-License-Identifier: BSD-2-Clause
"""1,000, 10,000 and 100,000 servers: compile time, table size, time to the first answer, memory; nginx -t beside it.

In: a Context.  Out: a list of rows, printed too.  "First answer" is from the call that starts wsrpd until a whole answer
to a request for the last server's name has arrived; memory is the proportional set size of master and
worker after it, with the whole table counted once.
"""

import os
import shutil
import socket
import subprocess
import time

import account
import genconf
import servers

STARTS = 7
COUNTS = (1000, 10000, 100000)
TARGETS = {"compile_s": 1.5, "compile_mb": 370.0, "first_answer_ms": 20.0, "daemon_mb": 30.0}  # at 100,000; ten times the text


def spawn_on_core(context, command, file_actions):
    """Start a program on the servers' core without another program in between, whose own start would count."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {context.server_core})
    try:
        return os.posix_spawnp(command[0], command, os.environ, file_actions=file_actions)
    finally:
        os.sched_setaffinity(0, mine)


def timed_run(context, command):
    """Run on the servers' core; (seconds of wall clock, peak resident bytes, exit code, text)."""
    with open(os.path.join(context.work, "scale.out"), "w+b") as out:
        start = time.monotonic()
        pid = spawn_on_core(context, command, [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)])
        _, status, usage = os.wait4(pid, 0)
        seconds = time.monotonic() - start
        out.seek(0)
        text = out.read().decode(errors="replace")
    return seconds, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status), text


def first_answer(port, host, deadline):
    """Ask until a whole answer is there."""
    request = f"GET /small HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.settimeout(5)
                s.sendall(request)
                answer = s.recv(4096)
                if answer.startswith(b"HTTP/1.1 200"):
                    return time.monotonic()
                raise servers.StartFailed(f"first answer: {answer[:60]!r}")
        except ConnectionRefusedError:
            time.sleep(0.0002)
    raise servers.StartFailed("no answer")


def daemon_start(context, table, port, host):
    """(milliseconds to the first answer, proportional set size in bytes)."""
    log = os.path.join(context.work, "scale-daemon.out")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    command = [os.path.join(context.build, "wsrpd"), "-p", context.work, table]
    start = time.monotonic()
    pid = spawn_on_core(context, command, [(os.POSIX_SPAWN_OPEN, 1, log, flags, 0o644), (os.POSIX_SPAWN_DUP2, 1, 2)])
    try:
        answered = first_answer(port, host, start + 30)
        return (answered - start) * 1000.0, account.pss(pid)
    except servers.StartFailed as reason:
        with open(log, encoding="utf-8", errors="replace") as f:
            raise servers.StartFailed(f"{reason}\n{f.read()[-2000:]}") from None
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)


def measure_ours(context, count, conf, port, row):
    table = os.path.join(context.work, "scale.bin")
    compiled = [timed_run(context, [os.path.join(context.build, "wsrpc"), conf, "-o", table]) for _ in range(3)]
    row["compile_s"], peak, code, text = sorted(compiled)[1]
    row["compile_mb"] = peak / 1e6
    if code != 0:
        raise servers.StartFailed(f"wsrpc: {text[-1000:]}")
    row["table_mb"] = os.path.getsize(table) / 1e6
    starts = sorted(daemon_start(context, table, port, genconf.name_of(count - 1)) for _ in range(STARTS))
    row["first_answer_ms"], memory = starts[STARTS // 2]
    row["daemon_mb"] = memory / 1e6


def measure_nginx(context, conf, row):
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    row["nginx_s"], peak, code, text = timed_run(context, [nginx, "-t", "-q", "-c", conf, "-p", context.work])
    row["nginx_mb"] = peak / 1e6
    if code != 0:
        row["nginx_error"] = text[-300:]


def print_row(row):
    def cell(key, digits=1):
        return f"{row[key]:.{digits}f}" if key in row else "-"
    print(f"{row['servers']:>9,} servers, {row['text_mb']:>5.1f} MB of text: compile {cell('compile_s', 2)} s ({cell('compile_mb', 0)} MB), "
          f"table {cell('table_mb', 2)} MB, first answer {cell('first_answer_ms')} ms, daemon {cell('daemon_mb')} MB; "
          f"nginx -t {cell('nginx_s', 2)} s, {cell('nginx_mb', 0)} MB   {row.get('verdict', '')}", flush=True)


def run(context, full):
    rows = []
    has_ours = os.path.exists(os.path.join(context.build, "wsrpd"))
    print("\nScale (to reach at 100,000: " + ", ".join(f"{key} {value:g}" for key, value in TARGETS.items()) + ")")
    for count in COUNTS:
        (port,) = servers.free_ports(1)
        conf = os.path.join(context.work, "scale.conf")
        extra = f"pid {context.work}/scale.pid;\nerror_log {context.work}/scale.log error;\n"
        with open(conf, "w", encoding="ascii") as f:
            genconf.write(f, count, port, context.backend_port, extra)
        row = {"servers": count, "text_mb": os.path.getsize(conf) / 1e6}
        try:
            if has_ours:
                measure_ours(context, count, conf, port, row)
            if count < 100000 or full:
                measure_nginx(context, conf, row)
        except servers.StartFailed as reason:
            print(f"  {count} servers: {reason}")
            row["error"] = str(reason)
        if count == 100000 and has_ours:
            missed = [key for key, value in TARGETS.items() if row.get(key, value + 1) > value]
            row["verdict"] = "not reached: " + ", ".join(missed) if missed else "reached"
        rows.append(row)
        print_row(row)
    return rows
