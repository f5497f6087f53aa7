# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# bhctl exec and bhctl login in a real child, over the guest's own hv_sock: status, data, signals, terminals, many at once, and
# a child that goes in the middle. The child is the lab's initramfs with bulkhead-guest-exec in it.
. /lab/functions.sh
. /lab/partitions.sh

# definition NAME [ELEMENTS...]: an idle child.
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">192</memory>
	  <vcpu>2</vcpu>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/lab/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 lab.mode=idle</cmdline>
	  </os>
	  <devices>${2:-}</devices>
	</partition>
	XML
	run bhctl define "/run/$1.xml"
}

# on_terminal FILE COMMAND: the command on a terminal of 44 rows, whose name goes to FILE.tty and whose output to FILE.
on_terminal() {
	script -q -f -c "tty >$1.tty; stty rows 44 columns 133; $2" "$1" </dev/null >/dev/null
}

# service_answers BOOTS: after so many. Asked earlier, the guest's socket would be waited for until the time is over.
service_answers() {
	eventually 60 "boot $1" said_more one 'child: idle' $(($1 - 1))
	eventually 30 "the service answers" bhctl exec one -- true
}

step start "a child with the service"
run modprobe bulkhead
daemon_start
definition one
refuse 125 'one: is not running' bhctl exec one -- true
run bhctl start one
service_answers 1

step status "commands and their ends"
expect "the child's kernel, not the root's" sh -c 'bhctl exec one -- cat /proc/cmdline | grep -q lab.mode=idle'
refuse 7 '^said$' bhctl exec one -- sh -c 'echo said; exit 7'
refuse 137 '^said$' bhctl exec one -- sh -c 'echo said; kill -9 $$'
refuse 127 'one: /no/such: command not found' bhctl exec one -- /no/such
refuse 125 "no user 'nobody-of-that-name'" bhctl exec one --user nobody-of-that-name -- true
refuse 124 'has not ended within 1 s' bhctl exec one --timeout 1 -- sleep 1000
eventually 5 "and does not run there any more" sh -c '! bhctl exec one -- pidof sleep'
expect "variables" sh -c 'bhctl exec one --env A="b c" -- sh -c "echo \$A" | grep -qx "b c"'

step data "64 MiB into a command and out of it"
dd if=/dev/urandom of=/disks/data bs=1M count=64 2>/dev/null
hash=$(sha256sum </disks/data)
start=$(lab_uptime)
expect "what the child wrote is what it read" [ "$(bhctl exec one -- cat </disks/data | sha256sum)" = "$hash" ]
echo "both ways at once: $(lab_since "$start") s; $hash"
rm /disks/data
expect "a reader that has enough ends the writer" sh -c 'bhctl exec one -- yes | head -n 1 | grep -qx y'

step signals "signals reach the command"
mkfifo /run/said
bhctl exec one -- sh -c 'trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.1; done' >/run/said &
pid=$!
{
	read -r line
	expect "it runs" [ "$line" = ready ]
	kill -INT $pid
	read -r line
	expect "it has the signal" [ "$line" = caught ]
} </run/said
wait $pid
expect "and ends as it likes" [ $? = 5 ]

step terminal "a terminal of this one's size, which follows it"
on_terminal /run/size 'bhctl exec one -t -- stty size'
expect "44 rows, 133 columns" grep -q '^44 133' /run/size
on_terminal /run/resized 'bhctl exec one -t -- sh -c "trap \"stty size; exit\" WINCH; echo ready; while :; do sleep 0.1; done"' &
pid=$!
eventually 10 "it runs" grep -q ready /run/resized
stty -F "$(cat /run/resized.tty)" rows 50 columns 132
wait $pid
expect "50 rows, 132 columns" grep -q '^50 132' /run/resized
echo 'echo shell is $0 on $(tty); exit 9' | bhctl login one >/run/login
expect "a login ends as its shell does" [ $? = 9 ]
expect "and is a login shell on a terminal" grep -q '^shell is -sh on /dev/pts/' /run/login

step many "50 at once"
for i in $(seq 50); do
	bhctl exec one -- sh -c "echo $i; exit $i" >"/run/many-$i" 2>&1 &
	eval "pid_$i=\$!"
done
for i in $(seq 50); do
	eval "wait \$pid_$i"
	lab_got=$?
	[ $lab_got = "$i" ] && [ "$(cat "/run/many-$i")" = "$i" ] || fail "command $i: exit code $lab_got, said $(cat "/run/many-$i")"
done
sessions_gone() {
	[ "$(bhctl exec one -- pidof bulkhead-guest-exec | wc -w)" = 2 ]
}
eventually 5 "only the service and this question are left" sessions_gone

step gone "the child goes in the middle"
bhctl exec one -- sh -c 'echo ready; exec sleep 1000' >/run/said 2>/run/lost &
pid=$!
{
	read -r line
	expect "it runs" [ "$line" = ready ]
} </run/said
run bhctl turn-off one
wait $pid
expect "the caller is told by 125" [ $? = 125 ]
cat /run/lost
expect "and by words" grep -q '^bhctl: one: the connection to the guest ended before the command: ' /run/lost

step unpacked "later starts take the kernel unpacked, each time at other addresses"
text_address() {
	bhctl exec one -- sed -n 's/ T _text$//p' /proc/kallsyms
}
eventually 60 "it was unpacked meanwhile" sh -c 'find /var/cache/bulkhead -name "v*" -size +1000k | grep -q .'
addresses=
for start in 1 2; do
	run bhctl start one
	service_answers $((start + 1))
	expect "the worker has the unpacked kernel" sh -c 'ls -l /proc/$(pidof bulkhead-worker)/fd | grep -q /var/cache/bulkhead/v'
	addresses="$addresses $(text_address)"
	[ $start = 2 ] || run bhctl turn-off one
done
run bhctl reset one
service_answers 4
addresses="$addresses $(text_address)"
expect "three addresses: $addresses" [ "$(echo "$addresses" | wc -w)" = 3 ]
# One in some 480 is where the kernel was linked for; three in a row are no chance.
expect "chosen by chance" sh -c 'for address; do [ "$address" = ffffffff81000000 ] || exit 0; done; exit 1' sh $addresses
run bhctl turn-off one

step off "without stream sockets"
definition one '<vsock state="off"/>'
run bhctl start one
refuse 125 "has no stream sockets.*vsock state='off'" bhctl exec one -- true
run bhctl turn-off one
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
