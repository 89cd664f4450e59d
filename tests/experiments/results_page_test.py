"""RESULTS.md says what the results beside it say."""

import pathlib

from absl.testing import absltest, flagsaver

from experiments import results_page

_ROOT = pathlib.Path(__file__).parents[2]


class ResultsPageTest(absltest.TestCase):
    def test_the_page_is_that_of_the_results(self):
        page = pathlib.Path(self.create_tempdir().full_path, "RESULTS.md")
        page.write_bytes((_ROOT / "RESULTS.md").read_bytes())
        results = str(_ROOT / "experiments/results")
        with flagsaver.flagsaver(page=str(page), results=results):
            results_page.main()
        self.assertEqual(
            page.read_text(),
            (_ROOT / "RESULTS.md").read_text(),
            "Write it anew: ./bazelw run //experiments:results_page",
        )


if __name__ == "__main__":
    absltest.main()
