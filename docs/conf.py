"""The settings of Sphinx: ``sphinx-build -W -b html docs docs/_build/html`` makes the pages."""

import pymlp

project = "pymlp"
author = "The pymlp developers"
version = release = pymlp.__version__
templates_path = ["templates"]
exclude_patterns = ["_build", "templates", "**sg_execution_times.rst"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",  # it numbers the references of a class and of its methods anew
    "sphinx_gallery.gen_gallery",
]

html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "navigation_with_keys": False,
    # none beside the lecture and how-to, which need the width for code and pictures
    "secondary_sidebar_items": {
        page: ["page-toc"]
        for page in ("api", "design", "from-scikit-learn", "performance", "generated/*")
    },
}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False

myst_heading_anchors = 3  # design.md links to a heading

autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False  # templates/autosummary/class.rst does

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "lecture",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": (),  # what a page wants to show it prints
    "show_memory": False,
    "download_all_examples": False,
}
