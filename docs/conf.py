"""The documents as a site, read offline as online: `make site`."""

from posterv2 import __version__

project = "posterv2"
author = "posterv2 contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "posterv2"
html_copy_source = html_show_sphinx = html_show_copyright = False
myst_heading_anchors = 3  # the links within pages are those that repositories make of headings

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_custom_sections = [("Attributes", "params_style")]
