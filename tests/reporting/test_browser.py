"""The report in a real browser: Debian's Chromium and its driver, found on the PATH; nothing is downloaded."""

import json

import pytest

from kerascifar import report

pytestmark = pytest.mark.slow
PHONE, DESKTOP = (390, 844), (1280, 900)


@pytest.fixture
def page(open_page, tmp_path, make_run, make_study):
    """A report with every section, open in the browser."""
    folder, _ = make_study()
    for seed, skill in enumerate((0.95, 0.5)):
        run = make_run(f"runs/lenet/{seed}", seed=seed, skill=skill, trainable_parameters=10**seed * 1000)
        (run / "latency.json").write_text(json.dumps({"p50_ms": 0.5 + seed, "p99_ms": 2.0}))
    make_run("runs/knn/2", config={"arch": "<b>\N{SNOWMAN}|'\""}, probabilities=False, history=0)
    report.main([str(folder), str(tmp_path / "runs"), "--out", str(tmp_path / "out")])
    return open_page((tmp_path / "out" / "report.html").as_uri())


def cells(page, table, column):
    return page.execute_script(
        "return [...document.querySelectorAll('table')[arguments[0]].tBodies[0].rows]"
        ".map(row => row.cells[arguments[1]].innerText)", table, column,
    )  # fmt: skip


def emulate(page, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def runs(page):
    """The numbers in the rows of the first table that are seen."""
    return page.execute_script(
        "return [...document.querySelector('table').tBodies[0].rows].filter(row => row.offsetHeight)"
        ".map(row => Number(row.cells[0].innerText))"
    )


def status(page):
    return page.execute_script("return document.querySelector('.status').innerText")


def choose(page, name, words):
    """Choose in the filter `name` what reads `words`."""
    page.execute_script(
        "const select = document.querySelector(`select[name=${arguments[0]}]`);"
        "select.selectedIndex = [...select.options].findIndex(o => o.text === arguments[1]);"
        "select.dispatchEvent(new Event('input', { bubbles: true }));", name, words,
    )  # fmt: skip


def test_console_is_clean_images_are_drawn_and_nothing_leaves(page):
    page.find_element("css selector", "[name=full]").click()
    page.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    sizes = page.execute_script(
        "return [...document.querySelectorAll('.gallery svg')].map(s => [s.getBoundingClientRect().height,"
        "s.querySelector('use').getBBox().width, s.getAttribute('aria-label').length])"
    )
    assert len(sizes) > 20
    assert all(height > 50 and width > 0 and told > 0 for height, width, told in sizes)
    assert page.get_log("browser") == []
    messages = [json.loads(line["message"])["message"] for line in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url.split(":")[0] for url in asked} == {"file", "data"}


def test_filters_hide_rows_and_folds_and_dim_marks(page):
    assert status(page) == "6 of 7 runs"  # one row of the study is shortened
    assert len(runs(page)) == 6
    page.find_element("css selector", "[name=full]").click()
    assert status(page) == "7 of 7 runs"
    choose(page, "study", "none")
    assert status(page) == "3 of 7 runs"
    shown = runs(page)
    folds = page.execute_script(
        "return [...document.querySelectorAll('details')].filter(d => d.offsetHeight).map(d => Number(d.dataset.row))"
    )
    assert sorted(folds) == sorted(shown)
    seen = page.execute_script(
        "const marks = [...document.querySelectorAll('.chart g[data-row]')];"
        "return marks.map(g => [g.dataset.row, getComputedStyle(g).opacity])"
    )
    assert all((opacity == "1") == (int(row) in shown) for row, opacity in seen if row.isdigit())
    caption = page.execute_script("return document.querySelector('table').closest('figure').innerText")
    assert "3 of 7 rows are shown." in caption
    choose(page, "study", "all")
    choose(page, "architecture", "<b>\N{SNOWMAN}|'\"")
    assert status(page) == "1 of 7 runs"


def test_the_search_looks_for_each_word(page):
    field = page.find_element("css selector", "input[name=text]")
    field.send_keys("STUDY row-three")
    assert status(page) == "2 of 7 runs"
    field.send_keys(" 13")
    assert status(page) == "1 of 7 runs"
    field.clear()
    field.send_keys("no such run")
    assert (status(page), runs(page)) == ("0 of 7 runs", [])


def test_a_link_to_a_run_that_is_filtered_away_shows_it(page):
    page.find_element("css selector", "input[name=text]").send_keys("no such run")
    page.execute_script("location.hash = 'run-2'")
    page.execute_async_script("setTimeout(arguments[0], 100)")
    assert page.execute_script("const d = document.getElementById('run-2'); return d.open && d.offsetHeight > 100")


@pytest.mark.parametrize(("width", "height"), [PHONE, DESKTOP])
def test_rows_are_one_line_and_the_accuracy_is_seen(page, width, height):
    emulate(page, width, height)
    heights, right = page.execute_script(
        "const rows = [...document.querySelector('table').tBodies[0].rows].filter(r => r.offsetHeight);"
        "return [rows.map(r => r.offsetHeight), rows[0].cells[2].getBoundingClientRect().right]"
    )
    assert max(heights) < 40
    assert right <= width
    left = page.execute_script(
        "const box = document.querySelector('.scroll'); box.scrollLeft = 1000;"
        "const cells = document.querySelector('table').rows[1].cells;"
        "return [0, 1].map(i => cells[i].getBoundingClientRect().left - box.getBoundingClientRect().left)"
    )
    assert left[0] <= 2  # they stay where they are
    assert 20 < left[1] < 60
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_can_be_read_without_a_script(browser, page):
    url = page.current_url
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(url)
        assert not browser.find_element("css selector", ".board").is_displayed()
        rows = browser.find_elements("css selector", "#comparison tbody tr")
        assert [row.is_displayed() for row in rows] == [True] * 7
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_tables_sort_on_a_click_and_missing_values_stay_last(page):
    heads = page.execute_script(
        "return [...document.querySelectorAll('table')[0].querySelectorAll('th')].map(h => h.innerText)"
    )
    place = {head: i for i, head in enumerate(heads)}
    page.find_element("css selector", "[name=full]").click()
    button = "document.querySelectorAll('table')[0].querySelectorAll('th button')[arguments[0]].click()"

    def click(name):
        page.execute_script(button, place[name])
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
    emulate(page, width, height)
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
