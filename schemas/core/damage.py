"""What can be wrong with the log of an event, told in the same words by whoever finds it: pure."""

from __future__ import annotations


def grown(topic: str, *, has: int, reads: int) -> str | None:
    """What is wrong where a topic has more partitions than are read, or None.

    Numbers stand in quotes, as names do: what counts reasons leaves both out.
    """
    if has <= reads:
        return None
    return (
        f"topic `{topic}` has `{has}` partitions and `{reads}` are read: what is in the others is in no answer; "
        "give the event another name, and produce the records of the others again under it"
    )
