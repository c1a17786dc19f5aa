"""ManyChat's flow runner: renders the configured body and makes the External Request.

Fed by `manychat_guests.py` and `manychat_staff.py`; the configured URL is after it. There is no
retry, and ten seconds of patience (ManyChat's documented limit). A hand-built body is merged
without escaping, and one that is no JSON any more is not sent at all.
"""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, cast

from watibot.emulators.kit import Emulator
from watibot.emulators.manychat_world import Contact, Line, full_contact_data
from watibot.emulators.postman import TIMEOUT, Postman, encode


class Flows:
    """Makes the requests that the settings `webhook_*` and `body_*` describe. `waiting`: how many
    are under way."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._settings = emulator.settings
        self._postman: Postman | None = None
        self.waiting = 0

    def open(self) -> None:
        """Called in the serving loop, before anything is sent."""
        self._postman = Postman(self._emulator.journal)

    async def close(self) -> None:
        if self._postman is not None:
            await self._postman.close()

    def guest_said(self, contact: Contact, line: Line, spec: dict[str, Any]) -> None:
        """Runs the flow as `spec` (`duplicates`, `parallel`, `delay`, `hold`) says."""
        if line.lost:
            return
        if contact.paused_until > self._emulator.clock.time():
            self._not_sent(contact, line, "paused")
            return
        if spec.get("hold"):
            contact.held.append(line)
            return
        held, contact.held = contact.held, []
        # Rendered now: ManyChat's merge fields hold the last words at the moment of the flow.
        body = self._render(contact, line)
        self._background(self._deliver(contact, line, body, held, spec))

    def bot_off(self, contact: Contact, spec: dict[str, Any], *, on: bool, act: int) -> None:
        """The rule "tag applied/removed": a request without a message, as `spec` (`duplicates`,
        `delay`) says. `act` numbers the entry in the journal that it tells of."""
        body = encode({"subscriber_id": contact.id, "bot_off": on})
        self._background(self._rule(body, contact, spec, act))

    async def _rule(self, body: bytes, contact: Contact, spec: dict[str, Any], act: int) -> None:
        if delay := spec.get("delay"):
            await self._emulator.clock.sleep(delay)
        for _ in range(1 + int(spec.get("duplicates", 0))):
            await self._post(body, event="bot_off", subscriber_id=contact.id, act=act)

    async def _deliver(
        self,
        contact: Contact,
        line: Line,
        body: bytes,
        held: list[Line],
        spec: dict[str, Any],
    ) -> None:
        if delay := spec.get("delay"):
            await self._emulator.clock.sleep(delay)
        copies = 1 + int(spec.get("duplicates", 0))
        if spec.get("parallel"):
            await asyncio.gather(*(self._message(contact, line, body) for _ in range(copies)))
        else:
            for _ in range(copies):
                await self._message(contact, line, body)
        for late in held:
            await self._message(contact, late, self._render(contact, late))

    async def _message(self, contact: Contact, line: Line, body: bytes) -> None:
        try:
            json.loads(body)
        except ValueError:
            self._not_sent(contact, line, "invalid_json")
            return
        outcome = await self._post(body, event="message", id=line.id, subscriber_id=contact.id)
        if outcome == 200:
            line.delivered = True
        elif outcome == TIMEOUT:
            self._emulator.journal.add("timeout", id=line.id, subscriber_id=contact.id)

    async def _post(self, body: bytes, **details: object) -> int | str:
        url = cast(str, self._settings["webhook_url"])
        if not url:
            return 200
        assert self._postman is not None
        headers = cast(dict[str, str], self._settings["webhook_headers"])
        patience = cast(float, self._settings["patience_seconds"])
        return await self._postman.post(url, body, patience, headers, **details)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        def done(_: asyncio.Task[None]) -> None:
            self.waiting -= 1

        self.waiting += 1
        self._emulator.background(work).add_done_callback(done)

    def _not_sent(self, contact: Contact, line: Line, reason: str) -> None:
        self._emulator.journal.add(
            "not_sent", id=line.id, subscriber_id=contact.id, text=line.text, reason=reason
        )

    def _render(self, contact: Contact, line: Line) -> bytes:
        data = {**full_contact_data(contact), "last_input_text": line.text}
        if self._settings["body_mode"] == "hand_built":
            return self._merge(contact, data, line.platform)
        constant = {"platform": line.platform} if self._settings["platform_constant"] else {}
        key = cast(str, self._settings["body_key"])
        return encode({key: data, **constant} if key else {**data, **constant})

    def _merge(self, contact: Contact, data: dict[str, Any], platform: str) -> bytes:
        template = cast(str, self._settings["body_template"])
        merged = template.replace("{{user_id}}", contact.id).replace("{{platform}}", platform)
        for name, value in data.items():
            # A field that the contact does not have stays a literal tag in the body.
            if value is not None:
                merged = merged.replace(f"{{{{{name}}}}}", str(value))
        return merged.encode()
