"""The tables that a run and a study print."""

from absl.testing import absltest

from experiments.run import printed
from tests.experiments import made_up


class PrintedTest(absltest.TestCase):
    def test_a_run(self):
        rows = made_up.shapes()["rows"] + made_up.shapes("fancy", 0.75)["rows"]
        self.assertEqual(
            printed.of_run(made_up.SHAPES, rows).splitlines(),
            [
                "Share in % with its 95% interval; chance is 5.0",
                "method  split            share       paper",
                "------------------------------------------",
                "Plain   train        6.2 ± 1.0",
                "Plain   validation  50.0 ± 1.0",
                "Plain   test        50.0 ± 1.0  12.5 (3.1)",
                "Fancy   train        6.2 ± 1.0",
                "Fancy   validation  75.0 ± 1.0",
                "Fancy   test        75.0 ± 1.0",
                "------------------------------------------",
            ],
        )

    def test_a_study(self):
        diverged = made_up.row(
            method="plain",
            split="",
            metrics={},
            settings={"rate": 10.0},
            notes={"diverged": "the loss became NaN"},
        )
        rows = [
            row
            for cell in (
                made_up.shapes(test=0.25),
                made_up.shapes(test=0.75, rate=1.0),
                made_up.shapes("fancy", test=0.5),
            )
            for row in cell["rows"]
        ]
        study = printed.of_study(
            made_up.STUDY, [made_up.results([*rows, diverged], "rates")]
        )
        self.assertEqual(
            study.markdown().splitlines(),
            [
                "| inner rate | 0.1 | 1 | 10 |",
                "| --- | ---: | ---: | ---: |",
                "| Plain | 25.0 / 6.2 | 75.0 / 6.2 | diverged |",
                "| Fancy | 50.0 / 6.2 |  |  |",
            ],
        )
        self.assertEqual(
            [[cell.share for cell in line[1:]] for line in study.lines],
            [[0.0, 1.0, None], [0.5, None, None]],
        )


if __name__ == "__main__":
    absltest.main()
