# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The lab itself: the stock kernel is up on both processors, with its disks.
. /lab/functions.sh

step boot "the stock kernel runs"
run uname -rv
expect "two processors" [ "$(nproc)" = 2 ]
step disks "the disks are there"
run ls /dev/lab /disks
run free -m
done_all
