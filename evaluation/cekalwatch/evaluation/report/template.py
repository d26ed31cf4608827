"""The templates of the pages: one environment, which escapes names, and in which a missing value is an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cekalwatch.evaluation.report import words

if TYPE_CHECKING:
    import jinja2

_WORDS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {
        "rate": words.percentages,
        "small": words.small,
        "compared": words.compared,
        "of_hundred": words.of_hundred,
        "one_in": words.one_in,
    }
)


def environment(**filters: Callable[..., str]) -> jinja2.Environment:
    """Return the template of a page; `filters` are added to those that put figures into words."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("cekalwatch.evaluation", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {**_WORDS, **filters}
    return made
