r"""One page from a folder of runs: the tables, the pictures, what was run.

    ./bazelw run //experiments:report
    ./bazelw run //experiments:report -- --results=results --out=report.html

Reads the `results.json` files at any depth beneath the folder, of all
experiments and studies, and writes a page that needs no other file. Runs that
differ by their seed alone are one line; the papers' figures stand beside ours.
What cannot be shown is named, on the page and here.
"""

import functools
import sys

from absl import flags

from experiments import catalog
from experiments.reporting import checks, page, run_files
from experiments.run import cli
from tfmeta import errors

_RESULTS = flags.DEFINE_string(
    "results", "results", "Folder of the runs, which may lie at any depth."
)
_OUT = flags.DEFINE_string("out", "report.html", "The page to write.")


def main() -> None:
    """Writes the page."""
    folder = cli.resolve_path(_RESULTS.value)
    check = functools.partial(checks.check, commands=catalog.COMMANDS)
    runs, refused = run_files.read(folder, check)
    for file in refused:
        print(f"not shown: {file.name}: {file.reason}", file=sys.stderr)
    if not runs:
        raise errors.InputError(
            f"--results={folder}: expected runs (a results.json for each, at "
            f"any depth), found none{' that can be shown' if refused else ''}"
        )
    out = cli.resolve_path(_OUT.value)
    # Whole or not at all.
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.writing")
    text = page.make(runs, refused, catalog.PARTS)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(out)
    size = out.stat().st_size / 1e6
    count = f"{len(runs)} run" + "s" * (len(runs) > 1)
    print(f"Wrote {out} ({size:.1f} MB): {count}")


if __name__ == "__main__":
    cli.run(main)
