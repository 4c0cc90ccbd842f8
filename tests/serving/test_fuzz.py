"""Requests that nobody would send, made from our own description of what we take."""

import schemathesis
from hypothesis import settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

import posterv2
from posterv2.inference.detection.factory import open_detector
from posterv2.serving.app import create_app

schema = schemathesis.openapi.from_asgi("/v1/openapi.json", create_app(posterv2.load(), open_detector))


@schema.parametrize()
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_what_nobody_would_send_gets_a_documented_answer(case: Case) -> None:
    case.call_and_validate(excluded_checks=[positive_data_acceptance])  # bytes that are no picture are refused
