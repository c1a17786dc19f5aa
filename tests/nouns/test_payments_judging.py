"""The rules over a proof of payment: one change of a right one, and what it comes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from watibot.hotelfile import PaymentAccount
from watibot.payments import BookingDue, Earlier, Extraction, Picture, ReasonCode, Rules, Verdict
from watibot.payments.judging import account_fits, choose, judge

TODAY = date(2026, 11, 20)
OURS = PaymentAccount(
    bank="Banco Invento",
    holder="Posada Invento, S.A.",
    number="000-000-000001",
    currency="USD",
    kind="cuenta corriente",
)
RIGHT = Extraction(
    is_receipt=True,
    amount=12000,
    currency="USD",
    date=TODAY,
    bank="Banco Ajeno",
    reference="48213377",
    payer="Ana Ruiz",
    payee="Posada Invento",
    payee_bank="Banco Invento",
    account="000-000-000001",
)
SHARP = Picture("d1", "0210504080808000", 720, 1280, 0.98)
DUE = BookingDue(4, "Ana Ruiz", "2026-12-01", "2026-12-03", 12000, "USD")
BEFORE = Earlier(9, False, RIGHT)


def judged(
    read: Extraction = RIGHT,
    picture: Picture = SHARP,
    booking: BookingDue | None = DUE,
    *earlier: Earlier,
    rules: Rules | None = None,
) -> tuple[Verdict, list[str]]:
    found = judge(read, picture, booking, [OURS], earlier, TODAY, rules or Rules())
    return found.verdict, [reason.code.value for reason in found.reasons]


def test_what_fits() -> None:
    assert judged() == (Verdict.CONSISTENT, [])


READ: list[tuple[dict[str, Any], Verdict, list[str]]] = [
    ({"is_receipt": False, "amount": None}, Verdict.NO_RECEIPT, []),
    ({"amount": None}, Verdict.DOUBTFUL, ["amount_missing"]),
    ({"amount": 11949}, Verdict.DOUBTFUL, ["amount_low"]),
    ({"amount": 11950}, Verdict.CONSISTENT, []),
    ({"amount": 12050}, Verdict.CONSISTENT, []),
    ({"amount": 12051}, Verdict.DOUBTFUL, ["amount_high"]),
    ({"currency": "$"}, Verdict.CONSISTENT, []),
    ({"currency": "EUR"}, Verdict.DOUBTFUL, ["currency"]),
    ({"currency": None}, Verdict.DOUBTFUL, ["currency"]),
    ({"account": None}, Verdict.DOUBTFUL, ["account_missing"]),
    ({"account": "cuenta"}, Verdict.DOUBTFUL, ["account_missing"]),
    ({"account": "000-000-000002"}, Verdict.DOUBTFUL, ["account_unknown"]),
    ({"date": None}, Verdict.DOUBTFUL, ["date_missing"]),
    ({"date": TODAY - timedelta(days=7)}, Verdict.CONSISTENT, []),
    ({"date": TODAY - timedelta(days=8)}, Verdict.DOUBTFUL, ["date_old"]),
    ({"date": TODAY + timedelta(days=1)}, Verdict.CONSISTENT, []),
    ({"date": TODAY + timedelta(days=2)}, Verdict.DOUBTFUL, ["date_future"]),
    ({"reference": None}, Verdict.DOUBTFUL, ["reference_missing"]),
    ({"reference": "No. 12"}, Verdict.DOUBTFUL, ["reference_missing"]),
    ({"signs_of_editing": ("otra letra",)}, Verdict.DOUBTFUL, ["edited"]),
    ({"sure": False}, Verdict.DOUBTFUL, ["model_unsure"]),
    ({"legible": False}, Verdict.UNREADABLE, ["not_legible"]),
    ({"amount": 1, "date": None}, Verdict.DOUBTFUL, ["amount_low", "date_missing"]),
]


@pytest.mark.parametrize(("changes", "verdict", "reasons"), READ)
def test_what_was_read(changes: dict[str, Any], verdict: Verdict, reasons: list[str]) -> None:
    assert judged(replace(RIGHT, **changes)) == (verdict, reasons)


PICTURES: list[tuple[Picture, Extraction, Verdict, list[str]]] = [
    (replace(SHARP, width=239), RIGHT, Verdict.DOUBTFUL, ["too_small"]),
    (replace(SHARP, sharpness=0.69), RIGHT, Verdict.DOUBTFUL, ["blurred"]),
    (
        replace(SHARP, sharpness=0.69),
        replace(RIGHT, date=None),
        Verdict.UNREADABLE,
        ["blurred", "date_missing"],
    ),
    (replace(SHARP, software="gimp"), RIGHT, Verdict.DOUBTFUL, ["edited"]),
    (Picture("d", broken=True), RIGHT, Verdict.UNREADABLE, ["not_legible"]),
    (Picture("a pdf's digest"), RIGHT, Verdict.CONSISTENT, []),
]


@pytest.mark.parametrize(("picture", "read", "verdict", "reasons"), PICTURES)
def test_what_the_picture_says(
    picture: Picture, read: Extraction, verdict: Verdict, reasons: list[str]
) -> None:
    assert judged(read, picture) == (verdict, reasons)


def seen(same_conversation: bool = False, **changes: Any) -> Earlier:
    """An earlier picture that looks alike; `changes` are what was read of it."""
    return Earlier(9, same_conversation, replace(RIGHT, **changes), distance=3)


EARLIER: list[tuple[Earlier, list[str]]] = [
    (replace(BEFORE, same_picture=True, same_reference=True), ["picture_seen", "reference_seen"]),
    (replace(BEFORE, same_picture=True, distance=0), ["picture_seen"]),
    (replace(BEFORE, same_reference=True), ["reference_seen"]),
    (replace(BEFORE, same_reference=True, distance=2), ["reference_seen", "picture_similar"]),
    (
        replace(seen(amount=4000, payer="Luis Mena"), same_reference=True),
        ["reference_seen", "picture_similar"],
    ),
    (seen(reference="99991111"), ["picture_similar"]),
    (seen(reference="99991111", date=date(2026, 11, 1)), ["picture_similar"]),
    (seen(reference="99991111", payer=None), ["picture_similar"]),
    (seen(reference="99991111", payer="ana  RUÍZ"), ["picture_similar"]),
    (seen(reference="99991111", payer="Luis Mena"), []),
    (seen(reference="99991111", amount=4000), []),
    (seen(True, reference="99991111"), ["picture_similar"]),
    (seen(True, reference="99991111", date=date(2026, 11, 1)), []),
    (seen(reference=None), ["picture_similar"]),
    (seen(reference=None, amount=4000), ["picture_similar"]),
    (seen(reference=None, amount=4000, date=None), []),
    (seen(reference=None, payer="Luis Mena"), []),
    (Earlier(9, False, Extraction(is_receipt=True), distance=0), []),
]


@pytest.mark.parametrize(("earlier", "reasons"), EARLIER)
def test_what_came_before(earlier: Earlier, reasons: list[str]) -> None:
    verdict = Verdict.DOUBTFUL if reasons else Verdict.CONSISTENT
    assert judged(RIGHT, SHARP, DUE, earlier) == (verdict, reasons)


def test_staff_read_where_it_was_seen() -> None:
    two = [replace(BEFORE, proof_id=n, same_picture=True, same_conversation=n == 7) for n in (9, 7)]
    (reason,) = judge(RIGHT, SHARP, DUE, [OURS], two, TODAY, Rules()).reasons
    assert reason.code is ReasonCode.PICTURE_SEEN
    assert reason.words == "La misma imagen ya llegó (en este chat, comprobante 7)"


ACCOUNTS: list[tuple[str, str | None, str | None, bool]] = [
    ("000-000-000001", None, None, True),
    ("000000000001", "Otro", "Otro", True),
    ("000 000 000 001", None, None, True),
    ("****0001", "POSADA INVENTO SA", None, True),
    ("xxxx0001", None, "Invento", True),
    ("0001", "Posada Invento", None, True),
    ("000-***-0001", None, "Banco Invento", True),
    ("****0001", None, None, False),
    ("****0001", "Pedro Ajeno", "Banco Ajeno", False),
    ("****0001", "Posada", "Banco", True),
    ("****0001", "S.A.", "Banco", False),
    ("****001", "Posada Invento", None, False),
    ("****0002", "Posada Invento", None, False),
    ("12***0001", "Posada Invento", None, False),
    ("*9*0001", "Posada Invento", None, False),
    ("9000000000001", "Posada Invento", None, False),
    ("00000000001", "Pedro Ajeno", None, False),
    ("0000000000010", "Posada Invento", None, False),
]


@pytest.mark.parametrize(("account", "payee", "bank", "fits"), ACCOUNTS)
def test_accounts(account: str, payee: str | None, bank: str | None, fits: bool) -> None:
    read = replace(RIGHT, account=account, payee=payee, payee_bank=bank, bank=None)
    assert account_fits(read, OURS) is fits


PESOS = OURS.model_copy(update={"number": "012-345-670001", "currency": "MXN"})
EUROS = OURS.model_copy(update={"currency": "EUR"})
# The hotel's accounts, what the receipt shows, the booking's currency, and what staff read.
CURRENCIES: list[tuple[list[PaymentAccount], str | None, str, str | None, str | None]] = [
    ([OURS, PESOS], "USD", OURS.number, "USD", None),
    ([OURS, PESOS], "$", OURS.number, "USD", None),
    ([OURS, PESOS], "$", OURS.number, None, None),
    ([OURS, PESOS], "$", PESOS.number, "MXN", None),
    ([OURS, PESOS], "$", PESOS.number, "USD", "Moneda: $, cuenta en MXN; se espera USD"),
    ([OURS, PESOS], "USD", PESOS.number, "USD", "Moneda: USD, cuenta en MXN; se espera USD"),
    ([OURS, PESOS], "USD", PESOS.number, None, "Moneda: USD, cuenta en MXN"),
    ([OURS, PESOS], "MXN", OURS.number, "USD", "Moneda: MXN, cuenta en USD; se espera USD"),
    ([OURS, PESOS], "MXN", "****0001", "MXN", None),
    ([OURS, PESOS], "USD", "****0001", "MXN", "Moneda: USD, cuenta en MXN o USD; se espera MXN"),
    ([OURS, PESOS], "$", "****0001", "USD", "Moneda: $, cuenta en MXN o USD; se espera USD"),
    ([OURS, EUROS], "$", OURS.number, "USD", None),
    ([OURS, EUROS], "EUR", OURS.number, "EUR", None),
    ([EUROS], "$", OURS.number, "EUR", "Moneda: $, cuenta en EUR; se espera EUR"),
    ([OURS], None, OURS.number, "USD", "Moneda: no se ve, cuenta en USD; se espera USD"),
]


@pytest.mark.parametrize(("accounts", "shown", "account", "due", "words"), CURRENCIES)
def test_the_currency_is_that_of_the_account_and_the_booking(
    accounts: list[PaymentAccount],
    shown: str | None,
    account: str,
    due: str | None,
    words: str | None,
) -> None:
    read, booking = replace(RIGHT, currency=shown, account=account), replace(DUE, currency=due)
    found = judge(read, SHARP, booking, accounts, [], TODAY, Rules()).reasons
    assert [reason.words for reason in found] == ([words] if words else [])
    assert all(reason.code is ReasonCode.CURRENCY for reason in found)


BOOKED: list[tuple[BookingDue | None, Rules, list[str]]] = [
    (None, Rules(), ["no_booking"]),
    (replace(DUE, amount_due=None), Rules(), ["no_amount_known"]),
    (replace(DUE, currency="EUR"), Rules(), ["currency"]),
    (replace(DUE, amount_due=24000), Rules(deposit_percent=50), []),
    (replace(DUE, amount_due=24200), Rules(deposit_percent=50), ["amount_low"]),
    (replace(DUE, amount_due=12000), Rules(deposit_percent=50), []),
    (replace(DUE, amount_due=12500), Rules(tolerance=5), []),
]


@pytest.mark.parametrize(("booking", "rules", "reasons"), BOOKED)
def test_the_booking(booking: BookingDue | None, rules: Rules, reasons: list[str]) -> None:
    assert judged(RIGHT, SHARP, booking, rules=rules)[1] == reasons


def test_which_booking_is_meant() -> None:
    unknown = replace(DUE, booking_id=3, amount_due=None)
    dear = replace(DUE, booking_id=2, amount_due=99900)
    fitting = replace(DUE, booking_id=1)
    rules = Rules()
    assert choose([unknown, dear, fitting], 12000, "USD", rules) == fitting
    assert choose([unknown, dear, fitting], 12000, "EUR", rules) == dear
    assert choose([unknown, dear, fitting], None, None, rules) == dear
    assert choose([unknown], 12000, "USD", rules) == unknown
    assert choose([], 12000, "USD", rules) is None
