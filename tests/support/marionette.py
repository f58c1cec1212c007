"""Firefox driven by its own remote control, Marionette: a length, a colon and JSON on a socket. No driver beside it."""

import base64
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.screen import running
from tests.support.system import free_port, listens, require_program, wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name under which WebDriver gives an element (https://www.w3.org/TR/webdriver2/#elements)."""

PREFERENCES = """
user_pref("marionette.port", {port});
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.disable_beforeunload", true);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("accessibility.force_disabled", -1);
"""


class Firefox:
    """One tab."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=180)
        self._stream = self._socket.makefile("rb")
        self._number = 0
        self._receive()  # it says who it is
        self.do("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})

    def do(self, command: str, **arguments: Any) -> Any:
        """The answer to a command; AssertionError with what Firefox says against it."""
        self._number += 1
        message = json.dumps([0, self._number, command, arguments]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._receive()
        assert error is None, error
        return result

    def goto(self, address: str) -> None:
        """Load a page."""
        self.do("WebDriver:Navigate", url=address)

    def back(self) -> None:
        """The back button."""
        self.do("WebDriver:Back")

    def paper(self) -> bytes:
        """The page as it is printed, a PDF."""
        return base64.b64decode(self.do("WebDriver:Print")["value"])

    def run(self, script: str, *arguments: Any) -> Any:
        """What the script, a function's body, returns in the page."""
        return self.do("WebDriver:ExecuteScript", script=script, args=list(arguments))["value"]

    def type(self, selector: str, text: str) -> None:
        """Type into a field, or give a file's path to a picker."""
        self.do("WebDriver:ElementSendKeys", id=self._find(selector), text=text)

    def click(self, selector: str) -> None:
        """Click, as a person would: what is covered cannot be."""
        self.do("WebDriver:ElementClick", id=self._find(selector))

    def wait_for(self, selector: str, text: str = "") -> None:
        """Until that element is shown, with this text in it."""
        script = (
            "const one = document.querySelector(arguments[0]); return one?.checkVisibility() ? one.innerText : null;"
        )
        wait_until(lambda: (said := self.run(script, selector)) is not None and text in said, f"{selector}: {text}")

    def _find(self, selector: str) -> str:
        return str(self.do("WebDriver:FindElement", using="css selector", value=selector)["value"][ELEMENT])

    def _receive(self) -> Any:
        length = b""
        while (character := self._stream.read(1)) != b":":
            assert character, "Firefox has closed the line"
            length += character
        return json.loads(self._stream.read(int(length)))

    def close(self) -> None:
        """End the conversation."""
        self._stream.close()
        self._socket.close()


@contextmanager
def firefox(profile: Path, shown: Mapping[str, str] | None = None) -> Iterator[Firefox]:
    """Firefox with a new profile in the folder `profile`, without a window or on the screen of that environment."""
    port = free_port()
    profile.mkdir()
    (profile / "user.js").write_text(PREFERENCES.format(port=port))
    command = [require_program("firefox-esr"), "--marionette", "--no-remote", "--profile", str(profile), "about:blank"]
    environment = shown or {"HOME": str(profile), "MOZ_HEADLESS": "1"}
    with running(command, environment, lambda: listens(port)):
        browser = Firefox(port)
        try:
            yield browser
        finally:
            browser.close()
