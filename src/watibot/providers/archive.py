"""Threads on our own disk: what a migration has read is kept here, word for word, and read again.

`migration/` puts a thread here before anything else is done with it. A thread is one compressed
file of JSON lines, `manifest.jsonl` has a line for each export, and the last line for a thread
counts. Everything is written whole under another name and then renamed, so that a crash leaves
either the old state or the new one. Guests are private: files are the owner's alone.
"""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import hashlib
import json
import os
import re
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Final

from watibot.errors import Cause, ProviderError
from watibot.providers import archive_file
from watibot.threads import Problem, RawThread, ThreadRef

MANIFEST: Final = "manifest.jsonl"
_LEVEL: Final = 1  # of compression: ten thousand threads are put at once
_LONGEST_LINE: Final = 65_536
_THREAD_ID = re.compile(r"(thread|conv)_[A-Za-z0-9_-]{1,80}")
_FILE_ID = re.compile(r"(file|assistant)[-_][A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A manifest's line. `file` is relative to the archive; `sha256` and `bytes` are the file's,
    `content` is the SHA-256 of the thread alone, without the time of its export."""

    thread_id: str
    file: str
    sha256: str
    bytes: int
    content: str
    messages: int
    runs: int
    exported_at: str
    source: str


class Archive:
    """Keeps the promise of `ports.ThreadSource`, and adds to what it has. One instance for a
    folder and process; other processes may read, and see what is new.

    `fsync=False` leaves it to the system when bytes reach the disk.
    """

    name = "archive"

    def __init__(self, folder: Path, *, fsync: bool = True) -> None:
        self._folder = folder
        self._fsync = fsync
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._read_to = 0  # bytes of the manifest
        self._unread: list[Problem] = []

    async def check(self) -> str:
        """How much it has; an archive that is not there yet is an empty one."""
        return f"{len(await self.entries())} threads in the archive"

    async def thread_ids(self) -> frozenset[str]:
        return frozenset(entry.thread_id for entry in await self.entries())

    async def gives(self, ref: ThreadRef) -> bool:
        return True

    async def read(self, ref: ThreadRef) -> RawThread:
        """As it was put. Raises ProviderError: NOT_FOUND when it has none, INVALID when the file is
        not what the manifest says."""
        return await asyncio.to_thread(self._read, ref)

    async def file(self, file_id: str) -> bytes | None:
        return await asyncio.to_thread(_bytes_of, self._file_path(file_id))

    async def put(self, raw: RawThread, exported_at: datetime) -> Entry:
        """Keeps the thread. If the archive has it just so, nothing is written."""
        return await asyncio.to_thread(self._put, raw, exported_at)

    async def put_file(self, file_id: str, data: bytes) -> None:
        """Keeps a file's bytes."""
        await asyncio.to_thread(self._write, self._file_path(file_id), data)

    async def drop(self, names: Sequence[str]) -> int:
        """Deletes the threads that go by one of these names, with their files; how many there were.
        Raises OSError."""
        return await asyncio.to_thread(self._drop, frozenset(names))

    async def entries(self) -> tuple[Entry, ...]:
        """What it has, a line for each thread, in the order of their first export."""
        return await asyncio.to_thread(self._known)

    async def verify(self) -> list[Problem]:
        """Reads every file and compares it with the manifest."""
        return await asyncio.to_thread(self._verify)

    # --- in a thread --------------------------------------------------------------------------

    def _read(self, ref: ThreadRef) -> RawThread:
        self._catch_up()
        found = (self._entries[key] for key in keys(ref) if key in self._entries)
        entry = next(found, None)
        if entry is None:
            raise ProviderError(self.name, Cause.NOT_FOUND, "no such thread in the archive")
        try:
            data = (self._folder / entry.file).read_bytes()
            if hashlib.sha256(data).hexdigest() == entry.sha256:
                return archive_file.parse(gzip.decompress(data).splitlines())
            problem = "differs from the manifest"
        except FileNotFoundError:
            problem = "is missing"
        except (OSError, EOFError, zlib.error, ValueError, LookupError):
            problem = "cannot be read"
        raise ProviderError(self.name, Cause.INVALID, f"the thread's file {problem}")

    def _put(self, raw: RawThread, exported_at: datetime) -> Entry:
        body = archive_file.body(raw)
        told = f"{raw.form} {raw.runs is None}\n".encode() + body
        content = hashlib.sha256(told).hexdigest()
        self._catch_up()
        before = self._entries.get(raw.thread_id)
        same = before is not None and before.content == content
        if before and same and _size(self._folder / before.file) == before.bytes:
            return before
        at = exported_at.isoformat()
        data = gzip.compress(archive_file.header(raw, at) + body, compresslevel=_LEVEL, mtime=0)
        file = _file_of(raw.thread_id, content)
        self._write(self._folder / file, data)
        entry = Entry(
            thread_id=raw.thread_id,
            file=file,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            content=content,
            messages=len(raw.messages),
            runs=len(raw.runs or ()),
            exported_at=at,
            source=raw.source,
        )
        self._append(json.dumps(asdict(entry)).encode() + b"\n")
        self._catch_up()
        if before and before.file != file:  # only now: until here the manifest named it
            (self._folder / before.file).unlink(missing_ok=True)
        return entry

    def _drop(self, names: frozenset[str]) -> int:
        """The manifest last: who is killed before that begins again. A line is blanked where it
        stands, because others remember how far they have read."""
        if not (self._folder / MANIFEST).exists():
            return 0
        dropped = set()
        with (self._folder / MANIFEST).open("r+b", 0) as manifest:
            fcntl.flock(manifest, fcntl.LOCK_EX)
            lines = manifest.read().splitlines(keepends=True)
            start = 0
            for line in lines:
                entry = _entry(line)
                if entry is not None and entry.thread_id in names:
                    self._drop_files(entry)
                    manifest.seek(start)
                    manifest.write(b" " * (len(line) - 1) + b"\n")
                    dropped.add(entry.thread_id)
                start += len(line)
            if self._fsync:
                os.fsync(manifest)
        with self._lock:
            for name in dropped:
                self._entries.pop(name, None)
        return len(dropped)

    def _drop_files(self, entry: Entry) -> None:
        path = self._folder / entry.file
        files: list[str] = []
        with suppress(OSError, EOFError, zlib.error, ValueError, LookupError):
            files += archive_file.parse(gzip.decompress(path.read_bytes()).splitlines()).files
        for file_id in files:
            self._file_path(file_id).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def _known(self) -> tuple[Entry, ...]:
        self._catch_up()
        with self._lock:
            return tuple(self._entries.values())

    def _verify(self) -> list[Problem]:
        problems = []
        for entry in self._known():
            data = _bytes_of(self._folder / entry.file)
            if data is None:
                problems.append(Problem(entry.file, "missing"))
            elif hashlib.sha256(data).hexdigest() != entry.sha256:
                problems.append(Problem(entry.file, "differs from the manifest"))
        return [*self._unread, *problems]

    def _catch_up(self) -> None:
        """Reads what the manifest has more than the last time. A last line without its end is that
        of a writer who was killed: it does not count."""
        with self._lock:
            if (_size(self._folder / MANIFEST) or 0) <= self._read_to:
                return
            with (self._folder / MANIFEST).open("rb") as manifest:
                manifest.seek(self._read_to)
                for line in manifest:
                    if not line.endswith(b"\n"):
                        break
                    entry = _entry(line)
                    if entry is not None:
                        self._entries[entry.thread_id] = entry
                    elif line.strip():  # else it was dropped
                        what = f"a line that cannot be read, at byte {self._read_to}"
                        self._unread.append(Problem(MANIFEST, what))
                    self._read_to += len(line)

    def _append(self, line: bytes) -> None:
        self._make(self._folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        with self._lock, open(os.open(self._folder / MANIFEST, flags, 0o600), "r+b", 0) as manifest:
            fcntl.flock(manifest, fcntl.LOCK_EX)
            _cut_torn_end(manifest)
            manifest.write(line)
            if self._fsync:
                os.fsync(manifest)
        if self._fsync and not self._read_to:
            _fsync_folder(self._folder)

    def _write(self, path: Path, data: bytes) -> None:
        """The whole file, or nothing of it."""
        self._make(path.parent)
        new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                if self._fsync:
                    file.flush()
                    os.fsync(file)
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        if self._fsync:
            _fsync_folder(path.parent)

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._folder
        for name in folder.relative_to(self._folder).parts:
            made /= name
            made.mkdir(mode=0o700, exist_ok=True)

    def _file_path(self, file_id: str) -> Path:
        return self._folder / "files" / _safe(file_id, _FILE_ID)


def _entry(line: bytes) -> Entry | None:
    """None for what is no line of a manifest."""
    try:
        return Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None


def keys(ref: ThreadRef) -> list[str]:
    """Under which names a conversation's past may be kept: its thread's, or, where it came from the
    channel's own history, the guest's."""
    named = (ref.thread_id, ref.conversation_id, ref.address)
    return list(dict.fromkeys(each for each in named if each))


def _file_of(thread_id: str, content: str) -> str:
    """A changed thread is another file, so that the manifest always names one that is whole."""
    folder = hashlib.sha256(thread_id.encode(errors="surrogatepass")).hexdigest()[:2]
    return f"threads/{folder}/{_safe(thread_id, _THREAD_ID)}.{content[:8]}.jsonl.gz"


def _safe(name: str, plain: re.Pattern[str]) -> str:
    """As it is, or its digest: it may be a number, or hold what no file's name may."""
    return (
        name
        if plain.fullmatch(name)
        else hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:40]
    )


def _cut_torn_end(manifest: FileIO) -> None:
    """What a killed writer left of its line would spoil the next one."""
    end = manifest.seek(0, os.SEEK_END)
    start = max(0, end - _LONGEST_LINE)
    manifest.seek(start)
    tail = manifest.read()
    if tail and not tail.endswith(b"\n"):
        manifest.truncate(start + tail.rfind(b"\n") + 1)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
