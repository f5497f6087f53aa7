/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock of a PC's CMOS (MC146818: ports 70h and 71h), read only: the root's time in UTC. */
#ifndef BULKHEAD_WORKER_RTC_H
#define BULKHEAD_WORKER_RTC_H

#include <stdint.h>
#include <time.h>

/** The byte at a CMOS index when the time is `now`. BCD, 24 hours; never in an update. Other registers read 0. */
uint8_t rtc_read(uint8_t index, time_t now);

#endif
