"""Sphinx builds the documentation as a site that needs no network to be read.

``sphinx-build -W -b html docs site`` (extra ``[docs]``); a warning is an error.
"""

from __future__ import annotations

import subprocess
import sys

from sphinx.application import Sphinx

import operando

project = "operando"
author = "The operando developers"
copyright = author
version = release = operando.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Headings can be linked to, as they can on the pages of a repository.
myst_heading_anchors = 3
# An option's two hyphens are no dash.
smartquotes = False

# `name` in a docstring is a link where that name has a page, and code where it has none.
default_role = "py:obj"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_class_signature = "mixed"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 80
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False

# The theme's fonts are the reader's, its scripts and styles are in the wheel: nothing is fetched.
html_theme = "furo"
html_title = f"operando {release}"
html_show_sphinx = False
html_copy_source = False


def commands() -> str:
    """Describe every command, as typer does from the code."""
    done = subprocess.run(
        [sys.executable, "-m", "typer", "operando.cli", "utils", "docs", "--name", "operando"],
        check=True,
        capture_output=True,
        text=True,
    )
    # The page has its own title and beginning.
    return "## " + done.stdout.split("\n## ", 1)[1]


def fill_in(_: Sphinx, page: str, source: list[str]) -> None:
    """Append the commands to their page: the site says what the program says."""
    if page == "reference/cli":
        source[0] += "\n" + commands()


def setup(app: Sphinx) -> None:
    """Register what is ours."""
    app.connect("source-read", fill_in)
