#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/daemon/functions.sh
# The CIM model on a running daemon: TEST is run with two partitions defined.
. "${0%/*}/../daemon/functions.sh"
export dir BHCTL
daemon_start
partition a ""
partition bad "fail-start"
truncate -s 1M "$dir/made.img"
# shellcheck disable=SC2086
$LAUNCHER "$TEST" || fail "$TEST"
daemon_stop
