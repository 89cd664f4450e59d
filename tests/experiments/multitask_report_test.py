"""Tables of made-up rows."""

import pathlib

from absl.testing import absltest

from experiments import multitask_report


def _row(method, split="test", seed=0, mean=0.5, rate=1e-3, **changed):
    dataset = changed.get("dataset", "cifar100")
    return {
        "method": method,
        "dataset": dataset,
        "tasks": 20,
        "classes": 5,
        "seed": seed,
        "split": split,
        "accuracy": {"mean": mean, "ci95": 0.01, "images": 10000},
        "task_accuracy": {"trees": mean - 0.25, "people": mean + 0.25},
        "paper": multitask_report.paper_accuracy(
            method, dataset=dataset, tasks=20, split=split
        ),
        "conflicts": {"conflicting_pairs": 0.375}
        if method == "pcgrad"
        else None,
        "seconds": 600,
        "steps": 5000,
        "batch_size": 8,
        "augmentation": "crop_flip",
        "precision": "float32",
        "settings": {
            "optimizer": "adam",
            "learning_rate": rate,
            "router_learning_rate": None,
            "filters": 160,
            "units": [320, 320],
        },
        "commit": "0123456789abcdef",
    } | changed


class TableTest(absltest.TestCase):
    def test_a_run(self):
        text = multitask_report.table(
            [_row("independent", "validation"), _row("pcgrad", mean=0.625)]
        )
        self.assertEqual(
            text.splitlines()[3:5],
            [
                "independent  validation  50.0 ± 1.0  25 to 75",
                "PCGrad       test        62.5 ± 1.0  38 to 88       38 %"
                "   71.0",
            ],
        )
        self.assertIn("chance is 20.0", text)
        self.assertIn("not comparable", text)
        self.assertIn("remainder", text)

    def test_other_tasks_have_no_figures_of_the_paper(self):
        text = multitask_report.table(
            [_row("independent", dataset="glyphs", classes=10)]
        )
        self.assertNotIn("Yu et al.", text)
        self.assertNotIn("paper", text)
        self.assertIsNone(
            multitask_report.paper_accuracy(
                "pcgrad", dataset="cifar100", tasks=3, split="test"
            )
        )

    def test_pictures(self):
        folder = pathlib.Path(self.create_tempdir().full_path)
        point = {"step": 10, "accuracy": 0.4, "val_accuracy": 0.3}
        multitask_report.draw(
            [
                _row(method, split)
                for method in ("all_fc", "pcgrad")
                for split in ("validation", "test")
            ],
            {"all_fc": [point], "pcgrad": [point | {"step": 20}]},
            folder,
        )
        for name in ("accuracy.png", "curves.png"):
            self.assertGreater((folder / name).stat().st_size, 1000)


class MarkdownTest(absltest.TestCase):
    def lines(self, rows):
        text = multitask_report.markdown(rows)
        return text, [line for line in text.splitlines() if line[0:1] == "|"]

    def test_runs_that_differ_by_the_seed_are_one_line(self):
        text, lines = self.lines(
            [
                _row("pcgrad", seed=1, mean=0.6),
                _row("independent", mean=0.5),
                _row("pcgrad", "validation", seed=0, mean=0.45),
                _row("pcgrad", seed=0, mean=0.5),
                _row("pcgrad", "validation", seed=1, mean=0.55),
                _row("pcgrad", "validation", mean=0.25, rate=0.1),
            ]
        )
        self.assertEqual(
            lines[2:],
            [
                "| independent | 0.001 | 5000 |  | **50.0** | 50.0 | 25 to 75 "
                "|  | 10 | 67.7 |",
                "| PCGrad | 0.001 | 5000 | 50.0 ± 7.1 | **55.0 ± 7.1** "
                "| 50.0, 60.0 | 30 to 80 | 38 % | 10 | 71.0 |",
                "| PCGrad | 0.1 | 5000 | 25.0 |  |  | 0 to 50 | 38 % | 10 |  |",
            ],
        )
        self.assertIn("paper, not comparable |", lines[0])
        self.assertIn("Commits 0123456.", text)
        self.assertIn(
            "cifar100, 20 tasks, 8 images of each in a batch, augmentation "
            "crop_flip, float32, adam, 160 filters, 320 and 320 units",
            text,
        )

    def test_without_figures_of_the_paper_there_is_no_column(self):
        _, lines = self.lines([_row("all_fc", dataset="glyphs")])
        self.assertTrue(lines[0].endswith("| min |"), lines[0])
        self.assertEqual(len({line.count("|") for line in lines}), 1)


if __name__ == "__main__":
    absltest.main()
