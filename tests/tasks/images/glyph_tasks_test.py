"""Letters as multi-task data: train and test have no image in common."""

import unicodedata
from unittest import mock

import numpy as np
from absl.testing import absltest

from tests import prerequisites
from tfmeta import errors
from tfmeta.tasks.images import glyph_tasks, letter_images, task_splits


class GlyphTasksTest(absltest.TestCase):
    _cache_dir: str
    _splits: task_splits.TaskSplits

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        prerequisites.package("matplotlib")
        cls._cache_dir = absltest.TEST_TMPDIR.value + "/glyph_tasks"
        cls._splits = cls.load()

    @classmethod
    def load(cls, **arguments):
        return glyph_tasks.load_glyph_tasks(
            cache_dir=cls._cache_dir, **arguments
        )

    def test_tasks_are_scripts_of_ten_letters(self):
        self.assertLen(self._splits.task_names, 7)
        for task, classes in self._splits.train.items():
            self.assertLen(classes.class_names, 10)
            script = task.split("_")[0].upper()
            for letter in classes.class_names:
                self.assertStartsWith(unicodedata.name(letter), script)
        letters = [
            letter
            for classes in self._splits.test.values()
            for letter in classes.class_names
        ]
        self.assertLen(set(letters), 70)

    def test_sizes(self):
        for split, images in (("train", 20), ("validation", 15), ("test", 25)):
            for classes in self._splits.part(split).values():
                np.testing.assert_array_equal(classes.images_per_class, images)
                self.assertEqual(classes.image_shape, (28, 28, 1))

    def test_splits_share_no_face_of_a_letter(self):
        with mock.patch.object(
            letter_images,
            "render_letters",
            wraps=letter_images.render_letters,
        ) as render:
            splits = self.load()
        rendered = letter_images.render_letters(
            *render.call_args.args, **render.call_args.kwargs
        )
        faces = {
            image.tobytes(): (letter, face)
            for letter, images, of_images in zip(
                rendered["letters"],
                rendered["images"],
                rendered["faces"],
                strict=True,
            )
            for image, face in zip(images, of_images, strict=True)
        }
        seen: dict[str, set] = {}
        for split in task_splits.SPLITS:
            seen[split] = set()
            for classes in splits.part(split).values():
                for image, label in zip(
                    classes.images, classes.labels, strict=True
                ):
                    letter, face = faces[image[..., 0].tobytes()]
                    self.assertEqual(letter, classes.class_names[label])
                    seen[split].add((letter, face))
        self.assertEmpty(seen["train"] & seen["validation"])
        self.assertEmpty(seen["train"] & seen["test"])
        self.assertEmpty(seen["validation"] & seen["test"])
        self.assertEqual(
            [len(seen[split]) for split in task_splits.SPLITS],
            [70 * 4, 70 * 3, 70 * 5],
        )

    def test_a_seed_fixes_the_split(self):
        def test_images(seed):
            return self.load(seed=seed).test["greek"].images

        np.testing.assert_array_equal(test_images(2), test_images(2))
        self.assertTrue((test_images(2) != test_images(3)).any())

    def test_bad_input(self):
        with self.assertRaisesRegex(errors.InputError, "seed: .*got -1"):
            self.load(seed=-1)
        with (
            mock.patch.dict(
                glyph_tasks._SCRIPTS, {"latin_capital": ("A", "E")}
            ),
            self.assertRaisesRegex(
                errors.InputError, "found 5 letters of latin_capital"
            ),
        ):
            self.load()


if __name__ == "__main__":
    absltest.main()
