#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Kernels are unpacked once: the first start takes a bzImage as it is, the next one its unpacked form; whatever is wrong with the cache, a
# partition starts.
. "$(dirname "$0")/functions.sh"

cached() {
	find "$dir/cache" -type f -name 'v*' "$@" | grep -q .
}

not_cached() {
	! cached "$@"
}

# starts HOW: starts and ends the partition; its kernel came unpacked, or packed.
starts() {
	: >"$dir/log/k-worker.log"
	expect "start k" "$BHCTL" start k
	expect "turn off k" "$BHCTL" turn-off k
	case $1 in
	unpacked) grep -q "the kernel is unpacked" "$dir/log/k-worker.log" || fail "the kernel was not taken unpacked" ;;
	packed) ! grep -q "the kernel is unpacked" "$dir/log/k-worker.log" || fail "the kernel was taken unpacked" ;;
	esac
	checks=$((checks + 1))
}

kernel=$(find /boot -name 'vmlinuz-*' -type f | sort | tail -n 1)
[ -n "$kernel" ] || fail "no kernel in /boot"

daemon_start
partition k ""
cp "$kernel" "$dir/kernel"
starts packed
eventually 60 cached -size +1000k
starts unpacked
starts unpacked

# A kernel that was replaced is another one.
cp "$kernel" "$dir/new" && mv "$dir/new" "$dir/kernel"
rm "$dir"/cache/v*
starts packed
eventually 60 cached -size +1000k

# What was cut short is thrown away, and made again.
truncate -s 5000 "$dir"/cache/v*
starts packed
eventually 60 cached -size +1000k
starts unpacked

# No bzImage: said once, remembered as an empty file.
echo "not a kernel" >"$dir/new" && mv "$dir/new" "$dir/kernel"
rm "$dir"/cache/v*
starts packed
eventually 10 cached -size 0
starts packed
[ "$(grep -c "not a bzImage" "$dir/daemon.log")" = 1 ] || fail "said $(grep -c "not a bzImage" "$dir/daemon.log") times"

# The eight used last are kept.
for number in 1 2 3 4 5 6 7 8 9 10; do
	echo "kernel $number" >"$dir/new" && mv "$dir/new" "$dir/kernel"
	before=$(find "$dir/cache" -name 'v*' -newer "$dir/k.xml" | sort | tr '\n' ' ')
	starts packed
	# shellcheck disable=SC2016
	eventually 10 sh -c '[ "$(find "$1/cache" -name "v*" -newer "$1/k.xml" | sort | tr "\n" " ")" != "$2" ]' sh "$dir" "$before"
done
[ "$(find "$dir/cache" -name 'v*' | wc -l)" -le 8 ] || fail "$(find "$dir/cache" -name 'v*' | wc -l) kernels are kept"
daemon_stop

# Nor does it matter when there is nobody to unpack, or the cache cannot be written.
rm "$dir"/cache/*
UNPACKER=/bin/false daemon_start
starts packed
# shellcheck disable=SC2016
eventually 10 grep -q "/bin/false: status 1" "$dir/daemon.log"
not_cached || fail "something was kept"
daemon_stop
rm -rf "$dir/cache" && echo >"$dir/cache"
daemon_start
starts packed
daemon_stop
echo "$checks checks passed"
