"""From the model's JSON to an `Extraction`: amounts, dates, numbers as receipts print them. Pure.

`tools/payment.py` asks with `SCHEMA` and hands the answer in. The reader is lenient about form and
strict about doubt: what can be read in two ways is not read, so that a person looks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from watibot.payments import Extraction

LONGEST = 120  # characters of a field; what is longer is no field of a receipt
LARGEST = 10**13  # hundredths

_NOTHING = frozenset(
    {"", "-", "--", "null", "none", "n/a", "na", "n.d.", "no visible", "no aparece", "desconocido"}
    | {"unknown", "not visible", "ninguno", "ninguna", "ilegible", "no legible", "?"}
)


def _field(description: str, kind: str = "string") -> dict[str, Any]:
    return {"type": [kind, "null"], "description": description}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "is_receipt": {
            "type": "boolean",
            "description": "true for a receipt of a payment, transfer or deposit that was made",
        },
        "amount": _field("The amount that the payee gets, as printed, without fees"),
        "currency": _field("ISO 4217 code, or the sign as printed if the code is not certain"),
        "date": _field("The day of the payment, as printed"),
        "bank": _field("The bank or app that made the receipt"),
        "payee_bank": _field("The bank of the account that was paid to"),
        "reference": _field("Reference, authorisation or transaction number, as printed"),
        "payer": _field("Who paid"),
        "payee": _field("The name of who was paid"),
        "account": _field("The number of the account paid to, as printed, masks included"),
        "legible": {"type": "boolean", "description": "false if digits cannot be told apart"},
        "sure": {"type": "boolean", "description": "false if any field above is a guess"},
        "signs_of_editing": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Other fonts, misaligned or painted digits, sums that do not add up",
        },
    },
    "required": [
        *("is_receipt", "amount", "currency", "date", "bank", "payee_bank", "reference", "payer"),
        *("payee", "account", "legible", "sure", "signs_of_editing"),
    ],
}


def extraction(raw: Mapping[str, Any]) -> Extraction:
    """What the model's answer says. A word that is missing counts against the picture: neither
    legible nor sure. Never raises."""
    amount_text = _plain(raw.get("amount"))
    signs = raw.get("signs_of_editing")
    return Extraction(
        is_receipt=_truth(raw.get("is_receipt"), missing=False),
        amount=amount(raw.get("amount")),
        currency=currency(f"{_text(raw.get('currency')) or ''} | {amount_text}"),
        date=day(_text(raw.get("date"))),
        bank=_text(raw.get("bank")),
        reference=_text(raw.get("reference")),
        payer=_text(raw.get("payer")),
        payee=_text(raw.get("payee")),
        payee_bank=_text(raw.get("payee_bank")),
        account=_text(raw.get("account")),
        legible=_truth(raw.get("legible"), missing=False),
        sure=_truth(raw.get("sure"), missing=False),
        signs_of_editing=tuple(
            said
            for each in (signs if isinstance(signs, list) else [signs])
            if (said := _text(each))
        ),
    )


def _truth(value: Any, *, missing: bool) -> bool:
    if isinstance(value, bool):
        return value
    word = _plain(value).strip().lower()
    if word in ("true", "yes", "sí", "si", "1"):
        return True
    return False if word in ("false", "no", "0") else missing


def _plain(value: Any) -> str:
    """Compatibility forms are made plain: full-width digits, odd blanks."""
    if value is None or isinstance(value, (bool, dict, list)):
        return ""
    return unicodedata.normalize("NFKC", str(value))


def _text(value: Any) -> str | None:
    visible = "".join(
        " " if each.isspace() else each
        for each in _plain(value)
        if each.isspace() or unicodedata.category(each)[0] != "C"
    )
    said = " ".join(visible.split())[:LONGEST]
    return None if said.lower() in _NOTHING else said


# --- amounts ---

_CODE = re.compile(
    r"(?<![a-z])(?:usd|eur|gbp|cad|mxn|gtq|hnl|nio|crc|pab|dop|cop|pen|clp|ars|brl|bob|pyg|uyu|ves"
    r"|chf|svc|bzd|jpy|aud|cup|nzd|jmd|ttd|bbd|bsd|kyd|xcd)(?![a-z])"
)
_NUMBER = re.compile(r"[.,]?\d(?:[\d.,' ]*\d)?")
_WHOLE = re.compile(r"\d+|\d{1,3}(?:([., '])\d{3})(?:\1\d{3})*")


def amount(value: Any) -> int | None:
    """Hundredths; None if there is no number, more than one, or one that can be read in two ways. A
    sign is left out: banks print a payment as a debit. A single separator before three digits
    divides thousands."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _within(round(value * 100)) if value == value and abs(value) < LARGEST else None
    text = _CODE.sub(" ", _plain(value).replace("’", "'").lower())
    text = re.sub(r"(?<![a-z])(?:us|rd|mx|q|l|c|r|s|b)(?=[\s$/.\d])[$/.]*", " ", text)
    found = _NUMBER.findall(text)
    if len(found) != 1 or re.search(r"[a-z]\d|\d[a-z]|\d\s*(?:%|mil)", text):
        return None
    number = found[0]
    decimals = re.fullmatch(r"(.*)([.,])(\d{1,2})", number)
    whole, cents = (decimals[1], decimals[3].ljust(2, "0")) if decimals else (number, "00")
    shape = _WHOLE.fullmatch(whole)
    if shape is None or (decimals and shape[1] == decimals[2]):
        return None
    if shape[1] and whole.startswith("0"):
        return None  # 0.125 is no amount of thousands
    return _within(int(re.sub(r"\D", "", whole) + cents))


def _within(hundredths: int) -> int | None:
    return abs(hundredths) if abs(hundredths) < LARGEST else None


# --- currencies ---

_SIGNS: tuple[tuple[str, str], ...] = (
    (r"us\s*\$|\$\s*us|u\$s|d[oó]lar(es)?|dollars?", "USD"),
    (r"€|euros?", "EUR"),
    (r"£|libras?( esterlinas)?|pounds?", "GBP"),
    (r"₡|colones costarricenses", "CRC"),
    (r"quetzal(es)?|(?<![a-z])q(?![a-z])", "GTQ"),
    (r"lempiras?|(?<![a-z])l\.?(?![a-z])", "HNL"),
    (r"c\$|c[oó]rdobas?", "NIO"),
    (r"b/\.?|balboas?", "PAB"),
    (r"mx\s*\$|pesos mexicanos", "MXN"),
    (r"r\$|reales", "BRL"),
    (r"s/\.?|soles", "PEN"),
    (r"rd\s*\$|pesos dominicanos", "DOP"),
    (r"pesos colombianos", "COP"),
)
# Whose sign on a receipt at home is "$" and nothing more.
DOLLAR_SIGNED = frozenset({"USD", "CAD", "AUD", "MXN", "COP", "CLP", "ARS", "DOP", "UYU"})


def currency(text: str | None) -> str | None:
    """The ISO code of a code, sign or name, or "$" for the bare sign; None for anything else and
    for two at once."""
    if not text:
        return None
    low = text.lower()
    found = {code.upper() for code in _CODE.findall(low)}
    for pattern, code in _SIGNS:
        if re.search(pattern, low):
            found.add(code)
            low = re.sub(pattern, " ", low)
    if len(found) > 1:
        return None
    return found.pop() if found else ("$" if "$" in low else None)


# --- days ---

_MONTHS = {
    name[:3]: number
    for names in (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "january february march april may june july august september october november december",
    )
    for number, name in enumerate(names.split(), 1)
} | {"set": 9}
_MONTH = r"([a-z]{3,10})\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th|º)?"
_YEAR = r"(20\d\d|\d\d)(?![\d:])"
_JOINT = r"[\s\-/.,]*(?:de|del|of)?[\s\-/.,]*"
_ISO = re.compile(r"(?<!\d)(20\d\d)([-/.]?)(\d\d)\2(\d\d)(?!\d)")
_NAMED = re.compile(rf"(?<!\d){_DAY}{_JOINT}{_MONTH}{_JOINT}{_YEAR}")
_NAMED_FIRST = re.compile(rf"\b{_MONTH}{_JOINT}{_DAY}[\s,]+{_YEAR}")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([-/.])(\d{1,2})\2(20\d\d|\d\d)(?!\d)")


def day(text: str | None) -> date | None:
    """The day, without its time. Days go before months unless that is no date. None for words such
    as "hoy", for a day without its year, and for two different days."""
    if not text:
        return None
    low = text.lower()
    found: set[date | None] = set()
    found |= {_date(m[1], m[3], m[4]) for m in _ISO.finditer(low)}
    found |= {_date(m[3], _month(m[2]), m[1]) for m in _NAMED.finditer(low)}
    found |= {_date(m[3], _month(m[1]), m[2]) for m in _NAMED_FIRST.finditer(low)}
    found |= {_date(m[4], m[3], m[1]) or _date(m[4], m[1], m[3]) for m in _NUMERIC.finditer(low)}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _month(name: str) -> int | None:
    return _MONTHS.get(name[:3])


def _date(year: str, month: str | int | None, day_of: str) -> date | None:
    if month is None:
        return None
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day_of))
    except ValueError:
        return None


# --- references ---

SHORTEST_REFERENCE = 4  # characters; less is repeated by chance
_LABEL = re.compile(
    r"^\W*(?:(?:n[uú]mero|n[uú]m|no|n|de|ref|referencia|reference|comprobante|autorizaci[oó]n"
    r"|aut|transacci[oó]n|transaction|trx|operaci[oó]n|id|folio|confirmation)(?:\b|(?=\d))[\s.:#°-]*)+",
    re.IGNORECASE,
)
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})  # as a model misreads them


def reference_key(text: str | None) -> str | None:
    """A reference as two of them are compared: letters and digits, without labels, leading zeros
    and the difference between O and 0. None for one that is too short to tell payments apart."""
    if not text:
        return None
    bare = _LABEL.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_ALIKE)
    key = re.sub(r"[^A-Z0-9]", "", bare).lstrip("0")
    return key if len(key) >= SHORTEST_REFERENCE else None
