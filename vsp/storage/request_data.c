/* SPDX-License-Identifier: BSD-2-Clause */
/* A request's buffer: pieces of guest memory that were checked when the packet was taken, and the copy where those will not do. */
#include "vsp/storage/storvsp_internal.h"

#include <stdlib.h>
#include <string.h>

#define BOUNCE_ALIGNMENT 4096u

uint32_t request_to_guest(const struct request *request, const uint8_t *from, uint32_t bytes)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < request->iov_count && done < bytes; i++) {
		uint32_t run = bytes - done;

		if (run > request->iov[i].iov_len)
			run = (uint32_t)request->iov[i].iov_len;
		memcpy(request->iov[i].iov_base, from + done, run);
		done += run;
	}
	return done;
}

uint32_t request_from_guest(const struct request *request, uint8_t *to, uint32_t bytes)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < request->iov_count && done < bytes; i++) {
		uint32_t run = bytes - done;

		if (run > request->iov[i].iov_len)
			run = (uint32_t)request->iov[i].iov_len;
		memcpy(to + done, request->iov[i].iov_base, run);
		done += run;
	}
	return done;
}

bool request_equals(const struct request *request, uint64_t offset, const uint8_t *with, uint32_t bytes)
{
	for (uint32_t i = 0; i < request->iov_count && bytes; i++) {
		const uint8_t *base = request->iov[i].iov_base;
		uint64_t size = request->iov[i].iov_len, run;

		if (offset >= size) {
			offset -= size;
			continue;
		}
		run = size - offset < bytes ? size - offset : bytes;
		if (memcmp(base + offset, with, run))
			return false;
		with += run;
		bytes -= (uint32_t)run;
		offset = 0;
	}
	return bytes == 0;
}

void request_trim(struct request *request, uint64_t bytes)
{
	uint64_t left = bytes;
	uint32_t i;

	for (i = 0; i < request->iov_count && left; i++) {
		if (request->iov[i].iov_len > left)
			request->iov[i].iov_len = left;
		left -= request->iov[i].iov_len;
	}
	request->iov_count = i;
	request->iov_bytes = bytes - left;
}

bool request_is_aligned(const struct request *request, uint32_t alignment)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < request->iov_count; i++)
		bits |= (uintptr_t)request->iov[i].iov_base | request->iov[i].iov_len;
	return (bits & (alignment - 1)) == 0;
}

bool request_get_bounce(struct request *request, uint32_t bytes)
{
	uint32_t size = (bytes + BOUNCE_ALIGNMENT - 1) & ~(BOUNCE_ALIGNMENT - 1);

	request->bounce = aligned_alloc(BOUNCE_ALIGNMENT, size);
	return request->bounce != NULL;
}

void request_advance(struct request *request, uint64_t bytes)
{
	struct disk_op *op = &request->op;
	struct iovec *iov = (struct iovec *)op->iov; /* request->chunk or in request->iov */

	op->offset += bytes;
	op->length -= bytes;
	while (op->iov_count && bytes >= iov->iov_len) {
		bytes -= iov->iov_len;
		iov++;
		op->iov_count--;
	}
	if (op->iov_count) {
		iov->iov_base = (uint8_t *)iov->iov_base + bytes;
		iov->iov_len -= bytes;
	}
	op->iov = iov;
}
