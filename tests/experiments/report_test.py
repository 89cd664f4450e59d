"""The page of made-up runs."""

import contextlib
import copy
import functools
import html.parser
import io
import itertools
import json
import math
import pathlib
import re
import struct
import zlib

from absl.testing import absltest, flagsaver, parameterized

from experiments import report, report_checks, report_page, run_files
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
        if tag not in _VOID:
            self._open.append((tag, []))

    def handle_data(self, data):
        for _, texts in self._open:
            texts.append(data)

    def handle_endtag(self, tag):
        opened, texts = self._open.pop()
        if opened != tag:
            raise AssertionError(f"{opened} is closed by {tag}")
        text = "".join(texts)
        self.texts.setdefault(tag, []).append(text)
        if tag == "caption":
            self._lines = self.tables[text] = []
        elif tag in ("td", "th"):
            self._line.append(text)

    def handle_startendtag(self, tag, attributes):
        raise AssertionError(f"{tag} closes itself")

    def feed(self, data):
        self._line = []
        super().feed(data)

    def parse_starttag(self, i):
        end = super().parse_starttag(i)
        if self.elements and self.elements[-1][0] == "tr":
            self._line = []
            self._lines.append(self._line)
        return end

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def table(self, start):
        (found,) = (
            lines
            for caption, lines in self.tables.items()
            if caption.startswith(start)
        )
        return found


def _png(width=1200, height=600):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IEND", b"")


def _estimate(mean):
    return {"mean": mean, "ci95": 0.01, "tasks": 600}


def _scores(metric, test, validation=None):
    for split, mean in (
        ("meta-train", 0.75),
        ("meta-validation", test if validation is None else validation),
        ("meta-test", test),
    ):
        yield {
            "split": split,
            metric: _estimate(mean),
            f"{metric}_before_adaptation": _estimate(0.0625),
            f"{metric}_with_other_support": _estimate(0.125),
        }


def _result(rows, seed=0, **config):
    return {
        "rows": rows,
        "config": {"steps": 100, "flag_not_given": None, "seed": seed} | config,
        "versions": {"python": "3.11.2", "keras": "3.15.1"},
        "commit": "0123456789abcdef",
    }


def _classification(
    method="maml", test=0.5, *, seed=0, rate=0.1, shots=1, paper=None, **more
):
    validation = more.pop("validation", None)
    return _result(
        [
            {
                "experiment": "nme_classification",
                "method": method,
                "dataset": "omniglot",
                "construction": "fixed_label_per_class",
                "ways": 20,
                "shots": shots,
                "seed": seed,
                "paper": paper if scores["split"] == "meta-test" else None,
                "conflicts": None,
                "seconds": 120.0,
                "settings": {"inner_learning_rate": rate, "beta": 0.0},
                **scores,
                **more,
            }
            for scores in _scores("accuracy", test, validation)
        ],
        seed,
        meta_batch_size=8,
    )


def _regression(experiment, method, test, seed=0, shots=5, paper=None):
    return _result(
        [
            {
                "experiment": experiment,
                "method": method,
                "shots": shots,
                "seed": seed,
                "paper": paper,
                "paper_std": paper and 0.04,
                "seconds": 60.0,
                "settings": {"inner_learning_rate": 0.01},
                **scores,
            }
            for scores in _scores("mse", test)
        ],
        seed,
    )


def _tragic_triad():
    descent = {"theta": [1.0, -2.5], "losses": [-1.5, 0.25], "loss": -1.25}
    theorem = {
        "pairs": 1000,
        "conditions_met": 300,
        "conclusion_holds": 299,
        "conclusion_holds_otherwise": 0.36,
    }
    return _result(
        [
            {"experiment": "tragic_triad", "method": "Adam", **descent},
            {"experiment": "tragic_triad", "method": "Theorem 2", **theorem},
        ]
    )


def _multitask(method="pcgrad", test=0.5, seed=0, dataset="cifar100"):
    return _result(
        [
            {
                "experiment": "multitask_cifar100",
                "method": method,
                "dataset": dataset,
                "tasks": 20,
                "classes": 5,
                "seed": seed,
                "split": split,
                "accuracy": {"mean": test, "ci95": 0.01, "images": 100},
                "task_accuracy": {"trees": test - 0.25, "people": test + 0.25},
                "paper": 0.71 if dataset == "cifar100" else None,
                "conflicts": {"conflicting_pairs": 0.375},
                "seconds": 600.0,
                "steps": 100,
                "settings": {"learning_rate": 0.001, "units": [320, 320]},
            }
            for split in ("validation", "test")
        ],
        seed,
        units=["320", "320"],
        augmentation="crop_flip",
    )


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


class ReportTest(parameterized.TestCase):
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
        self.write("a", _multitask(), pcgrad__cosines=_png())
        self.write("b", _tragic_triad(), landscape=_png())
        self.write("c", _regression("pose_prediction", "maml", 2.5))
        self.write("d/5", _regression("sinusoid", "maml", 0.125, paper=0.46))
        study = _classification()
        other = _classification("taml", rate=0.2, conflicts={})
        study["rows"] += other["rows"] + _classification(rate=0.2)["rows"]
        self.write("e", study, study=_png())
        self.write("f/0", _classification(test=0.6), accuracy=_png())

    def make(self):
        runs, refused = run_files.read(self.folder, report_checks.check)
        text = report_page.make(runs, refused)
        return text, _Page(text), refused

    def test_the_story_in_its_order(self):
        self.write_all()
        _, page, refused = self.make()
        self.assertEmpty(refused)
        self.assertEqual(
            [text.split(maxsplit=1)[1] for text in page.texts["h2"]],
            ["Meta-learners memorize", "Tasks fight", "What was run"],
        )
        self.assertEqual(
            page.texts["h3"],
            [
                "Classes that keep their labels",
                "Where they memorize",
                "Sinusoids whose inputs name the task",
                "The pose of objects",
                "Why: the tragic triad",
                "Several tasks, one network",
                "Versions",
                "Commands and settings",
            ],
        )

    def test_seeds_are_one_line_beside_the_paper(self):
        for seed, test in ((1, 0.5), (0, 0.6)):
            self.write(
                f"maml/{seed}",
                _classification(test=test, seed=seed, paper=0.078),
            )
        self.write("mr", _classification("mr_maml_w", 0.75, conflicts=None))
        _, page, _ = self.make()
        self.assertEqual(
            page.table("Omniglot, 20-way 1-shot, one label per class: accu"),
            [
                [
                    *("Method", "Inner rate", "Train, before"),
                    *("Train, other support", "Validation", "Test", "Paper"),
                    "Test, by seed",
                ],
                [
                    *("MAML", "0.1", "6.2 ± 0.0", "12.5 ± 0.0", "55.0 ± 7.1"),
                    *("55.0 ± 7.1", "7.8", "60.0 ± 1.0, 50.0 ± 1.0"),
                ],
                [
                    *("MR-MAML(W)", "0.1", "6.2", "12.5", "75.0", "75.0", ""),
                    "75.0 ± 1.0",
                ],
            ],
        )
        runs = page.table("Runs by settings")
        self.assertEqual(
            runs[1],
            [
                "1 nme_classification",
                "Omniglot, 20-way 1-shot, one label per class",
                *("MAML", "100", "0, 1", "2", "0123456"),
            ],
        )
        self.assertIn("python 3.11.2, keras 3.15.1", page.texts["li"])

    def test_the_talks_table_has_what_validation_preferred(self):
        for name, result in {
            "a": _classification(test=0.5, rate=0.1, validation=0.75),
            "b": _classification(test=0.9, rate=1.0, validation=0.25),
            "c": _classification(test=0.8, shots=5, paper=0.507),
            "d": _classification("control", 0.7, shots=5),
        }.items():
            for row in result["rows"]:
                if row["shots"] == 1 and row["split"] == "meta-test":
                    row["paper"] = 0.078
            self.write(name, result)
        _, page, _ = self.make()
        self.assertEqual(
            page.table("New tasks, Omniglot, one label per class"),
            [
                ["", "20-way 1-shot", "20-way 5-shot"],
                ["Method", "ours", "paper", "ours", "paper"],
                ["MAML", "50.0", "7.8", "80.0", "50.7"],
                ["control: W, no noise, no KL", "", "", "70.0", ""],
            ],
        )

    def test_what_else_differs_is_named(self):
        for steps in (100, 200):
            result = _classification(seconds=1.0 * steps)
            result["config"]["steps"] = steps
            self.write(f"{steps}", result)
        _, page, _ = self.make()
        lines = page.table("Omniglot")
        self.assertEqual(
            [line[0] for line in lines[1:]],
            ["MAML 100 steps", "MAML 200 steps"],
        )

    def test_settings_that_were_only_tried_have_to_be_asked_for(self):
        self.write("tested", _classification())
        tried = _classification(rate=1.0)
        tried["rows"] = tried["rows"][:2]
        self.write("tried", tried)
        _, page, _ = self.make()
        self.assertIn("1 setting that was not tested", page.texts["summary"])

    def test_regression(self):
        for shots, paper in ((5, 0.46), (10, 0.13)):
            for seed, test in ((0, 0.125), (1, 0.375)):
                self.write(
                    f"{shots}/{seed}",
                    _regression(
                        "sinusoid",
                        "maml",
                        test,
                        seed=seed,
                        shots=shots,
                        paper=paper,
                    ),
                    curves=_png(),
                    adapted=_png(1140, 1500),
                )
            for method in ("mr_cnp_w", "a_new_one"):
                self.write(
                    f"{shots}/{method}",
                    _regression("sinusoid", method, 0.5, shots=shots),
                )
        text, page, _ = self.make()
        with self.subTest("ours beside the paper's"):
            self.assertEqual(
                page.table("New tasks: mean squared error"),
                [
                    ["", "5-shot", "10-shot"],
                    ["Method", "ours", "paper", "ours", "paper"],
                    [
                        *("MAML", "0.250 ± 0.177", "0.46 (0.04)"),
                        *("0.250 ± 0.177", "0.13 (0.04)"),
                    ],
                    ["MR-CNP(W)", "0.500", "", "0.500", ""],
                    ["a new one", "0.500", "", "0.500", ""],
                ],
            )
        with self.subTest("what they learned by heart, and each seed"):
            lines = page.table("5-shot: mean squared error.")
            self.assertEqual(
                lines[1],
                [
                    *("MAML", "0.01", "0.062 ± 0.000", "0.125 ± 0.000"),
                    *("0.250 ± 0.177", "0.250 ± 0.177", "0.46 (0.04)"),
                    "0.125 ± 0.010, 0.375 ± 0.010",
                ],
            )
            self.assertEqual(
                [line[0] for line in lines[1:]],
                ["MAML", "MR-CNP(W)", "a new one"],
            )
        with self.subTest("the note comes before the tables, then pictures"):
            places = [
                text.index(words)
                for words in (
                    "noise alone makes 0.01",
                    "New tasks: mean squared error",
                    "5-shot: mean squared error.",
                    "10-shot: mean squared error.",
                    "Predictions before and after adaptation. 5-shot; MAML;",
                    "Learning curves. 5-shot; MAML; seed 0.",
                    "Predictions before and after adaptation. 10-shot; MAML;",
                    "4 further pictures",
                )
            ]
            self.assertEqual(places, sorted(places))

    def test_calibration_conflicts_and_bounds(self):
        bound = {"bound": 59.3, "even_bound": 0.5, "kl": 1234.0}
        self.write(
            "a",
            _classification(
                nll=_estimate(1.5),
                ece=0.0625,
                conflicts={"conflicting_pairs": 0.25},
                pac_bayes=bound,
            ),
        )
        self.write(
            "b",
            _classification(
                "mr_maml_a", pac_bayes={"not_applicable": "no posterior"}
            ),
        )
        _, page, _ = self.make()
        lines = page.table("Omniglot")
        self.assertEqual(lines[0][-3:], ["NLL", "ECE, %", "Conflicts"])
        self.assertEqual(lines[1][-3:], ["1.50", "6.2", "25 %"])
        self.assertEqual(
            [line[2:] for line in page.table("PAC-Bayes")[1:]],
            [
                ["59.3", "0.5", "1234", "not vacuous"],
                ["", "", "", "no posterior"],
            ],
        )

    def test_a_study_and_its_cells(self):
        cells = {
            ("maml", 0.1): _classification(test=0.5)["rows"][:2],
            ("maml", 1.0): [
                {
                    "method": "maml",
                    "settings": {"inner_learning_rate": 1.0},
                    "diverged": True,
                }
            ],
            ("taml", 0.1): _classification("taml", test=0.7)["rows"][:2],
        }
        rows = [row for cell in cells.values() for row in cell]
        self.write("study", _result(rows, meta_batch_size=8))
        for (method, rate), cell in cells.items():
            self.write(f"study/{method}_{rate:g}", _result(cell))
        _, page, refused = self.make()
        self.assertEqual(
            page.table("Omniglot, 20-way 1-shot, one label per class, 100 ste"),
            [
                ["Inner rate", "0.1", "1"],
                ["MAML", "50.0 / 12.5", "diverged"],
                ["TAML", "70.0 / 12.5", ""],
            ],
        )
        self.assertNotIn("Classes that keep their labels", page.texts["h3"])
        self.assertEqual(
            refused,
            [
                run_files.Refused(
                    "study/maml_1/results.json", "holds no scores (it diverged)"
                )
            ],
        )
        self.assertIn("--inner_learning_rates=0.1,1", page.texts["pre"][0])

    def test_the_tragic_triad(self):
        self.write("t", _tragic_triad())
        _, page, _ = self.make()
        self.assertEqual(
            page.table("Where the descents ended")[1],
            ["Adam", "100", "(1.00, −2.50)", "−1.5", "0.2", "−1.2"],
        )
        (sentence,) = (t for t in page.texts["p"] if t.startswith("Theorem 2"))
        self.assertIn("300 met its conditions, and for 299 of these", sentence)

    @parameterized.parameters(("cifar100", True), ("glyphs", False))
    def test_tasks_learned_together(self, dataset, has_paper):
        for seed, test in ((0, 0.5), (1, 0.6)):
            self.write(
                f"{seed}", _multitask(test=test, seed=seed, dataset=dataset)
            )
        text, page, _ = self.make()
        title = {"cifar100": "CIFAR-100", "glyphs": "Glyphs"}[dataset]
        head, line = page.table(f"{title}, 20 tasks: accuracy")
        self.assertEqual(line[0], "PCGrad")
        self.assertEqual(line[3:5], ["55.0 ± 7.1", "55.0 ± 7.1"])
        self.assertEqual(line[-2:], ["30 to 80", "38 %"])
        self.assertEqual("Paper, not comparable" in head, has_paper)
        self.assertEqual("remainder" in text, has_paper)

    def test_commands_to_run_it_again(self):
        self.write("0", _multitask(seed=3))
        _, page, _ = self.make()
        self.assertEqual(
            page.texts["pre"],
            [
                "./bazelw run //experiments:multitask_cifar100 -- \\\n"
                "  --methods=pcgrad \\\n"
                "  --steps=100 \\\n"
                "  --seed=3 \\\n"
                "  --units=320,320 \\\n"
                "  --augmentation=crop_flip"
            ],
        )

    def test_pictures_are_inlined(self):
        self.write("a", _classification(seed=0), curves=_png())
        self.write("b", _classification(test=0.6, seed=1), curves=_png(600))
        self.write("c", _multitask(), pcgrad__cosines=_png(), x__y=_png())
        _, page, _ = self.make()
        images = page.all("img")
        self.assertLen(images, 3)
        self.assertEqual(
            (images[0]["width"], images[0]["height"]), ("624", "312")
        )
        self.assertEqual(
            images[0]["alt"],
            "Learning curves. Omniglot, 20-way 1-shot, one label per class; "
            "MAML; seed 0.",
        )
        self.assertIn("seed 1", images[1]["alt"])
        self.assertIn("conflict with which", images[2]["alt"])
        # Other seeds' have to be asked for.
        self.assertIn("1 further picture", page.texts["summary"])

    def test_a_picture_that_is_none(self):
        self.write("a", _classification(), curves=b"GIF", accuracy=_png())
        _, page, refused = self.make()
        self.assertLen(page.all("img"), 1)
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
        ("no_rows", _result([]), "holds no results yet"),
        ("not_rows", _result([1]), "expected rows as objects, found 1"),
        (
            "older",
            _result([{"method": "maml", "accuracy": 0.5}]),
            "does not say of which experiment it is",
        ),
        (
            "unknown",
            _result([{"method": "a", "experiment": "chess"}]),
            "experiment 'chess' is unknown",
        ),
        (
            "mixed",
            _result(_tragic_triad()["rows"] + _classification()["rows"]),
            "experiment 'nme_classification and tragic_triad' is unknown",
        ),
        (
            "no_config",
            _classification() | {"config": None},
            "the result: expected config as dict, found None",
        ),
        (
            "no_seed",
            _classification(seed="0"),
            "expected seed as int, found '0'",
        ),
        (
            "no_mean",
            _classification(accuracy={"mean": None}),
            "accuracy of the row of 'maml': expected mean as int or float",
        ),
        (
            "no_metric",
            _result(
                [
                    {
                        "experiment": "sinusoid",
                        "method": "maml",
                        "split": "meta-test",
                        "seed": 0,
                        "seconds": 1,
                        "settings": {},
                    }
                ]
            ),
            "the row of 'maml': expected one of accuracy, mse",
        ),
        (
            "no_ways",
            _classification(ways=0),
            "expected ways above 0, found 0",
        ),
        (
            "no_end",
            _result([_tragic_triad()["rows"][0] | {"theta": [1.0]}]),
            "the row of 'Adam': expected two numbers, found [1.0]",
        ),
    )
    def test_what_cannot_be_shown_is_named(self, result, reason):
        self.write("bad", result)
        self.write("good", _tragic_triad())
        _, page, refused = self.make()
        ((name, found),) = refused
        self.assertEqual(name, "bad/results.json")
        self.assertIn(reason, found)
        self.assertIn(f"bad/results.json: {found}", page.texts["li"])

    @parameterized.named_parameters(
        ("classification", _classification(conflicts={"conflicting_pairs": 1})),
        ("regression", _regression("sinusoid", "maml", 0.5, paper=0.4)),
        ("tragic_triad", _tragic_triad()),
        ("multitask", _multitask()),
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
                        report_checks.check(changed)
                    except errors.InputError:
                        continue
                    run = run_files.Run("run", changed, ())
                    _Page(report_page.make([run], []))

    def test_all_text_is_escaped(self):
        result = _classification(
            _HOSTILE,
            paper=None,
            dataset=_HOSTILE,
            construction=_HOSTILE,
            settings={_HOSTILE: _HOSTILE},
        )
        result["commit"] = _HOSTILE
        result["versions"] = {_HOSTILE: _HOSTILE}
        result["config"][_HOSTILE] = _HOSTILE
        folder = _HOSTILE.replace("/", " ")
        self.write(folder, result, curves=_png())
        self.write(f"{folder}2", {"rows": [{"method": "m"}], _HOSTILE: 1})
        text, page, _ = self.make()
        self.assertNotIn("<script", text)
        self.assertIn(_HOSTILE, page.all("img")[0]["alt"])
        self.assertTrue(page.table(_HOSTILE))
        self.assertIn(f"{folder}/curves.png", page.texts["code"])

    def test_the_page_needs_no_other_file(self):
        self.write_all()
        text, page, _ = self.make()
        self.assertNotRegex(text, r"https?:|@import|url\(")
        self.assertEmpty({"script", "link", "iframe"} & set(page.texts))
        for attributes in page.all("img"):
            self.assertStartsWith(attributes["src"], "data:image/png;base64,")
        for _, attributes in page.elements:
            self.assertNoCommonElements(
                attributes, ["srcset", "onclick", "onload", "data", "action"]
            )

    def test_the_page_can_be_heard(self):
        self.write_all()
        _, page, _ = self.make()
        levels = [
            int(tag[1]) for tag, _ in page.elements if re.match(r"h\d$", tag)
        ]
        self.assertEqual(levels.count(1), 1)
        for above, level in itertools.pairwise(levels):
            self.assertLessEqual(level, above + 1)
        ids = [a["id"] for _, a in page.elements if "id" in a]
        self.assertCountEqual(ids, set(ids))
        for attributes in page.all("a"):
            self.assertIn(attributes["href"].removeprefix("#"), ids)
        self.assertLen(page.all("caption"), len(page.all("table")))
        self.assertTrue(all(a.get("alt") for a in page.all("img")))
        self.assertTrue(all("scope" in a for a in page.all("th")))
        self.assertEqual(page.all("html"), [{"lang": "en"}])

    def test_a_page_made_twice_is_the_same(self):
        self.write_all()
        self.assertEqual(self.make()[0], self.make()[0])

    def test_results_that_were_kept_without_their_folder(self):
        (self.folder / "kept").mkdir()
        for seed in (0, 1):
            file = self.folder / "kept" / f"maml_seed{seed}.json"
            file.write_text(json.dumps(_classification(seed=seed)))
        # The same run again, which is read once, and a run's own files.
        self.write("run", _classification(seed=1))
        (self.folder / "run" / "other.json").write_text("{}")
        for picture in ("maml_seed0.curves.png", "maml_seed01.png"):
            (self.folder / "kept" / picture).write_bytes(_png())
        _, page, refused = self.make()
        self.assertEmpty(refused)
        self.assertEqual(
            [code for code in page.texts["code"] if code.startswith("kept")],
            [
                "kept/maml_seed0.curves.png",
                "kept/maml_seed0",
                "kept/maml_seed1",
            ],
        )
        (image,) = page.all("img")
        self.assertStartsWith(image["alt"], "Learning curves. Omniglot")

    def run_command(self, out):
        printed, complained = io.StringIO(), io.StringIO()
        with (
            flagsaver.flagsaver(results=str(self.folder), out=str(out)),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(complained),
        ):
            report.main()
        return printed.getvalue(), complained.getvalue()

    def test_the_command(self):
        self.write("good", _tragic_triad())
        self.write("bad", "")
        out = self.folder.parent / "new" / "report.html"
        printed, complained = self.run_command(out)
        self.assertRegex(printed, r"^Wrote .*report.html \(.* MB\): 1 run\n$")
        self.assertRegex(complained, r"^not shown: bad/results.json: .*\n$")
        self.assertStartsWith(out.read_text(), "<!DOCTYPE html>")
        self.assertEqual(
            [file.name for file in out.parent.iterdir()], [out.name]
        )

    @parameterized.parameters((False, "found none$"), (True, "can be shown$"))
    def test_no_runs(self, has_file, message):
        if has_file:
            self.write("bad", "")
        with self.assertRaisesRegex(errors.InputError, message):
            self.run_command(self.folder.parent / "report.html")

    def test_no_folder(self):
        self.folder.rmdir()
        with self.assertRaisesRegex(errors.InputError, "no such folder"):
            self.run_command(self.folder.parent / "report.html")


if __name__ == "__main__":
    absltest.main()
