#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/daemon/functions.sh
# A partition's life as bhctl sees it: every verb, every refusal, and which way a stop went.
. "${0%/*}/functions.sh"
daemon_start

# definitions
partition a ""
expect "listed as off" shown a " off "
expect "stored with a uuid" grep -q '<uuid>' "$dir/definitions/a.xml"
"$BHCTL" dump-xml a >"$dir/dumped"
expect "dumped byte for byte" cmp "$dir/dumped" "$dir/definitions/a.xml"
expect "nothing but the uuid is added" sh -c "grep -v '<uuid>' '$dir/dumped' | cmp - '$dir/a.xml'"
expect "defined again" sh -c "'$BHCTL' define '$dir/a.xml' | grep -q 'a: redefined'"
expect "the uuid stays" cmp "$dir/dumped" "$dir/definitions/a.xml"
sed 's/MiB/MB/' "$dir/a.xml" >"$dir/wrong.xml"
refuse 1 "^bhctl: $dir/wrong.xml:3:3: <memory unit='MB'>: unknown unit 'MB'; use MiB or GiB\$" "$BHCTL" define "$dir/wrong.xml"
refuse 1 "wrong.xml:3:3" "$BHCTL" check "$dir/wrong.xml"
expect "a good one is checked" "$BHCTL" check "$dir/a.xml"
sed 's/<name>a/<name>b/' "$dir/dumped" >"$dir/same-uuid.xml"
refuse 1 "belongs to 'a'" "$BHCTL" define "$dir/same-uuid.xml"
refuse 1 "^bhctl: nobody: no such partition\$" "$BHCTL" start nobody
refuse 2 "usage: bhctl start" "$BHCTL" start
refuse 2 "unknown command" "$BHCTL" strat a
refuse 2 "" "$BHCTL" start --no-such-option a
refuse 3 "is bulkheadd running" "$BHCTL" --socket "$dir/none.sock" list
printf '<partition>\377</partition>' >"$dir/latin.xml"
refuse 1 "latin.xml:1:" "$BHCTL" define "$dir/latin.xml"

# verbs
refuse 1 "is off; there is nothing to turn off" "$BHCTL" turn-off a
refuse 1 "is off; only a running guest can be shut down" "$BHCTL" shutdown a
expect "started" "$BHCTL" start a
expect "running" shown a " running "
refuse 1 "is running already" "$BHCTL" start a
refuse 1 "is running; shut it down or turn it off first" "$BHCTL" undefine a
refuse 1 "only a paused partition can be resumed" "$BHCTL" resume a
expect "paused" "$BHCTL" pause a
expect "shown as paused" shown a " paused "
expect "resumed" "$BHCTL" resume a
expect "reset" "$BHCTL" reset a
expect "rebooted" sh -c "'$BHCTL' shutdown --reboot a | grep -q 'rebooted by its integration component'"
expect "counters" sh -c "'$BHCTL' show a | grep -q '^pinned  *16 MiB'"
expect "says which way" sh -c "'$BHCTL' shutdown a | grep -q '^a: shut down by its integration component'"
expect "off, and why" shown a " off .*shut down by its integration component"
expect "started paused" "$BHCTL" start --paused a
expect "is paused" shown a " paused "
expect "turned off" sh -c "'$BHCTL' turn-off a | grep -q '^a: turned off\$'"

# integration component not ready: said at once, not after a time-out
partition noic "no-ic"
expect "started" "$BHCTL" start noic
before=$(date +%s)
refuse 1 "the guest's shutdown component is not ready.*'bhctl turn-off noic' stops it hard" "$BHCTL" shutdown noic --timeout 30
expect "at once" [ $(($(date +%s) - before)) -lt 3 ]
expect "turned off instead" sh -c "'$BHCTL' shutdown --force noic | grep -q 'turned off: forced, the guest.s shutdown component is not ready'"
refuse 4 "integration components are not ready" "$BHCTL" start --wait --timeout 1 noic
expect "off" "$BHCTL" turn-off noic

# a guest that ignores the request
partition deaf "deaf"
expect "started and ready" "$BHCTL" start --wait deaf
refuse 4 "asked 1 s ago and has not powered off; it is still" "$BHCTL" shutdown --timeout 1 deaf
expect "still running" shown deaf " running "
expect "turned off in the end" sh -c "'$BHCTL' shutdown --timeout 1 --force deaf | grep -q 'turned off: forced, the guest had not powered off within 1 s'"

# a worker that does not end
partition stubborn "stubborn"
expect "started" "$BHCTL" start stubborn
pid=$(worker_of stubborn)
expect "killed" sh -c "'$BHCTL' turn-off stubborn | grep -q 'did not end by itself and was killed'"
expect "gone" gone "$pid"
expect "which is no failure" shown stubborn " off "

# starts that fail
partition bad "fail-start"
refuse 1 "^bhctl: bad: worker exited with status 3 at [0-9:]*: loader: kernel: not a bzImage . loader: giving up\$" "$BHCTL" start bad
expect "failed, with the reason" shown bad " failed .*not a bzImage"
expect "kept" sh -c "'$BHCTL' show bad | grep -q '^last failure .*not a bzImage'"
rm "$dir/kernel"
refuse 1 "kernel $dir/kernel: No such file or directory" "$BHCTL" start a
echo kernel >"$dir/kernel"
mv "$dir/a.img" "$dir/a.away"
refuse 1 "disk sda: $dir/a.img: No such file or directory" "$BHCTL" start a
mv "$dir/a.away" "$dir/a.img"
sed "s,<name>a,<name>twin,; s,MiB'>16,GiB'>400," "$dir/a.xml" >"$dir/twin.xml"
expect "too large a one is defined" "$BHCTL" define "$dir/twin.xml"
refuse 1 "^bhctl: twin: needs [0-9]* MiB, but of [0-9]* MiB available" "$BHCTL" start twin
expect "and stays off" shown twin " off "
sed "s,<name>a,<name>twin," "$dir/a.xml" >"$dir/twin.xml"
expect "redefined" "$BHCTL" define "$dir/twin.xml"
expect "the first takes the disk" "$BHCTL" start a
refuse 1 "disk sda: $dir/a.img is in use by another partition" "$BHCTL" start twin
expect "off again" "$BHCTL" turn-off a
expect "and the second can have it" "$BHCTL" start twin
expect "off" "$BHCTL" turn-off twin

# redefined while it runs: holds from the next start
expect "started" "$BHCTL" start a
sed 's/>16</>32</' "$dir/a.xml" >"$dir/a32.xml"
expect "redefined" "$BHCTL" define "$dir/a32.xml"
expect "runs with what it was started with" shown a "16 MiB"
expect "and says so" sh -c "'$BHCTL' show a | grep -q 'redefined since it was started'"
expect "restarted" sh -c "'$BHCTL' turn-off a && '$BHCTL' start a"
expect "has the new memory" shown a "32 MiB"
expect "off" "$BHCTL" turn-off a

# autostart is an edit of the text
expect "on" "$BHCTL" autostart a on
expect "stored" grep -q '<autostart>yes</autostart>' "$dir/definitions/a.xml"
expect "off" "$BHCTL" autostart a off
expect "stored" grep -q '<autostart>no</autostart>' "$dir/definitions/a.xml"

# the console, as a script uses it
expect "started" "$BHCTL" start a
expect "what is sent comes back" sh -c "printf 'ping\\n' | '$BHCTL' console a --timeout 1 | grep -q 'console of a.*ping'"
expect "nothing is sent" sh -c "printf 'ping\\n' | '$BHCTL' console a --no-input --timeout 1 | grep -qx 'console of a: '"
"$BHCTL" console a </dev/null >"$dir/console" 2>&1 &
viewer=$!
eventually 5 grep -q 'console of a' "$dir/console"
expect "off" "$BHCTL" turn-off a
expect "the console closes with the partition" wait "$viewer"
refuse 1 "is not running; it has no console now" "$BHCTL" console a

# all at once, and what takes long says so
expect "started" "$BHCTL" start a deaf noic
"$BHCTL" shutdown --all --timeout 4 >"$dir/all" 2>&1
expect "one ends, one does not, one cannot" [ "$(grep -cE '^a: shut down by|deaf: the guest was asked 4 s ago|noic: the guest.s shutdown comp' "$dir/all")" = 3 ]
expect "it was at work" grep -q 'deaf: waiting for the guest to power off, 2 s' "$dir/all"
expect "forced" "$BHCTL" shutdown --all --force --timeout 1
expect "none runs" [ "$("$BHCTL" list --active | wc -l)" = 1 ]
refuse 2 "either names or --all" "$BHCTL" shutdown

# who is neither root nor of the group may look
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	other="setpriv --reuid 65534 --regid 65534 --clear-groups"
	cp "$BHCTL" "$dir/bhctl"
	# shellcheck disable=SC2086
	expect "list" $other "$dir/bhctl" list
	# shellcheck disable=SC2086
	expect "show" $other "$dir/bhctl" show a
	for verb in start turn-off undefine dump-xml console; do
		# shellcheck disable=SC2086
		refuse 1 "^bhctl: a: permission denied" $other "$dir/bhctl" "$verb" a
	done
	# shellcheck disable=SC2086
	refuse 1 "permission denied" $other "$dir/bhctl" define "$dir/a.xml"
fi

expect "undefined" "$BHCTL" undefine twin
expect "its file is gone" [ ! -e "$dir/definitions/twin.xml" ]
refuse 1 "no such partition" "$BHCTL" show twin
expect "JSON" sh -c "'$BHCTL' list --json | grep -q '\"state\": \"off\"'"
expect "events" sh -c "'$BHCTL' events | grep -q ' twin undefined off'"
last=$("$BHCTL" events | tail -n 1 | cut -d' ' -f1)
expect "nothing after the last" [ -z "$("$BHCTL" events --since "$last")" ]
"$BHCTL" events --follow --since "$last" --json >"$dir/follow" &
follower=$!
expect "started" "$BHCTL" start a
expect "off" "$BHCTL" turn-off a
eventually 5 grep -q '"text": "turned off"' "$dir/follow"
expect "numbered without a gap" sh -c "sed -n 's/.*\"sequence\": \([0-9]*\),/\1/p' '$dir/follow' | awk -v last=$last '\$1 != ++last { exit 1 }'"
kill "$follower"
refuse 1 "not loaded|does not belong" "$BHCTL" host
daemon_stop
echo "$checks checks passed"
