"""A request for a second person's signature in words. Pure."""

from __future__ import annotations

from datetime import tzinfo

from cekalwatch.contract.codec.approvals import signed_values
from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.values.approvals import Approval
from cekalwatch.contract.values.orders import Direction
from cekalwatch.office.locale.order_formatting import Fact
from cekalwatch.program.translations import Texts


def asked_for(approval: Approval, texts: Texts) -> str:
    """Return what will be done, in words."""
    name = approval.method.rpartition("/")[2]
    return texts.say(f"APPROVE_{name}") if f"APPROVE_{name}" in texts else safe_text(approval.method)


def signed_facts(approval: Approval, texts: Texts) -> tuple[Fact, ...] | None:
    """Return each value of the request; None where this program cannot show all of it: then nobody should sign."""
    values = signed_values(approval)
    if values is None:
        return None
    return tuple(
        Fact(
            texts.say(f"APPROVED_{one.name}") if f"APPROVED_{one.name}" in texts else one.name,
            ", ".join(_word(word, texts) for word in one.words) or texts.say("APPROVED_NOTHING"),
        )
        for one in values
    )


def silenced_words(approval: Approval, texts: Texts, zone: tzinfo | None) -> tuple[str, ...]:
    """Return what a request would silence: a line each, the first that counts; none where it silences nothing."""
    found = approval.silences
    if not found:
        return ()
    what = texts.say("SILENCED_WHAT", what=safe_text(found.what)) if found.what else ""
    head = " ".join(filter(None, (texts.say("SILENCED_COUNT", count=found.count), what)))
    return (
        head,
        *(
            texts.say(
                "SILENCED_ORDER",
                order=safe_text(one.order_id),
                name=safe_text(one.name) or safe_text(one.subject_id),
                place=texts.say(f"DIRECTION_{one.place}") if one.place in set(Direction) else safe_text(one.place),
                time=f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}",
            )
            for one in found.orders
        ),
    )


def _word(word: str | bool, texts: Texts) -> str:  # a value of a request
    if isinstance(word, bool):
        return texts.say("APPROVED_YES" if word else "APPROVED_NO")
    prefixes = ("PERSON_ROLE_", "ALERT_STATE_", "GATE_POLICY_REASON_", "DEVICE_ROLE_")
    role, state, why, device = (word.removeprefix(one) for one in prefixes)
    if state != word and f"STATE_{state}" in texts:
        return texts.say(f"STATE_{state}")
    if why != word and f"GATES_WHY_{why}" in texts:
        return texts.say(f"GATES_WHY_{why}")
    if device != word and f"DEVICE_ROLE_{device}" in texts:
        return texts.say(f"DEVICE_ROLE_{device}")
    return texts.say(f"ROLE_{role}") if f"ROLE_{role}" in texts else safe_text(word)
