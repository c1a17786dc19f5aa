"""Words that a thread lacks, as the messages that it is given. Pure.

`ports.put_words` asks here before it adds them; `words.py` reads them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from watibot.threads import MOST_METADATA, Post, Words, metadata_of
from watibot.translation import staff_context

SILENCE = timedelta(minutes=30)  # ends a conversation
_LONGEST = 100_000  # characters of words; a message holds 256,000


def posts_of(words: Iterable[Words]) -> tuple[Post, ...]:
    """In their order. What staff and the guest said, up to the last of staff's words before the
    assistant's, is told in one message, or in as many as it takes; all else in one each."""
    posts: list[Post] = []
    people: list[Words] = []
    for each in words:
        # A picture has no place in a block.
        if each.role == "user" and not each.images:
            people.append(each)
            continue
        posts += (*_told(people), _alone(each))
        people = []
    return (*posts, *_told(people))


def _told(people: Sequence[Words]) -> Iterator[Post]:
    end = max((place for place, each in enumerate(people, 1) if each.staff is not None), default=0)
    for block in _blocks(people[:end]):
        if len(block) == 1 and block[0].staff is None:
            yield _alone(block[0])
        else:
            yield Post(_ids(block), "user", staff_context.told(_conversations(block)))
    yield from (_alone(each) for each in people[end:])


def _alone(words: Words) -> Post:
    text = words.text if words.role == "assistant" else staff_context.disarmed(words.text)
    return Post((words.item_id,), words.role, text, words.images)


def _blocks(people: Sequence[Words]) -> Iterator[list[Words]]:
    """As long as metadata can name all of the items, and a message hold the words."""
    block: list[Words] = []
    for each in people:
        longer = [*block, each]
        fits = len(metadata_of(_ids(longer))) <= MOST_METADATA
        if block and not (fits and sum(len(one.text) for one in longer) <= _LONGEST):
            yield block
            longer = [each]
        block = longer
    if block:
        yield block


def _conversations(block: Sequence[Words]) -> list[list[tuple[str | None, str]]]:
    found: list[list[tuple[str | None, str]]] = []
    before: datetime | None = None
    for each in block:
        at = each.said_at
        silent = before is not None and at is not None and at - before >= SILENCE
        if silent or not found:
            found.append([])
        found[-1].append((each.staff, each.text))
        before = at or before
    return found


def _ids(block: Sequence[Words]) -> tuple[str, ...]:
    return tuple(each.item_id for each in block)
