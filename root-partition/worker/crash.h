/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest says of its own crash, in one line for people. */
#ifndef BULKHEAD_WORKER_CRASH_H
#define BULKHEAD_WORKER_CRASH_H

#include <stddef.h>
#include <stdint.h>

#define CRASH_TEXT_MAX 4096u         /* bytes: CTL bit 62 tells of one page */

/**
 * The line of the text (a private copy, size bytes) that names the panic, else its last one, without a time stamp in front and without
 * control characters. With no text, or an empty one, the five parameters. ret is always terminated and not empty.
 */
void crash_reason(const uint64_t parameters[5], const char *text, size_t size, char *ret, size_t ret_size);

#endif
