# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The root, and its child, on Debian's newer kernel: launch, a child that boots, keeps its data and is shut down, removal, and launch
# again.
. /lab/functions.sh
. /lab/network.sh
. /lab/partitions.sh

step launch "the hypervisor slides under the newer kernel"
run uname -r
run modprobe bulkhead
expect "CPUID shows the hypervisor on every CPU" hypervisor_everywhere
daemon_start
bridge_add br0 10.99.0.1/24

step child "a child writes and verifies"
sed 's/lab.rounds=6/lab.mib=16 lab.rounds=2/' /lab/one.xml >/run/one.xml
run bhctl define /run/one.xml
run bhctl start one
eventually 30 "its data are verified" said one 'guest-io: finished'
run bhctl pause one
run bhctl resume one

step shutdown "shut down by its integration component; its disk is clean"
run bhctl shutdown one
check_disk one /disks/one.img
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
daemon_stop

step again "removed, and launched once more"
run rmmod bulkhead
expect "CPUID shows no hypervisor" hypervisor_nowhere
run modprobe bulkhead
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
