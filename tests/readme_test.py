"""The README's Python, run from top to bottom."""

import contextlib
import pathlib
import re

from absl.testing import absltest

import tfmeta

_README = pathlib.Path(__file__).parent.parent / "README.md"


class ReadmeTest(absltest.TestCase):
    def test_its_python_runs(self):
        text = _README.read_text()
        blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
        self.assertNotEmpty(blocks)
        names: dict = {}
        with contextlib.chdir(self.create_tempdir().full_path):
            for block in blocks:
                exec(compile(block, str(_README), "exec"), names)
        self.assertIsInstance(names["scores"], tfmeta.training.Evaluation)
        self.assertGreater(names["scores"].adapted.mean, 0.3)


if __name__ == "__main__":
    absltest.main()
