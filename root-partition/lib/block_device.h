/* SPDX-License-Identifier: BSD-2-Clause */
/* What a block device says of itself in sysfs, which a worker cannot reach. */
#ifndef BULKHEAD_BLOCK_DEVICE_H
#define BULKHEAD_BLOCK_DEVICE_H

#include <stdbool.h>

/** Whether what is deallocated in it is filled with zeros by the device itself. False for whatever is no block device. */
bool block_device_zeroes(int fd);

#endif
