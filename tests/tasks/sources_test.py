import inspect

from absl.testing import absltest, parameterized

from tfmeta.tasks import sources

TABLES = (
    ("image_classes", sources.IMAGE_CLASSES),
    ("image_tasks", sources.IMAGE_TASKS),
    ("pose_objects", sources.POSE_OBJECTS),
)


def load(seed=0, *, data_dir=None):
    return seed, data_dir


class SourceTest(absltest.TestCase):
    def test_loads_by_those_settings_that_are_its_own(self):
        source = sources.Source("numbers", load)
        self.assertEqual(source.arguments, ("seed", "data_dir"))
        self.assertEqual(source.load_from({"seed": 3, "other": 4}), (3, None))

    def test_help_is_made_of_the_sources(self):
        some = {
            "given": sources.Source("given numbers", load),
            "drawn": sources.Source("drawn numbers", lambda seed: seed),
        }
        self.assertEqual(
            sources.describe(some),
            "given: given numbers; drawn: drawn numbers.",
        )
        self.assertEqual(sources.names_taking("data_dir", some), "given")
        self.assertEqual(sources.names_taking("seed", some), "given, drawn")


class TablesTest(parameterized.TestCase):
    @parameterized.named_parameters(*TABLES)
    def test_every_source_is_fixed_by_a_seed(self, table):
        self.assertEqual(sources.names_taking("seed", table), ", ".join(table))

    @parameterized.named_parameters(*TABLES)
    def test_every_argument_has_a_name(self, table):
        for source in table.values():
            for parameter in inspect.signature(source.load).parameters.values():
                self.assertIn(
                    parameter.kind,
                    (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY),
                )

    def test_composed_objects_have_no_files(self):
        self.assertNotIn("cad", sources.POSE_OBJECTS["composed"].arguments)
        self.assertIn("cad", sources.POSE_OBJECTS["cad"].arguments)


if __name__ == "__main__":
    absltest.main()
