/* SPDX-License-Identifier: BSD-2-Clause */
/* See tap.h. */
#include "root-partition/daemon/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "root-partition/daemon/netlink.h"

#define DEFAULT_MTU 1500u

__attribute__((format(printf, 4, 5)))
static int fail(char *why, size_t size, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, size, format, args);
	va_end(args);
	return error;
}

uint32_t tap_queues(const struct config_interface *interface, uint32_t vp_count)
{
	uint32_t queues = interface->queues ? interface->queues : 1;

	return queues < vp_count ? queues : vp_count;
}

void tap_name_pattern(const char *partition, char pattern[IFNAMSIZ])
{
	snprintf(pattern, IFNAMSIZ, "bh-%.9s-%%d", partition);
}

void tap_close(struct tap *tap)
{
	for (uint32_t i = 0; i < tap->queue_count; i++)
		if (tap->fds[i] >= 0)
			close(tap->fds[i]);
	tap->queue_count = 0;
}

static int open_queue(struct tap *tap)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	int header = sizeof(struct virtio_net_hdr), fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, tap->name, sizeof request.ifr_name);
	/* Offloads as the guest's driver asks for them: the worker sets them, until then frames come whole and checked. */
	if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	memcpy(tap->name, request.ifr_name, sizeof tap->name);
	return fd;
}

/* Behind the first, queues join the device by the name that the kernel gave it. */
static int open_queues(struct tap *tap, const char *partition, uint32_t count)
{
	tap_name_pattern(partition, tap->name);
	for (tap->queue_count = 0; tap->queue_count < count; tap->queue_count++) {
		int fd = open_queue(tap);

		if (fd < 0)
			return fd;
		tap->fds[tap->queue_count] = fd;
	}
	return 0;
}

static bool bridge_has(const char *bridge, const char *attribute, const char *value)
{
	char path[128], text[16] = "";
	int fd;

	snprintf(path, sizeof path, "/sys/class/net/%s/bridge/%s", bridge, attribute);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (value && read(fd, text, sizeof text - 1) < 0)
		text[0] = 0;
	close(fd);
	return !value || !strncmp(text, value, strlen(value));
}

/* A device's attribute by itself, so that an error says which. */
static int set_link(int netlink, uint32_t index, uint16_t type, const void *value, size_t size)
{
	const struct ifinfomsg link = { .ifi_index = (int)index };
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWLINK, 0, &link, sizeof link);
	netlink_put(&r, type, value, size);
	return netlink_call(netlink, &r);
}

static int set_up(int netlink, uint32_t index)
{
	const struct ifinfomsg link = { .ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWLINK, 0, &link, sizeof link);
	return netlink_call(netlink, &r);
}

/* The root takes no part in what the guest says: no address of its own on this end. An error means there is no IPv6 at all. */
static void forgo_ipv6(int netlink, uint32_t index)
{
	const struct ifinfomsg link = { .ifi_index = (int)index };
	const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	struct netlink_request r;
	struct nlattr *outer, *inner;

	netlink_begin(&r, RTM_NEWLINK, 0, &link, sizeof link);
	outer = netlink_open(&r, IFLA_AF_SPEC);
	inner = netlink_open(&r, AF_INET6);
	netlink_put(&r, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof none);
	netlink_close(&r, inner);
	netlink_close(&r, outer);
	netlink_call(netlink, &r);
}

static int change_vlan(int netlink, uint32_t index, uint16_t type, uint16_t id, uint16_t flags)
{
	const struct ifinfomsg link = { .ifi_family = PF_BRIDGE, .ifi_index = (int)index };
	const struct bridge_vlan_info vlan = { .flags = flags, .vid = id };
	struct netlink_request r;
	struct nlattr *outer;

	netlink_begin(&r, type, 0, &link, sizeof link);
	outer = netlink_open(&r, IFLA_AF_SPEC);
	netlink_put(&r, IFLA_BRIDGE_VLAN_INFO, &vlan, sizeof vlan);
	netlink_close(&r, outer);
	return netlink_call(netlink, &r);
}

/* The port carries this VLAN alone, untagged: the one that bridges give to every port goes. */
static int join_vlan(int netlink, uint32_t index, uint16_t id)
{
	int rc = change_vlan(netlink, index, RTM_SETLINK, id, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);

	if (!rc && id != 1)
		change_vlan(netlink, index, RTM_DELLINK, 1, 0);
	return rc;
}

static int connect_tap(int netlink, const struct tap *tap, const struct config_interface *c, char *why, size_t size)
{
	uint32_t index = if_nametoindex(tap->name), bridge = if_nametoindex(c->bridge), mtu = c->mtu ? c->mtu : DEFAULT_MTU;
	uint8_t address[CONFIG_MAC_BYTES];
	int rc;

	/* A bridge takes the lowest address among its ports: this one is never it, and is not the guest's. */
	memcpy(address, c->mac, sizeof address);
	address[0] = 0xfe;
	rc = set_link(netlink, index, IFLA_ADDRESS, address, sizeof address);
	if (rc)
		return fail(why, size, -rc, "%s: its address cannot be set: %s", tap->name, strerror(-rc));
	forgo_ipv6(netlink, index);
	rc = set_link(netlink, index, IFLA_MTU, &mtu, sizeof mtu);
	if (rc)
		return fail(why, size, -rc, "%s: MTU %u: %s", tap->name, mtu, strerror(-rc));
	rc = set_link(netlink, index, IFLA_MASTER, &bridge, sizeof bridge);
	if (rc)
		return fail(why, size, -rc, "%s cannot join bridge %s: %s", tap->name, c->bridge, strerror(-rc));
	rc = c->vlan ? join_vlan(netlink, index, c->vlan) : 0;
	if (rc)
		return fail(why, size, -rc, "%s cannot join VLAN %u of bridge %s: %s", tap->name, c->vlan, c->bridge, strerror(-rc));
	rc = tap_limit(netlink, index, c);
	if (rc)
		return fail(why, size, -rc, "%s: <bandwidth> cannot be set: %s%s", tap->name, strerror(-rc),
			    rc == -ENOENT || rc == -EOPNOTSUPP ? "; it needs the kernel's sch_tbf, sch_ingress, cls_matchall and act_police" : "");
	rc = set_up(netlink, index);
	return rc ? fail(why, size, -rc, "%s cannot be brought up: %s", tap->name, strerror(-rc)) : 0;
}

int tap_open(const char *partition, const struct config_interface *c, uint32_t queue_count, struct tap *ret, char *why, size_t size)
{
	struct tap tap = { 0 };
	int netlink, rc;

	if (!if_nametoindex(c->bridge))
		return fail(why, size, ENODEV, "there is no bridge %s; 'ip link add %s type bridge' makes one", c->bridge, c->bridge);
	if (!bridge_has(c->bridge, "bridge_id", NULL))
		return fail(why, size, ENODEV, "%s is no bridge; name one in <source bridge=''/>", c->bridge);
	if (c->vlan && !bridge_has(c->bridge, "vlan_filtering", "1"))
		return fail(why, size, EOPNOTSUPP, "bridge %s does not filter VLANs; 'ip link set %s type bridge vlan_filtering 1' lets it",
			    c->bridge, c->bridge);
	netlink = netlink_socket();
	if (netlink < 0)
		return fail(why, size, -netlink, "netlink: %s", strerror(-netlink));
	rc = open_queues(&tap, partition, queue_count);
	if (rc)
		rc = fail(why, size, -rc, "/dev/net/tun: %s%s", strerror(-rc), rc == -ENOENT || rc == -ENODEV ? "; 'modprobe tun' loads it" : "");
	else
		rc = connect_tap(netlink, &tap, c, why, size);
	close(netlink);
	if (rc)
		tap_close(&tap);
	else
		*ret = tap;
	return rc;
}

_Static_assert(sizeof(((struct tap *)0)->name) == sizeof(((struct config_interface *)0)->bridge), "both are interface names");
