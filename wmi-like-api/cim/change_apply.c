/* SPDX-License-Identifier: BSD-2-Clause */
/* Embedded instances into a definition: what the XML can say. What it cannot is refused, not forgotten. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include "wmi-like-api/cim/change.h"
#include "wmi-like-api/cim/ids.h"

#define MIB_MAX      (448ull << 10)
#define PATH_LONGEST 4095u

static unsigned set_startup(struct edit *edit, const struct cim_instance *in)
{
	const char *action = input_text(in, "AutomaticStartupAction");
	uint64_t order;
	int has_order = input_number(in, "AutomaticStartupActionSequenceNumber", 9999, &order);

	if (has_order == -2 || (action && strcmp(action, "2") && strcmp(action, "4")))
		return action && !strcmp(action, "3") ? RETURN_NOT_SUPPORTED : RETURN_INVALID_PARAMETER;
	if (action)
		edit_set_autostart(edit, *action == '4', has_order ? -1 : (int)order);
	return 0;
}

unsigned change_system(struct change *c, struct view *v, struct edit *edit, const struct cim_instance *in)
{
	const char *name = input_text(in, "ElementName"), *recovery = input_text(in, "AutomaticRecoveryAction");
	const struct cim_value *notes = input(in, "Notes");
	char joined[8193] = "";
	size_t used = 0;
	unsigned code = set_startup(edit, in);

	/* The name is the file's and the sockets' name. */
	if (name && strcmp(name, v->name))
		return RETURN_NOT_SUPPORTED;
	if (code)
		return code;
	if (recovery && strcmp(recovery, "2") && strcmp(recovery, "3"))
		return RETURN_NOT_SUPPORTED;
	if (recovery)
		edit_set_restart(edit, *recovery == '3');
	for (unsigned i = 0; notes && i < notes->count; i++) {
		const char *text = notes->items[i].text ? notes->items[i].text : "";

		if (used + strlen(text) + 3 > sizeof joined)
			return RETURN_INVALID_PARAMETER;
		used += (size_t)sprintf(joined + used, "%s%s", i ? "\n\n" : "", text);
	}
	if (notes)
		edit_set_description(edit, joined);
	if (input(in, "Description"))
		edit_set_title(edit, input_text(in, "Description"));
	c->edited = true;
	return 0;
}

unsigned change_processors(struct edit *edit, const struct cim_instance *in)
{
	uint64_t count, fixed;
	int has = input_number(in, "VirtualQuantity", 64, &count);

	if (has == -2 || (!has && !count))
		return RETURN_INVALID_PARAMETER;
	/* No limit, no reservation, no weight but these can be had. */
	if ((!input_number(in, "Limit", UINT64_MAX, &fixed) && fixed != 100000) ||
	    (!input_number(in, "Reservation", UINT64_MAX, &fixed) && fixed) || (!input_number(in, "Weight", UINT64_MAX, &fixed) && fixed != 100))
		return RETURN_NOT_SUPPORTED;
	if (!has)
		edit_set_vps(edit, (unsigned)count);
	return 0;
}

/* Fixed memory has one size: Hyper-V's is VirtualQuantity, and a client that sends Limit alone means that one, too. */
unsigned change_memory(const struct definition *now, struct edit *edit, const struct cim_instance *in)
{
	struct edit_memory m = { now->dynamic_memory, now->memory_bytes, now->startup_bytes, now->minimum_bytes, now->memory_buffer,
				 now->memory_priority };
	uint64_t quantity = 0, limit = 0, reservation = 0, buffer = m.buffer, weight = m.priority * 100u;
	int has_quantity = input_number(in, "VirtualQuantity", MIB_MAX, &quantity), has_limit = input_number(in, "Limit", UINT64_MAX >> 20, &limit);
	int has_reservation = input_number(in, "Reservation", MIB_MAX, &reservation);

	if (has_quantity == -2 || has_limit == -2 || has_reservation == -2 || input_bool(in, "DynamicMemoryEnabled", &m.dynamic) == -2 ||
	    input_number(in, "TargetMemoryBuffer", 500, &buffer) == -2 || input_number(in, "Weight", 10000, &weight) == -2)
		return RETURN_INVALID_PARAMETER;
	if (!has_quantity)
		m.startup = quantity << 20;
	if (!m.dynamic) {
		m.maximum = !has_quantity ? m.startup : !has_limit && limit <= MIB_MAX ? limit << 20 : m.maximum;
		edit_set_memory(edit, &m);
		return 0;
	}
	if (!has_limit)
		m.maximum = (limit < MIB_MAX ? limit : MIB_MAX) << 20;
	if (!has_reservation)
		m.minimum = reservation << 20;
	if (m.maximum < m.startup)
		m.maximum = m.startup;
	if (m.minimum > m.startup && has_reservation)
		m.minimum = m.startup;
	m.buffer = (unsigned)buffer;
	m.priority = (unsigned)(weight / 100);
	edit_set_memory(edit, &m);
	return 0;
}

static void result(struct change *c, const char *class, const char *id)
{
	if (c->result_count < CHANGE_RESULTS)
		c->results[c->result_count++] = settings_path(&c->pool, class, id);
}

/* The device that a text or a path names. */
static bool id_of(struct change *c, const struct cim_value *value, struct id *ret)
{
	const struct cim_path *path = value ? value->items->path : NULL;
	const char *text = value ? value->items->text : NULL, *id;

	if (!path && text && id_parse(text, ret))
		return true;
	if (!path && text)
		path = path_parse(&c->pool, text, strlen(text), V2);
	id = path ? path_key(path, "InstanceID") : NULL;
	return id && id_parse(id, ret);
}

static unsigned add_controller(struct change *c, struct view *v)
{
	unsigned used = v->pending.controllers;
	char id[ID_MAX];

	for (unsigned i = 0; i < v->definition->disk_count; i++)
		used |= 1u << v->definition->disks[i].controller;
	for (unsigned i = 0; i < DEFINITION_CONTROLLERS; i++) {
		if (used & 1u << i)
			continue;
		v->pending.controllers |= 1u << i;
		id_controller(id, v->uuid, i);
		result(c, RASD, id);
		return 0;
	}
	return RETURN_INVALID_PARAMETER;
}

static bool is_taken(const struct view *v, unsigned controller, unsigned lun)
{
	for (unsigned i = 0; i < v->definition->disk_count; i++)
		if (v->definition->disks[i].controller == controller && v->definition->disks[i].lun == lun)
			return true;
	for (unsigned i = 0; i < v->pending.drive_count; i++)
		if (v->pending.drives[i].controller == controller && v->pending.drives[i].lun == lun)
			return true;
	return false;
}

static unsigned add_drive(struct change *c, struct view *v, const struct cim_instance *in)
{
	const char *subtype = input_text(in, "ResourceSubType");
	struct id parent;
	uint64_t lun = 0;
	char id[ID_MAX];
	int has_lun = input_number(in, "AddressOnParent", DEFINITION_LUNS - 1, &lun);

	if (subtype && strcasestr(subtype, "Physical Disk"))
		return RETURN_NOT_SUPPORTED;
	if (!id_of(c, input(in, "Parent"), &parent) || parent.kind != ID_CONTROLLER || strcmp(parent.uuid, v->uuid) || has_lun == -2)
		return RETURN_INVALID_PARAMETER;
	while (has_lun && lun < DEFINITION_LUNS && is_taken(v, parent.controller, (unsigned)lun))
		lun++;
	if (lun == DEFINITION_LUNS || is_taken(v, parent.controller, (unsigned)lun))
		return RETURN_IN_USE;
	if (v->pending.drive_count == VIEW_PENDING)
		return RETURN_FAILED;
	v->pending.drives[v->pending.drive_count].controller = parent.controller;
	v->pending.drives[v->pending.drive_count++].lun = (unsigned)lun;
	id_drive(id, v->uuid, parent.controller, (unsigned)lun, 'D');
	result(c, RASD, id);
	return 0;
}

static void forget_drive(struct view *v, unsigned controller, unsigned lun)
{
	struct view_pending *p = &v->pending;

	for (unsigned i = 0; i < p->drive_count; i++)
		if (p->drives[i].controller == controller && p->drives[i].lun == lun)
			p->drives[i--] = p->drives[--p->drive_count];
}

static bool is_path(const char *text)
{
	return text && *text == '/' && strlen(text) <= PATH_LONGEST;
}

static unsigned add_disk(struct change *c, struct view *v, struct edit *edit, const struct cim_instance *in)
{
	const char *source = input_text(in, "HostResource"), *access = input_text(in, "Access");
	bool read_only = access && !strcmp(access, "1");
	struct id parent;
	char id[ID_MAX];

	if (!id_of(c, input(in, "Parent"), &parent) || parent.kind != ID_DRIVE || strcmp(parent.uuid, v->uuid) || !is_path(source))
		return RETURN_INVALID_PARAMETER;
	for (unsigned i = 0; i < v->definition->disk_count; i++)
		if (v->definition->disks[i].controller == parent.controller && v->definition->disks[i].lun == parent.lun)
			return RETURN_IN_USE;
	if (c->attach)
		return RETURN_IN_USE;
	forget_drive(v, parent.controller, parent.lun);
	if (v->pid) {
		c->attach = definition_disk_text(parent.controller, parent.lun, source, read_only);
		c->disk = true;
	} else {
		edit_add_disk(edit, parent.controller, parent.lun, source, read_only);
		c->edited = true;
	}
	id_drive(id, v->uuid, parent.controller, parent.lun, 'L');
	result(c, SASD, id);
	return 0;
}

static unsigned add_port(struct change *c, struct view *v, const struct cim_instance *in)
{
	const char *wanted = input_text(in, "Address");
	char mac[13], id[ID_MAX], *to = mac;
	uint8_t random[3];

	if (v->pending.port_count == VIEW_PENDING)
		return RETURN_FAILED;
	if (wanted && *wanted) {
		for (const char *at = wanted; *at && to < mac + 12; at++)
			if (isxdigit((unsigned char)*at))
				*to++ = (char)toupper((unsigned char)*at);
			else if (*at != ':' && *at != '-')
				return RETURN_INVALID_PARAMETER;
		*to = 0;
		if (strlen(mac) != 12)
			return RETURN_INVALID_PARAMETER;
	} else {
		if (getrandom(random, sizeof random, 0) != sizeof random)
			return RETURN_FAILED;
		snprintf(mac, sizeof mac, "00155D%02X%02X%02X", random[0], random[1], random[2]);
	}
	strcpy(v->pending.ports[v->pending.port_count++], mac);
	id_port(id, v->uuid, mac, false);
	result(c, "Msvm_SyntheticEthernetPortSettingData", id);
	return 0;
}

/* A switch's path, or a bridge's name. Returns false for a switch that is not known. */
static bool bridge_of(struct change *c, const struct cim_value *value, char bridge[16])
{
	const char *text = value ? value->items->text : NULL, *name;
	const struct cim_path *path = value ? value->items->path : NULL;
	char guid[37];

	if (!path && text)
		path = path_parse(&c->pool, text, strlen(text), V2);
	if (!path) {
		if (!text || strlen(text) > 15 || !*text || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(text))
			return false;
		strcpy(bridge, text);
		return true;
	}
	name = path_key(path, "Name");
	for (const struct view *v = c->cim->model.views; name && v; v = v->next)
		for (unsigned i = 0; v->definition && i < v->definition->interface_count; i++) {
			strcpy(bridge, v->definition->interfaces[i].bridge);
			id_switch(guid, bridge);
			if (!strcasecmp(guid, name))
				return true;
		}
	return false;
}

static int interface_of(const struct view *v, const char *mac)
{
	for (unsigned i = 0; i < v->definition->interface_count; i++)
		if (!strcasecmp(v->definition->interfaces[i].mac, mac))
			return (int)i;
	return -1;
}

static void forget_port(struct view *v, const char *mac)
{
	struct view_pending *p = &v->pending;

	for (unsigned i = 0; i < p->port_count; i++)
		if (!strcasecmp(p->ports[i], mac)) {
			memmove(p->ports[i], p->ports[p->port_count - 1], sizeof p->ports[i]);
			p->port_count--;
			return;
		}
}

static unsigned add_connection(struct change *c, struct view *v, struct edit *edit, const struct cim_instance *in)
{
	char bridge[16], id[ID_MAX];
	struct id parent;

	if (!id_of(c, input(in, "Parent"), &parent) || parent.kind != ID_PORT || strcmp(parent.uuid, v->uuid) ||
	    !bridge_of(c, input(in, "HostResource"), bridge))
		return RETURN_INVALID_PARAMETER;
	if (interface_of(v, parent.mac) >= 0 || c->attach)
		return RETURN_IN_USE;
	forget_port(v, parent.mac);
	if (v->pid) {
		c->attach = definition_interface_text(bridge, parent.mac, 0);
	} else {
		edit_add_interface(edit, bridge, parent.mac, 0);
		c->edited = true;
	}
	id_port(id, v->uuid, parent.mac, true);
	result(c, "Msvm_EthernetPortAllocationSettingData", id);
	return 0;
}

unsigned change_add(struct change *c, struct view *v, struct edit *edit, const struct cim_instance *in)
{
	uint64_t type;

	if (input_number(in, "ResourceType", 65535, &type))
		return RETURN_INVALID_PARAMETER;
	switch (type) {
	case 6:
		return add_controller(c, v);
	case 17:
		return add_drive(c, v, in);
	case 31:
		return add_disk(c, v, edit, in);
	case 10:
		return add_port(c, v, in);
	case 33:
		return add_connection(c, v, edit, in);
	default:
		return RETURN_NOT_SUPPORTED;
	}
}

/* A running partition: dynamic memory gets another amount now, fixed memory cannot; the rest holds from the next start. */
static unsigned modify_memory(struct change *c, const struct view *v, struct edit *edit, const struct cim_instance *in)
{
	uint64_t quantity;
	int has = v->pid ? input_number(in, "VirtualQuantity", MIB_MAX, &quantity) : -1;

	if (has == -2)
		return RETURN_INVALID_PARAMETER;
	if (!has && quantity << 20 != v->definition->startup_bytes) {
		if (!v->definition->dynamic_memory)
			return RETURN_INVALID_STATE;
		c->memory = quantity << 20;
	}
	/* Of an instance with InstanceID and VirtualQuantity alone nothing is left to be stored. */
	if (c->memory && in->property_count <= 2)
		return 0;
	c->edited = true;
	return change_memory(v->definition, edit, in);
}

/* As the daemon reads it. For free(). */
static char *mac_with_colons(const char *mac)
{
	char *text = malloc(18);

	if (!text)
		abort();
	snprintf(text, 18, "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", mac, mac + 2, mac + 4, mac + 6, mac + 8, mac + 10);
	return text;
}

static unsigned modify_connection(struct change *c, struct view *v, struct edit *edit, const struct cim_instance *in, const struct id *id)
{
	const char *state = input_text(in, "EnabledState");
	int index = interface_of(v, id->mac);
	char bridge[16];

	if (index < 0 || (input(in, "HostResource") && !bridge_of(c, input(in, "HostResource"), bridge)) ||
	    (state && strcmp(state, "2") && strcmp(state, "3")))
		return RETURN_INVALID_PARAMETER;
	if (input(in, "HostResource"))
		edit_set_interface(edit, (unsigned)index, bridge, -1, -1);
	if (state) {
		if (v->pid && c->link)
			return RETURN_IN_USE;
		c->link_up = *state == '2';
		c->link = v->pid ? mac_with_colons(id->mac) : NULL;
		edit_set_link(edit, (unsigned)index, c->link_up);
	}
	c->edited = true;
	return 0;
}

static unsigned modify_disk(struct change *c, struct edit *edit, const struct cim_instance *in, const struct id *id)
{
	const char *source = input_text(in, "HostResource");

	if (source && (!is_path(source) || !edit_set_disk_source(edit, id->controller, id->lun, source)))
		return RETURN_INVALID_PARAMETER;
	c->edited = true;
	return 0;
}

unsigned change_modify(struct change *c, struct view *v, struct edit *edit, const struct cim_instance *in)
{
	const char *text = input_text(in, "InstanceID"), *class = in->class_name;
	unsigned code = 0;
	struct id id;

	if (!text || !id_parse(text, &id) || strcmp(id.uuid, v->uuid))
		return RETURN_INVALID_PARAMETER;
	switch (id.kind) {
	case ID_PROCESSOR:
		code = change_processors(edit, in);
		c->edited = true;
		break;
	case ID_MEMORY:
		code = modify_memory(c, v, edit, in);
		break;
	case ID_DISK:
		code = modify_disk(c, edit, in, &id);
		break;
	case ID_CONNECTION:
		code = modify_connection(c, v, edit, in, &id);
		break;
	case ID_SERIAL:   /* its other end is the console's socket, always */
		code = input_text(in, "Connection") && *input_text(in, "Connection") ? RETURN_NOT_SUPPORTED : 0;
		break;
	default:
		return RETURN_NOT_SUPPORTED;
	}
	if (!code)
		result(c, class && *class ? class : RASD, text);
	return code;
}

static unsigned remove_port(struct change *c, struct view *v, struct edit *edit, const struct id *id)
{
	int index = interface_of(v, id->mac);

	if (index < 0) {
		forget_port(v, id->mac);
		return 0;
	}
	if (!v->pid) {
		c->edited = edit_remove_interface(edit, (unsigned)index);
		return 0;
	}
	if (c->detach)
		return RETURN_IN_USE;
	c->detach = mac_with_colons(id->mac);
	return 0;
}

static unsigned remove_disk(struct change *c, struct view *v, struct edit *edit, const struct id *id)
{
	char target[16];
	bool there;

	forget_drive(v, id->controller, id->lun);
	there = edit_remove_disk(edit, id->controller, id->lun);
	if (!there || !v->pid) {
		c->edited |= there;
		return 0;
	}
	if (c->detach)
		return RETURN_IN_USE;
	snprintf(target, sizeof target, "%u:%u", id->controller, id->lun);
	c->detach = strdup(target);
	c->disk = true;
	return 0;
}

unsigned change_remove(struct change *c, struct view *v, struct edit *edit, const struct cim_path *path)
{
	const char *text = path_key(path, "InstanceID");
	struct id id;

	if (!text || !id_parse(text, &id) || strcmp(id.uuid, v->uuid))
		return RETURN_INVALID_PARAMETER;
	switch (id.kind) {
	case ID_DRIVE:
	case ID_DISK:
		return remove_disk(c, v, edit, &id);
	case ID_CONTROLLER:
		for (unsigned i = 0; i < v->definition->disk_count; i++)
			if (v->definition->disks[i].controller == id.controller)
				return RETURN_IN_USE;
		v->pending.controllers &= ~(1u << id.controller);
		return 0;
	case ID_PORT:
	case ID_CONNECTION:
		return remove_port(c, v, edit, &id);
	default:
		return RETURN_NOT_SUPPORTED;
	}
}
