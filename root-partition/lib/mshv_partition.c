/* SPDX-License-Identifier: BSD-2-Clause */
/* See mshv_partition.h. */
#include "root-partition/lib/mshv_partition.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/status.h"

static int xioctl(int fd, unsigned long request, void *argument)
{
	int rc = ioctl(fd, request, argument);

	return rc < 0 ? -errno : rc;
}

/** The status decides where there is one: the errno beside it only says that there is. */
static int root_hvcall(int fd, struct mshv_root_hvcall *call)
{
	int rc = xioctl(fd, MSHV_ROOT_HVCALL, call);

	if (call->status == HV_STATUS_SUCCESS)
		return rc < 0 ? rc : 0;
	switch (call->status) {
	case HV_STATUS_INSUFFICIENT_BUFFERS:
		return -EAGAIN;
	case HV_STATUS_INSUFFICIENT_MEMORY:
	case HV_STATUS_INSUFFICIENT_ROOT_MEMORY:
		return -ENOMEM;
	case HV_STATUS_ACCESS_DENIED:
	case HV_STATUS_OPERATION_DENIED:
		return -EACCES;
	case HV_STATUS_INVALID_VP_INDEX:
	case HV_STATUS_INVALID_PARTITION_ID:
		return -ENOENT;
	case HV_STATUS_INVALID_VP_STATE:
	case HV_STATUS_INVALID_PARTITION_STATE:
		return -EBUSY;
	default:
		return rc < 0 ? rc : -EINVAL;
	}
}

int mshv_host_info(int mshv_fd, struct bulkhead_host_info *ret)
{
	return xioctl(mshv_fd, BULKHEAD_HOST_INFO, ret);
}

int mshv_partition_create(int mshv_fd, struct mshv_partition *ret)
{
	struct mshv_create_partition args = {
		.pt_flags = 1ull << MSHV_PT_BIT_LAPIC | 1ull << MSHV_PT_BIT_X2APIC | 1ull << MSHV_PT_BIT_GPA_SUPER_PAGES,
	};
	int fd, rc;

	fd = xioctl(mshv_fd, MSHV_CREATE_PARTITION, &args);
	if (fd < 0)
		return fd;
	rc = xioctl(fd, MSHV_INITIALIZE_PARTITION, NULL);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	ret->fd = fd;
	return 0;
}

void mshv_partition_close(struct mshv_partition *pt)
{
	if (pt->fd >= 0)
		close(pt->fd);
	pt->fd = -1;
}

static int set_memory(const struct mshv_partition *pt, unsigned long request, uint64_t gpa, const void *host, uint64_t size, uint8_t flags)
{
	struct mshv_user_mem_region region = {
		.size = size,
		.guest_pfn = gpa / HV_PAGE_SIZE,
		.userspace_addr = (uintptr_t)host,
		.flags = flags,
	};

	return xioctl(pt->fd, request, &region);
}

static uint8_t map_flags(bool writable)
{
	return (uint8_t)(1u << MSHV_SET_MEM_BIT_EXECUTABLE | (writable ? 1u << MSHV_SET_MEM_BIT_WRITABLE : 0));
}

int mshv_partition_map(const struct mshv_partition *pt, uint64_t gpa, const void *host, uint64_t size, bool writable)
{
	return set_memory(pt, MSHV_SET_GUEST_MEMORY, gpa, host, size, map_flags(writable));
}

int mshv_partition_move(const struct mshv_partition *pt, uint64_t gpa, const void *host, uint64_t size, bool writable)
{
	return set_memory(pt, BULKHEAD_MOVE_MEMORY, gpa, host, size, map_flags(writable));
}

int mshv_partition_unmap(const struct mshv_partition *pt, uint64_t gpa, const void *host, uint64_t size)
{
	return set_memory(pt, MSHV_SET_GUEST_MEMORY, gpa, host, size, 1u << MSHV_SET_MEM_BIT_UNMAP);
}

int mshv_partition_release(const struct mshv_partition *pt, uint64_t gpa, uint64_t size)
{
	struct bulkhead_release_memory args = { .guest_pfn = gpa / HV_PAGE_SIZE, .pages = size / HV_PAGE_SIZE };

	return xioctl(pt->fd, BULKHEAD_RELEASE_MEMORY, &args);
}

int mshv_partition_message_port(const struct mshv_partition *pt, uint32_t connection_id, bool enable)
{
	struct bulkhead_message_port args = { .connection_id = connection_id, .enable = enable };

	return xioctl(pt->fd, BULKHEAD_MESSAGE_PORT, &args);
}

int mshv_partition_signalfd(const struct mshv_partition *pt, uint32_t connection_id, int eventfd)
{
	struct bulkhead_signalfd args = { .connection_id = connection_id, .fd = eventfd };

	return xioctl(pt->fd, BULKHEAD_SIGNALFD, &args);
}

int mshv_partition_signal_event(const struct mshv_partition *pt, uint32_t vp_index, uint32_t flag)
{
	struct bulkhead_signal_event args = { .vp_index = vp_index, .flag = flag };

	return xioctl(pt->fd, BULKHEAD_SIGNAL_EVENT, &args);
}

int mshv_partition_info(const struct mshv_partition *pt, struct bulkhead_partition_info *ret)
{
	return xioctl(pt->fd, BULKHEAD_PARTITION_INFO, ret);
}

int mshv_partition_post_message(const struct mshv_partition *pt, uint32_t vp_index, uint8_t sint, uint32_t type,
				const void *payload, size_t size)
{
	struct hv_input_post_message_direct in = { .vp_index = vp_index, .sint_index = sint };
	struct hv_message message = { .header = { .message_type = type, .payload_size = (uint8_t)size } };
	struct mshv_root_hvcall call = {
		.code = HVCALL_POST_MESSAGE_DIRECT,
		.in_sz = sizeof in,
		.in_ptr = (uintptr_t)&in,
	};

	if (size > HV_MESSAGE_PAYLOAD_MAX)
		return -EMSGSIZE;
	memcpy(message.u.bytes, payload, size);
	memcpy(in.message, &message, sizeof message);
	return root_hvcall(pt->fd, &call);
}

int mshv_partition_get_property(const struct mshv_partition *pt, uint32_t code, uint64_t *ret)
{
	struct hv_input_partition_property in = { .property_code = code };
	struct mshv_root_hvcall call = {
		.code = HVCALL_GET_PARTITION_PROPERTY,
		.in_sz = offsetof(struct hv_input_partition_property, value),
		.out_sz = sizeof *ret,
		.in_ptr = (uintptr_t)&in,
		.out_ptr = (uintptr_t)ret,
	};

	return root_hvcall(pt->fd, &call);
}

int mshv_partition_assert_interrupt(const struct mshv_partition *pt, uint32_t type, uint32_t flags, uint64_t dest,
				    uint32_t vector)
{
	struct hv_input_assert_virtual_interrupt in = {
		.control.s = { .type = type, .flags = flags },
		.dest_addr = dest,
		.vector = vector,
	};
	struct mshv_root_hvcall call = {
		.code = HVCALL_ASSERT_VIRTUAL_INTERRUPT,
		.in_sz = sizeof in,
		.in_ptr = (uintptr_t)&in,
	};

	return root_hvcall(pt->fd, &call);
}

int mshv_partition_set_cpuid(const struct mshv_partition *pt, uint32_t leaf, const uint32_t value[4], const uint32_t mask[4])
{
	struct hv_input_register_intercept_result in = { .intercept_type = HV_INTERCEPT_TYPE_CPUID, .eax = leaf };
	struct mshv_root_hvcall call = {
		.code = HVCALL_REGISTER_INTERCEPT_RESULT,
		.in_sz = sizeof in,
		.in_ptr = (uintptr_t)&in,
	};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		in.result[i].value = value[i];
		in.result[i].mask = mask[i];
	}
	return root_hvcall(pt->fd, &call);
}

static void *map_page(int fd, unsigned int page, int protection)
{
	void *p = mmap(NULL, HV_PAGE_SIZE, protection, MAP_SHARED, fd, (off_t)page * HV_PAGE_SIZE);

	return p == MAP_FAILED ? NULL : p;
}

static int get_vp(const struct mshv_partition *pt, unsigned long request, uint32_t index, struct mshv_vp *ret)
{
	struct mshv_create_vp args = { .vp_index = index };
	struct mshv_vp vp = { .index = index };
	int rc;

	vp.fd = xioctl(pt->fd, request, &args);
	if (vp.fd < 0)
		return vp.fd;
	vp.registers = map_page(vp.fd, MSHV_VP_MMAP_OFFSET_REGISTERS, PROT_READ | PROT_WRITE);
	if (vp.registers == NULL)
		goto fail;
	vp.message = map_page(vp.fd, MSHV_VP_MMAP_OFFSET_INTERCEPT_MESSAGE, PROT_READ);
	if (vp.message == NULL)
		goto fail;
	*ret = vp;
	return 0;
fail:
	rc = -errno;
	mshv_vp_close(&vp);
	return rc;
}

int mshv_vp_create(const struct mshv_partition *pt, uint32_t index, struct mshv_vp *ret)
{
	return get_vp(pt, MSHV_CREATE_VP, index, ret);
}

int mshv_vp_open(const struct mshv_partition *pt, uint32_t index, struct mshv_vp *ret)
{
	return get_vp(pt, BULKHEAD_OPEN_VP, index, ret);
}

void mshv_vp_close(struct mshv_vp *vp)
{
	if (vp->registers != NULL)
		munmap(vp->registers, HV_PAGE_SIZE);
	if (vp->message != NULL)
		munmap((void *)(uintptr_t)vp->message, HV_PAGE_SIZE);
	if (vp->fd >= 0)
		close(vp->fd);
	*vp = MSHV_VP_NONE;
}

int mshv_vp_run(const struct mshv_vp *vp, struct hv_message *message)
{
	_Static_assert(sizeof(struct hv_message) == sizeof(struct mshv_run_vp), "one message");

	return xioctl(vp->fd, MSHV_RUN_VP, message);
}

int mshv_vp_run_shared(const struct mshv_vp *vp, struct bulkhead_run_vp *run)
{
	return xioctl(vp->fd, BULKHEAD_RUN_VP, run);
}

int mshv_vp_kick(const struct mshv_vp *vp)
{
	return xioctl(vp->fd, BULKHEAD_KICK_VP, NULL);
}

int mshv_vp_info(const struct mshv_vp *vp, struct bulkhead_vp_info *ret)
{
	return xioctl(vp->fd, BULKHEAD_VP_INFO, ret);
}

int mshv_vp_set_registers(const struct mshv_vp *vp, const struct hv_register_assoc *registers, unsigned int count)
{
	struct {
		struct hv_input_vp_registers head;
		struct hv_register_assoc rep[MSHV_MAX_REGISTERS];
	} in = { .head = { .vp_index = vp->index } };
	struct mshv_root_hvcall call = {
		.code = HVCALL_SET_VP_REGISTERS,
		.reps = (uint16_t)count,
		.in_sz = (uint16_t)(sizeof in.head + count * sizeof in.rep[0]),
		.in_ptr = (uintptr_t)&in,
	};

	if (count == 0 || count > MSHV_MAX_REGISTERS)
		return -EINVAL;
	memcpy(in.rep, registers, count * sizeof in.rep[0]);
	return root_hvcall(vp->fd, &call);
}

int mshv_vp_get_registers(const struct mshv_vp *vp, const uint32_t *names, union hv_register_value *values,
			  unsigned int count)
{
	struct {
		struct hv_input_vp_registers head;
		uint32_t name[MSHV_MAX_REGISTERS];
	} in = { .head = { .vp_index = vp->index } };
	struct mshv_root_hvcall call = {
		.code = HVCALL_GET_VP_REGISTERS,
		.reps = (uint16_t)count,
		.in_sz = (uint16_t)(sizeof in.head + count * sizeof in.name[0]),
		.out_sz = (uint16_t)(count * sizeof values[0]),
		.in_ptr = (uintptr_t)&in,
		.out_ptr = (uintptr_t)values,
	};

	if (count == 0 || count > MSHV_MAX_REGISTERS)
		return -EINVAL;
	memcpy(in.name, names, count * sizeof in.name[0]);
	return root_hvcall(vp->fd, &call);
}

int mshv_vp_translate(const struct mshv_vp *vp, uint64_t gva, uint64_t flags, uint64_t *ret_gpa)
{
	struct hv_input_translate_va in = {
		.vp_index = vp->index,
		.control_flags = flags,
		.gva_page = gva / HV_PAGE_SIZE,
	};
	struct hv_output_translate_va out = { 0 };
	struct mshv_root_hvcall call = {
		.code = HVCALL_TRANSLATE_VIRTUAL_ADDRESS,
		.in_sz = sizeof in,
		.out_sz = sizeof out,
		.in_ptr = (uintptr_t)&in,
		.out_ptr = (uintptr_t)&out,
	};
	int rc = root_hvcall(vp->fd, &call);

	if (rc < 0)
		return rc;
	if (out.result_code != HV_TRANSLATE_GVA_SUCCESS)
		return -EFAULT;
	*ret_gpa = out.gpa_page * HV_PAGE_SIZE + gva % HV_PAGE_SIZE;
	return 0;
}
