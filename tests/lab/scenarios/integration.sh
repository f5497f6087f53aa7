# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Integration services with Linux' own drivers and Debian's daemons: what the guest says of itself, pairs both ways, a backup while it
# writes, files, its clock; and each service switched off.
. /lab/functions.sh
. /lab/partitions.sh
. /lab/network.sh

# definition NAME DISK FEATURES [DEVICES]
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">192</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/run/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 lab.daemons lab.mib=8 lab.rounds=100000 ${4:+lab.ip=10.99.0.11/24}</cmdline>
	  </os>
	  <features><integration>$3</integration></features>
	  <devices><disk type="file"><source file="$2"/><target dev="sda"/></disk>${4:-}</devices>
	</partition>
	XML
	bhctl define "/run/$1.xml" || fail "cannot define $1"
}

# shell_open NAME: a shell on its console, fed through descriptor 3; what it prints is in /run/session.
shell_open() {
	rm -f /run/in
	mkfifo /run/in
	: >/run/session
	bhctl console "$1" </run/in >/run/session 2>&1 &
	shell_pid=$!
	exec 3>/run/in
	echo >&3
	told "echo shell-\$((40 + 2))" 'shell-42'
}

shell_close() {
	exec 3>&-
	kill "$shell_pid" 2>/dev/null
	wait "$shell_pid" 2>/dev/null
}

# told COMMAND PATTERN: the guest's shell runs it and prints something like that.
told() {
	: >/run/session
	printf "%s\n" "$1" >&3
	eventually 10 "the guest answers: $2" grep -qE "$2" /run/session
}

# The seconds of a clock, with its fraction: busybox' date has none.
clock="adjtimex | awk '/tv_sec/ { s = \$2 } /tv_usec/ { u = \$2 } END { printf \"clock=%d.%06d\\n\", s, u }'"

# clock_right: the guest's clock differs by less than 100 ms from the root's, as well as one question can tell.
clock_right() {
	: >/run/session
	lab_before=$(eval "$clock")
	printf "%s\n" "$clock" >&3
	until grep -qE '^clock=[0-9]' /run/session; do
		sleep 0.01
	done
	lab_after=$(eval "$clock")
	grep -E '^clock=[0-9]' /run/session | tr -d '\r' | awk -F= -v a="${lab_before#*=}" -v b="${lab_after#*=}" '
		{ printf "guest %.3f, root %.3f to %.3f: ", $2, a, b
		  good = $2 > a - 0.1 && $2 < b + 0.1 && b - a < 1
		  print good ? "right" : "wrong" }
		END { exit !good }'
}

ready() {
	bhctl show "$1" | grep -qE "kvp ready, vss ready, fcopy $copies"
}

# classes PATTERN COUNT: the guest's shell sees so many devices of those classes.
classes() {
	told "echo seen-\$(cat /sys/bus/vmbus/devices/*/class_id | grep -cE '$1')-of" "seen-$2-of"
}

all='0e0b6031|57164f39|9527e630|a9a0f4e7|35fa2e29|34d14be3'
copies=ready
lab_child_copies_files || copies='not ready'
cat /lab/child.cpio /lab/integration.cpio >/run/child.cpio

step start "a child with Debian's hv_kvp_daemon, hv_vss_daemon and hv_fcopy_daemon"
run modprobe bulkhead
daemon_start
bridge_add br0 10.99.0.1/24
mac=00:15:5d:00:00:0b
definition full /disks/one.img "" "<interface type='bridge'><source bridge='br0'/><mac address='$mac'/></interface>"
run bhctl start full
eventually 40 "all services are ready" ready full
eventually 20 "the guest writes" said full 'guest-io: round 1 verified'
run bhctl list
expect "its heart beats" sh -c "bhctl list | grep -qE '^full .* ok'"

step info "what the guest says of itself"
run bhctl guest-info full
bhctl guest-info full --json >/run/info
expect "the kernel that it runs" grep -q "\"OSBuildNumber\": \"$(lab_kernel_of /lab/vmlinuz)" /run/info
expect "version 4.0 of key-value pairs" sh -c "grep -A3 '\"kvp\"' /run/info | grep -q '\"4.0\"'"
expect "version 5.0 of backups" sh -c "grep -A3 '\"vss\"' /run/info | grep -q '\"5.0\"'"

step kvp "pairs, from the root and from the guest"
run bhctl kvp full set greeting 'Grüße vom Wirt'
expect "the root reads it back" sh -c "bhctl kvp full get greeting | grep -qx 'Grüße vom Wirt'"
shell_open full
told "echo found-\$(tr -d '\\0' </var/lib/hyperv/.kvp_pool_0 | grep -c 'greetingGr')-times" 'found-1-times'
told "echo name-\$(tr -d '\\0' </var/lib/hyperv/.kvp_pool_3 | grep -o 'VirtualMachineNamefull')" 'name-VirtualMachineNamefull'
# A record is a key of 512 bytes and a value of 2048.
told "{ printf answer; head -c 506 /dev/zero; printf forty-two; head -c 2039 /dev/zero; } >/var/lib/hyperv/.kvp_pool_1; echo wrote-\$?" 'wrote-0'
run bhctl kvp full list --pool guest
expect "the root sees what the guest wrote" sh -c "bhctl kvp full get answer --pool guest | grep -qx forty-two"
run bhctl kvp full delete greeting
refuse 1 'no such key' bhctl kvp full get greeting

# addresses PATTERN: what the guest says of its interface.
addresses() {
	bhctl guest-info full | grep -qE "^00:15:5D:00:00:0B +$1"
}

step addresses "of its network interface, asked for and set"
run bhctl guest-info full
expect "its address and mask" addresses 'no +10\.99\.0\.11.* +255\.255\.255\.0'
refuse 1 'hv_set_ifconfig' bhctl set-addresses full "$mac" 10.99.0.77/24
refuse 1 'as 10.0.0.5/24' bhctl set-addresses full "$mac" 10.99.0.77
refuse 1 'no interface' bhctl set-addresses full 00:15:5d:00:00:0c dhcp
told 'mkdir -p /usr/libexec/hypervkvpd; printf "#!/bin/sh\n. \$1\nifconfig \$DEVICE \$IPADDR0 netmask \$NETMASK0\n" >/usr/libexec/hypervkvpd/hv_set_ifconfig; chmod +x /usr/libexec/hypervkvpd/hv_set_ifconfig; echo script-$?' 'script-0'
run bhctl set-addresses full "$mac" 10.99.0.77/25 10.99.0.1 10.99.0.1,10.99.0.2
expect "it has it" addresses 'no +10\.99\.0\.77.* +255\.255\.255\.128'
run ping -q -c 1 -W 5 10.99.0.77

step backup "a copy of its disk while it writes"
rounds=$(said_count full 'guest-io: round')
run bhctl backup full --disk sda /disks/copy.img
eventually 20 "the guest goes on writing" said_more full 'guest-io: round' "$rounds"
check_disk full /disks/copy.img
refuse 1 'File exists' bhctl backup full --disk sda /disks/copy.img
refuse 1 'no such disk' bhctl backup full --disk sdb /disks/other.img
rounds=$(said_count full 'guest-io: round')
refuse 4 'not copied within 0 s; the guest goes on' bhctl backup full --disk sda /disks/other.img --timeout 0
eventually 20 "it does" said_more full 'guest-io: round' "$rounds"
expect "nothing is left of that copy" not ls /disks/other.img /disks/other.img.partial

step copy "a file into the guest"
head -c 300000 /dev/urandom >/run/file
hash=$(sha256sum /run/file | cut -d' ' -f1)
if [ "$copies" = ready ]; then
	refuse 1 'guest failed' bhctl copy full /run/file /run/new/folder/file
	run bhctl copy full /run/file /run/new/folder/ --make-path
	told 'echo hash-$(sha256sum /run/new/folder/file)' "hash-$hash"
	refuse 1 'already' bhctl copy full /run/file /run/new/folder/
	run bhctl copy full /run/info /run/new/folder/file --overwrite
	told 'echo hash-$(sha256sum /run/new/folder/file)' "hash-$(sha256sum /run/info | cut -d' ' -f1)"
else
	refuse 1 'does hv_fcopy_daemon run in it' bhctl copy full /run/file /run/
fi

step clock "the guest's clock after a pause, and when the root's is set"
eventually 10 "its clock is right at first" clock_right
told "date -s '2020-01-01 00:00' >/dev/null; echo set-\$?" 'set-0'
expect "samples alone do not set it" not clock_right
run bhctl pause full
sleep 5
run bhctl resume full
eventually 2 "its clock is right after the pause" clock_right
date -s "@$(($(date +%s) + 1000))" >/dev/null
eventually 4 "its clock follows the root's" clock_right
date -s "@$(($(date +%s) - 1000))" >/dev/null
shell_close

# frozen: so says the worker, and nothing of an end since.
frozen() {
	[ "$(grep -c "file systems are frozen" /var/log/bulkhead/full-worker.log)" -gt \
		"$(grep -cE 'backup: (thawed|the file systems were not thawed in time)' /var/log/bulkhead/full-worker.log)" ]
}

# backup_stands: a backup whose client stands still between freeze and thaw; its number is in backup_pid. A copy may be over too soon.
backup_stands() {
	for _ in 1 2 3 4 5 6 7 8; do
		rm -f /disks/killed.img
		bhctl backup full --disk sda /disks/killed.img >>/run/out/killed.log 2>&1 &
		backup_pid=$!
		until frozen || ! kill -0 $backup_pid 2>/dev/null; do
			:
		done
		kill -STOP $backup_pid 2>/dev/null && frozen && return
		kill -CONT $backup_pid 2>/dev/null
		wait $backup_pid
	done
	return 1
}

# goes_on: thawed by itself, and writing.
goes_on() {
	eventually 20 "the guest is thawed" not frozen
	rounds=$(said_count full 'guest-io: round')
	eventually 10 "it writes" said_more full 'guest-io: round' "$rounds"
}

step killed "client and daemon die while the guest is frozen"
run backup_stands
kill -KILL $backup_pid
goes_on
run backup_stands
kill -KILL "$daemon_pid"
wait "$daemon_pid" 2>/dev/null
daemon_start
expect "it is frozen still" frozen
goes_on
kill -KILL $backup_pid

step off "services that the definition switches off do not exist in the guest"
shell_open full
classes "$all" 6
shell_close
run bhctl turn-off full
off=
for service in shutdown heartbeat timesync kvp vss fcopy; do
	off="$off<$service state='off'/>"
done
definition bare /disks/three.img "$off"
run bhctl start bare
eventually 40 "the guest writes" said bare 'guest-io: round 1 verified'
shell_open bare
classes "$all" 0
classes ba6163d9 1
refuse 1 'not ready|off' bhctl kvp bare list
shell_close
run bhctl turn-off bare

step small "a guest of another make: shutdown, heartbeat, time and pairs"
cat >/run/small.xml <<-XML
	<partition>
	  <name>small</name>
	  <memory unit="MiB">64</memory>
	  <os><kernel>/lab/conformance.elf</kernel><cmdline>test=integration,poweroff</cmdline></os>
	</partition>
XML
run bhctl define /run/small.xml
run bhctl start small
eventually 10 "its services are ready" sh -c "bhctl show small | grep -q 'shutdown ready, heartbeat ready, timesync ready, kvp ready'"
eventually 10 "its heart beats" sh -c "bhctl list | grep -qE '^small .* ok'"
expect "its name" sh -c "bhctl guest-info small | grep -qE '^system +Bulkhead test guest'"
run bhctl kvp small set question desserts
expect "its answer" sh -c "bhctl kvp small get answer --pool guest | grep -qx stressed"
run bhctl shutdown small --timeout 20
expect "nothing was wrong, says the guest" said small 'GUEST-RESULT integration success'
expect "no complaint of the kernel" kernel_sound
done_all
