# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The root's kernel can neither read nor write the hypervisor's memory, nor use or uncover SVM: a kernel module of ours tries.
. /lab/functions.sh

probe() {
	insmod ./bulkhead-probe.ko "$@"
	lab_rc=$?
	dmesg | grep 'probe: ' | tail -n 3
	[ $lab_rc = 0 ] && rmmod bulkhead_probe
	return $lab_rc
}

hidden_kib() {
	[ "$(dmesg | sed -n 's/.* \([0-9]*\) KiB refuse reads.*/\1/p' | tail -n 1)" = "$1" ]
}

step bare "without a hypervisor every page is the root's"
run probe memory_only=1
expect "no page refuses" hidden_kib 0

step confined "under the hypervisor"
run modprobe bulkhead
run probe
expect "its image, its CPUs' areas and its page map are out of reach" hidden_kib 6144
expect "the hypervisor is still there" hypervisor_everywhere

step back "after removal the memory is the root's again"
run rmmod bulkhead
run probe memory_only=1
expect "no page refuses" hidden_kib 0
expect "no complaint of the kernel" kernel_sound
done_all
