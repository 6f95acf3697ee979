"""Runs cells in a kernel as Jupyter does, with a restart in between."""

import nbformat
from nbclient import NotebookClient
from report import report

FIRST = [
    "import wandb\nwandb.init(project='notebook', config={'lr': 0.1})",
    "wandb.log({'loss': 1.0})\nwandb.config.lr = 0.2",
    "wandb.log({'loss': 0.5})\nraise ValueError('a cell fails')",
    "wandb.log({'loss': 0.25})\nwandb.run.id",
]
SECOND = [
    "import wandb\nwandb.init(project='notebook')",
    "wandb.log({'loss': 2.0})",
    "wandb.finish()\nprint(wandb.run)",
]


def run(cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    # A kernel of its own each time, which ends without a finish if no cell says so.
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
    return [list(cell.outputs) for cell in notebook.cells]


first, second = run(FIRST), run(SECOND)
report(first=first, second=second)
