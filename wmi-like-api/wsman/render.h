/* SPDX-License-Identifier: BSD-2-Clause */
/* CIM values as XML, the way of DSP0227 and of Windows: a property is an element in its class's namespace, null is xsi:nil. */
#ifndef BULKHEAD_WSMAN_RENDER_H
#define BULKHEAD_WSMAN_RENDER_H

#include "wmi-like-api/cim/cim.h"
#include "wmi-like-api/wsman/buffer.h"

/** How a request named its class, and so how answers name theirs. */
enum render_style { RENDER_WMI, RENDER_CIM_SCHEMA };

/** The namespace URI of a class. */
void render_class_uri(struct buffer *b, enum render_style style, const char *space, const char *class);
/** <p:Class xmlns:p=… xsi:type=…>, with the properties that were selected. The prefix xsi must be known around it. */
void render_instance(struct buffer *b, enum render_style style, const struct cim_instance *instance);
/** Address and ReferenceParameters. */
void render_reference(struct buffer *b, enum render_style style, const struct cim_path *path);
/** <a:EndpointReference> of an instance, by the keys of its class. */
void render_instance_reference(struct buffer *b, enum render_style style, const struct cim_instance *instance);
/** <prefix:name>, once for each value of an array; a null array is left out, any other null is xsi:nil. */
void render_value(struct buffer *b, enum render_style style, const char *prefix, const char *name, enum cim_type type, const struct cim_value *value);

#endif
