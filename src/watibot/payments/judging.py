"""The hotel's own rules over a proof of payment. Pure.

`tools/payment.py` calls `judge` with what the model read, what the picture itself says, the
booking, and what came before. One thing that does not fit makes it doubtful, and a person looks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from watibot.hotelfile import PaymentAccount
from watibot.payments import (
    BookingDue,
    Earlier,
    Extraction,
    Judgement,
    Picture,
    Reason,
    ReasonCode,
    Rules,
    Verdict,
    money,
)
from watibot.payments.reading import DOLLAR_SIGNED, reference_key

SMALLEST = 240  # pixels of the shorter side; receipts of phones have 700 and more
LEAST_SHARPNESS = 0.7  # a screenshot has 0.98, a photo that a person can just read 0.8
VISIBLE_DIGITS = 4  # of a masked account

Found = Iterator[tuple[ReasonCode, str]]


def choose(
    bookings: Sequence[BookingDue], amount: int | None, currency: str | None, rules: Rules
) -> BookingDue | None:
    """The booking that a proof is for, where nobody named one: of the newest ones first the one
    whose amount fits, then one whose amount is known."""
    fitting = (
        one
        for one in bookings
        if amount is not None
        and one.amount_due is not None
        and _currency_fits(currency, one.currency)
        and _least(one.amount_due, rules) <= amount <= _most(one.amount_due, rules)
    )
    known = (one for one in bookings if one.amount_due is not None)
    return next(fitting, None) or next(known, None) or next(iter(bookings), None)


def judge(
    read: Extraction,
    picture: Picture,
    booking: BookingDue | None,
    accounts: Sequence[PaymentAccount],
    earlier: Sequence[Earlier],
    today: date,
    rules: Rules,
) -> Judgement:
    """`today` is the hotel's. What is no receipt is not judged any further."""
    if not read.is_receipt:
        return Judgement(Verdict.NO_RECEIPT)
    found = dict(
        [
            *_of_picture(read, picture),
            *_of_earlier(read, earlier),
            *_of_account(read, booking, accounts),
            *_of_amount(read, booking, rules),
            *_of_day(read, today, rules),
        ]
    )
    if reference_key(read.reference) is None:
        found[ReasonCode.REFERENCE_MISSING] = "No se ve un número de referencia"
    if not read.sure:
        found[ReasonCode.MODEL_UNSURE] = "El asistente no está seguro de lo que leyó"
    reasons = tuple(Reason(code, found[code]) for code in ReasonCode if code in found)
    if not reasons:
        return Judgement(Verdict.CONSISTENT)
    return Judgement(Verdict.UNREADABLE if _unreadable(found) else Verdict.DOUBTFUL, reasons)


def _unreadable(found: dict[ReasonCode, str]) -> bool:
    """A bad picture of which something is missing: a better one may settle it."""
    bad = {ReasonCode.BLURRED, ReasonCode.TOO_SMALL} & set(found)
    missing = {
        ReasonCode.AMOUNT_MISSING,
        ReasonCode.DATE_MISSING,
        ReasonCode.REFERENCE_MISSING,
        ReasonCode.ACCOUNT_MISSING,
    } & set(found)
    return ReasonCode.NOT_LEGIBLE in found or bool(bad and missing)


def _of_picture(read: Extraction, picture: Picture) -> Found:
    if picture.broken:
        yield ReasonCode.NOT_LEGIBLE, "El archivo no se puede abrir como imagen"
    elif not read.legible:
        yield ReasonCode.NOT_LEGIBLE, "No se lee bien"
    if 0 < min(picture.width, picture.height) < SMALLEST:
        size = f"{picture.width} x {picture.height}"
        yield ReasonCode.TOO_SMALL, f"La imagen es muy pequeña ({size} píxeles)"
    if picture.sharpness is not None and picture.sharpness < LEAST_SHARPNESS:
        yield ReasonCode.BLURRED, "La imagen está borrosa"
    signs = [*([f"guardada con {picture.software}"] if picture.software else [])]
    signs += read.signs_of_editing
    if signs:
        yield ReasonCode.EDITED, f"Parece editada: {'; '.join(signs)}"


def _of_earlier(read: Extraction, earlier: Sequence[Earlier]) -> Found:
    for code, words, found in (
        (
            ReasonCode.PICTURE_SEEN,
            "La misma imagen ya llegó",
            [one for one in earlier if one.same_picture],
        ),
        (
            ReasonCode.REFERENCE_SEEN,
            "La misma referencia ya llegó",
            [one for one in earlier if one.same_reference],
        ),
        (
            ReasonCode.PICTURE_SIMILAR,
            "Se parece a una imagen que ya llegó",
            [
                one
                for one in earlier
                if one.distance is not None and not one.same_picture and _one_payment(read, one)
            ],
        ),
    ):
        if found:
            first = min(found, key=lambda one: one.proof_id)
            where = "en este chat" if first.same_conversation else "en otro chat"
            yield code, f"{words} ({where}, comprobante {first.proof_id})"


def _one_payment(read: Extraction, before: Earlier) -> bool:
    """Whether what looks alike also says the same. Receipts of one app all look alike, so the text
    decides, and a reference alone proves nothing: who passes on a receipt changes that first, and
    the day with it, which from the same guest makes it another payment."""
    other = before.extraction
    mine, theirs = reference_key(read.reference), reference_key(other.reference)
    payers = _folded(read.payer), _folded(other.payer)
    same_amount = _same(read.amount, other.amount)
    if mine is not None and mine == theirs:
        return True
    if None not in payers and not _same(*payers):
        return False
    if mine is None or theirs is None:
        return same_amount + _same(*payers) + _same(read.date, other.date) >= 2
    another_day = before.same_conversation and read.date != other.date
    return same_amount and not another_day


def _same(mine: object, theirs: object) -> bool:
    return mine is not None and mine == theirs


def _of_account(
    read: Extraction, booking: BookingDue | None, accounts: Sequence[PaymentAccount]
) -> Found:
    if not read.account or not re.search(r"\d", read.account):
        yield ReasonCode.ACCOUNT_MISSING, "No se ve la cuenta de destino"
        return
    ours = [one for one in accounts if account_fits(read, one)]
    if not ours:
        yield ReasonCode.ACCOUNT_UNKNOWN, "La cuenta de destino no es del hotel"
        return
    own = {one.currency for one in ours}
    meant = own & (DOLLAR_SIGNED if read.currency == "$" else {read.currency})
    wanted = {booking.currency} if booking and booking.currency else meant
    if not meant or meant != wanted:
        words = f"Moneda: {read.currency or 'no se ve'}, cuenta en {' o '.join(sorted(own))}"
        due = booking.currency if booking else None
        yield ReasonCode.CURRENCY, f"{words}; se espera {due}" if due else words


def account_fits(read: Extraction, ours: PaymentAccount) -> bool:
    """All digits, or of a masked or shortened number every visible digit in its place, at least the
    last four, and our bank or holder beside it."""
    shown = (read.account or "").strip()
    own = re.sub(r"\D", "", ours.number)
    if re.sub(r"\D", "", shown) == own and not re.search(r"[*xX•●·#…]|\.\.", shown):
        return True
    runs = re.split(r"[*xX•●·#…]+|\.{2,}", re.sub(r"[\s-]", "", shown))
    tail = re.sub(r"\D", "", runs[-1])
    head = re.sub(r"\D", "", runs[0]) if len(runs) > 1 else ""
    middle = [digits for run in runs[1:-1] if (digits := re.sub(r"\D", "", run))]
    if len(tail) < VISIBLE_DIGITS or len(head) + len(tail) >= len(own):
        return False
    if not (own.endswith(tail) and own.startswith(head)):
        return False
    if any(digits not in own for digits in middle):
        return False
    return _named(read.payee, ours.holder) or _named(read.payee_bank or read.bank, ours.bank)


_COMMON = frozenset(
    {"banco", "bank", "de", "del", "la", "el", "los", "las", "y", "sa", "cv", "s", "a", "c", "v"}
)


def _named(shown: str | None, ours: str) -> bool:
    """Whether the words that tell a name apart are the same ones; a receipt may leave some out."""
    theirs, own = _telling(shown or ""), _telling(ours)
    return bool(theirs) and (theirs <= own or own <= theirs)


def _telling(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", _folded(name) or "")) - _COMMON


def _folded(text: str | None) -> str | None:
    """Without case, accents and odd blanks."""
    if not text:
        return None
    plain = unicodedata.normalize("NFD", text.casefold())
    return " ".join("".join(each for each in plain if not unicodedata.combining(each)).split())


def _currency_fits(shown: str | None, wanted: str | None) -> bool:
    if shown is None or wanted is None:
        return False
    return shown == wanted or (shown == "$" and wanted in DOLLAR_SIGNED)


def _of_amount(read: Extraction, booking: BookingDue | None, rules: Rules) -> Found:
    if read.amount is None:
        yield ReasonCode.AMOUNT_MISSING, "No se lee el monto"
    if booking is None:
        yield ReasonCode.NO_BOOKING, "Este chat no tiene una solicitud de reserva"
        return
    if booking.amount_due is None:
        words = f"La reserva {booking.booking_id} no tiene un monto anotado"
        yield ReasonCode.NO_AMOUNT_KNOWN, words
        return
    if read.amount is None:
        return
    shown = money(read.amount, read.currency)
    if read.amount < _least(booking.amount_due, rules):
        wanted = money(_share(booking.amount_due, rules), booking.currency)
        yield ReasonCode.AMOUNT_LOW, f"{shown}; se esperan {wanted}"
    elif read.amount > _most(booking.amount_due, rules):
        wanted = money(booking.amount_due, booking.currency)
        yield ReasonCode.AMOUNT_HIGH, f"{shown}; se esperan {wanted}"


def _share(due: int, rules: Rules) -> int:
    return round(due * rules.deposit_percent / 100)


def _least(due: int, rules: Rules) -> int:
    return _share(due, rules) - round(rules.tolerance * 100)


def _most(due: int, rules: Rules) -> int:
    return due + round(rules.tolerance * 100)


def _of_day(read: Extraction, today: date, rules: Rules) -> Found:
    if read.date is None:
        yield ReasonCode.DATE_MISSING, "No se lee la fecha"
    elif read.date < today - timedelta(days=rules.days_back):
        yield ReasonCode.DATE_OLD, f"Es del {read.date:%d/%m/%Y}"
    elif read.date > today + timedelta(days=rules.days_ahead):
        yield ReasonCode.DATE_FUTURE, f"Es del {read.date:%d/%m/%Y}, que no ha llegado"
