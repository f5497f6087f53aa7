# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Two children and the root on a bridge, with the distribution's hv_netvsc: pings, HTTP and iperf3 each way with payloads verified,
# jumbo frames, the cable out and in, removal and re-attachment under load and over a restart of the daemon, a forged source address,
# VLANs and limits. A second interface of each child, on another bridge, carries the scenario's commands.
# Child one is number 11, child two 12: the last byte of their addresses. For a few steps there is a third, a small kernel with vsc/netvsc.
. /lab/functions.sh
. /lab/partitions.sh
. /lab/network.sh

payload_mib=8

# mac NUMBER [NETWORK]
mac() {
	echo "00:15:5d:00:0${2:-0}:$1"
}

# definition NAME NUMBER VPS: and as many queues of the first interface.
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">192</memory>
	  <vcpu>$3</vcpu>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/run/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 lab.mode=idle lab.ip=10.98.0.$2/24,$(mac "$2" 1) lab.ip=10.99.0.$2/24,$(mac "$2")</cmdline>
	  </os>
	  <devices>
	    <interface type="bridge">
	      <source bridge="br0"/>
	      <mac address="$(mac "$2")"/>
	      <mtu size="9000"/>
      <driver queues="$3"/>
	    </interface>
	    <interface type="bridge">
	      <source bridge="br1"/>
	      <mac address="$(mac "$2" 1)"/>
	    </interface>
	  </devices>
	</partition>
	XML
}

# in_number NUMBER COMMAND: in_child over the second interface.
in_number() {
	in_child "10.98.0.$1" "$2"
}

# pings FROM TO [OPTIONS]: between last bytes of addresses; 1 is the root.
pings() {
	lab_from=$1 lab_to=$2
	shift 2
	if [ "$lab_from" = 1 ]; then
		ping -q -c 3 -i 0.1 -W 3 "$@" "10.99.0.$lab_to"
	else
		in_number "$lab_from" "ping -q -c 3 -i 0.1 -W 3 $* 10.99.0.$lab_to"
	fi
}

# silent FROM ADDRESS: no answer from there.
silent() {
	in_number "$1" "! ping -q -c 2 -i 0.1 -W 1 $2"
}

# interface_in NUMBER MAC: its name in the child.
interface_in() {
	in_number "$1" "for p in /sys/class/net/eth*; do [ \$(cat \$p/address) != $2 ] || echo \${p##*/}; done"
}

has_interface() {
	[ -n "$(interface_in "$1" "$2")" ]
}

carrier_is() {
	[ "$(in_number "$1" "cat /sys/class/net/$2/carrier")" = "$3" ]
}

# figure NAME MAC KEY: a number or word of its interface.
figure() {
	bhctl list-interfaces "$1" --json | tr -d '\n' | sed 's/}/ }\n/g' | grep "\"mac\": \"$2\"" | sed -n "s/.*\"$3\": \"\{0,1\}\([^\", }]*\).*/\1/p"
}

# under_load: a MiB more than $sent has gone out of the first child.
under_load() {
	[ "$(figure one "$(mac 11)" tx_bytes)" -gt $((sent + (1 << 20))) ]
}

# mbits FILE: what arrived, of iperf3's JSON.
mbits() {
	awk '/"sum_received"/ { on = 1 } on && /"bits_per_second"/ { gsub(/[^0-9.e+]/, "", $2); printf "%d", $2 / 1e6; exit }' "$1"
}

# iperf FROM TO [OPTIONS]: a second of it; says how much arrived, which must be something.
iperf() {
	lab_from=$1 lab_to=$2
	shift 2
	if [ "$lab_from" = 1 ]; then
		iperf3 -J -t 1 -c "10.99.0.$lab_to" "$@" >/run/iperf
	else
		in_number "$lab_from" "iperf3 -J -t 1 -c 10.99.0.$lab_to $*" >/run/iperf
	fi || { cat /run/iperf; fail "iperf3 from $lab_from to $lab_to"; }
	echo "   iperf3 $lab_from to $lab_to $*: $(mbits /run/iperf) Mbit/s"
	[ "$(mbits /run/iperf)" -gt 0 ] || fail "nothing arrived"
}

# interrupts_of NUMBER MAC: of each of its channels in the child, on a line, the least first.
interrupts_of() {
	in_number "$1" "cat /sys/class/net/$(interface_in "$1" "$2")/device/channels/*/interrupts" | sort -n | tr '\n' ' '
}

# packets_of NUMBER INTERFACE CHANNEL: that came by it.
packets_of() {
	in_number "$1" "ethtool -S $2" | sed -n "s/^ *rx_queue_$3_packets: //p"
}

# ticks PID: processor time of its main thread, in hundredths of a second. VPs have threads of their own.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/task/$1/stat"
}

verified() {
	[ "$(fetched_hash_in "10.98.0.$1" "http://10.99.0.$2/payload")" = "$hash" ]
}

root_verified() {
	[ "$(fetched_hash "http://10.99.0.$1/payload")" = "$hash" ]
}

fragments() {
	awk '$1 == "Ip:" { if (n++) print $19 }' /proc/net/snmp
}

step start "what a start needs; two children with two interfaces each"
run modprobe bulkhead
daemon_start
cat /lab/child.cpio /lab/network.cpio >/run/child.cpio
definition one 11 1
definition two 12 2
run bhctl define /run/one.xml
run bhctl define /run/two.xml
refuse 1 "there is no bridge br0; 'ip link add br0 type bridge' makes one" bhctl start one
bridge_add br0 10.99.0.1/24 vlan_filtering 1
bridge_add br1 10.98.0.1/24
mkdir -p /run/web
dd if=/dev/urandom of=/run/web/payload bs=1M count=$payload_mib 2>/dev/null
hash=$(sha256sum /run/web/payload | cut -d' ' -f1)
httpd -p 80 -h /run/web
iperf3 -s -D
# The first on the loop's own thread, the second on threads of its VPs.
workers_on 1
run bhctl start one
workers_on 1-2
run bhctl start two
expect "one thread runs the first" alone one
for name in one two; do
	eventually 40 "$name serves" said "$name" 'child: serving'
done
run bhctl list-interfaces one
expect "the worker has no capability" grep -qE '^CapEff:[[:space:]]*0+$' "/proc/$(worker_pid one)/status"

step traffic "pings, HTTP and iperf3 each way, payloads verified"
for pair in '1 11' '11 1' '1 12' '12 1' '11 12' '12 11'; do
	expect "ping $pair" pings $pair -s 1472
done
for number in 11 12; do
	expect "$number gets the root's payload" verified $number 1
	in_number $number 'wget -q -O /run/web/payload http://10.99.0.1/payload' || fail "no copy in $number"
	expect "the root gets it back from $number" root_verified $number
done
expect "11 gets it from 12" verified 11 12
expect "12 gets it from 11" verified 12 11
iperf 11 1
iperf 11 1 -R
iperf 11 12
run bhctl list-interfaces two
expect "two has two queues" [ "$(figure two "$(mac 12)" queues)" = 2 ]
before=$(interrupts_of 12 "$(mac 12)")
iperf 1 12 -P 12
after=$(interrupts_of 12 "$(mac 12)")
echo "   interrupts of its channels before: $before after: $after"
# shellcheck disable=SC2086
expect "both were used" sh -c '[ $# = 4 ] && [ $3 -gt $1 ] && [ $4 -gt $2 ]' sh $before $after
run bhctl list-interfaces one
expect "counted" [ "$(figure one "$(mac 11)" rx_bytes)" -gt $((payload_mib << 20)) ]
expect "nothing was malformed" [ "$(figure one "$(mac 11)" tx_errors)" = 0 ]

step scaling "a child's table says which of its channels a frame takes (RSS)"
eth=$(interface_in 12 "$(mac 12)")
expect "it has one of 128 entries" [ "$(in_number 12 "ethtool -x $eth" | grep -cE '^ *[0-9]+: +0 +1 +0 +1 +0 +1 +0 +1')" = 16 ]
for queue in 0 1; do
	in_number 12 "ethtool -X $eth weight $((1 - queue)) $queue" || fail "weights"
	this=$(packets_of 12 "$eth" $queue)
	other=$(packets_of 12 "$eth" $((1 - queue)))
	expect "12 gets the root's payload" verified 12 1
	expect "by channel $queue" [ $(($(packets_of 12 "$eth" $queue) - this)) -gt 100 ]
	# Frames that are not hashed, as ARP's, go as they like.
	expect "not by the other" [ $(($(packets_of 12 "$eth" $((1 - queue))) - other)) -lt 10 ]
done
in_number 12 "ethtool -X $eth equal 2" || fail "equal"

step jumbo "frames of 9000 bytes, not fragmented"
ip link set br0 mtu 9000
for number in 11 12; do
	in_number $number "ip link set $(interface_in $number "$(mac $number)") mtu 9000" || fail "MTU of $number"
done
before=$(fragments)
eventually 10 "ping 1 11" pings 1 11 -s 8972
eventually 10 "ping 12 11" pings 12 11 -s 8972
expect "in one piece" [ "$(fragments)" = "$before" ]
expect "12 gets the root's payload" verified 12 1

step link "the cable out and in"
eth=$(interface_in 11 "$(mac 11)")
run bhctl set-link one "$(mac 11)" down
eventually 5 "the child sees it" carrier_is 11 "$eth" 0
expect "no answer" silent 11 10.99.0.1
expect "shown" [ "$(figure one "$(mac 11)" link)" = down ]
run bhctl set-link one "$(mac 11)" up
eventually 5 "the child sees it" carrier_is 11 "$eth" 1
eventually 5 "and answers" pings 1 11

step guard "a forged source address is dropped"
eth=$(interface_in 12 "$(mac 12)")
in_number 12 "ip link set $eth down; ip link set $eth address 00:15:5d:00:00:99 && ip link set $eth up" || fail "forged"
expect "no answer" silent 12 10.99.0.1
expect "counted" [ "$(figure two "$(mac 12)" spoofed)" -gt 0 ]
in_number 12 "ip link set $eth down; ip link set $eth address $(mac 12) && ip link set $eth up" || fail "set back"
eventually 5 "its own goes through" pings 12 1

# Linux waits for ever for the answer to a packet that was on its way when its interface went.
step hot "removal under load, re-attachment, and a daemon that ends between"
tap=$(figure one "$(mac 11)" tap)
eth=$(interface_in 11 "$(mac 11)")
in_number 11 'iperf3 -t 30 -P 2 -c 10.99.0.12 >/run/load 2>&1 & iperf3 -t 30 -R -p 5201 -c 10.99.0.1 >/run/load2 2>&1 & true' || fail "no load"
sent=$(figure one "$(mac 11)" tx_bytes)
eventually 10 "it is loaded" under_load
run bhctl detach-interface one "$(mac 11)"
expect "its TAP is gone" [ ! -e "/sys/class/net/$tap" ]
eventually 10 "it is gone in the child" not has_interface 11 "$(mac 11)"
refuse 1 'has no interface' bhctl detach-interface one "$(mac 11)"
in_number 11 'killall iperf3; iperf3 -s >/dev/null 2>&1 & true'
run bhctl attach-interface one --bridge br0 --mac "$(mac 11)" --mtu 9000
run kill -9 "$daemon_pid"
wait "$daemon_pid" 2>/dev/null
daemon_start
expect "the next daemon knows it" [ -n "$(figure one "$(mac 11)" bridge)" ]
eventually 10 "it is there in the child" has_interface 11 "$(mac 11)"
eth=$(interface_in 11 "$(mac 11)")
in_number 11 "ip link set $eth up; ip address add 10.99.0.11/24 dev $eth"
eventually 10 "it answers" pings 1 11
expect "11 gets the root's payload" verified 11 1

step lost "a TAP that somebody deletes costs the worker nothing, and is replaced"
tap=$(figure two "$(mac 12)" tap)
eth=$(interface_in 12 "$(mac 12)")
run ip link delete "$tap"
eventually 5 "the child sees the cable out" carrier_is 12 "$eth" 0
before=$(ticks "$(worker_pid two)")
sleep 1
used=$(($(ticks "$(worker_pid two)") - before))
echo "   ticks of the worker in a second: $used"
expect "the worker does not spin" [ $used -lt 30 ]
run bhctl detach-interface two "$(mac 12)"
run bhctl attach-interface two --bridge br0 --mac "$(mac 12)" --mtu 9000
eventually 10 "another is there" has_interface 12 "$(mac 12)"
eth=$(interface_in 12 "$(mac 12)")
in_number 12 "ip link set $eth up; ip address add 10.99.0.12/24 dev $eth"
eventually 10 "it answers" pings 1 12

step small "a guest of another make: pings, datagrams verified at both ends, the cable"
cat >/run/small.xml <<-XML
	<partition>
	  <name>small</name>
	  <memory unit="MiB">64</memory>
	  <os><kernel>/lab/conformance.elf</kernel><cmdline>test=network ip=10.99.0.13</cmdline></os>
	  <devices>
	    <interface type="bridge"><source bridge="br0"/><mac address="$(mac 13)"/><mtu size="9000"/></interface>
	  </devices>
	</partition>
XML
run bhctl define /run/small.xml
run bhctl start small
eventually 10 "it is there" said small 'network: NVSP 60001, MTU 9000, serving'
expect "ping 1 13" pings 1 13
expect "ping 1 13, in one piece" pings 1 13 -s 8972
expect "ping 11 13" pings 11 13
run datagram-peer 10.99.0.13 7 500 8972
run bhctl set-link small "$(mac 13)" down
eventually 5 "it sees the cable out" said small 'network: cable out'
run bhctl set-link small "$(mac 13)" up
eventually 5 "and in" said small 'network: cable in'
run datagram-peer 10.99.0.13 7 10 1472
expect "nothing was malformed" [ "$(figure small "$(mac 13)" tx_errors)" = 0 ]
run datagram-peer 10.99.0.13 7 end
eventually 10 "nothing was wrong, says the guest" said small 'GUEST-RESULT network success'
eventually 5 "it is off" shown small off

step vlan "children on VLANs apart do not meet; on one they do; limits hold"
run bhctl attach-interface one --bridge br0 --mac "$(mac 11 2)" --vlan 10
run bhctl attach-interface two --bridge br0 --mac "$(mac 12 2)" --vlan 20
refuse 1 "bridge br1 does not filter VLANs; 'ip link set br1 type bridge vlan_filtering 1' lets it" \
	bhctl attach-interface two --bridge br1 --vlan 5
for number in 11 12; do
	eventually 10 "$number has it" has_interface $number "$(mac $number 2)"
	eth=$(interface_in $number "$(mac $number 2)")
	in_number $number "ip link set $eth up; ip address add 10.97.0.$number/24 dev $eth" || fail "address"
done
ip address add 10.97.0.1/24 dev br0
expect "apart from each other" silent 11 10.97.0.12
expect "apart from the root" silent 11 10.97.0.1
run bhctl detach-interface two "$(mac 12 2)"
cat >/run/limited.xml <<-XML
<interface type="bridge">
  <source bridge="br0"/>
  <mac address="$(mac 12 3)"/>
  <vlan><tag id="10"/></vlan>
  <bandwidth>
    <inbound average="2000"/>
    <outbound average="2000"/>
  </bandwidth>
</interface>
XML
run bhctl attach-interface two /run/limited.xml
eventually 10 "12 has another" has_interface 12 "$(mac 12 3)"
eth=$(interface_in 12 "$(mac 12 3)")
in_number 12 "ip link set $eth up; ip address add 10.97.0.12/24 dev $eth" || fail "address"
eventually 5 "together" in_number 11 "ping -q -c 1 -W 1 10.97.0.12"
in_number 12 "iperf3 -J -t 2 -c 10.97.0.11" >/run/iperf || fail "iperf3 from 12"
echo "   sent with a limit of 16 Mbit/s: $(mbits /run/iperf) Mbit/s"
expect "outbound is limited" [ "$(mbits /run/iperf)" -le 20 ]
in_number 12 "iperf3 -J -t 2 -R -c 10.97.0.11" >/run/iperf || fail "iperf3 to 12"
echo "   received with a limit of 16 Mbit/s: $(mbits /run/iperf) Mbit/s"
expect "inbound is limited" [ "$(mbits /run/iperf)" -le 20 ]

step end "reset, shut down, and nothing is left"
mark=$(said_count one 'child: serving')
run bhctl reset one
eventually 40 "one serves again" said_more one 'child: serving' "$mark"
eventually 10 "it answers" pings 1 11
for name in one two; do
	run bhctl shutdown "$name"
done
eventually 5 "no TAP is left" sh -c '! ls /sys/class/net | grep ^bh-'
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
