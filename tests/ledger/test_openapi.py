"""What schemathesis makes of our OpenAPI document: nothing but documented answers, and never a 500."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from meterize_ledger.api.app import make_app
from meterize_ledger.api.settings import Limits
from meterize_ledger.service.access import make_reader_token, make_source_token
from meterize_ledger.service.ledger import open_ledger

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    database = open_ledger(tmp_path_factory.mktemp("openapi") / "ledger.db")
    tokens = {"POST": make_source_token(database, "web")[1], "GET": make_reader_token(database, "r")[1]}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", make_app(database, Limits(rate=1e6, burst=10**6)))
    yield [result.ok() for result in schema.get_all_operations()], tokens
    database.close()


def ask_all(described, mode, examples: int) -> int:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    judges = [
        not_a_server_error, checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance
    ]  # fmt: skip
    operations, tokens = described
    asked = 0
    for operation in operations:

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case) -> None:
            nonlocal asked
            asked += 1
            answer = case.call(headers={"Authorization": f"Bearer {tokens[case.method.upper()]}"})
            assert answer.status_code < 500, answer.text
            case.validate_response(answer, checks=judges)

        try:
            ask()
        except Exception as error:
            if "nothing to negate" not in str(error) and type(error).__name__ != "Unsatisfiable":
                raise
    return asked


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_documented(described, mode):
    assert ask_all(described, schemathesis.GenerationMode(mode), 10) > 40


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_documented_at_length(described, mode):
    assert ask_all(described, schemathesis.GenerationMode(mode), 1000) > 2000
