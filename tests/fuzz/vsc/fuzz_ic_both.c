/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's integration components and vsp/ic in one process, both honest, in any order of requests, ticks and pauses of the guest: each
 * request ends once, pairs read as they were written, a guest that was frozen is thawed, a file that was begun is ended.
 */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vsc/ic_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ic_pair pairs[IC_TYPES], *p;
static struct input in;
static uint64_t now = 1;
static unsigned int pending;
static bool gave_up;                 /* on a request that the guest may have done since */

/* What the pool should hold. */
static char model[6][8];
static unsigned int asked;           /* key of the request that waits */
static char set_to[8];
static enum ic_kvp_operation operation;

static void on_done(void *arg, int error, uint32_t status)
{
	(void)arg, (void)status;
	assert(pending == 1);
	pending = 0;
	gave_up |= p->guest.type == VSC_IC_FCOPY && error == -ETIMEDOUT;
	assert(error == 0 || error == -EIO || error == -ENOENT || error == -ECANCELED || error == -ETIMEDOUT || error == -ESTALE);
}

static void on_pair(void *arg, int error, uint32_t status, const char *key, const char *value)
{
	on_done(arg, error, status);
	/* The guest may still do what was given up on. */
	if (error == -ETIMEDOUT)
		memset(model, 0xff, sizeof model);
	else if (operation == IC_KVP_SET && error == 0)
		memcpy(model[asked], set_to, sizeof set_to);
	else if (operation == IC_KVP_DELETE && error == 0)
		memset(model[asked], 0, sizeof model[asked]);
	else if (operation == IC_KVP_GET && model[asked][0] != (char)0xff)
		assert(error == 0 ? !strcmp(value, model[asked]) && key[1] == (char)('0' + asked) : !model[asked][0]);
}

static int64_t read_file(void *arg, uint64_t offset, void *to, uint32_t bytes)
{
	(void)arg;
	memset(to, (int)(offset >> 8), bytes);
	return offset > 50000 ? -EIO : bytes;
}

static int request_pair(uint8_t what)
{
	char key[3] = { 'k', (char)('0' + what % 6) };
	struct ic_kvp_request request = { .pool = IC_KVP_EXTERNAL, .key = key, .value = set_to };

	if (pending)
		return ic_kvp_request(p->host, &request, on_pair, NULL);
	snprintf(set_to, sizeof set_to, "v%u", input_u8(&in));
	asked = what % 6;
	operation = request.operation = what >> 6 & 3;
	request.index = what % 6;
	return ic_kvp_request(p->host, &request, on_pair, NULL);
}

/* 0: its end follows. */
static int begin(uint8_t what)
{
	const struct ic_fcopy_request file = { .path = "/p", .file = "f", .size = (uint64_t)what << 8, .read = read_file };
	int rc = -1;

	switch (p->guest.type) {
	case VSC_IC_SHUTDOWN:
		ic_shutdown_request(p->host, what & 1, what & 2, "text");
		break;
	case VSC_IC_TIMESYNC:
		ic_timesync_force(p->host);
		break;
	case VSC_IC_KVP:
		rc = request_pair(what);
		break;
	case VSC_IC_VSS:
		rc = what & 64 ? ic_vss_thaw(p->host, on_done, NULL) : ic_vss_freeze(p->host, 2000, on_done, NULL);
		break;
	case VSC_IC_FCOPY:
		rc = ic_fcopy_start(p->host, &file, on_done, NULL);
		if (rc && what & 64)
			ic_fcopy_cancel(p->host);
		break;
	default:
		break;
	}
	return rc;
}

static void request(uint8_t what)
{
	p->answer = what & 32 ? IC_STATUS_FAIL : 0;
	if (begin(what))
		return;
	assert(!pending);
	pending = 1;
}

static void settle(void)
{
	p->answer = 0;
	for (unsigned int turns = 0; turns < 40; turns++) {
		while (wired_pump(&p->w))
			;
		ic_tick(p->host, now += 5000);
	}
	assert(ic_ready(p->host) && !pending);
	assert(!p->guest.refused && !p->guest.unsent);
	assert(!p->guest.file_open || gave_up);
	if (p->guest.type == VSC_IC_FCOPY)
		gave_up &= p->guest.file_open;
	assert(p->state.frozen == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = (struct input){ data, size };
	p = &pairs[input_u8(&in) % IC_TYPES];
	if (!p->host)
		ic_pair_begin(p, (enum ic_type)(p - pairs));
	memset(model, 0xff, sizeof model);
	for (int steps = 0; in.size && steps < 60; steps++) {
		uint8_t what = input_u8(&in);

		switch (what % 4) {
		case 0:
			request(input_u8(&in));
			break;
		case 1:
		case 2:
			wired_pump(&p->w);
			break;
		case 3:
			ic_tick(p->host, now += what * 20u);
			break;
		}
	}
	settle();
	return 0;
}
