"""Downloading and keeping files: hosts, tokens, redirects, limits, types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from pydantic import SecretStr

from tests.clocks import FakeClock
from watibot import settings
from watibot.channels.http import new_client
from watibot.channels.media import DiskMediaFiles, HttpMediaSource
from watibot.channels.sniff import sniff
from watibot.emulators import manychat, wati
from watibot.emulators.kit import Clock, serve
from watibot.errors import Cause, ProviderError
from watibot.mediatypes import kind_of, readable
from watibot.messages import AttachmentKind, ChannelName
from watibot.ports.outside import File
from watibot.turns import Media, MediaState

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 40
WATI = "https://live-mt-server.wati.io/300100"
CDN = "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1&signature=a"
SAMPLES = Path(wati.__file__).parent / "data"
Handler = Callable[[httpx2.Request], Any]


def media(source: str) -> Media:
    return Media(1, "file", source, MediaState.PENDING)


class Seen:
    """Answers with one handler and keeps the requests."""

    def __init__(self, handler: Handler, base: str = WATI, **limits: Any) -> None:
        self.requests: list[httpx2.Request] = []
        self.counted: list[int] = []
        self._handler = handler
        self.clock = FakeClock()
        transport = httpx2.MockTransport(self._answer)
        self.source = HttpMediaSource(
            settings.Wati(base_url=base, token=SecretStr("Bearer secret")),
            settings.Media(**limits),
            httpx2.AsyncClient(transport=transport),
            self.clock,
            lambda: self.counted.append(len(self.requests)),
        )

    async def _answer(self, request: httpx2.Request) -> Any:
        self.requests.append(request)
        return self._handler(request)

    async def fetch(self, source: str, channel: ChannelName = ChannelName.WHATSAPP) -> File:
        return await self.source.fetch(channel, media(source))

    async def refusal(
        self, source: str, channel: ChannelName = ChannelName.WHATSAPP
    ) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.fetch(source, channel)
        return caught.value

    @property
    def tokens(self) -> list[str | None]:
        return [request.headers.get("authorization") for request in self.requests]


def jpeg(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, content=JPEG, headers={"content-type": "text/html"})


@pytest.mark.parametrize(
    ("source", "channel", "url", "token"),
    [
        (
            "data/images/a b&c.jpg",
            ChannelName.WHATSAPP,
            f"{WATI}/api/v1/getMedia?fileName=data%2Fimages%2Fa%20b%26c.jpg",
            "Bearer secret",
        ),
        (f"{WATI}/data/1.jpg", ChannelName.WHATSAPP, f"{WATI}/data/1.jpg", "Bearer secret"),
        (CDN, ChannelName.INSTAGRAM, CDN, None),
        ("https://fbcdn.net/1", ChannelName.FACEBOOK, "https://fbcdn.net/1", None),
        ("http://files.test:81/1", ChannelName.FACEBOOK, "http://files.test:81/1", None),
    ],
)
async def test_where_a_file_is_fetched_and_with_what(
    source: str, channel: ChannelName, url: str, token: str | None
) -> None:
    seen = Seen(jpeg, extra_hosts=("files.test:81",))
    assert File(JPEG, "image/jpeg") == await seen.fetch(source, channel)
    assert [url] == [str(request.url) for request in seen.requests]
    assert [token] == seen.tokens
    assert seen.counted == ([0] if token else [])  # before the request, and WATI's alone


@pytest.mark.parametrize(
    "source",
    [
        "https://evil.example/1",
        "https://fbsbx.com.evil.example/1",
        "https://notfbsbx.com/1",
        "https://fbsbx.com@evil.example/1",
        "https://evil.example\\@fbsbx.com/1",
        "https://evil.example#@fbsbx.com/1",
        "https://fbsbx.com:8443/1",
        "http://fbsbx.com/1",
        "http://live-mt-server.wati.io/300100/data/1.jpg",
        "https://live-mt-server.wati.io:444/300100/data/1.jpg",
        "https://wati.io/300100/data/1.jpg",
        "https://169.254.169.254/latest",
        "https://[::1]/1",
        "http://127.0.0.1:8804/1",
        "file:///etc/passwd",
        "https://",
    ],
)
async def test_other_hosts_are_not_asked(source: str) -> None:
    seen = Seen(jpeg)
    error = await seen.refusal(source)
    assert error.cause is Cause.INVALID
    assert error.detail == "host not allowed"
    assert seen.requests == []


@pytest.mark.parametrize("source", [f"{WATI}/api/v1/getContacts", "data/images/1.jpg"])
async def test_wati_is_not_asked_for_a_guest_of_another_channel(source: str) -> None:
    seen = Seen(jpeg)
    assert (await seen.refusal(source, ChannelName.INSTAGRAM)).cause is Cause.INVALID
    assert seen.requests == []


def redirects(*targets: str) -> Handler:
    left = list(targets)

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": left.pop(0)}) if left else jpeg(request)

    return answer


async def test_redirects_are_followed_without_the_token() -> None:
    seen = Seen(redirects("/300100/data/2.jpg", "https://scontent.xx.fbcdn.net/3.jpg"))
    await seen.fetch("data/images/1.jpg")
    assert seen.tokens == ["Bearer secret", "Bearer secret", None]


@pytest.mark.parametrize(
    ("targets", "detail", "asked"),
    [
        (["https://evil.example/"], "host not allowed", 1),
        (["//evil.example/1"], "host not allowed", 1),
        (["http://lookaside.fbsbx.com/"], "host not allowed", 1),
        (["https://[bad"], "not an address", 1),
        (["/1", "/2", "/3", "/4"], "too many redirects", 4),
    ],
)
async def test_redirects_that_are_not_followed(targets: list[str], detail: str, asked: int) -> None:
    seen = Seen(redirects(*targets))
    assert detail == (await seen.refusal(CDN)).detail
    assert asked == len(seen.requests)


@pytest.mark.parametrize(
    ("status", "cause", "detail"),
    [
        (403, Cause.INVALID, "link expired"),
        (404, Cause.INVALID, "link expired"),
        (410, Cause.INVALID, "link expired"),
        (401, Cause.UNAUTHORISED, ""),
        (429, Cause.THROTTLED, ""),
        (503, Cause.UNAVAILABLE, ""),
    ],
)
async def test_statuses(status: int, cause: Cause, detail: str) -> None:
    error = await Seen(lambda _: httpx2.Response(status)).refusal(CDN)
    assert (cause, detail) == (error.cause, error.detail)


async def test_an_empty_file_is_none() -> None:
    assert (await Seen(lambda _: httpx2.Response(200)).refusal(CDN)).detail == "empty file"


async def test_a_file_that_says_it_is_too_large_is_not_read() -> None:
    pulled: list[int] = []
    error = await Seen(endless(pulled, {"content-length": "2000"}), largest_bytes=1024).refusal(CDN)
    assert (error.cause, error.detail, pulled) == (Cause.INVALID, "too large", [])


async def test_a_file_that_does_not_say_so_is_cut_off() -> None:
    pulled: list[int] = []
    error = await Seen(endless(pulled, {}), largest_bytes=1024).refusal(CDN)
    assert error.detail == "too large"
    assert len(pulled) == 11


def endless(pulled: list[int], headers: dict[str, str]) -> Handler:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            pulled.append(1)
            yield b"x" * 100

    return lambda _: httpx2.Response(200, content=parts(), headers=headers)


async def test_a_slow_file_is_given_up() -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    seen = Seen(lambda _: httpx2.Response(200, content=never()), timeout=20)
    fetching = asyncio.ensure_future(seen.refusal(CDN))
    await seen.clock.advance(19)
    assert not fetching.done()
    await seen.clock.advance(2)
    assert (await fetching).cause is Cause.TIMEOUT


async def test_nobody_at_home() -> None:
    def refuse(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("https://lookaside.fbsbx.com/?signature=a")

    error = await Seen(refuse).refusal(CDN)
    assert error.cause is Cause.UNREACHABLE
    assert "signature" not in str(error)


async def test_files_of_the_emulated_providers() -> None:
    clock = FakeClock()
    whatsapp = wati.create(cast(Clock, clock), {})
    messenger = manychat.create(cast(Clock, clock), {"media_type": "text/html"})
    async with serve(whatsapp.app()) as url, serve(messenger.app()) as cdn, new_client(5) as http:
        messenger.change({"cdn_base": cdn})
        source = HttpMediaSource(
            settings.Wati(base_url=f"{url}/300100", token=SecretStr("wati-token")),
            settings.Media(extra_hosts=(cdn.removeprefix("http://"),)),
            http,
            clock,
        )
        control = f"{url}/_emulator/guests"
        await http.post(control, json={"waId": "50370000001"})
        said = await http.post(f"{control}/50370000001/messages", json={"media": "voice"})
        voice = await source.fetch(ChannelName.WHATSAPP, media(said.json()["data"]))
        assert voice == File((SAMPLES / "voice.ogg").read_bytes(), "audio/ogg")

        control = f"{cdn}/_emulator/guests"
        await http.post(control, json={"subscriber_id": "1", "platform": "instagram"})
        said = await http.post(f"{control}/1/messages", json={"media": "photo"})
        photo = await source.fetch(ChannelName.INSTAGRAM, media(said.json()["text"]))
        assert photo == File((SAMPLES / "photo.jpg").read_bytes(), "image/jpeg")


# --- types ------------------------------------------------------------------------------------


def iso_media(brand: bytes, *handlers: bytes) -> bytes:
    tracks = b"".join(b"\x00\x00\x00\x21hdlr" + b"\x00" * 8 + each for each in handlers)
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00" * 12 + tracks + b"\x00" * 64


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 32, "image/png"),
        (b"GIF89a" + b"\x00" * 32, "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 " + b"\x00" * 32, "image/webp"),
        (iso_media(b"heic"), "image/heic"),
        (iso_media(b"mif1"), "image/heif"),
        (iso_media(b"avif"), "image/avif"),
        (iso_media(b"isom", b"vide", b"soun"), "video/mp4"),
        (iso_media(b"isom", b"soun"), "audio/mp4"),
        (iso_media(b"M4A ", b"soun"), "audio/mp4"),
        (iso_media(b"qt  ", b"vide"), "video/quicktime"),
        (b"OggS\x00\x02" + b"\x00" * 22 + b"OpusHead" + b"\x00" * 16, "audio/ogg"),
        (b"OggS\x00\x02" + b"\x00" * 22 + b"\x80theora" + b"\x00" * 16, "video/ogg"),
        (b"ID3\x04" + b"\x00" * 32, "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + b"\x00" * 32, "audio/x-aac"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt " + b"\x00" * 32, "audio/wav"),
        (b"fLaC" + b"\x00" * 32, "audio/flac"),
        (b"#!AMR\n" + b"\x00" * 32, "audio/amr"),
        (b"%PDF-1.7\n", "application/pdf"),
        ("Reserva para mañana\n".encode(), "text/plain"),
        (b" <!DOCTYPE html><html>", "text/html"),
        (b"\x00\x01\x02", "application/octet-stream"),
        (b"\xff\xfe\x00", "application/octet-stream"),
        (b"O", "text/plain"),
    ],
)
def test_types_by_their_bytes(data: bytes, mime: str) -> None:
    assert mime == sniff(data)


@pytest.mark.parametrize(
    ("mime", "size", "expected"),
    [
        ("image/jpeg", 1, True),
        ("image/jpeg", 7 * 1024 * 1024 + 1, False),
        ("image/heic", 1000, True),
        ("image/gif", 1000, False),
        ("audio/ogg", 10_000_000, True),
        ("application/pdf", 20_000_000, True),
        ("application/pdf", 0, False),
        ("video/mp4", 1000, False),
        ("text/html", 1000, False),
        ("application/octet-stream", 1000, False),
    ],
)
def test_what_the_model_reads(mime: str, size: int, expected: bool) -> None:
    assert expected is readable(mime, size)


@pytest.mark.parametrize(
    ("mime", "kind"),
    [
        ("image/webp", AttachmentKind.IMAGE),
        ("audio/ogg", AttachmentKind.AUDIO),
        ("video/mp4", AttachmentKind.VIDEO),
        ("application/pdf", AttachmentKind.DOCUMENT),
        ("text/plain", AttachmentKind.DOCUMENT),
        ("application/octet-stream", AttachmentKind.FILE),
    ],
)
def test_kinds(mime: str, kind: AttachmentKind) -> None:
    assert kind is kind_of(mime)


# --- keeping ----------------------------------------------------------------------------------


def count(folder: Path) -> int:
    """Files below a folder, temporary ones included."""
    return sum(each.is_file() for each in folder.rglob("*"))


async def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    files = DiskMediaFiles(tmp_path / "media")
    path = await files.put(File(JPEG, "image/jpeg"))
    assert path == await files.put(File(JPEG, "image/jpeg"))
    assert path != await files.put(File(b"other", "text/plain"))
    assert await files.get(path) == JPEG
    assert count(tmp_path) == 2  # no temporary file is left


async def test_two_at_once_keep_one(tmp_path: Path) -> None:
    files = DiskMediaFiles(tmp_path)
    paths = await asyncio.gather(*(files.put(File(JPEG, "image/jpeg")) for _ in range(20)))
    assert len(set(paths)) == 1
    assert count(tmp_path) == 1


async def test_a_disk_that_refuses_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        await DiskMediaFiles(tmp_path).put(File(JPEG, "image/jpeg"))
    assert count(tmp_path) == 0
