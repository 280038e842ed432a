#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs the Debian packages that are missing: tools/deps.sh [build|check|bench]
#
#   build   what `make` and `make quickstart` need: compiler, flex, bison, the libraries
#   check   build, and what the tests drive: cmocka, nginx, apache2, clang, curl, chromium ... (default)
#   bench   build, and the servers and load tools `make bench` compares with
#
# As root on Debian the missing packages are named and installed.  Anywhere else they are only named, and the exit code is
# 0 when what is needed to build is there all the same (tests whose tool is missing are skipped and say so), else 1.
# A machine that has only git and a shell needs `apt-get install -y make` before its first `make quickstart`.
set -u

build="gcc make libc6-dev pkg-config flex bison libevent-dev libssl-dev libpcre2-dev libjansson-dev libexpat1-dev libcrypt-dev openssl python3"
check="$build libcmocka-dev python3-websockets curl nginx-light apache2 clang libclang-rt-dev chromium procps"
bench="$build libcmocka-dev nginx-light haproxy wrk nghttp2-client strace valgrind procps"

case "${1:-check}" in
build) wanted=$build ;;
check) wanted=$check ;;
bench) wanted=$bench ;;
*) echo "usage: tools/deps.sh [build|check|bench]" >&2; exit 2 ;;
esac

# Without dpkg the commands and pkg-config files stand for the packages.
can_build() {
	for tool in "${CC:-cc}" make flex bison openssl pkg-config; do
		command -v "$tool" >/dev/null 2>&1 || return 1
	done
	pkg-config --exists libevent_extra libssl libpcre2-8 jansson expat libcrypt
}

if ! command -v dpkg-query >/dev/null 2>&1; then
	can_build && exit 0
	echo "deps: not a Debian system; needed (Debian names): $wanted" >&2
	exit 1
fi

missing=
for package in $wanted; do
	case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "deps: missing packages:$missing" >&2
	echo "deps: install them as root: apt-get install --no-install-recommends$missing" >&2
	can_build && exit 0
	exit 1
fi

# The packaged nginx, apache2 and haproxy are wanted as programs only: no service may start now or at the next boot.
policy=/usr/sbin/policy-rc.d
ours=
if [ ! -e "$policy" ]; then
	ours=$policy
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
fi
trap '[ -z "$ours" ] || rm -f "$ours"' EXIT
trap 'exit 130' INT TERM

export DEBIAN_FRONTEND=noninteractive
install_packages() {
	# shellcheck disable=SC2086 # one word per package is the point
	apt-get install -y -qq --no-install-recommends $1 >"$log" 2>&1
}
log=$(mktemp)
echo "deps: installing$missing"
if ! apt-get update -qq >"$log" 2>&1; then
	tail -n 5 "$log" >&2
fi
status=0
if ! install_packages "$missing"; then
	# One package that cannot be had must not cost the others.
	for package in $missing; do
		install_packages "$package" && continue
		echo "deps: could not install $package:" >&2
		tail -n 5 "$log" >&2
		status=1
	done
fi
rm -f "$log"

if [ -d /run/systemd/system ]; then
	for service in nginx apache2 haproxy; do
		case "$missing" in
		*"$service"*) systemctl disable --now "$service" >/dev/null 2>&1 ;;
		esac
	done
fi
[ "$status" -eq 0 ] || can_build
