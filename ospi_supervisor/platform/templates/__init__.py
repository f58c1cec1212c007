"""The texts that the program writes for other programs: reverse proxies and systemd."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


def template(name: str) -> "Template":
    """The template `name` of this folder; a value that it names and does not get is a programming error."""
    import jinja2  # few commands write such a text

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - plain text for a server, of values that come from its own configuration
    )
    return environment.get_template(name)
