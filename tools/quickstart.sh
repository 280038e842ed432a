#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# make quickstart: tools/quickstart.sh [BUILD-FOLDER]
#
# Installs what is missing, builds, makes a self-signed certificate, compiles examples/quickstart.conf and serves it until
# Ctrl-C (or SIGTERM), which stops the daemon and the echo behind it.  Everything made lies in BUILD-FOLDER/quickstart.
#
# QUICKSTART_HTTPS_PORT (8443), QUICKSTART_HTTP_PORT (8080) and QUICKSTART_ECHO_PORT (9000) change the ports.
# QUICKSTART_DIR is another folder for what is made.
set -u

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 2
cd "$top" || exit 2
build=${1:-build}
dir=${QUICKSTART_DIR:-$build/quickstart}
https=${QUICKSTART_HTTPS_PORT:-8443}
http=${QUICKSTART_HTTP_PORT:-8080}
echo_port=${QUICKSTART_ECHO_PORT:-9000}
daemon=
echo_pid=

say() { printf '%s\n' "$*"; }
fail() { say "quickstart: $*" >&2; exit 1; }

# TERM both and wait for them; runs once, whatever ends us.
stop() {
	trap '' INT TERM HUP
	for pid in $daemon $echo_pid; do
		kill -TERM "$pid" 2>/dev/null
	done
	for pid in $daemon $echo_pid; do
		wait "$pid" 2>/dev/null
	done
	rm -f "$dir/pids"
}

# Whether something listens on this port of 127.0.0.1 or [::1].
port_taken() {
	python3 -c '
import socket, sys
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    try:
        with socket.socket(family) as s:
            s.settimeout(1)
            if s.connect_ex((address, int(sys.argv[1]))) == 0:
                sys.exit(0)
    except OSError:
        continue
sys.exit(1)' "$1"
}

have_ipv6() {
	python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null
}

make_certificate() {
	[ -s "$dir/localhost.crt" ] && [ -s "$dir/localhost.key" ] &&
		openssl x509 -in "$dir/localhost.crt" -noout -checkend 86400 >/dev/null 2>&1 && return 0
	(umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
		-keyout "$dir/localhost.key" -out "$dir/localhost.crt" 2>"$dir/openssl.log") ||
		fail "cannot make a certificate, see $dir/openssl.log"
}

# The example as it is, but for other ports and for a machine without IPv6.
write_configuration() {
	ipv6=
	have_ipv6 || ipv6='/listen \[::1\]/d;'
	sed -e "$ipv6 s/:8443/:$https/; s/:8080/:$http/; s/127.0.0.1:9000/127.0.0.1:$echo_port/" examples/quickstart.conf \
		>"$dir/quickstart.conf"
}

# The workers of a daemon started as root run as nobody, who must be able to reach the page.
worker_user() {
	[ "$(id -u)" -eq 0 ] || return 0
	setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$dir/www/index.html" 2>/dev/null && return 0
	say "note: the page is below a folder only root may enter, so the worker stays root here"
	user_option="-o user=root"
}

wait_until_up() {
	tries=0
	while ! port_taken "$https"; do
		kill -0 "$daemon" 2>/dev/null || return 1
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		sleep 0.1
	done
}

tools/deps.sh build || exit 1
make -s -j2 "BUILD=$build" all || exit 1
mkdir -p "$dir/www" || exit 2
for port in "$https" "$http"; do
	! port_taken "$port" || fail "port $port is taken; stop what listens there, or set QUICKSTART_HTTPS_PORT and QUICKSTART_HTTP_PORT"
done
! port_taken "$echo_port" || fail "port $echo_port is taken; set QUICKSTART_ECHO_PORT to a free one"
cp examples/www/* "$dir/www/" || exit 2
chmod 755 "$dir" "$dir/www" && chmod 644 "$dir"/www/*
make_certificate
write_configuration
"$build/wsrpc" "$dir/quickstart.conf" -o "$dir/quickstart.bin" || fail "examples/quickstart.conf did not compile"

trap stop EXIT
trap 'exit 0' INT TERM HUP
"$build/wsr-echo" -l "127.0.0.1:$echo_port" >"$dir/echo.log" 2>&1 &
echo_pid=$!
user_option=
worker_user
# shellcheck disable=SC2086 # an option and its value, or nothing
"$build/wsrpd" $user_option "$dir/quickstart.bin" &
daemon=$!
printf '%s\n' "$$" "$daemon" "$echo_pid" >"$dir/pids"
wait_until_up || fail "wsrpd did not start, see above and $dir/error.log"

say ""
say "  https://localhost:$https/   the page (the certificate is self-signed: the browser will ask)"
say "  http://localhost:$http/    redirects there"
say "  logs: $dir/access.log, $dir/error.log"
say ""
say "Stop with Ctrl-C, or: kill $$"
while kill -0 "$daemon" 2>/dev/null; do
	wait "$daemon" 2>/dev/null
done
fail "wsrpd has ended, see $dir/error.log"
