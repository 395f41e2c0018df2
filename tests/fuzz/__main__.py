"""Fuzz the targets one after the other, guided by coverage: ``python -m tests.fuzz [SECONDS] [TARGET…]``.

Each runs in a process of its own, for libFuzzer ends the process that it runs in. An input that breaks a promise is
left in build/fuzz; ``python -m tests.fuzz replay TARGET FILE`` runs it again. Put into tests/fuzz/found/TARGET it is a
test from then on.
"""

from __future__ import annotations

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.fuzz.seeds import ROOT, seeds
from tests.fuzz.targets import TARGETS

FOUND = ROOT / "build" / "fuzz"
SLOWEST = 60
"""Seconds that one input may take; the first of a kind loads dictionaries."""
MEGABYTES = 2_000


def main(arguments: list[str]) -> int:
    """Fuzz, or do what one of the two other ways of calling it asks; returns the exit status."""
    if arguments[:1] == ["replay"]:
        TARGETS[arguments[1]](Path(arguments[2]).read_bytes())
        return 0
    if arguments[:1] == ["one"]:
        return _fuzz_here(arguments[1], arguments[2:])
    seconds = int(arguments[0]) if arguments else 60
    broken = [target for target in arguments[1:] or TARGETS if not _fuzz(target, seconds)]
    return 1 if broken else 0


def _fuzz(target: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own; tells whether it kept its promises."""
    corpus, crashes = FOUND / target / "corpus", FOUND / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEGABYTES}"]
    options += [f"-artifact_prefix={crashes}/", "-max_len=100000", "-print_final_stats=1", "-verbosity=1"]
    command = [sys.executable, "-m", "tests.fuzz", "one", target, *options, str(corpus)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    sys.stdout.write(f"{target}: {runs[1] if runs else '?'} inputs in {seconds} s\n")
    if done.returncode == 0:
        return True
    found = re.search(r"Test unit written to (\S+)", done.stderr)
    sys.stdout.write(done.stdout[-3000:] + done.stderr[-3000:])
    if found:
        sys.stdout.write(f"\n{target} broke. Replay: python -m tests.fuzz replay {target} {found[1]}\n")
    return False


def _fuzz_here(target: str, options: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["rag"]):
        for name in [name for name in sys.modules if name.split(".")[0] == "rag" or name == "tests.fuzz.targets"]:
            del sys.modules[name]  # to be imported anew, instrumented
        from tests.fuzz.targets import TARGETS as INSTRUMENTED

        INSTRUMENTED[target](b"1")  # what is imported at first use is instrumented too
        for seed in seeds(target):
            INSTRUMENTED[target](seed)
            break

    def keep_what_breaks(data: bytes) -> None:
        try:
            INSTRUMENTED[target](data)
        except Exception:
            path = FOUND / target / f"crash-{sha256(data).hexdigest()[:16]}"
            path.write_bytes(data)
            sys.stderr.write(f"Test unit written to {path}\n")
            raise

    atheris.Setup([target, *options], keep_what_breaks)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
