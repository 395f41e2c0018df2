"""Uploads: kept in the store, told apart from corrections and duplicates, and taken out again."""

import threading
import traceback

import pytest

from rag.catalog import Catalog
from rag.errors import CitationError, FileTooLarge, LoadError, StoreLocked, UnsupportedFormat
from rag.ingestion.writer import one_writer
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.uploads import LONGEST_NAME, Upload, safe_name


def report(office: str, cases: int, year: int = 2023) -> bytes:
    return f"""{office}街道办事处{year}年法治政府建设情况报告

一、主要举措
全年受理信访案件{cases}件。
二、存在的不足
法治队伍力量薄弱。
""".encode()


@pytest.fixture
def rag(tmp_path):
    settings = load_settings(store=tmp_path / "store", embedding_model="hash", max_file_mb=0.05, wait_s=1)
    with Rag(settings, create=True, owner=True) as opened:
        yield opened


def upload(rag: Rag, *files: tuple[str, bytes], **options):
    return rag.upload((Upload(name, content) for name, content in files), **options)


def outcomes(rag: Rag, *files: tuple[str, bytes]) -> list[str]:
    return [result.outcome for result in upload(rag, *files)]


def kept(rag: Rag) -> set[str]:
    folder = rag.settings.store / "uploads"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def in_step(rag: Rag) -> bool:
    checked = rag.verify()
    return not checked.problems


def test_an_upload_is_kept_in_the_store_and_answers_questions(rag):
    (result,) = upload(rag, ("青石.txt", report("青石", 26)))
    assert (result.outcome, result.report.office, result.report.year) == ("in", "青石街道办事处", 2023)
    assert kept(rag) == {"青石.txt"}
    assert "26" in rag.ask("青石街道2023年受理信访案件多少件").answer
    assert in_step(rag)


def test_the_same_name_office_and_year_is_a_correction(rag):
    upload(rag, ("青石.txt", report("青石", 26)))
    (result,) = upload(rag, ("青石.txt", report("青石", 62)))
    assert result.outcome == "replaced"
    assert [row.meta.id for row in rag.inventory()] == [result.report.id]
    assert (rag.settings.store / "uploads" / "青石.txt").read_bytes() == report("青石", 62)
    assert rag.find("受理信访案件62件") and not rag.find("受理信访案件26件")
    assert in_step(rag)


def test_offices_that_call_their_reports_alike_do_not_overwrite_each_other(rag):
    names = [("工作报告.txt", report(office, 26)) for office in ("青石", "白鹿", "青石")]
    assert outcomes(rag, *names) == ["in", "in", "duplicate"]
    assert outcomes(rag, ("工作报告.txt", report("白鹿", 27)), ("工作报告.txt", report("青石", 28, 2024))) == [
        "replaced",
        "in",
    ]
    assert {(row.meta.office, row.meta.year) for row in rag.inventory()} == {
        ("青石街道办事处", 2023), ("白鹿街道办事处", 2023), ("青石街道办事处", 2024),
    }  # fmt: skip
    assert {row.meta.source for row in rag.inventory()} == {"工作报告.txt"}
    assert kept(rag) == {"工作报告.txt", "2/工作报告.txt", "3/工作报告.txt"}


def test_a_text_already_in_is_a_duplicate_under_whatever_name(rag, tmp_path):
    original = tmp_path / "青石.txt"
    original.write_bytes(report("青石", 26))
    rag.ingest([original])
    (result,) = upload(rag, ("copy.txt", report("青石", 26)))
    assert (result.outcome, result.detail) == ("duplicate", "青石.txt")
    assert len(rag.inventory()) == 1


def test_a_correction_of_a_file_ingested_elsewhere_takes_its_place_in_the_store_only(rag, tmp_path):
    original = tmp_path / "青石.txt"
    original.write_bytes(report("青石", 26))
    rag.ingest([original])
    assert outcomes(rag, ("青石.txt", report("青石", 62))) == ["replaced"]
    assert len(rag.inventory()) == 1 and not rag.find("受理信访案件26件")
    assert original.read_bytes() == report("青石", 26)
    assert in_step(rag)


def test_a_broken_correction_leaves_the_report_and_its_file(rag):
    upload(rag, ("青石.txt", report("青石", 26)))
    results = upload(
        rag, ("青石.txt", b"\0\0"), ("note.exe", b"MZ"), ("big.txt", b"a" * 60_000), ("白鹿.txt", report("白鹿", 3))
    )
    assert [result.outcome for result in results] == ["failed", "failed", "failed", "in"]
    assert isinstance(results[1].error, UnsupportedFormat) and isinstance(results[2].error, FileTooLarge)
    assert str(rag.settings.store) not in "".join(result.detail for result in results)
    assert (rag.settings.store / "uploads" / "青石.txt").read_bytes() == report("青石", 26)
    assert kept(rag) == {"青石.txt", "白鹿.txt"}


def test_a_check_can_refuse_a_file_before_it_is_read(rag):
    def refuse(name: str, content: bytes) -> None:
        if b"26" in content:
            raise LoadError(f"{name!r} is not wanted.")

    results = upload(rag, ("a.txt", report("青石", 26)), ("b.txt", report("青石", 27)), check=refuse)
    assert [result.outcome for result in results] == ["failed", "in"]


def test_while_another_process_writes_nothing_is_left_behind(rag):
    upload(rag, ("青石.txt", report("青石", 26)))
    with Catalog.open(rag.settings.store) as other, one_writer(other, 0), pytest.raises(StoreLocked):
        upload(rag, ("青石.txt", report("青石", 62)), ("白鹿.txt", report("白鹿", 3)))
    assert kept(rag) == {"青石.txt"}
    assert (rag.settings.store / "uploads" / "青石.txt").read_bytes() == report("青石", 26)


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/青石.txt", "青石.txt"),
        ("C:\\reports\\青石.txt", "青石.txt"),
        ("/etc/cron.d/x.md", "x.md"),
        ("..\\..\\a.txt", "a.txt"),
        ("a\x00b\u202etxt.exe\n.txt", "abtxt.exe.txt"),
        ("  .a?b*.txt. ", "a_b_.txt"),
        ("\udc80a.txt", "a.txt"),
    ],
)
def test_no_name_leads_out_of_the_folder(given, safe):
    assert safe_name(given) == safe


@pytest.mark.parametrize("name", ["", "..", "../", ".txt", "report", "\x00", "a." + "b" * 300])
def test_a_name_without_substance_is_refused(name):
    with pytest.raises(UnsupportedFormat):
        safe_name(name)


def test_a_long_name_is_cut_to_what_file_systems_take(rag):
    assert len(safe_name("街" * 300 + ".txt").encode()) <= LONGEST_NAME
    assert outcomes(rag, ("街" * 300 + ".txt", report("青石", 26))) == ["in"]


def test_delete_takes_out_the_report_its_duplicates_and_its_uploads(rag, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_bytes(report("青石", 26))
    rag.ingest([outside])
    upload(rag, ("a.txt", report("青石", 26)), ("b.txt", report("白鹿", 3)))
    wanted = next(row.meta.id for row in rag.inventory() if row.meta.office == "青石街道办事处")
    assert sorted(rag.delete(wanted)) == ["a.txt", "outside.txt"]
    assert outside.exists() and kept(rag) == {"b.txt"}
    assert [row.meta.office for row in rag.inventory()] == ["白鹿街道办事处"]
    assert in_step(rag) and rag.lagging() == ()
    with pytest.raises(CitationError):
        rag.delete(wanted)


def test_questions_uploads_and_deletions_go_on_at_the_same_time(rag):
    upload(rag, ("base.txt", report("青石", 26)))
    failures: list[BaseException] = []
    done = threading.Event()

    def keep(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)
            traceback.print_exc()

    def ask():
        asked = 0
        while not done.is_set() or asked < 5:
            assert "26" in rag.ask("青石街道2023年受理信访案件多少件").answer
            rag.ask("哪些街道法治队伍力量薄弱")
            assert rag.find("法治队伍力量薄弱") and rag.facts() and rag.inventory()
            asked += 1

    def write(office: str):
        for year in range(2018, 2023):
            (result,) = upload(rag, (f"{office}.txt", report(office, 5, year)))
            assert result.outcome == "in", result
            if year % 2:
                rag.delete(result.report.id)

    readers = [threading.Thread(target=keep, args=(ask,)) for _ in range(4)]
    writers = [
        threading.Thread(target=keep, args=(lambda office=office: write(office),)) for office in ("白鹿", "长桥")
    ]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert not failures, failures
    assert len(rag.inventory()) == 1 + 2 * 3
    assert in_step(rag) and rag.lagging() == ()
