"""Starts the page: python app.py, then http://127.0.0.1:7860. It is what a Space runs.

The environment variable COLOURISER_MODEL names another model than the bundled one: a folder or a
Hub repository "owner/name@revision".
"""

import os

if __name__ == "__main__":
    from colouriser.page import serve

    serve(os.environ.get("COLOURISER_MODEL"))
