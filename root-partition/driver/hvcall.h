/* SPDX-License-Identifier: GPL-2.0 */
/* Start and end of hvcall.c; the calls themselves are in bulkhead.h. */
#ifndef BULKHEAD_DRIVER_HVCALL_H
#define BULKHEAD_DRIVER_HVCALL_H

int bh_hvcall_init(void);
void bh_hvcall_exit(void);

#endif
