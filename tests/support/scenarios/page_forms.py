"""The forms of a page, as a browser would send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """One form."""

    method: str
    action: str
    fixed: dict[str, str] = field(default_factory=dict)
    """What the page has filled in for good."""
    typed: list[str] = field(default_factory=list)
    """The fields in which a person writes or chooses."""
    with_file: bool = False

    def filled(self, text: str) -> dict[str, str]:
        """What is sent when a person writes `text` wherever they can."""
        return self.fixed | dict.fromkeys(self.typed, text)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(facts.get("method", "get").upper(), facts.get("action", ""))
            self.found.append(self._form)
        elif self._form is not None and tag in {"input", "textarea", "select", "button"} and facts.get("name"):
            kind = facts.get("type", "text") if tag == "input" else tag
            if kind == "file":
                self._form.with_file = True
            elif kind in {"hidden", "button"}:
                self._form.fixed[facts["name"]] = facts.get("value", "")
            else:
                self._form.typed.append(facts["name"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def forms_of(html: str) -> list[Form]:
    """The forms of a page, in their order."""
    reader = _Reader()
    reader.feed(html)
    return reader.found
