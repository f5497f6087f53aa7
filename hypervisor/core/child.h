/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a child sees beyond a bare processor: LAPIC, synthetic interrupt controller, synthetic timers, reference time, synthetic
 * MSRs, hypercalls (TLFS chapters 3, 4, 10 to 12). child.c ties them together; synic.c, stimer.c, lapic.c hold each.
 */
#ifndef BULKHEAD_CORE_CHILD_H
#define BULKHEAD_CORE_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/registers.h"
#include "abi/tlfs.h"
#include "core/lapic.h"
#include "core/reftime.h"
#include "core/stimer.h"
#include "core/synic.h"

struct cpu;
struct cpuid_result;
struct partition;
struct vp;
enum vp_run_result;

#define CPUID_OVERRIDES_MAX 64u

/**
 * What the partition may use: leaves 40000003h and 40000004h as it sees them, of what there is. Access is denied to all else,
 * so that an answer never contradicts CPUID.
 */
struct child_grants {
	uint64_t privileges;         /* HV_ACCESS_* and other bits of EBX:EAX */
	uint32_t features;           /* EDX */
	uint32_t hints;              /* leaf 40000004h EAX */
	uint32_t spin_retries;       /* EBX: before a spin is notified; ~0 = never */
};

/** Per partition. */
struct child_partition {
	struct reftime time;
	struct child_grants grants;
	uint64_t guest_os_id, hypercall, reference_tsc;
	uint64_t crash[5];
	uint64_t tsc_invariant_control;
	struct hv_input_register_intercept_result *cpuid; /* a page of the pool, or NULL */
	uint32_t cpuid_count;
};

#define MTRR_VARIABLE 8u
#define MTRR_FIXED    11u

/** Per VP. */
struct child_vp {
	struct lapic lapic;
	struct synic synic;
	struct stimer stimer[HV_SYNIC_STIMER_COUNT];
	uint64_t assist_page;        /* the MSR */
	bool     eoi_assist;         /* bit 0 of the assist page was set and not looked at since */
	uint8_t  queued;             /* vector that the child may take during this entry; 0 = none */
	bool     queued_assist;      /* bit 0 of the assist page was set for it */
	uint64_t mtrr_def_type, mtrr_fixed[MTRR_FIXED], mtrr_variable[2 * MTRR_VARIABLE];
};

void child_partition_init(struct partition *p);
void child_partition_destroy(struct partition *p);
uint64_t child_reference_time(const struct partition *p);
void child_vp_init(struct vp *vp);
/** INIT: the LAPIC but not its id, and nothing synthetic, is reset. */
void child_vp_init_signal(struct vp *vp);

/* Interrupts. */
bool child_lapic_matches(const struct vp *vp, uint32_t destination, bool logical);
void child_post_interrupt(struct vp *vp, uint8_t vector, bool level);
/** Where child_next_deadline will be when the child has set its tick again, in TSC; ~0 = there is no saying. */
uint64_t child_expected_deadline(const struct vp *vp, uint64_t now_tsc);
/** The vector to inject next, or -1; takes in what the child did to its assist page and to CR8. */
int child_pending_vector(struct vp *vp);
/** Before an entry: the child takes the vector when it can, or the next exit takes it back. */
void child_queue_vector(struct vp *vp, uint8_t vector);
/** After every exit, before it is looked at: the task priority follows CR8; taken says what became of a queued vector. */
void child_after_exit(struct vp *vp, bool taken);
/** IPI of the running VP: delivers, and notes whom the root must wake. */
void child_send_ipi(struct vp *vp, const struct lapic_ipi *ipi);
void child_interrupt_vp(struct vp *sender, struct vp *target, uint8_t vector);

/* SynIC, from any CPU. */
/** Sets an event flag; true when it was clear before. */
bool child_signal_event(struct vp *vp, unsigned int sint, unsigned int flag);
/** HV_STATUS_SUCCESS, _INSUFFICIENT_BUFFERS (slot taken), or _INVALID_VP_STATE (no SIMP page, SynIC off, SINT masked). */
uint64_t child_post_message(struct vp *vp, unsigned int sint, const struct hv_message *m);

/* Timers. */
void child_expire_timers(struct vp *vp, uint64_t now_tsc);
uint64_t child_next_deadline(const struct vp *vp);
/** After EOM and a change of the SynIC: timer messages that found their slot taken or their SINT masked. */
void child_retry_timer_messages(struct vp *vp);

/* Exits. False: #GP. */
bool child_rdmsr(struct vp *vp, uint32_t msr, uint64_t *value);
bool child_wrmsr(struct cpu *cpu, struct vp *vp, uint32_t msr, uint64_t value, enum vp_run_result *result);
/** Reads the partition's grants from its CPUID; whenever that changes. */
void child_grant(struct partition *p);
void child_cpuid(struct vp *vp, uint32_t leaf, uint32_t subleaf, struct cpuid_result *r);
/** With VP_RUN_ABSENT, as child_wrmsr's *result too, nothing has happened: the caller leaves RIP at the instruction. */
enum vp_run_result child_hypercall(struct vp *vp);

/* Registers that are neither the processor's nor core/registers.c's. */
bool child_get_register(const struct vp *vp, uint32_t name, union hv_register_value *value);
bool child_set_register(struct vp *vp, uint32_t name, const union hv_register_value *value);

#endif
