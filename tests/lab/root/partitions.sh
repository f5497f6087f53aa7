# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For scenarios with partitions: the daemon, what bhctl shows, what a child said on its console, its disk afterwards.

daemon_start() {
	bulkheadd >>/run/out/daemon.log 2>&1 &
	daemon_pid=$!
	eventually 10 "bulkheadd answers" bhctl list
}

# workers_on CPUS: where the workers may run that are started from now on; with one processor the loop's thread runs a single VP.
workers_on() {
	for lab_thread in "/proc/$daemon_pid/task/"*; do
		taskset -cp "$1" "${lab_thread##*/}" >/dev/null || fail "taskset: $lab_thread"
	done
}

# alone NAME: its worker runs it so.
alone() {
	grep -q "one processor: the loop's thread" "/var/log/bulkhead/$1-worker.log"
}

daemon_stop() {
	kill "$daemon_pid" 2>/dev/null
	wait "$daemon_pid" 2>/dev/null
}

not() {
	! "$@"
}

# said NAME PATTERN: a line of the child's console, over all its starts.
said() {
	grep -qE "$2" "/var/log/bulkhead/$1-console.log"
}

said_count() {
	grep -cE "$2" "/var/log/bulkhead/$1-console.log"
}

# said_more NAME PATTERN COUNT: more often than COUNT.
said_more() {
	[ "$(said_count "$1" "$2")" -gt "$3" ]
}

# quote NAME: the payload's own words.
quote() {
	sed -n "s/^.*guest-io: /   $1: /p" "/var/log/bulkhead/$1-console.log" | tr -d '\r'
}

# shown NAME STATE: what bhctl list says of it.
shown() {
	bhctl list | grep -qE "^$1 +($2)"
}

worker_pid() {
	bhctl show "$1" --json | sed -n 's/.*"pid": *\([0-9][0-9]*\).*/\1/p' | head -n 1
}

# host_figure KEY: a number of bhctl host --json.
host_figure() {
	bhctl host --json | sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" | head -n 1
}

partitions_are() {
	[ "$(host_figure partitions)" = "$1" ]
}

# pinned_by NAME: bytes of the root's that it has touched so far.
pinned_by() {
	bhctl show "$1" --json | sed -n 's/.*"pinned_bytes": *\([0-9]*\).*/\1/p' | head -n 1
}

# memory_of_partitions: what the root has given away for them, in bytes.
memory_of_partitions() {
	echo $(($(host_figure pinned_bytes) + $(host_figure deposited_bytes)))
}

# lab_kernel_of BZIMAGE: its version, from the set-up header's string (offset 20Eh).
lab_kernel_of() {
	lab_at=$(od -An -t u2 -j 526 -N 2 "$1")
	dd if="$1" bs=1 skip=$((lab_at + 512)) count=64 2>/dev/null | cut -d' ' -f1 | head -n 1
}

# lab_child_copies_files: Linux 6.10 left file copies to a daemon that works over UIO; Debian 12's backports come without it.
lab_child_copies_files() {
	[ "$(printf '%s\n' 6.10 "$(lab_kernel_of /lab/vmlinuz)" | sort -V | head -n 1)" != 6.10 ]
}

# data_hash NAME: what the child said that it wrote.
data_hash() {
	sed -n 's/.*guest-io: data verified: .*sha256 \([0-9a-f]*\).*/\1/p' "/var/log/bulkhead/$1-console.log" | tail -n 1
}

# check_disk NAME DEVICE: the child's ext4 is clean and holds what the child wrote.
check_disk() {
	run e2fsck -f -n "$2"
	mkdir -p /mnt/check
	mount -t ext4 -o ro,loop "$2" /mnt/check || fail "cannot mount $2"
	lab_hash=$(sha256sum /mnt/check/data | cut -d' ' -f1)
	umount /mnt/check
	echo "$1: /data on $2: $lab_hash"
	[ -n "$lab_hash" ] && [ "$lab_hash" = "$(data_hash "$1")" ] || fail "$1: wrote $(data_hash "$1"), $2 holds $lab_hash"
}
