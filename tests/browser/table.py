"""Every page of the console, one line each: the tests of this folder walk them all.

`test_walk_pages.py` fails when the console has a page that is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from tests.browser.morning import EVA, MARTA, NORA


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page: the name of its picture, an address, and the way that leads there if the address does
    not say it. `who` looks at it; `status` is what the browser is answered."""

    name: str
    path: str
    way: str = ""
    who: str = "ana"
    status: int = 200

    @property
    def leads(self) -> str:
        return self.way or self.path.partition("?")[0].partition("#")[0]


_CHAT = "/conversations/{conversation_id:path}"

# {before} and {after} are the versions of the instructions.
SHEETS = (
    Sheet("sign-in", "/sign-in", who="visitor"),
    Sheet("today", "/today"),
    Sheet("today-desk", "/today", who="rosa"),
    Sheet("home", "/"),
    Sheet("escalations", "/escalations"),
    Sheet("payments", "/payments"),
    Sheet("conversations", "/conversations"),
    Sheet("search", "/conversations?q=Invento&holder=assistant"),
    Sheet("conversation", f"/conversations/{MARTA}", _CHAT),
    Sheet("conversation-held", f"/conversations/{NORA}", _CHAT, "rosa"),
    Sheet("conversation-messenger", f"/conversations/{quote(f'fb:{EVA}', safe='')}", _CHAT),
    Sheet("erase", f"/conversations/{MARTA}/erase", f"{_CHAT}/erase"),
    Sheet("erasures", "/erasures"),
    Sheet("money", "/money"),
    Sheet("instructions", "/instructions"),
    Sheet("instructions-one", "/instructions/{after}", "/instructions/{version}"),
    Sheet("instructions-compare", "/instructions/compare?before={before}&after={after}"),
    Sheet("migration", "/migration"),
    Sheet("health", "/health"),
    Sheet("health-desk", "/health", who="rosa"),
    Sheet("log", "/log"),
    Sheet("not-allowed", "/log", who="rosa", status=403),
    Sheet("not-found", "/nowhere", "-", status=404),
)

# Ways that are no pages: files, and the stream of news.
FILES = (
    "/static/",
    "/media/",
    "/live",
    "/money/charges.csv",
    "/migration/verify.txt",
    "/migration/report.",
)
