/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a machine can run Bulkhead: facts about it, and what they mean. rules.c judges, facts.c looks. */
#ifndef BULKHEAD_CHECK_RULES_H
#define BULKHEAD_CHECK_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum knowledge { FACT_UNKNOWN, FACT_NO, FACT_YES };

struct facts {
	char vendor[13];             /* CPUID 0 */
	char outer_hypervisor[13];   /* CPUID 40000000h; empty: none */
	char kernel[65];             /* uname -r */
	char lockdown[32];           /* "none", "integrity", "confidentiality"; empty: unknown */
	bool launched;               /* CPUID 40000100h is Bulkhead's */
	bool svm;                    /* CPUID 80000001h ECX[2]; hidden when launched */
	bool nested_paging;          /* CPUID 8000000Ah EDX[0] */
	bool invariant_tsc;          /* CPUID 80000007h EDX[8] */
	enum knowledge snp;          /* SYSCFG.SNPEn */
	bool xsave;                  /* the kernel uses it: CPUID 1 ECX[27] */
	enum knowledge svm_disabled; /* VM_CR.SVMDIS on any CPU */
	bool svm_locked;             /* VM_CR.LOCK on that CPU */
	unsigned int svm_disabled_cpu;
	bool kvm_loaded;
	bool la57;                   /* the kernel uses five-level paging */
	bool memory_encryption;
	unsigned int cpus;
	bool module_signature_enforced;
	bool module_installed;
	bool headers_installed;
	bool image_installed;
};

enum verdict_status {
	VERDICT_OK,
	VERDICT_INFO,    /* worth knowing */
	VERDICT_UNKNOWN, /* could not be found out */
	VERDICT_TODO,    /* still to be installed; the machine can */
	VERDICT_FAIL,    /* Bulkhead cannot run before the remedy */
};

struct verdict {
	const char *name;
	enum verdict_status status;
	char text[160];
	char remedy[200];            /* empty: nothing to do */
};

#define VERDICTS_MAX 16

/** Looks at this machine. Needs no privilege, but learns less without. */
void facts_gather(struct facts *f);
/** Judges; returns the number of verdicts, at most VERDICTS_MAX. */
size_t check_judge(const struct facts *f, struct verdict *verdicts);
/** Whether nothing failed. */
bool check_can_run(const struct verdict *verdicts, size_t count);
const char *check_status_word(enum verdict_status status);

#endif
