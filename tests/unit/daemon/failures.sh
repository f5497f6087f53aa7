#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/daemon/functions.sh
# What dies and what lives on: workers by SIGKILL, the daemon by SIGKILL, a worker that is stopped, restarts up to their limit.
. "${0%/*}/functions.sh"
daemon_start

# a killed worker: failed with the signal and the time; its neighbour does not notice
partition one ""
partition two ""
expect "both started" "$BHCTL" start one two
first=$(worker_of one)
kill -9 "$(worker_of two)"
eventually 5 shown two " failed .*worker ended by signal 9 .SIGKILL. at [0-9][0-9]:[0-9][0-9]:[0-9][0-9]\$"
expect "the other goes on" [ "$(worker_of one)" = "$first" ]
# memories: how many guests' memories the daemon holds.
memories() {
	find "/proc/$daemon_pid/fd" -lname '*bulkhead-memory*' | wc -l
}
expect "its memory is let go of" [ "$(memories)" = 1 ]
expect "starts again" "$BHCTL" start two
expect "the failure is remembered" sh -c "'$BHCTL' show two | grep -q '^last failure .*SIGKILL'"

# the daemon is killed: workers go on, the next daemon adopts them
second=$(worker_of two)
daemon_kill
expect "the worker lives" [ -d "/proc/$second" ]
daemon_start
eventually 5 shown two " running "
expect "the same worker" [ "$(worker_of two)" = "$second" ]
expect "adopted" sh -c "'$BHCTL' events | grep -q 'two adopted running: worker $second adopted'"
expect "it still answers" "$BHCTL" pause two
expect "and again" "$BHCTL" resume two

# stopped from outside: others are not held up, and turning it off works
kill -STOP "$second"
before=$(date +%s%N)
expect "list does not wait" "$BHCTL" list
expect "within half a second" [ $((($(date +%s%N) - before) / 1000000)) -lt 500 ]
expect "show says why there are no counters" sh -c "'$BHCTL' show two | grep -q 'has not answered for 1 s'"
"$BHCTL" pause two >"$dir/pause" 2>&1 &
pausing=$!
expect "another verb goes through meanwhile" "$BHCTL" pause one
expect "and its opposite" "$BHCTL" resume one
wait "$pausing" && fail "a stopped worker was paused"
expect "told" grep -q 'has not answered for 5 s; it may be stopped' "$dir/pause"
expect "killed in the end" sh -c "'$BHCTL' turn-off two | grep -q 'was killed'"
expect "gone" gone "$second"

# killed while nobody looked
expect "started" "$BHCTL" start two
second=$(worker_of two)
daemon_kill
kill -9 "$second"
eventually 5 gone "$second"
daemon_start
expect "a failure" shown two " failed .*worker ended while no daemon was running"
expect "the other was adopted" [ "$(worker_of one)" = "$first" ]
expect "which ends as asked" sh -c "'$BHCTL' shutdown one | grep -q 'shut down by its integration component'"

# an adopted worker's end is seen, though not how
expect "started" "$BHCTL" start one
daemon_kill
daemon_start
eventually 5 shown one " running "
kill -9 "$(worker_of one)"
eventually 5 shown one " failed .*how is not known"

# the reason outlives the daemon
daemon_kill
daemon_start
expect "still failed" shown one " failed .*how is not known"

# a triple fault
partition triple "triple"
expect "started" "$BHCTL" start triple
eventually 5 shown triple " failed .*VP 0: triple fault at rip 1000h"

# restarts with a limit, one and then two seconds apart, also over a restart of the daemon
partition again "die=11" "<on_crash limit='2' within='600'>restart</on_crash>"
expect "started" "$BHCTL" start again
eventually 5 shown again " restarting .*SIGSEGV.*restart 1 of 2 in 1 s"
daemon_kill
daemon_start
eventually 5 shown again "restart 2 of 2 in 2 s"
eventually 8 shown again " failed .*SIGSEGV.*not restarted again: 2 restarts within 600 s was the limit"
# a restart that waits can be called off
expect "started by hand" "$BHCTL" start again
eventually 5 shown again " restarting "
expect "called off" sh -c "'$BHCTL' turn-off again | grep -q 'while it waited to be restarted'"
expect "off" shown again " off "

# <on_worker_failure>replace: another worker with the same state, also after a restart of the daemon; then as far as the limit goes
partition lasting "" "<on_worker_failure limit='3' within='600'>replace</on_worker_failure>"
# lives NAME COUNT: its workers so far, as they themselves have counted.
lives() {
	shown "$1" " running " && [ "$(field "$1" heartbeat_sequence)" = "$2" ] && [ "$(field "$1" worker_replacements)" = $(($2 - 1)) ]
}
expect "started" "$BHCTL" start lasting
expect "its first" lives lasting 1
worker=$(worker_of lasting)
kill -9 "$worker"
eventually 5 lives lasting 2
expect "it is said why" sh -c "'$BHCTL' events | grep -q 'lasting worker replaced running: worker ended by signal 9 .SIGKILL'"
expect "asked for" sh -c "'$BHCTL' replace-worker lasting | grep -q 'its worker was replaced'"
expect "the third" lives lasting 3
daemon_kill
daemon_start
eventually 5 lives lasting 3
eventually 5 sh -c "[ \"\$(find /proc/$daemon_pid/fd -lname '*bulkhead-state*' | wc -l)\" -gt 0 ]"
kill -SEGV "$(worker_of lasting)"
eventually 5 lives lasting 4
expect "started" "$BHCTL" start one
refuse 1 "on_worker_failure" "$BHCTL" replace-worker one
expect "off" "$BHCTL" turn-off one
expect "off" "$BHCTL" turn-off lasting
expect "nothing is held" [ "$(find "/proc/$daemon_pid/fd" -lname '*bulkhead-memory*' | wc -l)" = 0 ]
partition mortal "die=11" "<on_worker_failure limit='2' within='600'>replace</on_worker_failure>"
expect "started" "$BHCTL" start mortal
eventually 9 shown mortal " failed .*SIGSEGV.*not replaced again: 2 workers within 600 s was the limit"

# <on_reboot>stop
partition once "" "<on_reboot>stop</on_reboot>"
expect "started" "$BHCTL" start once
expect "reset by the administrator is no reboot" "$BHCTL" reset once
eventually 5 sh -c "'$BHCTL' events | grep -q 'once.*reset'"
expect "goes on" shown once " running "
expect "off" "$BHCTL" turn-off once

# The daemon is killed at any point of a start: there is never a worker that the next daemon does not know.
# holders FILE: the workers that have it open.
holders() {
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/exe")" = "$worker_program" ] || continue
		find "$process/fd" -lname "$1" 2>/dev/null | grep -q . && echo "${process#/proc/}"
	done
}
answered() {
	known=$(worker_of two)
	[ -n "$known" ]
}
worker_program=$(readlink -f "$WORKER")
round=0 begun=0
while [ "$round" -lt 12 ]; do
	"$BHCTL" start two >/dev/null 2>&1 &
	starting=$!
	sleep "0.0$((round * 7 % 10))"
	daemon_kill
	wait "$starting"
	daemon_start
	# A daemon that is still adopting may have to be asked twice.
	eventually 5 answered
	held=$(holders "$dir/two.img")
	[ "${held:-0}" = "$known" ] || fail "round $round: worker $held runs, the daemon knows $known"
	if [ "$known" != 0 ]; then
		begun=$((begun + 1))
		expect "off" "$BHCTL" turn-off two
	fi
	round=$((round + 1))
done
echo "killed during 12 starts, $begun of them had a worker already"

# autostart: after the machine's start, in order, not after each of the daemon's
partition auto1 "" "<autostart order='2'>yes</autostart>"
partition auto2 "" "<autostart order='1'>yes</autostart>"
daemon_stop
daemon_start
expect "not now" shown auto1 " off "
daemon_stop
rm "$dir/run/.autostarted"
daemon_start
eventually 5 shown auto1 " running "
expect "the other too" shown auto2 " running "
expect "in order" sh -c "'$BHCTL' events | grep 'state starting' | tail -n 2 | tr '\n' ' ' | grep -q 'auto2.*auto1'"
expect "off" "$BHCTL" turn-off auto1 auto2

# two daemons on one folder
# shellcheck disable=SC2086
refuse 1 "another bulkheadd is running" $LAUNCHER "$BULKHEADD" --definitions "$dir/definitions" --run-dir "$dir/run" --log-dir "$dir/log" --no-system-bus
daemon_stop
echo "$checks checks passed"
