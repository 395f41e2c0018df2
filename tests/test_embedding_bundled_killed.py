"""A process killed while it unpacks the bundled model leaves nothing that a later one could take for the model."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_tally import count_fault

from rag.embedding.bundled import unpacked_model
from rag.embedding.bundled_embedder import BundledEmbedder
from rag.settings import load_settings

ROOT = Path(__file__).parent.parent
KILLS = 5
LARGEST_FILE = 1 << 30
UNPACK = (
    "import sys; from pathlib import Path; from rag.embedding.bundled import unpacked_model as u; u(Path(sys.argv[1]))"
)


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def finished(folder):
    return [path for path in folder.glob("*") if not path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_kills_during_unpacking_the_next_start_has_the_whole_model(tmp_path):
    moments, kills, wrong = random.Random(20240131), 0, 0
    while kills < KILLS:
        process = subprocess.Popen(
            [sys.executable, "-c", UNPACK, str(tmp_path)], cwd=ROOT, env=os.environ, preexec_fn=limit_files
        )
        while process.poll() is None and not list(tmp_path.glob(".unpacking-*")):
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 1.5))
        process.kill()
        if process.wait() == 0:
            for folder in tmp_path.iterdir():  # it was done before the kill
                shutil.rmtree(folder)
            continue
        kills += 1
        wrong += len(finished(tmp_path))
        for folder in tmp_path.glob(".unpacking-*"):
            if kills < KILLS:  # the disk need not hold five of them; the last stays, as after a crash
                shutil.rmtree(folder)
    folder = unpacked_model(tmp_path)
    assert [folder] == finished(tmp_path)
    vector = BundledEmbedder(load_settings(), tmp_path).embed_query("行政执法")
    wrong += not 0.999 < float(vector @ vector) < 1.001
    count_fault("SIGKILL while the model is unpacked", tries=kills, losses=wrong)
    assert not wrong
    shutil.rmtree(tmp_path)
