#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/gateway/functions.sh
# One model: each thing is changed through D-Bus, through bhctl, through bhctl --host and by somebody else's client, and all of them
# then show the same. A definition that came over WS-Management is a file, and a file is a partition there.
gateway_tests=${0%/*}/../gateway
. "$gateway_tests/functions.sh"
here=${0%/*}

remote() {
	BULKHEAD_PASSWORD=secret-root "$BHCTL" --host "https://root@localhost:$port" --ca-file "$dir/wsmand.crt" "$@"
}

# D-Bus itself, by its own tool. dbus METHOD ARGUMENT...
dbus() {
	method=$1
	shift
	dbus-send --peer="unix:path=$BULKHEAD_SOCKET" --type=method_call --print-reply --reply-timeout=20000 /org/bulkhead "org.bulkhead.Manager1.$method" "$@"
}

winrm() {
	PYTHONDONTWRITEBYTECODE=1 REQUESTS_CA_BUNDLE=$dir/wsmand.crt /usr/bin/python3 "$here/winrm_client.py" "https://localhost:$port/wsman" "$dir/wsmand.crt" root secret-root "$@"
}

# shown_by WAY: "name uuid state vps memory autostart" of every partition.
shown_by() {
	case $1 in
	local) "$BHCTL" list --json ;;
	remote) remote list --json ;;
	esac | awk -F'": ' '/"(name|uuid|state|vps|memory_bytes|autostart)"/ { gsub(/[",]/, "", $2); printf "%s ", $2 } /^  }/ { print "" }'
}

shown_by_dbus() {
	dbus ListPartitions | awk '/string "(name|uuid|state|vps|memory_bytes|autostart)"/ { getline; gsub(/"/, "", $3); printf "%s ", $3 } /^ +}/ { n++ }
		/^      \]/ { print "" }'
}

# What python3-winrm sees is less: name, UUID, state.
shown_by_winrm() {
	winrm list | awk '{ s = $3 == 2 ? "running" : $3 == 3 ? "off" : $3 == 9 ? "paused" : "other"; print $1, $2, s }'
}

agree() {
	shown_by local >"$dir/local"
	shown_by remote >"$dir/remote"
	shown_by_dbus >"$dir/dbus"
	"$BHCTL" list --json | grep '"reason"' >"$dir/reasons"
	remote list --json | grep '"reason"' | cmp -s - "$dir/reasons" || return 1
	cmp -s "$dir/local" "$dir/remote" && cmp -s "$dir/local" "$dir/dbus" || return 1
	shown_by_winrm >"$dir/winrm"
	cut -d' ' -f1-3 "$dir/local" | cmp -s - "$dir/winrm"
}

# all_show NAME PATTERN: all agree, after the change, and say this of it.
all_show() {
	eventually 10 agree
	grep -E "^$1 " "$dir/local" | grep -Eq "$2" || { cat "$dir/local"; fail "$1 is not '$2'"; }
}

configure
expect "a pair for this host" "$WSMAND" --config "$dir/wsmand.conf" make-certificate
daemon_start --group nogroup
partition a ""
partition b ""
wsmand_start
all_show a ' off 1 16777216 false '

# States: a by one way, b by another
expect "D-Bus starts" dbus Start string:a boolean:false uint64:0
all_show a ' running '
expect "WS-Management starts" remote start b
all_show b ' running '
refuse 1 'is running' remote start a
refuse 1 'is running' remote undefine a
expect "bhctl pauses" "$BHCTL" pause a
all_show a ' paused '
expect "winrm resumes" winrm call "$(field a uuid)" 2
all_show a ' running '
expect "winrm pauses" winrm call "$(field b uuid)" 9
all_show b ' paused '
expect "D-Bus resumes" dbus Resume string:b
all_show b ' running '
expect "WS-Management pauses" remote pause a
all_show a ' paused '
expect "WS-Management resumes" remote resume a
expect "WS-Management resets" remote reset a
all_show a ' running '
expect "WS-Management shuts down" remote shutdown a
all_show a ' off '
expect "D-Bus shuts down" dbus Shutdown string:b uint64:10000 boolean:false boolean:false
all_show b ' off '
expect "start to turn off" remote start a b
expect "bhctl turns off" "$BHCTL" turn-off a
expect "WS-Management turns off" remote turn-off b
all_show a ' off '
refuse 1 'is off' remote pause a

# Autostart, memory, and what a file says
expect "WS-Management: autostart" remote autostart a on
all_show a ' true '
expect "D-Bus: autostart" dbus SetAutostart string:a boolean:false
all_show a ' false '
expect "bhctl: autostart" "$BHCTL" autostart b on
all_show b ' true '
expect "WS-Management: memory" remote set-memory b 32MiB
all_show b ' 33554432 '
expect "it stands in the file" grep -q '<memory unit=.MiB.>32</memory>' "$dir/definitions/b.xml"
sed -e 's,<memory.*</memory>,<memory unit="MiB">24</memory><vcpu>2</vcpu>,' "$dir/a.xml" >"$dir/changed.xml"
expect "a definition" "$BHCTL" define "$dir/changed.xml"
all_show a ' off 2 25165824 '

# What Hyper-V's classes have no word for goes as its own text, byte for byte
sed -e 's,<name>a<,<name>d<,; /<uuid/d; /<disk/d' -e "s,<cmdline>.*</cmdline>,<cmdline>a='1' \&lt; \&amp; \"\&#13;\"</cmdline>," "$dir/a.xml" |
	sed 's/$/\r/' >"$dir/d.xml"
expect "WS-Management defines" [ "$(remote define "$dir/d.xml")" = "d: defined" ]
all_show d ' off 1 16777216 false '
"$BHCTL" dump-xml d >"$dir/local.xml"
remote dump-xml d >"$dir/remote.xml"
expect "the same text" cmp "$dir/local.xml" "$dir/remote.xml"
expect "it is the file" cmp "$dir/remote.xml" "$dir/definitions/d.xml"
expect "nothing was lost" grep -q "a='1' &lt; &amp; \"&#13;\"</cmdline>" "$dir/remote.xml"
sed 's,<memory.*</memory>,<memory unit="MiB">20</memory>,' "$dir/remote.xml" >"$dir/d.xml"
expect "from standard input" [ "$(remote define - <"$dir/d.xml")" = "d: redefined" ]
all_show d ' off 1 20971520 false '
sed 's,MiB,MB,' "$dir/a.xml" >"$dir/c.xml"
refuse 1 'c.xml:[0-9]+:[0-9]+: ' remote define "$dir/c.xml"
sed "s,<name>d<,<name>e<," "$dir/remote.xml" >"$dir/e.xml"
refuse 1 "e.xml: uuid .* belongs to 'd'" remote define "$dir/e.xml"
refuse 1 'no partition has this name' remote dump-xml e
refuse 1 'administrator' env BULKHEAD_PASSWORD=secret-games "$BHCTL" --host "https://games@localhost:$port" --ca-file "$dir/wsmand.crt" dump-xml d
refuse 1 'administrator' env BULKHEAD_PASSWORD=secret-bin "$BHCTL" --host "https://bin@localhost:$port" --ca-file "$dir/wsmand.crt" define "$dir/d.xml"
expect "audited, without the text" grep -q 'asked user="root".*SetDefinition.*Definition=([0-9]* bytes)' "$dir/audit"
expect "d goes" remote undefine d

# Key-value items, times of processors: what is the guest's and the worker's. The fake one's guest says what its system is.
expect "start for items" remote start a
items_agree() {
	for pool in external guest auto; do
		"$BHCTL" kvp a list --pool $pool --json >"$dir/local" 2>&1 || return 1
		remote kvp a list --pool $pool --json | cmp -s - "$dir/local" || return 1
	done
}
eventually 10 items_agree
expect "the guest's own" [ "$(remote kvp a get OSName --pool auto)" = "Fake & Sons" ]
expect "WS-Management writes" remote kvp a set key "<v> & 'w'"
expect "and reads" [ "$(remote kvp a get key)" = "<v> & 'w'" ]
expect "the daemon has it" [ "$("$BHCTL" kvp a get key)" = "<v> & 'w'" ]
expect "bhctl writes" "$BHCTL" kvp a set other value
expect "D-Bus writes" dbus KvpSet string:a uint32:1 string:from string:guest
eventually 10 items_agree
expect "another value" [ "$(remote kvp a get other)$(remote kvp a get from --pool guest)" = valueguest ]
expect "an operator writes" env BULKHEAD_PASSWORD=secret-bin "$BHCTL" --host "https://bin@localhost:$port" --ca-file "$dir/wsmand.crt" kvp a set key "new"
expect "in its place" [ "$("$BHCTL" kvp a get key)" = new ]
expect "WS-Management deletes" remote kvp a delete key
refuse 1 'no such key' remote kvp a get key
refuse 1 'no such key' remote kvp a delete key
refuse 2 'on the host itself' remote kvp a set key value --pool guest
refuse 1 'administrator|operator' env BULKHEAD_PASSWORD=secret-games "$BHCTL" --host "https://games@localhost:$port" --ca-file "$dir/wsmand.crt" kvp a set key value
expect "guest-info" remote guest-info a
expect "what it says" [ "$(remote guest-info a | sed -n 's/^system *//p')" = "Fake & Sons" ]
processors() {
	"$@" show a --json | sed -n '/"processors"/,/\]/s/\],/]/; /"processors"/,/\]/p'
}
times_agree() {
	processors "$BHCTL" >"$dir/local"
	processors remote | cmp -s - "$dir/local" && grep -q '"guest_ns": [1-9]' "$dir/local"
}
expect "paused, time stands still" "$BHCTL" pause a
eventually 10 times_agree
expect "two of them" [ "$(grep -c guest_ns "$dir/local")" = 2 ]
dbus ProcessorTimes string:a | awk '$1 == "uint64" { print $2 }' >"$dir/dbus"
sed -n 's/.*_ns": \([0-9]*\).*/\1/p' "$dir/local" | cmp - "$dir/dbus" || fail "D-Bus tells other times"
expect "off" remote turn-off a
refuse 1 'it is off' remote kvp a list
refuse 1 'it is off' remote guest-info a

# Interfaces of what is off; a running one's need a network, which other tests have
interfaces_agree() {
	"$BHCTL" list-interfaces b --json | grep -E '"(mac|bridge|link)"' >"$dir/local"
	remote list-interfaces b --json | grep -E '"(mac|bridge|link)"' | tr -d , >"$dir/remote"
	tr -d , <"$dir/local" | cmp -s - "$dir/remote"
}
expect "WS-Management attaches" remote attach-interface b --bridge br7 --mac 00:15:5d:01:02:03 --config
expect "it is in the file" grep -q 'address="00:15:5D:01:02:03"' "$dir/definitions/b.xml"
expect "bhctl attaches" "$BHCTL" attach-interface b --bridge br8 --config
eventually 10 interfaces_agree
expect "by the switch's name" remote attach-interface b --bridge br8 --config
eventually 10 interfaces_agree
expect "three" [ "$(grep -c mac "$dir/local")" = 3 ]
expect "WS-Management unplugs" remote set-link b 00:15:5d:01:02:03 down --config
eventually 10 interfaces_agree
expect "one is down" [ "$(grep -c '"link": "down"' "$dir/local")" = 1 ]
expect "WS-Management detaches" remote detach-interface b 00:15:5d:01:02:03 --config
eventually 10 interfaces_agree
expect "two" [ "$(grep -c mac "$dir/local")" = 2 ]
refuse 1 'no interface with address' remote detach-interface b 00:15:5d:01:02:03 --config
refuse 2 'say --config' remote detach-interface b 00:15:5d:01:02:03
refuse 2 'on the host itself' remote attach-interface b --bridge br7 --vlan 5 --config

# Disks of what is off and of what runs
truncate -s 1M "$dir/more.img"
disks_agree() {
	"$BHCTL" show b --json | grep -E '"(controller|lun|source|readonly)"' | tr -d , >"$dir/local"
	remote show b --json | grep -E '"(controller|lun|source|readonly)"' | tr -d , | cmp -s - "$dir/local"
}
expect "WS-Management attaches" remote attach-disk b "$dir/more.img" 0:5 --readonly --config
eventually 10 disks_agree
expect "read-only" sh -c "tr -d '\n' <'$dir/definitions/b.xml' | grep -q 'more.img.*lun=\"5\".*<readonly/>'"
refuse 1 'in use' remote attach-disk b "$dir/more.img" 0:5 --config
expect "WS-Management detaches" remote detach-disk b 0:5 --config
eventually 10 disks_agree
refuse 1 'has no disk' remote detach-disk b 0:5 --config
refuse 2 'full path' remote attach-disk b more.img 0:5 --config
refuse 2 'say --config' remote detach-disk b 0:0
expect "without interfaces it starts" remote define "$dir/b.xml"
expect "start to attach" remote start b
expect "to what runs" remote attach-disk b "$dir/more.img" sdf --config
eventually 10 disks_agree
expect "the worker has it" sh -c "'$BHCTL' show b | grep -q 'more.img'"
expect "from what runs" remote detach-disk b sdf --config
eventually 10 disks_agree
expect "it is gone" sh -c "! '$BHCTL' show b | grep -q 'more.img' && ! grep -q more.img '$dir/definitions/b.xml'"
expect "b ends" remote turn-off b

# Coming and going
partition c ""
all_show c ' off '
expect "WS-Management undefines" remote undefine c
expect "its file is gone" [ ! -e "$dir/definitions/c.xml" ]
eventually 10 agree
refuse 1 'no partition has this name' remote show c
refuse 1 'no partition has this name' remote undefine c

# Events reach who follows, whichever way it was changed
remote events --follow --json >"$dir/events" 2>&1 &
follower=$!
subscribed() {
	curl -s -u games:secret-games "http://127.0.0.1:$((port + 1))/metrics" | grep -Eq '^bulkhead_wsmand_subscriptions [1-9]'
}
eventually 10 subscribed
expect "D-Bus starts" dbus Start string:a boolean:false uint64:0
heard() {
	tr -d '\n' <"$dir/events" | grep -Eq "\"name\": \"$1\", *\"kind\": \"[a-z]*\", *\"state\": \"$2\""
}
eventually 10 heard a running
expect "WS-Management turns off" remote turn-off a
eventually 10 heard a off
kill "$follower"
expect "locally too" sh -c "'$BHCTL' events | grep -q ' a .*off'"

# What cannot be done, and who cannot
refuse 2 'on the host itself' remote exec a -- true
refuse 2 'on the host itself' remote start --paused a
refuse 2 'use --follow' remote events
refuse 1 'not accepted' env BULKHEAD_PASSWORD=wrong "$BHCTL" --host "https://root@localhost:$port" --ca-file "$dir/wsmand.crt" list
refuse 3 'ca-file' env BULKHEAD_PASSWORD=secret-root "$BHCTL" --host "https://root@localhost:$port" list
refuse 3 'wsmand' env BULKHEAD_PASSWORD=x "$BHCTL" --host "https://root@localhost:1" list
echo secret-games >"$dir/password"
expect "a reader reads" "$BHCTL" --host "https://games@localhost:$port" --ca-file "$dir/wsmand.crt" --password-file "$dir/password" list
refuse 1 '.' "$BHCTL" --host "https://games@localhost:$port" --ca-file "$dir/wsmand.crt" --password-file "$dir/password" start a
expect "still off" shown a ' off '
for view in "list" "show a b" "host"; do
	# shellcheck disable=SC2086
	expect "$view" remote $view
done

# A gateway whose daemon is gone says so, and is another matter than a refusal
daemon_stop
refuse 3 'not connected to bulkheadd' remote list
refuse 3 'not connected to bulkheadd' remote start a
wsmand_stop
echo "$checks checks passed"
