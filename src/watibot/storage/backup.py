"""A backup: a folder that holds the store as it was at one moment, the files that guests sent, the
hotel's own files, and a manifest that says what has to be there.

`cli/backup.py` is before it, `snapshots.py` copies the store, `restore.py` is the way back. A
backup is made under another name and renamed at its end, so that whatever has a backup's name is
whole. Guests' files are named by their digest: what the backup before this one has already is the
same file once more (a hard link) and takes no room.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watibot import __version__
from watibot.errors import WatiBotError
from watibot.storage import snapshots

MANIFEST, MEDIA = "manifest.json", "media"
_FORM = 1  # of the manifest
_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}Z")
_UNFINISHED = re.compile(rf"\.(?:new|old)-{_NAME.pattern}")
IS_MEDIA = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")  # as DiskMediaFiles names them
_LAST = "backups.json"
_CHUNK = 1024 * 1024
NOT_INCLUDED = (
    ".env with its secrets",
    "the service account's key",
    "the archive of a migration",
    "captures",
)

# What is under way, how much of it is done, of how much.
Progress = Callable[[str, int, int], None]


class BackupError(WatiBotError):
    """There is no such backup, or it is not what it was. One line."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `at`: the moment of the store. `tables`: rows of each. `files`: SHA-256
    by name, guests' files apart; `media`: their number, `media_bytes`: their size together."""

    at: datetime
    version: str
    database: str
    schema: str
    tables: Mapping[str, int]
    files: Mapping[str, str]
    media: int
    media_bytes: int
    media_missing: int
    not_included: tuple[str, ...] = NOT_INCLUDED

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


def make(
    url: str,
    data_dir: Path,
    folder: Path,
    own_files: Mapping[str, Path],
    now: datetime,
    progress: Progress,
) -> tuple[Path, Manifest]:
    """A new backup in `folder`, beside a running service. `own_files` are copied under these names.
    Raises BackupError, OSError, and what the database's driver raises."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
    with _alone(folder):
        if (folder / name).exists():
            raise BackupError(f"{folder / name} is there already")
        _clear(folder)
        before = (found := backups(folder)) and found[-1] / MEDIA
        making = folder / f".new-{name}"
        making.mkdir()
        store = snapshots.copy(url, making, lambda done, of: progress("store", done, of))
        count, size, missing = _media(store.media, data_dir, making, before or None, progress)
        files = {one: digest_of(making / one) for one in (*store.files, _list(making, store.media))}
        for own, path in own_files.items():
            files[own] = copied(path, making / own)
        manifest = Manifest(
            now,
            __version__,
            store.database,
            store.schema,
            store.tables,
            files,
            count,
            size,
            missing,
        )
        _write(making / MANIFEST, _sealed(manifest))
        _sync_all(making)
        os.rename(making, folder / name)
        sync(folder)
        note = {"last": now.isoformat(), "where": str((folder / name).resolve())}
        _write(data_dir / f".{_LAST}", json.dumps(note))
        os.replace(data_dir / f".{_LAST}", data_dir / _LAST)
    return folder / name, manifest


def last_backup(data_dir: Path) -> datetime | None:
    """When the last one was made that came to its end."""
    try:
        return datetime.fromisoformat(json.loads((data_dir / _LAST).read_bytes())["last"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def backups(folder: Path) -> list[Path]:
    """The oldest first."""
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if _NAME.fullmatch(each.name))


def drop(folder: Path, keep: int) -> list[Path]:
    """Removes all but the newest `keep`; what was removed."""
    with _alone(folder):
        gone = backups(folder)[: -max(keep, 1)]
        for each in gone:
            going = each.with_name(f".old-{each.name}")
            os.rename(each, going)
            shutil.rmtree(going)
    return gone


def read(path: Path) -> Manifest:
    """The manifest. Raises BackupError."""
    try:
        found = json.loads((path / MANIFEST).read_bytes())
        seal = found.pop("seal")
        if found.pop("form") != _FORM:
            raise BackupError(f"{path}: made by another version of watibot ({found['version']})")
        if seal != _seal(found):
            raise BackupError(f"{path}: its manifest was changed")
        found["at"] = datetime.fromisoformat(found["at"])
        return Manifest(**{**found, "not_included": tuple(found["not_included"])})
    except FileNotFoundError:
        raise BackupError(f"{path}: there is no backup here") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackupError(f"{path}: its manifest cannot be read") from None


def check(path: Path, progress: Progress) -> tuple[Manifest, list[str]]:
    """What is wrong with it, a line each; nothing if it can be restored. All bytes are read. Raises
    BackupError."""
    manifest = read(path)
    wrong = []
    for name, digest in manifest.files.items():
        if not (path / name).is_file():
            wrong.append(f"{name} is missing")
        elif digest_of(path / name) != digest:
            wrong.append(f"{name} was changed")
    if wrong:
        return manifest, wrong
    try:
        tables = snapshots.counts(path, manifest.database)
    except snapshots.Unreadable as error:
        return manifest, [f"the store cannot be read: {error}"]
    if tables != manifest.tables:
        wrong.append("the store's rows are not those of the manifest")
    named = media_names(path)
    for number, name in enumerate(named):
        progress("media", number, len(named))
        file = path / MEDIA / name
        if not IS_MEDIA.fullmatch(name) or not file.is_file():
            wrong.append(f"media {name[:15]}… is missing")
        elif digest_of(file) != file.name:
            wrong.append(f"media {name[:15]}… was changed")
    if len(named) != manifest.media:
        wrong.append("the list of guests' files is not that of the manifest")
    return manifest, wrong


def media_names(path: Path) -> list[str]:
    """Guests' files in it, as the store names them."""
    return (path / f"{MEDIA}.txt").read_text("utf-8").splitlines()


def _media(
    names: list[str], data_dir: Path, making: Path, before: Path | None, progress: Progress
) -> tuple[int, int, int]:
    """How many were copied, their bytes, how many are not there. `names` keeps those that are."""
    size, missing = 0, []
    for number, name in enumerate(names):
        progress("media", number, len(names))
        source, target = data_dir / MEDIA / name, making / MEDIA / name
        if not IS_MEDIA.fullmatch(name):
            missing.append(name)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            linked = before is not None and _linked(before / name, target)
            if not linked and copied(source, target) != target.name:
                raise BackupError(f"{source} is not what it was: its digest is another")
            size += target.stat().st_size
        except FileNotFoundError:
            missing.append(name)
    names[:] = [name for name in names if name not in set(missing)]
    return len(names), size, len(missing)


def _linked(earlier: Path, target: Path) -> bool:
    try:
        os.link(earlier, target)
    except OSError:  # not there, or a disk that knows no links
        return False
    return True


def _list(making: Path, names: list[str]) -> str:
    _write(making / f"{MEDIA}.txt", "".join(f"{name}\n" for name in names))
    return f"{MEDIA}.txt"


def copied(source: Path, target: Path) -> str:
    """The digest of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as read_from, target.open("wb") as out:
        while chunk := read_from.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sealed(manifest: Manifest) -> str:
    found = {**asdict(manifest), "at": manifest.at.isoformat()}
    plain = json.loads(json.dumps(found))
    return json.dumps({"form": _FORM, "seal": _seal(plain), **plain}, indent=1) + "\n"


def _seal(plain: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


def _sync_all(folder: Path) -> None:
    for path, _, files in os.walk(folder):
        for name in files:
            sync(Path(path) / name)
        sync(Path(path))


def sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _clear(folder: Path) -> None:
    """What a killed process left."""
    for each in folder.iterdir():
        if _UNFINISHED.fullmatch(each.name):
            shutil.rmtree(each)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time in a folder."""
    file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupError(f"{folder}: another backup is being made here") from None
    finally:
        with suppress(OSError):
            os.close(file)
