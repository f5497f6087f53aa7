/* SPDX-License-Identifier: BSD-2-Clause */
/* What an interface's successor goes on from: settings kept and taken up again. A predecessor's are honest, not necessarily whole. */
#include "vsp/network/netvsp_internal.h"

#include <errno.h>
#include <string.h>

void netvsp_keep(struct netvsp *vsp)
{
	struct netvsp_settings *s = &vsp->state->settings;

	*s = (struct netvsp_settings){
		.version = vsp->version, .filter = vsp->filter, .group_count = vsp->group_count, .slot_parts = vsp->slot_parts,
		.receive_gpadl = vsp->receive.gpadl, .send_gpadl = vsp->send.gpadl, .receive_id = vsp->receive.id, .send_id = vsp->send.id,
		.has_receive = vsp->receive.pages != NULL, .has_send = vsp->send.pages != NULL, .may_coalesce = vsp->may_coalesce,
		.coalesces = vsp->coalesces, .refuses_coalescing = vsp->refuses_coalescing, .link_untold = vsp->link_untold,
		.link_up = vsp->stats.link_up, .rss_on = vsp->rss.on, .rss_types = vsp->rss.types, .rss_entries = vsp->rss.entries,
	};
	memcpy(s->rss_table, vsp->rss.table, sizeof s->rss_table);
	memcpy(s->rss_key, vsp->rss.key, sizeof s->rss_key);
	memcpy(s->groups, vsp->groups, sizeof s->groups);
}

void netvsp_keep_stats(struct netvsp *vsp)
{
	vsp->state->stats = vsp->stats;
}

static bool is_valid(const struct netvsp_settings *s)
{
	bool versions = s->version == 0 || s->version == NVSP_VERSION_5 || s->version == NVSP_VERSION_6 || s->version == NVSP_VERSION_61;

	return versions && s->group_count <= NETVSP_MAX_GROUPS &&
	       (!s->has_receive || s->slot_parts == 1 || s->slot_parts == NETVSP_SLOT_PARTS);
}

static int map_buffers(struct netvsp *vsp, struct vmbus_channel *channel, const struct netvsp_settings *s)
{
	int rc = 0;

	if (s->has_receive)
		rc = netvsp_buffer_map(&vsp->receive, channel, s->receive_gpadl, s->receive_id);
	if (rc == 0 && s->has_receive)
		rc = netvsp_slots_create(vsp, s->slot_parts);
	if (rc == 0 && s->has_send)
		rc = netvsp_buffer_map(&vsp->send, channel, s->send_gpadl, s->send_id);
	return rc;
}

/* A slot that was to be told of, and was not, is nobody's. */
static void settle_slot(struct netvsp_channel *channel)
{
	struct netvsp_channel_state *c = &channel->vsp->state->channels[channel->index];
	uint32_t received, sent;

	vmbus_channel_positions(channel->channel, &received, &sent);
	if (c->telling && c->telling <= NETVSP_MAX_SLOTS && c->telling_at == sent)
		channel->vsp->state->taken[c->telling - 1] = 0;
	c->telling = 0;
}

int netvsp_go_on(struct netvsp *vsp, struct vmbus_channel *channel)
{
	const struct netvsp_settings *s = &vsp->state->settings;

	if (!is_valid(s) || !rss_restore(&vsp->rss, s->rss_on, s->rss_types, s->rss_table, s->rss_entries, s->rss_key))
		return -EINVAL;
	vsp->version = s->version;
	vsp->filter = s->filter;
	vsp->group_count = s->group_count;
	memcpy(vsp->groups, s->groups, sizeof vsp->groups);
	vsp->may_coalesce = s->may_coalesce != 0;
	vsp->refuses_coalescing = s->refuses_coalescing != 0;
	vsp->coalesces = s->coalesces != 0;
	vsp->link_untold = s->link_untold || (s->link_up != 0) != vsp->stats.link_up;
	netvsp_update_offloads(vsp);
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		if (vsp->channels[i].channel)
			settle_slot(&vsp->channels[i]);
	return map_buffers(vsp, channel, s);
}

int netvsp_check_state(struct netvsp_state *state, const struct vmbus_guid *instance)
{
	if (!state->magic) {
		*state = (struct netvsp_state){ .version = NETVSP_STATE_VERSION, .size = sizeof *state, .instance = *instance };
		state->magic = NETVSP_STATE_MAGIC;
		return 0;
	}
	if (state->magic != NETVSP_STATE_MAGIC)
		return -EINVAL;
	if (state->version != NETVSP_STATE_VERSION || state->size != sizeof *state)
		return -ENOTSUP;
	return state->subchannels < NETVSP_MAX_QUEUES && vmbus_guid_equal(&state->instance, instance) ? 0 : -EINVAL;
}
