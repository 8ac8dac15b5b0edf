"""Whether a verdict lies beside the plan of each metered feature, and is of this very plan and of the bytes that lie here."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Final

from meterize.errors import TargetError
from meterize.evidence import Proof, evidence_file, past_evidence, read_proofs
from meterize.model.enumeration import first_few
from meterize.model.manifest import MeteredPlan
from meterize.model.report import FeatureProof, PackageStatus, Proven
from meterize.model.verdict import ProvenFile

from .plan_parts import describe_difference, parts_of
from .round_trip import proven_files

_SHOWN: Final = 3


def find_verdicts(state: PackageStatus) -> tuple[FeatureProof, ...]:
    """The state of the evidence for each feature; never an error, since status has to tell what else there is."""
    files: tuple[ProvenFile, ...] = ()
    with suppress(TargetError, OSError):
        files = proven_files(state.site, state.manifest)
    return tuple(_find(plan, state, files) for plan in state.manifest.plans)


def _find(plan: MeteredPlan, state: PackageStatus, files: tuple[ProvenFile, ...]) -> FeatureProof:
    """By the evidence in its usual place; by what was kept before it, newest first, where only that is of what is in force."""
    path = evidence_file(Path(plan.plan_path))
    usual = _judged(plan, state, files, path)
    if usual.state is Proven.CURRENT:
        return usual
    kept = (_judged(plan, state, files, each) for each in past_evidence(path))
    current = [each for each in kept if each.state is Proven.CURRENT]
    return max(current, key=lambda proof: proof.time, default=usual)


def _judged(plan: MeteredPlan, state: PackageStatus, files: tuple[ProvenFile, ...], path: Path) -> FeatureProof:
    found = FeatureProof(feature=plan.feature, state=Proven.NONE, path=path)
    proofs = read_proofs(path)
    if not proofs:
        return found if proofs is None else dataclasses.replace(found, state=Proven.UNREADABLE)
    of = (state.manifest.distribution, plan.feature)
    own = [each for each in proofs if (each.distribution, each.feature) == of]
    if not own:
        return dataclasses.replace(found, state=Proven.OTHER_PLAN, differs="this feature is not in it")
    proof = next((each for each in own if each.plan_digest == plan.plan_digest), None)
    if proof is None:
        differs = describe_difference(own[0].plan_parts, parts_of(plan))
        return dataclasses.replace(found, state=Proven.OTHER_PLAN, differs=differs)
    if differs := _other_code(proof, state, files):
        return dataclasses.replace(found, state=Proven.OTHER_BYTES, differs=differs)
    verdict = "passed" if proof.passed else "failed"
    return dataclasses.replace(found, state=Proven.CURRENT, verdict=verdict, time=proof.time, digest=proof.digest)


def _other_code(proof: Proof, state: PackageStatus, files: tuple[ProvenFile, ...]) -> str:
    """What of the code is not what the evidence is of; empty if it is the very same, and runs."""
    if proof.version != state.manifest.version:
        return f"version ({proof.version} then, {state.manifest.version} now)"
    here = {((file.source, file.optimization), file.code_digest) for file in files}
    changed = {source for (source, _), _ in here ^ set(proof.files.items())}
    changed |= {file.source for file in state.files if not file.metered}
    return f"code of {first_few(sorted(changed), _SHOWN)}" if changed else "" if files else "code"
