import numpy as np
from absl.testing import absltest, parameterized

from tfmeta.tasks.poses import composed_objects, primitives

UPRIGHT = (1.0, 0.0, 0.0, 0.0)


def part(primitive, size, position=(0.0, 0.0, 0.5), rotation=UPRIGHT):
    return primitives.Part(primitive, size, position, rotation, 1.0)


def volume(filled):
    """Of `fill`, whose points are of cells of a cylinder."""
    turns, radii, heights = filled.shape
    radius = (np.arange(radii) + 0.5) / 14
    cell = radius * (1 / 14) * (2 * np.pi / turns) / heights
    return (filled.sum(2) * cell).sum()


class FillTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("box", part("box", (0.4, 0.3, 0.2)), 8 * 0.4 * 0.3 * 0.2),
        ("ellipsoid", part("ellipsoid", (0.4, 0.3, 0.4)), 0.2011),
        ("cylinder", part("cylinder", (0.4, 0.3, 0.0)), 0.3016),
        (
            "capsule",
            part("capsule", (0.3, 0.15, 0.0)),
            np.pi * 0.3**2 * 0.3 + 4 / 3 * np.pi * 0.3**3,
        ),
        (
            "lying_cylinder",
            part(
                "cylinder", (0.3, 0.4, 0.0), rotation=(0.5**0.5, 0.5**0.5, 0, 0)
            ),
            np.pi * 0.3**2 * 0.8,
        ),
    )
    def test_volume(self, shape, expected):
        measured = volume(composed_objects.fill([shape]))
        self.assertAlmostEqual(measured, expected, delta=0.12 * expected)

    def test_overlap_is_of_the_turn(self):
        turned = 2 * np.pi * 7 / 48
        sine, cosine = np.sin(turned / 2), np.cos(turned / 2)
        first = composed_objects.fill([part("box", (0.5, 0.1, 0.3))])
        second = composed_objects.fill(
            [part("box", (0.5, 0.1, 0.3), rotation=(cosine, 0.0, 0.0, sine))]
        )
        same = composed_objects.overlaps(first, first)
        self.assertAlmostEqual(same[0], 1.0)
        self.assertAlmostEqual(same[24], 1.0)  # Half a turn.
        self.assertLess(same[12], 0.4)
        measured = composed_objects.overlaps(second, first)
        self.assertEqual(np.argmax(measured) % 24, 7)
        np.testing.assert_allclose(
            composed_objects.overlaps(first, second)[1:],
            measured[:0:-1],
            atol=1e-12,
        )


class ComposeObjectsTest(absltest.TestCase):
    objects = composed_objects.compose_objects(20)

    def test_first_are_the_same_whatever_their_number(self):
        self.assertEqual(composed_objects.compose_objects(5), self.objects[:5])
        self.assertLen(set(self.objects), 20)

    def test_have_four_to_seven_parts_of_all_kinds(self):
        self.assertBetween(min(map(len, self.objects)), 4, 7)
        self.assertBetween(max(map(len, self.objects)), 4, 7)
        kinds = {part.primitive for parts in self.objects for part in parts}
        self.assertEqual(kinds, set(primitives.PRIMITIVES))

    def test_stand_on_the_ground_with_a_longest_side_of_1(self):
        rng = np.random.default_rng(0)
        # Points on a sphere, and so, stretched, on ellipsoids; the other
        # primitives, too, lie within their boxes.
        for parts in self.objects:
            low, high = np.full(3, np.inf), np.full(3, -np.inf)
            for one in parts:
                points = surface(one, rng)
                low = np.minimum(low, points.min(0))
                high = np.maximum(high, points.max(0))
            self.assertAlmostEqual((high - low).max(), 1.0, delta=0.02)
            self.assertAlmostEqual(low[2], 0.0, delta=0.02)
            np.testing.assert_allclose(
                low[:2] + high[:2], [0.0, 0.0], atol=0.03
            )

    def test_have_no_symmetry_and_differ(self):
        volumes = list(map(composed_objects.fill, self.objects))
        for number, one in enumerate(volumes):
            others = composed_objects.overlaps(one, one)[4:45]
            self.assertLess(others.max(), 0.6 + 1e-6)
            for other in volumes[:number]:
                self.assertLess(
                    composed_objects.overlaps(one, other).max(), 0.7 + 1e-6
                )


def surface(shape, rng):
    """Returns random points on a part's surface, `[N, 3]`."""
    points = rng.normal(size=(20000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    radius, half_length, _ = shape.size
    if shape.primitive == "box":
        points = np.sign(points) * shape.size
    elif shape.primitive == "ellipsoid":
        points *= shape.size
    elif shape.primitive == "capsule":
        points *= radius
        points[:, 2] += np.sign(points[:, 2]) * half_length
    else:
        points[:, :2] *= radius / np.linalg.norm(
            points[:, :2], axis=1, keepdims=True
        )
        points[:, 2] = np.sign(points[:, 2]) * half_length
    w, *vector = shape.rotation
    twice = 2 * np.cross(vector, points)
    return shape.position + points + w * twice + np.cross(vector, twice)


if __name__ == "__main__":
    absltest.main()
