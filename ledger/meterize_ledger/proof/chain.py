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
    """What was found of one source: its last record and link, how many are shown whole, their uses, and what is wrong.

    ``held`` is the last record whose link was seen elsewhere: up to it, and to it alone, the chain cannot have been made anew.
    ``sealed`` is the record up to which it is elsewhere, with the link ``begin``; ``seals`` are those that its records tell of.
    """

    source: str
    sealed: int = 0
    held: int = 0
    seq: int = 0
    link: str = START
    shown: int = 0
    uses: int = 0
    hidden: int = 0
    problems: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    seals: set[tuple[int, str]] = field(default_factory=set)
    begin: str = START


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The chains of an export, by source."""

    chains: tuple[Chain, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with any."""
        return bool(self.chains) and not any(chain.problems for chain in self.chains)


def prove(rows: Iterable[Mapping[str, Value]], ends: Iterable[tuple[str, int, str]] = ()) -> Proof:
    """Follow every chain through the rows of an export, or of archives and the export that goes on after them.

    ``ends`` are links that were seen earlier or elsewhere (on an invoice): a source, the number of a record and its link.
    A chain that does not pass through them was made anew.
    """
    chains: dict[str, Chain] = {}
    known = {(source, seq): link for source, seq, link in ends}
    seen: set[tuple[str, int]] = set()
    for row in rows:
        source = str(row.get("source") or "")
        chain = chains.setdefault(source, Chain(source=source))
        _take(chain, row)
        place = (source, chain.seq)
        if place in known:
            seen.add(place)
            if known[place] != chain.link:
                chain.problems.append(
                    f"record {chain.seq} has the link {chain.link}, not {known[place]}, which was seen before"
                )
    for source, seq in sorted(known.keys() - seen):
        chain = chains.setdefault(source, Chain(source=source))
        if seq < chain.sealed:
            chain.problems.append(
                f"record {seq}, whose link was seen before, was let go of with all up to {chain.sealed}: "
                "name the archive that has it before the export"
            )
        else:
            chain.problems.append(f"record {seq}, whose link was seen before, is not in the export")
    for source, seq in seen:
        chains[source].held = max(chains[source].held, seq)
    for chain in chains.values():
        if chain.sealed and (chain.source, chain.sealed) not in seen and (chain.sealed, chain.begin) not in chain.seals:
            chain.problems.append(f"records up to {chain.sealed} are not there, and no seal in the chain says so")
    return Proof(chains=tuple(chains[source] for source in sorted(chains)))


def _take(chain: Chain, row: Mapping[str, Value]) -> None:
    seq, link, leaf = row.get("seq"), str(row.get("link") or ""), str(row.get("leaf") or "")
    if isinstance(seq, int) and _HEX.fullmatch(link) and row.get("leaf") is None and row.get("kind") is None:
        _begin_sealed(chain, seq, link)
        return
    if not isinstance(seq, int) or not _HEX.fullmatch(link) or not _HEX.fullmatch(leaf):
        chain.problems.append(f"after record {chain.seq}: a row without seq, leaf or link")
        return
    whole = row.get("kind") is not None
    own = leaf_of(row) if whole else leaf
    if whole and own != leaf:
        chain.problems.append(f"record {seq} was changed: its contents give the leaf {own}")
    if 0 < seq <= chain.seq:
        chain.problems.append(_back(seq, chain.seq))
    elif seq != chain.seq + 1:
        chain.problems.append(
            f"record {seq} follows record {chain.seq}" if chain.seq else f"the export begins with record {seq}"
        )
    elif sha256(bytes.fromhex(chain.link) + bytes.fromhex(own)).hexdigest() != link:
        chain.problems.append(f"record {seq} does not follow from the one before it")
    chain.seq, chain.link = seq, link
    if whole:
        _add(chain, row, seq)
    else:
        chain.hidden += 1


def _begin_sealed(chain: Chain, seq: int, link: str) -> None:
    """A row that stands for all records up to it: the first of its chain, or where an archive that came before it ends."""
    if chain.seq == 0 and seq > 0:
        chain.sealed, chain.seq, chain.begin, chain.link = seq, seq, link, link
    elif seq < chain.seq:
        chain.problems.append(_back(seq, chain.seq))
    elif (chain.seq, chain.link) != (seq, link):
        chain.problems.append(f"what begins after record {seq} does not follow record {chain.seq}")


def _back(seq: int, before: int) -> str:
    return f"record {seq} comes after record {before}: files belong in the order of their records, the oldest first, each once"


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
    elif row.get("kind") == "seal":
        _read_seal(chain, row, seq)


def _follow_counter(chain: Chain, name: str, uses: int, seq: int) -> None:
    """A counter's records lie end to end: no use is counted twice, none is left out."""
    found = _RANGE.fullmatch(name)
    if found is None or int(found[3]) - int(found[2]) != uses:
        chain.problems.append(f"record {seq} counts {uses} uses, which is not what its id says: {name}")
        return
    counter, first, last = found[1], int(found[2]), int(found[3])
    before = chain.totals.get(counter, first if chain.sealed else 0)  # where it stood is told by what was let go of
    if first != before:
        chain.problems.append(f"record {seq} begins at use {first}, its counter stood at {before}: {name}")
    chain.totals[counter] = last


def _read_seal(chain: Chain, row: Mapping[str, Value], seq: int) -> None:
    try:
        said = json.loads(str(row.get("data")))
        chain.seals.add((said["seq"], said["link"]))
    except (ValueError, KeyError, TypeError):
        chain.problems.append(f"record {seq} is a seal that cannot be read")


def leaf_of(row: Mapping[str, Value]) -> str:
    """SHA-256 of a record's canonical JSON, in hexadecimal."""
    record = {key: row.get(key) for key in HASHED}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
