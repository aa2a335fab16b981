import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def command(tmp_path):
    """Run `python -m MODULE ARGS` in an empty folder, as a user would; returns the finished process."""
    import subprocess

    def call(module, *args, timeout=300, before=None, **environment):
        env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, args)],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=timeout, check=False,
            preexec_fn=before,
        )  # fmt: skip

    return call


@pytest.fixture
def class_folders(tmp_path, monkeypatch):
    """Write into a folder 8 pictures for each class, of noise that the seed decides."""
    import numpy as np
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(folder, classes=("aa", "bb"), seed=0):
        draws = np.random.default_rng(seed)
        for name in classes:
            (folder / name).mkdir(parents=True)
            for i in range(8):
                Image.fromarray(draws.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / name / f"{i}.png")
        return folder

    return write


@pytest.fixture(scope="session")
def real_data():
    """The folder of the real data sets; a test that asks for it is skipped where there is none."""
    folder = os.environ.get("KERASCIFAR_DATA")
    if not folder:
        pytest.skip("KERASCIFAR_DATA is not set: the real data sets are not at hand")
    return Path(folder)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium and its driver, found on the PATH; nothing is downloaded."""
    import shutil

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not both installed: the page is not opened")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture
def open_page(browser):
    """Return a function that opens an address in the browser and waits until the page's own script has run."""
    from selenium.webdriver.support.wait import WebDriverWait

    def opened(address):
        browser.get("about:blank")  # what an earlier page still asks for is not this one's
        browser.get_log("browser"), browser.get_log("performance")
        browser.get(address)
        WebDriverWait(browser, 30).until(lambda page: page.execute_script("return document.readyState") == "complete")
        return browser

    return opened
