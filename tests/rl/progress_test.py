"""What callbacks and the line of progress are told."""

import io
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized
from tensorflow.core.util import event_pb2

from tests.rl import resumed_runs
from tfmeta.rl import collecting, progress


class _Agent:
    stop_training = False


class _Seen(keras.callbacks.Callback):
    def __init__(self, last=None):
        super().__init__()
        self.logs = []
        self.epochs = []
        self.last = last

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        self.logs.append(dict(logs))
        self.model.stop_training = epoch == self.last


class _Terminal(io.StringIO):
    def isatty(self):
        return True


class ProgressTest(absltest.TestCase):
    def logs(self, scores, reports=()):
        seen = _Seen()
        told = progress.Progress(
            _Agent(),
            resumed_runs.robots(),
            steps=100,
            callbacks=[seen],
            verbose=0,
        )
        told.begin(20)
        told.begin_epoch(2)
        told.add([collecting.EpisodeScore(*score) for score in scores])
        for report in reports:
            told.add(report=report)
        told.end_epoch(2, 30)
        told.end()
        (logs,) = seen.logs
        self.assertEqual(seen.epochs, [2])
        self.assertEqual(logs.pop("steps"), 30)
        self.assertGreater(logs.pop("steps_per_second"), 0)
        return logs

    def test_tasks_count_alike_however_many_episodes_they_had(self):
        logs = self.logs(
            [(0, 7, 1.0, True), (0, 7, 3.0, False), (1, 11, 8.0, True)]
        )
        self.assertEqual(
            logs,
            {
                "return": 5.0,
                "success": 0.75,
                "robot0_return": 2.0,
                "robot0_success": 0.5,
                "robot1_return": 8.0,
                "robot1_success": 1.0,
            },
        )

    def test_without_episodes_there_is_no_return(self):
        self.assertEqual(self.logs([]), {})

    def test_reports_are_averaged(self):
        reports = [{"loss": np.array([1.0, 2.0])}, {"loss": np.array([3, 6.0])}]
        self.assertEqual(self.logs([], reports), {"loss": 3.0})


class ProgressLineTest(parameterized.TestCase):
    @parameterized.parameters(
        (
            {"steps": 3000, "steps_per_second": 80.0},
            "step 3000/10000  80 steps/s  1:28 left",
        ),
        (
            {
                "steps": 3000,
                "return": -134.24,
                "success": 0.3,
                "steps_per_second": 1.0,
            },
            "step 3000/10000  return -134.2  success 0.30  1 steps/s  "
            "1:56:40 left",
        ),
    )
    def test_line(self, logs, line):
        self.assertEqual(progress.progress_line(logs, 10_000), line)

    def test_in_a_file_each_epoch_has_a_line(self):
        file = io.StringIO()
        shown = progress.ProgressLine(100, file)
        for steps in (50, 100):
            shown.on_epoch_end(0, {"steps": steps, "steps_per_second": 10.0})
        shown.on_train_end()
        self.assertLen(file.getvalue().splitlines(), 2)

    def test_on_a_terminal_one_line_changes(self):
        file = _Terminal()
        shown = progress.ProgressLine(100, file)
        for rate in (10.0, 0.1):
            shown.on_epoch_end(0, {"steps": 50, "steps_per_second": rate})
        shown.on_train_end()
        _, long, short = file.getvalue().split("\r")
        self.assertEqual(len(long), len(short.removesuffix("\n")))
        self.assertEndsWith(file.getvalue(), "\n")


class CallbacksTest(absltest.TestCase):
    def test_keras_callbacks_of_a_run(self):
        agent, seen = resumed_runs.agent(), _Seen(last=1)
        logs = self.create_tempdir()
        resumed_runs.fit(
            agent,
            resumed_runs.robots(),
            None,
            callbacks=[
                seen,
                keras.callbacks.TensorBoard(logs.full_path),
                keras.callbacks.CSVLogger(f"{logs.full_path}/log.csv"),
            ],
        )
        with self.subTest("an epoch is steps_per_epoch steps"):
            self.assertEqual([log["steps"] for log in seen.logs], [25, 50])
        with self.subTest("losses"):
            for log in seen.logs:
                for name in ("critic_loss", "actor_loss", "temperature"):
                    self.assertTrue(np.isfinite(log[name]))
        with self.subTest("TensorBoard"):
            (file,) = pathlib.Path(logs.full_path, "train").iterdir()
            tags = [
                value.tag
                for record in tf.data.TFRecordDataset(str(file))
                for value in event_pb2.Event.FromString(
                    record.numpy()
                ).summary.value
            ]
            for name in ("return", "critic_loss", "learning_rate"):
                self.assertEqual(tags.count(f"epoch_{name}"), 2)


if __name__ == "__main__":
    absltest.main()
