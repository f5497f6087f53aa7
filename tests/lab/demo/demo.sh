# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The part of the demo that runs in the root partition: from step 2 on.
. /lab/functions.sh
. /lab/partitions.sh
. /lab/network.sh

step 2 "check this machine, launch the hypervisor under the running kernel"
run uname -rv
run modprobe msr
run bulkhead-check
expect "no hypervisor of ours yet" hypervisor_nowhere
free_before=$(free_kib)
run modprobe bulkhead
expect "CPUID shows the hypervisor on every processor" hypervisor_everywhere
daemon_start
run bhctl host

step 3 "define partitions from XML, refuse a wrong one, start both"
bridge_add br0 10.99.0.1/24
httpd -p 80 -h /lab
run bhctl define one.xml
run bhctl define two.xml
bhctl list >/run/list-before
refuse 1 'broken\.xml:5' bhctl define broken.xml
bhctl list >/run/list-after
expect "nothing changed" cmp /run/list-before /run/list-after
run bhctl start one
run bhctl start two
run bhctl list

step 4 "each child boots the unmodified kernel and verifies 64 MiB on its disk"
echo "$(sha256sum /lab/vmlinuz | cut -d' ' -f1)  the kernel of both children"
expect "it is the root's own kernel file" [ "$(uname -r)" = "$(lab_kernel_of /lab/vmlinuz)" ]
for name in one two; do
	eventually 60 "$name: 64 MiB written, read back with O_DIRECT and verified" said "$name" 'guest-io: data kept'
done
for name in one two; do
	quote "$name"
done

step 5 "SIGKILL the second child's worker while both do disk I/O"
for name in one two; do
	eventually 30 "$name is in its rounds" said "$name" 'guest-io: round 1 verified'
done
run bhctl host
both=$(memory_of_partitions)
second=$(pinned_by two)
expect "the first is still at it" not said one 'guest-io: finished'
pid=$(worker_pid two)
run kill -9 "$pid"
eventually 5 "the second is shown as failed, with the signal and the time" shown two 'failed .*SIGKILL.* at [0-9][0-9]:[0-9][0-9]:[0-9][0-9]'
run bhctl list
eventually 5 "the second's memory is returned" partitions_are 1
run bhctl host
left=$(memory_of_partitions)
echo "pinned and deposited: $both bytes with both, $left with the first alone; pinned by the second: $second"
expect "what the second had pinned was returned" [ "$second" -gt 67108864 -a $((both - left)) -ge "$second" ]
eventually 60 "the first finishes undisturbed" said one 'guest-io: finished'
expect "with correct data" not said one 'FAILED'
quote one
lab_mark=$(said_count two 'guest-io: old data verified')
run bhctl start two
eventually 30 "the second boots again and finds its data" said_more two 'guest-io: old data verified' "$lab_mark"
expect "its file system is sound" not said two 'EXT4-fs error|FAILED'

step exec "run commands in the first child, without a network"
eventually 20 "its service answers" bhctl exec one -- true
run bhctl exec one -- uname -a
refuse 3 '^in the child$' bhctl exec one -- sh -c 'echo in the child; exit 3'
expect "a file sent to a command arrives whole" [ "$(bhctl exec one -- sha256sum </lab/vmlinuz)" = "$(sha256sum </lab/vmlinuz)" ]

step network "the child and the root fetch the kernel from each other over HTTP"
run bhctl list-interfaces one
run ping -q -c 3 -i 0.2 10.99.0.11
hash=$(sha256sum /lab/vmlinuz | cut -d' ' -f1)
run in_child 10.99.0.11 "wget -q -O /run/web/vmlinuz http://10.99.0.1/vmlinuz && sha256sum /run/web/vmlinuz"
expect "the child has the root's file" grep -q "^$hash " /run/answer-10.99.0.11
expect "the root has it back from the child" [ "$(fetched_hash http://10.99.0.11/vmlinuz)" = "$hash" ]
run bhctl list-interfaces one

step 6 "SIGKILL the daemon while a child runs"
rounds=$(said_count two 'guest-io: round')
worker=$(worker_pid two)
run kill -9 "$daemon_pid"
wait "$daemon_pid" 2>/dev/null
eventually 20 "the child goes on without the daemon" said_more two 'guest-io: round' "$rounds"
daemon_start
run bhctl list
expect "the daemon adopted the running child" shown two running
expect "it is the same worker" [ "$(worker_pid two)" = "$worker" ]
rounds=$(said_count two 'guest-io: round')
eventually 20 "the child goes on" said_more two 'guest-io: round' "$rounds"

step 7 "shut both down from inside; check the disks in the root"
for name in one two; do
	run bhctl shutdown "$name"
	expect "$name is off" shown "$name" off
done
run bhctl list
check_disk one /disks/one.img
check_disk two /dev/lab/two

step 8 "take the hypervisor out, put it back, start a child again"
run rmmod bulkhead
expect "CPUID shows no hypervisor" hypervisor_nowhere
daemon_stop
free_after=$(free_kib)
echo "free: $free_before KiB before launch, $free_after KiB now"
expect "all memory is returned" [ $((free_before - free_after)) -lt 8192 ]
run modprobe bulkhead
expect "CPUID shows the hypervisor" hypervisor_everywhere
daemon_start
lab_mark=$(said_count one 'guest-io: old data verified')
run bhctl start one
eventually 30 "a child starts again and finds its data" said_more one 'guest-io: old data verified' "$lab_mark"
run bhctl turn-off one
expect "one is off" shown one off
expect "no complaint of the kernel" kernel_sound
done_all
