#!/usr/bin/env python3
"""The console in a real browser (Debian's chromium, driven by Playwright)."""
import re
import shutil
import unittest

from playwright.sync_api import expect, sync_playwright

from probe import TOKEN, probe


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()

    def open(self, url, **options):
        page = self.browser.new_page(**options)
        self.addCleanup(page.close)
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.goto(url)
        self.addCleanup(lambda: self.assertEqual([], [text for text in problems if "401" not in text]))
        return page

    def test_shows_pipelines_tables_copies_and_what_helps(self):
        with probe(pipelines=2, tables=3) as running:
            page = self.open(running.url)
            expect(page.get_by_role("link", name="p0")).to_be_visible()
            expect(page.get_by_text("2 h 30 min")).to_be_visible()
            page.get_by_role("link", name="p0").click()
            expect(page.get_by_role("img", name=re.compile("^Rows per second"))).to_be_visible()
            expect(page.locator("progress")).to_have_attribute("value", "50")
            expect(page.get_by_text("luge resync public.table_00001")).to_be_visible()

    def test_pauses_and_starts_with_the_token(self):
        with probe() as running:
            page = self.open(running.url)
            row = page.get_by_role("row").filter(has=page.get_by_role("link", name="p1"))
            row.get_by_role("button", name="Pause").click()
            page.get_by_label("Token", exact=False).last.fill("wrong-token-that-is-long-enough")
            page.get_by_role("button", name="Use it").click()
            expect(page.locator("#message")).to_contain_text("needs the token")
            row.get_by_role("button", name="Pause").click()
            page.locator("#token-input").fill(TOKEN)
            page.get_by_role("button", name="Use it").click()
            expect(row.get_by_text("paused").first).to_be_visible()
            row.get_by_role("button", name="Start").click()
            expect(row.get_by_text("live", exact=True)).to_be_visible()

    def test_refreshes_by_itself(self):
        with probe() as running:
            page = self.open(running.url)
            running.change("fail p1")
            expect(page.get_by_text("changes are missing")).to_be_visible(timeout=10_000)

    def test_ten_thousand_tables(self):
        with probe(pipelines=1, tables=10_000) as running:
            page = self.open(running.url + "/pipelines/p0")
            expect(page.get_by_text("1 to 100 of 10,000")).to_be_visible()
            page.get_by_role("link", name="Last").click()
            expect(page.get_by_text("public.table_09999")).to_be_visible()
            page.get_by_label("Search").fill("table_04321")
            page.get_by_role("button", name="Show").click()
            expect(page.get_by_text("public.table_04321")).to_be_visible()
            self.assertEqual(1, page.locator("#tables tbody tr").count())

    def test_light_and_dark(self):
        with probe() as running:
            colours = []
            for scheme in ("light", "dark"):
                page = self.open(running.url, color_scheme=scheme)
                colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            self.assertNotEqual(*colours)
            page.get_by_role("button", name="Light or dark").click()
            self.assertEqual(colours[0], page.evaluate("getComputedStyle(document.body).backgroundColor"))

    def test_a_narrow_screen_needs_no_sideways_scrolling(self):
        with probe() as running:
            page = self.open(running.url + "/pipelines/p0", viewport={"width": 380, "height": 800})
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 380)


if __name__ == "__main__":
    unittest.main()
