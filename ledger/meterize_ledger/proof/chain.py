"""The chain, followed from link to link."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

Value = str | int | None
HASHED: Final = (
    "amends", "asked_by", "data", "feature", "hook", "host", "id", "kind", "marks", "origin",
    "package", "policy", "received", "salt", "seq", "source", "subject", "time", "uses", "why",
)  # fmt: skip
"""The keys of a record that are hashed."""
COLUMNS: Final = (*HASHED, "leaf", "link")
"""The keys of a row of an export. Of a record that is not shown there are ``source``, ``seq``, ``leaf`` and ``link``."""
START: Final = "0" * 64
_RANGE: Final = re.compile(r"(?s)(.*):(\d+)-(\d+)")
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True, kw_only=True)
class Chain:
    """What was found of one source: its last record and link, how many are shown whole, their uses, and what is wrong."""

    source: str
    first: int = 0
    seq: int = 0
    link: str = START
    shown: int = 0
    uses: int = 0
    hidden: int = 0
    problems: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The chains of an export, by source."""

    chains: tuple[Chain, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with any."""
        return bool(self.chains) and not any(chain.problems for chain in self.chains)


def prove(rows: Iterable[Mapping[str, Value]], ends: Mapping[str, tuple[int, str]] | None = None) -> Proof:
    """Follow every chain through the rows of an export.

    ``ends`` are links that were seen earlier or elsewhere (on an invoice): by source the number of a record and its link.
    A chain that does not pass through them was made anew.
    """
    chains: dict[str, Chain] = {}
    seen: set[str] = set()
    for row in rows:
        source = str(row.get("source") or "")
        chain = chains.setdefault(source, Chain(source=source))
        _take(chain, row)
        known = (ends or {}).get(source)
        if known and known[0] == chain.seq:
            seen.add(source)
            if known[1] != chain.link:
                chain.problems.append(f"record {chain.seq} has the link {chain.link}, not {known[1]}, which was seen before")
    for source, (seq, _) in (ends or {}).items():
        if source not in seen:
            chain = chains.setdefault(source, Chain(source=source))
            chain.problems.append(f"record {seq}, whose link was seen before, is not in the export")
    return Proof(chains=tuple(chains[source] for source in sorted(chains)))


def _take(chain: Chain, row: Mapping[str, Value]) -> None:
    seq, link, leaf = row.get("seq"), str(row.get("link") or ""), str(row.get("leaf") or "")
    if not isinstance(seq, int) or not _HEX.fullmatch(link) or not _HEX.fullmatch(leaf):
        chain.problems.append(f"after record {chain.seq}: a row without seq, leaf or link")
        return
    whole = row.get("kind") is not None
    own = leaf_of(row) if whole else leaf
    if whole and own != leaf:
        chain.problems.append(f"record {seq} was changed: its contents give the leaf {own}")
    if chain.first == 0:
        chain.first = seq
    if seq != chain.seq + 1 and chain.first != seq:
        chain.problems.append(f"record {seq} follows record {chain.seq}")
    elif (chain.seq or seq == 1) and sha256(bytes.fromhex(chain.link) + bytes.fromhex(own)).hexdigest() != link:
        chain.problems.append(f"record {seq} does not follow from the one before it")
    elif chain.seq == 0 and seq != 1 and whole:
        chain.problems.append(f"the export begins with record {seq}, and what came before it is not shown")
    chain.seq, chain.link = seq, link
    if whole:
        _add(chain, row, seq)
    else:
        chain.hidden += 1


def _add(chain: Chain, row: Mapping[str, Value], seq: int) -> None:
    uses, name = row.get("uses"), str(row.get("id"))
    if not isinstance(uses, int):
        chain.problems.append(f"record {seq} counts no whole number of uses")
        return
    chain.shown += 1
    chain.uses += uses
    key = f"{row.get('origin')}\0{name}"
    if key in chain.ids:
        chain.problems.append(f"record {seq} is the same use as record {chain.ids[key]}: {name}")
    chain.ids[key] = seq
    if row.get("kind") == "use":
        _follow_counter(chain, name, uses, seq)


def _follow_counter(chain: Chain, name: str, uses: int, seq: int) -> None:
    """A counter's records lie end to end: no use is counted twice, none is left out."""
    found = _RANGE.fullmatch(name)
    if found is None or int(found[3]) - int(found[2]) != uses:
        chain.problems.append(f"record {seq} counts {uses} uses, which is not what its id says: {name}")
        return
    counter, first, last = found[1], int(found[2]), int(found[3])
    before = chain.totals.get(counter, 0)
    if first != before:
        chain.problems.append(f"record {seq} begins at use {first}, its counter stood at {before}: {name}")
    chain.totals[counter] = last


def leaf_of(row: Mapping[str, Value]) -> str:
    """SHA-256 of a record's canonical JSON, in hexadecimal."""
    record = {key: row.get(key) for key in HASHED}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
