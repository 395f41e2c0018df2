"""Serve the chat page, the REST API and the MCP server: ``python app.py [--store DIR] [--host HOST] [--port PORT]``."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import NoReturn

# Read by Gradio when it is imported: no usage statistics leave the machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import uvicorn

from rag.access import UploadLimits, check_upload, install, is_loopback, require_accounts
from rag.conversations import Conversations
from rag.errors import AccountsError, ConversationError, RagError, SettingsError
from rag.garbage import collect_seldom
from rag.pipeline import Rag
from rag.server import create_server
from rag.settings import Settings, load_settings
from rag.terminal import write_plainly

_GRACE_SECONDS = 3  # open pages hold a connection; they are cut after this


class _AnnouncedServer(uvicorn.Server):
    """Tells where the page is once it can be opened."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, then print the address."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(
                f"The chat page is at http://{f'[{host}]' if ':' in host else host}:{port}  (stop with Ctrl+C)",
                flush=True,
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; return 0, 1 when the store cannot be used, 2 on bad usage."""
    signal.signal(signal.SIGTERM, _interrupt)
    write_plainly()
    try:
        settings = _settings(arguments)
        require_accounts(settings)
        with listen(settings.host, settings.port) as listener:
            _check_bound(settings, listener)
            return _serve(settings, listener)
    except KeyboardInterrupt:
        return 0
    except RagError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2 if isinstance(error, (SettingsError, AccountsError)) else 1


def _settings(arguments: Sequence[str] | None) -> Settings:
    parser = argparse.ArgumentParser(prog="app.py", description="Serve the chat page over the reports in the store.")
    parser.add_argument("--store", metavar="DIR", help="folder that ingest.py filled (default: vectorstore)")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any free one (default: 7860)")
    chosen = parser.parse_args(arguments)
    return load_settings(store=chosen.store, host=chosen.host, port=chosen.port)


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket.

    Raises:
        SettingsError: the address cannot be listened on; the message names the option to change.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = f"Port {port} on {host} is taken by another program. Choose another one: --port {port + 1}"
        elif error.errno == errno.EACCES:
            advice = f"Port {port} may not be used by this account. Choose one above 1023: --port 7860"
        else:
            advice = (
                f"Cannot listen on {host!r} ({error.strerror or error}). Give an address of this machine with --host"
            )
        raise SettingsError(advice) from error


def _conversations(settings: Settings) -> Conversations:
    """Open the conversations; where they can't be kept, questions are answered all the same."""
    try:
        return Conversations.open(settings.store)
    except ConversationError as error:
        print(f"{error} Until then conversations last as long as this server runs.", file=sys.stderr)
        return Conversations.temporary()


def _serve(settings: Settings, listener: socket.socket) -> int:
    rag = Rag(settings, owner=True, serving=True)
    conversations = _conversations(settings)
    try:
        if not rag.reports():
            print(
                f"No reports in {str(settings.store)!r} yet. Read some in with: python ingest.py PATH", file=sys.stderr
            )
        application = create_server(
            rag, settings, conversations, check=partial(check_upload, limits=UploadLimits.of(settings))
        )
        install(application, settings)
        collect_seldom()  # looking through all that was built to start with made a question in thirty wait 0.2 s
        config = uvicorn.Config(
            application, log_level="error", timeout_graceful_shutdown=_GRACE_SECONDS, server_header=False,
            proxy_headers=False,  # the gate reads them, as far as RAG_TRUSTED_PROXIES says
        )  # fmt: skip
        _AnnouncedServer(config).run(sockets=[listener])
        return 0
    finally:
        conversations.close()
        rag.close()


def _check_bound(settings: Settings, listener: socket.socket) -> None:
    """Make sure that a name taken for this machine's own, such as localhost, did not stand for another address."""
    bound = listener.getsockname()[0]
    if is_loopback(settings.host) and not is_loopback(bound):
        raise SettingsError(f"{settings.host!r} stands for {bound} here, which others reach. Use --host 127.0.0.1")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
