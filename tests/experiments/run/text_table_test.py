"""Tables as text."""

from absl.testing import absltest

from experiments.run import text_table

_HEADER = ("name", "n", "share")
_LINES = (("a", "10", "1.0"), ("long one", "9", ""))


class TextTableTest(absltest.TestCase):
    def test_plain(self):
        self.assertEqual(
            text_table.plain(_HEADER, _LINES),
            [
                "name       n  share",
                "-------------------",
                "a         10    1.0",
                "long one   9",
                "-------------------",
            ],
        )

    def test_markdown(self):
        self.assertEqual(
            text_table.markdown(_HEADER, _LINES, flush_left=2),
            [
                "| name | n | share |",
                "| --- | --- | ---: |",
                "| a | 10 | 1.0 |",
                "| long one | 9 |  |",
            ],
        )

    def test_columns_in_which_there_is_nothing_are_left_out(self):
        self.assertEqual(
            text_table.without_empty_columns(
                (*_HEADER, "paper"), [(*cells, "") for cells in _LINES]
            ),
            (list(_HEADER), [list(cells) for cells in _LINES]),
        )

    def test_numbers(self):
        self.assertEqual(
            text_table.percent({"mean": 0.5, "ci95": 0.0126}), "50.0 ± 1.3"
        )
        self.assertEqual(text_table.spread([1.0, 2.0]), "1.5 ± 0.7")
        self.assertEqual(text_table.spread([1.25]), "1.2")
        self.assertEqual(text_table.spread([0.125], decimals=3), "0.125")
        self.assertEqual(text_table.spread([]), "")


if __name__ == "__main__":
    absltest.main()
