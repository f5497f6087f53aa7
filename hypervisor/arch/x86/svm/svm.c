/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V helpers for the root and for children alike; see svm.h. */
#include "arch/x86/svm/svm.h"

#include "abi/bulkhead.h"
#include "arch/x86/cpu.h"
#include "core/hypervisor.h"

uint64_t image_to_pa(const void *p)
{
	return (uint64_t)p - BH_IMAGE_BASE + hv.image_pa;
}

bool msrpm_set(uint8_t *msrpm, uint32_t msr, unsigned int access, bool intercept)
{
	static const struct {
		uint32_t first, offset;
	} range[] = { { 0, 0 }, { 0xc0000000u, 0x800 }, { 0xc0010000u, 0x1000 } };

	for (unsigned int i = 0; i < 3; i++) {
		uint32_t index = msr - range[i].first;

		if (index >= 0x2000)
			continue;
		uint8_t bits = access << (index % 4 * 2);
		uint8_t *byte = &msrpm[range[i].offset + index / 4];

		*byte = intercept ? *byte | bits : *byte & ~bits;
		return true;
	}
	return false;
}

void svm_inject_exception(struct vmcb *vmcb, uint8_t vector)
{
	vmcb->control.event_inj = SVM_EVENT_VALID | SVM_EVENT_EXCEPTION | vector;
}

void svm_inject_exception_error(struct vmcb *vmcb, uint8_t vector, uint32_t error)
{
	vmcb->control.event_inj = SVM_EVENT_VALID | SVM_EVENT_EXCEPTION | SVM_EVENT_ERROR_CODE | vector |
				  (uint64_t)error << SVM_EVENT_ERROR_SHIFT;
}

uint64_t svm_event_cut_off(const struct vmcb_control *control)
{
	uint64_t event = control->exit_int_info, type = event & SVM_EVENT_TYPE_MASK, vector = event & SVM_EVENT_VECTOR;

	/* Not a software interrupt or INT3/INTO: RIP still stands at the instruction, which raises it anew (15.7.2). */
	if (!(event & SVM_EVENT_VALID) || type == SVM_EVENT_SOFT_INT || (type == SVM_EVENT_EXCEPTION && (vector == 3 || vector == 4)))
		return 0;
	/* An emulator calls everything an exception; as such VMRUN would refuse these (15.20). */
	if (type == SVM_EVENT_EXCEPTION && (vector == 2 || vector >= 32))
		event = SVM_EVENT_VALID | (vector == 2 ? SVM_EVENT_NMI : SVM_EVENT_INTR) | vector;
	return event;
}

void svm_skip(struct vmcb *vmcb, unsigned int length)
{
	uint64_t next = vmcb->save.rip + length;

	if (hv.has_nrips && vmcb->control.next_rip)
		next = vmcb->control.next_rip;
	/* Outside 64-bit code the instruction pointer has 32 bits. */
	if (!(vmcb->save.cs.attributes & 0x200))
		next = (uint32_t)next;
	vmcb->save.rip = next;
	vmcb->control.interrupt_shadow &= ~1ull;
	if (vmcb->save.rflags & RFLAGS_TF) {
		vmcb->save.dr6 |= 1u << 14;
		svm_inject_exception(vmcb, VECTOR_DB);
	}
}
