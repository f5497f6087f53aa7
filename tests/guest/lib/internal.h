/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of lib/ only. */
#ifndef GUEST_INTERNAL_H
#define GUEST_INTERNAL_H

#include <stdarg.h>
#include <stdint.h>

#include "guest.h"

void print_arguments(const char *format, va_list args);
/** For the last words of an exception that came while a line was printed. */
void console_break_lock(void);
void interrupts_init(void);
/** Reads command line and memory map from what the loader handed over. */
void loader_read(bool pvh, const void *from);
void time_init(void);

#endif
