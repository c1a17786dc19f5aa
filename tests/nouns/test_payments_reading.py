"""What is read of a receipt's amounts, days and numbers, and what is rather not read."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from watibot.payments import Extraction, money
from watibot.payments.reading import SCHEMA, amount, currency, day, extraction, reference_key

AMOUNTS: list[tuple[Any, int | None]] = [
    ("US$ 1,250.00", 125000),
    ("1.250,00", 125000),
    ("$120", 12000),
    ("1,250", 125000),
    ("1.250", 125000),
    ("120,5", 12050),
    ("$1,250.5", 125050),
    ("1 250,00", 125000),
    ("1\u00a0250,00", 125000),
    ("1'250.00", 125000),
    ("1’250.00", 125000),
    ("USD120.00", 12000),
    ("120.00USD", 12000),
    ("120.00 dólares", 12000),
    ("-$120.00", 12000),
    ("(120.00)", 12000),
    ("120.00 (ciento veinte)", 12000),
    ("Total: $120.00", 12000),
    ("1.250.000,00", 125000000),
    ("1,234,567", 123456700),
    ("1234567.89", 123456789),
    ("Q1,500.00", 150000),
    ("RD$ 5,000.00", 500000),
    ("B/. 90.00", 9000),
    ("￥１２０", 12000),
    ("0.00", 0),
    (120, 12000),
    (120.5, 12050),
    (1e300, None),
    (float("nan"), None),
    (True, None),
    (None, None),
    ([120], None),
    ("", None),
    ("ciento veinte", None),
    ("120 mil", None),
    ("1e5", None),
    ("50%", None),
    ("$.50", None),
    ("0.125", None),
    ("12,50,000", None),
    ("1.2.3", None),
    ("1.250.50", None),
    ("1,250,50", None),
    ("120.00 / 130.00", None),
    ("$120.00 + $1.50", None),
    ("99999999999999", None),
]


@pytest.mark.parametrize(("text", "hundredths"), AMOUNTS)
def test_amounts(text: Any, hundredths: int | None) -> None:
    assert amount(text) == hundredths


CURRENCIES: list[tuple[str | None, str | None]] = [
    ("USD", "USD"),
    ("usd 120", "USD"),
    ("US$", "USD"),
    ("dólares", "USD"),
    ("$", "$"),
    ("$ 120", "$"),
    ("€", "EUR"),
    ("Quetzales", "GTQ"),
    ("Q1,500.00", "GTQ"),
    ("L. 2,500.00", "HNL"),
    ("₡", "CRC"),
    ("C$", "NIO"),
    ("MXN$1,500.00", "MXN"),
    ("S/ 350", "PEN"),
    ("USD / EUR", None),
    ("XYZ", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "code"), CURRENCIES)
def test_currencies(text: str | None, code: str | None) -> None:
    assert currency(text) == code


# The field of the currency, that of the amount, and what both say.
BOTH: list[tuple[str | None, Any, str | None]] = [
    ("USD", "120.00", "USD"),
    ("USD", "$120.00", "USD"),
    ("USD", "US$ 120.00", "USD"),
    ("USD", 120, "USD"),
    ("$", "MXN 1,000.00", "MXN"),
    ("$", "US$ 120.00", "USD"),
    ("$", "$120.00", "$"),
    (None, "$120.00", "$"),
    (None, "USD 120.00", "USD"),
    (None, "120.00", None),
    ("USD", "MXN 1,000.00", None),
    ("USD / EUR", "$120.00", None),
    ("MX", "$120.00", "$"),
    ("JMD", "$120.00", "JMD"),
]


@pytest.mark.parametrize(("field", "printed", "code"), BOTH)
def test_the_currency_of_both_fields(field: str | None, printed: Any, code: str | None) -> None:
    assert extraction({"currency": field, "amount": printed}).currency == code


THE_DAY = date(2026, 11, 23)
DAYS: list[tuple[str | None, date | None]] = [
    ("2026-11-23", THE_DAY),
    ("2026-11-23T14:05:00-06:00", THE_DAY),
    ("20261123", THE_DAY),
    ("2026/11/23", THE_DAY),
    ("23/11/2026", THE_DAY),
    ("23-11-2026", THE_DAY),
    ("23.11.26", THE_DAY),
    ("11/23/2026", THE_DAY),
    ("23/11/2026 10:20", THE_DAY),
    ("23-nov-2026", THE_DAY),
    ("23NOV2026", THE_DAY),
    ("23 de nov. de 2026", THE_DAY),
    ("lunes, 23 de noviembre del 2026 10:15 a. m.", THE_DAY),
    ("Nov 23, 2026", THE_DAY),
    ("November 23rd, 2026", THE_DAY),
    ("Fecha: 23/11/2026 Hora: 10:15:22", THE_DAY),
    ("23/11/2026 - 2026-11-23", THE_DAY),
    ("23-sept-2026", date(2026, 9, 23)),
    ("03/04/2026", date(2026, 4, 3)),
    ("hoy", None),
    ("ayer", None),
    ("hace 2 días", None),
    ("23/11", None),
    ("23 Nov 10:20", None),
    ("31/02/2026", None),
    ("23/11/2026 al 25/11/2026", None),
    ("noviembre 2026", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "wanted"), DAYS)
def test_days(text: str | None, wanted: date | None) -> None:
    assert day(text) == wanted


REFERENCES: list[tuple[str | None, str | None]] = [
    ("REF 00123456", "123456"),
    ("REF123456", "123456"),
    ("No. 123-456", "123456"),
    ("N° 123456", "123456"),
    ("Comprobante No. 0123456", "123456"),
    ("ID de transacción: 9F3A", "9F3A"),
    ("a1b2c3", "A1B2C3"),
    ("48O1I", "48011"),
    ("0012", None),
    ("12", None),
    ("Ref.", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "key"), REFERENCES)
def test_references(text: str | None, key: str | None) -> None:
    assert reference_key(text) == key


def test_a_whole_answer() -> None:
    raw = {
        "is_receipt": True,
        "amount": "$ 120.00",
        "currency": None,
        "date": "23/11/2026",
        "bank": " Banco\nCeiba ",
        "payee_bank": "N/A",
        "reference": 48213377,
        "payer": "A" * 500,
        "payee": {"name": "x"},
        "account": "****0001",
        "legible": "true",
        "sure": True,
        "signs_of_editing": ["otra letra", "", None],
    }
    assert extraction(raw) == Extraction(
        is_receipt=True,
        amount=12000,
        currency="$",
        date=THE_DAY,
        bank="Banco Ceiba",
        reference="48213377",
        payer="A" * 120,
        account="****0001",
        signs_of_editing=("otra letra",),
    )


@pytest.mark.parametrize("raw", [{}, {"is_receipt": None}, {"is_receipt": [], "amount": {}}])
def test_what_is_missing_counts_against_it(raw: dict[str, Any]) -> None:
    assert extraction(raw) == Extraction(is_receipt=False, legible=False, sure=False)


def test_all_fields_are_asked_for() -> None:
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"]) == set(Extraction.__slots__)


def test_money_in_words() -> None:
    assert [money(125005, "USD"), money(7, None)] == ["USD 1,250.05", "0.07"]
