# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's accounts of a server: CPU time and memory of all its processes.

In: the process id a server was started as.  Out: nanoseconds on a CPU (all threads of the process and its descendants,
from schedstat) and proportional set size in bytes (shared pages counted once, from smaps_rollup).
"""

import os


def children_of(pid):
    found = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as f:
                found += [int(word) for word in f.read().split()]
        except OSError:
            continue
    return found


def family(pid):
    """The process and all its descendants."""
    members, rest = [], [pid]
    while rest:
        one = rest.pop()
        members.append(one)
        rest += children_of(one)
    return members


def cpu_ns(pid):
    total = 0
    for member in family(pid):
        try:
            threads = os.listdir(f"/proc/{member}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{member}/task/{thread}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0])
            except OSError:
                continue
    return total


def _field(pid, file, name):
    with open(f"/proc/{pid}/{file}", encoding="ascii") as f:
        for line in f:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def pss(pid):
    return sum(_field(member, "smaps_rollup", "Pss:") for member in family(pid))
