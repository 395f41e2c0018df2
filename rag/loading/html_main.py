"""Where a web page's main text is, and what on it is only the site's furniture."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import trafilatura
from lxml import etree, html

_SKIPPED = frozenset(
    "script style noscript template nav aside button select option textarea input iframe object embed "
    "svg canvas audio video head map dialog menu link meta".split()
)
BLOCK_LEVEL = frozenset(
    "address article blockquote body center dd details div dl dt fieldset figcaption figure form h1 h2 h3 h4 h5 h6 "
    "aside footer header hr html legend li main nav ol p pre section summary table caption tbody td tfoot th thead "
    "tr ul".split()
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "toolbar"})
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|crumbs?|footer|foot|bottom|sidebar|side|share|bdshare\w*|"
    r"copyright|toolbar|pager|pagination|related|recommend|topbar|searchbox|search|dangqian|weizhi|location|position|"
    r"friendlink|links|hidden|hide|sr-only|visually-hidden)(?:$|[\s_-])",
    re.IGNORECASE,
)
_SENTENCE_MARKS = re.compile("[。；！？，]|[.;!?,] ")
_MAIN_SHARE = 0.98
_LONGEST_EXTRACTED = 2_000_000  # characters; trafilatura takes minutes over more
_BEGINNING = 16  # characters that tell one paragraph from another
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it cannot use is found without it


def main_element(root: html.HtmlElement, text: str) -> html.HtmlElement:
    """Return the deepest element that holds nearly all of the main text and is more than one paragraph."""
    body = next(root.iter("body"), root)
    weights = _weights(body, _extracted(text))
    total = weights.get(body, 0)
    main = body
    while total:
        heavy = [child for child in main if weights.get(child, 0) >= _MAIN_SHARE * total]
        if not heavy or not _has_blocks(heavy[0]):
            break
        main = heavy[0]
    while main.tag in {"tr", "tbody", "ul", "ol", "p", "li", "td"} and main is not body:
        main = main.getparent()
    return main


def _extracted(text: str) -> frozenset[str]:
    """Return how each line of the main text begins, as trafilatura sees it; empty where it finds none."""
    if len(text) > _LONGEST_EXTRACTED:
        return frozenset()
    try:
        found = trafilatura.extract(text, include_comments=False, include_tables=True, favor_recall=True)
    except Exception:  # an aid only: the sentences' own weight locates the main text without it
        return frozenset()
    return frozenset(map(_beginning, (found or "").splitlines()))


def _beginning(text: str) -> str:
    return "".join(text.split()).lstrip("-#|*")[:_BEGINNING]


def _weights(body: html.HtmlElement, extracted: frozenset[str]) -> dict[html.HtmlElement, int]:
    """Weigh each element by the sentences in it that are main text; links weigh nothing."""
    own = dict(_sentence_weights(body))
    agreed = {element: weight for element, weight in own.items() if _beginning(_own_text(element)) in extracted}
    chosen = agreed if sum(agreed.values()) >= 0.5 * sum(own.values()) else own
    weights: dict[html.HtmlElement, int] = {}
    for element, weight in chosen.items():
        node: html.HtmlElement | None = element
        while node is not None:
            weights[node] = weights.get(node, 0) + weight
            node = node.getparent() if node is not body else None
    return weights


def _sentence_weights(body: html.HtmlElement) -> Iterator[tuple[html.HtmlElement, int]]:
    walker = etree.iterwalk(body, events=("start",))
    for _, element in walker:
        if is_left_out(element):
            walker.skip_subtree()
        elif element.tag in BLOCK_LEVEL:
            text = _own_text(element)
            if len(text) >= 20 and _SENTENCE_MARKS.search(text):
                yield element, len(text)


def _own_text(element: html.HtmlElement) -> str:
    """Return the text of a block-level element that is in no block-level descendant and in no link."""
    pieces = [element.text or ""]
    walker = etree.iterwalk(element, events=("start", "end"))
    for event, node in walker:
        if node is element:
            continue
        if event == "end":
            pieces.append(node.tail or "")
        elif node.tag == "a" or not isinstance(node.tag, str) or node.tag in BLOCK_LEVEL or is_left_out(node):
            walker.skip_subtree()
        else:
            pieces.append(node.text or "")
    return "".join(pieces).strip()


def _has_blocks(element: html.HtmlElement) -> bool:
    return any(child.tag in BLOCK_LEVEL for child in element.iterdescendants())


def is_left_out(element: html.HtmlElement) -> bool:
    """Tell whether a reader does not see the element, or sees it as the site's furniture."""
    tag = element.tag
    if not isinstance(tag, str):
        return True
    if tag in ("html", "body", "main", "article"):
        return False
    if tag == "footer":  # that of an article bears its signature
        return next(element.iterancestors("article"), None) is None
    if tag == "form":  # whole pages of older government sites stand in one form
        return not element.findall(".//p") and len(element.text_content()) < 500
    return tag in _SKIPPED or _is_hidden(element) or (element.get("role") or "").lower() in _ROLES


def _is_hidden(element: html.HtmlElement) -> bool:
    return (
        "hidden" in element.attrib
        or (element.get("aria-hidden") or "").lower() == "true"
        or bool(_HIDDEN_STYLE.search(element.get("style") or ""))
    )


def is_furniture(element: html.HtmlElement) -> bool:
    """Tell whether class and id name the element as furniture, or it is mostly links."""
    if element.tag not in BLOCK_LEVEL or element.tag in HEADINGS or element.tag in ("p", "li"):
        return False
    if element.tag == "header":
        return not element.findall(".//h1") and not element.findall(".//h2")
    text = len("".join(element.text_content().split()))
    links = sum(len("".join(link.text_content().split())) for link in element.iter("a"))
    if text and links > 0.6 * text and len(list(element.iter("a"))) > 1:
        return True
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    return bool(_FURNITURE.search(named)) and not _SENTENCE_MARKS.search("".join(element.itertext())[:2000])
