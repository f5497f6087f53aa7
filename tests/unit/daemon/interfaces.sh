#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/daemon/functions.sh
# Network interfaces as far as no kernel has to make one: addresses that are given and kept, edits of the stored text, refusals.
# What a running partition gets is tried in the lab (tests/lab/scenarios/network.sh).
. "${0%/*}/functions.sh"
daemon_start

# nic NAME [XML]: a partition with an interface, in $dir/NAME.xml.
nic() {
	partition "$1" "" "<on_reboot>stop</on_reboot>"
	sed -i "s,</devices>,<interface type='bridge'><source bridge='${3:-bh-none}'/>${2:-}</interface></devices>," "$dir/$1.xml"
}

macs() {
	"$BHCTL" dump-xml "$1" | grep -o "<mac address='[0-9a-f:]*'/>" | cut -d"'" -f2
}

nic a
expect "redefined" "$BHCTL" define "$dir/a.xml"
mac=$(macs a)
expect "has an address with Hyper-V's prefix" sh -c "echo '$mac' | grep -qx '00:15:5d:[0-9a-f:]*'"
expect "defined without it again" "$BHCTL" define "$dir/a.xml"
expect "the address stays" [ "$(macs a)" = "$mac" ]
expect "nothing but it and the uuid is added" sh -c "'$BHCTL' dump-xml a | grep -v '<uuid>' | sed 's,<mac [^>]*>,,' | cmp - '$dir/a.xml'"
expect "shown" sh -c "'$BHCTL' list-interfaces a | grep -q '^$mac  *up  *bh-none'"
expect "and as JSON" sh -c "'$BHCTL' list-interfaces a --json | grep -q '\"mac\": \"$mac\"'"
expect "and among the rest" sh -c "'$BHCTL' show a | grep -q '^$mac '"
expect "checked" sh -c "'$BHCTL' check '$dir/a.xml' | grep -q '1 interface'"

# one address, one owner
nic b "<mac address='$mac'/>"
refuse 1 "b.xml: MAC address $mac belongs to 'a'; use another, or leave <mac> out" "$BHCTL" define "$dir/b.xml"

# a start needs the bridge
refuse 1 "a: interface $mac: there is no bridge bh-none; 'ip link add bh-none type bridge' makes one" "$BHCTL" start a
expect "failed, with the reason" shown a " failed .*no bridge bh-none"
nic c "" lo
expect "redefined" "$BHCTL" define "$dir/c.xml"
refuse 1 "lo is no bridge; name one in <source" "$BHCTL" start c

# the stored text is changed in place
refuse 1 "is failed; with --config its definition is changed" "$BHCTL" attach-interface a --bridge br7
expect "attached" sh -c "'$BHCTL' attach-interface a --bridge br7 --mac 00:15:5d:00:00:07 --vlan 7 --mtu 9000 --config | grep -q '00:15:5d:00:00:07 attached, from its next start'"
expect "stored" sh -c "'$BHCTL' dump-xml a | grep -q \"<source bridge='br7'/><mac address='00:15:5d:00:00:07'/><vlan><tag id='7'/></vlan><mtu size='9000'/>\""
expect "shown" sh -c "'$BHCTL' list-interfaces a | grep -Eq '^00:15:5d:00:00:07 +up +br7 +- +7'"
refuse 1 "MAC address 00:15:5d:00:00:07 belongs to 'a'" "$BHCTL" attach-interface b --bridge br7 --mac 00:15:5d:00:00:07 --config
printf "<?xml version='1.0'?>\n<interface type='bridge'>\n  <source bridge='br8'/>\n</interface>\n" >"$dir/nic.xml"
expect "from a file" "$BHCTL" attach-interface a "$dir/nic.xml" --config
expect "with an address" [ "$(macs a | wc -l)" = 3 ]
expect "cable out" "$BHCTL" set-link a 00:15:5D:00:00:07 down --config
expect "shown" sh -c "'$BHCTL' list-interfaces a | grep -Eq '^00:15:5d:00:00:07 +down'"
expect "cable in" "$BHCTL" set-link a 00-15-5d-00-00-07 up --config
expect "shown" sh -c "'$BHCTL' list-interfaces a | grep -Eq '^00:15:5d:00:00:07 +up'"
expect "detached" "$BHCTL" detach-interface a 00:15:5d:00:00:07 --config
expect "gone" sh -c "! '$BHCTL' dump-xml a | grep -q br7"
expect "the others are there" [ "$(macs a | wc -l)" = 2 ]
refuse 1 "has no interface 00:15:5d:00:00:07; 'bhctl list-interfaces a' lists them" "$BHCTL" detach-interface a 00:15:5d:00:00:07 --config
refuse 1 "is no MAC address" "$BHCTL" set-link a nonsense up --config
refuse 2 "use up or down" "$BHCTL" set-link a "$mac" sideways
refuse 2 "give either a file or --bridge" "$BHCTL" attach-interface a
refuse 2 "give either a file or --bridge" "$BHCTL" attach-interface a "$dir/nic.xml" --bridge x
sed 's/br8/no such/' "$dir/nic.xml" >"$dir/wrong.xml"
refuse 1 "^bhctl: $dir/wrong.xml:3:3: <source bridge='no such'>: 'no such' is no name of a bridge" "$BHCTL" attach-interface a "$dir/wrong.xml" --config
refuse 1 "options:1:26: <source bridge='0123456789abcdef'>" "$BHCTL" attach-interface a --bridge 0123456789abcdef

# a running one: the worker is asked, and what it refuses is said and stored nowhere
partition r ""
expect "started" "$BHCTL" start r
refuse 1 "interface 00:15:5d:[0-9a-f:]*: there is no bridge br9" "$BHCTL" attach-interface r --bridge br9 --config
expect "not stored" sh -c "! '$BHCTL' dump-xml r | grep -q br9"
refuse 1 "has no interface $mac" "$BHCTL" detach-interface r "$mac"
expect "off" "$BHCTL" turn-off r
daemon_stop

# a definition that somebody wrote there without an address is not taken
sed -i "s,<mac [^>]*>,," "$dir/definitions/a.xml"
daemon_start
expect "left out, and said why" grep -q "a.xml: defines 'a' without a <mac>; use 'bhctl define' to store it" "$dir/daemon.log"
daemon_stop
echo "$checks checks passed"
