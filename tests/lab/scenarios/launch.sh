# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The hypervisor slides under the running kernel on every CPU and is taken out again, ten times, with processes, timers, disk
# and page faults at work meanwhile; all memory comes back.
. /lab/functions.sh

load() {
	while :; do
		dd if=/dev/zero of=/disks/load bs=64k count=64 conv=fsync 2>/dev/null
		sha256sum /disks/load >/dev/null
	done
}

step before "the machine without a hypervisor"
expect "no hypervisor of ours" hypervisor_nowhere
load &
one=$!
load &
two=$!

step launch "modprobe bulkhead, under load"
run modprobe bulkhead
expect "CPUID shows the hypervisor on every CPU" hypervisor_everywhere
expect "/dev/mshv is there" [ -c /dev/mshv ]
dmesg | grep bulkhead

step remove "rmmod bulkhead, under load"
run rmmod bulkhead
expect "CPUID shows no hypervisor" hypervisor_nowhere
expect "/dev/mshv is gone" [ ! -e /dev/mshv ]
before=$(free_kib)

step again "nine times more"
for i in 1 2 3 4 5 6 7 8 9; do
	modprobe bulkhead || fail "modprobe, turn $i"
	hypervisor_everywhere || fail "no hypervisor, turn $i"
	rmmod bulkhead || fail "rmmod, turn $i"
	hypervisor_nowhere || fail "still a hypervisor, turn $i"
done

step memory "nothing is lost"
kill $one $two
wait
after=$(free_kib)
echo "free: $before KiB after the first turn, $after KiB after ten"
expect "less than 4 MiB difference" [ $((before - after)) -lt 4096 ]
expect "no complaint of the kernel" kernel_sound
done_all
