"""Which uploaded files the channels carry: decided by what the bytes are, and by how many."""

import base64
from typing import Any

import pytest

from watibot.emulators.samples import SAMPLES
from watibot.emulators.uploads import META_LARGEST, carried, sent

JPEG, OGG, PDF = b"\xff\xd8\xff\xe0rest", b"OggSrest", b"%PDF-1.7 rest"
MP4, M4A = b"\x00\x00\x00\x18ftypisom", b"\x00\x00\x00\x18ftypM4A "


@pytest.mark.parametrize(
    ("content", "type_", "content_type"),
    [
        (JPEG, "image", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBP", "sticker", "image/webp"),
        (OGG, "voice", "audio/ogg"),
        (b"ID3rest", "audio", "audio/mpeg"),
        (b"#!AMR\n", "audio", "audio/amr"),
        (M4A, "audio", "audio/mp4"),
        (MP4, "video", "video/mp4"),
        (b"\x00\x00\x00\x18ftyp3gp5", "video", "video/3gpp"),
        (PDF, "document", "application/pdf"),
    ],
)
def test_the_bytes_say_what_it_is(content: bytes, type_: str, content_type: str) -> None:
    found = carried("cuadro.exe", content, "whatsapp")
    assert (found.type, found.content_type, found.read()) == (type_, content_type, content)
    assert found.file == f"cuadro.{found.extension}"


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_our_own_samples_are_carried(name: str) -> None:
    sample = SAMPLES[name]
    found = carried(sample.file, sample.read(), "whatsapp")
    assert (found.type, found.folder) == (sample.type, sample.folder)


@pytest.mark.parametrize("content", [b"", b"MZ\x90", b"<html>", b"PK\x03\x04", b"RIFF1234WAVE"])
def test_what_is_something_else_is_not(content: bytes) -> None:
    with pytest.raises(ValueError, match="pictures, audio, video and PDF only"):
        carried("x.jpg", content, "whatsapp")


@pytest.mark.parametrize(
    ("content", "channel", "largest"),
    [
        (JPEG, "whatsapp", 5 << 20),
        (b"RIFF\x00\x00\x00\x00WEBP", "whatsapp", 500 * 1024),
        (OGG, "whatsapp", 16 << 20),
        (JPEG, "facebook", META_LARGEST),
        (JPEG, "instagram", META_LARGEST),
    ],
)
def test_how_large_it_may_be(content: bytes, channel: str, largest: int) -> None:
    full = content + bytes(largest - len(content))
    assert len(carried("x", full, channel).read()) == largest
    with pytest.raises(ValueError, match=f"at most {largest} bytes, not {largest + 1}"):
        carried("x", full + b"1", channel)


def test_instagram_carries_no_documents() -> None:
    assert carried("x.pdf", PDF, "facebook").type == "document"
    with pytest.raises(ValueError, match="Instagram carries no documents"):
        carried("x.pdf", PDF, "instagram")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Comprobante pago.pdf", "Comprobante pago.pdf"),
        ("../../etc/passwd", "file.pdf"),
        ("../../etc/shadow.pdf", "etcshadow.pdf"),
        ("<b>.pdf", "b.pdf"),
        ("", "file.pdf"),
        ("ñandú" * 30 + ".pdf", ("ñandú" * 30)[:60] + ".pdf"),
    ],
)
def test_names_are_names(name: str, expected: str) -> None:
    assert carried(name, PDF, "whatsapp").file == expected


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"file": "x"}, "name and content"),
        ({"file": {"name": "x"}}, "name and content"),
        ({"file": {"name": "x", "content": "no base64!"}}, "not base64"),
        ({"media": "nothing"}, "none of"),
    ],
)
def test_mistakes_are_named(spec: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sent(spec, "whatsapp")


def test_a_sample_a_file_or_nothing() -> None:
    assert sent({"text": "x"}, "whatsapp") is None
    assert sent({"media": "photo"}, "whatsapp") is SAMPLES["photo"]
    file = {"name": "x.jpg", "content": base64.b64encode(JPEG).decode()}
    found = sent({"file": file}, "whatsapp")
    assert found is not None
    assert found.read() == JPEG
