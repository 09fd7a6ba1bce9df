"""Settings of Sphinx for the site; ``scripts/build_site.sh`` builds it.

The folder of the sources is the repository itself, so that a link between two files leads to the same place on the
site and on a code host.
"""
import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT)]

import gluon_bn  # before mxnet

project, author, version = 'gluon_bn', 'The maintainers of gluon_bn', gluon_bn.__version__
copyright = author
extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.mathjax', 'sphinx_codeautolink',
              'site_tools']

root_doc = 'docs/index'
include_patterns = ['docs/*.md', 'docs/howto/*.md', 'docs/decisions/*.md', 'tutorials/[0-9]*.py', 'tutorials/*.md',
                    'tutorials/exercises/*.md']
exclude_patterns = ['.*', 'build', 'dist', 'runs', 'notebooks', 'gluon_bn', 'tests', 'scripts']
suppress_warnings = ['mystnb.unknown_mime_type']

# The tutorials are executed once for each text of theirs and each state of the package (see site_tools).
nb_custom_formats = {'.py': 'site_tools.read_tutorial'}
nb_execution_mode = 'cache'
nb_execution_cache_path = str(ROOT / 'build' / f"site-cache-{'quick' if os.environ.get('GLUON_BN_QUICK') else 'full'}")
nb_execution_timeout = 3600
nb_execution_show_tb = True  # a failure is a warning, which ends the build, and its traceback is printed
nb_output_stderr = 'warn'  # a warning of the package in a tutorial is one of the build
nb_merge_streams = True
nb_number_source_lines = False

myst_enable_extensions = ['dollarmath', 'colon_fence']
myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # the docstrings say shapes, which types do not
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = ['Returns', 'Yields', ('Attributes', 'params_style')]  # prose; names with prose
nitpick_ignore_regex = [('py:.*', '.*')]  # types in docstrings are words
codeautolink_concat_default = True
codeautolink_warn_on_missing_inventory = False

html_theme = 'furo'
html_title = 'gluon_bn'
html_static_path = ['_static']
html_css_files = ['site.css']
html_copy_source = False
html_show_search_summary = False  # a page that is opened from disk may not fetch others
html_show_sphinx = False
mathjax_path = 'mathjax/tex-svg.js'  # draws its letters itself: no fonts to load
