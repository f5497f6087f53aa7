/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker without a daemon: a configuration made from the command line, for development, tests and measurements. */
#ifndef BULKHEAD_WORKER_STANDALONE_H
#define BULKHEAD_WORKER_STANDALONE_H

#include <stdbool.h>

#include "root-partition/lib/worker_protocol.h"

struct standalone {
	struct worker_config config;
	bool console_stdio;
};

/** Parses argv behind --standalone and opens what it names. Returns 0, or -1 after it has said on stderr why. */
int standalone_parse(struct standalone *ret, int argc, char **argv);
/** The terminal of a stdio console: raw until exit. */
void standalone_raw_terminal(void);
extern const char standalone_help[];

#endif
