# SPDX-License-Identifier: BSD-2-Clause
"""What counts and times depend on beside our own code: compiler, libraries, processor.

In: the build folder.  Out: {name: version}; equal ones mean that instruction counts may be compared.
"""

import ctypes
import os
import platform
import re
import subprocess


def _library(soname, function, number=None):
    try:
        call = getattr(ctypes.CDLL(soname), function)
    except (OSError, AttributeError):
        return "unknown"
    call.restype = ctypes.c_char_p
    return (call() if number is None else call(number)).decode()


def _compiler(build):
    """What the compiler wrote into the program it made."""
    with open(os.path.join(build, "wsrpd"), "rb") as f:
        found = sorted(set(re.findall(rb"(?:GCC: \([^)]*\) [\w.]+|clang version [\w.]+)", f.read())))
    return ", ".join(one.decode() for one in found) or "unknown"


def _valgrind():
    try:
        return subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown"


def versions(build):
    return {"compiler": _compiler(build), "libssl": _library("libcrypto.so.3", "OpenSSL_version", 0),
            "libevent": _library("libevent_core-2.1.so.7", "event_get_version"), "libc": " ".join(platform.libc_ver()),
            "valgrind": _valgrind(), "processor": processor()}
