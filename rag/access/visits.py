"""Where a request comes from, and by which address it was sent: proxies believed as far as set, no further."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_TOLD_BY_PROXIES = re.compile(rb"x-forwarded-.*|forwarded|x-real-ip|x-original-.*|x-rewrite-url|x-gradio-server", re.I)
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>\d{1,5}))?")
_PORTS = {"http": 80, "https": 443}
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Visit:
    """A request's origin.

    Attributes:
        address: The client's, ``unknown`` where the connection has none.
        scheme: ``http`` or ``https``, as the client sees it.
        host: The name it was sent to, without port; empty if unusable.
        port: The port it was sent to.
        proxied: Whether a proxy says that it handed the request on, believed or not.
    """

    address: str
    scheme: str
    host: str
    port: int
    proxied: bool

    @property
    def network(self) -> str:
        """The address by which limits count: IPv6 customers own a /64."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else self.address


def read_visit(scope: Scope, trusted_proxies: int) -> Visit:
    """Read where a request comes from, and take out of it what only proxies may say.

    Args:
        scope: The request; its headers, client and scheme are put right.
        trusted_proxies: Proxies that stand before this server, each of which appends to ``X-Forwarded-For``.
    """
    headers = Headers(scope=scope)
    forwarded = [part.strip() for value in headers.getlist("x-forwarded-for") for part in value.split(",")]
    proto = headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower()
    kept = [(name, value) for name, value in scope["headers"] if not _TOLD_BY_PROXIES.fullmatch(name)]
    proxied = len(kept) < len(scope["headers"]) or "via" in headers
    client = scope.get("client")
    if trusted_proxies:
        if len(forwarded) >= trusted_proxies:
            client = (_address(forwarded[-trusted_proxies]), 0)
        if proto in _PORTS:
            scope["scheme"] = proto
    scope["headers"], scope["client"] = kept, client
    sent_to = headers.getlist("host")
    found = _HOST.fullmatch(sent_to[0]) if len(sent_to) == 1 else None
    port = int(found["port"] or _PORTS.get(scope["scheme"], 80)) if found else 0
    return Visit(client[0] if client else "unknown", scope["scheme"], found["name"] if found else "", port, proxied)


def is_from_elsewhere(scope: Scope, visit: Visit) -> bool:
    """Say whether another site's page sent the request: only following a link may do that."""
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site")
    if scope["method"] in _SAFE:
        is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") in (None, "document")
        return site in ("cross-site", "same-site") and not is_link
    if site is not None:  # no script can set it, so it counts more than the origin
        return site != "same-origin"
    origin = headers.get("origin")
    return origin is not None and not _is_own(origin, visit)


def proves_same_origin(scope: Scope) -> bool:
    """Say whether a browser vouches for where the request was made; asked once it is known not to be elsewhere."""
    headers = Headers(scope=scope)
    return scope["method"] in _SAFE or "origin" in headers or "sec-fetch-site" in headers


def _is_own(origin: str, visit: Visit) -> bool:
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return False
    host = visit.host.strip("[]").lower()
    return (parts.scheme, (parts.hostname or "").lower(), port) == (visit.scheme, host, visit.port)


def _address(text: str) -> str:
    """Return an address as proxies write it, without a port."""
    bare = text.strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return "unknown"
