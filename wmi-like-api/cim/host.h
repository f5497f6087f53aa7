/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of the host and does not change while it runs. Read once: later there are no files. */
#ifndef BULKHEAD_CIM_HOST_H
#define BULKHEAD_CIM_HOST_H

#include <stdint.h>

struct host_facts {
	char     name[65], domain[65], uuid[37];
	char     vendor[65], product[65], serial[65];     /* of the machine; empty: unknown */
	char     os[129], release[65], version[33];       /* "Debian GNU/Linux 12", uname's, "6.1.0" */
	char     cpu[65], cpu_vendor[33];
	uint32_t mhz, sockets, cores, threads;            /* cores and threads of one socket; at least 1 */
	uint64_t memory_bytes;
	uint64_t boot_us;                                 /* real time; 0: unknown */
};

void host_read(struct host_facts *facts);

#endif
