# SPDX-License-Identifier: BSD-2-Clause
# A client of others: pywinrm's transport (Debian's python3-winrm) carries what xml.etree makes and takes apart; nothing of ours.
# winrm_client.py URL CA USER PASSWORD {list | call UUID STATE}: prints a line an instance, or the end of a state change.
import sys
import time
import uuid
import xml.etree.ElementTree as ET

from winrm.exceptions import WinRMTransportError
from winrm.transport import Transport

S = "http://www.w3.org/2003/05/soap-envelope"
A = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
N = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
W = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
V2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"


def send(transport, action, uri, body, selectors=()):
    envelope = ET.Element(f"{{{S}}}Envelope")
    header = ET.SubElement(envelope, f"{{{S}}}Header")
    ET.SubElement(header, f"{{{A}}}To").text = "http://windows-host:5985/wsman"
    reply_to = ET.SubElement(header, f"{{{A}}}ReplyTo")
    ET.SubElement(reply_to, f"{{{A}}}Address", mustUnderstand="true").text = A + "/role/anonymous"
    ET.SubElement(header, f"{{{W}}}ResourceURI", mustUnderstand="true").text = uri
    ET.SubElement(header, f"{{{A}}}Action", mustUnderstand="true").text = action
    ET.SubElement(header, f"{{{A}}}MessageID").text = f"uuid:{uuid.uuid4()}"
    if selectors:
        selector_set = ET.SubElement(header, f"{{{W}}}SelectorSet")
        for name, value in selectors:
            ET.SubElement(selector_set, f"{{{W}}}Selector", Name=name).text = value
    ET.SubElement(envelope, f"{{{S}}}Body").append(body)
    reply = ET.fromstring(transport.send_message(ET.tostring(envelope)))
    return reply.find(f"{{{S}}}Body")[0]


def query(transport, wql):
    request = ET.Element(f"{{{N}}}Enumerate")
    ET.SubElement(request, f"{{{W}}}Filter", Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL").text = wql
    reply = send(transport, N + "/Enumerate", V2 + "*", request)
    while True:
        context = reply.findtext(f"{{{N}}}EnumerationContext")
        items = reply.find(f"{{{N}}}Items")
        if items is not None:
            yield from ({child.tag.split("}")[1]: child.text for child in item} for item in items)
        if not context or reply.find(f"{{{N}}}EndOfSequence") is not None:
            return
        request = ET.Element(f"{{{N}}}Pull")
        ET.SubElement(request, f"{{{N}}}EnumerationContext").text = context
        reply = send(transport, N + "/Pull", V2 + "*", request)


def request_state(transport, name, state):
    uri = V2 + "Msvm_ComputerSystem"
    request = ET.Element(f"{{{uri}}}RequestStateChange_INPUT")
    ET.SubElement(request, f"{{{uri}}}RequestedState").text = state
    reply = send(transport, uri + "/RequestStateChange", uri, request,
                 (("CreationClassName", "Msvm_ComputerSystem"), ("Name", name)))
    code = reply.findtext(f"{{{uri}}}ReturnValue")
    if code != "4096":
        return code
    job = reply.find(f".//{{{W}}}Selector[@Name='InstanceID']").text
    while True:
        state = next(query(transport, f"SELECT * FROM Msvm_ConcreteJob WHERE InstanceID = '{job}'"))
        if int(state["JobState"]) >= 7:
            return f"job {state['JobState']} {state['ErrorCode']}"
        time.sleep(0.1)


def main():
    url, ca, user, password, verb, *rest = sys.argv[1:]
    transport = Transport(url, username=user, password=password, auth_method="basic", ca_trust_path=ca)
    transport.build_session()
    try:
        if verb == "list":
            for system in query(transport, "SELECT * FROM Msvm_ComputerSystem WHERE Caption = 'Virtual Machine'"):
                print(system["ElementName"], system["Name"].lower(), system["EnabledState"])
        else:
            print(request_state(transport, *rest))
    except WinRMTransportError as error:
        sys.exit(f"HTTP {error.code}: {error.response_text}")


main()
