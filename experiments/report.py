r"""One page from a folder of runs: the tables, the pictures, what was run.

    ./bazelw run //experiments:report
    ./bazelw run //experiments:report -- --results=results --out=report.html

Reads the `results.json` files at any depth beneath the folder, those of
`nme_classification`, `nme_study`, `sinusoid`, `pose_prediction`, `tragic_triad`
and `multitask_cifar100`, and writes a page that needs no other file. Runs that
differ by their seed alone are one line; the papers' figures stand beside ours.
What cannot be shown is named, on the page and here.
"""

import pathlib
import sys

from absl import flags

from experiments import report_checks, report_page, run_files
from experiments.run import cli
from tfmeta import errors

_RESULTS = flags.DEFINE_string(
    "results", "results", "Folder of the runs, which may lie at any depth."
)
_OUT = flags.DEFINE_string("out", "report.html", "The page to write.")


def main() -> None:
    """Writes the page."""
    folder = cli.resolve_path(_RESULTS.value)
    runs, refused = run_files.read(folder, report_checks.check)
    for file in refused:
        print(f"not shown: {file.name}: {file.reason}", file=sys.stderr)
    if not runs:
        raise errors.InputError(
            f"--results={folder}: expected runs (a results.json for each, at "
            f"any depth), found none{' that can be shown' if refused else ''}"
        )
    page = cli.resolve_path(_OUT.value)
    _write(page, report_page.make(runs, refused))
    size = page.stat().st_size / 1e6
    count = f"{len(runs)} run" + "s" * (len(runs) > 1)
    print(f"Wrote {page} ({size:.1f} MB): {count}")


def _write(file: pathlib.Path, text: str) -> None:
    """Writes a file, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)


if __name__ == "__main__":
    cli.run(main)
