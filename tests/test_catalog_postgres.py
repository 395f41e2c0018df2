"""The catalog in PostgreSQL through the server's faults: each is told in our words, and nothing told as in is lost."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from fault_tally import count_fault
from pydantic import SecretStr
from sqlalchemy import text
from stored_reports import EMBEDDER, stored_report

from rag.__main__ import main
from rag.catalog import BuiltWith, Catalog
from rag.errors import SettingsError, StoreDamaged, StoreError, StoreLocked
from rag.ingestion import ingest_into_store
from rag.pipeline import Rag
from rag.settings import load_settings

BUILT_WITH = BuiltWith(EMBEDDER.name, 320)


@pytest.fixture
def url(postgres_server):
    return postgres_server.new_database()


@pytest.fixture
def catalog(tmp_path, url):
    with Catalog.open(tmp_path / "store", BUILT_WITH, create=True, url=url) as opened:
        yield opened


def refused(tmp_path, url, kind=StoreError):
    """Return the words in which a URL is refused; they must not hold the password."""
    with pytest.raises(kind) as caught:
        Catalog.open(tmp_path / "store", create=True, url=SecretStr(url))
    assert "secret-word" not in str(caught.value) and "fictional-word" not in str(caught.value)
    return str(caught.value)


def test_a_server_that_does_not_answer_is_told_with_what_to_check(tmp_path):
    told = refused(tmp_path, "postgresql+psycopg://clerk:secret-word@127.0.0.1:1/reports")
    assert "PostgreSQL (127.0.0.1:1/reports) cannot be reached" in told and "RAG_CATALOG_URL" in told


def test_a_wrong_password_is_told_without_it(tmp_path, postgres_server):
    told = refused(tmp_path, postgres_server.url("postgres", password="secret-word"))
    assert "user or password is wrong" in told


def test_a_missing_database_is_told_with_the_command_that_makes_it(tmp_path, postgres_server):
    assert "does not exist. Make it with `createdb" in refused(tmp_path, postgres_server.url("nowhere"))


def test_a_user_without_rights_is_told_which(tmp_path, postgres_server, catalog, url):
    name = f"reader_{catalog.catalog_id()[:8]}"
    postgres_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret-word'")
    database = url.get_secret_value().rsplit("/", 1)[1]
    told = refused(tmp_path, postgres_server.url(database, name, "secret-word"))
    assert "grant CREATE on its schema and all rights on its tables" in told


def test_a_database_in_another_encoding_is_refused(tmp_path, postgres_server):
    url = postgres_server.new_database(encoding="SQL_ASCII")
    assert "createdb NAME --encoding UTF8" in refused(tmp_path, url.get_secret_value())


@pytest.mark.parametrize(
    "url", ["mysql://clerk:secret-word@db/x", "postgresql://clerk:secret-word@db/x", "secret-word", "://secret-word:"]
)
def test_a_url_of_another_form_is_refused_with_the_right_form(url, tmp_path):
    assert "Write postgresql+psycopg://USER:PASSWORD@HOST:5432/DATABASE" in refused(tmp_path, url, SettingsError)


def test_without_psycopg_it_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    told = refused(tmp_path, "postgresql+psycopg://clerk:secret-word@127.0.0.1:1/reports")
    assert "pip install -r requirements-scale.txt" in told


def test_the_command_line_tells_it_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RAG_CATALOG_URL", "postgresql+psycopg://clerk:secret-word@127.0.0.1:1/reports")
    assert main(["reports", "--store", str(tmp_path / "store")]) == 1
    told = capsys.readouterr().err
    assert "cannot be reached" in told and "secret-word" not in told


def test_an_empty_database_is_no_catalog_unless_it_is_to_be_made(tmp_path, url):
    with pytest.raises(StoreDamaged, match="holds no catalog"):
        Catalog.open(tmp_path / "store", url=url)


def test_a_catalog_in_the_folder_is_told_to_be_brought_over(tmp_path, url):
    Catalog.open(tmp_path / "store", BUILT_WITH, create=True).close()
    with pytest.raises(StoreDamaged, match="Bring it over: `python -m rag backup .*` without RAG_CATALOG_URL"):
        Catalog.open(tmp_path / "store", url=url)


def test_a_database_that_was_emptied_does_not_seem_an_empty_store(tmp_path, url):
    (tmp_path / "a.txt").write_text("青禾街道办事处2023年报告\n\n一、主要做法\n办结信访案件26件。\n", encoding="utf-8")
    settings = load_settings(store=tmp_path / "store", embedding_model="hash", catalog_url=url)
    ingest_into_store([tmp_path / "a.txt"], settings)
    with Catalog.open(tmp_path / "store", url=url) as catalog, catalog.database.writing() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    with pytest.raises(StoreDamaged, match="the catalog was lost.*python -m rag restore"):
        Rag(settings, create=True, owner=True)


def test_a_table_that_is_gone_is_damage(catalog):
    with catalog.database.writing() as connection:
        connection.execute(text("DROP TABLE vectors"))
    with pytest.raises(StoreDamaged, match="fill it from a backup"):
        catalog.vectors()


def test_a_server_that_only_reads_is_told(catalog):
    with catalog.database.engine.connect() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        connection.commit()
    catalog.close()
    with pytest.raises(StoreError, match="read-only copy. Name the primary server"):
        catalog.put_report(stored_report("a.txt", "甲。"))
    assert catalog.metas() == {}


@pytest.mark.parametrize(
    ("state", "kind", "told"),
    [
        ("53100", StoreError, "no space left. Nothing told as in is lost; free space on the server"),
        ("XX001", StoreDamaged, "is damaged.*python -m rag restore"),
        ("57014", StoreError, "Raise statement_timeout"),
        ("53300", StoreError, "Raise max_connections"),
    ],
)
def test_what_the_server_reports_while_writing_is_told_with_the_way_out(state, kind, told, catalog):
    catalog.put_report(stored_report("a.txt", "甲。"))
    with catalog.database.writing() as connection:
        body = f"$$ BEGIN RAISE EXCEPTION 'as a test' USING ERRCODE = '{state}'; END $$"
        connection.execute(text(f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS {body}"))
        connection.execute(text("CREATE TRIGGER fails BEFORE INSERT ON vectors EXECUTE FUNCTION fail()"))
    with pytest.raises(kind, match=told):
        catalog.put_report(stored_report("b.txt", "乙。"))
    assert [meta.source for meta in catalog.metas().values()] == ["a.txt"]
    assert catalog.check() == []


def test_a_writer_that_never_ends_is_told(catalog, monkeypatch):
    monkeypatch.setattr("rag.catalog.postgres._WAIT_S", 1)
    with catalog.database.writing(), pytest.raises(StoreLocked, match="did not come free within 1 s"):
        catalog.put_report(stored_report("a.txt", "甲。"))


def test_a_reader_sees_one_state_while_others_write(catalog):
    catalog.put_report(stored_report("a.txt", "甲。"))
    with catalog.database.reading() as connection:
        count = text("SELECT count(*) FROM reports")
        before = connection.scalar(count)
        catalog.put_report(stored_report("b.txt", "乙。"))
        assert connection.scalar(count) == before == 1
    assert len(catalog.metas()) == 2


def test_a_restart_of_the_server_goes_unnoticed(catalog, postgres_server):
    for number in range(3):
        catalog.put_report(stored_report(f"{number}.txt", f"第{number}项。"))
        postgres_server.stop()
        with pytest.raises(StoreError, match="nothing told as in is lost"):
            catalog.change_counter()
        postgres_server.start()
        assert len(catalog.metas()) == number + 1


def test_a_lock_is_gone_with_the_server_and_can_be_taken_again(catalog, postgres_server):
    lock = catalog.lock("write.lock")
    assert lock.acquire()
    postgres_server.stop(at_once=True)
    assert not lock.held
    postgres_server.start()
    assert lock.acquire()
    lock.release()


def test_a_crash_of_the_server_in_the_middle_of_writing_loses_nothing_told_as_in(tmp_path, postgres_server):
    """The server is killed while two write; what was told as in is there when it is up again."""
    tries, lost = 3, 0
    for number in range(tries):
        url = postgres_server.new_database()
        told = []

        def write(writer, store=tmp_path / str(number), url=url, told=told):
            with Catalog.open(store, BUILT_WITH, create=True, url=url) as catalog:
                for item in range(1_000):
                    try:
                        catalog.put_report(stored_report(f"{writer}-{item}.txt", f"第{writer}人第{item}项。"))
                    except StoreError:
                        return
                    told.append(f"{writer}-{item}.txt")

        with ThreadPoolExecutor() as pool:
            writers = [pool.submit(write, writer) for writer in range(2)]
            while len(told) < 15:
                pass
            postgres_server.stop(at_once=True)
            for writer in writers:
                writer.result()
        postgres_server.start()
        with Catalog.open(tmp_path / str(number), url=url) as catalog:
            sources = {meta.source for meta in catalog.metas().values()}
            lost += bool(set(told) - sources) or bool(catalog.check())
    count_fault("SIGKILL of the PostgreSQL server", tries=tries, losses=lost)
    assert lost == 0


def test_two_processes_with_folders_of_their_own_share_one_catalog(tmp_path, url):
    """As two machines do: indexes in each one's folder, reports in the one database."""
    one, other = (
        load_settings(store=tmp_path / name, embedding_model="hash", catalog_url=url) for name in ("one", "other")
    )
    for number, settings in enumerate((one, other)):
        path = tmp_path / f"{number}.txt"
        path.write_text(
            f"第{number}街道办事处2023年法治政府建设情况报告\n\n一、不足\n街道不具备行政执法权。\n", encoding="utf-8"
        )
        ingest_into_store([path], settings)
    with Rag(one, owner=True) as first, Rag(other, owner=True) as second:
        answers = [rag.ask("哪些街道不具备行政执法权") for rag in (first, second)]
        assert first.verify().problems == second.verify().problems == ()
    assert len(answers[0].citations) == 2
    assert [citation.id for citation in answers[0].citations] == [citation.id for citation in answers[1].citations]
