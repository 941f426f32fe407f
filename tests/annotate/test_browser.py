"""The page in headless Chromium: real clicks, drags and keys."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import torch

from dcgan_pipeline.gan.sampling import generate, load_generator, sample_latents

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as drivers:
        browser = drivers.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open the page of a server in a browser of its own; what goes wrong in it, or leaves this machine, is an error."""
    contexts, wrong = [], []

    def refused(said):
        return "Failed to load resource" in said.text  # what a test asked for: the page tells it

    def open_page(served, context=None, **options):
        if context is None:
            context = chromium.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: refused(said) or said.type != "error" or wrong.append(said.text))
        page.on("request", lambda asked: asked.url.startswith(served.address) or wrong.append(asked.url))
        page.goto(served.address)
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def name(page, text):
    page.get_by_role("textbox", name=re.compile("New (concept|object)")).fill(text)
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name=re.compile(f"^{text}"), pressed=True).wait_for()


def card(page, number):
    return page.get_by_role("button", name=re.compile(f"^sample {number}(,|$)"))


def said(page, text):
    page.get_by_role("status").get_by_text(text).wait_for()


def spelt(left, top, width, height):
    """A box, as the page says it."""
    return f"left {left}, top {top}, {width} \N{MULTIPLICATION SIGN} {height}"


def samples(gan, *numbers):
    return sample_latents(gan, 0, 0, 60)[list(numbers)].numpy()


def concept(served, name):
    return np.array([each["z"] for each in served.state()["annotations"]["concepts"][name]], np.float32)


def boxes(served, name="loop"):
    """Of each marked sample: left, top, width and height of each box."""
    marked = served.state()["annotations"]["objects"][name]
    return [[[box[side] for side in ("left", "top", "width", "height")] for box in each["boxes"]] for each in marked]


class Easel:
    """The large sample, in its own pixels, of which there are 8 x 8."""

    def __init__(self, page):
        self.page, self.place = page, page.locator("#easel").bounding_box()

    def _at(self, x, y):
        return self.place["x"] + x / 8 * self.place["width"], self.place["y"] + y / 8 * self.place["height"]

    def drag(self, start, to):
        self.page.mouse.move(*self._at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self._at(*to), steps=3)
        self.page.mouse.up()

    def click(self, x, y):
        self.page.mouse.click(*self._at(x, y))


def test_exemplars_are_chosen_by_clicks(served, gan, open_page):
    page = open_page(served)
    name(page, "seven")
    for number in (3, 0, 7):
        card(page, number).click()
    said(page, "seven: 3 exemplars")
    np.testing.assert_array_equal(concept(served, "seven"), samples(gan, 3, 0, 7))
    card(page, 0).click()
    said(page, "seven: 2 exemplars")
    page.get_by_role("button", name="Take exemplar 1 out of seven").click()
    said(page, "seven: 1 exemplar")
    np.testing.assert_array_equal(concept(served, "seven"), samples(gan, 7))
    page.get_by_role("button", name="Undo").click()
    said(page, "Undone")
    np.testing.assert_array_equal(concept(served, "seven"), samples(gan, 3, 7))
    page.get_by_role("button", name="Redo").click()
    said(page, "Redone")

    page.get_by_role("button", name="Rename seven").click()
    page.get_by_role("textbox", name="New name of seven").fill("a seven")
    page.keyboard.press("Enter")
    said(page, "seven is now a seven".replace("a seven", "a_seven"))
    page.close()  # and what was done is there when it is opened again
    page = open_page(served)
    assert card(page, 7).get_attribute("aria-pressed") == "true"
    assert card(page, 0).get_attribute("aria-pressed") == "false"
    page.get_by_role("radio", name="Chosen (1)").check(force=True)
    assert page.locator("#grid .card").count() == 1
    page.get_by_role("button", name="Remove a_seven").click()
    said(page, "a_seven is removed")
    assert served.state()["annotations"]["concepts"] == {}


def test_boxes_are_drawn_moved_sized_and_removed_with_a_mouse(served, gan, open_page):
    page = open_page(served)
    page.get_by_role("tab", name="Objects").click()
    name(page, "loop")
    card(page, 2).click()
    easel = Easel(page)
    easel.drag((1.3, 2.2), (4.6, 6.9))  # whole pixels that the pointer touched
    said(page, spelt(1, 2, 4, 5))
    assert boxes(served) == [[[1, 2, 4, 5]]]
    np.testing.assert_array_equal(
        np.array(served.state()["annotations"]["objects"]["loop"][0]["z"], np.float32), samples(gan, 2)[0]
    )
    easel.drag((3, 4.5), (5, 3.5))  # the box in hand
    said(page, spelt(3, 1, 4, 5))
    easel.drag((7, 6), (7.5, 3.5))  # its corner
    said(page, spelt(3, 1, 5, 3))
    easel.drag((0.1, 7.9), (-3, 20))  # another, which ends where the picture does
    said(page, spelt(0, 7, 1, 1))
    assert boxes(served) == [[[3, 1, 5, 3], [0, 7, 1, 1]]]
    easel.click(4, 2)  # takes the first in hand
    page.keyboard.press("Delete")
    said(page, "The box is removed")
    assert boxes(served) == [[[0, 7, 1, 1]]]
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("button", name="None here").click()
    said(page, "No loop here")
    assert boxes(served) == [[[0, 7, 1, 1]], []]
    page.get_by_role("button", name="None here", exact=True, pressed=True).click()
    said(page, "Not looked at")
    page.get_by_role("button", name="Previous").click()
    page.get_by_role("button", name="Remove box 1").click()
    said(page, "The box is removed")
    assert boxes(served) == []


def test_all_can_be_done_with_keys(served, gan, open_page):
    page = open_page(served)
    press = page.keyboard.press

    def tab_to(target):
        for _ in range(40):
            if target.evaluate("target => target === document.activeElement"):
                assert target.evaluate("target => getComputedStyle(target).outline").endswith("solid 3px")  # it is seen
                return
            press("Tab")
        raise AssertionError("cannot be reached with Tab")

    tab_to(page.get_by_role("textbox", name="New concept"))
    page.keyboard.type("old man")
    press("Enter")
    said(page, "old_man is a new concept")
    tab_to(card(page, 0))
    press("ArrowRight")
    press("Space")
    said(page, "old_man: 1 exemplar")
    press("End")
    press("Enter")
    said(page, "old_man: 2 exemplars")
    np.testing.assert_array_equal(concept(served, "old_man"), samples(gan, 1, 59))
    press("Control+z")
    said(page, "Undone")
    assert len(concept(served, "old_man")) == 1
    press("]")
    card(page, 60).wait_for()

    page.keyboard.press("Shift+Tab")
    for _ in range(20):
        if page.evaluate("document.activeElement.id") == "tab-concepts":
            break
        press("Shift+Tab")
    press("ArrowRight")
    tab_to(page.get_by_role("textbox", name="New object"))
    page.keyboard.type("loop")
    press("Enter")
    said(page, "loop is a new object")
    tab_to(page.get_by_role("application"))
    press("n")
    press("Enter")  # a quarter of the side, in the middle
    for key in ("ArrowLeft", "ArrowUp", "ArrowUp", "Shift+ArrowRight"):
        press(key)
    said(page, spelt(2, 1, 3, 2))
    assert boxes(served) == []
    press("Enter")
    said(page, "loop: " + spelt(2, 1, 3, 2))
    press("n")  # keys that are not saved when the sample is left are saved then
    press("b")
    press("ArrowDown")
    press("n")
    said(page, "loop: " + spelt(3, 4, 2, 2))
    press("0")
    said(page, "No loop here")
    assert boxes(served) == [[[2, 1, 3, 2]], [[3, 4, 2, 2]], []]
    press("p")
    tab_to(page.get_by_role("button", name="1. " + spelt(3, 4, 2, 2)))
    press("Enter")
    press("Escape")
    press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    press("Escape")
    assert boxes(served) == [[[2, 1, 3, 2]], [[3, 4, 2, 2]], []]


def test_two_tabs_of_a_browser_show_the_same(served, open_page):
    one = open_page(served)
    other = open_page(served, one.context)
    name(one, "seven")
    card(one, 1).click()
    other.locator(".card[aria-pressed=true]").wait_for()
    card(other, 2).click()
    said(other, "seven: 2 exemplars")
    one.get_by_text("2 exemplars").wait_for()


def test_a_tab_that_has_not_seen_a_change_does_not_overwrite_it(served, open_page):
    one, other = open_page(served), open_page(served)  # two browsers
    name(one, "seven")
    other.get_by_role("textbox", name="New concept").fill("eight")
    other.get_by_role("button", name="Add", exact=True).click()
    other.get_by_role("alert").get_by_text("Another tab had changed the annotations").wait_for()
    other.get_by_role("button", name=re.compile("^seven")).wait_for()
    assert list(served.state()["annotations"]["concepts"]) == ["seven"]
    other.get_by_role("button", name="Add", exact=True).click()
    said(other, "eight is a new concept")
    assert list(served.state()["annotations"]["concepts"]) == ["seven", "eight"]


def test_a_tab_follows_a_name_that_another_one_changes_and_chooses_none_for_one_that_is_gone(served, open_page):
    one = open_page(served)
    other = open_page(served, one.context)
    for text in ("six", "seven"):
        name(one, text)
    other.get_by_role("button", name=re.compile("^six")).click()
    one.get_by_role("button", name="Undo").click()
    one.get_by_role("button", name=re.compile("^seven")).wait_for(state="detached")
    other.get_by_role("button", name=re.compile("^seven")).wait_for(state="detached")
    card(other, 1).click()
    said(other, "six: 1 exemplar")
    one.get_by_role("button", name=re.compile("^six")).wait_for()
    card(one, 2).click()
    assert [len(held) for held in served.state()["annotations"]["concepts"].values()] == [1]


def test_names_of_digits_stand_where_they_were_put(served, open_page):
    page = open_page(served)
    for text in ("upright_seven", "7"):
        name(page, text)
    page.get_by_role("button", name=re.compile("^7")).wait_for()
    shown = page.locator("#names .name").all_inner_texts()
    assert [text.split()[0] for text in shown] == ["upright_seven", "7"]


def test_sliders_and_the_field_move_z_and_what_they_make_can_be_chosen(served, gan, open_page):
    page = open_page(served)
    z = samples(gan, *range(6))
    for text, numbers in (("one", (0, 1)), ("two", (2, 3))):
        name(page, text)
        for number in numbers:
            card(page, number).click()
        said(page, f"{text}: 2 exemplars")
    page.get_by_role("tab", name="Play").click()
    card(page, 5).click()
    page.get_by_role("slider", name="one → two").fill("0.5")
    page.get_by_role("combobox", name="Left to right").select_option("one → two")
    place = page.locator("#field").bounding_box()
    page.mouse.move(place["x"] + 0.75 * place["width"], place["y"] + 0.5 * place["height"])
    page.locator("#x-value", has_text="+0.50").wait_for()
    expected = z[5] + (0.5 + 0.5) * (z[2:4].mean(0) - z[:2].mean(0))
    picture = generate(load_generator(gan, torch.device("cpu")), torch.from_numpy(expected)[None])[0, 0]
    page.wait_for_function(
        "wanted => { const pixels = document.getElementById('live').getContext('2d').getImageData(0, 0, 8, 8).data;"
        " return wanted.every((value, k) => Math.abs(value - pixels[4 * k]) <= 1) }",
        arg=picture.ravel().tolist(),
    )

    page.get_by_role("button", name="Keep the picture").click()
    page.get_by_role("tab", name="Concepts").click()
    page.get_by_role("button", name="kept picture 1").click()
    said(page, "two: 3 exemplars")
    np.testing.assert_allclose(concept(served, "two")[2], expected, atol=1e-6)
    assert page.get_by_role("button", name="kept picture 1, two", pressed=True).count() == 1


def test_concepts_of_a_model_give_directions(serve_in, tmp_path, gan, open_page):
    ends = ("left", "right", "no_left", "low_slant", "high_slant")
    found = {text: [{"z": [k, 0, 0, 0], "label": None}] for k, text in enumerate(ends)}
    with serve_in(tmp_path, gan, found=found) as served:
        page = open_page(served)
        page.get_by_role("tab", name="Play").click()
        page.get_by_role("slider", name="no_left (found) → left (found)").wait_for()
        page.get_by_role("slider", name="low_slant (found) → high_slant (found)").wait_for()
        page.get_by_role("combobox", name="From").select_option("left (found)")
        page.get_by_role("combobox", name="to", exact=True).select_option("right (found)")
        page.get_by_role("button", name="Add slider").click()
        page.get_by_role("slider", name="left (found) → right (found)").wait_for()


def test_a_class_of_a_conditional_gan_is_chosen(serve_in, tmp_path, make_gan, open_page):
    with serve_in(tmp_path, make_gan(labels=2, channels=3)) as served:
        page = open_page(served)
        assert "class dog" in card(page, 1).get_attribute("aria-label")
        name(page, "dog")
        page.get_by_role("combobox", name="Class").select_option("cat")
        page.get_by_role("button", name="sample 1, class cat").click()
        said(page, "dog: 1 exemplar")
        assert served.state()["annotations"]["concepts"]["dog"][0]["label"] == 0


def test_a_server_that_is_gone_is_told_and_nothing_is_shown_that_is_not_saved(serve_in, tmp_path, gan, open_page):
    with serve_in(tmp_path, gan) as served:
        page = open_page(served)
        name(page, "seven")
    card(page, 1).click()
    page.get_by_role("alert").get_by_text("The server does not answer. What was saved is safe.").wait_for()
    assert card(page, 1).get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_part_fits_the_screen_and_has_a_name(served, open_page, width, scheme):
    page = open_page(served, viewport={"width": width, "height": 844}, color_scheme=scheme)
    for mode in ("Concepts", "Objects", "Play"):
        page.get_by_role("tab", name=mode).click()
        if mode != "Play":
            name(page, "a_name_".ljust(40, "w"))
        assert page.evaluate("document.documentElement.scrollWidth") == width
        nameless = page.evaluate(
            "() => [...document.querySelectorAll('button, input, select, [tabindex=\"0\"]')].filter(each =>"
            " each.checkVisibility() && !each.ariaLabel && !each.labels?.length && !each.textContent.trim()).length"
        )
        assert nameless == 0
        ground, ink = page.evaluate(
            "() => { const { backgroundColor, color } = getComputedStyle(document.body);"
            " return [backgroundColor, color].map(each => each.match(/\\d+/g).map(Number)) }"
        )
        assert (sum(ink) > sum(ground)) == (scheme == "dark")
