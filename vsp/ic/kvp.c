/* SPDX-License-Identifier: BSD-2-Clause */
/* Key-value pairs: the guest's pools, read and written from here. The guest's daemon keeps them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vsp/ic/ic_internal.h"

struct kvp {
	struct ic ic;
	union {                      /* what was asked; its operation, which is first in both, tells how to read the answer */
		struct ic_kvp message;
		struct ic_kvp_addresses addresses;
	};
	ic_kvp_done *done;           /* NULL: nobody waits */
	void *arg;
};

static void finish(struct kvp *k, int error, uint32_t status, const char *key, const char *value)
{
	ic_kvp_done *done = k->done;

	k->done = NULL;
	k->ic.state->request = 0;
	if (done)
		done(k->arg, error, status, key, value);
}

static uint32_t bounded(uint32_t bytes, uint32_t limit)
{
	return bytes < limit ? bytes : limit;
}

static void value_text(const struct ic_kvp_value *pair, char *to, uint32_t size)
{
	uint64_t number = 0;

	switch (pair->type) {
	case IC_KVP_U32:
	case IC_KVP_U64:
		memcpy(&number, pair->value, pair->type == IC_KVP_U32 ? 4 : 8);
		snprintf(to, size, "%" PRIu64, number);
		break;
	default:
		ic_text_decode(pair->value, bounded(pair->value_bytes, sizeof pair->value), to, size);
	}
}

static void got_addresses(struct kvp *k, const uint8_t *body, uint32_t bytes)
{
	struct ic_kvp_addresses *answer = &k->addresses;
	char value[IC_KVP_VALUE_MAX];

	if (bytes < sizeof *answer) {
		finish(k, -EIO, IC_STATUS_FAIL, NULL, NULL);
		return;
	}
	memcpy(answer, body, sizeof *answer);
	ic_addresses_decode(answer, value, sizeof value);
	finish(k, 0, 0, "", value);
}

static void got_pair(struct kvp *k, const uint8_t *body, uint32_t bytes)
{
	char key[IC_KVP_KEY_MAX], value[IC_KVP_VALUE_MAX];
	const struct ic_kvp_value *pair;
	struct ic_kvp answer;

	if (bytes < sizeof answer) {
		finish(k, -EIO, IC_STATUS_FAIL, NULL, NULL);
		return;
	}
	memcpy(&answer, body, sizeof answer);
	pair = k->message.operation == IC_KVP_GET ? &answer.pair : &answer.enumerate.pair;
	ic_text_decode(pair->key, bounded(pair->key_bytes, sizeof pair->key), key, sizeof key);
	value_text(pair, value, sizeof value);
	finish(k, 0, 0, key, value);
}

static void answered(struct ic *ic, const struct ic_header *header, const uint8_t *body, uint32_t bytes)
{
	struct kvp *k = (struct kvp *)ic;
	int error = ic_error_of(header->status);

	if (!ic_answers(ic, header))
		return;
	if (!error && (k->message.operation == IC_KVP_GET || k->message.operation == IC_KVP_ENUMERATE))
		got_pair(k, body, bytes);
	else if (!error && k->message.operation == IC_KVP_GET_ADDRESSES)
		got_addresses(k, body, bytes);
	else
		finish(k, error, header->status, NULL, NULL);
}

static void tick(struct ic *ic)
{
	if (ic_overdue(ic, IC_KVP_TIMEOUT_MS))
		finish((struct kvp *)ic, -ETIMEDOUT, 0, NULL, NULL);
}

static void ready(struct ic *ic, bool resumed)
{
	(void)resumed;
	ic->state->request = 0;      /* a predecessor's: nobody waits for it */
}

static void closed(struct ic *ic)
{
	finish((struct kvp *)ic, -ENOTCONN, 0, NULL, NULL);
}

static int encode_key(const char *key, uint32_t *bytes, uint8_t to[IC_KVP_KEY_BYTES])
{
	int rc = key && *key ? ic_text_encode(key, to, IC_KVP_KEY_BYTES) : -EINVAL;

	if (rc >= 0)
		*bytes = (uint32_t)rc;
	return rc;
}

static int encode(const struct ic_kvp_request *request, struct ic_kvp *m)
{
	int rc;

	memset(m, 0, sizeof *m);
	m->operation = (uint8_t)request->operation;
	m->pool = (uint8_t)request->pool;
	switch (request->operation) {
	case IC_KVP_ENUMERATE:
		m->enumerate.index = request->index;
		return 0;
	case IC_KVP_DELETE:
		return encode_key(request->key, &m->delete.key_bytes, m->delete.key);
	case IC_KVP_GET:
		return encode_key(request->key, &m->pair.key_bytes, m->pair.key);
	case IC_KVP_SET:
		rc = encode_key(request->key, &m->pair.key_bytes, m->pair.key);
		if (rc < 0)
			return rc;
		rc = ic_text_encode(request->value ? request->value : "", m->pair.value, sizeof m->pair.value);
		m->pair.type = IC_KVP_TEXT;
		m->pair.value_bytes = rc < 0 ? 0 : (uint32_t)rc;
		return rc;
	default:
		break;
	}
	return -EINVAL;
}

int ic_kvp_request(struct ic *ic, const struct ic_kvp_request *request, ic_kvp_done *done, void *arg)
{
	const bool addresses = request->operation == IC_KVP_GET_ADDRESSES || request->operation == IC_KVP_SET_ADDRESSES;
	struct kvp *k = (struct kvp *)ic;
	int rc;

	if (ic->type != IC_KVP || !ic_ready(ic))
		return -ENOTCONN;
	if (k->done)
		return -EBUSY;
	if ((unsigned int)request->pool >= IC_KVP_POOLS)
		return -EINVAL;
	rc = addresses ? ic_addresses_encode(request, &k->addresses) : encode(request, &k->message);
	if (rc >= 0)
		rc = addresses ? ic_ask(ic, &k->addresses, sizeof k->addresses) : ic_ask(ic, &k->message, sizeof k->message);
	if (rc < 0)
		return rc;
	k->done = done;
	k->arg = arg;
	return 0;
}

const struct ic_service ic_kvp_service = {
	.name = "key-value pairs", .class = VMBUS_CLASS_KVP, .message_type = IC_MESSAGE_KVP, .version_count = 4,
	.versions = { IC_VERSION(5, 0), IC_VERSION(4, 0), IC_VERSION(3, 0), IC_VERSION(1, 0) }, .bytes = sizeof(struct kvp),
	.ready = ready, .answered = answered, .tick = tick, .closed = closed,
};
