/* SPDX-License-Identifier: BSD-2-Clause */
/* From XML to CIM values: a method's arguments, an instance to be put, embedded instances in both of their forms. All is text; cim converts. */
#ifndef BULKHEAD_WSMAN_ARGUMENTS_H
#define BULKHEAD_WSMAN_ARGUMENTS_H

#include "wmi-like-api/cim/cim.h"
#include "wmi-like-api/wsman/envelope.h"

#define ARGUMENTS_MAX  256u    /**< names in one element, properties of an instance */
#define ITEMS_MAX      1024u   /**< values of an array */

struct argument_list {
	struct cim_named_value *values;   /**< the scratch's */
	unsigned count;
};

/** The children of <M_INPUT>; the method's parameters say what each is. Unknown names are a fault. */
int arguments_parse(struct scratch *scratch, const xmlNode *input, const struct cim_method *method, struct argument_list *ret, struct fault *fault);
/** The children of an instance's element, as text; class may be NULL. */
int arguments_parse_properties(struct scratch *scratch, const xmlNode *instance, struct argument_list *ret, struct fault *fault);
/** An embedded instance as text: <INSTANCE CLASSNAME=…><PROPERTY …> of DSP0201. */
int embedded_parse(struct scratch *scratch, const char *text, size_t size, struct cim_instance *ret, struct fault *fault);
/** A reference as cim names it. */
int arguments_path(struct scratch *scratch, const struct reference *reference, struct cim_path *ret, struct fault *fault);

#endif
