"""Tables as text and as Markdown."""

from absl.testing import absltest

from experiments.run import table
from experiments.run.contract import Column
from experiments.run.table import Cell

_TABLE = table.Table(
    "Things.",
    [
        Column("name", show="method"),
        Column("n"),
        Column("share", is_result=True),
    ],
    [
        [Cell("a", note="of two"), Cell("10"), Cell("1.0", "1.0 ± 0.5")],
        [Cell("long one"), Cell("9"), Cell("2.0")],
    ],
)


class TableTest(absltest.TestCase):
    def test_plain(self):
        self.assertEqual(
            _TABLE.plain().splitlines(),
            [
                "name       n      share",
                "-----------------------",
                "a         10  1.0 ± 0.5",
                "long one   9        2.0",
                "-----------------------",
            ],
        )

    def test_markdown_has_no_room_for_more_than_the_text(self):
        self.assertEqual(
            _TABLE.markdown().splitlines(),
            [
                "| name | n | **share** |",
                "| --- | ---: | ---: |",
                "| a | 10 | **1.0** |",
                "| long one | 9 | **2.0** |",
            ],
        )

    def test_columns_in_which_there_is_nothing_are_left_out(self):
        wider = table.Table(
            _TABLE.caption,
            [*_TABLE.columns, Column("paper")],
            [[*line, Cell()] for line in _TABLE.lines],
        )
        self.assertEqual(wider.without_empty_columns(), _TABLE)
        self.assertEqual(wider.markdown().splitlines()[-1][-8:], "0** |  |")

    def test_numbers(self):
        self.assertEqual(table.spread([1.0, 2.0], 1), ("1.5", " ± 0.7"))
        self.assertEqual(table.spread([1.25], 1), ("1.2", ""))
        self.assertEqual(table.spread([-0.125], 3), ("−0.125", ""))
        self.assertEqual(table.spread([], 1), ("", ""))
        self.assertEqual(table.spread([1, float("nan")], 1)[0], "not finite")
        self.assertEqual(table.number(12345, None), "1.234e+04")
        self.assertEqual(table.number(1e-5, None), "1e-05")


if __name__ == "__main__":
    absltest.main()
