"""The tables of a page of prose."""

import json
import pathlib

from absl.testing import absltest, parameterized

from experiments.reporting import blocks
from tests.experiments import made_up
from tfmeta import errors


class BlocksTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.results = pathlib.Path(self.create_tempdir().full_path)

    def fill(self, kind, *results):
        (self.results / "runs").mkdir(exist_ok=True)
        for number, result in enumerate(results):
            file = self.results / "runs" / f"{number}.json"
            file.write_text(json.dumps(result))
        page = f"Prose.\n<!-- begin {kind} runs -->\nold\n<!-- end -->\nMore."
        return blocks.fill(page, self.results, made_up.COMMANDS)

    def lines(self, kind, *results):
        page = self.fill(kind, *results)
        self.assertStartsWith(page, f"Prose.\n<!-- begin {kind} runs -->\n\n|")
        self.assertEndsWith(page, "\n\n<!-- end -->\nMore.")
        self.assertNotIn("old", page)
        return [
            line for line in page.splitlines() if line.startswith("|")
        ], page

    def test_runs_that_differ_by_the_seed_are_one_line(self):
        lines, page = self.lines(
            "results",
            made_up.shapes("fancy", 0.75, seed=1),
            made_up.shapes("plain", 0.0625),
            made_up.shapes("fancy", 0.8, seed=0),
            made_up.shapes("plain", 0.5, rate=0.4),
        )
        tasks = "| 20-way "
        self.assertEqual(
            [line.removeprefix(tasks) for line in lines],
            [
                "| tasks | method | inner rate | train | validation | **test** "
                "| by seed | paper |",
                "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
                "| Plain | 0.1 | 6.2 | 6.2 | **6.2** | 6.2 | 12.5 (3.1) |",
                "| Plain | 0.4 | 6.2 | 50.0 | **50.0** | 50.0 | 12.5 (3.1) |",
                "| Fancy | 0.1 | 6.2 | 77.5 ± 3.5 | **77.5 ± 3.5** "
                "| 80.0, 75.0 |  |",
            ],
        )
        self.assertIn("|\n\nThe paper’s are of another world.\n\n<!--", page)

    def test_without_figures_of_the_paper_there_is_no_word_of_it(self):
        lines, page = self.lines("results", made_up.shapes("fancy"))
        self.assertNotIn("paper", page)
        self.assertLen({line.count("|") for line in lines}, 1)

    def test_what_was_measured_beside_the_score(self):
        measured = {
            "conflicts": made_up.estimate(0.375, None),
            "share/fish": made_up.estimate(0.25, None),
            "share/trees": made_up.estimate(0.75, None),
        }
        lines, _ = self.lines(
            "results",
            made_up.shapes("plain"),
            made_up.shapes("fancy", metrics=measured),
        )
        self.assertEndsWith(lines[0], "| paper | by task | conflicts |")
        self.assertEndsWith(lines[2], "| 12.5 (3.1) |  |  |")
        self.assertEndsWith(lines[3], "|  | 25 to 75 | 38 % |")

    def test_returns_that_no_paper_has(self):
        lines, page = self.lines(
            "results", made_up.walks(mean=-1.5), made_up.walks("fancy", 2.5)
        )
        self.assertEqual(
            lines[2:], ["| Plain | **−1.50** |", "| Fancy | **2.50** |"]
        )
        self.assertIn("2 rows were walked.", page)

    def test_settings_name_the_seeds_and_commits(self):
        lines, _ = self.lines(
            "settings",
            made_up.shapes("plain"),
            made_up.shapes("plain", seed=3, commit="f" * 40 + "-dirty"),
            made_up.shapes("fancy", rate=0.0, commit=None, seconds=15.0),
        )
        self.assertEqual(
            lines[:1] + lines[2:],
            [
                "| tasks | method | inner rate | steps | tasks a step | min "
                "| seeds | commit |",
                "| 20-way | Plain | 0.1 | 100 | 8 | 2 | 0, 3 "
                "| 0123456, fffffff-dirty |",
                "| 20-way | Fancy |  | 100 | 8 | 0.2 | 0 | unknown |",
            ],
        )

    def test_a_study(self):
        rows = made_up.shapes()["rows"] + made_up.shapes(rate=1.0)["rows"]
        lines, _ = self.lines("study", made_up.results(rows, "rates"))
        self.assertEqual(
            lines[0::2],
            ["| inner rate | 0.1 | 1 |", "| Plain | 50.0 / 6.2 | 50.0 / 6.2 |"],
        )

    def test_a_page_made_twice_is_the_same(self):
        page = self.fill("results", made_up.shapes())
        self.assertEqual(
            blocks.fill(page, self.results, made_up.COMMANDS), page
        )

    @parameterized.parameters(
        ("no_kind", [made_up.shapes()], "no_kind runs -->: expected one of"),
        ("results", [], "results runs -->: expected results"),
        ("results", [{"rows": [1]}], "results runs -->: .*has no version"),
        ("study", [made_up.shapes()], "shapes is no study"),
    )
    def test_mistakes(self, kind, results, message):
        with self.assertRaisesRegex(errors.InputError, message):
            self.fill(kind, *results)


if __name__ == "__main__":
    absltest.main()
