"""The texts for people of every program: complete, used, and the same in both languages.

Ids are found where code or a template says them: `say("ID")` for one, `say(f"FAMILY_{value}")` for one of a family,
whose members are those of an enum. No other way to choose an id is allowed, since a test could not follow it.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from cekalwatch.camera.survey.findings import BINS
from cekalwatch.console.import_jobs import GROUPS, JobState
from cekalwatch.console.locale.audit_words import ACTIONS as ACTION_WORDS
from cekalwatch.console.locale.audit_words import ACTORS, THINGS
from cekalwatch.console.locale.law_words import KNOWN_ANYWHERE, OF_ROWS
from cekalwatch.console.menu import menu
from cekalwatch.console.pages.alerts import STEPS
from cekalwatch.console.pages.statistics import SPANS
from cekalwatch.console.pages.watchlist import law
from cekalwatch.console.reporting.figure_lines import LINES, Load
from cekalwatch.console.signing_in.pending_logins import Lost
from cekalwatch.console.status_summary import KINDS
from cekalwatch.contract.values.adjudication import (
    JUDGEMENTS,
    AlertState,
    Clearing,
    Escalation,
    Outcome,
    Reason,
    Step,
)
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.audit import ExportFormat, TrailProblemKind
from cekalwatch.contract.values.cameras import SpoolState, ViewState
from cekalwatch.contract.values.capture_policy import POLICY_BOUNDS
from cekalwatch.contract.values.devices import DeviceState
from cekalwatch.contract.values.exercises import ExerciseResult, ExerciseStage
from cekalwatch.contract.values.gates import GateAsk, GatePolicyReason
from cekalwatch.contract.values.imports import LIST_COLUMNS, DayOrder
from cekalwatch.contract.values.law import ART_9_FACTS
from cekalwatch.contract.values.orders import (
    DateOddity,
    Direction,
    OrderFlag,
    OrderGround,
    OrderKind,
    OrderRule,
    OrderStatus,
    PersonStatus,
    RevocationGround,
)
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.readiness import ReadinessFault, WatchLevel
from cekalwatch.contract.values.reports import PeriodLength
from cekalwatch.contract.values.surveys import Advice, Grade
from cekalwatch.contract.values.thresholds import ThresholdSource
from cekalwatch.contract.values.unusable_faces import UnusableReason
from cekalwatch.contract.values.watchlist import (
    AmendmentReason,
    EnrolmentWarning,
    LookalikeJudgement,
    SyncOutcome,
    WatchlistProblem,
)
from cekalwatch.notifier.desktop.windows.alert_table import Column, StateFilter
from cekalwatch.notifier.settings import ThemeName
from cekalwatch.office.alerts import Hindrance, PicturesMissing, ScoreLevel
from cekalwatch.office.connection import Cause, LostPosition
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action, ActorKind, ObjectKind
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.health.state.health import ServerFault
from cekalwatch.vision.fitness import Flaw
from cekalwatch.wire.identity import DeviceRole
from tests.support.repository import ROOT
from tests.support.scenarios.second_person import ACTIONS

PACKAGES = sorted({path.parents[3] for path in ROOT.glob("*/cekalwatch/*/locale/*/LC_MESSAGES/messages.po")})
FILES = ("*.py", "*.html", "*.jinja")
EXTENSIONS = ROOT / "extensions/cekalwatch/extensions"


def _parts(field: Any) -> list[str]:
    """The names of a field's own fields, where it holds a message."""
    return [one.name for one in field.message_type.fields] if field.message_type else []


FAMILIES: dict[str, dict[str, set[str]]] = {
    "camera": {
        "ADVICE_": {advice.name for advice in Advice},
        "FLAW_": {flaw.name for flaw in Flaw},
        "GRADE_": {grade.name for grade in Grade},
        "METRIC_": {name.upper() for name in BINS},
    },
    "console": {
        "SURVEY_ADVICE_": {advice.name for advice in Advice},
        "SURVEY_GRADE_": {grade.name for grade in Grade},
        "ACTION_": set(ACTION_WORDS),
        "APPROVAL_": {"SIGN", "REFUSE"},
        "ACTOR_": set(ACTORS),
        "AMEND_REASON_": set(AmendmentReason),
        "COLUMN_": {name.upper() for name in (*LIST_COLUMNS, "row")},
        "DAY_ORDER_": set(DayOrder),
        "DEVICE_STATE_": set(DeviceState),
        "ERRAND_": set(Lost),
        "EXPORT_": {form.upper() for form in ExportFormat},
        "FIGURE_": {line.name for line in LINES},
        "GATE_ASKS_": {ask.name for ask in GateAsk},
        "GLANCE_": set(KINDS),
        "IMPORT_GROUP_": {*GROUPS, "UNCHANGED"},
        "IMPORT_IS_": set(JobState),
        "IMPORT_MEANS_": set(JobState),
        "JUDGEMENT_": set(LookalikeJudgement),
        "JUDGE_MEANS_": set(LookalikeJudgement),
        "LAW_DOES_": {*OF_ROWS, *KNOWN_ANYWHERE},
        "LAW_FACT_": {fact.upper() for fact in ART_9_FACTS},
        "LAW_FIGURE_": {name.upper() for name in (*law.FIGURES, *law.ARTICLES)},
        "DOUBT_": {*DateOddity, "MEANT"},
        "LAW_RULE_": {*OF_ROWS, *KNOWN_ANYWHERE},
        "LAW_UNKNOWN_": {*OF_ROWS, *KNOWN_ANYWHERE},
        "LOAD_": set(Load),
        "LIST_PROBLEM_": set(WatchlistProblem),
        "MEANS_": set(STEPS),
        "MENU_": {section.title for section in menu()} | {one.title for section in menu() for one in section.entries},
        "ORDER_STATUS_": {*OrderStatus, "UNKNOWN"},
        "POLICY_": {name.upper() for name in POLICY_BOUNDS},
        "PROBLEM_": {*TrailProblemKind, "UNSPECIFIED"},
        "REVOKE_MEANS_": {role.upper() for role in DeviceRole} - {"SERVER"},
        "RULE_": set(OrderRule),
        "SPAN_": {span.upper() for span in SPANS},
        "SPOOL_": set(SpoolState),
        "SYNC_ALSO_": {"DOUBTFUL", "FLAGGED", "KEPT", "PHOTOGRAPHS_REFUSED", "RENEWED"},
        "SYNC_OUTCOME_": {*SyncOutcome, "UNKNOWN"},
        "THING_": set(THINGS),
        "TREND_BY_": set(PeriodLength),
        "TREND_LAST_": set(PeriodLength),
        "TREND_TABLE_": set(PeriodLength),
        "VIEW_": set(ViewState),
        "WARNING_": set(EnrolmentWarning),
        "THRESHOLD_SOURCE_": {*ThresholdSource, "UNKNOWN"},
    },
    "notifier": {
        "COLUMN_": set(Column),
        "FILTER_": set(StateFilter),
        "LOST_": {lost.name for lost in LostPosition},
        "PICTURES_": set(PicturesMissing),
        "THEME_": set(ThemeName),
        "UNUSABLE_REASON_": set(UnusableReason),
    },
    "office": {
        "FLAG_": set(OrderFlag),
        "CLEARED_": set(Clearing),
        "WATCHING_": set(WatchLevel),
        "WATCH_FAULT_": {*ReadinessFault} - {ReadinessFault.SERVER.value},
        "ADVICE_": {*AlarmKind, "UNKNOWN"},
        "CAUSE_": set(Cause),
        "DIRECTION_": set(Direction),
        "EXERCISE_": set(ExerciseResult),
        "EXERCISE_STAGE_": set(ExerciseStage),
        "ESCALATION_": {level.name for level in Escalation} - {"COUNTER"},
        "GATES_WHY_": set(GatePolicyReason),
        "HINDRANCE_": set(Hindrance),
        "LOOKALIKE_": {LookalikeJudgement.SAME_PERSON, LookalikeJudgement.DIFFERENT_PEOPLE},
        "ORDER_GROUND_": set(OrderGround),
        "ORDER_KIND_": set(OrderKind),
        "OUTCOME_": {*Outcome, "UNKNOWN"},
        "PERSON_STATUS_": set(PersonStatus),
        "REVOCATION_GROUND_": {*RevocationGround, "UNKNOWN"},
        "REASON_": {*Reason, "UNKNOWN"},
        "ROLE_": set(PersonRole),
        "SCORE_LEVEL_": set(ScoreLevel),
        "DEVICE_ROLE_": {role.upper() for role in DeviceRole},
        "SEX_": {"M", "F", "X"},
        "STATE_": {*AlertState, "UNKNOWN"},
        "STEP_": set(Step),
        "AT_SIGHT_": set(JUDGEMENTS),
        "TROUBLE_": {*AlarmKind, "UNKNOWN"},
    },
    "server": {
        "FAULT_": set(ServerFault),
    },
}
"""The members of each family of a package."""
OPTIONAL: dict[str, dict[str, set[str]]] = {
    "office": {
        "REFUSED_": set(Code),
        "REJECTED_": {"NAME_NOT_ALLOWED"},
        "APPROVE_": {request.__name__.removesuffix("Request") for request in ACTIONS},
        "APPROVED_": {
            name
            for request in ACTIONS
            for field in request.DESCRIPTOR.fields
            for name in (field.name, *(f"{field.name}.{one}" for one in _parts(field)))
        },
    }
}
"""Families of which some members have a text; the code asks which."""
SHARED = "office"
SHARERS = {"console", "notifier", "server"}
"""The programs that say the shared texts beside their own."""


@dataclass(frozen=True)
class Said:
    """What the sources of a package say."""

    ids: set[str]
    families: set[str]
    elsewhere: list[str]
    """Places where an id is chosen in another way."""


@pytest.fixture(params=PACKAGES, ids=lambda package: package.name)
def package(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@cache
def catalogue(package: Path, language: Language) -> Catalog:
    with (package / "locale" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, abort_invalid=True)


def texts(package: Path, language: Language) -> dict[str, str]:
    return {str(message.id): str(message.string) for message in catalogue(package, language) if message.id}


def both(program: str, language: Language) -> dict[str, str]:
    """The texts that a program says: its own and the shared ones."""
    return texts(named(program), language) | texts(named(SHARED), language)


def fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


@cache
def said(package: Path) -> Said:
    """The ids that a package says; `signed_by_two` says those that its callers name."""
    found = Said(set(), set(), [])
    files = [one for pattern in FILES for one in package.rglob(pattern)]
    added = (one for pattern in FILES for one in EXTENSIONS.rglob(pattern))
    files += (one for one in added if package.name == ("console" if _of_page(one) else "server"))
    for path in files:
        text = path.read_text()
        if path.suffix != ".py":
            found.ids.update(re.findall(r"""\bsay\(["']([A-Z0-9_]+)["']\s*[,)]""", text))
            found.families.update(re.findall(r"""\bsay\(["']([A-Z0-9_]+_)["']\s*~""", text))
            continue
        if "signed_by_two" in text:
            found.ids.update(re.findall(r'"(SIGN_[A-Z_]+)"', text))
        for node in ast.walk(ast.parse(text.replace("texts.say(message, **", "signs("))):
            if isinstance(node, ast.Call) and node.args and _name(node.func) in {"say", "_say"}:
                _add(node.args[0], found, f"{path}:{node.lineno}")
    return found


def _of_page(path: Path) -> bool:
    return path.name == "page.py" or path.suffix == ".html"


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _add(message_id: ast.expr, found: Said, place: str) -> None:
    match message_id:
        case ast.Constant(value=str(one)):
            found.ids.add(one)
        case ast.IfExp(body=first, orelse=second):
            _add(first, found, place)
            _add(second, found, place)
        case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), ast.FormattedValue()]):
            found.families.add(prefix)
        case _:
            found.elsewhere.append(place)


def members(package: Path) -> Iterator[str]:
    for prefix, values in FAMILIES.get(package.name, {}).items():
        yield from (f"{prefix}{value}" for value in values)


def named(name: str) -> Path:
    (found,) = (package for package in PACKAGES if package.name == name)
    return found


def sayable(package: Path) -> list[Path]:
    """The packages whose texts a package can say."""
    return [package, named(SHARED)] if package.name in SHARERS else [package]


def sayers(package: Path) -> list[Path]:
    """The packages that can say a package's texts."""
    return [package, *map(named, sorted(SHARERS))] if package.name == SHARED else [package]


def test_there_is_a_program_with_texts() -> None:
    assert {"camera", "notifier", "office"} <= {package.name for package in PACKAGES}


def test_every_message_is_translated_into_both_languages(package: Path) -> None:
    ids = [set(texts(package, language)) for language in Language]
    assert ids[0] == ids[1]
    for language in Language:
        untranslated = [one for one, text in texts(package, language).items() if not text.strip()]
        assert not untranslated
        assert not [message.id for message in catalogue(package, language) if message.id and message.fuzzy]


def test_messages_are_sorted_so_that_both_files_can_be_compared(package: Path) -> None:
    for language in Language:
        assert list(texts(package, language)) == sorted(texts(package, language))


def test_both_languages_fill_in_the_same_values(package: Path) -> None:
    first, second = (texts(package, language) for language in Language)
    assert [one for one in first if fields(first[one]) != fields(second.get(one, ""))] == []


def test_every_id_that_is_said_has_a_text(package: Path) -> None:
    assert said(package).elsewhere == []
    assert said(package).ids - {one for other in sayable(package) for one in texts(other, Language.EN)} == set()


def test_every_family_has_a_text_for_each_of_its_values(package: Path) -> None:
    optional = set(OPTIONAL.get(package.name, {}))
    known = {prefix for other in sayable(package) for prefix in FAMILIES.get(other.name, {})}
    assert said(package).families - optional - known == set()
    used = {prefix for other in sayers(package) for prefix in said(other).families}
    assert set(FAMILIES.get(package.name, {})) - used == set()
    assert set(members(package)) - set(texts(package, Language.EN)) == set()


def test_the_console_has_words_for_whatever_the_server_records_now() -> None:
    assert set(ACTION_WORDS) == set(Action)
    assert {*ACTORS, "PERSON"} == {party.upper() for party in ActorKind}
    assert set(THINGS) == {thing.upper() for thing in ObjectKind}


def test_every_text_is_said_somewhere(package: Path) -> None:
    used = {one for other in sayers(package) for one in said(other).ids} | set(members(package))
    for prefix, values in OPTIONAL.get(package.name, {}).items():
        used |= {f"{prefix}{value}" for value in values}
    assert set(texts(package, Language.EN)) - used == set()


def test_the_notifiers_texts_claim_no_more_than_a_possible_match() -> None:
    claims = re.compile(r"\b(hit|hits|akurat\w*|accuracy|confirmed|terkonfirmasi)\b|(?<!95 )%", re.IGNORECASE)
    for language, program in product(Language, sorted(SHARERS)):
        shown = both(program, language)
        assert not [one for one, text in shown.items() if claims.search(text) and not one.endswith("_CONFIRMED")]
    assert "kemungkinan cocok" in both("notifier", Language.ID)["VERIFY"]
    assert "possible match" in both("notifier", Language.EN)["VERIFY"]


def test_the_indonesian_texts_use_the_words_of_the_office() -> None:
    elsewhere = re.compile(
        r"\b(ambil|mengambil|dipegang|rujuk|dirujuk|orangnya|huruf|citra|tetikus|passport)\b", re.IGNORECASE
    )
    for package in PACKAGES:
        assert not {one: text for one, text in texts(package, Language.ID).items() if elsewhere.search(text)}
    shown = both("notifier", Language.ID)
    assert shown["STEP_CLAIM"] == "Tangani"
    assert shown["STEP_REFER"] == "Orang yang sama → teruskan ke Cekal Online"
    assert shown["STEP_CLEAR"] == "Akhiri tanpa konfirmasi"
    assert shown["STEP_CLOSE"] == "Tutup peringatan"
    assert shown["ASK_CONTACT"] == "Nama petugas dan saluran kontak"
    assert "karakter" in shown["TROUBLE_KEY_FITS"]
    assert shown["REFUSED_REFERENCE_INVALID"].startswith("Format nomor Cekal Online salah")
    assert shown["ZOOM_HINT"].startswith("Roda mouse")
    assert shown["DOCUMENT_PASSPORT"] == "paspor"


def test_one_thing_has_one_name_on_all_screens() -> None:
    english = (
        r"troubles?|figures?|19 times|of 20|key of the subject|traveller now|keep the judgement|what it did|"
        r"others may read|half within|so many"
    )
    indonesian = (
        r"gangguan|terganggu|kunci subjek|19 dari 20|orang kedua|sidik jari|orang dimaksud|bukan orang ini|selesaikan$|"
        r"dibuang|hilang:|gambar per detik|perlintasan layak|nama masuk|kejadian|keliru|pengelola sistem|dtk|mnt|"
        r"loket|supervisor|pelintas sekarang|yang dilakukannya|isinya tidak ada|setengah dalam|"
        r"(?<!tanggal )lahir tidak diketahui"
    )
    for language, words in ((Language.EN, english), (Language.ID, indonesian)):
        old = re.compile(rf"\b({words})(?!\w)", re.IGNORECASE)
        for package in PACKAGES:
            assert not {one: text for one, text in texts(package, language).items() if old.search(text)}


def test_the_refusals_that_a_person_can_do_something_about_are_explained() -> None:
    explained = set(texts(named(SHARED), Language.EN))
    adjudication = {Code.ALERT_HELD, Code.ALERT_NOT_CLAIMED, Code.ALERT_STATE_WRONG, Code.ALERT_CHANGED}
    adjudication |= {Code.REASON_INVALID, Code.NOTE_INVALID, Code.REFERENCE_INVALID, Code.ORDER_NOT_IN_FORCE}
    adjudication |= {Code.CONTACT_TIME_AHEAD, Code.FOLLOW_UP_MISSING, Code.TOO_MANY_FOLLOW_UPS, Code.SESSION_ENDED}
    assert {f"REFUSED_{code}" for code in adjudication} <= explained
