"""How WATI shows its nouns: webhook payloads and getMessages rows.

`wati_webhooks.py` sends the payloads, `wati.py` answers with the rows. The shapes are those of
WATI's webhook references (v2.2 to v2.6) and of captured getMessages answers, field by field.
"""

from typing import Any

from watibot.emulators.wati_world import Event, Guest, Message, iso

HOTEL_NUMBER = "50320000000"


def message_received(guest: Guest, message: Message) -> dict[str, Any]:
    """Event `message`. `operator*` name the assigned agent, not the author: `owner` tells that."""
    return {
        "id": message.id,
        "created": iso(message.created, 7),
        "whatsappMessageId": message.wamid,
        "conversationId": guest.conversation_id,
        "ticketId": message.ticket_id,
        "text": message.text,
        "type": message.type,
        "data": message.data,
        "sourceId": None,
        "sourceUrl": None,
        "timestamp": str(int(message.created)),
        "owner": False,
        "eventType": "message",
        "statusString": message.status,
        "avatarUrl": None,
        "assignedId": guest.operator.id if guest.operator else None,
        "operatorName": guest.operator.name if guest.operator else "Bot",
        "operatorEmail": guest.operator.email if guest.operator else None,
        "waId": guest.wa_id,
        "messageContact": None,
        "senderName": guest.name,
        "listReply": None,
        "interactiveButtonReply": None,
        "buttonReply": None,
        "replyContextId": message.reply_to,
        "sourceType": 0,
        "frequentlyForwarded": False,
        "forwarded": False,
        "channelId": None,
        "channelPhoneNumber": HOTEL_NUMBER,
        **_identity(guest),
        **message.extra,
    }


def chatbot_triggered(guest: Guest, message: Message, chatbot_id: str) -> dict[str, Any]:
    """Event `chatbotTriggered`: the guest's message once more, with the flow's id."""
    told = {**message_received(guest, message), "eventType": "chatbotTriggered"}
    return {**told, "chatbotId": chatbot_id}


def session_message_sent(guest: Guest, message: Message) -> dict[str, Any]:
    """Event `sessionMessageSent_v2`; the older twin is `older(...)` of it."""
    return {
        "eventType": "sessionMessageSent_v2",
        "localMessageId": message.local_message_id,
        "chatbotTriggeredEventId": None,
        "id": message.id,
        "whatsappMessageId": message.wamid,
        "conversationId": guest.conversation_id,
        "ticketId": message.ticket_id,
        "text": message.text,
        "type": message.type,
        "data": message.data,
        "timestamp": str(int(message.created)),
        "owner": True,
        "statusString": "SENT",
        "assigneeId": message.operator.id if message.operator else None,
        "operatorEmail": message.operator.email if message.operator else None,
        "operatorName": message.operator.name if message.operator else None,
        "waId": guest.wa_id,
        "replyContextId": message.reply_to,
        "channelId": None,
        "channelPhoneNumber": HOTEL_NUMBER,
        **_identity(guest),
        **message.extra,
    }


def template_message_sent(
    guest: Guest, message: Message, template: str, template_id: str
) -> dict[str, Any]:
    """Event `templateMessageSent_v2`; `message` is the template's, of type "template"."""
    return {
        **session_message_sent(guest, message),
        "eventType": "templateMessageSent_v2",
        "created": iso(message.created, 7),
        "sourceType": "BROADCAST" if message.operator is None else "MANUAL",
        "templateId": template_id,
        "templateName": template,
    }


def status_changed(guest: Guest, message: Message, status: str, now: float) -> dict[str, Any]:
    """Event `sentMessageDELIVERED_v2`, `..READ_v2` or `..REPLIED_v2`. It has no waId."""
    return {
        "eventType": f"sentMessage{status.upper()}_v2",
        "statusString": status.title(),
        "localMessageId": message.local_message_id,
        "id": message.id,
        "whatsappMessageId": message.wamid,
        "conversationId": guest.conversation_id,
        "ticketId": message.ticket_id,
        "text": message.text,
        "type": message.type,
        "timestamp": str(int(now)),
        "assigneeId": message.operator.id if message.operator else None,
        "operatorEmail": message.operator.email if message.operator else None,
        "channelId": None,
        "channelPhoneNumber": HOTEL_NUMBER,
    }


def older(payload: dict[str, Any]) -> dict[str, Any]:
    """The twin of a `_v2` event from before `_v2`: without localMessageId and waId."""
    dropped = ("localMessageId", "waId")
    twin = {key: value for key, value in payload.items() if key not in dropped}
    return {**twin, "eventType": payload["eventType"].removesuffix("_v2")}


def by_bsuid(payload: dict[str, Any]) -> dict[str, Any]:
    """The `*_bsuid` form of an event: the guest hides the number, so waId is missing."""
    twin = {key: value for key, value in payload.items() if key != "waId"}
    return {**twin, "eventType": payload["eventType"].removesuffix("_v2") + "_bsuid"}


def new_contact(guest: Guest, id_: str, now: float) -> dict[str, Any]:
    """Event `newContactMessageReceived`, which carries no text."""
    return {
        "eventType": "newContactMessageReceived",
        "id": id_,
        "created": iso(now, 7),
        "waId": guest.wa_id,
        "senderName": guest.name,
        "sourceId": None,
        "sourceUrl": None,
        "sourceType": 0,
        **_identity(guest),
    }


SAMPLE_CALLBACK: dict[str, Any] = {
    "id": "message.Id",
    "created": "2026-01-01T00:00:00.0000000Z",
    "whatsappMessageId": "message.WhatsappMessageId",
    "conversationId": "message.ConversationId",
    "ticketId": "message.TicketId",
    "text": "message.Text",
    "type": "text",
    "data": "message.Data",
    "timestamp": "message.Timestamp",
    "owner": False,
    "eventType": "message",
    "statusString": "message.StatusString",
    "avatarUrl": "message.AvatarUrl",
    "assignedId": "message.AssignedId",
    "operatorName": "message.OperatorName",
    "operatorEmail": "message.OperatorEmail",
    "waId": "message.WaId",
    "senderName": "message.SenderName",
}


def row(guest: Guest, item: Message | Event, echo: bool) -> dict[str, Any]:
    """A row of getMessages; `echo` says whether a caller's localMessageId is shown."""
    if isinstance(item, Message):
        return _message_row(guest, item, echo)
    base = {
        "id": item.id,
        "created": iso(item.created, 3),
        "conversationId": guest.conversation_id,
        "ticketId": item.ticket_id or None,
    }
    if item.type is None:
        return {
            "eventDescription": item.description,
            "finalText": item.text,
            "template": None,
            "mediaHeaderLink": None,
            "statusString": "SENT",
            "failedDetail": "",
            "localMessageId": None,
            **base,
            "eventType": "broadcastMessage",
        }
    return {
        "eventDescription": item.description,
        "type": item.type,
        "actor": item.actor,
        "assignee": item.assignee,
        "topicName": "General Enquiry" if item.type == 0 else None,
        **base,
        "eventType": "ticket",
    }


def _message_row(guest: Guest, message: Message, echo: bool) -> dict[str, Any]:
    # A tapped button reads as plain text here, unlike in the webhook.
    tapped = message.type in ("button", "interactive", "list")
    return {
        "replySourceMessage": None,
        "messageReferral": None,
        "text": message.text,
        "type": "text" if tapped else message.type,
        "data": message.data,
        "timestamp": str(int(message.created)),
        "owner": message.owner,
        "statusString": message.status,
        "avatarUrl": None,
        "assignedId": message.operator.id if message.operator else None,
        "operatorName": message.operator.name if message.operator else None,
        "localMessageId": message.local_message_id if echo else None,
        "failedDetail": "" if message.owner else None,
        "contacts": None,
        "id": message.id,
        "created": iso(message.created, 3),
        "conversationId": guest.conversation_id,
        "ticketId": message.ticket_id,
        "eventType": "message",
    }


def contact(guest: Guest, *, changed: bool) -> dict[str, Any]:
    """A contact of getContacts; `changed` adds when something last happened in the chat."""
    shown = {
        "id": guest.contact_id,
        "wAid": guest.wa_id,
        "fullName": guest.name,
        "phone": guest.wa_id,
        "customParams": [{"name": k, "value": v} for k, v in guest.attributes.items()],
    }
    return {**shown, "lastUpdated": iso(guest.changed(), 7)} if changed else shown


def line(message: Message) -> dict[str, Any]:
    """A message as the control routes show it."""
    return {
        "id": message.id,
        "wamid": message.wamid,
        "from": _author(message),
        "type": message.type,
        "text": message.text,
        "data": message.data,
        "at": iso(message.created, 3),
        "localMessageId": message.local_message_id,
        "operatorName": message.operator.name if message.operator else None,
        "status": message.status,
        "delivered": message.delivered,
    }


def _author(message: Message) -> str:
    if not message.owner:
        return "guest"
    if message.operator is None or message.operator.is_api:
        return "bot"
    return "staff" if message.operator.email else "chatbot"


def messages_page(rows: list[dict[str, Any]], number: int, size: int, total: int) -> dict[str, Any]:
    """The answer of getMessages. `total` counts messages only, so nobody may page by it."""
    return {
        "result": "success",
        "messages": {
            "items": rows,
            "pageNumber": number,
            "pageSize": size,
            "convCount": 0,
            "total": total,
            "grandTotal": 0,
            "orderBy": None,
            "lastId": None,
            "sortBy": 0,
            "filters": None,
            "allowFilters": None,
            "search": None,
        },
        "link": {
            "prevPage": None,
            "nextPage": None,
            "pageNumber": number,
            "pageSize": size,
            "total": total,
        },
    }


def _identity(guest: Guest) -> dict[str, Any]:
    return {"bsuid": guest.bsuid, "parentBsuid": None, "username": guest.username}
