/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the protocols: DSP0226 1.2 (WS-Management), its appendix on WS-Addressing, -Transfer, -Enumeration and -Eventing, DSP0227 (CIM binding). */
#ifndef BULKHEAD_WSMAN_NAMES_H
#define BULKHEAD_WSMAN_NAMES_H

#define NS_SOAP        "http://www.w3.org/2003/05/soap-envelope"
#define NS_ADDRESSING  "http://schemas.xmlsoap.org/ws/2004/08/addressing"
#define NS_ADDRESSING1 "http://www.w3.org/2005/08/addressing"
#define NS_TRANSFER    "http://schemas.xmlsoap.org/ws/2004/09/transfer"
#define NS_ENUMERATION "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
#define NS_EVENTING    "http://schemas.xmlsoap.org/ws/2004/08/eventing"
#define NS_WSMAN       "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
#define NS_IDENTITY    "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
#define NS_BINDING     "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
#define NS_CIM         "http://schemas.dmtf.org/wbem/wscim/1/common"
#define NS_XSI         "http://www.w3.org/2001/XMLSchema-instance"
#define NS_FAULT       "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"

#define URI_ANONYMOUS  NS_ADDRESSING "/role/anonymous"
#define URI_WMI        "http://schemas.microsoft.com/wbem/wsman/1/wmi/"       /**< then namespace and class */
#define URI_CIM_SCHEMA "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"   /**< then a class; the namespace is a selector */
#define URI_FAULT_DETAIL "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"

#define ACTION_GET          NS_TRANSFER "/Get"
#define ACTION_PUT          NS_TRANSFER "/Put"
#define ACTION_CREATE       NS_TRANSFER "/Create"
#define ACTION_DELETE       NS_TRANSFER "/Delete"
#define ACTION_ENUMERATE    NS_ENUMERATION "/Enumerate"
#define ACTION_PULL         NS_ENUMERATION "/Pull"
#define ACTION_RELEASE      NS_ENUMERATION "/Release"
#define ACTION_RENEW        NS_EVENTING "/Renew"
#define ACTION_SUBSCRIBE    NS_EVENTING "/Subscribe"
#define ACTION_UNSUBSCRIBE  NS_EVENTING "/Unsubscribe"

#define DIALECT_WQL         "http://schemas.microsoft.com/wbem/wsman/1/WQL"
#define DIALECT_CQL         "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf"
#define DIALECT_ASSOCIATION "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"
#define DELIVERY_PULL       "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull"

#endif
