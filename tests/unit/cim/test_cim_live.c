/* SPDX-License-Identifier: BSD-2-Clause */
/* The model on the real daemon with workers that the fake one plays: instances, associations, methods, and that all agree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "live.h"

static const char *dir;

/* Runs a management method with one embedded instance of up to six properties: "Name=value". */
static struct answer manage(const char *method, const char *argument, const char *class, const char *of, const char *const *properties)
{
	struct cim_item texts[8] = { 0 }, item = { 0 }, ref = { 0 };
	struct cim_named_value list[8], arguments[2];
	struct cim_instance in = { .class_name = class, .properties = list };
	char copies[8][600];
	unsigned count = 1;

	for (; properties[in.property_count]; in.property_count++) {
		char *copy = copies[in.property_count], *value;

		snprintf(copy, sizeof copies[0], "%s", properties[in.property_count]);
		value = strchr(copy, '=');
		*value++ = 0;
		list[in.property_count] = named(copy, &texts[in.property_count], value);
	}
	item.instance = &in;
	arguments[0] = (struct cim_named_value){ argument, { .array = true, .count = 1, .items = &item } };
	if (of) {
		ref.text = of;
		arguments[count++] = (struct cim_named_value){ "AffectedConfiguration", { .count = 1, .items = &ref } };
	}
	return invoke("Msvm_VirtualSystemManagementService", NULL, method, arguments, count);
}

#define PROPERTIES(...) (const char *const[]){ __VA_ARGS__, NULL }

START_TEST(every_class_can_be_enumerated)
{
	for (const struct cim_class *const *at = cim_classes; *at; at++) {
		struct cim_error error = { 0 };
		struct cim_list *list = cim_query(cim, (*at)->space, (*at)->name, NULL, &error);

		ck_assert_msg(list != NULL, "%s: %s", (*at)->name, error.text);
		for (unsigned i = 0; i < list->count; i++)
			for (unsigned k = 0; k < (*at)->property_count; k++)
				ck_assert_msg(!(*at)->properties[k].key || !list->instances[i]->values[k].null, "%s.%s is null", (*at)->name,
					      (*at)->properties[k].name);
		cim_list_free(list);
	}
}
END_TEST

START_TEST(a_partition_and_what_belongs_to_it)
{
	struct cim_list *list;
	char query[600];

	list = ask("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER");
	ck_assert_uint_eq(list->count, 2);
	cim_list_free(list);
	ck_assert_str_eq(ask_one("EnabledState", VM, "a"), "3");
	ck_assert_str_eq(ask_one("HealthState", VM, "a"), "5");
	ck_assert_str_eq(ask_one("OperationalStatus", VM, "a"), "2");
	ck_assert_str_eq(ask_one("ProcessID", VM, "a"), "");
	guid_of("a");
	snprintf(query, sizeof query, "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='%s'} WHERE AssocClass = "
		 "Msvm_SettingsDefineState ResultClass = Msvm_VirtualSystemSettingData", guid);
	ck_assert_str_eq(ask_one("ElementName", "%s", query), "a");
	ck_assert_str_eq(ask_one("AutomaticStartupAction", "%s", query), "2");
	ck_assert_str_eq(ask_one("HostResource", "ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:%s'} WHERE AssocClass = "
				 "Msvm_VirtualSystemSettingDataComponent ResultClass = Msvm_StorageAllocationSettingData", guid) + strlen(dir), "/a.img");
	ck_assert_str_eq(ask_one("VirtualQuantity", "ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID='Microsoft:%s'} WHERE "
				 "ResultClass = Msvm_MemorySettingData", guid), "16");
	ck_assert_str_eq(ask_one("VirtualQuantity", "SELECT * FROM Msvm_ProcessorSettingData WHERE InstanceID LIKE 'Microsoft:Definition%%Maximum'"), "64");
	list = ask("REFERENCES OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='%s'} WHERE ResultClass = Msvm_SettingsDefineState", guid);
	ck_assert_uint_eq(list->count, 1);
	cim_list_free(list);
	list = ask("SELECT Name, ElementName FROM CIM_ComputerSystem WHERE __CLASS ISA 'x' OR NOT (Name = __SERVER)");
	ck_assert_uint_eq(list->count, 2);
	ck_assert_ptr_nonnull(list->instances[0]->selected);
	cim_list_free(list);
	ck_assert_str_eq(ask_one("ElementName", "SELECT * FROM Msvm_ComputerSystem WHERE __PATH = '\\\\\\\\anyhost\\\\root\\\\virtualization\\\\v2:"
				 "Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name=\"%s\"'", guid), "a");
	ck_assert_str_ne(ask_one("NumberOfCores", "ASSOCIATORS OF {Win32_ComputerSystem.Name='%s'} WHERE AssocClass = Win32_ComputerSystemProcessor "
				 "ResultClass = Win32_Processor", ask_one("Name", "SELECT * FROM Win32_ComputerSystem")), "(none)");
}
END_TEST

START_TEST(queries_that_cannot_be_answered)
{
	static const struct { const char *query; enum cim_status status; } rows[] = {
		{ "SELECT * FROM Msvm_Nothing", CIM_NO_SUCH_CLASS },
		{ "SELECT Nothing FROM Msvm_ComputerSystem", CIM_INVALID_QUERY },
		{ "SELECT * FROM Msvm_ComputerSystem WHERE Nothing = 1", CIM_INVALID_QUERY },
		{ "SELECT * FROM", CIM_INVALID_QUERY },
		{ "ASSOCIATORS OF {Msvm_Nothing.Name='a'}", CIM_NO_SUCH_CLASS },
	};
	struct cim_error error = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_ptr_null(cim_query(cim, V2, NULL, rows[i].query, &error));
		ck_assert_int_eq(error.status, rows[i].status);
	}
	ck_assert_ptr_null(cim_query(cim, "root/default", NULL, "SELECT * FROM Msvm_ComputerSystem", &error));
}
END_TEST

/* Each verb of a state, what bhctl says of it, and a refusal in the wrong state. */
START_TEST(states_change_as_asked)
{
	char job[300];

	ck_assert_uint_eq(request("a", "3", NULL), 32775);
	ck_assert_uint_eq(request("a", "9", NULL), 32775);
	ck_assert_uint_eq(request("a", "77", NULL), 32773);
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_str_eq(ask_one("EnabledState", VM, "a"), "2");
	ck_assert_str_ne(ask_one("ProcessID", VM, "a"), "");
	shell("$BHCTL list | grep -q '^a  *running'");
	ck_assert_uint_eq(request("a", "2", NULL), 32775);
	ck_assert_uint_eq(request("a", "6", NULL), 32770);
	ck_assert_str_eq(ask_one("EnabledState", "SELECT * FROM Msvm_Keyboard WHERE SystemName='%s'", guid_of("a")), "3");
	ck_assert_uint_eq(request("a", "9", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_str_eq(ask_one("EnabledState", VM, "a"), "9");
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_uint_eq(request("a", "11", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	eventually("2", "OperationalStatus", "SELECT * FROM Msvm_ShutdownComponent");
	ck_assert_uint_eq(request("a", "10", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_uint_eq(request("a", "3", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_str_eq(ask_one("PercentComplete", "SELECT * FROM Msvm_ConcreteJob WHERE InstanceID='%s'", job), "100");
	ck_assert_str_eq(ask_one("EnabledState", VM, "a"), "3");
	ck_assert_str_eq(ask_one("StatusDescriptions", VM, "a"), "turned off");
}
END_TEST

/* Fixed memory cannot follow while the partition runs; dynamic memory does, through the daemon. */
START_TEST(memory_of_a_running_partition)
{
	char job[300], memory[4200];

	guid_of("a");
	snprintf(memory, sizeof memory, "InstanceID=%s", ask_one("InstanceID", "SELECT * FROM Msvm_MemorySettingData WHERE InstanceID LIKE '%%%s%%'", guid));
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "", NULL, PROPERTIES(memory, "VirtualQuantity=32")).code, 32775);
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "", NULL, PROPERTIES(memory, "VirtualQuantity=16")).code, 0);
	ck_assert_uint_eq(request("a", "3", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
}
END_TEST

START_TEST(a_start_that_fails_says_why)
{
	char job[300];

	ck_assert_uint_eq(request("bad", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 10);
	ck_assert_ptr_nonnull(strstr(ask_one("ErrorDescription", "SELECT * FROM Msvm_ConcreteJob WHERE InstanceID='%s'", job), "not a bzImage"));
	ck_assert_str_eq(ask_one("HealthState", VM, "bad"), "20");
	ck_assert_ptr_nonnull(strstr(ask_one("StatusDescriptions", VM, "bad"), "not a bzImage"));
}
END_TEST

START_TEST(a_guest_is_shut_down)
{
	struct cim_item item = { 0 };
	struct cim_named_value force = named("Force", &item, "False");
	char selector[60], job[300];
	struct answer a;

	snprintf(selector, sizeof selector, "SystemName=%s", guid_of("a"));
	a = invoke("Msvm_ShutdownComponent", selector, "InitiateShutdown", &force, 1);
	ck_assert_int_eq(a.status, CIM_NOT_FOUND);
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	eventually("2", "OperationalStatus", "SELECT * FROM Msvm_ShutdownComponent");
	{
		char device[100];
		struct cim_item keys[4];
		struct cim_named_value names[4];
		struct cim_path path = { V2, "Msvm_ShutdownComponent", names, 4 };
		struct cim_error error;

		snprintf(device, sizeof device, "%s", ask_one("DeviceID", "SELECT * FROM Msvm_ShutdownComponent"));
		names[0] = named("SystemName", &keys[0], guid);
		names[1] = named("CreationClassName", &keys[1], "Msvm_ShutdownComponent");
		names[2] = named("SystemCreationClassName", &keys[2], "Msvm_ComputerSystem");
		names[3] = named("DeviceID", &keys[3], device);
		for (unsigned i = 0; i < 4; i++)
			keys[i].path = NULL, keys[i].instance = NULL;
		cim_list_free(cim_get(cim, &path, &error));
	}
	shell("$BHCTL shutdown a >/dev/null");
	eventually("3", "EnabledState", "SELECT * FROM Msvm_ComputerSystem WHERE ElementName='a'");
}
END_TEST

/* Parent=, with libvirt's spelling of a path. */
static void name_parent(char *to, size_t size, const char *instance)
{
	snprintf(to, size, "Parent=\\\\host\\Root\\Virtualization\\V2:Msvm_ResourceAllocationSettingData.InstanceID=\"");
	for (const char *c = instance; *c; c++)
		snprintf(to + strlen(to), size - strlen(to), *c == '\\' ? "\\\\" : "%c", *c);
	snprintf(to + strlen(to), size - strlen(to), "\"");
}

/* Removes the disk there, of the partition that guid is of. */
static unsigned remove_disk(unsigned lun)
{
	char id[300];
	struct cim_item key = { .text = id }, item = { 0 };
	struct cim_named_value name = { "InstanceID", { .count = 1, .items = &key } };
	struct cim_path path = { V2, "Msvm_StorageAllocationSettingData", &name, 1 };
	struct cim_named_value settings = { "ResourceSettings", { .array = true, .count = 1, .items = &item } };

	snprintf(id, sizeof id, "%s", ask_one("InstanceID",
		 "SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE '%%%s%%_%u_L'", guid, lun));
	item.path = &path;
	return invoke("Msvm_VirtualSystemManagementService", NULL, "RemoveResourceSettings", &settings, 1).code;
}

/* It has it at once, and after its next start. */
START_TEST(a_disk_comes_to_a_running_partition_and_goes)
{
	char job[300], configuration[60], controller[300], parent[600], image[300];
	struct answer a;

	guid_of("a");
	snprintf(configuration, sizeof configuration, "Microsoft:%s", guid);
	shell("truncate -s 1M %s/hot.img", dir);
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	snprintf(controller, sizeof controller, "%s", ask_one("InstanceID",
		 "SELECT * FROM Msvm_ResourceAllocationSettingData WHERE ResourceType=6 AND InstanceID LIKE '%%%s%%'", guid));
	name_parent(parent, sizeof parent, controller);
	a = manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=17", "AddressOnParent=9", parent));
	ck_assert_uint_eq(a.code, 0);
	name_parent(parent, sizeof parent, a.list);
	snprintf(image, sizeof image, "HostResource=%s/hot.img", dir);
	ck_assert_uint_eq(manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=31", image, parent)).code, 0);
	shell("$BHCTL show a --json | grep -q '\"size_bytes\": 1048576' && $BHCTL show a | grep -Eq '^0:9 .*/hot.img'");
	shell("grep -q '%s/hot.img' %s/definitions/a.xml", dir, dir);
	ck_assert_uint_eq(remove_disk(9), 0);
	shell("! $BHCTL show a | grep -q hot.img && ! grep -q hot.img %s/definitions/a.xml", dir);
	ck_assert_uint_eq(request("a", "3", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
}
END_TEST

START_TEST(a_partition_is_defined_filled_and_destroyed)
{
	char id[400], configuration[60], processor[4200], memory[4200], controller[300], parent[600];
	struct cim_item ref = { 0 };
	struct cim_named_value system = { 0 };
	struct answer a = manage("DefineSystem", "SystemSettings", "Msvm_VirtualSystemSettingData", NULL, PROPERTIES("ElementName=made", "Notes=by WMI"));

	ck_assert_uint_eq(a.code, 0);
	ck_assert_str_eq(a.path, guid_of("made"));
	shell("grep -q '<description>by WMI</description>' %s/definitions/made.xml", dir);
	shell("grep -q '<kernel>/boot/vmlinuz</kernel>' %s/definitions/made.xml && ! grep -q '<initrd' %s/definitions/made.xml", dir, dir);
	ck_assert_uint_eq(manage("DefineSystem", "SystemSettings", "", NULL, PROPERTIES("ElementName=made")).code, 32773);
	ck_assert_uint_eq(manage("DefineSystem", "SystemSettings", "", NULL, PROPERTIES("ElementName=../made")).code, 32773);

	snprintf(configuration, sizeof configuration, "Microsoft:%s", guid);
	snprintf(processor, sizeof processor, "InstanceID=%s", ask_one("InstanceID", "SELECT * FROM Msvm_ProcessorSettingData WHERE InstanceID LIKE '%%%s%%'", guid));
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "Msvm_ProcessorSettingData", NULL, PROPERTIES(processor, "VirtualQuantity=3")).code, 0);
	shell("grep -q '<vcpu>3</vcpu>' %s/definitions/made.xml", dir);
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "", NULL, PROPERTIES(processor, "VirtualQuantity=0")).code, 32773);
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "", NULL, PROPERTIES(processor, "Weight=7")).code, 32770);
	snprintf(memory, sizeof memory, "InstanceID=%s", ask_one("InstanceID", "SELECT * FROM Msvm_MemorySettingData WHERE InstanceID LIKE '%%%s%%'", guid));
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "", NULL, PROPERTIES(memory, "Limit=256")).code, 0);
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "", NULL,
				 PROPERTIES(memory, "VirtualQuantity=64", "Limit=128", "Reservation=32", "DynamicMemoryEnabled=true")).code, 0);
	shell("grep -q '<dynamicMemory unit=\"MiB\" minimum=\"32\" buffer=\"20\" priority=\"50\"/>' %s/definitions/made.xml", dir);
	ck_assert_str_eq(ask_one("Limit", "SELECT * FROM Msvm_MemorySettingData WHERE %s", "Limit = 128"), "128");
	ck_assert_uint_eq(manage("ModifyResourceSettings", "ResourceSettings", "", NULL, PROPERTIES(memory, "VirtualQuantity=1")).code, 32773);
	snprintf(id, sizeof id, "InstanceID=%s", configuration);
	ck_assert_uint_eq(manage("ModifySystemSettings", "SystemSettings", "", NULL, PROPERTIES(id, "AutomaticStartupAction=4")).code, 0);
	shell("$BHCTL show made --json | grep -q '\"autostart\": true'");

	/* a controller, a drive on it, a disk in it: as libvirt does it, with its spelling of paths */
	a = manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=6", "ResourceSubType=x"));
	ck_assert_uint_eq(a.code, 0);
	snprintf(controller, sizeof controller, "%s", a.list);
	name_parent(parent, sizeof parent, controller);
	a = manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=17", "AddressOnParent=5", parent));
	ck_assert_uint_eq(a.code, 0);
	ck_assert_uint_eq(a.count, 1);
	ck_assert_uint_eq(manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=17", "AddressOnParent=5", parent)).code, 32774);
	name_parent(parent, sizeof parent, a.list);
	snprintf(id, sizeof id, "HostResource=%s/made.img", dir);
	a = manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=31", id, parent));
	ck_assert_uint_eq(a.code, 0);
	shell("grep -q '<source file=\"%s/made.img\"/>' %s/definitions/made.xml && grep -q 'controller=\"0\" lun=\"5\"' %s/definitions/made.xml", dir, dir, dir);
	ck_assert_ptr_nonnull(strstr(ask_one("HostResource", "SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE '%%%s%%'", guid), "/made.img"));
	a = manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=10", "Address=00155d010203"));
	ck_assert_uint_eq(a.code, 0);
	snprintf(parent, sizeof parent, "Parent=%s", a.list);
	ck_assert_uint_eq(manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=33", "HostResource=br7", parent)).code, 0);
	ck_assert_str_eq(ask_one("ElementName", "SELECT * FROM Msvm_VirtualEthernetSwitch"), "br7");
	ck_assert_str_eq(ask_one("Address", "SELECT * FROM Msvm_SyntheticEthernetPortSettingData"), "00155D010203");
	ck_assert_uint_eq(manage("AddResourceSettings", "ResourceSettings", "", configuration, PROPERTIES("ResourceType=16")).code, 32770);

	ck_assert_uint_eq(remove_disk(5), 0);
	shell("! grep -q '<disk' %s/definitions/made.xml", dir);

	shell("$BHCTL check %s/definitions/made.xml", dir);
	ref.text = guid;
	system = (struct cim_named_value){ "AffectedSystem", { .count = 1, .items = &ref } };
	ck_assert_uint_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "DestroySystem", &system, 1).code, 0);
	ck_assert_str_eq(ask_one("Name", VM, "made"), "(none)");
	shell("! test -e %s/definitions/made.xml", dir);
	ck_assert_uint_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "DestroySystem", &system, 1).code, 32773);
	ck_assert_int_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "Nothing", &system, 1).status, CIM_NO_SUCH_METHOD);
	ck_assert_int_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "DefineSystem", &system, 1).status, CIM_INVALID_ARGUMENT);
}
END_TEST

/* An instance with up to five "Name=value" properties, for one call after the other. */
static struct cim_instance *described(const char *const *properties)
{
	static struct cim_instance instances[8];
	static struct cim_named_value values[8][5];
	static struct cim_item items[8][5];
	static char texts[8][5][300];
	static unsigned at;
	unsigned i = at++ % 8;
	struct cim_instance *in = &instances[i];

	*in = (struct cim_instance){ .class_name = "", .properties = values[i] };
	for (; properties[in->property_count]; in->property_count++) {
		char *copy = texts[i][in->property_count], *value;

		snprintf(copy, sizeof texts[0][0], "%s", properties[in->property_count]);
		value = strchr(copy, '=');
		*value++ = 0;
		values[i][in->property_count] = named(copy, &items[i][in->property_count], value);
	}
	return in;
}

static struct answer define_with(const char *name, struct cim_item *resources, unsigned count)
{
	char element_name[80];
	struct cim_item system = { 0 };
	struct cim_named_value arguments[] = {
		{ "SystemSettings", { .count = 1, .items = &system } }, { "ResourceSettings", { .array = true, .count = count, .items = resources } },
	};

	snprintf(element_name, sizeof element_name, "ElementName=%s", name);
	system.instance = described(PROPERTIES(element_name));
	return invoke("Msvm_VirtualSystemManagementService", NULL, "DefineSystem", arguments, 2);
}

/* Everything in one call; what belongs together names each other by the names that the client chose. */
START_TEST(a_partition_is_defined_with_its_devices)
{
	struct cim_item resources[7] = { 0 }, ref = { 0 };
	struct cim_named_value system;
	char image[300];

	snprintf(image, sizeof image, "HostResource=%s/made.img", dir);
	resources[0].instance = described(PROPERTIES("ResourceType=3", "VirtualQuantity=2"));
	resources[1].instance = described(PROPERTIES("ResourceType=6", "InstanceID=the controller"));
	resources[2].instance = described(PROPERTIES("ResourceType=17", "InstanceID=the drive", "Parent=the controller", "AddressOnParent=3"));
	resources[3].instance = described(PROPERTIES("ResourceType=31", "Parent=the drive", image));
	resources[4].instance = described(PROPERTIES("ResourceType=10", "InstanceID=port", "Address=00155d0a0b0c"));
	resources[5].instance = described(PROPERTIES("ResourceType=33", "Parent=\\\\.\\root\\virtualization\\v2:Msvm_SyntheticEthernetPortSettingData."
						     "InstanceID=\"port\"", "HostResource=br9"));
	ck_assert_uint_eq(define_with("whole", resources, 6).code, 0);
	shell("$BHCTL check %s/definitions/whole.xml >/dev/null", dir);
	shell("tr -d '\\n' <%s/definitions/whole.xml | grep -q '<vcpu>2<.*%s/made.img.*controller=\"0\" lun=\"3\".*bridge=\"br9\".*00:15:5D:0A:0B:0C'", dir, dir);
	guid_of("whole");
	ref.text = guid;
	system = (struct cim_named_value){ "AffectedSystem", { .count = 1, .items = &ref } };
	ck_assert_uint_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "DestroySystem", &system, 1).code, 0);

	resources[0].instance = described(PROPERTIES("ResourceType=31", "Parent=nothing", image));
	ck_assert_uint_eq(define_with("whole", resources, 1).code, 32773);
	resources[0].instance = described(PROPERTIES("ResourceType=16"));
	ck_assert_uint_eq(define_with("whole", resources, 1).code, 32770);
	ck_assert_str_eq(ask_one("Name", VM, "whole"), "(none)");
}
END_TEST

static unsigned summaries;
static char summary_names[200];

static void on_summaries(void *arg, const struct cim_named_value *results, unsigned count, const struct cim_error *error)
{
	(void)arg;
	ck_assert(!error && count == 2);
	ck_assert_str_eq(results[1].name, "SummaryInformation");
	summaries = results[1].value.count;
	for (unsigned i = 0; i < summaries; i++)
		snprintf(summary_names + strlen(summary_names), sizeof summary_names - strlen(summary_names), "%s ",
			 value_of(results[1].value.items[i].instance, "ElementName"));
}

START_TEST(summaries_and_pairs)
{
	struct cim_item key = { 0 }, ref = { 0 }, item = { 0 }, name_text, data_text;
	struct cim_named_value names[] = { { "InstanceID", { .count = 1, .items = &key } } }, pair[2], arguments[2];
	struct cim_path settings = { V2, "Msvm_VirtualSystemSettingData", names, 1 }, service = { V2, "Msvm_VirtualSystemManagementService", NULL, 0 };
	struct cim_instance in = { .class_name = "Msvm_KvpExchangeDataItem", .properties = pair, .property_count = 2 };
	char id[60];

	cim_invoke(cim, &service, "GetSummaryInformation", NULL, 0, on_summaries, NULL);
	ck_assert_str_eq(summary_names, "a bad ");
	*summary_names = 0;
	snprintf(id, sizeof id, "Microsoft:%s", guid_of("bad"));
	key.text = id;
	ref.path = &settings;
	arguments[0] = (struct cim_named_value){ "SettingData", { .array = true, .count = 1, .items = &ref } };
	cim_invoke(cim, &service, "GetSummaryInformation", arguments, 1, on_summaries, NULL);
	ck_assert_str_eq(summary_names, "bad ");
	pair[0] = named("Name", &name_text, "k");
	pair[1] = named("Data", &data_text, "v");
	item.instance = &in;
	name_text.path = data_text.path = NULL;
	arguments[0] = (struct cim_named_value){ "TargetSystem", { .count = 1, .items = &ref } };
	arguments[1] = (struct cim_named_value){ "DataItems", { .array = true, .count = 1, .items = &item } };
	ck_assert_uint_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "AddKvpItems", arguments, 2).code, 32775);
	ck_assert_uint_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "AddKvpItems", arguments, 1).code, 32773);
	ck_assert_uint_eq(invoke("Msvm_VirtualSystemManagementService", NULL, "GetVirtualSystemThumbnailImage", NULL, 0).code, 32770);
}
END_TEST

/* WS-Transfer's Put changes settings as the methods do, and nothing else. */
static void on_put(void *arg, const struct cim_named_value *results, unsigned count, const struct cim_error *error)
{
	(void)results, (void)count;
	*(int *)arg = error ? (int)error->status : CIM_OK;
}

START_TEST(settings_are_put)
{
	struct cim_item key = { 0 }, notes = { .text = "put" };
	struct cim_named_value name = { "InstanceID", { .count = 1, .items = &key } }, property = { "Notes", { .array = true, .count = 1, .items = &notes } };
	struct cim_path path = { V2, "Msvm_VirtualSystemSettingData", &name, 1 };
	char id[60];
	int status = -1;

	snprintf(id, sizeof id, "Microsoft:%s", guid_of("bad"));
	key.text = id;
	cim_put(cim, &path, &property, 1, on_put, &status);
	while (status < 0)
		uv_run(&live_loop, UV_RUN_ONCE);
	ck_assert_int_eq(status, CIM_OK);
	ck_assert_str_eq(ask_one("Notes", "SELECT * FROM Msvm_VirtualSystemSettingData WHERE InstanceID='%s'", id), "put");
	status = -1;
	path.class = "Msvm_VirtualSystemManagementService";
	cim_put(cim, &path, &property, 1, on_put, &status);
	ck_assert_int_eq(status, CIM_NOT_SUPPORTED);
	path.class = "Msvm_VirtualSystemSettingData";
	key.text = "Microsoft:00000000-0000-0000-0000-000000000000";
	status = -1;
	cim_put(cim, &path, &property, 1, on_put, &status);
	ck_assert_int_eq(status, CIM_NOT_FOUND);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cim live");
	TCase *tests = tcase_create("live");
	SRunner *runner = srunner_create(suite);
	int failed;

	dir = getenv("dir");
	tcase_add_unchecked_fixture(tests, live_open, live_close);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, every_class_can_be_enumerated);
	tcase_add_test(tests, a_partition_and_what_belongs_to_it);
	tcase_add_test(tests, queries_that_cannot_be_answered);
	tcase_add_test(tests, states_change_as_asked);
	tcase_add_test(tests, memory_of_a_running_partition);
	tcase_add_test(tests, a_disk_comes_to_a_running_partition_and_goes);
	tcase_add_test(tests, a_start_that_fails_says_why);
	tcase_add_test(tests, a_guest_is_shut_down);
	tcase_add_test(tests, a_partition_is_defined_filled_and_destroyed);
	tcase_add_test(tests, a_partition_is_defined_with_its_devices);
	tcase_add_test(tests, summaries_and_pairs);
	tcase_add_test(tests, settings_are_put);
	add_change_tests(tests);
	suite_add_tcase(suite, tests);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
