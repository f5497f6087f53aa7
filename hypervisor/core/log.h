/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's log: a ring of text that the driver reads by HVCALL_BULKHEAD_READ_LOG and shows in debugfs. */
#ifndef BULKHEAD_CORE_LOG_H
#define BULKHEAD_CORE_LOG_H

#include <stdarg.h>
#include <stdint.h>

#include "abi/bulkhead.h"

void log_init(void);
/** printf with %s %c %d %u %x %p, the l and ll modifiers, zero padding and width. Any CPU, any time. */
void log_write(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Copies what is there from position on into *chunk (never more than a page); next tells where to go on. */
void log_read(uint64_t position, struct bh_log_chunk *chunk);
/** The formatter alone; returns the length without the final NUL, truncated to size - 1. */
unsigned int format_text(char *to, unsigned int size, const char *format, va_list args);

#endif
