/* SPDX-License-Identifier: BSD-2-Clause */
/* How a partition's settings are named, as Hyper-V does: Microsoft:PARTITION\DEVICE\... */
#ifndef BULKHEAD_CIM_IDS_H
#define BULKHEAD_CIM_IDS_H

#include "wmi-like-api/cim/pool.h"
#include "wmi-like-api/cim/cim.h"
#include "wmi-like-api/cim/model.h"

#define ID_MAX 160u
#define RASD "Msvm_ResourceAllocationSettingData"
#define SASD "Msvm_StorageAllocationSettingData"
#define PROCESSOR_GUID  "B637F346-6A0E-4DEC-AF52-BD70CB80A21D"
#define MEMORY_GUID     "4764334D-E001-4176-82EE-5594EC9B530E"
#define CONTROLLER_GUID "D422512D-2BF2-4752-809D-7B82B5FCB1B4"
#define KVP_GUID        "2A34B1C2-FD73-4043-8A5B-DD2159BC743F"
#define SERIAL_GUID     "8E3A359F-559A-4B6A-98A9-1690A6100ED7"

void id_processor(char id[ID_MAX], const char *uuid);
void id_memory(char id[ID_MAX], const char *uuid);
void id_controller(char id[ID_MAX], const char *uuid, unsigned controller);
/** which: 'D' the drive, 'L' what is in it. */
void id_drive(char id[ID_MAX], const char *uuid, unsigned controller, unsigned lun, char which);
void id_serial(char id[ID_MAX], const char *uuid);
/** connection: of the port to its switch, else the port. */
void id_port(char id[ID_MAX], const char *uuid, const char *mac, bool connection);
/** A GUID made of the bridge's name. */
void id_switch(char guid[37], const char *bridge);
struct cim_path *switch_path(struct pool *pool, const char *guid);

enum id_kind { ID_SYSTEM, ID_PROCESSOR, ID_MEMORY, ID_CONTROLLER, ID_DRIVE, ID_DISK, ID_SERIAL, ID_PORT, ID_CONNECTION };

struct id {
	enum id_kind kind;
	char     uuid[37], mac[13];
	unsigned controller, lun;
};

/** Returns false for an InstanceID that is none of the above. */
bool id_parse(const char *text, struct id *ret);
/** A random GUID, in upper case. */
void id_new(char guid[37]);
/** The first GUID in a text, in upper case; false: none. */
bool id_find_guid(const char *text, char guid[37]);

#endif
