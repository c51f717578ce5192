"""The table from codes to statuses and titles."""

from __future__ import annotations

from app.rest.problems import STATUS, TITLE, problem
from db.errors import Code

# What the contract says of each kind of refusal.
CONTRACT = {
    400: "malformed missing_field unknown_field unknown_parameter invalid_value",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "immutable_field duplicate_in_batch already_exists id_taken ambiguous_id in_use locked limit_reached "
    "in_progress cancelled",
    412: "precondition_failed",
    413: "too_many_items too_large",
    415: "unsupported_media_type",
    422: "unknown_reference key_reused dependency_timeout",
    424: "rolled_back not_attempted failed_dependency",
    428: "precondition_required",
    500: "internal",
    503: "overloaded",
}


def test_every_code_has_the_status_of_the_contract_and_a_title() -> None:
    expected = {Code(code): status for status, codes in CONTRACT.items() for code in codes.split()}
    assert expected == STATUS
    assert set(expected) == set(Code)
    assert set(TITLE) == set(Code)
    assert len({*TITLE.values()}) == len(Code)


def test_every_code_makes_a_problem_document() -> None:
    for code in Code:
        answer = problem(code, "what happened")
        assert answer.status == STATUS[code]
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert f"urn:sheaf:problem:{code.value}".encode() in answer.body
