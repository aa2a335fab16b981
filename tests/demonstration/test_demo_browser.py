"""The page in a real browser: a picture in by each way, the answer read back, and nothing from the network.

The static page needs ONNX Runtime's archive: KERASCIFAR_ONNX_RUNTIME names the file.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from kerascifar.core.finding import find_run
from kerascifar.demonstration.gallery import photographs
from kerascifar.demonstration.live import open_nets
from kerascifar.demonstration.runtime import FOLDER, fetch_runtime
from kerascifar.demonstration.site import write_site
from tests.conftest import ROOT
from tests.demonstration.conftest import plain_server, serving

pytestmark = pytest.mark.slow
FROG = ROOT / "docs/pictures/frog.png"
PHONE, DESKTOP = (390, 844), (1280, 900)
# A file as a browser hands it over when it is dropped or pasted.
HAND_OVER = """
const [bytes, name, kind] = arguments, files = new DataTransfer();
files.items.add(new File([Uint8Array.from(bytes)], name));
const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true })
  : new ClipboardEvent("paste", { clipboardData: files, bubbles: true });
document.querySelector(".drop").dispatchEvent(event);
"""
# How many bytes of the drawing are darker than paper.
INKED = """
const copy = document.createElement("canvas");
[copy.width, copy.height] = [320, 320];
const context = copy.getContext("2d", { willReadFrequently: true });
context.drawImage(document.querySelector("#drawing"), 0, 0);
return context.getImageData(0, 0, 320, 320).data.filter((value) => value < 90).length;
"""


@pytest.fixture(scope="module")
def local():
    """Where two nets are served."""
    with serving(open_nets([find_run("tiny36k"), find_run("tiny12k")]), photographs()) as server:
        yield server.url


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """Where the static page of two int8 nets is served by a plain web server."""
    archive = os.environ.get("KERASCIFAR_ONNX_RUNTIME")
    if not archive:
        pytest.skip("KERASCIFAR_ONNX_RUNTIME is not set: ONNX Runtime's files are not at hand")
    folder = tmp_path_factory.mktemp("site")
    write_site([find_run("tiny36k"), find_run("tiny12k")], folder, int8=True)
    fetch_runtime(folder / FOLDER, Path(archive))

    with plain_server(folder) as url:
        yield url


def wait(page, script, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := page.execute_script(f"return {script}"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{script} is still false; the page says {status(page)!r} and {problem(page)!r}")


def status(page):
    return page.execute_script("return document.querySelector('[role=status]').textContent")


def problem(page):
    return page.execute_script("const p = document.querySelector('[role=alert]'); return p.hidden ? '' : p.textContent")


def answered(page):
    """Wait until all is told of the picture that was shown last."""
    wait(page, "document.querySelector('.answers').getAttribute('aria-busy') === 'false'")
    return status(page)


def opened(open_page, url):
    browser = open_page(url)
    wait(browser, "document.querySelector('[role=status]').textContent === 'No picture yet.'")
    return browser


@pytest.fixture(params=["local", "static"])
def page(request, browser, open_page):
    """The page, open in the browser, served in both ways."""
    url = request.getfixturevalue(request.param)
    yield opened(open_page, url)
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert not {address for address in asked if not address.startswith((url, "data:", "blob:"))}
    # What was refused on purpose stands there as a network error; nothing else does.
    assert [line for line in browser.get_log("browser") if "status of 400" not in line["message"]] == []


def hand_over(page, content, kind="drop", name="picture.png"):
    page.execute_script(HAND_OVER, list(content), name, kind)


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_labelled(page, kind):
    hand_over(page, FROG.read_bytes(), kind)
    said = answered(page)
    assert said.startswith("tiny36k: frog, 99")
    assert "tiny12k: frog" in said
    assert problem(page) == ""
    assert page.execute_script("return [...document.querySelectorAll('article')].map(a => a.ariaLabel)") == [
        "tiny36k",
        "tiny12k",
    ]
    names = page.execute_script("return [...document.querySelectorAll('.bars')[0].children].map(li => li.innerText)")
    assert len(names) == 5
    assert names[0].startswith("frog")
    labels = page.execute_script("return [...document.querySelectorAll('canvas[role=img]')].map(c => c.ariaLabel)")
    assert labels[0] == "The picture as the net sees it, 32 by 32 pixels"
    assert labels[1].startswith("Which parts mattered. Covering ")
    views = page.execute_script(
        "return [...document.querySelectorAll('.views')[0].querySelectorAll('li')].map(l => l.innerText)"
    )
    assert len(views) == 8
    assert views[0].startswith("mirrored\nfrog")


def test_a_chosen_file_and_one_that_comes_along(page):
    page.find_element("css selector", "#file").send_keys(str(FROG))
    assert "frog" in answered(page)
    page.execute_script("document.querySelector('.gallery li button').click()")
    wait(page, "document.querySelector('[role=status]').textContent.includes('cat')")


def test_what_is_no_picture_is_one_clear_line(page):
    hand_over(page, b"<html>", name="page.html")
    answered(page)
    assert problem(page).startswith("page.html: not a whole ")
    assert page.execute_script("return document.querySelectorAll('article').length") == 0
    hand_over(page, FROG.read_bytes())
    answered(page)
    assert problem(page) == ""
    hand_over(page, b"<html>", name="page.html")
    wait(page, "!document.querySelector('[role=alert]').hidden")
    assert status(page) == ""  # what was said of another picture is gone
    assert page.execute_script("return document.querySelectorAll('article').length") == 0


def test_one_draws_with_a_pointer_and_with_keys(page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    canvas = page.find_element("css selector", "#drawing")
    drag = ActionChains(page).move_to_element_with_offset(canvas, -60, -60).click_and_hold()
    drag.move_by_offset(100, 80).release().perform()
    answered(page)
    wait(page, "document.querySelectorAll('article').length")
    drawn = page.execute_script(INKED)
    assert drawn > 1000
    page.execute_script("document.querySelector('#clear').click()")
    assert page.execute_script(INKED) == 0
    canvas.send_keys(" ", *[Keys.ARROW_RIGHT] * 8, " ")
    assert 0 < page.execute_script(INKED) < drawn


def test_an_empty_drawing_is_told_to_be_empty(page):
    page.execute_script("document.querySelector('#drawing').toBlob(blob => { window.blank = blob; })")
    wait(page, "window.blank")
    page.execute_script("""window.blank.arrayBuffer().then(bytes => { window.bytes = [...new Uint8Array(bytes)]; })""")
    hand_over(page, wait(page, "window.bytes"))
    assert "nearly of one colour: there is nothing to recognise" in answered(page)


def test_the_camera(page):
    page.execute_script(
        "const canvas = document.createElement('canvas'); [canvas.width, canvas.height] = [64, 48];"
        "canvas.getContext('2d').fillRect(0, 0, 32, 48);"
        "navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();"
        "document.querySelector('#camera').click();"
    )
    wait(page, "document.querySelector('video').videoWidth === 64 && !document.querySelector('#take').hidden")
    page.execute_script("document.querySelector('#take').click()")
    wait(page, "document.querySelectorAll('article').length")
    answered(page)
    page.execute_script("document.querySelector('#camera').click()")
    assert page.execute_script("return document.querySelector('video').hidden")


@pytest.mark.parametrize(("width", "height"), [PHONE, DESKTOP])
def test_the_page_never_scrolls_sideways(page, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        hand_over(page, FROG.read_bytes())
        answered(page)
        page.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_control_has_a_name_and_shows_its_focus(page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    seen = []
    for _ in range(12):
        ActionChains(page).send_keys(Keys.TAB).perform()
        name, outline = page.execute_script(
            "const a = document.activeElement, at = a.type === 'file' ? a.parentElement : a;"
            "return [a.ariaLabel || a.labels?.[0]?.innerText || a.innerText || a.querySelector('img')?.alt,"
            " getComputedStyle(at).outlineStyle]"
        )
        if page.execute_script("return document.activeElement === document.body"):
            break
        assert name
        assert outline == "solid", name
        seen.append(name)
    assert {"Choose a file", "Use the camera", "a cat", "Draw", "Colour", "Width", "Clear", "Drawing"} <= set(seen)


def test_the_theme_follows_the_reader(page):
    def paper(theme):
        features = [{"name": "prefers-color-scheme", "value": theme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        return page.execute_script("return getComputedStyle(document.body).backgroundColor")

    assert paper("light") != paper("dark")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_static_page_computes_what_onnx_runtime_does_here(open_page, static):
    onnxruntime = pytest.importorskip("onnxruntime")
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    images[0] = photographs().images[0][:32, :32]
    page = opened(open_page, static)
    for number, name in enumerate(("tiny36k", "tiny12k")):
        session = onnxruntime.InferenceSession((find_run(name) / "exported/model_int8.onnx").read_bytes())
        expected = session.run(["logits"], {"pixels": images})[0]
        script = "const done = arguments[2]; Backend.logits(arguments[0], Uint8Array.from(arguments[1]))"
        script += ".then(rows => done(rows.map(row => [...row])))"
        logits = page.execute_async_script(script, number, images.ravel().tolist())
        # One step of int8 in an inner layer may round the other way in another build of the runtime.
        assert np.abs(np.array(logits) - expected).max() < 0.05 * np.abs(expected).max()


def test_the_static_page_sees_the_pixels_that_predict_sees(open_page, static, tmp_path):
    from PIL import Image

    from kerascifar.data.sources.images import read_image

    Image.fromarray(photographs().images[1]).save(tmp_path / "x.png")
    page = opened(open_page, static)
    script = "const done = arguments[1]; Backend.read(new Blob([Uint8Array.from(arguments[0])]))"
    script += ".then(images => done([...images[32]]))"
    pixels = page.execute_async_script(script, list((tmp_path / "x.png").read_bytes()))
    assert (np.array(pixels).reshape(32, 32, 3) == read_image(tmp_path / "x.png", 32)).all()


def test_without_the_runtime_the_static_page_says_how_to_get_it(browser, tmp_path):
    write_site([find_run("tiny12k")], tmp_path, int8=True)

    with plain_server(tmp_path) as url:
        browser.get(url)
        wait(browser, "!document.querySelector('[role=alert]').hidden")
        assert "python -m kerascifar.demo --fetch-runtime" in problem(browser)
