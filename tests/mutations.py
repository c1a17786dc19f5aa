"""JSON for Hypothesis: anything at all, and real payloads with something in them gone wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from watibot.errors import UnreadablePayload
from watibot.messages import Delivery

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "\x00", "{{id}}", "true", "1795169656", "9" * 5000, 10**4000])
    | st.sampled_from(["https://[::1", "https://fbsbx.com:99999/", "2026-11-20", "message.Id"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn, bodies: list[Any]) -> Any:
    """A known body in which one to three values, at any depth, are replaced or removed."""
    body = copy.deepcopy(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 3))):
        at = body
        while isinstance(at, (dict, list)) and at:
            key: Any = draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
            if draw(st.integers(0, 2)) and isinstance(at[key], (dict, list)) and at[key]:
                at = at[key]
                continue
            if draw(st.booleans()):
                at[key] = draw(ANYTHING)
            else:
                del at[key]
            break
    return body


def hold_to_the_promise(read: Callable[[Any], Sequence[Delivery]], body: Any, guest: str) -> None:
    """Deliveries that every store can take, or a refusal that does not name the guest."""
    try:
        deliveries = read(body)
    except UnreadablePayload as error:
        refusal = str(error)
    else:
        assert deliveries
        for each in deliveries:
            str(each).encode()  # half surrogates would break every store
            assert "\x00" not in str(each)
        return
    assert guest not in refusal
