/* SPDX-License-Identifier: BSD-2-Clause */
/* The root's hypercalls: control word, life of a partition, ownership of memory, mapping, what is given back. */
#include <string.h>

#include "abi/hypercall.h"
#include "abi/registers.h"
#include "abi/status.h"
#include "arch/x86/npt.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "tests/unit/run_tests.h"

static uint64_t status_of(uint64_t control, uint64_t rdx, uint64_t r8)
{
	return HV_RESULT_STATUS(hypercall_root(machine_cpu, control, rdx, r8));
}

static uint64_t create(void)
{
	struct hv_input_create_partition in = { .compatibility_version = 0x21 };

	ck_assert_uint_eq(machine_call(HVCALL_CREATE_PARTITION, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	return *(uint64_t *)machine_page(MACHINE_OUT_PA);
}

static uint64_t deposit(uint64_t id, uint64_t pfn, unsigned int count)
{
	uint64_t in[513] = { id };

	for (unsigned int i = 0; i < count; i++)
		in[1 + i] = pfn + i;
	return machine_call(HVCALL_DEPOSIT_MEMORY, in, 8 * (1 + count), count);
}

static uint64_t map(uint64_t id, uint64_t gfn, uint64_t pfn, uint32_t flags)
{
	uint64_t in[4] = { id, gfn, flags, pfn };

	return machine_call(HVCALL_MAP_GPA_PAGES, in, sizeof in, 1);
}

static uint64_t unmap(uint64_t id, uint64_t gfn, uint32_t flags)
{
	uint64_t in[3] = { id, gfn, flags };

	return machine_call(HVCALL_UNMAP_GPA_PAGES, in, sizeof in, 1);
}

/* Unknown codes, reserved bits, reps where there are none and none where there must be, wrong alignment, input outside the root. */
START_TEST(control_word_and_input)
{
	const uint64_t rep = 1ull << HV_HYPERCALL_REP_COUNT_SHIFT;

	machine_start();
	ck_assert_uint_eq(status_of(0, 0, 0), HV_STATUS_INVALID_HYPERCALL_CODE);
	ck_assert_uint_eq(status_of(HVCALL_POST_MESSAGE, MACHINE_CALL_PA, 0), HV_STATUS_INVALID_HYPERCALL_CODE);
	ck_assert_uint_eq(status_of(HVCALL_DELETE_PARTITION | HV_HYPERCALL_FAST, 77, 0), HV_STATUS_INVALID_PARTITION_ID);
	for (unsigned int bit = 17; bit < 64; bit++)
		ck_assert_uint_eq(status_of(HVCALL_DELETE_PARTITION | HV_HYPERCALL_FAST | 1ull << bit, 77, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(status_of(HVCALL_DEPOSIT_MEMORY, MACHINE_CALL_PA, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(status_of(HVCALL_DEPOSIT_MEMORY | rep, MACHINE_CALL_PA + 4, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(status_of(HVCALL_DEPOSIT_MEMORY | rep, MACHINE_CALL_PA + 4096 - 8, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(status_of(HVCALL_DEPOSIT_MEMORY | 4095 * rep, MACHINE_CALL_PA, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(status_of(HVCALL_DEPOSIT_MEMORY | rep, MACHINE_OWNED_PA, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(status_of(HVCALL_DEPOSIT_MEMORY | rep, MACHINE_RAM, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(status_of(HVCALL_DEPOSIT_MEMORY | rep, ~0ull << 12, 0), HV_STATUS_INVALID_ALIGNMENT);
	/* Output likewise. */
	ck_assert_uint_eq(status_of(HVCALL_CREATE_PARTITION, MACHINE_CALL_PA, MACHINE_OWNED_PA), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(status_of(HVCALL_CREATE_PARTITION, MACHINE_CALL_PA, MACHINE_OUT_PA + 4), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(status_of(HVCALL_CREATE_PARTITION | HV_HYPERCALL_FAST, 0, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(hv.partition_count, 0);
}

/* A partition's life: each call in its state only; ids are not used again; at the end the root has every page back, zeroed. */
START_TEST(life_of_a_partition)
{
	uint64_t id, again, before;
	struct hv_input_create_vp vp = { 0 };

	machine_start();
	before = machine_free_pages();
	id = create();
	vp.partition_id = id;
	ck_assert_uint_eq(machine_call(HVCALL_INITIALIZE_PARTITION, &id, 8, 0), HV_STATUS_INSUFFICIENT_MEMORY);
	ck_assert_uint_eq(machine_call(HVCALL_CREATE_VP, &vp, sizeof vp, 0), HV_STATUS_INVALID_PARTITION_STATE);
	ck_assert_uint_eq(map(id, 0, MACHINE_GUEST_PFN, 3), HV_STATUS_INVALID_PARTITION_STATE);
	memset(machine_page(MACHINE_POOL_PFN * PAGE_SIZE), 0xaa, 4 * PAGE_SIZE);
	ck_assert_uint_eq(HV_RESULT_STATUS(deposit(id, MACHINE_POOL_PFN, 4)), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_free_pages(), before - 4);
	ck_assert_uint_eq(machine_call(HVCALL_INITIALIZE_PARTITION, &id, 8, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_call(HVCALL_INITIALIZE_PARTITION, &id, 8, 0), HV_STATUS_INVALID_PARTITION_STATE);
	ck_assert_uint_eq(machine_call(HVCALL_CREATE_VP, &vp, sizeof vp, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_call(HVCALL_CREATE_VP, &vp, sizeof vp, 0), HV_STATUS_INVALID_VP_INDEX);
	vp.vp_index = HV_MAX_VPS;
	ck_assert_uint_eq(machine_call(HVCALL_CREATE_VP, &vp, sizeof vp, 0), HV_STATUS_INVALID_VP_INDEX);
	vp.vp_index = 1;
	ck_assert_uint_eq(machine_call(HVCALL_CREATE_VP, &vp, sizeof vp, 0), HV_STATUS_INSUFFICIENT_MEMORY);
	ck_assert_uint_eq(machine_call(HVCALL_DELETE_PARTITION, &id, 8, 0), HV_STATUS_INVALID_PARTITION_STATE);
	ck_assert_uint_eq(machine_destroy(id), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_free_pages(), before);
	for (unsigned int i = 0; i < 4 * PAGE_SIZE; i++)
		ck_assert_uint_eq(((uint8_t *)machine_page(MACHINE_POOL_PFN * PAGE_SIZE))[i], 0);
	ck_assert_uint_eq(machine_call(HVCALL_DELETE_PARTITION, &id, 8, 0), HV_STATUS_INVALID_PARTITION_ID);
	again = create();
	ck_assert_uint_ne(again, id);
	ck_assert_uint_eq(machine_destroy(again), HV_STATUS_SUCCESS);
}

/* A page has one owner: what is deposited cannot be deposited, mapped or shared again; the hypervisor's own never; what a child maps cannot be deposited. */
START_TEST(ownership)
{
	struct hv_input_vp_state_page page = { .type = HV_VP_STATE_PAGE_REGISTERS, .flags = 1 };
	uint64_t id, other;

	machine_start();
	id = machine_partition(1);
	other = create();
	ck_assert_uint_eq(deposit(other, MACHINE_GUEST_PFN, 1), HV_STATUS_OPERATION_DENIED);
	ck_assert_uint_eq(HV_RESULT_STATUS(deposit(other, 0x900, 1)), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(deposit(id, 0x900, 1), HV_STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(map(id, 0x100, 0x900, 3), HV_STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(map(id, 0x100, MACHINE_OWNED_PA / PAGE_SIZE + 5, 3), HV_STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(map(id, 0x100, MACHINE_RAM / PAGE_SIZE, 3), HV_STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(map(id, 0x100, ~0ull >> 12, 3), HV_STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(deposit(id, MACHINE_RAM / PAGE_SIZE, 1), HV_STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(deposit(id, ~0ull, 1), HV_STATUS_ACCESS_DENIED);
	ck_assert_uint_eq(deposit(id, 0, 1), HV_STATUS_ACCESS_DENIED);
	page.partition_id = id;
	page.pfn = 0x900;
	ck_assert_uint_ne(machine_call(HVCALL_MAP_VP_STATE_PAGE, &page, sizeof page, 0), HV_STATUS_SUCCESS);
	/* The shared message page cannot be deposited either. */
	ck_assert_uint_eq(deposit(id, ((uint8_t *)machine_message(0) - (uint8_t *)machine_page(0)) / PAGE_SIZE, 1), HV_STATUS_OPERATION_DENIED);
	ck_assert_uint_eq(machine_destroy(id), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_destroy(other), HV_STATUS_SUCCESS);
}

/* Mapping: within the child's width, nothing there yet, large pages aligned, all or nothing; unmapping gives the page back and forgets it. */
START_TEST(mapping)
{
	uint64_t id, before, in[5];
	struct npt_translation t;

	machine_start();
	id = machine_partition(1);
	before = machine_free_pages();
	ck_assert_uint_eq(map(id, 1ull << 28, 0x800, 3), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(map(id, ~0ull, 0x800, 3), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(map(id, 0, 0x800, 3), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(map(id, 0x100, 0x800, 2), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(map(id, 0x201, 0x800, 3 | HV_MAP_GPA_LARGE), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(map(id, 0x200, 0x801, 3 | HV_MAP_GPA_LARGE), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(HV_RESULT_STATUS(map(id, 0x200, 0x800, 3 | HV_MAP_GPA_LARGE)), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(before - machine_free_pages(), 512);
	ck_assert(npt_walk(machine_find(id)->npt, 0x2ff123, &t));
	ck_assert_uint_eq(t.pa, 0x8ff123);
	ck_assert(t.writable && !t.executable);
	ck_assert_uint_eq(map(id, 0x210, 0x700, 3), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(HV_RESULT_STATUS(map(id, 0x110, 0x7f0, HV_MAP_GPA_READABLE | HV_MAP_GPA_EXECUTABLE)), HV_STATUS_SUCCESS);
	ck_assert(npt_walk(machine_find(id)->npt, 0x110000, &t));
	ck_assert(!t.writable && t.executable);
	ck_assert_ptr_null(partition_page(machine_find(id), 0x110000));
	/* The second page fails: the first is unmapped again. */
	in[0] = id, in[1] = 0x1fe, in[2] = 3, in[3] = 0x7f1, in[4] = MACHINE_OWNED_PA / PAGE_SIZE;
	ck_assert_uint_eq(HV_RESULT_STATUS(machine_call(HVCALL_MAP_GPA_PAGES, in, sizeof in, 2)), HV_STATUS_ACCESS_DENIED);
	ck_assert(!npt_walk(machine_find(id)->npt, 0x1fe000, &t));
	ck_assert_uint_eq(HV_RESULT_STATUS(unmap(id, 0x200, HV_MAP_GPA_LARGE)), HV_STATUS_SUCCESS);
	ck_assert(!npt_walk(machine_find(id)->npt, 0x200000, &t));
	ck_assert_uint_eq(HV_RESULT_STATUS(unmap(id, 0x110, 0)), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_free_pages(), before);
	ck_assert_uint_eq(machine_destroy(id), HV_STATUS_SUCCESS);
}

/* A small page taken out of a large one: the others are mapped as before, all the time; the page is the root's; all come back at the end. */
START_TEST(part_of_large_page)
{
	uint64_t id, before, mapped;
	struct npt_translation t;

	machine_start();
	before = machine_free_pages();
	id = machine_partition(1);
	mapped = machine_find(id)->mapped_bytes;
	ck_assert_uint_eq(HV_RESULT_STATUS(map(id, 0x200, 0x800, 3 | HV_MAP_GPA_LARGE)), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(HV_RESULT_STATUS(unmap(id, 0x203, 0)), HV_STATUS_SUCCESS);
	ck_assert(!npt_walk(machine_find(id)->npt, 0x203000, &t));
	for (uint64_t i = 0; i < 512; i++) {
		if (i == 3)
			continue;
		ck_assert(npt_walk(machine_find(id)->npt, 0x200000 + i * PAGE_SIZE, &t));
		ck_assert_uint_eq(t.pa, 0x800000 + i * PAGE_SIZE);
		ck_assert(t.level == NPT_4K && t.writable && !t.executable);
	}
	ck_assert_uint_eq(machine_find(id)->mapped_bytes - mapped, 511 * PAGE_SIZE);
	ck_assert_uint_eq(unmap(id, 0x200, HV_MAP_GPA_LARGE), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(HV_RESULT_STATUS(map(id, 0x203, 0x7f0, 3)), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_destroy(id), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_free_pages(), before);
}

/* One page of the root at many GPAs is legal, up to a count that the page map can hold; finalizing gives back every one of them. */
START_TEST(one_page_many_times)
{
	uint64_t id, before;
	unsigned int n = 0;

	machine_start();
	before = machine_free_pages();
	id = machine_partition(1);
	while (HV_RESULT_STATUS(map(id, 0x100 + n, 0x7ff, 3)) == HV_STATUS_SUCCESS)
		n++;
	ck_assert_uint_eq(n, PAGEMAP_MAX_MAPS);
	ck_assert_uint_eq(map(id, 0x100 + n, 0x7ff, 3), HV_STATUS_NO_RESOURCES);
	ck_assert_uint_eq(machine_destroy(id), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_free_pages(), before);
}

/* A page counts as taken only when every CPU has passed through an exit since: until then the pool must not hand it out. */
START_TEST(deposit_waits_for_every_cpu)
{
	uint64_t id;

	machine_start();
	id = create();
	machine_cpu->seen_generation = hv.generation;
	ck_assert_uint_eq(HV_RESULT_STATUS(deposit(id, MACHINE_POOL_PFN, 4)), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_call(HVCALL_INITIALIZE_PARTITION, &id, 8, 0), HV_STATUS_INSUFFICIENT_MEMORY);
	machine_cpu->seen_generation = hv.generation;
	ck_assert_uint_eq(machine_call(HVCALL_INITIALIZE_PARTITION, &id, 8, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_destroy(id), HV_STATUS_SUCCESS);
}

/* Registers by name: read back as written; a name that does not exist stops the list there and says how far it came. */
START_TEST(registers)
{
	struct {
		struct hv_input_vp_registers head;
		struct hv_register_assoc set[3];
	} set = { .set = { { .name = HV_X64_REGISTER_RIP, .value.reg64 = 0x1234 }, { .name = HV_X64_REGISTER_GUEST_OS_ID, .value.reg64 = 7 },
			   { .name = 0xdeadbeef } } };
	struct {
		struct hv_input_vp_registers head;
		uint32_t names[3];
	} get = { .names = { HV_X64_REGISTER_RIP, HV_X64_REGISTER_GUEST_OS_ID, 0xdeadbeef } };
	union hv_register_value *out;
	uint64_t id, r;

	machine_start();
	id = machine_partition(1);
	set.head.partition_id = get.head.partition_id = id;
	r = machine_call(HVCALL_SET_VP_REGISTERS, &set, sizeof set, 3);
	ck_assert_uint_eq(HV_RESULT_STATUS(r), HV_STATUS_INVALID_REGISTER_VALUE);
	ck_assert_uint_eq(HV_RESULT_REPS(r), 2);
	r = machine_call(HVCALL_GET_VP_REGISTERS, &get, sizeof get, 3);
	ck_assert_uint_eq(HV_RESULT_STATUS(r), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(HV_RESULT_REPS(r), 2);
	out = machine_page(MACHINE_OUT_PA);
	ck_assert_uint_eq(out[0].reg64, 0x1234);
	ck_assert_uint_eq(out[1].reg64, 7);
	/* Not while another CPU runs it. */
	machine_vp(id, 0)->owner = 3;
	ck_assert_uint_eq(machine_call(HVCALL_GET_VP_REGISTERS, &get, sizeof get, 3), HV_STATUS_INVALID_VP_STATE);
	ck_assert_uint_eq(machine_call(HVCALL_FINALIZE_PARTITION, &id, 8, 0), HV_STATUS_INVALID_VP_STATE);
}

/* Connections: as many as the table holds, each found again; removed ones leave the others' chains whole. */
START_TEST(connections)
{
	uint64_t id;
	struct bh_input_connect in = { .type = BH_CONNECTION_EVENT };
	const struct partition *p;

	machine_start();
	id = in.partition_id = machine_partition(1);
	p = machine_find(id);
	for (in.connection_id = 1; in.connection_id <= 1000; in.connection_id++)
		ck_assert_uint_eq(machine_call(HVCALL_BULKHEAD_CONNECT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	in.type = BH_CONNECTION_NONE;
	for (in.connection_id = 2; in.connection_id <= 1000; in.connection_id += 2)
		ck_assert_uint_eq(machine_call(HVCALL_BULKHEAD_CONNECT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	for (uint32_t i = 0; i <= 1001; i++)
		ck_assert_uint_eq(partition_connection(p, i), i % 2 && i <= 1000 ? BH_CONNECTION_EVENT : BH_CONNECTION_NONE);
	in = (struct bh_input_connect){ id, 1u << 24, BH_CONNECTION_EVENT };
	ck_assert_uint_eq(machine_call(HVCALL_BULKHEAD_CONNECT, &in, sizeof in, 0), HV_STATUS_INVALID_PARAMETER);
	in = (struct bh_input_connect){ id, 5, 3 };
	ck_assert_uint_eq(machine_call(HVCALL_BULKHEAD_CONNECT, &in, sizeof in, 0), HV_STATUS_INVALID_PARAMETER);
}

static uint64_t property(uint64_t id, uint32_t code)
{
	struct hv_input_partition_property in = { .partition_id = id, .property_code = code };

	return HV_RESULT_STATUS(machine_call(HVCALL_GET_PARTITION_PROPERTY, &in, offsetof(struct hv_input_partition_property, value), 0));
}

/* The root asks for itself what holds for every partition, a child for its own; what nobody knows and nobody's id are told apart. */
START_TEST(properties)
{
	const uint64_t *value;
	uint64_t id;

	machine_start();
	id = machine_partition(1);
	value = machine_page(MACHINE_OUT_PA);
	ck_assert_uint_eq(property(HV_PARTITION_ID_SELF, HV_PARTITION_PROPERTY_PROCESSOR_CLOCK_FREQUENCY), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(*value, MACHINE_TSC_HZ);
	ck_assert_uint_eq(property(id, HV_PARTITION_PROPERTY_PROCESSOR_CLOCK_FREQUENCY), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(*value, MACHINE_TSC_HZ);
	ck_assert_uint_eq(property(HV_PARTITION_ID_SELF, HV_PARTITION_PROPERTY_MAX_XSAVE_DATA_SIZE), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(*value, CHILD_XSAVE_BYTES);
	ck_assert_uint_eq(property(HV_PARTITION_ID_SELF, HV_PARTITION_PROPERTY_TIME_FREEZE), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(*value, 0);
	ck_assert_uint_eq(property(id, HV_PARTITION_PROPERTY_PRIVILEGE_FLAGS), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(*value, machine_find(id)->child.grants.privileges);
	ck_assert_uint_eq(property(HV_PARTITION_ID_SELF, HV_PARTITION_PROPERTY_REFERENCE_TIME), HV_STATUS_UNKNOWN_PROPERTY);
	ck_assert_uint_eq(property(HV_PARTITION_ID_SELF, 0x12345), HV_STATUS_UNKNOWN_PROPERTY);
	ck_assert_uint_eq(property(id + 1, HV_PARTITION_PROPERTY_TIME_FREEZE), HV_STATUS_INVALID_PARTITION_ID);
}

RUN_TESTS("hypervisor/root_calls", properties, control_word_and_input, life_of_a_partition, ownership, mapping, part_of_large_page, one_page_many_times,
	  deposit_waits_for_every_cpu, registers, connections)
