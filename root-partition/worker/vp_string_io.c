/* SPDX-License-Identifier: BSD-2-Clause */
/* INS and OUTS. One exit moves at most a page; a longer REP comes again with what is left in RCX. */
#include "vp.h"

#include "abi/tlfs.h"

#define RFLAGS_DF   (1ull << 10)
#define IO_STRING   8u
#define IO_REP      16u
enum { RCX = 1, RSI = 6, RDI = 7 };

/** A register as the address size sees it; the default one of the mode, as compilers emit it. */
static uint64_t address_mask(const struct hv_x64_io_port_intercept_message *io)
{
	if ((io->header.execution_state & 1u << 4) && (io->header.cs.attributes & 1u << 13))
		return ~0ull;
	return io->header.cs.attributes & 1u << 14 ? 0xffffffffull : 0xffffull;
}

static void add_masked(uint64_t *reg, uint64_t delta, uint64_t mask)
{
	*reg = mask == 0xffffull ? (*reg & ~mask) | ((*reg + delta) & mask) : (*reg + delta) & mask;
}

enum vp_verdict vp_string_io(struct vp *vp, const struct hv_x64_io_port_intercept_message *io)
{
	struct hv_vp_register_page *r = vp->mshv.registers;
	bool out = io->header.intercept_access_type == HV_INTERCEPT_ACCESS_WRITE, rep = (io->access_info & IO_REP) != 0;
	unsigned int size = io->access_info & 7u, index = out ? RSI : RDI;
	uint64_t mask = address_mask(io), step = io->header.rflags & RFLAGS_DF ? -(uint64_t)size : size;
	uint64_t base = mask == ~0ull ? 0 : out ? io->ds.base : io->es.base;
	uint64_t left = rep ? r->gpr[RCX] & mask : 1, budget = HV_PAGE_SIZE / size;
	enum device_action action = DEVICE_DONE;
	uint32_t value;
	int rc = 0;

	for (; left > 0 && budget > 0 && action == DEVICE_DONE; left--, budget--) {
		uint64_t gva = base + (r->gpr[index] & mask);

		value = 0;
		if (out) {
			rc = vp_read_virtual(vp, gva, &value, size, HV_TRANSLATE_GVA_VALIDATE_READ);
			if (rc == 0)
				action = devices_port_write(vp->set->devices, io->port_number, size, value);
		} else {
			value = devices_port_read(vp->set->devices, io->port_number, size);
			rc = vp_write_virtual(vp, gva, &value, size);
		}
		if (rc < 0)
			return vp_stop(vp, WORKER_STOP_ENTRY_FAILED, 0,
				       "VP %u: string I/O on port %#x with unmapped memory at %#llx, rip %#llx", vp->mshv.index,
				       io->port_number, (unsigned long long)gva, (unsigned long long)io->header.rip);
		add_masked(&r->gpr[index], step, mask);
		if (rep)
			add_masked(&r->gpr[RCX], ~0ull, mask);
	}
	r->dirty |= HV_REGISTER_PAGE_DIRTY_GP;
	if (left == 0) {
		r->rip += io->header.instruction_length & 15u;
		r->dirty |= HV_REGISTER_PAGE_DIRTY_IP;
	}
	return vp_device_action(vp, action);
}
