"""Which runs are one line of a table."""

from absl.testing import absltest, parameterized

from experiments import seed_groups


def _result(seed, mean=0.5, *, method="maml", rate=0.1, shots=1, **config):
    return {
        "rows": [
            {
                "method": method,
                "split": split,
                "seed": seed,
                "shots": shots,
                "accuracy": {"mean": mean},
                "settings": {"inner_learning_rate": rate},
            }
            for split in ("meta-train", "meta-test")
        ],
        "config": {"seed": seed, "steps": 100} | config,
        "commit": f"{seed}123456789-dirty" if seed else None,
    }


class CollectTest(parameterized.TestCase):
    def test_one_group_for_all_seeds(self):
        (group,) = seed_groups.collect(
            [_result(2, 0.25), _result(0), _result(1)]
        )
        self.assertEqual(group.means("meta-test", "accuracy"), [0.5, 0.5, 0.25])
        self.assertEqual([row["seed"] for row in group.told], [0, 1, 2])
        self.assertEqual({row["split"] for row in group.told}, {"meta-test"})
        self.assertEqual(
            group.setup, {"steps": 100, "shots": 1, "inner_learning_rate": 0.1}
        )
        self.assertEqual(group.means("meta-validation", "accuracy"), [])
        self.assertEqual(
            seed_groups.short_commits([group]),
            "1123456-dirty, 2123456-dirty, unknown",
        )

    @parameterized.named_parameters(
        ("settings", {"rate": 0.2}),
        ("budget", {"steps": 200}),
        ("tasks", {"shots": 5}),
        ("method", {"method": "taml"}),
    )
    def test_what_else_differs_parts_runs(self, changed):
        groups = seed_groups.collect([_result(0), _result(1, **changed)])
        self.assertLen(groups, 2)

    def test_a_flag_that_says_what_the_method_has_anyway_does_not(self):
        results = [
            _result(0),
            _result(1, inner_learning_rate=0.1),
            _result(2, a_later_flag=None),
        ]
        self.assertLen(seed_groups.collect(results), 1)

    def test_order(self):
        groups = seed_groups.collect(
            [
                _result(0, method="unknown"),
                _result(0, method="taml", rate=1e-5),
                _result(0, method="taml", rate=1e-4),
                _result(0, method="maml"),
                _result(0, method="taml", shots=5),
            ],
            ["taml", "maml"],
        )
        self.assertEqual(
            [
                (g.setup["shots"], g.method, g.setup["inner_learning_rate"])
                for g in groups
            ],
            [
                (1, "taml", 1e-5),
                (1, "taml", 1e-4),
                (1, "maml", 0.1),
                (1, "unknown", 0.1),
                (5, "taml", 0.1),
            ],
        )


if __name__ == "__main__":
    absltest.main()
