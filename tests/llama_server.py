"""llama.cpp's own server with a real model, as a process: ``python -m tests.llama_server FILE.gguf [GRAMMAR]``.

It prints its address, and serves until it is killed. A grammar, in llama.cpp's notation, gives replies a form that a
model this small seldom finds by itself.
"""

from __future__ import annotations

import sys
import threading

import xllamacpp

CONTEXT = 4096
"""Tokens of the model, prompt and reply together."""
THREADS = 1
"""Two that wait for each other on a busy machine of two cores are four times as slow as one."""


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.n_ctx = CONTEXT
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = THREADS
    parameters.port = 0
    if len(sys.argv) > 2:
        kind = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
        parameters.sampling.grammar = xllamacpp.CommonGrammar(kind, sys.argv[2])
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
