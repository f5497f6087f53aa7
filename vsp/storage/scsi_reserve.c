/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations (SPC-4 5.13, 6.15, 6.16) of a disk that has one initiator: its guest. What is registered and reserved is kept and
 * told as software expects it; there is nobody whom it could keep out.
 */
#include "vsp/storage/scsi.h"

#include <string.h>

enum { READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES };
enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE };
enum { ALL_REGISTRANTS_FIRST = 7 };    /* these types belong to every registrant: no key names the holder */

static bool type_is_known(uint8_t type)
{
	static const uint16_t types = 1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8;

	return types >> (type & 15) & 1;
}

static uint32_t read_reservation(const struct scsi_reservation *r, uint8_t *reply)
{
	if (!r->type)
		return 8;
	scsi_put32(reply + 4, 16);
	memset(reply + 8, 0, 16);
	scsi_put64(reply + 8, r->type >= ALL_REGISTRANTS_FIRST ? 0 : r->key);
	reply[21] = r->type;         /* scope 0: the logical unit */
	return 24;
}

uint32_t scsi_reservation_in(const struct scsi_disk *disk, uint8_t service, uint8_t *reply)
{
	const struct scsi_reservation *r = &disk->reservation;

	memset(reply, 0, 8);
	switch (service) {
	case READ_KEYS:
		scsi_put32(reply, r->generation);
		if (!r->registered)
			return 8;
		scsi_put32(reply + 4, 8);
		scsi_put64(reply + 8, r->key);
		return 16;
	case READ_RESERVATION:
		scsi_put32(reply, r->generation);
		return read_reservation(r, reply);
	case REPORT_CAPABILITIES:
		scsi_put16(reply, 8);
		reply[3] = 0x80;     /* TMV: the types follow */
		reply[4] = 0xea;     /* 7, 6, 5, 3, 1 */
		reply[5] = 0x01;     /* 8 */
		return 8;
	default:
		return 0;
	}
}

static uint32_t do_register(struct scsi_reservation *r, uint64_t key)
{
	if (!key && !r->registered)
		return 0;
	r->registered = key != 0;
	r->key = key;
	if (!key)
		r->type = 0;
	r->generation++;
	return 0;
}

static uint32_t do_reserve(struct scsi_reservation *r, uint8_t type)
{
	if (r->type && r->type != type)
		return SCSI_RESERVATION_CONFLICT;
	r->type = type;
	return 0;
}

/* The only registration that could be taken away is the one that asks. */
static uint32_t do_preempt(struct scsi_reservation *r, uint8_t type, uint64_t key)
{
	bool everybody = !key && r->type >= ALL_REGISTRANTS_FIRST;

	if (key != r->key && !everybody)
		return key ? SCSI_RESERVATION_CONFLICT : SCSI_INVALID_FIELD_IN_PARAMETERS;
	if (r->type)
		r->type = type;
	r->generation++;
	return 0;
}

uint32_t scsi_reservation_out(const struct scsi_disk *disk, const struct scsi_plan *plan, const uint8_t list[SCSI_RESERVATION_LIST_BYTES],
	struct scsi_reservation *ret)
{
	uint64_t key = scsi_get64(list), new_key = scsi_get64(list + 8);
	uint8_t type = plan->scope_type & 15;

	*ret = disk->reservation;
	/* Other initiators' ports; kept over a loss of power. */
	if (list[20] & 0x09)
		return SCSI_INVALID_FIELD_IN_PARAMETERS;
	if (plan->service == REGISTER_AND_IGNORE)
		return do_register(ret, new_key);
	if (ret->registered ? key != ret->key : plan->service != REGISTER || key)
		return SCSI_RESERVATION_CONFLICT;
	switch (plan->service) {
	case REGISTER:
		return do_register(ret, new_key);
	case RESERVE:
		return do_reserve(ret, type);
	case RELEASE:
		if (ret->type && ret->type != type)
			return SCSI_INVALID_RELEASE;
		ret->type = 0;
		return 0;
	case CLEAR:
		return do_register(ret, 0);
	default:
		return do_preempt(ret, type, new_key);
	}
}

bool scsi_reservation_is_known(uint8_t service, uint8_t scope_type)
{
	if (service > REGISTER_AND_IGNORE)
		return false;
	return service == REGISTER || service == REGISTER_AND_IGNORE || service == CLEAR || (scope_type >> 4 == 0 && type_is_known(scope_type));
}
