"""Routes of the pages: reports as offices × years, one report with an address for every paragraph, evaluation runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from rag.errors import CitationError, GoldError, RagError
from rag.evaluation.compare import compare
from rag.evaluation.report_html import render_html
from rag.evaluation.runs import SHOWN, list_runs, load_run
from rag.fact_listing import number_text
from rag.pages.inventory import lay_out
from rag.pages.texts import say
from rag.pipeline import Rag
from rag.resources import read_text
from rag.structure import MetaOverrides
from rag.types import Filters, Language
from rag.ui.texts import language_of
from rag.uploads import Upload, UploadCheck, UploadResult, accept

LANGUAGE_COOKIE = "language"
SEE_OTHER = 303

_ENVIRONMENT = Environment(
    loader=PackageLoader("rag.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def create_pages(
    rag: Rag, *, may_edit: Callable[[Request], bool] = lambda request: True, check: UploadCheck = accept
) -> APIRouter:
    """Return the pages under ``/reports`` and ``/evaluation``.

    Args:
        rag: The store that they show.
        may_edit: Tells whether a reader may upload, correct and delete; others are not shown how. Requests are refused
            elsewhere, by path.
        check: Looks at an uploaded file before it is read.
    """
    pages = Pages(rag, may_edit, check)
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    for path, method, handler in (
        ("/reports", "GET", pages.inventory),
        ("/reports", "POST", pages.upload),
        ("/reports/upload.js", "GET", upload_script),
        ("/reports/{report_id}", "GET", pages.report),
        ("/reports/{report_id}/correct", "POST", pages.correct),
        ("/reports/{report_id}/delete", "POST", pages.delete),
        ("/evaluation", "GET", pages.evaluation),
        ("/evaluation/compare", "GET", pages.comparison),
        ("/evaluation/{name}", "GET", pages.run),
    ):
        router.add_api_route(path, handler, methods=[method], response_model=None)
    return router


@dataclass(frozen=True, slots=True)
class Message:
    """A line over a page that tells what was done, or why not."""

    text: str
    bad: bool = False


class Pages:
    """The pages' handlers; sync functions, so that each runs in a thread of its own."""

    def __init__(self, rag: Rag, may_edit: Callable[[Request], bool], check: UploadCheck) -> None:
        self._rag = rag
        self._may_edit = may_edit
        self._check = check

    def inventory(
        self, request: Request, search: Annotated[str, Query(alias="q", max_length=200)] = "", gone: str = ""
    ) -> Response:
        """Show all reports as a grid, with the form that uploads more."""
        message = Message(say("deleted", _language(request), source=gone[:200])) if gone else None
        return self._inventory(request, search=search, message=message)

    def upload(self, request: Request, uploaded: Annotated[list[UploadFile], File(alias="files")]) -> Response:
        """Take files in, and show what became of each."""
        uploads = (Upload(file.filename or "", file.file.read()) for file in uploaded)
        wants_json = "application/json" in request.headers.get("accept", "")
        try:
            results = self._rag.upload(uploads, check=self._check)
        except RagError as error:
            if wants_json:
                return JSONResponse([{"outcome": "failed", "text": str(error), "report": None}], 503)
            return self._inventory(request, message=Message(str(error), bad=True), status=503)
        if wants_json:
            return JSONResponse([_told(result, _language(request)) for result in results])
        return self._inventory(request, results=results)

    def _inventory(
        self,
        request: Request,
        *,
        search: str = "",
        message: Message | None = None,
        results: tuple[Any, ...] = (),
        status: int = 200,
    ) -> Response:
        grid = lay_out(self._rag.inventory(), search)
        values = {"grid": grid, "search": search, "message": message, "results": results}
        return self._page(request, "inventory.html.jinja", values, status)

    def report(self, request: Request, report_id: str, done: str = "") -> Response:
        """Show one report: outline, text with an address for every paragraph, figures."""
        message = Message(say("corrected", _language(request))) if done == "corrected" else None
        return self._report(request, report_id, message)

    def _report(self, request: Request, report_id: str, message: Message | None = None, status: int = 200) -> Response:
        try:
            report = self._rag.report(report_id)
        except CitationError as error:
            return self._inventory(request, message=Message(str(error), bad=True), status=404)
        row = next(row for row in self._rag.inventory() if row.meta.id == report_id)
        facts = self._rag.facts(Filters(reports=(report_id,)))
        values = {"report": report, "row": row, "facts": facts, "message": message, "number_text": number_text}
        return self._page(request, "report.html.jinja", values, status)

    def correct(
        self,
        request: Request,
        report_id: str,
        office: Annotated[str, Form(max_length=100)] = "",
        region: Annotated[str, Form(max_length=100)] = "",
        year: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        """Put office, region or year right."""
        language = _language(request)
        plain = year.strip().removesuffix("年")
        if plain and not (plain.isascii() and plain.isdigit() and 1980 <= int(plain) <= 2100):
            return self._report(request, report_id, Message(say("bad_year", language, value=year), bad=True), 422)
        given = MetaOverrides(office.strip() or None, region.strip() or None, int(plain) if plain else None)
        if given == MetaOverrides():
            return self._report(request, report_id, Message(say("nothing_given", language), bad=True), 422)
        try:
            self._rag.correct(report_id, given)
        except CitationError as error:
            return self._inventory(request, message=Message(str(error), bad=True), status=404)
        except RagError as error:
            return self._report(request, report_id, Message(str(error), bad=True), 503)
        return RedirectResponse(f"/reports/{report_id}?done=corrected", SEE_OTHER)

    def delete(self, request: Request, report_id: str, name: Annotated[str, Form(max_length=300)] = "") -> Response:
        """Delete a report whose file name was typed to confirm."""
        try:
            source = self._rag.report(report_id).meta.source
            if name.strip() != source:
                text = say("delete_mismatch", _language(request), source=source)
                return self._report(request, report_id, Message(text, bad=True), 422)
            self._rag.delete(report_id)
        except CitationError as error:
            return self._inventory(request, message=Message(str(error), bad=True), status=404)
        except RagError as error:
            return self._report(request, report_id, Message(str(error), bad=True), 503)
        return RedirectResponse(f"/reports?gone={quote(source)}", SEE_OTHER)

    def evaluation(self, request: Request) -> Response:
        """List the last runs."""
        return self._evaluation(request)

    def _evaluation(self, request: Request, message: Message | None = None, status: int = 200) -> Response:
        runs = list_runs(self._rag.settings.store)
        values = {"runs": runs, "metrics": SHOWN, "message": message, "store": self._rag.settings.store}
        return self._page(request, "evaluation.html.jinja", values, status)

    def run(self, request: Request, name: str) -> Response:
        """Show one run, per kind and question by question."""
        try:
            return HTMLResponse(render_html(load_run(self._rag.settings.store, name)))
        except GoldError as error:
            return self._evaluation(request, Message(str(error), bad=True), 404)

    def comparison(self, request: Request, first: str = "", second: str = "") -> Response:
        """Show two runs side by side."""
        store = self._rag.settings.store
        try:
            before, after = load_run(store, first), load_run(store, second)
        except GoldError as error:
            told = str(error) if first and second else say("compare_need", _language(request))
            return self._evaluation(request, Message(told, bad=True), 404 if first and second else 422)
        questions = {question["id"]: question["question"] for question in (*before["questions"], *after["questions"])}
        values = {
            "comparison": compare(before, after),
            "questions": questions,
            "first": first,
            "second": second,
            "message": None,
        }
        return self._page(request, "comparison.html.jinja", values)

    def _page(self, request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        language = _language(request)
        html = _ENVIRONMENT.get_template(template).render(
            **values,
            language=language,
            other="en" if language == "zh" else "zh",
            say=partial(_say, language),
            may_edit=self._may_edit(request),
            path=request.url.path,
        )
        response = HTMLResponse(html, status)
        if request.query_params.get("lang") in ("zh", "en"):
            response.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, samesite="lax", httponly=True)
        return response


def upload_script() -> Response:
    """Return the script that uploads file by file."""
    return Response(read_text("rag.pages", "upload.js"), media_type="text/javascript")


def _told(result: UploadResult, language: Language) -> dict[str, str | None]:
    text = say(f"outcome_{result.outcome}", language, detail=result.detail)
    return {"outcome": result.outcome, "text": text, "report": result.report.id if result.report else None}


def _say(language: Language, key: str, **values: object) -> str:
    return say(key, language, **values)


def _language(request: Request) -> Language:
    """Return the language asked for by the address, else by an earlier choice, else by the browser."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen == "en":
            return "en"
        if chosen == "zh":
            return "zh"
    return language_of(request.headers.get("accept-language"))
