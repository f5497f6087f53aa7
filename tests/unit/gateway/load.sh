#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/gateway/functions.sh
# Many clients and many requests: 200 connections at once, REQUESTS requests with memory that stays where it was.
. "${0%/*}/functions.sh"
configure
expect "a pair" "$WSMAND" --config "$dir/wsmand.conf" make-certificate
daemon_start --group nogroup
for name in a b c; do
	partition "$name" ""
done
wsmand_start
served
cp "$dir/request" "$dir/optimised"
enumerate "SELECT * FROM Msvm_ComputerSystem" ""
cp "$dir/request" "$dir/one-by-one"
load() {
	"$WSMAN_LOAD" --ca "$dir/wsmand.crt" --user root:secret-root "$@" >"$dir/load" || fail "$(cat "$dir/load")"
	cat "$dir/load"
	checks=$((checks + 1))
}
load --connections 200 --requests $((REQUESTS / 10)) "$port" "$dir/optimised"
load --connections 200 --requests $((REQUESTS / 50)) --enumerate "$port" "$dir/one-by-one"
before=$(rss_kib)
load --connections 10 --requests "$REQUESTS" "$port" "$dir/optimised"
after=$(rss_kib)
echo "resident: $before KiB before, $after KiB after $REQUESTS requests"
# A sanitizer keeps freed memory for a while.
[ -n "$WSMAND_OPTIONS" ] || expect "flat" [ "$after" -le $((before + 2048)) ]
served
wsmand_stop
daemon_stop
echo "$checks checks passed"
