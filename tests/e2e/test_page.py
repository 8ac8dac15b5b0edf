"""``analyze --html``: the page as a browser shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.page.made_pages import HOSTILE, make_page, with_tests

from meterize.page import render_page

from .browser import Browser, missing, open_browser

WIDE = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 "
WIDE += "&& !e.closest('.scroll')).map(e => e.outerHTML.slice(0, 120))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if missing():
        pytest.skip(missing())
    with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(workshop: Path, tmp_path_factory: pytest.TempPathFactory, make_lab: Any) -> Path:
    """The page of a feature of the greenhouse."""
    lab = make_lab(workshop, tmp_path_factory.mktemp("page") / "lab")
    ran = lab.analyze("irrigation", "--html", lab.work / "report.html")
    assert ran.code == 0, ran
    assert "report.html" in ran.out
    return Path(lab.work / "report.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1600])
def test_it_loads_nothing_complains_of_nothing_and_fits(browser: Browser, page: Path, width: int, theme: str) -> None:
    browser.show(page, width=width, theme=theme)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.ask("document.documentElement.scrollWidth") == width
    assert browser.ask(WIDE) == []
    assert len(browser.picture()) > 20_000
    dark = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark))) < 300) == (theme == "dark")


def test_the_answer_comes_first(browser: Browser, page: Path) -> None:
    browser.show(page)
    assert browser.ask("document.querySelector('h1').innerText") == "irrigation in greenhouse 1.0.0"
    lead = browser.ask("document.querySelector('.lead').innerText")
    assert "One use is counted each time the function plan_watering is entered" in lead
    assert browser.ask("document.querySelector('.lead').getBoundingClientRect().bottom") < 500
    figures = browser.ask("[...document.querySelectorAll('.figures .number')].map(e => e.innerText)")
    assert len(figures) == 4
    assert all(re.fullmatch(r"[\d,]+", each) for each in figures)
    assert figures[0] != "0"


def test_the_drawing_has_the_hook_and_the_source_its_colours(browser: Browser, page: Path) -> None:
    browser.show(page)
    hook = browser.ask("document.querySelector('svg.flow .block.hooked').textContent")
    assert "◆1" in hook
    assert browser.ask("document.querySelector('svg.flow .block.hooked rect').getBoundingClientRect().width") > 40
    stroke = "getComputedStyle(document.querySelector('svg.flow {} rect')).stroke"
    assert browser.ask(stroke.format(".block.hooked")) != browser.ask(stroke.format(".block:not(.hooked)"))
    colours = browser.ask(
        "[...document.querySelectorAll('.source span[class^=own-]')].map(e => getComputedStyle(e).backgroundColor)"
    )
    assert colours
    assert "rgba(0, 0, 0, 0)" not in colours
    assert browser.ask("document.querySelectorAll('.source tr.hooked').length") == 1
    target = browser.ask("document.querySelector('.lead a').getAttribute('href')")
    assert browser.ask(f"document.querySelector('{target}').closest('tr').className") == "hooked"


def test_the_strongest_colour_means_all_feature_tests(browser: Browser, page: Path) -> None:
    browser.show(page)
    rows = browser.ask(
        "[...document.querySelectorAll('.source tr')].map(e => [e.querySelector('.proofs span')?.title ?? '',"
        " [...e.querySelectorAll('[class^=own-]')].map(e => getComputedStyle(e).backgroundColor)])"
    )
    strongest = browser.ask("getComputedStyle(document.querySelector('.swatch.own-5')).backgroundColor")
    whole = [
        (re.fullmatch(r"run by (\S+) of \1 feature tests", title) is not None, colours) for title, colours in rows if title
    ]
    assert any(is_whole for is_whole, _ in whole)
    assert not all(is_whole for is_whole, _ in whole)
    assert all((strongest in colours) == is_whole for is_whole, colours in whole)


def test_it_works_from_the_keyboard(browser: Browser, page: Path) -> None:
    browser.show(page)
    from selenium.webdriver.common.keys import Keys

    def press(*keys: str) -> None:
        browser.driver.switch_to.active_element.send_keys(*keys)

    press(Keys.TAB)
    assert browser.ask("document.activeElement.className") == "skip"
    closed = "[...document.querySelectorAll('details:not([open]) > summary')]"
    count = browser.ask(f"{closed}.length")
    assert count
    browser.driver.execute_script(f"{closed}[0].focus()")
    press(Keys.ENTER)
    assert browser.ask(f"{closed}.length") == count - 1
    assert browser.ask("[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0 && e.getAttribute('aria-label'))")


def test_paper_shows_what_is_folded(browser: Browser, page: Path) -> None:
    browser.show(page, media="print", width=760)
    browser.ask("document.querySelectorAll('details').forEach(e => e.open = false)")
    assert browser.ask("[...document.querySelectorAll('details li')].every(e => e.getBoundingClientRect().height > 0)")
    assert browser.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.command("Page.printToPDF", printBackground=True)["data"]


def test_words_from_outside_do_nothing(browser: Browser, tmp_path: Path) -> None:
    for number, word in enumerate(HOSTILE):
        path = tmp_path / f"{number}.html"
        path.write_text(render_page(make_page(word)), encoding="utf-8")
        browser.show(path, width=360)
        assert browser.complaints() == [], word
        assert browser.requests() == [path.as_uri()], word
        assert browser.ask("document.querySelectorAll('script, b, img, iframe, [onmouseover]').length") == 0
        assert browser.ask("document.documentElement.scrollWidth") == 360, word
        assert browser.ask("document.querySelectorAll('footer').length") == 1


def test_a_script_that_got_in_would_not_run(browser: Browser, page: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.html"
    script = "<script>document.title = 'owned'</script><img src='http://example.invalid/x.png'></body>"
    spoiled.write_text(page.read_text(encoding="utf-8").replace("</body>", script), encoding="utf-8")
    browser.show(spoiled)
    assert "owned" not in browser.driver.title
    assert any("Content Security Policy" in each for each in browser.complaints())


def test_ten_thousand_tests_open_at_once(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    path.write_text(render_page(with_tests(make_page("shop:pay"), 10_000)), encoding="utf-8")
    assert path.stat().st_size < 500_000
    browser.show(path, width=360)
    assert browser.ask("document.querySelector('.number').innerText") == "10,000"


def test_another_file_is_never_overwritten(lab: Any) -> None:
    precious = lab.work / "precious.html"
    precious.write_text("<!doctype html><p>mine")
    lab.refused(lab.analyze("irrigation", "--html", precious), 2, "no-place-for-file", "--html")
    assert precious.read_text() == "<!doctype html><p>mine"
    same = lab.work / "same"
    lab.refused(lab.analyze("irrigation", "--html", same, "--plan", same), 2, "no-place-for-file", "--html")
