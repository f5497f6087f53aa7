# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Dynamic memory with the stock hv_balloon: taken from a child and measured in the root, given back, added beyond the start, also under
# another worker, following the demand inside the guest, within what the root keeps for itself; the child's disk is written and verified all the while.
. /lab/functions.sh
. /lab/partitions.sh

cat >/run/dyn.xml <<-XML
	<partition>
	  <name>dyn</name>
	  <memory unit="MiB">768</memory>
	  <currentMemory unit="MiB">512</currentMemory>
	  <dynamicMemory minimum="256" unit="MiB" buffer="20" priority="60"/>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/lab/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 memhp_default_state=online lab.balloon lab.mode=io lab.seed=4 lab.mib=32 lab.rounds=1000</cmdline>
	  </os>
	  <devices>
	    <disk type="file"><source file="/disks/one.img"/><target dev="sda"/></disk>
	    <console log="on"/>
	  </devices>
	  <on_worker_failure limit="20" within="600">replace</on_worker_failure>
	</partition>
XML

# figure KEY: a number of bhctl show --json.
figure() {
	bhctl show dyn --json | sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" | head -n 1
}

# figure_is KEY -lt|-ge|... MIB
figure_is() {
	[ "$(figure "$1")" "$2" $(($3 << 20)) ]
}

# inside COMMAND: typed at the guest's console.
inside() {
	printf '\n%s\n' "$1" | timeout 20 bhctl console dyn --timeout 3 >/dev/null 2>&1
}

rounds() {
	said_count dyn 'guest-io: round'
}

step start "a child starts with what its definition says, and touches most of it"
run modprobe bulkhead
daemon_start
before=$(host_figure pinned_bytes)
run bhctl define /run/dyn.xml
run bhctl start dyn
run bhctl set-memory dyn 512MiB
eventually 60 "the guest reports its demand" sh -c 'bhctl list | grep -qE "^dyn .* (ok|low|warning) "'
expect "512 MiB are assigned" figure_is assigned_bytes -eq 512
inside 'mount -o remount,size=700m /run; dd if=/dev/zero of=/run/fill bs=1M count=330 2>/dev/null; echo filled-$((1+1))'
eventually 30 "the guest has touched its memory" said dyn 'filled-2'
full=$(($(host_figure pinned_bytes) - before))
free=$(free_kib)
echo "pinned: $((full >> 20)) MiB"
expect "at least 400 MiB are pinned" [ $full -ge $((400 << 20)) ]

step report "what the guest frees comes back by itself"
# pinned_below MIB
pinned_below() {
	[ $(($(host_figure pinned_bytes) - before)) -lt $(($1 << 20)) ]
}
inside 'rm /run/fill; echo freed-$((1+1))'
eventually 60 "at least 200 MiB fewer are pinned" pinned_below $(((full >> 20) - 200))
expect "and free in the root" [ $(($(free_kib) - free)) -ge $((180 << 10)) ]
expect "512 MiB are assigned" figure_is assigned_bytes -eq 512

step down "ballooned down, the root has the memory back"
run bhctl set-memory dyn 320MiB
eventually 60 "320 MiB are assigned" figure_is assigned_bytes -eq 320
small=$(($(host_figure pinned_bytes) - before))
freed=$((($(free_kib) - free) / 1024))
echo "pinned: $((small >> 20)) MiB, free in the root: $freed MiB more"
expect "at least 100 MiB fewer are pinned" [ $((full - small)) -ge $((100 << 20)) ]
expect "at least 90 MiB more are free in the root" [ $freed -ge 90 ]
run bhctl show dyn

step up "back to what it had, and used again"
run bhctl set-memory dyn 512MiB
eventually 60 "512 MiB are assigned" figure_is assigned_bytes -eq 512
expect "nothing is left in the balloon" figure_is ballooned_bytes -eq 0
inside 'dd if=/dev/zero of=/run/fill bs=1M count=330 2>/dev/null; rm /run/fill; echo again-$((1+1))'
eventually 30 "the guest uses it again" said dyn 'again-2'

in_child() {
	bhctl exec dyn -- "$@"
}

# kill_towards MIB SECONDS: its worker, so long after it got the target. The child goes on with another, which is waited for.
kills=0
kill_towards() {
	kills=$((kills + 1))
	lab_worker=$(worker_pid dyn)
	run bhctl set-memory dyn "$1MiB"
	sleep "$2"
	run kill -9 "$lab_worker"
	eventually 10 "replaced $kills times" sh -c "bhctl list | grep -q '^dyn  *running' && bhctl show dyn | grep -qE '^workers replaced +$kills\$'"
	eventually 60 "$1 MiB are assigned" figure_is assigned_bytes -eq "$1"
}

step replace "its worker is killed while it takes memory and gives it back, and the child goes on"
boot=$(in_child cat /proc/sys/kernel/random/boot_id)
kept=$(in_child sh -c 'dd if=/dev/urandom bs=1M count=8 2>/dev/null | tee /run/kept | sha256sum')
kill_towards 320 0.1
expect "no more than that is pinned" pinned_below 328
kill_towards 512 0
expect "nothing is left in the balloon" figure_is ballooned_bytes -eq 0
expect "its memory holds what it held" [ "$(in_child sha256sum /run/kept)" = "${kept%-}/run/kept" ]
expect "it is the same" [ "$(in_child cat /proc/sys/kernel/random/boot_id)" = "$boot" ]

step add "memory is added beyond what it started with"
refuse 1 'from 256 to 768' bhctl set-memory dyn 800MiB
kill_towards 768 0
inside 'echo total-$(($(sed -n "s/MemTotal: *\([0-9]*\).*/\1/p" /proc/meminfo) > 600000))'
eventually 20 "the guest has it" said dyn 'total-1'

step pressure "the assignment follows the guest's demand"
run bhctl set-memory dyn auto
eventually 60 "what it does not need is taken" figure_is assigned_bytes -lt 500
low=$(figure assigned_bytes)
# No faster than memory comes: the balance is struck every two seconds, and a guest that cannot wait ends its processes.
inside "for n in \$(seq $((((low >> 20) - 60) / 10))); do dd if=/dev/zero bs=1M count=10 2>/dev/null >>/run/fill; until awk '/MemAvailable/ { exit \$2 < 40000 }' /proc/meminfo; do sleep 0.1; done; done; echo pressed-\$((1+1))"
eventually 60 "what it needs is given" figure_is assigned_bytes -gt $(((low >> 20) + 60))
run bhctl list
inside 'rm /run/fill'

step floor "the root keeps its floor, also under the next daemon"
run bhctl set-memory dyn 320MiB
eventually 60 "320 MiB are assigned" figure_is assigned_bytes -eq 320
daemon_stop
bulkheadd --memory-floor $(($(sed -n 's/MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024)) >>/run/out/daemon.log 2>&1 &
daemon_pid=$!
eventually 10 "the next daemon answers" bhctl list
eventually 20 "it hears of the child's memory" figure_is assigned_bytes -eq 320
expect "more is not given" sh -c 'bhctl set-memory dyn 768MiB | grep -q "the root keeps its floor"'
expect "320 MiB are assigned" figure_is assigned_bytes -lt 400
daemon_stop
daemon_start
eventually 60 "with its usual floor it is" figure_is target_bytes -ge 320

step end "shut down; the disk holds what was written; nothing is lost"
was=$(rounds)
eventually 30 "the disk is still written and verified" said_more dyn 'guest-io: round' "$was"
run bhctl shutdown dyn --timeout 60
check_disk dyn /disks/one.img
expect "nothing is pinned" [ "$(memory_of_partitions)" = 0 ]
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
