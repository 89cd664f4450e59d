"""What a worker process is told."""

import dataclasses
import pathlib

import numpy as np
from absl.testing import absltest

from experiments.benchmarks import worker


@dataclasses.dataclass(frozen=True)
class _Job(worker.Job):
    sizes: list[int]
    pictures: tuple[np.ndarray, ...]
    sounds: tuple[np.ndarray, ...]


class JobTest(absltest.TestCase):
    def test_a_job_arrives_as_it_was_sent(self):
        job = _Job(
            contender="someone",
            intra_op_threads=1,
            inter_op_threads=2,
            sizes=[3, 4],
            # More than ten, whose names must not be sorted as 1, 10, 2.
            pictures=tuple(np.full((2,), i, np.float32) for i in range(12)),
            sounds=(np.arange(3),),
        )
        file = pathlib.Path(self.create_tempdir().full_path, "arrays.npz")
        found = worker.load_job(worker.save_job(job, file), file)
        self.assertEqual(vars(found).keys(), vars(job).keys())
        self.assertEqual(found.contender, "someone")
        self.assertEqual(found.inter_op_threads, 2)
        self.assertEqual(found.sizes, [3, 4])
        for array, sent in zip(
            found.pictures + found.sounds,
            job.pictures + job.sounds,
            strict=True,
        ):
            self.assertEqual(array.dtype, sent.dtype)
            np.testing.assert_array_equal(array, sent)


if __name__ == "__main__":
    absltest.main()
