"""The page of an audit in a real browser, opened as a file: keys, marks, filters, and nothing from the network."""

import json
import time

import pytest

from kerascifar.auditing.page import Heading, write_page
from kerascifar.core.shown import printable
from tests.auditing.conftest import HOSTILE

pytestmark = pytest.mark.slow
PHONE, DESKTOP = (390, 844), (1280, 900)


@pytest.fixture
def page(open_page, tmp_path, findings, read):
    """The page, open in the browser; marks of an earlier test are under another id."""
    pairs, *others = findings
    path = tmp_path / "audit.html"
    write_page(path, Heading(str(tmp_path), HOSTILE), pairs, *others, [{"run": "lenet", "all": 0.75}], read=read,
               align=lambda pair: read("train", pair.b_index))  # fmt: skip
    browser = open_page(path.as_uri())
    yield browser
    assert browser.get_log("browser") == []  # no error, no warning, and no alert of a hostile name


def press(page, keys):
    from selenium.webdriver.common.keys import Keys

    for key in keys:
        page.switch_to.active_element.send_keys(getattr(Keys, key, key))


def focused(page):
    return page.execute_script(
        "return document.activeElement.getAttribute('aria-label') || document.activeElement.tagName"
    )


def cards(page):
    return page.execute_script("return [...document.querySelectorAll('article h3')].map(h => h.innerText)")


def status(page):
    return page.execute_script("return document.querySelector('.status').innerText")


def choose(page, name, words):
    """Choose in the filter `name` what begins with `words`."""
    page.execute_script(
        "const select = document.querySelector(`select[name=${arguments[0]}]`);"
        "select.selectedIndex = [...select.options].findIndex(o => o.text.startsWith(arguments[1]));"
        "select.dispatchEvent(new Event('input', { bubbles: true }));", name, words,
    )  # fmt: skip


def show(page, kind):
    page.execute_script("document.querySelector(`.kinds [value=${arguments[0]}]`).click()", kind)


def exported(page, folder):
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    page.execute_script("document.querySelector('#export').click()")
    for _ in range(100):
        if done := list(folder.glob("marks-*.csv")):
            return done[0].read_text()
        time.sleep(0.05)
    return None


def test_keys_go_through_the_pairs_and_from_page_to_page(page):
    press(page, "j")
    assert focused(page).startswith("1 of 30: test 0 and train 100, similar, cat and cat")
    press(page, ["j", "ARROW_DOWN", "ARROW_RIGHT", "k"])
    assert focused(page).startswith("3 of 30")
    press(page, ["ARROW_UP", "ARROW_LEFT", "k"])
    assert focused(page).startswith("1 of 30")
    press(page, "j" * 24)
    assert focused(page).startswith("25 of 30")
    assert len(cards(page)) == 6
    press(page, "j" * 9)
    assert focused(page).startswith("30 of 30")
    press(page, "k" * 6)
    assert focused(page).startswith("24 of 30")
    assert len(cards(page)) == 24


def test_marks_are_there_after_a_reload_and_are_exported(page, tmp_path):
    press(page, "jajdjajuja")
    assert focused(page).endswith("; marked agree")
    assert page.execute_script("return document.querySelectorAll('.marks [aria-pressed=true]').length") == 4
    show(page, "label")
    press(page, "jd")
    page.execute_script("document.querySelectorAll('article .agree')[2].click()")
    show(page, "picture")
    press(page, "ja")
    page.refresh()
    assert status(page) == "30 shown, 4 of them marked"
    lines = exported(page, tmp_path).splitlines()
    sha = {i: f"{i}".ljust(64, "b") for i in (3, 100, 101, 104)}
    assert lines == [
        "kind,a_split,a_index,b_split,b_index,sha256,mark",
        f"pair,test,0,train,100,{sha[100]},agree",
        f"pair,test,1,train,101,{sha[101]},disagree",
        f"pair,test,2,test,3,{sha[3]},agree",
        f"pair,test,4,train,104,{sha[104]},agree",
        f"label,test,40,,,{'40'.ljust(64, 'c')},disagree",
        f"label,test,42,,,{'42'.ljust(64, 'c')},agree",
        "picture,train,7,,,,agree",
    ]


def test_u_takes_a_mark_back(page):
    press(page, "ja")
    assert status(page) == "30 shown, 1 of them marked"
    press(page, "u")
    assert status(page) == "30 shown, 0 of them marked"
    assert focused(page).startswith("1 of 30")
    assert not page.execute_script("return document.querySelector('#export').matches(':enabled')")


def test_filters_choose_what_is_shown(page):
    choose(page, "verdict", "same pixels")
    assert cards(page) == [f"test 1 and {printable(HOSTILE)}"]
    assert status(page) == "1 of 30 shown, 0 of them marked"
    choose(page, "verdict", "all")
    choose(page, "class", "__proto__")
    assert cards(page) == ["test 2 and test 3"]
    choose(page, "class", "</script>")
    assert len(cards(page)) == 1
    choose(page, "class", "all")
    choose(page, "splits", "within test")
    assert cards(page) == ["test 2 and test 3"]
    choose(page, "splits", "all")
    choose(page, "labels", "two labels")
    assert len(cards(page)) == 2
    press(page, "ja")
    choose(page, "mark", "agree")
    assert len(cards(page)) == 1
    choose(page, "labels", "same label")
    assert cards(page) == []
    show(page, "label")
    assert len(cards(page)) == 3
    choose(page, "verdict", "contradiction")
    assert cards(page) == ["test 42"]


def test_the_search_finds_indices_and_files(page):
    field = page.find_element("css selector", "input[name=text]")
    field.send_keys("17")
    assert cards(page) == ["test 17 and train 117"]
    field.clear()
    field.send_keys("onerror")
    assert len(cards(page)) == 1
    field.send_keys("adj")  # keys that are typed mark nothing
    assert cards(page) == []
    show(page, "label")
    show(page, "pair")
    assert status(page).startswith("0 of 30")


def test_keys_can_be_switched_off_and_marks_can_go_on(page):
    page.execute_script("document.querySelector('.keys').open = true; document.querySelector('#onward').click()")
    press(page, "jaad")
    assert focused(page).startswith("4 of 30")
    assert status(page) == "30 shown, 3 of them marked"
    page.execute_script("document.querySelector('#letters').click()")
    press(page, "ja")
    assert focused(page).startswith("4 of 30")
    assert status(page) == "30 shown, 3 of them marked"


@pytest.mark.parametrize("kind", ["pair", "label", "picture"])
def test_pictures_load_are_told_and_nothing_leaves(page, kind):
    show(page, kind)
    page.execute_async_script("Promise.all([...document.images].map(i => i.decode())).then(arguments[0])")
    seen = page.execute_script("return [...document.images].map(i => [i.naturalWidth, i.width, i.alt.length])")
    assert seen
    assert all(natural == 32 and width in (64, 128) and alt for natural, width, alt in seen)
    messages = [json.loads(line["message"])["message"] for line in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url.split(":")[0] for url in asked} == {"file", "data"}


@pytest.mark.parametrize("kind", ["pair", "label", "picture"])
@pytest.mark.parametrize(("width", "height"), [PHONE, DESKTOP])
def test_the_page_never_scrolls_sideways(page, width, height, kind):
    show(page, kind)
    page.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_theme_follows_the_reader_and_the_focus_is_seen(page):
    def colours(theme):
        page.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        return page.execute_script(
            "const style = getComputedStyle(document.activeElement);"
            "return [getComputedStyle(document.body).backgroundColor, style.outlineStyle, style.outlineWidth]"
        )

    press(page, "j")
    light, dark = colours("light"), colours("dark")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert light[0] != dark[0]
    assert light[1:] == dark[1:] == ["solid", "2px"]


def test_a_browser_that_keeps_nothing_says_so(page):
    page.execute_script("Storage.prototype.setItem = () => { throw new DOMException('full'); }")
    press(page, "jaja")
    assert "export your marks" in page.execute_script("return document.querySelector('.warning').innerText")
    assert status(page) == "30 shown, 2 of them marked"
