/* SPDX-License-Identifier: BSD-2-Clause */
/* Completes the exits that the hypervisor leaves to the worker; its answer goes back through the register page. */
#include "vp.h"

#include <stdio.h>
#include <string.h>

#include "abi/tlfs.h"
#include "decode.h"
#include "log.h"

/* hv_x64_segment attributes. */
#define SEGMENT_LONG    (1u << 13)
#define SEGMENT_DEFAULT (1u << 14)

static unsigned int code_mode(const struct hv_x64_intercept_message_header *h)
{
	const unsigned int long_mode = 1u << 4; /* execution_state: EFER.LMA */

	if ((h->execution_state & long_mode) && (h->cs.attributes & SEGMENT_LONG))
		return 64;
	return h->cs.attributes & SEGMENT_DEFAULT ? 32 : 16;
}

static void advance(struct vp *vp, unsigned int bytes, uint32_t dirty)
{
	struct hv_vp_register_page *r = vp->mshv.registers;

	r->rip += bytes;
	/* The one store that completes the exit: whoever is killed before it leaves the instruction to be executed again. */
	atomic_signal_fence(memory_order_seq_cst);
	r->dirty |= HV_REGISTER_PAGE_DIRTY_IP | dirty;
}

enum vp_verdict vp_device_action(struct vp *vp, enum device_action action)
{
	switch (action) {
	case DEVICE_POWER_OFF:
		return vp_stop(vp, WORKER_STOP_GUEST_OFF, 0, "turned off by the guest (ACPI S5)");
	case DEVICE_EXIT:
		return vp_stop(vp, WORKER_STOP_GUEST_OFF, vp->set->devices->exit_code,
			       "guest ended with code %u (debug exit port)", vp->set->devices->exit_code);
	case DEVICE_RESET:
		return vp_ask_reset(vp);
	default:
		return VP_CONTINUE;
	}
}

static enum vp_verdict complete_port(struct vp *vp, const struct hv_x64_io_port_intercept_message *io)
{
	struct hv_vp_register_page *r = vp->mshv.registers;
	unsigned int size = io->access_info & 7u;
	enum device_action action = DEVICE_DONE;
	uint32_t value, mask;

	if (size != 1 && size != 2 && size != 4)
		return vp_stop(vp, WORKER_STOP_INTERNAL, 0, "port %#x: access of %u bytes", io->port_number, size);
	if (io->access_info & 0x18u)
		return vp_string_io(vp, io);
	mask = size == 4 ? ~0u : (1u << size * 8) - 1;
	if (io->header.intercept_access_type == HV_INTERCEPT_ACCESS_WRITE) {
		action = devices_port_write(vp->set->devices, io->port_number, size, (uint32_t)io->rax & mask);
		advance(vp, io->header.instruction_length & 15u, 0);
	} else {
		value = devices_port_read(vp->set->devices, io->port_number, size) & mask;
		/* A 32-bit result clears the upper half of RAX. */
		r->gpr[0] = size == 4 ? value : (r->gpr[0] & ~(uint64_t)mask) | value;
		advance(vp, io->header.instruction_length & 15u, HV_REGISTER_PAGE_DIRTY_GP);
	}
	return vp_device_action(vp, action);
}

static enum vp_verdict refuse_mmio(struct vp *vp, const struct hv_x64_memory_intercept_message *m, const char *why,
				   const uint8_t *bytes, size_t count)
{
	char hex[3 * 16 + 1] = "";
	size_t i;

	for (i = 0; i < count && i < 16; i++)
		sprintf(hex + 3 * i, " %02x", bytes[i]);
	return vp_stop(vp, WORKER_STOP_ENTRY_FAILED, 0, "VP %u: %s %#llx at rip %#llx:%s", vp->mshv.index, why,
		       (unsigned long long)m->guest_physical_address, (unsigned long long)m->header.rip, hex);
}

static enum vp_verdict complete_memory(struct vp *vp, const struct hv_x64_memory_intercept_message *m)
{
	struct hv_vp_register_page *r = vp->mshv.registers;
	unsigned int mode = code_mode(&m->header);
	struct decoded_mov mov;
	uint8_t bytes[16];
	size_t count = m->instruction_byte_count;
	uint64_t rip = m->header.rip + (mode == 64 ? 0 : m->header.cs.base);

	if (m->header.intercept_access_type == HV_INTERCEPT_ACCESS_EXECUTE)
		return refuse_mmio(vp, m, "instruction fetch outside memory:", NULL, 0);
	if (count > sizeof bytes)
		count = sizeof bytes;
	memcpy(bytes, m->instruction_bytes, count);
	if (count == 0) {
		/* The instruction may end with its page; what lies beyond need not be mapped. */
		size_t first = HV_PAGE_SIZE - rip % HV_PAGE_SIZE;

		count = first < 15 ? first : 15;
		if (vp_read_virtual(vp, rip, bytes, count, HV_TRANSLATE_GVA_VALIDATE_EXECUTE) < 0)
			return refuse_mmio(vp, m, "cannot fetch the instruction that accesses", NULL, 0);
		if (count < 15 &&
		    vp_read_virtual(vp, rip + count, bytes + count, 15 - count, HV_TRANSLATE_GVA_VALIDATE_EXECUTE) == 0)
			count = 15;
	}
	if (!decode_mov(bytes, count, mode, &mov))
		return refuse_mmio(vp, m, "no emulation for the instruction that accesses", bytes, count);
	if (mov.write) {
		devices_mmio_write(vp->set->devices, m->guest_physical_address, mov.size, decoded_mov_source(&mov, r->gpr));
		advance(vp, mov.length, 0);
	} else {
		decoded_mov_complete(&mov, r->gpr, devices_mmio_read(vp->set->devices, m->guest_physical_address, mov.size));
		advance(vp, mov.length, HV_REGISTER_PAGE_DIRTY_GP);
	}
	return VP_CONTINUE;
}

static enum vp_verdict guest_crashed(struct vp *vp, const struct bh_crash_message *crash, uint64_t number)
{
	struct event event = { .type = EVENT_GUEST_CRASH, .vp = vp->mshv.index, .message = number };

	memcpy(event.u.crash.p, crash->p, sizeof event.u.crash.p);
	event.u.crash.ctl = crash->ctl;
	return vp_post(vp, &event);
}

static enum vp_verdict fatal(struct vp *vp, const struct hv_x64_fatal_message *f, enum worker_stop_cause cause, const char *what)
{
	return vp_stop(vp, cause, 0, "VP %u: %s at rip %#llx (exit %#llx, %#llx, %#llx; cr3 %#llx, rsp %#llx)", vp->mshv.index,
		       what, (unsigned long long)f->header.rip, (unsigned long long)f->exit_code,
		       (unsigned long long)f->exit_info1, (unsigned long long)f->exit_info2,
		       (unsigned long long)vp->mshv.registers->cr3, (unsigned long long)vp->mshv.registers->gpr[4]);
}

enum vp_verdict vp_complete_exit(struct vp *vp, const struct hv_message *message)
{
	const void *payload = message->u.bytes;
	struct event event = { .vp = vp->mshv.index, .message = message->header.sender };

	switch (message->header.message_type) {
	case HVMSG_X64_IO_PORT_INTERCEPT:
		return complete_port(vp, payload);
	case HVMSG_UNMAPPED_GPA:
	case HVMSG_GPA_INTERCEPT:
		return complete_memory(vp, payload);
	case HVMSG_BULKHEAD_POST_MESSAGE:
		event.type = EVENT_POSTED_MESSAGE;
		memcpy(&event.u.posted, vp->mshv.message + BH_POSTED_MESSAGE_OFFSET, sizeof event.u.posted);
		return vp_post(vp, &event);
	case HVMSG_BULKHEAD_EOM:
		event.type = EVENT_SLOT_FREE;
		event.u.sint_mask = ((const struct bh_eom_message *)payload)->sint_mask;
		return vp_post(vp, &event);
	case HVMSG_BULKHEAD_CRASH:
		return guest_crashed(vp, payload, event.message);
	case HVMSG_BULKHEAD_DISCARD:
		return vp_discard(vp, payload);
	case HVMSG_BULKHEAD_RESET:
		return vp_device_action(vp, DEVICE_RESET);
	case HVMSG_NONE:
	case HVMSG_X64_HALT:
		return VP_CONTINUE;
	case HVMSG_UNRECOVERABLE_EXCEPTION:
		return fatal(vp, payload, WORKER_STOP_TRIPLE_FAULT, "triple fault");
	case HVMSG_INVALID_VP_REGISTER_VALUE:
		return fatal(vp, payload, WORKER_STOP_ENTRY_FAILED, "the processor refused its state");
	case HVMSG_UNSUPPORTED_FEATURE:
		return fatal(vp, payload, WORKER_STOP_ENTRY_FAILED, "the guest used what is not supported");
	default:
		return vp_stop(vp, WORKER_STOP_INTERNAL, 0, "VP %u: unknown exit %#x", vp->mshv.index,
			       message->header.message_type);
	}
}
