"""The usage record, which is never changed, and the chain that shows that it was not."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct
from msgspec.json import Encoder

Kind = Literal["use", "event", "correction", "seal"]
START: Final = bytes(32)
"""The link before a source's first record."""


class Record(Struct, frozen=True, gc=False):
    """One record; its fields stand in the order in which they are hashed, which is the alphabet's."""

    amends: str | None
    asked_by: str | None
    data: str | None
    feature: str
    hook: str | None
    host: str | None
    id: str
    kind: Kind
    marks: str | None
    origin: str
    package: str | None
    policy: str | None
    received: str
    salt: str
    seq: int
    source: str
    subject: str | None
    time: str
    uses: int
    why: str | None


class Seal(Struct, frozen=True, kw_only=True):
    """What a seal's record says in its ``data``, in the order of the alphabet.

    The records of its source up to ``seq``, whose link is ``link``, arrived before ``before`` and may be gone from the ledger.
    They are in a file whose SHA-256 is ``archive``.
    """

    archive: str
    before: str
    link: str
    seq: int


class Link(Struct, frozen=True, kw_only=True):
    """A place in a source's chain: how many records there are, and the last one's link."""

    source: str
    seq: int
    link: str


canonical = Encoder().encode
"""Canonical JSON (RFC 8785 for what a record holds: texts, whole numbers and null, keys in order, no spaces, UTF-8)."""


def leaf(record: Record) -> bytes:
    """What stands for a record in the chain: SHA-256 of its canonical JSON. Its salt keeps it from being guessed."""
    return sha256(canonical(record)).digest()


def follow(link: bytes, leaf: bytes) -> bytes:
    """The link after a record: SHA-256 of the link before and the record's leaf."""
    return sha256(link + leaf).digest()


def identity(origin: str, name: str) -> bytes:
    """What makes an event's or correction's record the same one: its origin and its id, in 16 bytes."""
    return sha256(f"{origin}\0{name}".encode()).digest()[:16]


def use_key(counter: bytes, total: int) -> bytes:
    """What makes a use's record the same one: its counter and where it ends, in 24 bytes."""
    return counter + total.to_bytes(8)


def use_id(incarnation: str, hook: str, subject: str | None, first: int, last: int) -> str:
    """``incarnation:hook:subject:from-to``; a colon in a hook's id is written ``%3A``, so that the parts can be told apart."""
    return f"{incarnation}:{name_in_id(hook)}:{subject or ''}:{first}-{last}"


def name_in_id(hook: str) -> str:
    """A hook's id as a part of a use's."""
    return hook.replace("%", "%25").replace(":", "%3A") if ":" in hook else hook
