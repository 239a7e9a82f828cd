"""Settings of the documentation: `sphinx-build -W -b html docs docs/_build/html` builds it and runs the examples.

To leave the slow examples unrun, add `-D 'sphinx_gallery_conf.filename_pattern=/plot_(?!slow_)'`. Read the Docs, whose
builds may take a quarter of an hour, leaves them so.
"""

import os

import rfmlearn

project = "rfmlearn"
author = "The rfmlearn developers"
copyright = author
version = release = rfmlearn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

# The template of classes lists members itself; numpydoc would list them a second time.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_(?!slow_)" if os.environ.get("READTHEDOCS") else "/plot_",
    "ignore_pattern": "^(demo|language_model)\\.py$",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("rfmlearn",),
    "reference_url": {"rfmlearn": None},
    "download_all_examples": False,
    "capture_repr": ("_repr_html_",),
    "remove_config_comments": True,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = project
html_theme_options = {
    "navigation_with_keys": False,
    # Not beside examples, whose lines of code need the room.
    "secondary_sidebar_items": {
        pages: ["page-toc"]
        for pages in (
            "user_guide/*",
            "generated/*",
            "mathematics",
            "images",
            "model_choice",
            "uncertainty",
            "own_kernel",
            "saving",
            "measured",
            "architecture",
        )
    },
    "footer_end": [],
}
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_sidebars = {"api": [], "mathematics": [], "index": []}


def skip_member(app, what, name, obj, skip, options):
    """Leave out what estimators inherit from scikit-learn, such as `get_params`, with links to its documentation."""
    return True if (getattr(obj, "__module__", None) or "").startswith("sklearn.") else None


def setup(app):
    """Connect the filter of members."""
    app.connect("autodoc-skip-member", skip_member)
