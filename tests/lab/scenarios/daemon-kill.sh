# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The daemon is killed again and again, also in the middle of starting and shutting down another partition: the child that does
# disk I/O keeps its worker and its data, each next daemon adopts it, and no worker is left that nobody knows.
. /lab/functions.sh
. /lab/network.sh
. /lab/partitions.sh

daemon_kill() {
	kill -9 "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null
}

workers() {
	lab_count=0
	for lab_process in /proc/[0-9]*/exe; do
		case $(readlink "$lab_process") in
		*/bulkhead-worker) lab_count=$((lab_count + 1)) ;;
		esac
	done
	echo "$lab_count"
}

step start "a child writes and verifies"
run modprobe bulkhead
bridge_add br0 10.99.0.1/24
daemon_start
sed 's/lab.rounds=6/lab.mib=8 lab.rounds=100000/' /lab/one.xml >/run/one.xml
sed 's/lab.seed=2.*</lab.mode=idle</' /lab/two.xml >/run/two.xml
run bhctl define /run/one.xml /run/two.xml
run bhctl start one
eventually 40 "one has written" said one 'guest-io: round 1 verified'
worker=$(worker_pid one)

step kill "the daemon is killed while it does nothing, starts and shuts down another"
for moment in list:0.1 start:0.3 start:1 shutdown:0.2 turn-off:0.1 start:2 reset:0.1; do
	verb=${moment%:*}
	case $verb in
	list) bhctl list >/dev/null 2>&1 & ;;
	*) bhctl "$verb" two >/dev/null 2>&1 & ;;
	esac
	sleep "${moment#*:}"
	daemon_kill
	wait $!
	rounds=$(said_count one 'guest-io: round')
	daemon_start
	eventually 5 "killed at $moment s: one is running" shown one running
	expect "it is the same worker" [ "$(worker_pid one)" = "$worker" ]
	eventually 20 "one goes on" said_more one 'guest-io: round' "$rounds"
	eventually 10 "two is in a state that lasts" shown two 'off|running|failed'
	shown two running || expect "only one's worker is there" [ "$(workers)" = 1 ]
done
expect "one's data are right" not said one 'EXT4-fs error|FAILED'

step disks "shut down; the disk is clean and holds what was written"
run bhctl shutdown one
bhctl turn-off two 2>/dev/null
check_disk one /disks/one.img
expect "no worker is left" [ "$(workers)" = 0 ]
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
