"""Which runs are one line of a table."""

from absl.testing import absltest, parameterized

from experiments.run import groups
from tests.experiments import made_up


def _collect(*results):
    return groups.collect(results, made_up.SHAPES)


class CollectTest(parameterized.TestCase):
    def test_one_group_for_all_seeds(self):
        (group,) = _collect(
            made_up.shapes(seed=2, test=0.25),
            made_up.shapes(seed=0, commit="f" * 40),
            made_up.shapes(seed=1, commit=None),
        )
        self.assertEqual(group.title, "Plain")
        self.assertEqual(group.means("share", ("test",)), [50, 50, 25])
        self.assertEqual([row["seed"] for row in group.main_rows], [0, 1, 2])
        self.assertEqual({row["split"] for row in group.main_rows}, {"test"})
        self.assertEqual(
            group.asked,
            {
                "dataset": "letters",
                "ways": 20,
                "steps": 100,
                "batch": 8,
                "eval_tasks": 600,
                "rate": 0.1,
            },
        )
        self.assertEqual(group.means("share", ("other", "train")), [6.25] * 3)
        self.assertEmpty(group.means("share", ("other",)))
        self.assertEmpty(group.means("conflicts"))
        self.assertEqual(group.published.mean, 0.125)
        self.assertTrue(group.tested)

    def test_without_test_there_is_less_to_say(self):
        result = made_up.shapes()
        result["rows"].pop()
        (group,) = _collect(result)
        self.assertEqual(group.main_rows[0]["split"], "validation")
        self.assertIsNone(group.published)
        self.assertFalse(group.tested)

    @parameterized.named_parameters(
        ("settings", {"rate": 0.2}),
        ("budget", {"budget": {"steps": 200}}),
        ("tasks", {"ways": 5}),
        ("method", {"method": "fancy"}),
    )
    def test_what_else_differs_parts_runs(self, changed):
        self.assertLen(
            _collect(made_up.shapes(), made_up.shapes(seed=1, **changed)), 2
        )

    def test_so_does_a_flag_that_no_row_repeats(self):
        result = made_up.shapes(seed=1)
        result["config"]["image_size"] = 32
        self.assertLen(_collect(made_up.shapes(), result), 2)

    @parameterized.parameters({"rate": 0.1}, {"a_later_flag": None})
    def test_a_flag_that_says_what_the_row_says_does_not(self, **flags):
        result = made_up.shapes(seed=1)
        result["config"].update(flags)
        self.assertLen(_collect(made_up.shapes(), result), 1)

    def test_order(self):
        self.assertEqual(
            [
                (group.problem["ways"], group.method, group.asked["rate"])
                for group in _collect(
                    made_up.shapes("unknown"),
                    made_up.shapes("fancy", rate=1e-4),
                    made_up.shapes("fancy", rate=1e-5),
                    made_up.shapes("plain"),
                    made_up.shapes("fancy", ways=5),
                )
            ],
            [
                (5, "fancy", 0.1),
                (20, "plain", 0.1),
                (20, "fancy", 1e-5),
                (20, "fancy", 1e-4),
                (20, "unknown", 0.1),
            ],
        )


if __name__ == "__main__":
    absltest.main()
