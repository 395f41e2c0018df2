"""The API against its own description, with requests made up by schemathesis."""

from collections import Counter

import pytest
import schemathesis
from api_store import open_rag
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from rag.api import install_api


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    with open_rag(tmp_path_factory.mktemp("api")) as rag:
        application = FastAPI()
        install_api(application, rag)
        yield application


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_no_request_is_answered_other_than_described(application, mode):
    described = schemathesis.openapi.from_asgi("/api/v1/openapi.json", application)
    called: Counter[str] = Counter()
    for result in described.get_all_operations():
        operation = result.ok()

        @seed(0)
        @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def answered_as_described(case):
            called[case.operation.label] += 1
            reply = case.call(timeout=30)
            unsaid = []  # what no schema can say: that most bytes are no report, and how long a body may be
            if case.operation.label == "POST /reports":
                unsaid.append(positive_data_acceptance)
            if reply.status_code == 413:
                unsaid.append(negative_data_rejection)
            case.validate_response(reply, excluded_checks=unsaid)

        if operation.label != "GET /reports":  # which takes nothing that could be varied
            answered_as_described()
    assert len(called) == 9 and min(called.values()) >= 30, called


def test_everything_has_a_description_and_an_example(application):
    api = TestClient(application).get("/api/v1/openapi.json").json()
    assert {(method, path) for path, methods in api["paths"].items() for method in methods} == {
        ("post", "/ask"), ("post", "/ask/stream"), ("post", "/survey"), ("get", "/cite/{citation_id}"),
        ("get", "/find"), ("get", "/facts"), ("get", "/reports"), ("post", "/reports"),
        ("get", "/reports/{report_id}"), ("delete", "/reports/{report_id}"),
    }  # fmt: skip
    for methods in api["paths"].values():
        for operation in methods.values():
            assert operation["description"] and operation["tags"]
            assert {"200", "413", "415", "422", "429", "503"} <= operation["responses"].keys()
    for name in ("AskRequest", "SurveyRequest", "AnswerReply", "SurveyReply", "CitationReply", "Problem"):
        assert api["components"]["schemas"][name]["examples"], name


def test_the_documentation_page_fetches_nothing_from_outside(application):
    client = TestClient(application)
    page = client.get("/api/v1/docs").text
    assert "https://" not in page and "http://" not in page
    for part in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"/api/v1/docs/static/{part}" in page
        assert client.get(f"/api/v1/docs/static/{part}").status_code == 200
