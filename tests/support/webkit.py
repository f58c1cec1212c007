"""WebKit driven by W3C WebDriver (https://www.w3.org/TR/webdriver2/): Debian's MiniBrowser on a screen of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.support.marionette import ELEMENT
from tests.support.screen import running, screen
from tests.support.system import free_port, listens, require_program, unavailable, wait_until

SECONDS = 180
BROWSERS = Path("/usr/lib")


class WebKit:
    """One tab."""

    def __init__(self, port: int, browser: Path) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._http = requests.Session()
        options = {"binary": str(browser), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session = self._do("POST", "/session", capabilities=wanted)
        self._address += f"/session/{session['sessionId']}"

    def _do(self, method: str, path: str, **arguments: Any) -> Any:
        body = arguments if method == "POST" else None
        answer = self._http.request(method, self._address + path, json=body, timeout=SECONDS)
        assert answer.ok, answer.text
        return answer.json()["value"]

    def goto(self, address: str) -> None:
        """Load a page."""
        self._do("POST", "/url", url=address)

    def back(self) -> None:
        """The back button."""
        self._do("POST", "/back")

    def run(self, script: str, *arguments: Any) -> Any:
        """What the script, a function's body, returns in the page."""
        return self._do("POST", "/execute/sync", script=script, args=list(arguments))

    def type(self, selector: str, text: str) -> None:
        """Type into a field, or give a file's path to a picker."""
        self._do("POST", f"/element/{self._find(selector)}/value", text=text)

    def click(self, selector: str) -> None:
        """Click, as a person would: what is covered cannot be."""
        self._do("POST", f"/element/{self._find(selector)}/click")

    def wait_for(self, selector: str, text: str = "") -> None:
        """Until that element is shown, with this text in it."""
        script = (
            "const one = document.querySelector(arguments[0]); return one?.checkVisibility() ? one.innerText : null;"
        )
        wait_until(lambda: (said := self.run(script, selector)) is not None and text in said, f"{selector}: {text}")

    def _find(self, selector: str) -> str:
        return str(self._do("POST", "/element", using="css selector", value=selector)[ELEMENT])

    def close(self) -> None:
        """End the session, and the browser with it."""
        self._do("DELETE", "")
        self._http.close()


@contextmanager
def webkit(home: Path) -> Iterator[WebKit]:
    """WebKit's MiniBrowser with nothing kept but in the folder `home`; skipped where it is not installed."""
    driver = require_program("WebKitWebDriver")
    browser = next(BROWSERS.glob("*/webkit2gtk-4.1/MiniBrowser"), None)
    if browser is None:
        unavailable("WebKit's MiniBrowser is not installed; `make system-packages` installs it, as root on Debian")
    port = free_port()
    with screen(home) as shown, ExitStack() as stack:
        unguarded = {**shown, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}  # root's, in a container
        drive = [driver, f"--port={port}", "--host=127.0.0.1"]
        stack.enter_context(running(drive, unguarded, lambda: listens(port)))
        tab = WebKit(port, browser)
        stack.callback(tab.close)
        yield tab
