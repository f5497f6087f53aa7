/* SPDX-License-Identifier: BSD-2-Clause */
/* See fault.h. */
#include "wmi-like-api/wsman/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include "wmi-like-api/wsman/names.h"

#define SENDER   "s:Sender"
#define RECEIVER "s:Receiver"

static const struct fault_type types[FAULT_CODES] = {
	[FAULT_ACCESS_DENIED]           = { SENDER, "w:AccessDenied", NS_WSMAN, 400 },
	[FAULT_ACTION_NOT_SUPPORTED]    = { SENDER, "a:ActionNotSupported", NS_ADDRESSING, 400 },
	[FAULT_ALREADY_EXISTS]          = { SENDER, "w:AlreadyExists", NS_WSMAN, 400 },
	[FAULT_CANNOT_PROCESS_FILTER]   = { SENDER, "n:CannotProcessFilter", NS_ENUMERATION, 400 },
	[FAULT_CONCURRENCY]             = { SENDER, "w:Concurrency", NS_WSMAN, 400 },
	[FAULT_DELIVERY_MODE]           = { SENDER, "e:DeliveryModeRequestedUnavailable", NS_EVENTING, 400 },
	[FAULT_DESTINATION_UNREACHABLE] = { SENDER, "a:DestinationUnreachable", NS_ADDRESSING, 400 },
	[FAULT_ENCODING_LIMIT]          = { SENDER, "w:EncodingLimit", NS_WSMAN, 400 },
	[FAULT_ENDPOINT_UNAVAILABLE]    = { RECEIVER, "a:EndpointUnavailable", NS_ADDRESSING, 500 },
	[FAULT_EXPIRATION_TIME]         = { SENDER, "n:InvalidExpirationTime", NS_ENUMERATION, 400 },
	[FAULT_FILTER_DIALECT]          = { SENDER, "n:FilterDialectRequestedUnavailable", NS_ENUMERATION, 400 },
	[FAULT_INTERNAL_ERROR]          = { RECEIVER, "w:InternalError", NS_WSMAN, 500 },
	[FAULT_INVALID_CONTEXT]         = { RECEIVER, "n:InvalidEnumerationContext", NS_ENUMERATION, 500 },
	[FAULT_INVALID_HEADER]          = { SENDER, "a:InvalidMessageInformationHeader", NS_ADDRESSING, 400 },
	[FAULT_INVALID_PARAMETER]       = { SENDER, "w:InvalidParameter", NS_WSMAN, 400 },
	[FAULT_INVALID_SELECTORS]       = { SENDER, "w:InvalidSelectors", NS_WSMAN, 400 },
	[FAULT_HEADER_REQUIRED]         = { SENDER, "a:MessageInformationHeaderRequired", NS_ADDRESSING, 400 },
	[FAULT_MUST_UNDERSTAND]         = { "s:MustUnderstand", NULL, NULL, 500 },
	[FAULT_NO_SUBSCRIPTION]         = { SENDER, "e:InvalidMessage", NS_EVENTING, 400 },
	[FAULT_QUOTA_LIMIT]             = { SENDER, "w:QuotaLimit", NS_WSMAN, 400 },
	[FAULT_SCHEMA_VALIDATION]       = { SENDER, "w:SchemaValidationError", NS_WSMAN, 400 },
	[FAULT_TIMED_OUT]               = { RECEIVER, "w:TimedOut", NS_WSMAN, 500 },
	[FAULT_UNSUPPORTED_FEATURE]     = { SENDER, "w:UnsupportedFeature", NS_WSMAN, 400 },
	[FAULT_VERSION_MISMATCH]        = { "s:VersionMismatch", NULL, NULL, 500 },
};

const struct fault_type *fault_type(enum fault_code code)
{
	return &types[code > FAULT_NONE && code < FAULT_CODES ? code : FAULT_INTERNAL_ERROR];
}

int fault_set(struct fault *fault, enum fault_code code, const char *detail, const char *format, ...)
{
	va_list args;

	if (fault->code)
		return -1;
	fault->code = code;
	fault->detail = detail;
	va_start(args, format);
	vsnprintf(fault->text, sizeof fault->text, format, args);
	va_end(args);
	return -1;
}
