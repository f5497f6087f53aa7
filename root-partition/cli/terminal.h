/* SPDX-License-Identifier: BSD-2-Clause */
/* This terminal, raw while somebody else's is shown on it. */
#ifndef BULKHEAD_CLI_TERMINAL_H
#define BULKHEAD_CLI_TERMINAL_H

#include <stdbool.h>

/** Makes standard input raw when it is a terminal; then also SIGTERM and SIGHUP restore it. Returns whether it is raw now. */
bool terminal_raw(void);
/** Undoes it; harmless otherwise. */
void terminal_restore(void);

#endif
