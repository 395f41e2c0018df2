"""Every command of docs/api.md, and what the README asks the server, runs over the sample reports."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from api_store import served

from rag.pipeline import Rag
from rag.server import create_server
from rag.settings import load_settings

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    *(line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()),
    *re.findall(r"^curl .*", README, re.MULTILINE),
]
ADDRESS = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    settings = load_settings(store=tmp_path_factory.mktemp("docs") / "store", embedding_model="hash")
    with Rag(settings, create=True, owner=True) as rag:
        rag.ingest([ROOT / "data" / "reports"])
        with served(create_server(rag, settings)) as url:
            yield url


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_command_runs(address):
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    assert len(COMMANDS) > 12
    for command in COMMANDS:
        assert command.startswith("curl ") and ADDRESS in command, command
        done = subprocess.run(
            ["bash", "-c", command.replace(ADDRESS, address).replace("curl ", "curl --fail-with-body ", 1)],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0 and done.stdout and '"total":0' not in done.stdout, (
            f"{command}\n{done.stdout}\n{done.stderr}"
        )


def test_the_python_example_runs(address, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example.replace(ADDRESS, address), {})
    assert re.search(r"\[1\].*[0-9a-f]{12}-p\d+-s\d+-e\d+", capsys.readouterr().out, re.DOTALL)


def test_the_examples_of_json_are_json():
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        assert json.loads(block)
