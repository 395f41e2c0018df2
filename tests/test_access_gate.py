import json
import sqlite3
import time
from contextlib import closing

import pytest
from access_app import EDITOR, LOCAL, PASSWORDS, PUBLIC, READER, log_in, make_users, serve
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from rag.access import asked, current_user
from rag.access.audit import read_audit
from rag.access.sessions import Sessions
from rag.access.users import Role
from rag.errors import AccountsError, RateLimited


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    return make_users(tmp_path_factory.mktemp("users"))


@pytest.fixture
def served(tmp_path, users):
    return serve(tmp_path / "store", users)


@pytest.fixture
def public(tmp_path, users):
    """Behind one proxy, which says who comes and by https."""
    return serve(tmp_path / "store", users, trusted_proxies=1, allowed_hosts="rag.example")


def actions(served):
    return [(entry["action"], entry["user"]) for entry in read_audit(served.access.settings.store)]


# Without accounts


def test_without_accounts_whoever_sits_at_the_machine_is_an_editor(tmp_path):
    open_to_all = serve(tmp_path / "store")
    done = open_to_all.client().delete("/api/v1/reports/1")
    assert done.json() == {"user": "local", "role": "editor", "bytes": 0}
    assert open_to_all.client(Authorization="Bearer unused").post("/v1/chat/completions", json={}).status_code == 200


@pytest.mark.parametrize(
    "base", ["http://localhost:7860", "http://127.0.0.1", "http://[::1]:7860", "http://a.localhost"]
)
def test_loopback_answers_to_its_own_names(tmp_path, base):
    assert serve(tmp_path / "store").client(base).get("/api/v1/reports").status_code == 200


@pytest.mark.parametrize("base", ["http://evil.example", "http://127.0.0.1.evil.example", "http://192.0.2.7"])
def test_loopback_answers_to_no_other_name(tmp_path, base):
    served = serve(tmp_path / "store")
    assert served.client(base).get("/api/v1/reports").status_code == 421
    assert not served.reached


def test_without_accounts_nobody_comes_in_from_elsewhere_or_through_a_proxy(tmp_path):
    served = serve(tmp_path / "store")
    assert served.client(address="192.0.2.7").get("/api/v1/reports").status_code == 403
    assert served.client(**{"X-Forwarded-For": "192.0.2.7"}).get("/api/v1/reports").status_code == 403
    assert not served.reached


def test_without_accounts_another_sites_page_can_still_do_nothing(tmp_path):
    served = serve(tmp_path / "store")
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert served.client(**headers).post("/api/v1/reports/1", json={}).status_code == 403
    assert not served.reached


def test_accounts_added_while_it_runs_count_at_once_and_deleting_the_file_opens_nothing(tmp_path, users):
    served = serve(tmp_path / "store")
    assert served.client().get("/api/v1/reports").status_code == 200
    target = tmp_path / "store" / "users.json"
    target.touch(mode=0o600)
    target.write_bytes(users.read_bytes())
    assert served.client().get("/api/v1/reports").status_code == 401
    target.unlink()
    assert served.client().get("/api/v1/reports").status_code == 401


# Roles

TABLE = [
    ("GET", "/healthz", 200, 200, 200),
    ("GET", "/metrics", 401, 200, 200),
    ("GET", "/page", 401, 200, 200),
    ("GET", "/gradio_api/info", 401, 200, 200),
    ("POST", "/gradio_api/queue/join", 401, 200, 200),
    ("POST", "/api/v1/ask", 401, 200, 200),
    ("POST", "/api/v1/survey", 401, 200, 200),
    ("POST", "/v1/chat/completions", 401, 200, 200),
    ("GET", "/api/v1/reports", 401, 200, 200),
    ("GET", "/api/v1/reports/abc", 401, 200, 200),
    ("POST", "/api/v1/feedback", 401, 200, 200),
    ("DELETE", "/api/v1/conversations/7", 401, 200, 200),
    ("PATCH", "/api/v1/reports/abc", 401, 403, 200),
    ("DELETE", "/api/v1/reports/abc", 401, 403, 200),
    ("GET", "/api/v1/audit", 401, 403, 200),
    ("POST", "/api/v1/anything-new", 401, 403, 200),
    ("POST", "/anything-new", 401, 403, 200),
    ("GET", "/gradio_api/proxy=http://evil.example/", 404, 404, 404),
    ("GET", "/monitoring", 404, 404, 404),
    ("GET", "/gradio_api/login_check", 404, 404, 404),
]


def test_the_table_holds_for_nobody_readers_and_editors_by_key_and_by_session(served):
    clients = [
        (served.client(), 2),
        (served.client(**served.key(READER)), 3),
        (served.client(**served.key(EDITOR)), 4),
        (served.logged_in(READER), 3),
        (served.logged_in(EDITOR), 4),
    ]
    for row in TABLE:
        for client, column in clients:
            assert client.request(row[0], row[1]).status_code == row[column], (row, column)


def test_uploads_are_for_editors(served):
    files = {"files": ("a.txt", b"text")}
    for path in ("/api/v1/reports", "/gradio_api/upload"):
        assert served.logged_in(READER).post(path, files=files).status_code == 403
        assert served.logged_in(EDITOR).post(path, files=files).status_code == 200


def test_a_handler_learns_whose_request_it_is(served):
    assert served.logged_in(READER).get("/api/v1/reports").json()["user"] == READER
    assert current_user(object()).role is Role.READER and current_user(None).name == ""


def test_programs_get_problem_details_and_browsers_the_form(served):
    refused = served.client().get("/api/v1/reports")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert {"type", "title", "status", "detail", "next"} <= set(refused.json())
    sent_on = served.client(Accept="text/html").get("/reports/7?q=法")
    assert sent_on.status_code == 303
    assert sent_on.headers["location"] == "/login?next=%2Freports%2F7%3Fq%3D%25E6%25B3%2595"


def test_a_damaged_users_file_lets_nobody_in_but_health_is_told(served):
    client = served.logged_in(EDITOR)
    (served.access.settings.store / "users.json").write_text("{", encoding="utf-8")
    assert client.get("/api/v1/reports").status_code == 503
    assert client.get("/healthz").status_code == 200


# Sessions


def test_the_form_logs_in_and_leads_back(served):
    client = served.client()
    form = client.get("/login?next=/reports/7").text
    assert 'name="next" value="/reports/7"' in form and "<script" not in form
    assert log_in(client, READER, next="/reports/7").headers["location"] == "/reports/7"
    assert client.get("/api/v1/reports").json()["user"] == READER


def test_names_are_told_apart_by_neither_case_nor_width(served):
    assert log_in(served.client(), "ＥＤＩＴＯＲ@example", PASSWORDS[EDITOR]).status_code == 303


def test_the_page_speaks_both_languages(served):
    assert "密码" in served.client().get("/login").text
    assert "Password" in served.client(**{"Accept-Language": "en-GB"}).get("/login").text
    assert "Password" in served.client().get("/login?lang=en").text


def test_the_cookie_is_for_this_server_and_its_pages_alone(public):
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    done = log_in(public.client(PUBLIC, **headers), READER)
    cookie = done.headers["set-cookie"]
    assert cookie.startswith("__Host-rag=")
    assert {"HttpOnly", "SameSite=lax", "Secure", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie and "Max-Age=43200" in cookie
    assert done.headers["strict-transport-security"].startswith("max-age=")


def test_over_http_the_cookie_is_not_secure_unless_set(tmp_path, users):
    assert "Secure" not in log_in(serve(tmp_path / "a", users).client(), READER).headers["set-cookie"]
    always = serve(tmp_path / "b", users, secure_cookies="always")
    assert "Secure" in log_in(always.client(), READER).headers["set-cookie"]


def test_a_wrong_password_and_an_unknown_name_look_and_take_the_same(served):
    log_in(served.client(), READER, "warm up the dummy hash")
    pages, times = [], []
    for name in (READER, "nobody"):
        started = time.perf_counter()
        answers = [
            log_in(served.client(address=f"127.0.0.{number}"), name, "wrong password!") for number in range(2, 7)
        ]
        times.append(time.perf_counter() - started)
        pages.append({(answer.status_code, answer.text.replace(name, "")) for answer in answers})
    assert pages[0] == pages[1] and {status for status, _ in pages[0]} == {401}
    assert 0.4 < times[0] / times[1] < 2.5


def test_logging_in_renews_the_session_and_logging_out_ends_it(served):
    client = served.logged_in(READER)
    first = client.cookies["rag"]
    log_in(client, READER)
    second = client.cookies["rag"]
    assert first != second
    stale = served.client(Cookie=f"rag={first}")
    assert stale.get("/api/v1/reports").status_code == 401
    assert READER in client.get("/logout").text
    assert client.post("/logout").headers["location"] == "/login"
    assert served.client(Cookie=f"rag={second}").get("/api/v1/reports").status_code == 401
    assert ("log-out", READER) in actions(served)


def test_a_session_ends_with_its_time_its_user_and_its_password(served, monkeypatch):
    client = served.client(Cookie=f"rag={served.logged_in(READER).cookies['rag']}")
    later = time.time() + 12 * 3600 + 1
    with monkeypatch.context() as patch:
        patch.setattr("rag.access.sessions.time.time", lambda: later)
        assert client.get("/api/v1/reports").status_code == 401
    assert client.get("/api/v1/reports").status_code == 200
    served.access.accounts.set_password(READER, "another fine password")
    assert client.get("/api/v1/reports").status_code == 401
    editor = served.logged_in(EDITOR)
    served.access.accounts.remove(EDITOR)
    assert editor.get("/api/v1/reports").status_code == 401


def test_sessions_outlive_a_restart_and_are_not_stored_as_they_are(served):
    token = served.logged_in(READER).cookies["rag"]
    store = served.access.settings.store
    served.access.sessions.close()
    assert Sessions(store, served.access.settings.session_hours).find(token).user == READER
    assert token.encode() not in (store / "sessions.sqlite").read_bytes()
    assert (store / "sessions.sqlite").stat().st_mode & 0o077 == 0


def test_sessions_from_before_they_had_a_version_still_hold(tmp_path):
    first = Sessions(tmp_path, 1)
    token = first.begin(READER, "stamp")
    first.close()
    with closing(sqlite3.connect(tmp_path / "sessions.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 0")
    assert Sessions(tmp_path, 1).find(token).user == READER


def test_sessions_of_a_newer_program_or_damaged_are_refused_with_the_way_out(tmp_path):
    Sessions(tmp_path, 1).close()
    with closing(sqlite3.connect(tmp_path / "sessions.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(AccountsError, match="has version 99.*delete the file"):
        Sessions(tmp_path, 1)
    (tmp_path / "sessions.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(AccountsError, match="delete it: everyone logs in again"):
        Sessions(tmp_path, 1)


def test_a_revoked_key_is_refused(served):
    header = served.key(EDITOR)
    assert served.client(**header).delete("/api/v1/reports/1").status_code == 200
    served.access.accounts.revoke_key(EDITOR, "key0")
    assert served.client(**header).delete("/api/v1/reports/1").status_code == 401
    assert ("key refused", "") in actions(served)


# Cross-site requests


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:7861"},
        {"Origin": "https://127.0.0.1:7860"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": LOCAL},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_cookie_alone_changes_nothing(served, headers):
    token = served.logged_in(EDITOR).cookies["rag"]
    served.reached.clear()
    client = served.client(Cookie=f"rag={token}", **headers)
    assert client.delete("/api/v1/reports/1").status_code == 403
    assert client.post("/logout").status_code == 403
    assert not served.reached


def test_a_link_from_elsewhere_may_be_followed_but_nothing_embedded(served):
    client = served.logged_in(READER)
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/page", headers=link).status_code == 200
    for part in ({"Sec-Fetch-Mode": "no-cors"}, {"Sec-Fetch-Dest": "iframe"}):
        assert client.get("/page", headers={**link, **part}).status_code == 403


def test_nobody_is_logged_in_from_elsewhere(served):
    form = {"name": READER, "password": PASSWORDS[READER]}
    assert served.client(Origin="https://evil.example").post("/login", data=form).status_code == 403
    assert served.client().post("/login", data=form).status_code == 403


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\t//x"]
)
def test_logging_in_leads_to_no_other_site(served, wanted):
    assert log_in(served.client(), READER, next=wanted).headers["location"] == "/"


# Limits


def test_questions_are_limited_by_user(tmp_path, users):
    served = serve(tmp_path / "store", users, questions_per_minute=2)
    one, other = served.client(**served.key(READER)), served.client(**served.key(EDITOR))
    assert [one.post("/api/v1/ask", json={"question": "?"}).status_code for _ in range(3)] == [200, 200, 429]
    refused = one.post("/v1/chat/completions", json={})
    assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["content-type"] == "application/problem+json"
    assert other.post("/api/v1/ask", json={}).status_code == 200
    assert one.get("/api/v1/reports").status_code == 200


def test_without_accounts_there_is_no_limit(tmp_path):
    client = serve(tmp_path / "store", questions_per_minute=1).client()
    assert {client.post("/api/v1/ask", json={}).status_code for _ in range(5)} == {200}


def test_uploads_are_limited(tmp_path, users):
    served = serve(tmp_path / "store", users, uploads_per_hour=1, max_file_mb=1, upload_files=2)
    client = served.client(**served.key(EDITOR))
    assert client.post("/api/v1/reports", files={"files": ("a.txt", b"x" * 3_000_000)}).status_code == 413
    assert client.post("/api/v1/reports", files={"files": ("a.txt", b"x")}).status_code == 200
    assert client.post("/api/v1/reports", files={"files": ("a.txt", b"x")}).status_code == 429


def test_guessing_passwords_takes_longer_and_longer_whoever_is_guessed(tmp_path, users):
    served = serve(tmp_path / "store", users, login_failures=2)
    for number in range(2):
        assert log_in(served.client(), f"guess{number}", "wrong password!").status_code == 401
    held = log_in(served.client(), READER)
    assert held.status_code == 429 and int(held.headers["retry-after"]) >= 1
    assert log_in(served.client(address="127.0.0.9"), READER).status_code == 303
    assert ("log-in held off", READER) in actions(served)


def test_a_page_event_counts_and_is_logged(tmp_path, users):
    served = serve(tmp_path / "store", users, questions_per_minute=1, audit_questions=True)

    caught = []

    async def event(request):
        caught.append(request)
        return PlainTextResponse("")

    served.application.router.routes.insert(0, Route("/event", event))
    served.client(**served.key(READER)).get("/event")
    asked(caught[0], "街道有多少件？\n伪造")
    with pytest.raises(RateLimited, match="RAG_QUESTIONS_PER_MINUTE"):
        asked(caught[0], "再问")
    entry = list(read_audit(served.access.settings.store))[-1]
    assert (entry["action"], entry["user"], entry["question"]) == ("ask", READER, "街道有多少件？\n伪造")


# Where requests come from


def test_an_untrusted_proxys_word_counts_for_nothing(served):
    client = served.client(**{"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https", **served.key(EDITOR)})
    client.delete("/api/v1/reports/1")
    last = list(read_audit(served.access.settings.store))[-1]
    assert last["from"] == "127.0.0.1"


def test_a_trusted_proxys_word_counts_but_not_what_the_client_put_before_it(public):
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.5", "X-Forwarded-Proto": "https"}
    public.client(PUBLIC, **headers, **public.key(EDITOR)).delete("/api/v1/reports/1")
    assert list(read_audit(public.access.settings.store))[-1]["from"] == "203.0.113.5"


# Responses


def test_every_response_is_secured(served):
    client = served.logged_in(READER)
    for response in (
        client.get("/page"),
        client.get("/api/v1/reports"),
        served.client().get("/nothing"),
        client.get("/login"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "same-origin"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["cache-control"] == "no-store"
    assert "camera=()" in response.headers["permissions-policy"]


def test_a_pages_own_scripts_may_run_and_no_other(served):
    policy = served.logged_in(READER).get("/page").headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "'sha256-" in scripts and "unsafe-inline" not in scripts
    assert "'sha256-" not in served.client().get("/login").headers["content-security-policy"]


# The log


def test_the_log_tells_who_did_what_without_the_questions_text(served):
    served.logged_in(READER).post("/api/v1/ask", json={"question": "秘密的问题"})
    served.client(**served.key(EDITOR)).delete("/api/v1/reports/abc")
    served.logged_in(READER).delete("/api/v1/reports/abc")
    log_in(served.client(), READER, "wrong password!")
    found = actions(served)
    assert [("ask", READER), ("delete", EDITOR)] == [entry for entry in found if entry[0] in ("ask", "delete")]
    assert ("denied", READER) in found and ("log-in failed", READER) in found
    text = (served.access.settings.store / "audit" / "audit.jsonl").read_text(encoding="ascii")
    assert "秘密" not in json.dumps([json.loads(line) for line in text.splitlines()], ensure_ascii=False)
    entry = next(entry for entry in read_audit(served.access.settings.store) if entry["action"] == "ask")
    assert entry["characters"] == 5 and entry["status"] == 200 and entry["from"] == "127.0.0.1"
    assert served.client(**served.key(EDITOR)).get("/api/v1/audit").json()["entries"][0]["action"] == "log-in failed"
