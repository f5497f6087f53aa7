/* SPDX-License-Identifier: BSD-2-Clause */
/* A ticket lock. The hypervisor runs with GIF clear, so nothing interrupts a holder. */
#ifndef BULKHEAD_CORE_LOCK_H
#define BULKHEAD_CORE_LOCK_H

#include <stdint.h>

struct lock {
	uint32_t next, serving;
};

static inline void lock(struct lock *l)
{
	uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
		__asm__ volatile("pause");
}

static inline void unlock(struct lock *l)
{
	__atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

#endif
