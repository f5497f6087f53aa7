# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For tests of the running daemon: a folder of its own, a daemon in it, partitions that the fake worker plays.
# BULKHEADD, BHCTL and WORKER name the programs; LAUNCHER goes before the daemon.

dir=$(mktemp -d /tmp/bulkhead-daemon-XXXXXX)
chmod 755 "$dir"
daemon_pid=
BULKHEAD_SOCKET=$dir/run/bulkhead.sock
export BULKHEAD_SOCKET
checks=0

clean_up() {
	for state in "$dir"/run/*/state; do
		[ -e "$state" ] || continue
		worker=$(sed -n 's/^pid //p' "$state")
		# only what is still one of ours
		[ "${worker:-0}" -gt 1 ] && grep -q fake-worker "/proc/$worker/cmdline" 2>/dev/null && kill -9 "$worker"
	done
	[ -n "$daemon_pid" ] && kill -9 "$daemon_pid" 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

fail() {
	echo "FAILED: $*"
	echo "--- bhctl list"
	timeout 5 "$BHCTL" list
	echo "--- daemon's log"
	cat "$dir/daemon.log"
	exit 1
}

# expect WHAT COMMAND...: the command succeeds.
expect() {
	what=$1
	shift
	"$@" >"$dir/out" 2>&1 || { cat "$dir/out"; fail "$what: $*"; }
	checks=$((checks + 1))
}

# refuse CODE PATTERN COMMAND...: it ends with that exit code and says something that matches.
refuse() {
	code=$1 pattern=$2
	shift 2
	"$@" >"$dir/out" 2>&1
	got=$?
	[ "$got" = "$code" ] || { cat "$dir/out"; fail "exit $got instead of $code: $*"; }
	grep -Eq "$pattern" "$dir/out" || { cat "$dir/out"; fail "does not say '$pattern': $*"; }
	checks=$((checks + 1))
}

# eventually SECONDS COMMAND...
eventually() {
	tries=$(($1 * 20))
	shift
	while ! "$@" >"$dir/out" 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "not in time: $*"
		sleep 0.05
	done
	checks=$((checks + 1))
}

daemon_start() {
	# shellcheck disable=SC2086
	$LAUNCHER "$BULKHEADD" --definitions "$dir/definitions" --run-dir "$dir/run" --log-dir "$dir/log" --cache-dir "$dir/cache" --unpacker "${UNPACKER:-/bin/false}" --worker "$WORKER" \
		--mshv /dev/null --memory-floor 0 --no-system-bus "$@" >>"$dir/daemon.log" 2>&1 &
	daemon_pid=$!
	eventually 10 "$BHCTL" list
}

# By SIGTERM; a sanitizer's finding would be its exit status.
daemon_stop() {
	kill "$daemon_pid"
	wait "$daemon_pid" || fail "the daemon ended with status $?"
	daemon_pid=
}

daemon_kill() {
	kill -9 "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null
	daemon_pid=
}

# partition NAME WORDS [XML]: a definition with the words as command line, in $dir/NAME.xml, defined.
partition() {
	echo kernel >"$dir/kernel"
	[ -e "$dir/$1.img" ] || truncate -s 1M "$dir/$1.img"
	cat >"$dir/$1.xml" <<-END
	<partition>
	  <name>$1</name>
	  <memory unit='MiB'>16</memory>
	  <os><kernel>$dir/kernel</kernel><cmdline>$2</cmdline></os>
	  <devices><disk type='file'><source file='$dir/$1.img'/><target dev='sda'/></disk>${4:-}</devices>
	  ${3:-}
	</partition>
	END
	expect "define $1" "$BHCTL" define "$dir/$1.xml"
}

# shown NAME PATTERN: its line in the list.
shown() {
	"$BHCTL" list | grep -E "^$1 " | grep -Eq "$2"
}

field() {
	"$BHCTL" show "$1" --json | sed -n "s/^  \"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p"
}

worker_of() {
	field "$1" pid
}

gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}
