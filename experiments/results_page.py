r"""Writes the tables of RESULTS.md from the results that stand beside it.

    ./bazelw run //experiments:results_page

Makes each block anew, from `<!-- begin KIND FOLDER -->` to `<!-- end -->`, from
the files in that folder of `experiments/results/`, and leaves the prose. For
the kinds see `reporting.blocks`.
"""

from absl import flags

from experiments import catalog
from experiments.reporting import blocks
from experiments.run import cli

_PAGE = flags.DEFINE_string(
    "page", "RESULTS.md", "The page to write the tables of."
)
_RESULTS = flags.DEFINE_string(
    "results",
    "experiments/results",
    "Folder of the results, with a folder for each block.",
)


def main() -> None:
    """Writes the page."""
    page = cli.resolve_path(_PAGE.value)
    text = page.read_text()
    folder = cli.resolve_path(_RESULTS.value)
    page.write_text(blocks.fill(text, folder, catalog.COMMANDS))
    print(f"Wrote {len(blocks.BLOCK.findall(text))} tables of {page}")


if __name__ == "__main__":
    cli.run(main)
