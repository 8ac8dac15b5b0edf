"""Whether a verdict lies beside the plan of each metered feature, and is of this very plan and of the bytes that lie here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from meterize.errors import TargetError
from meterize.evidence import Proof, evidence_file, is_of, read_proofs
from meterize.model.manifest import Manifest, MeteredPlan
from meterize.model.report import FeatureProof, Proven
from meterize.model.verdict import ProvenFile

from .round_trip import proven_files


def find_verdicts(site: Path, manifest: Manifest) -> tuple[FeatureProof, ...]:
    """The state of the evidence for each feature; never an error, since status has to tell what else there is."""
    files: tuple[ProvenFile, ...] = ()
    with suppress(TargetError, OSError):
        files = proven_files(site, manifest)
    return tuple(_find(plan, manifest, files) for plan in manifest.plans)


def _find(plan: MeteredPlan, manifest: Manifest, files: tuple[ProvenFile, ...]) -> FeatureProof:
    path = evidence_file(Path(plan.plan_path))
    proofs = read_proofs(path)
    if not proofs:
        return FeatureProof(feature=plan.feature, state=Proven.NONE if proofs is None else Proven.UNREADABLE, path=path)
    of = (manifest.distribution, plan.feature, plan.plan_digest)
    proof = next((each for each in proofs if (each.distribution, each.feature, each.plan_digest) == of), None)
    if proof is None:
        return FeatureProof(feature=plan.feature, state=Proven.OTHER_PLAN, path=path)
    return _judged(proof, manifest, files, path)


def _judged(proof: Proof, manifest: Manifest, files: tuple[ProvenFile, ...], path: Path) -> FeatureProof:
    if not files or proof.version != manifest.version or not is_of(proof, files):
        return FeatureProof(feature=proof.feature, state=Proven.OTHER_BYTES, path=path)
    return FeatureProof(
        feature=proof.feature,
        state=Proven.CURRENT,
        path=path,
        verdict="passed" if proof.passed else "failed",
        time=proof.time,
        digest=proof.digest,
    )
