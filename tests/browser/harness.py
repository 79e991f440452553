"""A dashboard on a free port and a browser to look at it with; used by the browser tests and by `make screenshots`."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
]
RESTS = ".stApp[data-test-script-state='notRunning']"
SIZES = {"1280x720": (1280, 720), "1920x1080": (1920, 1080)}
# On a deep link Streamlit first looks for its server below the page's own path, and is told that it is not there.
HARMLESS = ("/_stcore/health", "/_stcore/host-config", "the server responded with a status of 404")


def chromium() -> str | None:
    """The system's Chromium, or None."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def serve(data: Path, policies: Path | None = None, patience: float = 60) -> Iterator[str]:
    """A fresh, cold server on these records; yields its address, and ends it whatever happens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"COMPLIANCE_DATA": str(data), "COMPLIANCE_POLICIES": str(policies or "")}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _await_health(server, address, time.monotonic() + patience)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await_health(server: subprocess.Popen[str], address: str, until: float) -> None:
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the dashboard ended while starting:\n{server.communicate()[0]}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the dashboard did not start in time")


@dataclass
class Visitor:
    """One person at one browser: a page, and what went wrong on it."""

    page: Any
    address: str
    troubles: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open a path and wait until the page has run."""
        self.page.goto(self.address + path)
        self.settle()

    def settle(self) -> None:
        """Wait until the page shows a title, the frame its last filter, and the script rests."""
        for shown in (
            "h1, [data-testid='stException']",
            ".st-key-severity_shown [data-testid='stMultiSelect']",
            RESTS,
        ):
            self.page.wait_for_selector(shown, timeout=150_000)
        self.page.wait_for_timeout(300)  # a rerun that a click has asked for begins within this
        self.page.wait_for_selector(RESTS, timeout=150_000)

    def title(self) -> str:
        """The page's heading."""
        return self.page.inner_text("h1").strip()

    def shot(self, file: Path) -> None:
        """Save what the window shows."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(file), animations="disabled")

    def clean(self) -> None:
        """Raise if anything failed on the page, or was asked of another host."""
        assert not self.external, f"asked of other hosts: {self.external}"
        assert not self.troubles, f"went wrong on the page: {self.troubles}"
        assert not self.page.locator("[data-testid='stException']").count(), "the page shows an exception"


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        window = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield window
        finally:
            window.close()


@contextmanager
def visit(window: Any, address: str, dark: bool = False, size: str = "1280x720") -> Iterator[Visitor]:
    """A visitor with a browser context of their own: no cookies, no storage shared with another."""
    width, height = SIZES[size]
    context = window.new_context(
        color_scheme="dark" if dark else "light", viewport={"width": width, "height": height}, locale="en-US"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor = Visitor(context.new_page(), address)
    visitor.page.on("console", lambda said: _note_console(visitor, said))
    visitor.page.on("pageerror", lambda error: visitor.troubles.append(str(error)))
    visitor.page.on("request", lambda request: _note_request(visitor, request.url))
    visitor.page.on("response", lambda got: _note_response(visitor, got.status, got.url))
    try:
        yield visitor
    finally:
        context.close()


def _note_console(visitor: Visitor, said: Any) -> None:
    if said.type == "error" and not any(each in said.text for each in HARMLESS):
        visitor.troubles.append(said.text)


def _note_response(visitor: Visitor, status: int, url: str) -> None:
    if status >= 400 and not any(url.endswith(each) for each in HARMLESS):
        visitor.troubles.append(f"{status} {url}")


def _note_request(visitor: Visitor, url: str) -> None:
    own = visitor.address.removeprefix("http://")
    if not url.startswith((f"http://{own}", f"ws://{own}", "data:", "blob:", "about:")):
        visitor.external.append(url)
