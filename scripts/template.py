# SPDX-License-Identifier: MIT
"""What all generated pages share: how a template is found, and how a file is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).resolve().parent / "templates"


def template(name: str, **names: Any) -> jinja2.Template:
    """A template of templates/; text is escaped if it is HTML, an unknown name is an error."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES),
                                     autoescape=name.endswith(".html"), trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.globals.update(names)
    return environment.get_template(name)


def script(name: str) -> str:
    """A script of templates/, to be set into a page: nothing in it ends the element."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    assert "</" not in text
    return text


def write(path: Path, text: str) -> None:
    """Whole or not at all: a temporary name, then a rename."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
