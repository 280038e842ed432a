#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Refuse every arrow between the project's folders but these:

    compiler -> eval -> table <- eval <- runtime        compiler -> common <- runtime

Reads the #include lines of each folder, and the undefined symbols of those objects that are built (--build). table/ and eval/ are pure: they may
name nothing of the system but what stands in PURE below, so that `wsrpc explain` computes what the daemon computes; only table/wsr_table_file.c
reads a file. The compiler is hermetic: no network, no other program, no clock.

Prints "file:line: what is wrong" for each fault. Exit code 1 if there is one, else 0.
"""

import argparse
import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PURE_HEADERS = {"assert.h", "ctype.h", "errno.h", "immintrin.h", "inttypes.h", "limits.h", "nmmintrin.h", "sanitizer/asan_interface.h", "setjmp.h",
                "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "time.h"}

# Folder -> folders it may include, headers it may include (None: any but the forbidden), headers it may not.
FOLDERS = {
    "table": ({"table"}, PURE_HEADERS, ()),
    "eval": ({"eval", "table"}, PURE_HEADERS | {"pcre2.h", "arpa/inet.h"}, ()),
    "common": ({"common", "table"}, PURE_HEADERS | {"openssl/crypto.h", "openssl/evp.h", "openssl/rand.h", "openssl/sha.h", "crypt.h", "fcntl.h", "sys/stat.h", "unistd.h"}, ()),
    "grammar": ({"grammar", "compiler", "eval", "table"}, PURE_HEADERS, ()),
    "compiler": ({"compiler", "grammar", "common", "eval", "table"}, None, ("event2/", "event.h", "openssl/ssl.h", "netdb.h", "sys/socket.h")),
    "runtime": ({"runtime", "common", "eval", "table"}, None, ("expat", "jansson", "nghttp2/asio")),
}
FILE_READER = "table/wsr_table_file.c"

# What table/ and eval/ may call in libc: memory, strings, formatting into a buffer. No function here touches a descriptor, the environment or a clock.
PURE = set("""bcmp memcpy memmove memset memcmp memchr memrchr memmem strlen strnlen strcmp strncmp strchr strrchr strcspn strspn strstr strcasecmp
    strncasecmp strtol strtoul strtoull snprintf vsnprintf sscanf malloc calloc realloc free abort qsort bsearch gmtime_r timegm inet_pton inet_ntop""".split())
TOOLCHAIN = re.compile(r"^(__\w+_chk|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__cpu_model|__cpu_indicator_init|__asan_\w+|__ubsan_\w+|__sanitizer_\w+|"
                       r"__tsan_\w+|__gcov_\w+|__llvm_\w+|llvm_\w+|__isoc\d+_\w+|__ctype_\w+|__assert_fail|__errno_location|_setjmp|"
                       r"__tls_get_addr|__muloti4)$")
PCRE2 = re.compile(r"^pcre2_\w+_8$")
# What would make a compile depend on more than its input files.
HERMETIC = re.compile(r"^(socket|connect|bind|listen|getaddrinfo|gethostby\w+|res_\w+|fork|vfork|exec[lv]\w*|posix_spawnp?|system|popen|time|"
                      r"gettimeofday|clock_gettime|random|rand|srand|getrandom|setlocale)$")

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def sources(folder):
    """All files of a folder that the C compiler sees."""
    return sorted(name for pattern in ("*.c", "*.h", "*.def", "*.l", "*.y") for name in glob.glob(os.path.join(TOP, folder, pattern)))


def generated(name):
    """Headers that flex and bison write into the build folder under grammar/."""
    return re.match(r"grammar/\w+_(?:parse|scan)\.h$", name)


def check_include(folder, local, system):
    """One include line; returns what is wrong with it, or None."""
    folders, allowed, forbidden = FOLDERS[folder]
    if local:
        if local.split("/")[0] not in folders or "/" not in local:
            return f"{folder}/ may not include \"{local}\" (allowed: {', '.join(sorted(folders))})"
        if not generated(local) and not os.path.exists(os.path.join(TOP, local)):
            return f"\"{local}\" is not a path from the top folder"
        return None
    if allowed is not None and system not in allowed:
        return f"{folder}/ may not include <{system}>: it is pure and knows no system"
    if any(system.startswith(prefix) for prefix in forbidden):
        return f"{folder}/ may not include <{system}>"
    return None


def check_file(path, folder):
    """Faults of all include lines of a file."""
    name = os.path.relpath(path, TOP)
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if not found or (name == FILE_READER and found.group(2)):
                continue
            fault = check_include(folder, *found.groups())
            if fault:
                yield f"{name}:{number}: {fault}"


def symbols(path):
    """(defined, undefined) names of an object file."""
    out = subprocess.run(["nm", "-P", path], check=True, capture_output=True, text=True).stdout
    pairs = [line.split()[:2] for line in out.splitlines() if len(line.split()) >= 2]
    return {name for name, kind in pairs if kind not in "Uw"}, {name for name, kind in pairs if kind in "Uw"}


def objects(build, folder):
    """(source name, object path) of what is built and still has a source."""
    for source in sorted(glob.glob(os.path.join(TOP, folder, "*.c"))):
        name = os.path.relpath(source, TOP)
        path = os.path.join(build, name[:-2] + ".o")
        if os.path.exists(path):
            yield name, path


def check_pure(build):
    """Undefined symbols of table/ and eval/: of these two folders (wsr_), but for the reader of files, or pure."""
    reader = {symbol for name, path in objects(build, "table") if name == FILE_READER for symbol in symbols(path)[0]}
    for folder in ("table", "eval"):
        for name, path in objects(build, folder):
            for symbol in sorted(symbols(path)[1]):
                own = (symbol.startswith("wsr_") and symbol not in reader) or symbol in PURE or TOOLCHAIN.match(symbol)
                if not own and not (folder == "eval" and PCRE2.match(symbol)) and name != FILE_READER:
                    yield f"{name}: names {symbol}(), which {folder}/ may not: neither of table/ and eval/ nor on the list of pure functions"


def check_hermetic(build):
    """Undefined symbols of compiler/: nothing that reaches beyond the input files."""
    for name, path in objects(build, "compiler"):
        for symbol in sorted(symbols(path)[1]):
            if HERMETIC.match(symbol):
                yield f"{name}: names {symbol}(): a compile depends on its files alone"


def main():
    """Check the whole tree, or with --file one text as if it stood in a folder (for tests)."""
    parser = argparse.ArgumentParser(description="refuse includes and symbols against the project's layers")
    parser.add_argument("--build", default=os.path.join(TOP, "build"), help="folder with the objects (default: build)")
    parser.add_argument("--file", help="check only this file ...")
    parser.add_argument("--as", dest="folder", choices=sorted(FOLDERS), help="... as one of this folder")
    args = parser.parse_args()
    if args.file:
        faults = list(check_file(args.file, args.folder))
    else:
        faults = [fault for folder in FOLDERS for path in sources(folder) for fault in check_file(path, folder)]
        faults += check_pure(args.build)
        faults += check_hermetic(args.build)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
