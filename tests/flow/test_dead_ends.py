"""Every dead end ends with a person: kept once, told, repeated, and the guest knows the truth."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.dying import Fuse, Killed
from tests.fakes_vertex import FakeModel, Step, says
from tests.flow.dead_ends import PUBLIC_URL, Stage
from watibot.errors import Cause, ProviderError
from watibot.escalations import TITLES, EscalationCause
from watibot.instructions import Instructions
from watibot.messages import ChannelName, Receipt, ReceiptState, StaffMessage, Takeover
from watibot.service.answer import Along
from watibot.service.gate import Halt
from watibot.settings import Staff
from watibot.storage import schema
from watibot.storage import store as storage
from watibot.storage.store import SqlStore
from watibot.toolcalls import ToolCall
from watibot.turns import Turn

GUEST = "50370000001"
DENIED = ProviderError("vertex", Cause.UNAUTHORISED, "Permission denied", status=403)
PERSON = ToolCall("escalate_to_human", {"reason": "pide a Rosa", "cause": "angry"}, "c1")
NOTHING = Along()
GATE = ToolCall("open_the_gate", {}, "c1")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dead_ends") / "store.db"
    schema.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[SqlStore]:
    shutil.copy(template, tmp_path / "store.db")
    async with await storage.open(f"sqlite:///{tmp_path}/store.db", "posada") as opened:
        yield opened


async def _stops(turn: Turn) -> Halt | None:
    return Halt("stopped", "De acuerdo.", tell=True)


def _leaks(text: str, instructions: Instructions, turn: Turn) -> str | None:
    return "a passage of the instructions" if "SECRETO" in text else None


@dataclass(frozen=True)
class Case:
    """A dead end, what staff read of it and how the guest was answered. `asked`: the model's
    script, begun anew by each process that has no step of the turn."""

    cause: EscalationCause
    reason: str
    answered: str | None
    asked: tuple[Step, ...] = (says("Sí, tenemos piscina."),)
    along: Along = NOTHING
    silent: bool = False
    phone: bool = True
    hours: float = 0


CASES = {
    "no model": Case(EscalationCause.MODEL, "403", "Disculpe.", (DENIED,)),
    "a tool breaks down": Case(
        EscalationCause.TOOL,
        "open_the_gate): An error occurred while executing tool open_the_gate: OSError",
        "No puedo abrir.",
        (says("", GATE), says("No puedo abrir.")),
    ),
    "a person is wanted": Case(
        EscalationCause.ANGRY, "pide a Rosa", "Ya viene.", (says("", PERSON), says("Ya viene."))
    ),
    "an answer leaks": Case(
        EscalationCause.LEAK,
        "a passage of the instructions",
        "Eso no se lo puedo compartir por aquí.",
        (says("SECRETO"),),
        Along(leak=_leaks),
    ),
    "a stop word": Case(
        EscalationCause.STOPPED, "la palabra", "De acuerdo.", along=Along(gate=_stops)
    ),
    "the channel refuses": Case(EscalationCause.WINDOW, "Sí, tenemos piscina.", None, phone=False),
    "the window closes": Case(EscalationCause.WINDOW, "Sí, tenemos piscina.", None, hours=25),
    "in doubt": Case(EscalationCause.IN_DOUBT, "Sí, tenemos piscina.", None, silent=True),
}


def staged(store: SqlStore, folder: Path, case: Case) -> Stage:
    def script() -> FakeModel:
        return FakeModel(lambda request: case.asked[_done(request.contents)])

    return Stage(store, folder, script(), case.silent, case.along)


def _done(contents: tuple[dict[str, object], ...]) -> int:
    """Rounds of tools that the turn has behind it."""
    return sum("functionResponse" in str(content) for content in contents)


async def prepared(stage: Stage, case: Case, guest: str) -> None:
    await stage.guest_writes(guest)
    if not case.phone:
        stage.channel._last_guest_at.pop(guest)
    stage.clock._now += timedelta(hours=case.hours)


@pytest.mark.parametrize("name", CASES)
async def test_a_person_is_called_once(store: SqlStore, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    stage = staged(store, tmp_path, case)
    await prepared(stage, case, GUEST)
    process = stage.process()
    await process.works(GUEST)
    await process.tells()
    (kept,) = await stage.escalations(GUEST)
    assert (kept.cause, kept.told, kept.acknowledged_at) == (case.cause, 1, None)
    (notice,) = stage.told.notices
    assert notice[0] == f"{TITLES[case.cause]} (whatsapp)"
    assert case.reason in notice[1]
    assert f"Chat: https://inbox.example/{GUEST}" in notice[1]
    assert f"Consola: {PUBLIC_URL}/console/conversations/{GUEST}" in notice[1]
    assert "Huésped: ¿Tienen piscina?" in notice[1]
    texts = stage.channel.texts(GUEST)
    assert texts == [] if case.answered is None else case.answered in texts[0]
    assert "SECRETO" not in str(await store.history(GUEST, 9))


@pytest.mark.parametrize("name", CASES)
async def test_killed_between_any_two_steps_it_is_told_once(
    store: SqlStore, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    stage = staged(store, tmp_path, case)
    stage.staff = Staff(repeats=0)  # nothing but its key keeps a second one away
    killed = 0
    for at in range(1, 60):
        for after in (False, True):
            guest = f"503700{at:04}{after:d}"
            await prepared(stage, case, guest)
            fuse = Fuse(at, after)
            try:
                await stage.process(fuse).works(guest)
            except Killed:
                killed += 1
                stage.clock._now += timedelta(minutes=2)
                await stage.process().works(guest)
            await stage.process().tells()
            kept = await stage.escalations(guest)
            assert [one.cause for one in kept] == [case.cause], fuse.called
            told = [title for title, body in stage.told.notices if guest in body]
            assert told == [f"{TITLES[case.cause]} (whatsapp)"], fuse.called
        if fuse.calls < at:
            break
    assert killed > 10


async def test_it_is_repeated_until_it_is_given_up(store: SqlStore, tmp_path: Path) -> None:
    stage = staged(store, tmp_path, CASES["no model"])
    await stage.guest_writes(GUEST)
    process = stage.process()
    await process.works(GUEST)
    told = []
    for _ in range(60):
        await process.escalator.repeat_due()
        await process.tells()
        told.append(len(stage.told.notices))
        stage.clock._now += timedelta(minutes=1)
    assert [told.index(count) for count in (1, 2, 3)] == [0, 15, 30]
    assert told[-1] == 3
    first, second, third = stage.told.notices
    assert second[0] == f"2.º aviso: {first[0]}"
    assert third[0] == f"3.º aviso: {first[0]}"
    assert "último aviso" not in second[1]
    assert "último aviso" in third[1]
    (kept,) = await stage.escalations(GUEST)
    assert (kept.told, kept.repeat_at, kept.acknowledged_at) == (3, None, None)


async def test_a_repetition_is_killed_between_any_two_steps(
    store: SqlStore, tmp_path: Path
) -> None:
    stage = staged(store, tmp_path, CASES["no model"])
    await stage.guest_writes(GUEST)
    await stage.process().works(GUEST)
    for at in range(1, 9):
        stage.clock._now += timedelta(minutes=15)
        stage.staff = Staff(repeat_minutes=15, repeats=99)
        before = (await stage.escalations(GUEST))[0].told
        try:
            await stage.process(Fuse(at, after=bool(at % 2))).escalator.repeat_due()
        except Killed:
            await stage.process().escalator.repeat_due()
        await stage.process().tells()
        assert (await stage.escalations(GUEST))[0].told == before + 1 == len(stage.told.notices)


async def a_colleague_writes(stage: Stage) -> str:
    now = stage.clock.now()
    message = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "w-1", now, "Hola, soy Rosa", "Rosa")
    return await stage.process().receiver.take(message, b"{}", now)


async def a_colleague_takes(stage: Stage) -> str:
    now = stage.clock.now()
    takeover = Takeover(ChannelName.WHATSAPP, GUEST, GUEST, held=True, by="Rosa")
    return await stage.process().receiver.take(takeover, b"{}", now)


COMES = [(a_colleague_writes, "escribió al huésped"), (a_colleague_takes, "tomó el chat")]


@pytest.mark.parametrize(("comes", "note"), COMES)
async def test_a_colleague_who_comes_ends_the_telling(
    store: SqlStore, tmp_path: Path, comes: object, note: str
) -> None:
    stage = staged(store, tmp_path, CASES["no model"])
    await stage.guest_writes(GUEST)
    process = stage.process()
    await process.works(GUEST)
    await comes(stage)  # type: ignore[operator]
    (kept,) = await stage.escalations(GUEST)
    assert (kept.acknowledged_by, kept.note) == ("Rosa", note)
    stage.clock._now += timedelta(hours=1)
    await process.escalator.repeat_due()
    await process.tells()
    assert len(stage.told.notices) == 1


async def test_an_echo_of_the_assistant_s_own_words_ends_nothing(
    store: SqlStore, tmp_path: Path
) -> None:
    stage = staged(store, tmp_path, CASES["no model"])
    await stage.guest_writes(GUEST)
    await stage.process().works(GUEST)
    now = stage.clock.now()
    (bubble,) = stage.channel.arrived[GUEST]
    echo = StaffMessage(ChannelName.WHATSAPP, GUEST, GUEST, "w-1", now, bubble.text, None)
    assert await stage.process().receiver.take(echo, b"{}", now) == "repeated"
    assert (await stage.escalations(GUEST))[0].acknowledged_at is None


async def test_a_guest_who_waits_for_a_person_is_told_of(store: SqlStore, tmp_path: Path) -> None:
    case = CASES["a person is wanted"]
    stage = staged(store, tmp_path, case)
    await stage.guest_writes(GUEST)
    await stage.process().works(GUEST)
    for _ in range(3):
        await stage.guest_writes(GUEST, "¿Hay alguien?")
    causes = [one.cause for one in await stage.escalations(GUEST)]
    assert causes == [EscalationCause.WAITS, EscalationCause.ANGRY]
    await a_colleague_writes(stage)
    assert all(one.acknowledged_at for one in await stage.escalations(GUEST))
    await stage.guest_writes(GUEST, "Gracias, Rosa")
    assert len(await stage.escalations(GUEST)) == 2


async def test_a_message_that_did_not_arrive_is_told_of(store: SqlStore, tmp_path: Path) -> None:
    stage = staged(store, tmp_path, replace(CASES["no model"], asked=(says("Sí."),)))
    await stage.guest_writes(GUEST)
    await stage.process().works(GUEST)
    (bubble,) = stage.channel.arrived[GUEST]
    now = stage.clock.now()
    failed = Receipt(
        ChannelName.WHATSAPP,
        ReceiptState.FAILED,
        now,
        local_message_id=bubble.bubble_id,
        failure="131026",
    )
    for _ in range(2):
        assert await stage.process().receiver.take(failed, b"{}", now) == "receipt"
    (kept,) = await stage.escalations(GUEST)
    assert kept.cause is EscalationCause.NOT_DELIVERED
    assert "131026" in kept.reason


TOLD = [
    (0, "¿Tienen piscina?", ("Disculpe.",), ("cerrada",)),
    (0, "Do you have a pool?", ("I am sorry", "front desk"), ("closed",)),
    (11, "¿Tienen piscina?", ("Disculpe.", "está cerrada", "Abre mañana a las 7:00,"), ()),
    (11, "Do you have a pool?", ("I am sorry", "opens tomorrow at 7:00 a.m.,"), ()),
]


@pytest.mark.parametrize(("hours", "text", "read", "unread"), TOLD)
async def test_the_guest_reads_the_truth_in_their_language(
    store: SqlStore,
    tmp_path: Path,
    hours: int,
    text: str,
    read: tuple[str, ...],
    unread: tuple[str, ...],
) -> None:
    stage = staged(store, tmp_path, CASES["no model"])
    stage.clock._now += timedelta(hours=hours)  # noon, 23:00
    await stage.guest_writes(GUEST, text)
    await stage.process().works(GUEST)
    (told,) = stage.channel.texts(GUEST)
    assert all(words in told for words in read)
    assert not any(words in told for words in unread)


async def test_a_chat_that_staff_hold_at_the_provider_is_left_to_them(
    store: SqlStore, tmp_path: Path
) -> None:
    stage = staged(store, tmp_path, replace(CASES["no model"], asked=(says("Sí."),)))
    await stage.guest_writes(GUEST)
    await stage.process().escalator.raise_("k", EscalationCause.OTHER, GUEST, "x")
    stage.channel.staff.add(GUEST)
    await stage.process().works(GUEST)
    assert stage.channel.texts(GUEST) == []
    assert (await stage.escalations(GUEST))[0].note == "tomó el chat"
