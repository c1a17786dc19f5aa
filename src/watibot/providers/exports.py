"""Somebody's export of threads, in any layout that is known: a folder or a file, only read.

An index (which thread is told in which places) is made once, in one pass and without keeping
messages; a thread is then read from its places alone. What is compressed, or tells of several
threads at once, is laid out in a temporary file for that. `archive_layouts.py` knows the layouts.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import tempfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import IO, Any

from watibot.errors import Cause, ProviderError
from watibot.providers import archive_file
from watibot.providers.archive import keys
from watibot.providers.archive_layouts import Chunk, UnknownLayout, chunks, merged
from watibot.threads import Form, Problem, RawThread, ThreadRef

_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_WHOLE = (".json", ".json.gz")
_UNNAMED = ("messages", "items", "runs", "steps", "run_steps", "thread", "data")
_LINE, _FILE, _SPOOL = range(3)  # where a place's bytes are

_BROKEN = (OSError, EOFError, zlib.error)


class Exports:
    """Keeps the promise of `ports.ThreadSource`. `path` is what the operator was given; it must
    not change while it is read."""

    name = "exports"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._index: Index | None = None

    async def close(self) -> None:
        """Gives the temporary file back."""
        if self._index is not None:
            self._index.close()

    async def check(self) -> str:
        """Raises ProviderError GONE when there is nothing under the path."""
        index = await self._indexed()
        found = f"{len(index.places)} threads in {len(index.files)} files"
        return f"{found}, {len(index.problems)} problems" if index.problems else found

    async def thread_ids(self) -> frozenset[str]:
        return frozenset((await self._indexed()).places)

    async def gives(self, ref: ThreadRef) -> bool:
        return True

    async def read(self, ref: ThreadRef) -> RawThread:
        """Raises ProviderError: NOT_FOUND for a thread that it does not have, INVALID when the
        file has changed since."""
        index = await self._indexed()
        thread_id = next((key for key in keys(ref) if key in index.places), None)
        if thread_id is None:
            raise ProviderError(self.name, Cause.NOT_FOUND, "no such thread in the exports")
        try:
            return await asyncio.to_thread(index.read, thread_id)
        except (*_BROKEN, ValueError, LookupError) as error:
            detail = f"the thread's file cannot be read: {type(error).__name__}"
            raise ProviderError(self.name, Cause.INVALID, detail) from None

    async def file(self, file_id: str) -> bytes | None:
        """From a folder named `files`, where a file's name begins with its id."""
        path = (await self._indexed()).bytes_of.get(file_id)
        return None if path is None else await asyncio.to_thread(path.read_bytes)

    async def problems(self) -> tuple[Problem, ...]:
        """Files and lines that could not be read."""
        return tuple((await self._indexed()).problems)

    async def _indexed(self) -> Index:
        async with self._lock:
            if self._index is None:
                try:
                    self._path.stat()
                    self._index = await asyncio.to_thread(Index, self._path)
                except OSError:
                    detail = "MIGRATION_EXPORTS cannot be read"
                    raise ProviderError(self.name, Cause.GONE, detail) from None
            return self._index


class Index:
    """Which thread is told where: for each place its file, the kind, offset and length."""

    def __init__(self, path: Path) -> None:
        self.places: dict[str, array[int]] = {}
        self.files: list[Path] = []
        self.bytes_of: dict[str, Path] = {}
        self.problems: list[Problem] = []
        self._root = path if path.is_dir() else path.parent
        self._file_meta: dict[str, dict[str, Any]] = {}
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 (`close` ends it)
        for file in _files(path):
            if "files" in file.relative_to(self._root).parts[:-1]:
                self.bytes_of |= {file.name: file, file.name.partition(".")[0]: file}
            elif file.name.endswith((*_LINES, *_WHOLE)):
                self._add(file)
        self._spool.flush()

    def close(self) -> None:
        self._spool.close()

    def read(self, thread_id: str) -> RawThread:
        """The thread, from all of its places."""
        told: dict[int, list[Chunk]] = {}
        numbers = self.places[thread_id]
        for at in range(0, len(numbers), 4):
            chunk = self._chunk(thread_id, *numbers[at : at + 4])
            told.setdefault(numbers[at], []).append(chunk)
        raw = merged(thread_id, Exports.name, list(told.values()))
        text = json.dumps(raw.messages) if self._file_meta else ""
        named = {id_: meta for id_, meta in self._file_meta.items() if f'"{id_}"' in text}
        thread = raw.thread
        if raw.form in (Form.CHAT, Form.CONVERSATION) and "created_at" not in thread:
            newest = max(self.files[file].stat().st_mtime for file in told)
            thread = {**thread, "created_at": int(newest)}
        return replace(raw, thread=thread, files={**named, **raw.files})

    def _chunk(self, thread_id: str, number: int, kind: int, offset: int, length: int) -> Chunk:
        if kind == _FILE:
            with _open(self.files[number]) as file:
                return _whole(file.read(), thread_id)
        if kind == _SPOOL:
            packed = json.loads(os.pread(self._spool.fileno(), length, offset))
            return Chunk(**{**packed, "form": Form(packed["form"])})
        with self.files[number].open("rb") as file:
            file.seek(offset)
            return chunks(json.loads(file.read(length)), thread_id)[0]

    def _add(self, path: Path) -> None:
        number, line = len(self.files), 0
        self.files.append(path)
        try:
            with _open(path) as file:
                if path.name.endswith(_WHOLE):
                    self._add_whole(number, file.read())
                    return
                offset = 0
                for line, data in enumerate(file, start=1):
                    if line == 1 and archive_file.MARK.encode() in data[:40]:
                        self._add_whole(number, data + file.read())
                        return
                    if data.strip():
                        self._add_line(number, line, offset, data)
                    offset += len(data)
        except _BROKEN as error:
            self._tell(number, f"broken off: {type(error).__name__}", line + 1)

    def _add_whole(self, number: int, data: bytes) -> None:
        name = _name_of(self.files[number])
        try:
            found = [_whole(data, name)] if _is_kept(data) else chunks(json.loads(data), name)
        except (ValueError, LookupError, RecursionError) as error:
            self._tell(number, _reason(error), None)
        else:
            self._place(number, found, (_FILE, 0, 0))

    def _add_line(self, number: int, line: int, offset: int, data: bytes) -> None:
        path = self.files[number]
        try:
            found = chunks(json.loads(data), f"{_name_of(path)}-{line}")
        except (ValueError, RecursionError) as error:
            self._tell(number, _reason(error), line)
        else:
            plain = not path.name.endswith(".gz")
            self._place(number, found, (_LINE, offset, len(data)) if plain else None)

    def _place(self, number: int, found: list[Chunk], place: tuple[int, int, int] | None) -> None:
        """Notes where each chunk is: where it was read, if that tells of this thread alone."""
        for chunk in found:
            if chunk.files and not (chunk.messages or chunk.runs or chunk.steps or chunk.thread):
                self._file_meta |= chunk.files
                continue
            at = place if place and len(found) == 1 else self._spooled(chunk)
            self.places.setdefault(chunk.thread_id, array("q")).extend((number, *at))

    def _spooled(self, chunk: Chunk) -> tuple[int, int, int]:
        packed = {each.name: getattr(chunk, each.name) for each in fields(chunk)}
        data = json.dumps(packed).encode()
        offset = self._spool.tell()
        self._spool.write(data)
        return _SPOOL, offset, len(data)

    def _tell(self, number: int, what: str, line: int | None) -> None:
        file = str(self.files[number].relative_to(self._root))
        self.problems.append(Problem(file, what, line))


def _files(path: Path) -> Iterator[Path]:
    """Every file that is not hidden, in the order of names."""
    if path.is_file():
        yield path
        return
    for each in sorted(path.iterdir()):
        if not each.name.startswith("."):
            yield from _files(each)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _name_of(path: Path) -> str:
    """What names a thread without an id: its file, or the folder of a file that is named after what
    is in it."""
    name = path.name.partition(".")[0]
    return path.parent.name if name in _UNNAMED else name


def _is_kept(data: bytes) -> bool:
    return archive_file.MARK.encode() in data[:40]


def _whole(data: bytes, name: str) -> Chunk:
    """The one chunk of a whole file."""
    if not _is_kept(data):
        return chunks(json.loads(data), name)[0]
    raw = archive_file.parse(data.splitlines())
    return Chunk(
        raw.thread_id,
        raw.form,
        thread=raw.thread,
        messages=list(raw.messages),
        runs=None if raw.runs is None else list(raw.runs),
        files=dict(raw.files),
        errors=list(raw.errors),
    )


def _reason(error: Exception) -> str:
    """Without a word of the file's: a decoder's message quotes none, a key error would."""
    if isinstance(error, UnknownLayout):
        return f"no known layout: {error}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return "not JSON" if isinstance(error, json.JSONDecodeError) else "cannot be read"
