#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/daemon/functions.sh
# Disks of a running partition as far as the daemon goes: files, locks, both texts, refusals, an adopted worker. What the guest sees of
# it is tried in the lab (tests/lab/scenarios/management.sh).
. "${0%/*}/functions.sh"
daemon_start

# locked FILE: somebody has locked it.
locked() {
	grep -q ":$(stat -c %i "$1") " /proc/locks
}

not_locked() {
	! locked "$1"
}

disks() {
	"$BHCTL" show "$1" --json | sed -n 's/.*"target": *"\([^"]*\)".*/\1/p' | tr '\n' ' '
}

partition a ""
truncate -s 2M "$dir/two.img"
truncate -s 3M "$dir/three.img"

# off: the definition alone
refuse 1 "is off; with --config its definition is changed" "$BHCTL" attach-disk a "$dir/two.img" sdb
expect "attached" sh -c "'$BHCTL' attach-disk a '$dir/two.img' sdb --readonly --serial S1 --cache unsafe --config | grep -q 'disk sdb attached, from its next start'"
expect "stored" sh -c "'$BHCTL' dump-xml a | grep -q \"<disk type='file'><source file='$dir/two.img'/><target dev='sdb'/><driver cache='unsafe'/><readonly/><serial>S1</serial></disk>\""
refuse 1 "target 0:1 is taken by another disk" "$BHCTL" attach-disk a "$dir/three.img" 0:1 --config
expect "detached" sh -c "'$BHCTL' detach-disk a 0:1 --config | grep -q 'disk 0:1 detached, from its next start'"
expect "gone" [ "$(disks a)" = "sda " ]
refuse 1 "has no disk sdb; 'bhctl show a' lists them" "$BHCTL" detach-disk a sdb --config
refuse 1 "'hda' is no disk name; use sda to sdp, or CONTROLLER:LUN" "$BHCTL" detach-disk a hda --config
refuse 2 "'4:0' is no disk name" "$BHCTL" attach-disk a "$dir/two.img" 4:0
refuse 2 "give either a file, or a source" "$BHCTL" attach-disk a "$dir/two.img" --readonly
refuse 1 "options:1:56: <driver cache='x'>|options:1:[0-9]*: <driver cache='x'>" "$BHCTL" attach-disk a "$dir/two.img" sdb --cache x
refuse 1 "is off" "$BHCTL" resize-disk a sda

# running: the worker has it, the file is locked, the definition is as it was
expect "started" "$BHCTL" start a
expect "attached" sh -c "cd '$dir' && '$BHCTL' attach-disk a two.img sdb | grep -q '^a: disk sdb attached$'"
expect "shown with its size" sh -c "'$BHCTL' show a | grep -Eq '^sdb +2 MiB +2 .*/two.img'"
expect "locked" locked "$dir/two.img"
expect "not stored" sh -c "! '$BHCTL' dump-xml a | grep -q two.img"
expect "told" sh -c "'$BHCTL' events | grep -q 'disk sdb attached'"
partition b ""
expect "another started" "$BHCTL" start b
refuse 1 "two.img is in use by another partition" "$BHCTL" attach-disk b "$dir/two.img" sdb
refuse 1 "target sdb is taken by another disk" "$BHCTL" attach-disk a "$dir/three.img" sdb
refuse 1 "two.img' is disk sdb already" "$BHCTL" attach-disk a "$dir/two.img" sdc
refuse 1 "$dir/none.img: No such file" "$BHCTL" attach-disk a "$dir/none.img" sdc
refuse 1 "$dir: Is a directory" "$BHCTL" attach-disk a "$dir" sdc
expect "what failed is not there" [ "$(disks a)" = "sda sdb " ]
printf "<?xml version='1.0'?>\n<disk type='file'>\n  <source file='%s'/>\n  <target controller='3' lun='63'/>\n</disk>\n" "$dir/three.img" >"$dir/disk.xml"
expect "from a file, for good" "$BHCTL" attach-disk a "$dir/disk.xml" --config
expect "stored" sh -c "'$BHCTL' dump-xml a | grep -q three.img"

# larger
expect "larger" sh -c "'$BHCTL' resize-disk a sdb 4MiB | grep -q '^a: disk sdb: 4194304 bytes$'"
expect "its file is" [ "$(stat -c %s "$dir/two.img")" = 4194304 ]
truncate -s 5M "$dir/two.img"
expect "by other means" sh -c "'$BHCTL' resize-disk a sdb | grep -q '5242880 bytes'"
expect "shown" sh -c "'$BHCTL' show a | grep -Eq '^sdb +5 MiB'"
refuse 1 "has no disk sdh" "$BHCTL" resize-disk a sdh
refuse 2 "'5' is no size" "$BHCTL" resize-disk a sdb 5
refuse 1 "1024 bytes: use a multiple of 4096" "$BHCTL" resize-disk a sdb 1KiB

# another daemon finds them
daemon_kill
daemon_start
eventually 5 sh -c "'$BHCTL' show a | grep -Eq '^sdb +5 MiB'"
expect "all of them" [ "$(disks a)" = "sda sdb 3:63 " ]
expect "detached" sh -c "'$BHCTL' detach-disk a sdb | grep -q '^a: disk sdb detached$'"
expect "not locked" not_locked "$dir/two.img"
expect "for the other one now" "$BHCTL" attach-disk b "$dir/two.img" 1:0
expect "detached for good" "$BHCTL" detach-disk a 3:63 --config
expect "one left" [ "$(disks a)" = "sda " ]
expect "not stored" sh -c "! '$BHCTL' dump-xml a | grep -q three.img"

# again and again, the descriptors of neither grow
fds() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}
worker=$(worker_of b)
before=$(fds "$daemon_pid") worker_before=$(fds "$worker")
for _ in 1 2 3 4 5 6 7 8 9 10; do
	expect "attached" "$BHCTL" attach-disk b "$dir/three.img" sdc
	expect "detached" "$BHCTL" detach-disk b sdc
done
expect "the worker's descriptors" [ "$(fds "$worker")" = "$worker_before" ]
expect "the daemon's descriptors" [ "$(fds "$daemon_pid")" -le "$((before + 1))" ]
expect "off" "$BHCTL" turn-off a
expect "off" "$BHCTL" turn-off b
expect "what was not stored is gone" [ "$(disks b)" = "sda " ]
daemon_stop
echo "$checks checks passed"
