# SPDX-License-Identifier: BSD-2-Clause
"""The processes of a server: each server is started in a process group of its own, each suite in a session of its own.

    process = subprocess.Popen(command, process_group=0)
    processes.end(process, signal.SIGTERM, seconds=10)

Children outlive a parent that dies or is killed, and then nobody can wait for them: the group still tells whose they are.  After `end`
none of them is left, so none holds an address any more.
"""

import os
import signal
import subprocess
import time


def look(pid):
    """(process group, session) of a process that still holds anything; None when it is gone or a zombie."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as handle:
            fields = handle.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): state, ppid, pgrp, session; num_threads counts those which outlive the first thread of a dying process.
    gone = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    return None if gone else (int(fields[2]), int(fields[3]))


def alive(pid):
    return look(pid) is not None


def every():
    """{id: (process group, session)} of all living processes."""
    seen = {pid: look(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
    return {pid: found for pid, found in seen.items() if found}


def of_session(session):
    """Ids of the living processes of a session."""
    return [pid for pid, found in every().items() if found[1] == session]


def kill(pids):
    """SIGKILL to those that are still there."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def remaining(process, seconds):
    """Processes of the group of an ended process that are still there after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        # A living process with this number is not ours: it was given away again, so nothing of the group was left to keep it.
        left = [] if os.path.exists("/proc/%d" % process.pid) else [pid for pid, found in every().items() if found[0] == process.pid]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.01)


def end(process, number, seconds, grace=2):
    """Signal a process that leads its group, and see to it that nothing of the group is left.

    Returns None, or as text what had to be killed: the process after `seconds`, or others of its group `grace` seconds after its end.
    """
    problem = None
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            problem = "did not end %g s after signal %d" % (seconds, number)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    left = remaining(process, grace)
    if left:
        problem = problem or "left %d processes behind" % len(left)
        kill(left)
        left = remaining(process, 10)
    if left:
        raise RuntimeError("processes %r survive SIGKILL" % left)
    return problem
