/* SPDX-License-Identifier: BSD-2-Clause */
/* Life of a partition: create, initialise, properties, connections, finalize, delete. */
#include "core/partition.h"

#include "abi/status.h"
#include "arch/x86/npt.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/log.h"
#include "core/string.h"
#include "core/vp.h"

#define COMPATIBILITY_VERSION_MIN 0x21u
#define CONNECTION_ID_MASK 0xffffffu

struct partition *partition_find(uint64_t id)
{
	struct partition *p = hv.partition[id % HV_MAX_PARTITIONS];

	return p && p->id == id ? p : NULL;
}

struct vp *partition_vp(struct partition *p, uint32_t index)
{
	return index < HV_MAX_VPS ? p->vp[index] : NULL;
}

void *partition_page(const struct partition *p, uint64_t gpa)
{
	struct npt_translation t;

	if (!npt_walk(p->npt, gpa & ~(PAGE_SIZE - 1), &t) || !t.writable)
		return NULL;
	return pa_to_va(t.pa);
}

/* An id is never used twice: its low bits name the slot, the rest counts. */
static uint64_t new_id(void)
{
	for (unsigned int i = 0; i < HV_MAX_PARTITIONS; i++) {
		uint64_t id = hv.next_partition_id++;

		if (!hv.partition[id % HV_MAX_PARTITIONS] && id % HV_MAX_PARTITIONS != ROOT_PARTITION_ID)
			return id;
	}
	return 0;
}

uint64_t hvcall_create_partition(struct hypercall *call)
{
	const struct hv_input_create_partition *in = call->input;
	const uint64_t known = HV_PARTITION_CREATION_FLAG_LAPIC_ENABLED | HV_PARTITION_CREATION_FLAG_X2APIC_CAPABLE;
	uint64_t id, page, status = HV_STATUS_SUCCESS;
	struct partition *p;

	/* Every partition has LAPICs here; other flags (exo, isolation, nested, ...) ask for what is not there. */
	if (in->flags & ~known || in->isolation_properties || in->compatibility_version < COMPATIBILITY_VERSION_MIN)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	id = new_id();
	page = id ? pool_alloc(&hv.pool) : 0;
	if (!id) {
		status = HV_STATUS_NO_RESOURCES;
	} else if (!page) {
		status = HV_STATUS_INSUFFICIENT_ROOT_MEMORY;
	} else {
		p = pa_to_va(page);
		p->id = id;
		hv.partition[id % HV_MAX_PARTITIONS] = p;
		hv.partition_count++;
		*(uint64_t *)call->output = id;
	}
	unlock(&hv.lock);
	return status;
}

static uint64_t find_for(const struct hypercall *call, struct partition **ret)
{
	*ret = partition_find(*(const uint64_t *)call->input);
	return *ret ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARTITION_ID;
}

uint64_t hvcall_initialize_partition(struct hypercall *call)
{
	struct partition *p;
	uint64_t status;

	lock(&hv.lock);
	status = find_for(call, &p);
	if (status == HV_STATUS_SUCCESS && p->state != PARTITION_CREATED)
		status = HV_STATUS_INVALID_PARTITION_STATE;
	if (status == HV_STATUS_SUCCESS) {
		p->npt = pool_alloc(&p->pool);
		if (!p->npt)
			status = HV_STATUS_INSUFFICIENT_MEMORY;
	}
	if (status == HV_STATUS_SUCCESS) {
		p->npt_generation = 1;
		child_partition_init(p);
		p->state = PARTITION_ACTIVE;
	}
	unlock(&hv.lock);
	return status;
}

static void release_leaf(uint64_t pa, enum npt_level level)
{
	uint64_t count = 1ull << (9 * level);

	for (uint64_t i = 0; i < count; i++)
		hv.pagemap[pa / PAGE_SIZE + i]--;
}

uint64_t hvcall_finalize_partition(struct hypercall *call)
{
	struct partition *p;
	uint64_t status;

	lock(&hv.lock);
	status = find_for(call, &p);
	if (status == HV_STATUS_SUCCESS && p->state == PARTITION_FINALIZED)
		status = HV_STATUS_INVALID_PARTITION_STATE;
	for (unsigned int i = 0; status == HV_STATUS_SUCCESS && i < HV_MAX_VPS; i++)
		if (p->vp[i] && vp_is_owned(p->vp[i]))
			status = HV_STATUS_INVALID_VP_STATE;
	if (status == HV_STATUS_SUCCESS) {
		for (unsigned int i = 0; i < HV_MAX_VPS; i++)
			if (p->vp[i])
				vp_destroy(p->vp[i]);
		if (p->npt)
			npt_destroy(p->npt, &p->pool, release_leaf);
		if (p->connections)
			pool_free(&p->pool, va_to_pa(p->connections));
		child_partition_destroy(p);
		p->connections = NULL;
		p->npt = 0;
		p->mapped_bytes = 0;
		p->state = PARTITION_FINALIZED;
	}
	unlock(&hv.lock);
	return status;
}

uint64_t hvcall_delete_partition(struct hypercall *call)
{
	struct partition *p;
	uint64_t status;

	lock(&hv.lock);
	status = find_for(call, &p);
	/* A partition that still holds memory keeps it accounted: withdraw first. */
	if (status == HV_STATUS_SUCCESS && (p->state == PARTITION_ACTIVE || p->pool.total_pages))
		status = HV_STATUS_INVALID_PARTITION_STATE;
	if (status == HV_STATUS_SUCCESS) {
		hv.partition[p->id % HV_MAX_PARTITIONS] = NULL;
		hv.partition_count--;
		pool_free(&hv.pool, va_to_pa(p));
	}
	unlock(&hv.lock);
	return status;
}

/* Properties that VMMs ask about. A value that is fixed here can be set to that value only. */
static const struct {
	uint32_t code;
	uint64_t value;
	const char *why;
} fixed_properties[] = {
	{ HV_PARTITION_PROPERTY_TIME_FREEZE, 0, "reference time runs on" },
	{ HV_PARTITION_PROPERTY_UNIMPLEMENTED_MSR_ACTION, 0, "an MSR that is not implemented raises #GP" },
};

static bool get_property(const struct partition *p, uint32_t code, uint64_t *value)
{
	for (unsigned int i = 0; i < sizeof fixed_properties / sizeof fixed_properties[0]; i++)
		if (fixed_properties[i].code == code) {
			*value = fixed_properties[i].value;
			return true;
		}
	switch (code) {
	case HV_PARTITION_PROPERTY_MAX_XSAVE_DATA_SIZE:
		*value = CHILD_XSAVE_BYTES;
		return true;
	case HV_PARTITION_PROPERTY_PROCESSOR_CLOCK_FREQUENCY:
		*value = hv.tsc_hz;
		return true;
	case HV_PARTITION_PROPERTY_PRIVILEGE_FLAGS:
		*value = p ? p->child.grants.privileges : 0;
		return p;
	case HV_PARTITION_PROPERTY_REFERENCE_TIME:
		*value = p ? child_reference_time(p) : 0;
		return p;
	}
	return false;
}

/** HV_PARTITION_ID_SELF, the root: what holds for every partition. */
uint64_t hvcall_get_partition_property(struct hypercall *call)
{
	const struct hv_input_partition_property *in = call->input;
	bool self = in->partition_id == HV_PARTITION_ID_SELF;
	uint64_t status = HV_STATUS_SUCCESS;
	struct partition *p;

	lock(&hv.lock);
	p = self ? NULL : partition_find(in->partition_id);
	if (!p && !self)
		status = HV_STATUS_INVALID_PARTITION_ID;
	else if (!get_property(p, in->property_code, call->output))
		status = HV_STATUS_UNKNOWN_PROPERTY;
	unlock(&hv.lock);
	return status;
}

uint64_t hvcall_set_partition_property(struct hypercall *call)
{
	const struct hv_input_partition_property *in = call->input;
	uint64_t status = HV_STATUS_UNKNOWN_PROPERTY;

	lock(&hv.lock);
	if (!partition_find(in->partition_id))
		status = HV_STATUS_INVALID_PARTITION_ID;
	for (unsigned int i = 0; status == HV_STATUS_UNKNOWN_PROPERTY && i < sizeof fixed_properties / sizeof fixed_properties[0]; i++)
		if (fixed_properties[i].code == in->property_code)
			status = in->value == fixed_properties[i].value ? HV_STATUS_SUCCESS :
									  HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE;
	unlock(&hv.lock);
	return status;
}

static uint32_t connection_hash(uint32_t id)
{
	return (id * 2654435761u) % CONNECTION_SLOTS;
}

uint32_t partition_connection(const struct partition *p, uint32_t id)
{
	const uint32_t *table = __atomic_load_n(&p->connections, __ATOMIC_ACQUIRE);

	if (!table || id & ~CONNECTION_ID_MASK)
		return BH_CONNECTION_NONE;
	for (uint32_t i = connection_hash(id), n = 0; n < CONNECTION_SLOTS; n++, i = (i + 1) % CONNECTION_SLOTS) {
		uint32_t slot = __atomic_load_n(&table[i], __ATOMIC_ACQUIRE);

		if (!slot)
			return BH_CONNECTION_NONE;
		if ((slot & CONNECTION_ID_MASK) == id)
			return (slot >> 24) & 0x7f;
	}
	return BH_CONNECTION_NONE;
}

/* A removed connection keeps its slot with type NONE and bit 31, so that the chains of others stay whole. */
static uint64_t connect(struct partition *p, uint32_t id, uint32_t type)
{
	uint32_t value = 1u << 31 | type << 24 | id;

	for (uint32_t i = connection_hash(id), n = 0; n < CONNECTION_SLOTS; n++, i = (i + 1) % CONNECTION_SLOTS) {
		uint32_t slot = p->connections[i];

		if (slot && (slot & CONNECTION_ID_MASK) != id)
			continue;
		if (slot || type != BH_CONNECTION_NONE)
			__atomic_store_n(&p->connections[i], value, __ATOMIC_RELEASE);
		return HV_STATUS_SUCCESS;
	}
	return HV_STATUS_NO_RESOURCES;
}

uint64_t hvcall_bulkhead_connect(struct hypercall *call)
{
	const struct bh_input_connect *in = call->input;
	uint64_t status = HV_STATUS_SUCCESS, page;
	struct partition *p;

	if (in->type > BH_CONNECTION_EVENT || !in->connection_id || in->connection_id & ~CONNECTION_ID_MASK)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	p = partition_find(in->partition_id);
	if (!p) {
		status = HV_STATUS_INVALID_PARTITION_ID;
	} else if (p->state != PARTITION_ACTIVE) {
		status = HV_STATUS_INVALID_PARTITION_STATE;
	} else if (!p->connections) {
		page = pool_alloc(&p->pool);
		if (page)
			__atomic_store_n(&p->connections, pa_to_va(page), __ATOMIC_RELEASE);
		else
			status = HV_STATUS_INSUFFICIENT_MEMORY;
	}
	if (status == HV_STATUS_SUCCESS)
		status = connect(p, in->connection_id, in->type);
	unlock(&hv.lock);
	return status;
}
