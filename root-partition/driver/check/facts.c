// SPDX-License-Identifier: BSD-2-Clause
/* Looks at this machine: CPUID, MSRs through /dev/cpu, /proc and /sys. A file that is not there is no error, only less
 * to know. */
#include "rules.h"

#include <cpuid.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "abi/tlfs.h"

#define MSR_VM_CR 0xc0010114u
#define MSR_SYSCFG 0xc0010010u
#define SYSCFG_SNP_EN (1u << 24)
#define VM_CR_LOCK (1u << 3)
#define VM_CR_SVMDIS (1u << 4)

static void vendor_string(char *to, uint32_t a, uint32_t b, uint32_t c)
{
	memcpy(to, &a, 4);
	memcpy(to + 4, &b, 4);
	memcpy(to + 8, &c, 4);
	to[12] = 0;
}

static void gather_cpuid(struct facts *f)
{
	uint32_t a, b, c, d, max;

	__cpuid(0, a, b, c, d);
	vendor_string(f->vendor, b, d, c);
	__cpuid(1, a, b, c, d);
	if (c & (1u << 31)) {
		__cpuid(HV_CPUID_VENDOR, a, b, c, d);
		vendor_string(f->outer_hypervisor, b, c, d);
		__cpuid(HV_CPUID_BULKHEAD, a, b, c, d);
		/* "BulkheadHv"; out of range, other hypervisors repeat some leaf */
		f->launched = b == 0x6b6c7542 && c == 0x64616568 && (d & 0xffff) == 0x7648;
	}
	__cpuid(1, a, b, c, d);
	f->xsave = c & (1u << 27);
	__cpuid(0x80000000, max, b, c, d);
	if (max >= 0x80000001) {
		__cpuid(0x80000001, a, b, c, d);
		f->svm = c & (1u << 2);
	}
	if (max >= 0x80000007) {
		__cpuid(0x80000007, a, b, c, d);
		f->invariant_tsc = d & (1u << 8);
	}
	if (f->svm && max >= 0x8000000a) {
		__cpuid(0x8000000a, a, b, c, d);
		f->nested_paging = d & 1;
	}
}

static bool read_msr(unsigned int cpu, uint32_t msr, uint64_t *value)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "/dev/cpu/%u/msr", cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = pread(fd, value, sizeof *value, msr);
	close(fd);
	return got == sizeof *value;
}

static void gather_msrs(struct facts *f)
{
	uint64_t value;

	if (read_msr(0, MSR_SYSCFG, &value))
		f->snp = value & SYSCFG_SNP_EN ? FACT_YES : FACT_NO;
	for (unsigned int cpu = 0; cpu < f->cpus; cpu++) {
		if (!read_msr(cpu, MSR_VM_CR, &value))
			continue;
		if (value & VM_CR_SVMDIS) {
			f->svm_disabled = FACT_YES;
			f->svm_locked = value & VM_CR_LOCK;
			f->svm_disabled_cpu = cpu;
			return;
		}
		f->svm_disabled = FACT_NO;
	}
}

/* Whether a line of the file holds the word, set off by separators. */
static bool file_has_word(const char *path, const char *word, bool (*separator)(char))
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *at;
	size_t room = 0, length = strlen(word);
	bool found = false;

	if (!file)
		return false;
	while (!found && getline(&line, &room, file) > 0)
		for (at = strstr(line, word); at && !found; at = strstr(at + 1, word))
			found = (at == line || separator(at[-1])) && (!at[length] || separator(at[length]));
	free(line);
	fclose(file);
	return found;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool is_path_end(char c)
{
	return c == '/' || c == ':' || c == '.' || is_blank(c);
}

/* The word in brackets: "none [integrity] confidentiality". */
static void gather_lockdown(struct facts *f)
{
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "", *open_bracket, *close_bracket;

	if (!file)
		return;
	if (fgets(line, sizeof line, file) && (open_bracket = strchr(line, '[')) &&
	    (close_bracket = strchr(open_bracket, ']')))
		snprintf(f->lockdown, sizeof f->lockdown, "%.*s", (int)(close_bracket - open_bracket - 1),
			 open_bracket + 1);
	fclose(file);
}

static void gather_kernel(struct facts *f)
{
	struct utsname u;
	char path[256];

	uname(&u);
	snprintf(f->kernel, sizeof f->kernel, "%s", u.release);
	f->la57 = file_has_word("/proc/cpuinfo", "la57", is_blank);
	f->memory_encryption = file_has_word("/proc/cmdline", "mem_encrypt=on", is_blank);
	f->kvm_loaded = access("/sys/module/kvm_amd", F_OK) == 0;
	f->module_signature_enforced = file_has_word("/sys/module/module/parameters/sig_enforce", "Y", is_blank);
	snprintf(path, sizeof path, "/lib/modules/%s/modules.dep", f->kernel);
	f->module_installed =
		file_has_word(path, "bulkhead.ko", is_path_end) || access("/sys/module/bulkhead", F_OK) == 0;
	snprintf(path, sizeof path, "/lib/modules/%s/build", f->kernel);
	f->headers_installed = access(path, F_OK) == 0;
	f->image_installed = access("/lib/firmware/bulkhead/bulkhead-amd.elf", F_OK) == 0;
}

void facts_gather(struct facts *f)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	memset(f, 0, sizeof *f);
	f->cpus = cpus > 0 ? (unsigned int)cpus : 1;
	gather_cpuid(f);
	gather_msrs(f);
	gather_lockdown(f);
	gather_kernel(f);
}
