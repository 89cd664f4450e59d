"""Pictures of conflicts: what is in them."""

import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest
from matplotlib import figure, image

from experiments.figures import conflicts

_POINT = {
    "loss": 1.0,
    "conflicting_pairs": 0.25,
    "gradient_cosine": 0.1,
    "magnitude_similarity": 0.8,
    "curvature_bound": 1.5,
    "condition_a": float("nan"),  # No pair was in conflict.
    "condition_b": 0.5,
}


class ConflictPlotsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.file = pathlib.Path(self.create_tempdir().full_path, "it.png")
        self.saved: list[figure.Figure] = []
        save = figure.Figure.savefig

        def spy(drawn, file, **kwargs):
            self.saved.append(drawn)
            save(drawn, file, **kwargs)

        self.enter_context(mock.patch.object(figure.Figure, "savefig", spy))

    def _axes(self):
        self.assertGreater(image.imread(self.file).std(), 0)
        (drawn,) = self.saved
        return drawn.axes

    def test_a_line_for_each_run_and_share(self):
        steps = (10, 20, 30)
        curves = {
            name: [_POINT | {"step": step} for step in steps]
            for name in ("sum", "PCGrad")
        }
        conflicts.draw_conflicts(curves, self.file)
        first, second, third = self._axes()
        self.assertEqual(
            [line.get_label() for line in first.lines],
            ["sum: in conflict", "PCGrad: in conflict"],
        )
        self.assertLen(second.lines, 4)
        self.assertEqual(
            [line.get_label().split(": ")[0] for line in third.lines[:4]],
            ["sum", "sum", "PCGrad", "PCGrad"],
        )
        np.testing.assert_array_equal(first.lines[0].get_xdata(), steps)
        np.testing.assert_allclose(first.lines[0].get_ydata(), 25)
        np.testing.assert_allclose(second.lines[1].get_ydata(), 50)

    def test_curvature_where_it_was_measured(self):
        curves = {
            "sum": [_POINT | {"step": 1}],
            "PCGrad": [_POINT | {"step": 1, "curvature": 3.0}],
        }
        conflicts.draw_conflicts(curves, self.file)
        unmeasured, measured, *_ = self._axes()[3].lines
        self.assertEmpty(unmeasured.get_ydata())
        np.testing.assert_array_equal(measured.get_ydata(), [3.0])

    def test_cosines_fill_the_colors_but_for_a_tasks_own(self):
        cosines = [[1.0, -0.2, 0.1], [-0.2, 1.0, 0.0], [0.1, 0.0, 1.0]]
        conflicts.draw_cosines(cosines, ["a", "b", "c"], self.file)
        axes = self._axes()[0]
        (drawn,) = axes.images
        self.assertEqual(drawn.get_clim(), (-0.2, 0.2))
        self.assertEqual(
            [text.get_text() for text in axes.get_yticklabels()],
            ["a", "b", "c"],
        )


if __name__ == "__main__":
    absltest.main()
