/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes under the model's clients: events, a connection that is lost, items of guests and times of processors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "live.h"

static struct answer change_items(const char *method, const char *key, const char *value)
{
	struct cim_item ref = { .text = guid }, item = { 0 }, name = { .text = key }, data = { .text = value };
	struct cim_named_value pair[] = { { "Name", { .count = 1, .items = &name } }, { "Data", { .count = 1, .items = &data } } };
	struct cim_instance in = { .class_name = "Msvm_KvpExchangeDataItem", .properties = pair, .property_count = 2 };
	struct cim_named_value arguments[] = {
		{ "TargetSystem", { .count = 1, .items = &ref } }, { "DataItems", { .array = true, .count = 1, .items = &item } },
	};

	item.instance = &in;
	return invoke("Msvm_VirtualSystemManagementService", NULL, method, arguments, 2);
}

static char seen[6000];

/* "Creation:EnabledState" of systems, "Creation/Class:property" of others: what a test wants to know of each. */
static void on_event(void *arg, struct cim_list *events)
{
	const char *property = arg ? arg : "EnabledState";

	for (unsigned k = 0; k < events->count; k++) {
		const struct cim_instance *event = events->instances[k], *target = NULL;

		for (unsigned i = 0; i < event->class->property_count; i++)
			if (!strcmp(event->class->properties[i].name, "TargetInstance"))
				target = event->values[i].items->instance;
		ck_assert_ptr_nonnull(target);
		snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s%s:%s ", event->class->name + 10, arg ? "/" : "",
			 arg ? target->class->name : "", value_of(target, property));
	}
	cim_list_free(events);
}

/* What bhctl does reaches a subscriber, and nothing that it did not ask for. */
START_TEST(events_reach_subscribers)
{
	const char *dir = getenv("dir");
	struct cim_error error = { 0 };
	struct cim_subscription *s;

	ck_assert_ptr_null(cim_subscribe(cim, V2, "SELECT * FROM Msvm_ComputerSystem", on_event, NULL, &error));
	s = cim_subscribe(cim, V2, "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'CIM_ComputerSystem' AND "
			  "TargetInstance.ElementName = 'eve'", on_event, NULL, &error);
	ck_assert_ptr_nonnull(s);
	*seen = 0;
	shell("sed 's,<name>a,<name>eve,; /<disk/d; /<uuid/d' %s/a.xml >%s/eve.xml && $BHCTL define %s/eve.xml >/dev/null", dir, dir, dir);
	eventually("3", "EnabledState", "SELECT * FROM Msvm_ComputerSystem WHERE ElementName='eve'");
	shell("$BHCTL start eve a >/dev/null");
	eventually("2", "EnabledState", "SELECT * FROM Msvm_ComputerSystem WHERE ElementName='eve'");
	shell("$BHCTL turn-off eve a >/dev/null && $BHCTL undefine eve >/dev/null");
	for (unsigned i = 0; !strstr(seen, "Deletion"); i++) {
		ck_assert_msg(i < 1000, "%s", seen);
		uv_run(&live_loop, UV_RUN_ONCE);
	}
	ck_assert_ptr_nonnull(strstr(seen, "CreationEvent:3 "));
	ck_assert_ptr_nonnull(strstr(seen, "ModificationEvent:2 "));
	ck_assert_ptr_nonnull(strstr(seen, "DeletionEvent:3 "));
	cim_unsubscribe(s);
}
END_TEST

static struct cim_subscription *hear(const char *class, const char *property)
{
	struct cim_error error = { 0 };
	struct cim_subscription *s;
	char query[300];

	snprintf(query, sizeof query, "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA '%s'", class);
	s = cim_subscribe(cim, V2, query, on_event, (void *)property, &error);
	ck_assert_ptr_nonnull(s);
	*seen = 0;
	return s;
}

static void heard(const char *what)
{
	for (unsigned i = 0; !strstr(seen, what); i++) {
		ck_assert_msg(i < 1000, "not '%s': %s", what, seen);
		uv_run(&live_loop, UV_RUN_ONCE);
	}
}

/* A job's begin, steps and end; what a new definition changes of the settings, and nothing that it leaves. */
START_TEST(events_of_jobs_and_settings)
{
	const char *dir = getenv("dir");
	struct cim_subscription *s;
	char job[300];

	eventually("3", "EnabledState", "SELECT * FROM Msvm_ComputerSystem WHERE ElementName='a'");
	s = hear("Msvm_ConcreteJob", "JobState");
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_str_eq(seen, "CreationEvent/Msvm_ConcreteJob:4 ModificationEvent/Msvm_ConcreteJob:7 ");
	cim_unsubscribe(s);
	guid_of("a");
	s = hear("CIM_ConcreteJob", "PercentComplete");
	ck_assert_uint_eq(job_end_state(change_items("AddKvpItems", "k", "v").path), 7);
	ck_assert_str_eq(seen, "CreationEvent/Msvm_ConcreteJob:0 ModificationEvent/Msvm_ConcreteJob:50 ModificationEvent/Msvm_ConcreteJob:100 ");
	cim_unsubscribe(s);
	ck_assert_uint_eq(request("a", "3", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);

	s = hear("CIM_SettingData", "ElementName");
	shell("sed 's,<memory.*</memory>,<memory unit=\"MiB\">20</memory><description>new</description>,; s,sda,sdb,' %s/a.xml >%s/changed.xml && "
	      "$BHCTL define %s/changed.xml >/dev/null", dir, dir, dir);
	heard("DeletionEvent/Msvm_StorageAllocationSettingData:Hard Disk Image ");
	heard("CreationEvent/Msvm_StorageAllocationSettingData:Hard Disk Image ");
	heard("ModificationEvent/Msvm_MemorySettingData:Memory ");
	heard("ModificationEvent/Msvm_VirtualSystemSettingData:a ");
	ck_assert_ptr_null(strstr(seen, "Processor"));
	ck_assert_ptr_null(strstr(seen, "Serial"));
	cim_unsubscribe(s);
	s = hear("CIM_EthernetPortAllocationSettingData", "ElementName");
	shell("$BHCTL attach-interface a --bridge br7 --config >/dev/null");
	heard("CreationEvent/Msvm_SyntheticEthernetPortSettingData:Network Adapter ");
	heard("CreationEvent/Msvm_EthernetPortAllocationSettingData:Dynamic Ethernet Switch Port ");
	*seen = 0;
	shell("$BHCTL define %s/a.xml >/dev/null", dir);
	heard("DeletionEvent/Msvm_EthernetPortAllocationSettingData:Dynamic Ethernet Switch Port ");
	cim_unsubscribe(s);
}
END_TEST

/* A connection that is lost is made again; what was known is not told again, and a job that waited for an answer has ended. */
START_TEST(a_lost_connection)
{
	struct cim_error error = { 0 };
	struct cim_subscription *s = cim_subscribe(cim, V2, "SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Msvm_ComputerSystem'",
						   on_event, NULL, &error);
	char job[300];

	eventually("3", "EnabledState", "SELECT * FROM Msvm_ComputerSystem WHERE ElementName='a'");
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	*seen = 0;
	ck_assert_uint_eq(request("a", "11", job), 4096);
	live_cut();
	ck_assert_uint_ge(job_end_state(job), 7);
	ck_assert_str_eq(ask_one("EnabledState", VM, "a"), "2");
	ck_assert_ptr_null(strstr(seen, "Creation"));
	ck_assert_ptr_null(strstr(seen, "Deletion"));
	shell("$BHCTL turn-off a >/dev/null");
	eventually("3", "EnabledState", "SELECT * FROM Msvm_ComputerSystem WHERE ElementName='a'");
	*seen = 0;
	live_cut();
	ck_assert_str_eq(seen, "");
	cim_unsubscribe(s);
}
END_TEST

/* Items that were written are shown when the job says so; of what does not run nothing is known, and null is shown. */
START_TEST(items_and_processors_of_what_runs)
{
	char job[300], items[200];

	snprintf(items, sizeof items, "SELECT * FROM Msvm_KvpExchangeComponentSettingData WHERE InstanceID LIKE '%%%s%%'", guid_of("a"));
	ck_assert_str_eq(ask_one("HostExchangeItems", "%s", items), "");
	ck_assert_str_eq(ask_one("EnabledState", "%s", items), "2");
	ck_assert_uint_eq(request("a", "2", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	eventually("2", "OperationalStatus", "SELECT * FROM Msvm_KvpExchangeComponent");
	ck_assert_ptr_nonnull(strstr(ask_one("GuestIntrinsicExchangeItems", "SELECT * FROM Msvm_KvpExchangeComponent"), "Fake &#38; Sons"));
	ck_assert_str_eq(ask_one("GuestOperatingSystem", "SELECT * FROM Msvm_SummaryInformation WHERE ElementName='a'"), "Fake & Sons");
	guid_of("a");
	ck_assert_uint_eq(job_end_state(change_items("AddKvpItems", "k", "<v>").path), 7);
	ck_assert_ptr_nonnull(strstr(ask_one("HostExchangeItems", "%s", items), "<VALUE>&#60;v&#62;</VALUE>"));
	ck_assert_ptr_nonnull(strstr(ask_one("HostExchangeItems", "%s", items), "<VALUE>0</VALUE>"));
	ck_assert_uint_eq(job_end_state(change_items("RemoveKvpItems", "k", "").path), 7);
	ck_assert_str_eq(ask_one("HostExchangeItems", "%s", items), "");
	ck_assert_uint_eq(job_end_state(change_items("RemoveKvpItems", "k", "").path), 10);
	ck_assert_str_ne(ask_one("DeviceID", "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='%s'} WHERE "
				 "ResultClass = Msvm_Processor", guid), "(none)");
	/* the fake worker's VPs run all of the time */
	eventually("100", "LoadPercentage", "SELECT * FROM Msvm_Processor");
	ck_assert_str_eq(ask_one("ProcessorLoad", "SELECT * FROM Msvm_SummaryInformation WHERE ElementName='a'"), "100");
	{
		struct cim_error error;
		struct cim_list *list = cim_query(cim, "root/cimv2", NULL, "SELECT * FROM Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor "
						  "WHERE Name = 'a:Hv VP 0'", &error);
		unsigned long long total, hypervisor;

		ck_assert(list && list->count == 1);
		total = strtoull(value_of(list->instances[0], "PercentTotalRunTime"), NULL, 10);
		hypervisor = strtoull(value_of(list->instances[0], "PercentHypervisorRunTime"), NULL, 10);
		ck_assert_msg(total > 10000000 && total == hypervisor * 10, "%llu, %llu", total, hypervisor);
		cim_list_free(list);
	}
	ck_assert_uint_eq(request("a", "3", job), 4096);
	ck_assert_uint_eq(job_end_state(job), 7);
	ck_assert_str_eq(ask_one("DeviceID", "SELECT * FROM Msvm_Processor"), "(none)");
	ck_assert_str_eq(ask_one("HostExchangeItems", "%s", items), "");
}
END_TEST

void add_change_tests(TCase *tests)
{
	tcase_add_test(tests, events_reach_subscribers);
	tcase_add_test(tests, events_of_jobs_and_settings);
	tcase_add_test(tests, a_lost_connection);
	tcase_add_test(tests, items_and_processors_of_what_runs);
}
