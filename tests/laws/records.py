"""Records to try laws on: every type of field, nulls, extremes, ties in time and in id."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from schemas.core.instants import Instant
from schemas.core.language import Event, bool_, decimal, float64, int64, string, timestamp
from schemas.core.records import Record
from schemas.core.types import FLOAT_BOUND, INT64_MAX, INT64_MIN, Value

EVENT: Final = Event(
    "it",
    fields={
        "b": bool_.optional,
        "i": int64.optional,
        "x": float64.optional,
        "d": decimal(2).optional,
        "s": string.optional,
        "t": timestamp.optional,
    },
)

INT64: Final = st.sampled_from([0, 1, -1, INT64_MAX, INT64_MIN]) | st.integers(-1000, 1000)
FLOAT64: Final = (
    st.sampled_from([0.0, 1.0, 1e16, -1e16, FLOAT_BOUND, -FLOAT_BOUND, 5e-324, 1e9, 1e9 + 1, 1e9 + 2])
    | st.floats(-1000, 1000)
    | st.floats(-FLOAT_BOUND, FLOAT_BOUND)
).map(lambda value: value + 0.0)
DECIMAL2: Final = st.sampled_from([0, 1, 10**18 - 1, 1 - 10**18]) | st.integers(-100_000, 100_000)
VALUES: Final[st.SearchStrategy[dict[str, Value]]] = st.fixed_dictionaries(
    {
        "b": st.none() | st.booleans(),
        "i": st.none() | INT64,
        "x": st.none() | FLOAT64,
        "d": st.none() | DECIMAL2,
        "s": st.none() | st.sampled_from(["", "a", "\U0001f600"]),
        "t": st.none() | st.integers(-5, 5),
    }
)


@st.composite
def histories(draw: st.DrawFn, max_size: int = 12) -> list[Record]:
    """Records with coordinates of their own and, often, with the instants and ids of others."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(-3, 3), st.integers(0, 3), st.sampled_from(["a", "b", "\uffff", "\U0001f600"]), VALUES
            ),
            max_size=max_size,
        )
    )
    return [
        Record(event_id, Instant(happened), Instant(happened + lag), at % 2, at // 2, values)
        for at, (happened, lag, event_id, values) in enumerate(drawn)
    ]
