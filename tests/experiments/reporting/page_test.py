"""The page of made-up runs of made-up experiments."""

import copy
import functools
import html.parser
import itertools
import json
import math
import pathlib
import re
import struct
import zlib

from absl.testing import absltest, parameterized

from experiments.reporting import checks, page, run_files
from tests.experiments import made_up
from tfmeta import errors

_VOID = {"img", "meta"}
_VALUES: tuple[object, ...] = (
    *(None, "x", -1, 0, math.nan, math.inf, True),
    *([], [1], {}, {"a": 1}),
)
_HOSTILE = '<script>alert("1")</script>&amp;'


class _Page(html.parser.HTMLParser):
    """What is on a page; fails if it is not well-formed.

    Attributes:
        elements: `(tag, attributes)` in order.
        tables: for each caption the lines of cells, heads first.
        texts: for each tag the texts of its elements.
    """

    def __init__(self, text):
        super().__init__()
        self.elements, self.tables, self.texts = [], {}, {}
        self._open: list[tuple[str, list[str]]] = []
        self.feed(text)
        self.close()
        if self._open:
            raise AssertionError(f"{self._open} are not closed")

    def handle_starttag(self, tag, attributes):
        if len(dict(attributes)) < len(attributes):
            raise AssertionError(f"{tag} has an attribute twice")
        self.elements.append((tag, dict(attributes)))
        if tag == "tr":
            self._lines.append([])
        if tag not in _VOID:
            self._open.append((tag, []))

    def handle_data(self, data):
        for _, texts in self._open:
            texts.append(data.replace("\N{NO-BREAK SPACE}", " "))

    def handle_endtag(self, tag):
        opened, texts = self._open.pop()
        if opened != tag:
            raise AssertionError(f"{opened} is closed by {tag}")
        text = "".join(texts)
        self.texts.setdefault(tag, []).append(text)
        if tag == "caption":
            self._lines = self.tables[text] = []
        elif tag in ("td", "th"):
            self._lines[-1].append(text)

    def handle_startendtag(self, tag, attributes):
        raise AssertionError(f"{tag} closes itself")

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def table(self, start):
        (lines,) = (
            lines
            for caption, lines in self.tables.items()
            if caption.startswith(start)
        )
        return lines


def _png(width=1200, height=600):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IEND", b"")


def _paths(content, path=()):
    """Yields the keys that lead to each value in a file."""
    inside = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inside:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _check(result):
    checks.check(result, made_up.COMMANDS)


def _study():
    cells = {
        ("plain", 0.1): made_up.shapes(test=0.5)["rows"][:2],
        ("plain", 1.0): [
            made_up.row(
                split="",
                metrics={},
                settings={"rate": 1.0},
                notes={"diverged": "NaN"},
            )
        ],
        ("fancy", 0.1): made_up.shapes("fancy", test=0.7)["rows"][:2],
    }
    rows = [row for cell in cells.values() for row in cell]
    return cells, made_up.results(rows, "rates")


class PageTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path, "runs")
        self.folder.mkdir()

    def write(self, name, result, **pictures):
        file = self.folder / name / "results.json"
        file.parent.mkdir(parents=True)
        text = result if isinstance(result, str) else json.dumps(result)
        file.write_text(text)
        (file.parent / "config.json").write_text("{}")
        for picture, content in pictures.items():
            picture = file.parent / f"{picture.replace('__', '/')}.png"
            picture.parent.mkdir(exist_ok=True)
            picture.write_bytes(content)
        return file

    def write_all(self):
        """Writes runs of all experiments, the story's last ones first."""
        self.write("a", made_up.walks(), plain__cosines=_png())
        self.write("b", _study()[1], study=_png())
        self.write("c/0", made_up.shapes(test=0.6), curves=_png())

    def make(self):
        runs, refused = run_files.read(self.folder, _check)
        text = page.make(runs, refused, made_up.PARTS)
        return text, _Page(text), refused

    def test_the_story_in_its_order(self):
        self.write_all()
        text, shown, refused = self.make()
        self.assertEmpty(refused)
        self.assertEqual(
            [text.split(maxsplit=1)[1] for text in shown.texts["h2"]],
            ["Seeing", "Moving", "What was run"],
        )
        self.assertEqual(
            shown.texts["h3"],
            # Once for what came of them, once for how they were run.
            2
            * [
                "The chapter on shapes",
                "The chapter on rates",
                "The chapter on walks",
            ],
        )
        places = [
            text.index(words)
            for words in (
                "How one sees.",
                "What shapes is about.",
                "Letters, 20-way: share in %.",
                "The paper’s are of another world.",
                "Curves.",
                "What rates are about.",
                "What walks is about.",
            )
        ]
        self.assertEqual(places, sorted(places))

    def test_what_nobody_ran_is_not_there(self):
        self.write("a", made_up.walks())
        _, shown, _ = self.make()
        self.assertEqual(shown.texts["h3"][0], "The chapter on walks")
        self.assertLen(shown.texts["h2"], 2)

    def test_seeds_are_one_line_beside_the_paper(self):
        for seed, test in ((1, 0.5), (0, 0.6)):
            self.write(f"plain/{seed}", made_up.shapes(test=test, seed=seed))
        self.write("fancy", made_up.shapes("fancy", 0.75))
        _, shown, _ = self.make()
        self.assertEqual(
            shown.table("Letters, 20-way: share in %. Chance is 5.0."),
            [
                [
                    *("Method", "Inner rate", "Train", "Validation", "Test"),
                    *("By seed", "Paper"),
                ],
                [
                    *("Plain", "0.1", "6.2 ± 0.0", "55.0 ± 7.1", "55.0 ± 7.1"),
                    *("60.0 ± 1.0, 50.0 ± 1.0", "12.5 (3.1)"),
                ],
                [*("Fancy", "0.1", "6.2", "75.0", "75.0", "75.0 ± 1.0"), ""],
            ],
        )
        self.assertEqual(
            shown.table("Settings")[1],
            ["Plain", "Letters, 20-way", "2", "0, 1", "0123456"],
        )
        self.assertIn(
            "plain/1: seed 1, 0123456789abcdef, python 3.11.2, keras 3.15.1",
            shown.texts["li"],
        )

    def test_returns_need_no_paper_and_no_splits(self):
        self.write("a", made_up.walks(mean=1.5))
        self.write("b", made_up.walks("a_new_one", mean=-2.25))
        _, shown, _ = self.make()
        self.assertEqual(
            shown.table("Mean return."),
            [["Method", "Return"], ["Plain", "1.50"], ["a new one", "−2.25"]],
        )
        self.assertIn("2 rows were walked.", shown.texts["p"])
        self.assertNotIn("paper’s are", "".join(shown.texts["p"][2:]))

    def test_ours_beside_the_papers_are_what_validation_preferred(self):
        for name, result in {
            "a": made_up.shapes(test=0.5, rate=0.1, validation=0.75),
            "b": made_up.shapes(test=0.9, rate=1.0, validation=0.25),
            "c": made_up.shapes(test=0.8, ways=5),
            "d": made_up.shapes("fancy", 0.7, ways=5),
        }.items():
            self.write(name, result)
        _, shown, _ = self.make()
        self.assertEqual(
            shown.table("New tasks, Letters: share in %, ours beside the pap"),
            [
                ["Method", "5-way", "Paper", "20-way", "Paper"],
                ["Plain", "80.0", "25.0", "50.0", "12.5 (3.1)"],
                ["Fancy", "70.0", "", "", ""],
            ],
        )
        (caption,) = (c for c in shown.tables if c.startswith("New tasks"))
        self.assertIn("did best on validation tasks", caption)

    def test_what_else_differs_is_named(self):
        for steps in (100, 200):
            budget = {"steps": steps, "batch": 8, "eval_tasks": steps}
            self.write(f"{steps}", made_up.shapes(budget=budget))
        _, shown, _ = self.make()
        lines = shown.table("Letters")
        self.assertEqual(
            [line[0] for line in lines[1:]],
            ["Plain 100 steps", "Plain 200 steps"],
        )

    def test_settings_that_were_only_tried_have_to_be_asked_for(self):
        self.write("tested", made_up.shapes())
        tried = made_up.shapes(rate=1.0)
        tried["rows"].pop()
        self.write("tried", tried)
        _, shown, _ = self.make()
        self.assertIn("1 setting only tried", shown.texts["summary"])
        self.assertLen(shown.all("details"), 1 + 2)

    def test_further_tables(self):
        bound = {"bound": made_up.estimate(59.3125, None)}
        self.write(
            "a", made_up.shapes(metrics=bound, notes={"verdict": "vacuous"})
        )
        self.write(
            "b", made_up.shapes("fancy", notes={"verdict": "no posterior"})
        )
        self.write("c", made_up.shapes("third"))
        _, shown, _ = self.make()
        self.assertEqual(
            shown.table("Bounds."),
            [
                ["Method", "Tasks", "Bound", "Verdict"],
                ["Plain", "Letters, 20-way", "59.31", "vacuous"],
                ["Fancy", "Letters, 20-way", "", "no posterior"],
            ],
        )

    @parameterized.parameters((0.75, "30 to 80"), (None, ""))
    def test_single_tasks(self, other, text):
        for seed, share in ((0, 0.25), (1, 0.35)):
            parts = {"share/trees": made_up.estimate(share, None)}
            if other:
                parts["share/fish"] = made_up.estimate(share + 0.5, None)
            elif seed:
                parts = {"share/fish": made_up.estimate(share, None)}
            parts["conflicts"] = made_up.estimate(share, None)
            result = made_up.shapes(seed=seed, metrics=parts)
            self.write(f"{seed}", result)
        _, shown, _ = self.make()
        head, line = shown.table("Letters")
        cells = dict(zip(head, line, strict=True))
        self.assertEqual(cells.get("By task", ""), text)
        self.assertEqual(cells["Conflicts"], "30 ± 7 %")

    def test_a_study_and_its_cells(self):
        cells, study = _study()
        self.write("study", study)
        for (method, rate), cell in cells.items():
            self.write(f"study/{method}_{rate:g}", made_up.results(cell))
        _, shown, refused = self.make()
        self.assertEqual(
            shown.table(
                "Letters, 20-way, 100 steps, 8 tasks a step. New tasks"
            ),
            [
                ["Inner rate", "0.1", "1"],
                ["Plain", "50.0 / 6.2", "diverged"],
                ["Fancy", "70.0 / 6.2", ""],
            ],
        )
        self.assertNotIn("The chapter on shapes", shown.texts["h3"])
        self.assertEqual(
            refused,
            [
                run_files.Refused(
                    "study/plain_1/results.json", "holds no scores (no share)"
                )
            ],
        )
        self.assertIn("experiments:rates -- ", shown.texts["pre"][0])
        self.assertIn("--rates=0.1,1", shown.texts["pre"][0])

    def test_commands_to_run_it_again(self):
        result = made_up.walks(seed=3)
        result["config"] |= {
            "units": ["320", "320"],
            "rotations": False,
            "files": "a b, c",
        }
        self.write("0", result)
        _, shown, _ = self.make()
        self.assertEqual(
            shown.texts["pre"],
            [
                "./bazelw run //experiments:walks -- \\\n"
                "  --methods=plain \\\n"
                "  --steps=100 \\\n"
                "  --seed=3 \\\n"
                "  --units=320,320 \\\n"
                "  --rotations=false \\\n"
                "  --files='a b, c'"
            ],
        )

    def test_settings_of_all_runs(self):
        self.write("a", made_up.shapes(rate=0.4, seed=2))
        self.write("b", made_up.shapes("fancy", rate=0.2, commit=None))
        _, shown, _ = self.make()
        self.assertEqual(
            shown.table(
                "Settings, and minutes of a run. For all: 100 steps, "
                "8 tasks a step, 600 eval tasks."
            ),
            [
                [
                    *("Method", "Tasks", "Min", "Seeds", "Commit"),
                    "Inner rate",
                ],
                ["Plain", "Letters, 20-way", "2", "2", "0123456", "0.4"],
                ["Fancy", "Letters, 20-way", "2", "0", "unknown", "0.2"],
            ],
        )

    def test_pictures_are_inlined(self):
        self.write("a", made_up.shapes(seed=0), curves=_png())
        self.write("b", made_up.shapes(test=0.6, seed=1), curves=_png(600))
        self.write("c", made_up.walks(), plain__all_steps=_png(), x__y=_png())
        _, shown, _ = self.make()
        images = shown.all("img")
        self.assertLen(images, 3)
        self.assertEqual(
            (images[0]["width"], images[0]["height"]), ("624", "312")
        )
        self.assertEqual(
            images[0]["alt"], "Curves. Letters, 20-way; Plain; seed 0."
        )
        self.assertIn("seed 1", images[1]["alt"])
        self.assertEqual(images[2]["alt"], "All steps. Plain; seed 0.")
        # Other seeds' have to be asked for.
        self.assertIn("1 further picture", shown.texts["summary"])

    def test_a_picture_that_is_none(self):
        self.write("a", made_up.shapes(), curves=b"GIF", accuracy=_png())
        _, shown, refused = self.make()
        self.assertLen(shown.all("img"), 1)
        self.assertEqual(
            refused,
            [
                run_files.Refused(
                    "a/curves.png", "cannot be read: not a PNG picture"
                )
            ],
        )

    @parameterized.named_parameters(
        ("nothing", "", "cannot be read: Expecting value"),
        ("half", '{"rows": [', "cannot be read: Expecting value"),
        ("too_deep", "[" * 100_000, "cannot be read: nested too deeply"),
        ("a_list", [], "holds no results"),
        ("no_rows", made_up.results([]), "holds no results yet"),
        ("not_rows", made_up.results([1]), "0 of rows of the file: expected"),
        ("older", made_up.shapes() | {"schema": 1}, "version 1; this program"),
        ("older_row", made_up.shapes(schema=1), "version 1; this program"),
        (
            "unknown",
            made_up.shapes() | {"command": "chess"},
            "command 'chess' is unknown",
        ),
        (
            "mixed",
            made_up.results(made_up.shapes()["rows"] + made_up.walks()["rows"]),
            "row of 'plain': expected experiment shapes, found 'walks'",
        ),
        (
            "no_config",
            made_up.shapes() | {"config": None},
            "config of the file: expected dict, found None",
        ),
        (
            "no_seed",
            made_up.shapes(seed="0"),
            "seed of 0 of rows of the file: expected int, found '0'",
        ),
        (
            "no_mean",
            made_up.shapes(metrics={"share": {"mean": None}}),
            "mean of share of metrics of 0 of rows of the file: expected float",
        ),
        (
            "no_metric",
            made_up.results([made_up.row(metrics={})]),
            "holds no scores (no share)",
        ),
        ("no_ways", made_up.shapes(ways=0), "are not those of shapes"),
    )
    def test_what_cannot_be_shown_is_named(self, result, reason):
        self.write("bad", result)
        self.write("good", made_up.walks())
        _, shown, refused = self.make()
        ((name, why),) = refused
        self.assertEqual(name, "bad/results.json")
        self.assertIn(reason, why)
        self.assertIn(f"bad/results.json: {why}", shown.texts["li"])

    @parameterized.named_parameters(
        ("shapes", made_up.shapes(notes={"verdict": "none"})),
        ("walks", made_up.walks()),
        ("study", _study()[1]),
    )
    def test_no_value_of_any_field_brings_it_down(self, result):
        for path in _paths(result):
            for value in _VALUES:
                changed = copy.deepcopy(result)
                *inner, last = path
                parent = functools.reduce(
                    lambda at, key: at[key], inner, changed
                )
                parent[last] = value
                with self.subTest(path=path, value=value):
                    try:
                        _check(changed)
                    except errors.InputError:
                        continue
                    run = run_files.Run("run", changed, ())
                    _Page(page.make([run], [], made_up.PARTS))

    def test_all_text_is_escaped(self):
        result = made_up.shapes(_HOSTILE, notes={"verdict": _HOSTILE})
        for row in result["rows"]:
            row["problem"]["dataset"] = row["commit"] = _HOSTILE
            row["settings"] = {_HOSTILE: _HOSTILE}
        result["versions"] = {_HOSTILE: _HOSTILE}
        result["config"][_HOSTILE] = _HOSTILE
        folder = _HOSTILE.replace("/", " ")
        self.write(folder, result, curves=_png())
        self.write(f"{folder}2", {"rows": [{"method": "m"}], _HOSTILE: 1})
        text, shown, _ = self.make()
        self.assertNotIn("<script", text)
        self.assertIn(_HOSTILE, shown.all("img")[0]["alt"])
        self.assertTrue(shown.table(_HOSTILE))
        self.assertIn(f"{folder}/curves.png", shown.texts["code"])

    def test_the_page_needs_no_other_file(self):
        self.write_all()
        text, shown, _ = self.make()
        self.assertNotRegex(text, r"https?:|@import|url\(")
        self.assertEmpty({"script", "link", "iframe"} & set(shown.texts))
        for attributes in shown.all("img"):
            self.assertStartsWith(attributes["src"], "data:image/png;base64,")
        for _, attributes in shown.elements:
            self.assertNoCommonElements(
                attributes, ["srcset", "onclick", "onload", "data", "action"]
            )

    def test_the_page_can_be_heard(self):
        self.write_all()
        _, shown, _ = self.make()
        levels = [
            int(tag[1]) for tag, _ in shown.elements if re.match(r"h\d$", tag)
        ]
        self.assertEqual(levels.count(1), 1)
        for above, level in itertools.pairwise(levels):
            self.assertLessEqual(level, above + 1)
        ids = [a["id"] for _, a in shown.elements if "id" in a]
        self.assertCountEqual(ids, set(ids))
        for attributes in shown.all("a"):
            self.assertIn(attributes["href"].removeprefix("#"), ids)
        self.assertLen(shown.all("caption"), len(shown.all("table")))
        self.assertTrue(all(a.get("alt") for a in shown.all("img")))
        self.assertTrue(all("scope" in a for a in shown.all("th")))
        self.assertEqual(shown.all("html"), [{"lang": "en"}])

    def test_a_page_made_twice_is_the_same(self):
        self.write_all()
        self.assertEqual(self.make()[0], self.make()[0])

    def test_results_that_were_kept_without_their_folder(self):
        (self.folder / "kept").mkdir()
        for seed in (0, 1):
            file = self.folder / "kept" / f"plain_seed{seed}.json"
            file.write_text(json.dumps(made_up.shapes(seed=seed)))
        # The same run again, which is read once, and a run's own files.
        self.write("run", made_up.shapes(seed=1))
        (self.folder / "run" / "other.json").write_text("{}")
        for picture in ("plain_seed0.curves.png", "plain_seed01.png"):
            (self.folder / "kept" / picture).write_bytes(_png())
        _, shown, refused = self.make()
        self.assertEmpty(refused)
        self.assertEqual(
            [code for code in shown.texts["code"] if code.startswith("kept")],
            [
                "kept/plain_seed0.curves.png",
                "kept/plain_seed0",
                "kept/plain_seed1",
            ],
        )
        (image,) = shown.all("img")
        self.assertStartsWith(image["alt"], "Curves. Letters")


if __name__ == "__main__":
    absltest.main()
