import io
import json
import os
from pathlib import Path

import pytest
from access_app import EDITOR, PASSWORDS, READER, make_users

from rag.__main__ import main
from rag.access.accounts import Accounts
from rag.access.audit import AuditLog, read_audit
from rag.access.exposure import is_loopback, require_accounts
from rag.access.users import Role
from rag.errors import AccountsError, SettingsError
from rag.settings import load_settings

PASSWORD = "four words of mine"


@pytest.fixture
def accounts(tmp_path):
    return Accounts(make_users(tmp_path))


def run(monkeypatch, capsys, *arguments, password=PASSWORD):
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_the_file_holds_no_password_and_no_key_and_is_the_owners_alone(accounts):
    key = accounts.add_key(EDITOR, "备份")
    text = accounts.path.read_text(encoding="utf-8")
    assert accounts.path.stat().st_mode & 0o777 == 0o600
    assert not any(secret in text for secret in (*PASSWORDS.values(), key, key.removeprefix("rag_")))
    assert text.count("$argon2id$") == 2
    assert accounts.by_key(key).name == EDITOR
    assert accounts.by_key(key[:-1]) is accounts.by_key("rag_") is accounts.by_key(key + "A") is None


def test_two_users_of_one_password_have_different_hashes(tmp_path):
    accounts = Accounts(tmp_path / "users.json")
    accounts.add("a", Role.READER, PASSWORD)
    accounts.add("b", Role.READER, PASSWORD)
    one, other = accounts.all()
    assert one.password != other.password


def test_a_change_seen_by_another_process_counts_at_once(accounts):
    other = Accounts(accounts.path)
    assert other.find(READER)
    accounts.remove(READER)
    assert other.find(READER) is None


def test_a_change_that_fails_leaves_the_file_as_it_was(accounts, monkeypatch):
    before = accounts.path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AccountsError, match="RAG_USERS_FILE"):
        accounts.remove(READER)
    assert accounts.path.read_bytes() == before
    assert not list(accounts.path.parent.glob(".users*"))


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "x" * 1025, "editor@example!", ""])
def test_a_weak_password_is_refused(tmp_path, password):
    with pytest.raises(AccountsError):
        Accounts(tmp_path / "users.json").add(EDITOR, Role.EDITOR, password)
    assert not (tmp_path / "users.json").exists()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../a", "a\n", "a\u202e", "x" * 65, "a:b", "<b>"])
def test_an_unusable_name_is_refused(tmp_path, name):
    with pytest.raises(AccountsError):
        Accounts(tmp_path / "users.json").add(name, Role.READER, PASSWORD)


def test_a_name_is_given_once_whatever_its_case(accounts):
    with pytest.raises(AccountsError, match="already"):
        accounts.add(EDITOR.upper(), Role.READER, PASSWORD)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: path.chmod(0o644), "chmod 600"),
        (lambda path: path.write_text("{"), "damaged"),
        (lambda path: path.write_text('{"version": 2, "users": []}'), "version"),
        (lambda path: path.write_text(path.read_text().replace('"reader"', '"root"')), "role"),
        (lambda path: path.write_text(path.read_text().replace("$argon2id$", "$plain$")), "no Argon2id hash"),
    ],
)
def test_an_unusable_file_is_told_with_what_to_do(accounts, change, told):
    change(accounts.path)
    with pytest.raises(AccountsError, match=told) as caught:
        Accounts(accounts.path).all()
    assert "$argon2id$v" not in str(caught.value)


# Commands


def test_the_commands_add_list_change_and_remove(tmp_path, monkeypatch, capsys):
    store = ("--store", tmp_path / "store")
    assert run(monkeypatch, capsys, "users", "add", "王芳", "--role", "editor", *store)[0] == 0
    code, key, told = run(monkeypatch, capsys, "users", "key", "add", "王芳", "script", *store)
    assert code == 0 and "not shown again" in told
    assert Accounts(tmp_path / "store" / "users.json").by_key(key.strip()).name == "王芳"
    listed = run(monkeypatch, capsys, "users", "list", *store)[1]
    assert "王芳  editor  key script" in listed and key.strip() not in listed
    assert run(monkeypatch, capsys, "users", "key", "revoke", "王芳", "script", *store)[0] == 0
    assert run(monkeypatch, capsys, "users", "password", "王芳", *store, password="another good one")[0] == 0
    assert json.loads(run(monkeypatch, capsys, "users", "list", "--json", *store)[1]) == {
        "users": [{"name": "王芳", "role": "editor", "keys": []}]
    }
    assert run(monkeypatch, capsys, "users", "remove", "王芳", *store)[0] == 0
    told = run(monkeypatch, capsys, "audit", "--since", "1h", *store)[1]
    assert [line.split("  ")[3] for line in told.splitlines()] == [
        "user added", "key added", "key revoked", "password changed", "user removed",
    ]  # fmt: skip
    assert PASSWORD not in told and key.strip() not in told


def test_a_password_is_never_an_argument_and_a_weak_one_exits_1(tmp_path, monkeypatch, capsys):
    code, _, error = run(
        monkeypatch, capsys, "users", "add", "a", "--role", "reader", "--store", tmp_path, password="short"
    )
    assert code == 1 and "12 to 1024" in error
    with pytest.raises(SystemExit):
        main(["users", "add", "a", PASSWORD, "--role", "reader"])


def test_at_a_terminal_the_password_is_typed_twice(tmp_path, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    typed = iter([PASSWORD, PASSWORD + "!"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert main(["users", "add", "a", "--role", "reader", "--store", str(tmp_path)]) == 1
    assert "differ" in capsys.readouterr().err


# The audit log


def test_entries_stay_on_their_line_and_old_ones_are_dropped(tmp_path):
    settings = load_settings(store=tmp_path, audit_mb=0.001, audit_files=2)
    log = AuditLog(settings)
    for number in range(40):
        log.record("ask", f"u{number}", "127.0.0.1", question='伪造\n{"at": "2020"}\r\u2028\u202e\x1b[2J' * 3)
    files = sorted(path.name for path in (tmp_path / "audit").iterdir())
    assert files == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert all(
        path.stat().st_size <= 1049 and path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "audit").iterdir()
    )
    users = [entry["user"] for entry in read_audit(tmp_path)]
    assert users == [f"u{number}" for number in range(40 - len(users), 40)] and 3 <= len(users) < 40
    assert not set(b"\x1b\r\x80\xe2") & set(b"".join(path.read_bytes() for path in (tmp_path / "audit").iterdir()))


def test_the_terminal_shows_entries_without_obeying_them(tmp_path, monkeypatch, capsys):
    AuditLog(load_settings(store=tmp_path)).record("ask", "u\x1b[2J", "1", question="红色\x1b[31m\n伪造")
    shown = run(monkeypatch, capsys, "audit", "--store", tmp_path)[1]
    assert "红色" in shown and "\x1b" not in shown and len(shown.splitlines()) == 1


def test_a_log_that_cannot_be_written_stops_no_one(tmp_path, caplog):
    (tmp_path / "audit").write_text("in the way")
    AuditLog(load_settings(store=tmp_path)).record("ask", "u", "127.0.0.1")
    assert "cannot be written" in caplog.text


# Exposure


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", "a.localhost"])
def test_loopback_is_known(host):
    assert is_loopback(host)


HOSTS = [
    "0.0.0.0",
    "::",
    "",
    "0",
    "127.1",
    "192.168.1.5",
    "rag.example",
    "localhost.example",
    "127.0.0.1.example",
    "fe80::1",
]


@pytest.mark.parametrize("host", HOSTS)
def test_any_other_address_needs_accounts(tmp_path, host):
    with pytest.raises(SettingsError, match=r"python -m rag users add NAME --role reader\|editor"):
        require_accounts(load_settings(store=tmp_path, host=host))


@pytest.mark.parametrize("settings", [{"trusted_proxies": 1}, {"allowed_hosts": "rag.example"}])
def test_a_proxy_before_loopback_needs_accounts_too(tmp_path, settings):
    with pytest.raises(SettingsError):
        require_accounts(load_settings(store=tmp_path, **settings))
    make_users(tmp_path)
    require_accounts(load_settings(store=tmp_path, **settings))


def test_a_users_file_that_is_named_has_to_be_there_and_name_someone(tmp_path):
    missing = load_settings(store=tmp_path, users_file=tmp_path / "typo.json")
    with pytest.raises(SettingsError, match="typo.json"):
        require_accounts(missing)
    path = tmp_path / "users.json"
    path.touch(mode=0o600)
    path.write_text('{"version": 1, "users": []}')
    with pytest.raises(SettingsError, match="nobody could log in"):
        require_accounts(load_settings(store=tmp_path))


def test_app_refuses_another_address_without_accounts(tmp_path, capsys):
    import app

    for host in ("0.0.0.0", "::", "rag.example"):
        assert app.main(["--store", str(tmp_path), "--host", host, "--port", "0"]) == 2
        assert "python -m rag users add NAME --role reader|editor" in capsys.readouterr().err
    assert Path(tmp_path, "audit").exists() is False
