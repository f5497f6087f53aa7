// SPDX-License-Identifier: BSD-2-Clause
/* What the facts mean: one rule a line of output, each with its remedy. No look at the machine here. */
#include "rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CPUS_MAX 64u /* BH_MAX_CPUS */

static void say(struct verdict *v, enum verdict_status status, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void say(struct verdict *v, enum verdict_status status, const char *remedy, const char *format, ...)
{
	va_list args;

	v->status = status;
	snprintf(v->remedy, sizeof v->remedy, "%s", remedy ? remedy : "");
	va_start(args, format);
	vsnprintf(v->text, sizeof v->text, format, args);
	va_end(args);
}

static void judge_launched(const struct facts *f, struct verdict *v)
{
	if (f->launched)
		say(v, VERDICT_INFO, NULL, "Bulkhead is running under this kernel");
	else
		say(v, VERDICT_OK, NULL, "not launched yet");
}

static void judge_processor(const struct facts *f, struct verdict *v)
{
	if (!strcmp(f->vendor, "AuthenticAMD") || !strcmp(f->vendor, "HygonGenuine"))
		say(v, VERDICT_OK, NULL, "%s", f->vendor);
	else
		say(v, VERDICT_FAIL, "use a machine with an AMD processor; Intel VT-x is not supported yet", "%s",
		    f->vendor);
}

static void judge_svm(const struct facts *f, struct verdict *v)
{
	if (f->launched)
		say(v, VERDICT_OK, NULL, "in use by Bulkhead");
	else if (f->svm)
		say(v, VERDICT_OK, NULL, "present");
	else if (f->outer_hypervisor[0])
		say(v, VERDICT_FAIL, "let the outer hypervisor pass AMD-V on to this guest (QEMU: -cpu host,+svm)",
		    "absent");
	else
		say(v, VERDICT_FAIL, "use a machine with AMD-V", "absent");
}

static void judge_nested_paging(const struct facts *f, struct verdict *v)
{
	if (f->launched)
		say(v, VERDICT_OK, NULL, "in use by Bulkhead");
	else if (f->nested_paging)
		say(v, VERDICT_OK, NULL, "present");
	else if (f->outer_hypervisor[0])
		say(v, VERDICT_FAIL,
		    "let the outer hypervisor pass nested paging on to this guest (QEMU: -cpu ...,+npt)", "absent");
	else
		say(v, VERDICT_FAIL, "use a machine with nested paging (AMD from 2008 on)", "absent");
}

static void judge_xsave(const struct facts *f, struct verdict *v)
{
	if (f->xsave)
		say(v, VERDICT_OK, NULL, "in use");
	else if (f->outer_hypervisor[0])
		say(v, VERDICT_FAIL, "let the outer hypervisor pass XSAVE on to this guest (QEMU: -cpu ...,+xsave)", "absent");
	else
		say(v, VERDICT_FAIL, "boot without noxsave", "the processor has none, or the kernel was told not to use it");
}

static void judge_firmware(const struct facts *f, struct verdict *v)
{
	if (f->launched)
		say(v, VERDICT_OK, NULL, "in use by Bulkhead");
	else if (!f->svm)
		say(v, VERDICT_UNKNOWN, NULL, "nothing to disable");
	else if (f->svm_disabled == FACT_YES)
		say(v, VERDICT_FAIL, "enable \"SVM mode\" in the BIOS set-up",
		    "SVM is disabled (VM_CR.SVMDIS%s) on CPU %u", f->svm_locked ? ", locked" : "", f->svm_disabled_cpu);
	else if (f->svm_disabled == FACT_NO)
		say(v, VERDICT_OK, NULL, "SVM is enabled");
	else
		say(v, VERDICT_UNKNOWN, "as root: modprobe msr; bulkhead-check", "VM_CR cannot be read");
}

static void judge_kvm(const struct facts *f, struct verdict *v)
{
	if (!f->kvm_loaded)
		say(v, VERDICT_OK, NULL, "kvm_amd is not loaded");
	else if (f->launched)
		say(v, VERDICT_INFO, "rmmod kvm_amd", "kvm_amd is loaded, but finds no AMD-V");
	else
		say(v, VERDICT_FAIL,
		    "stop its guests, then: rmmod kvm_amd; for good: echo 'blacklist kvm_amd' > /etc/modprobe.d/bulkhead.conf",
		    "kvm_amd is loaded; only one can use AMD-V");
}

static void judge_paging(const struct facts *f, struct verdict *v)
{
	if (f->la57)
		say(v, VERDICT_FAIL, "boot with no5lvl", "the kernel uses five-level page tables (LA57)");
	else
		say(v, VERDICT_OK, NULL, "four-level page tables");
}

static void judge_encryption(const struct facts *f, struct verdict *v)
{
	if (f->memory_encryption)
		say(v, VERDICT_FAIL, "boot with mem_encrypt=off", "memory encryption (SME) is on");
	else
		say(v, VERDICT_OK, NULL, "memory is not encrypted");
}

static void judge_snp(const struct facts *f, struct verdict *v)
{
	if (f->snp == FACT_YES)
		say(v, VERDICT_FAIL, "boot with iommu=pt, or turn SNP memory coverage off in the BIOS set-up", "SEV-SNP is on for this host");
	else if (f->snp == FACT_NO)
		say(v, VERDICT_OK, NULL, "SEV-SNP is off");
	else
		say(v, VERDICT_UNKNOWN, "as root: modprobe msr; bulkhead-check", "SYSCFG cannot be read");
}

static void judge_tsc(const struct facts *f, struct verdict *v)
{
	if (f->invariant_tsc)
		say(v, VERDICT_OK, NULL, "invariant");
	else
		say(v, VERDICT_INFO, f->outer_hypervisor[0] ? "let the outer hypervisor say that it is (QEMU: -cpu ...,+invtsc)" : NULL,
		    "not invariant: children's time goes wrong when the processor's frequency changes or it sleeps");
}

static void judge_cpus(const struct facts *f, struct verdict *v)
{
	char remedy[sizeof v->remedy];

	if (f->cpus <= CPUS_MAX) {
		say(v, VERDICT_OK, NULL, "%u online", f->cpus);
		return;
	}
	snprintf(remedy, sizeof remedy, "boot with maxcpus=%u", CPUS_MAX);
	say(v, VERDICT_FAIL, remedy, "%u online; this version supports %u", f->cpus, CPUS_MAX);
}

static void judge_outer(const struct facts *f, struct verdict *v)
{
	if (f->launched || !f->outer_hypervisor[0])
		say(v, VERDICT_OK, NULL, "no other hypervisor below");
	else
		say(v, VERDICT_INFO, NULL, "this machine is itself a guest of \"%s\": it works, but slower",
		    f->outer_hypervisor);
}

static void judge_lockdown(const struct facts *f, struct verdict *v)
{
	const char *remedy = "sign bulkhead.ko with an enrolled key (mokutil --import), or turn Secure Boot off";

	if (f->module_signature_enforced || !strcmp(f->lockdown, "integrity") ||
	    !strcmp(f->lockdown, "confidentiality"))
		say(v, f->launched ? VERDICT_OK : VERDICT_INFO, remedy, "the kernel takes signed modules only");
	else
		say(v, VERDICT_OK, NULL, "the kernel takes unsigned modules");
}

static void judge_module(const struct facts *f, struct verdict *v)
{
	char remedy[sizeof v->remedy];

	if (f->launched || f->module_installed) {
		say(v, VERDICT_OK, NULL, "bulkhead.ko for %s", f->kernel);
		return;
	}
	snprintf(remedy, sizeof remedy, "%s%s%s", f->headers_installed ? "" : "apt-get install linux-headers-",
		 f->headers_installed ? "" : f->kernel,
		 f->headers_installed ? "build and install Bulkhead" : ", then build and install Bulkhead");
	say(v, VERDICT_TODO, remedy, "no bulkhead.ko for %s%s", f->kernel,
	    f->headers_installed ? "" : ", nor headers to build it");
}

static void judge_image(const struct facts *f, struct verdict *v)
{
	if (f->launched || f->image_installed)
		say(v, VERDICT_OK, NULL, "bulkhead/bulkhead-amd.elf is installed");
	else
		say(v, VERDICT_TODO, "build and install Bulkhead", "no /lib/firmware/bulkhead/bulkhead-amd.elf");
}

static const struct {
	const char *name;
	void (*judge)(const struct facts *f, struct verdict *v);
} rules[] = {
	{ "launched", judge_launched },
	{ "processor", judge_processor },
	{ "amd-v", judge_svm },
	{ "nested-paging", judge_nested_paging },
	{ "xsave", judge_xsave },
	{ "firmware", judge_firmware },
	{ "kvm", judge_kvm },
	{ "paging", judge_paging },
	{ "encryption", judge_encryption },
	{ "snp", judge_snp },
	{ "tsc", judge_tsc },
	{ "cpus", judge_cpus },
	{ "outer", judge_outer },
	{ "lockdown", judge_lockdown },
	{ "module", judge_module },
	{ "image", judge_image },
};
_Static_assert(sizeof rules / sizeof rules[0] <= VERDICTS_MAX, "the caller's array has room");

size_t check_judge(const struct facts *f, struct verdict *verdicts)
{
	size_t count = sizeof rules / sizeof rules[0];

	for (size_t i = 0; i < count; i++) {
		verdicts[i].name = rules[i].name;
		rules[i].judge(f, &verdicts[i]);
	}
	return count;
}

bool check_can_run(const struct verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (verdicts[i].status == VERDICT_FAIL)
			return false;
	return true;
}

const char *check_status_word(enum verdict_status status)
{
	static const char *const word[] = { "ok", "info", "unknown", "todo", "FAIL" };

	return word[status];
}
