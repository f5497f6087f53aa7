# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The hypervisor slides under the running kernel on every CPU and is taken out again, with processes, timers, disk and page
# faults at work meanwhile; all memory comes back.
. /lab/functions.sh

load() {
	while :; do
		dd if=/dev/zero of=/disks/load bs=64k count=64 conv=fsync 2>/dev/null
		sha256sum /disks/load >/dev/null
	done
}

step launch "modprobe bulkhead"
expect "no hypervisor of ours before" hypervisor_nowhere
run modprobe bulkhead
expect "CPUID shows the hypervisor on every CPU" hypervisor_everywhere
expect "/dev/mshv is there" [ -c /dev/mshv ]
dmesg | grep 'bulkhead:'

step remove "rmmod bulkhead"
run rmmod bulkhead
expect "CPUID shows no hypervisor" hypervisor_nowhere
expect "/dev/mshv is gone" [ ! -e /dev/mshv ]

step again "ten times more, under load"
before=$(free_kib)
load &
one=$!
load &
two=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
	modprobe bulkhead || fail "modprobe, turn $i"
	hypervisor_everywhere || fail "no hypervisor, turn $i"
	rmmod bulkhead || fail "rmmod, turn $i"
	hypervisor_nowhere || fail "still a hypervisor, turn $i"
done
kill $one $two
wait
rm /disks/load

step memory "nothing is lost"
after=$(free_kib)
echo "free: $before KiB before, $after KiB after ten turns"
expect "less than 2 MiB difference" [ $((before - after)) -lt 2048 ]
expect "no complaint of the kernel" kernel_sound
done_all
