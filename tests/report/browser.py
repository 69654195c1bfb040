"""A headless Chromium that opens a page as a reader does; it reaches no network."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)


def missing() -> str:
    """Why there is no browser here; empty where there is one."""
    gone = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(gone)} on this machine" if gone else ""


@contextmanager
def chromium(folder: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """One browser with a profile of its own in `folder`."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS.split(), f"--user-data-dir={folder / 'profile'}", *flags):
        options.add_argument(flag)
    # What selenium would look for elsewhere lies here, and it is to ask no one.
    os.environ["SE_OFFLINE"] = "true"
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def look(driver: webdriver.Chrome, width: int, *, dark: bool = False, paper: bool = False) -> None:
    """Show the page at `width` pixels, in light or dark, on a screen or on paper."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    media = {"media": "print" if paper else "", "features": [scheme]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
