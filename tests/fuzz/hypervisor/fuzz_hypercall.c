/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls of both kinds with any control word and any input: the root's, on partitions that it creates, fills and destroys in
 * any order, and a child's, inside a dispatch. At the end everything is destroyed: each page of the root must be its own again.
 */
#include <stdlib.h>

#include "abi/hypercall.h"
#include "abi/registers.h"
#include "abi/status.h"
#include "core/child.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"
#include "input.h"
#include "machine.h"

static struct input in;
static uint64_t ids[4];
static unsigned int id_count;

static const uint16_t root_codes[] = {
	HVCALL_CREATE_PARTITION, HVCALL_INITIALIZE_PARTITION, HVCALL_FINALIZE_PARTITION, HVCALL_DELETE_PARTITION,
	HVCALL_GET_PARTITION_PROPERTY, HVCALL_SET_PARTITION_PROPERTY, HVCALL_DEPOSIT_MEMORY, HVCALL_WITHDRAW_MEMORY,
	HVCALL_MAP_GPA_PAGES, HVCALL_UNMAP_GPA_PAGES, HVCALL_CREATE_VP, HVCALL_DELETE_VP, HVCALL_GET_VP_REGISTERS,
	HVCALL_SET_VP_REGISTERS, HVCALL_TRANSLATE_VIRTUAL_ADDRESS, HVCALL_REGISTER_INTERCEPT_RESULT,
	HVCALL_ASSERT_VIRTUAL_INTERRUPT, HVCALL_SIGNAL_EVENT_DIRECT, HVCALL_POST_MESSAGE_DIRECT, HVCALL_DISPATCH_VP,
	HVCALL_MAP_VP_STATE_PAGE, HVCALL_UNMAP_VP_STATE_PAGE, HVCALL_GET_VP_STATE, HVCALL_SET_VP_STATE,
	HVCALL_BULKHEAD_SYNC, HVCALL_BULKHEAD_READ_LOG, HVCALL_BULKHEAD_GET_STATS, HVCALL_BULKHEAD_CONNECT,
};
static const uint16_t child_codes[] = { HVCALL_NOTIFY_LONG_SPIN_WAIT, HVCALL_SEND_IPI, HVCALL_SEND_IPI_EX, HVCALL_POST_MESSAGE,
					HVCALL_SIGNAL_EVENT, HVCALL_FLUSH_VA_SPACE, HVCALL_FLUSH_VA_LIST, HVCALL_FLUSH_VA_SPACE_EX, HVCALL_FLUSH_VA_LIST_EX };

static int child_call(struct cpu *cpu, struct vp *vp)
{
	uint8_t kind = input_u8(&in);

	(void)cpu;
	if (!in.size)
		return VP_RUN_PREEMPTED;
	vp->gpr[1] = kind & 0x80 ? input_u64(&in) : child_codes[(kind & 15) % (sizeof child_codes / sizeof child_codes[0])];
	if (kind & 0x40)
		vp->gpr[1] |= HV_HYPERCALL_FAST;
	if (kind & 0x20)
		vp->gpr[1] |= (uint64_t)(input_u8(&in) & 7) << HV_HYPERCALL_VARHEAD_SHIFT;
	if ((vp->gpr[1] & 0xffff) == HVCALL_FLUSH_VA_LIST || (vp->gpr[1] & 0xffff) == HVCALL_FLUSH_VA_LIST_EX)
		vp->gpr[1] |= (uint64_t)input_u8(&in) << HV_HYPERCALL_REP_COUNT_SHIFT;
	memcpy(machine_xmm, &in.size, sizeof in.size);
	vp->gpr[2] = kind & 0x10 ? input_u64(&in) : 0x3000;
	vp->gpr[8] = input_u64(&in);
	input_take(&in, machine_page(MACHINE_GUEST_PFN * 4096 + 0x3000), 272);
	return child_hypercall(vp);
}

/* A partition's id where most layouts have it, page numbers small enough to be RAM now and then. */
static void root_call(void)
{
	uint64_t page[512] = { 0 }, control;
	uint8_t kind = input_u8(&in), words = input_u8(&in) % 48;
	uint16_t code = root_codes[kind % (sizeof root_codes / sizeof root_codes[0])];

	input_take(&in, page, 8 * words);
	if (kind & 0x80 && id_count)
		page[0] = ids[kind / 32 % id_count];
	if (code == HVCALL_DEPOSIT_MEMORY || code == HVCALL_MAP_GPA_PAGES)
		for (unsigned int i = code == HVCALL_DEPOSIT_MEMORY ? 1 : 3; i < words; i++)
			page[i] = (page[i] & 0x1fff) < 16 ? 0x2000 : page[i] & 0x1fff; /* not the pages of the calls themselves */
	control = code | (uint64_t)(input_u8(&in) % 64) << HV_HYPERCALL_REP_COUNT_SHIFT;
	if ((control & 0xffff) == HVCALL_CREATE_PARTITION) {
		struct hv_input_create_partition create = { .compatibility_version = 0x21 };

		memcpy(page, &create, sizeof create);
		if (id_count == 4)
			return;
		control = code;
	}
	memcpy(machine_page(MACHINE_CALL_PA), page, sizeof page);
	if (kind == 0xff)
		control = input_u64(&in);
	if (HV_RESULT_STATUS(hypercall_root(machine_cpu, control, MACHINE_CALL_PA, MACHINE_OUT_PA)) == HV_STATUS_SUCCESS &&
	    (control & 0xffff) == HVCALL_CREATE_PARTITION && id_count < 4)
		ids[id_count++] = *(uint64_t *)machine_page(MACHINE_OUT_PA);
}

/* The root's pages by the page map, and, now and then because it takes longer, by its page table. */
static uint64_t free_pages(bool thorough)
{
	uint64_t count = 0;

	if (thorough)
		return machine_free_pages();
	for (uint64_t pfn = 0; pfn < MACHINE_RAM / 4096; pfn++)
		count += hv.pagemap[pfn] == 0;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool thorough = size % 16 == 0;
	uint64_t before;

	in = (struct input){ data, size };
	/* Pages that went to the hypervisor's own pool stay there until unload: then a new machine. */
	if (!machine_cpu || hv.pool.total_pages)
		machine_start();
	machine_guest = child_call;
	before = free_pages(thorough);
	id_count = 1;
	ids[0] = machine_partition(2);
	for (unsigned int i = 0; i < 3; i++) {
		struct bh_input_connect connect = { ids[0], 1 + i, i };

		machine_call(HVCALL_BULKHEAD_CONNECT, &connect, sizeof connect, 0);
	}
	for (unsigned int calls = 0; in.size && calls < 64; calls++) {
		if (input_u8(&in) & 1)
			root_call();
		else if (machine_find(ids[0]) && machine_vp(ids[0], calls % 2))
			machine_dispatch(ids[0], calls % 2, HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND, &(uint64_t){ 0 });
		machine_tsc += 1000;
	}
	for (unsigned int i = 0; i < HV_MAX_PARTITIONS; i++)
		if (hv.partition[i]) {
			uint64_t id = hv.partition[i]->id;

			if (hv.partition[i]->state == PARTITION_FINALIZED) {
				uint64_t withdraw[2] = { id, 0 };

				while (machine_call(HVCALL_WITHDRAW_MEMORY, withdraw, sizeof withdraw, 64) >> HV_HYPERCALL_REP_COUNT_SHIFT == 64)
					;
				if (machine_call(HVCALL_DELETE_PARTITION, &id, 8, 0) != HV_STATUS_SUCCESS)
					abort();
			} else if (machine_destroy(id) != HV_STATUS_SUCCESS) {
				abort();
			}
		}
	if (free_pages(thorough) + hv.pool.total_pages != before)
		abort();
	return 0;
}
