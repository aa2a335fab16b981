"""The report in a real browser: Debian's Chromium and its driver, found on the PATH; nothing is downloaded."""

import json

import pytest

from kerascifar import report

pytestmark = pytest.mark.slow
PHONE, DESKTOP = (390, 844), (1280, 900)


@pytest.fixture
def page(browser, tmp_path, make_run, make_study):
    """A report with every section, open in the browser."""
    folder, _ = make_study()
    for seed, skill in enumerate((0.95, 0.5)):
        run = make_run(f"runs/lenet/{seed}", seed=seed, skill=skill, trainable_parameters=10**seed * 1000)
        (run / "latency.json").write_text(json.dumps({"p50_ms": 0.5 + seed, "p99_ms": 2.0}))
    make_run("runs/knn/2", config={"arch": "<b>\N{SNOWMAN}|'\""}, probabilities=False, history=0)
    report.main([str(folder), str(tmp_path / "runs"), "--out", str(tmp_path / "out")])
    browser.get_log("browser"), browser.get_log("performance")
    browser.get((tmp_path / "out" / "report.html").as_uri())
    return browser


def cells(page, table, column):
    return page.execute_script(
        "return [...document.querySelectorAll('table')[arguments[0]].tBodies[0].rows]"
        ".map(row => row.cells[arguments[1]].innerText)", table, column,
    )  # fmt: skip


def test_console_is_clean_pictures_load_and_nothing_leaves(page):
    page.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    sizes = page.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt.length])")
    assert len(sizes) > 20
    assert all(complete and width > 0 and alt > 0 for complete, width, alt in sizes)
    assert page.get_log("browser") == []
    messages = [json.loads(line["message"])["message"] for line in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url.split(":")[0] for url in asked} == {"file", "data"}


def test_tables_sort_on_a_click_and_missing_values_stay_last(page):
    heads = page.execute_script(
        "return [...document.querySelectorAll('table')[0].querySelectorAll('th')].map(h => h.innerText)"
    )
    place = {head: i for i, head in enumerate(heads)}
    button = "return document.querySelectorAll('table')[0].querySelectorAll('th button')[arguments[0]]"

    def click(name):
        page.execute_script(button, place[name]).click()
        return cells(page, 0, place[name])

    accuracies = click("test accuracy")
    assert accuracies == sorted(accuracies, reverse=True)
    assert click("test accuracy") == sorted(accuracies)
    # 1.5 and 0.5 ms were measured, five runs were not timed.
    assert click("p50 ms") == ["1.5", "0.5", *["not measured"] * 5]
    assert click("p50 ms") == ["0.5", "1.5", *["not measured"] * 5]
    # 10,000 parameters are more than 9,000, though not as text.
    assert [int(n.replace(",", "")) for n in click("parameters")] == [*[62006] * 5, 10000, 1000]
    names = click("run")
    assert names == sorted(names, key=str.lower)
    count = page.execute_script("return document.querySelectorAll('table')[0].querySelectorAll('[aria-sort]').length")
    assert count == 1


def test_a_link_opens_its_run(page):
    page.execute_script("document.querySelector('a[href=\"#run-3\"]').click()")
    page.execute_async_script("setTimeout(arguments[0], 100)")
    assert page.execute_script("return document.getElementById('run-3').open")


@pytest.mark.parametrize(("width", "height"), [PHONE, DESKTOP])
def test_the_page_never_scrolls_sideways(page, width, height):
    page.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_theme_follows_the_reader(page):
    def background(theme):
        page.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        # The page's paper, and the darkest pixel of a picture drawn on a canvas: ink on light, none on dark.
        return page.execute_script("return getComputedStyle(document.body).backgroundColor")

    assert background("light") != background("dark")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
