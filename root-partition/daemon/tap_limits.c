/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <bandwidth> by the kernel's traffic control: what goes to the guest leaves the TAP through a token bucket, what comes from it is
 * policed where it enters. Layouts: linux/pkt_sched.h, linux/pkt_cls.h.
 */
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <arpa/inet.h>
#include <string.h>
#include "root-partition/daemon/netlink.h"
#include "root-partition/daemon/tap.h"

#define UNIT         1000u           /* bytes a second, of average and peak */
#define LARGEST      65550u          /* bytes: a whole packet of segmentation offload */
#define TICK_NS      64u             /* the unit of times in traffic control (PSCHED_SHIFT) */

static uint32_t burst_bytes(const struct config_rate *rate)
{
	uint64_t bytes = rate->burst ? (uint64_t)rate->burst << 10 : (uint64_t)rate->average * UNIT / 10;

	return bytes < LARGEST ? LARGEST : (uint32_t)(bytes > UINT32_MAX ? UINT32_MAX : bytes);
}

static struct tc_ratespec rate_of(uint32_t units)
{
	return (struct tc_ratespec){ .cell_log = 8, .linklayer = TC_LINKLAYER_ETHERNET, .rate = units * UNIT };
}

static int shape(int netlink, uint32_t index, const struct config_rate *rate)
{
	const struct tcmsg where = { .tcm_ifindex = (int)index, .tcm_parent = TC_H_ROOT, .tcm_handle = 0x10000 };
	uint32_t burst = burst_bytes(rate), peak_burst = LARGEST;
	struct tc_tbf_qopt options = { .rate = rate_of(rate->average), .limit = burst + 4 * LARGEST };
	struct netlink_request r;
	struct nlattr *outer;

	if (rate->peak)
		options.peakrate = rate_of(rate->peak);
	netlink_begin(&r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &where, sizeof where);
	netlink_put_text(&r, TCA_KIND, "tbf");
	outer = netlink_open(&r, TCA_OPTIONS);
	netlink_put(&r, TCA_TBF_PARMS, &options, sizeof options);
	netlink_put_u32(&r, TCA_TBF_BURST, burst);
	if (rate->peak)
		netlink_put_u32(&r, TCA_TBF_PBURST, peak_burst);
	netlink_close(&r, outer);
	return netlink_call(netlink, &r);
}

/* A TAP never asks its queueing discipline to wait: without a limit there is nothing for one to do but cost time. Advice only. */
static void unqueue(int netlink, uint32_t index)
{
	const struct tcmsg where = { .tcm_ifindex = (int)index, .tcm_parent = TC_H_ROOT };
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &where, sizeof where);
	netlink_put_text(&r, TCA_KIND, "noqueue");
	netlink_call(netlink, &r);
}

static int add_ingress(int netlink, uint32_t index)
{
	const struct tcmsg where = { .tcm_ifindex = (int)index, .tcm_parent = TC_H_INGRESS, .tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0) };
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &where, sizeof where);
	netlink_put_text(&r, TCA_KIND, "ingress");
	return netlink_call(netlink, &r);
}

static void put_police(struct netlink_request *r, const struct config_rate *rate)
{
	static const uint32_t table[256];   /* must be there; the kernel counts by the rate itself */
	struct tc_police options = {
		.action = TC_POLICE_SHOT,
		.mtu = LARGEST,
		.burst = (uint32_t)((uint64_t)burst_bytes(rate) * 1000000000u / ((uint64_t)rate->average * UNIT) / TICK_NS),
		.rate = rate_of(rate->average),
	};

	if (rate->peak)
		options.peakrate = rate_of(rate->peak);
	netlink_put(r, TCA_POLICE_TBF, &options, sizeof options);
	netlink_put(r, TCA_POLICE_RATE, table, sizeof table);
	if (rate->peak)
		netlink_put(r, TCA_POLICE_PEAKRATE, table, sizeof table);
}

static int police(int netlink, uint32_t index, const struct config_rate *rate)
{
	const struct tcmsg where = { .tcm_ifindex = (int)index, .tcm_parent = TC_H_MAKE(TC_H_INGRESS, 0),
				     .tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL)) };
	struct nlattr *options, *actions, *action, *inner;
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &where, sizeof where);
	netlink_put_text(&r, TCA_KIND, "matchall");
	options = netlink_open(&r, TCA_OPTIONS);
	actions = netlink_open(&r, TCA_MATCHALL_ACT);
	action = netlink_open(&r, 1);
	netlink_put_text(&r, TCA_ACT_KIND, "police");
	inner = netlink_open(&r, TCA_ACT_OPTIONS);
	put_police(&r, rate);
	netlink_close(&r, inner);
	netlink_close(&r, action);
	netlink_close(&r, actions);
	netlink_close(&r, options);
	return netlink_call(netlink, &r);
}

int tap_limit(int netlink, uint32_t index, const struct config_interface *interface)
{
	int rc = 0;

	if (interface->inbound.average)
		rc = shape(netlink, index, &interface->inbound);
	else
		unqueue(netlink, index);
	if (!rc && interface->outbound.average)
		rc = add_ingress(netlink, index);
	if (!rc && interface->outbound.average)
		rc = police(netlink, index, &interface->outbound);
	return rc;
}
