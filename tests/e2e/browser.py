"""A real browser that looks at a file: what it draws, what it complains of, what it asks the network for."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """What to install where there is no browser; nothing where there is one."""
    if not any(map(shutil.which, BROWSERS)) or not shutil.which("chromedriver"):
        return "no browser to look at the page with: apt-get install chromium chromium-driver"
    if find_spec("selenium") is None:
        return "nothing to drive the browser with: pip install selenium"
    return ""


class Browser:
    """One window."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def show(self, page: Path, *, width: int = 1280, theme: str = "light", media: str = "screen") -> None:
        """Open a page in a window of this width, in light or dark."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.command("Emulation.setEmulatedMedia", features=features, media=media)
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(page.as_uri())

    def command(self, name: str, **parameters: object) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression. The page itself may run none, the driver may."""
        return self.driver.execute_script(f"return {expression}")

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What it asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")]

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"])


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """A browser of its own, with a profile of its own."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = next(found for name in BROWSERS if (found := shutil.which(name)))
    for word in ("--headless", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={profile}"):
        options.add_argument(word)
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")  # as root it refuses to start otherwise
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
