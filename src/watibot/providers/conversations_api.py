"""Pasts that were moved into OpenAI's Conversations API, which still answers.

The migration reads here (`ports.ThreadSource`). Items have an order, but no times of their own.
OpenAI's own move makes new ids: a mapping file, as such tools leave one behind, leads from a thread
to its conversation. Beneath it is `openai_http.py`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from watibot.errors import Cause, ProviderError, SettingsError
from watibot.providers.openai_files import Files
from watibot.providers.openai_http import CONVERSATIONS, OpenAIHttp
from watibot.providers.openai_key import PROVIDER
from watibot.threads import Form, RawThread, ThreadRef

# What the API leaves out of items unless it is asked for.
_ALL_OF_IT = (
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "file_search_call.results",
)
_ID = re.compile(r"conv_[A-Za-z0-9_-]{1,199}")
_CONVERSATION_COLUMNS = ("conversation_id", "conv_id")


class ConversationsApi:
    """Keeps the promise of `ports.ThreadSource`. `mapping`: thread ids to conversation ids."""

    name = "conversations"

    def __init__(self, http: OpenAIHttp, mapping: Mapping[str, str] | None = None) -> None:
        self._http = http
        self._files = Files(http)
        self._mapping = mapping or {}

    async def check(self) -> str:
        await self._http.preflight(CONVERSATIONS)
        return f"conversations answer at {self._http.host}"

    async def thread_ids(self) -> frozenset[str] | None:
        return None

    async def gives(self, ref: ThreadRef) -> bool:
        return self._conversation_id(ref) is not None

    async def read(self, ref: ThreadRef) -> RawThread:
        """`thread_id` stays what was asked for; the conversation's own is in `thread`."""
        conversation_id = self._conversation_id(ref)
        if ref.thread_id is None or conversation_id is None:
            raise ProviderError(PROVIDER, Cause.NOT_FOUND, "no conversation id for it")
        path = f"/conversations/{conversation_id}"
        conversation = await self._http.get(CONVERSATIONS, path)
        params = {"order": "asc", "include[]": _ALL_OF_IT}
        items = await self._http.pages(CONVERSATIONS, f"{path}/items", params)
        files, errors = await self._files.named_in(items)
        return RawThread(
            thread_id=ref.thread_id,
            form=Form.CONVERSATION,
            source=self.name,
            thread=conversation,
            messages=tuple(items),
            runs=(),  # tool calls are among the items
            files=files,
            errors=tuple(errors),
        )

    async def file(self, file_id: str) -> bytes | None:
        return await self._files.content(file_id)

    def _conversation_id(self, ref: ThreadRef) -> str | None:
        thread_id = ref.thread_id or ""
        given = self._mapping.get(thread_id, thread_id)
        return given if _ID.fullmatch(given) else None


def read_mapping(path: Path) -> dict[str, str]:
    """Thread ids to conversation ids, out of lines `thread_id<TAB>conv_id` or
    `thread_id,conversation_id`; a first line of column names may say where they stand. Empty lines
    and lines that begin with # are left out. Raises SettingsError, which names the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(str(path), "bytes that are not UTF-8", "text in UTF-8") from None
    except OSError as error:
        raise SettingsError(str(path), type(error).__name__, "a file that can be read") from None
    mapping: dict[str, str] = {}
    columns: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = _cells(line)
        if columns is None:
            columns = _named_columns(cells) or (0, 1)
            if _named_columns(cells):
                continue
        if len(cells) <= max(columns):
            raise _wrong(path, number, "one column", "a thread id and a conversation id")
        thread_id, conversation_id = cells[columns[0]], cells[columns[1]]
        if not thread_id or not _ID.fullmatch(conversation_id):
            raise _wrong(path, number, "something else", "a thread id and an id that begins conv_")
        if mapping.setdefault(thread_id, conversation_id) != conversation_id:
            raise _wrong(path, number, f"{thread_id} a second time", "one conversation per thread")
    return mapping


def _cells(line: str) -> list[str]:
    row = next(csv.reader([line], delimiter="\t" if "\t" in line else ","))
    return [cell.strip() for cell in row]


def _named_columns(cells: list[str]) -> tuple[int, int] | None:
    names = [cell.casefold() for cell in cells]
    there = next((name for name in _CONVERSATION_COLUMNS if name in names), None)
    if there is None or "thread_id" not in names:
        return None
    return names.index("thread_id"), names.index(there)


def _wrong(path: Path, number: int, found: str, expected: str) -> SettingsError:
    return SettingsError(f"{path}, line {number}", found, expected)
