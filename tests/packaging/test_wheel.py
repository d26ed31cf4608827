"""The wheel as a user gets it: what is in it, and that each extra is enough for its program and brings no more.

Packages come with the versions of `requirements.lock`, from wherever uv is configured to look. `make test` looks into
the wheel, and `make test-built` installs it.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.identity import DeviceRole
from deploy.release.frozen import version_of
from tests.packaging.conftest import FOLDERS
from tests.support.repository import ROOT
from tests.support.scenarios.port_office import port_office
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.slow

OFFLINE = "pip install --no-index --find-links wheels"
EXTRAS = ("server", "camera", "notifier", "console", "gateway")
PARTS = {
    "v1",
    "wire",
    "program",
    "server",
    "vision",
    "camera",
    "notifier",
    "console",
    "client",
    "gateway",
    "contract",
    "office",
    "pictures",
    "extensions",
}
NOT_SHIPPED = ("cekalwatch/client/examples/", "cekalwatch/client/pyproject.toml")
"""They belong to the client library's own distribution, whose folder lies among the extensions."""
UV = (str(Path(sys.executable).parent / "uv"), "--quiet")


def built(source: Path, folder: Path) -> Path:
    """Build the wheel of a folder with a pyproject.toml, and return it."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and at most one extra."""

    folder: Path

    @property
    def programs(self) -> Path:
        return Path(sysconfig.get_path("scripts", "venv", {"base": str(self.folder)}))

    @property
    def packages(self) -> set[str]:
        listing = subprocess.run(
            [*UV, "pip", "list", "--format", "json", "--python", str(self.programs / "python")],
            check=True,
            capture_output=True,
        )
        return {package["name"] for package in json.loads(listing.stdout)}

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # From a folder without sources, so that only what is installed can be imported.
        return subprocess.run(
            [str(self.programs / program), *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lock's versions as constraints; hashes cannot go with a wheel that was built a moment ago."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = [line.removesuffix("\\").strip() for line in lines if re.match(r"[A-Za-z0-9]", line)]
    file = tmp_path_factory.mktemp("versions") / "constraints.txt"
    file.write_text("\n".join(pinned))
    return file


def install(wheel: Path, versions: Path, folder: Path, extra: str, *more: Path) -> Installed:
    installed = Installed(folder)
    subprocess.run([*UV, "venv", "--python", sys.executable, str(folder)], check=True)
    target = f"cekalwatch[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
    python = str(installed.programs / "python")
    command = [*UV, "pip", "install", "--python", python, "--constraint", str(versions), target, *map(str, more)]
    subprocess.run(command, check=True)
    return installed


@pytest.fixture(scope="module")
def base(wheel: Path, versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(wheel, versions, tmp_path_factory.mktemp("base"), "")


@pytest.fixture(scope="module", params=EXTRAS)
def extra(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def with_extra(extra: str, wheel: Path, versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(wheel, versions, tmp_path_factory.mktemp(extra), extra)


def test_only_top_level_name_is_the_namespace(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {"cekalwatch", f"cekalwatch-{version_of(ROOT)}.dist-info"}


def test_namespace_has_every_part_and_no_module_of_its_own(names: set[str]) -> None:
    inside = [name.split("/") for name in names if name.startswith("cekalwatch/")]
    assert {parts[1] for parts in inside} == PARTS
    assert all(len(parts) > 2 for parts in inside)


def test_every_source_file_is_in_the_wheel(names: set[str], source: Path) -> None:
    files = {
        path.relative_to(source / folder).as_posix()
        for folder in FOLDERS
        for path in (source / folder / "cekalwatch").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files = {name for name in files if not name.startswith(NOT_SHIPPED)}
    assert files == {name for name in names if name.startswith("cekalwatch/")}


def test_stubs_were_generated_for_every_proto_file(names: set[str]) -> None:
    protos = {name.removesuffix(".proto") for name in names if name.endswith(".proto")}
    assert protos
    for proto in protos:
        assert {f"{proto}_pb2.py", f"{proto}_pb2.pyi", f"{proto}_pb2_grpc.py", f"{proto}_pb2_grpc.pyi"} <= names


def test_texts_for_people_were_compiled(names: set[str]) -> None:
    catalogues = {name.removesuffix(".po") for name in names if name.endswith(".po")}
    assert {f"cekalwatch/notifier/locale/{language}/LC_MESSAGES/messages" for language in Language} <= catalogues
    assert {f"{catalogue}.mo" for catalogue in catalogues} <= names


def test_the_consoles_scripts_are_in_it(names: set[str]) -> None:
    folder = "cekalwatch/console/static/vendor"
    assert {f"{folder}/htmx.min.js", f"{folder}/sse.min.js"} <= names


def test_wheel_states_its_extras_and_cannot_be_published_by_mistake(wheel: Path, names: set[str]) -> None:
    (metadata_name,) = (name for name in names if name.endswith("/METADATA"))
    with ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(metadata_name).decode())
    assert set(metadata.get_all("Provides-Extra", [])) >= {*EXTRAS, "desktop", "evaluation"}
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])


@pytest.mark.built
def test_base_has_what_the_contract_needs_only(base: Installed) -> None:
    assert base.packages == {"annotated-types", "cekalwatch", "grpcio", "protobuf", "typing-extensions"}


@pytest.mark.built
@pytest.mark.parametrize("part", EXTRAS)
def test_program_without_its_extra_says_how_to_install_it(base: Installed, part: str) -> None:
    result = base.run(f"cekalwatch-{part}", "--help")
    assert result.returncode == Exit.MISSING_EXTRA
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.endswith(f"Install with: {OFFLINE} 'cekalwatch[{part}]'")


@pytest.mark.built
def test_extra_is_enough_for_its_program(with_extra: Installed, extra: str) -> None:
    result = with_extra.run(f"cekalwatch-{extra}", "--help")
    assert (result.returncode, result.stderr) == (Exit.OK, "")
    assert "Usage" in result.stdout
    shown = with_extra.run(f"cekalwatch-{extra}", "settings", "--format", "json")
    assert (shown.returncode, shown.stderr.count("\n")) == (Exit.OK, 1)
    assert shown.stderr.startswith("Using ")
    assert "log_level" in {one["name"] for one in json.loads(shown.stdout)}


@pytest.mark.built
def test_the_desktop_agent_says_what_a_console_does_not_have(with_extra: Installed, extra: str) -> None:
    if extra == "notifier":
        result = with_extra.run("cekalwatch-notifier", "desktop")
        assert result.returncode == Exit.MISSING_EXTRA
        assert f"{OFFLINE} 'cekalwatch[desktop]'" in result.stderr


@pytest.mark.built
def test_a_server_without_the_evaluation_says_how_to_install_it(with_extra: Installed, extra: str) -> None:
    if extra == "server":
        for command in (("photographs", "."), ("alerts", "--since", "2026-03-01"), ("--help",)):
            result = with_extra.run("cekalwatch-server", "evaluate", *command)
            assert result.returncode == Exit.MISSING_EXTRA
            assert f"{OFFLINE} cekalwatch-evaluation" in result.stderr


@pytest.fixture(scope="module")
def evaluation(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source / "evaluation", tmp_path_factory.mktemp("evaluation"))


@pytest.mark.built
def test_the_evaluation_is_a_wheel_of_its_own(evaluation: Path) -> None:
    with ZipFile(evaluation) as archive:
        names = set(archive.namelist())
        (metadata_name,) = (name for name in names if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(metadata_name).decode())
    assert "cekalwatch/evaluation/report/page.html" in names
    assert all(name.startswith(("cekalwatch/evaluation/", "cekalwatch_evaluation-")) for name in names)
    assert metadata["Version"] == version_of(ROOT)
    assert metadata.get_all("Requires-Dist") == [f"cekalwatch[evaluation]=={version_of(ROOT)}"]
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])


@pytest.mark.built
def test_with_the_evaluation_a_server_measures(
    wheel: Path, evaluation: Path, versions: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    installed = install(wheel, versions, tmp_path_factory.mktemp("measuring"), "evaluation", evaluation)
    shown = installed.run("cekalwatch-server", "evaluate", "photographs", "--help")
    assert (shown.returncode, shown.stderr) == (Exit.OK, "")
    measured = installed.run("cekalwatch-server", "evaluate", "missing", "--data-dir", ".")
    assert measured.returncode == Exit.NO_INPUT, measured.stderr


@pytest.fixture(scope="module")
def client_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source / "extensions" / "cekalwatch" / "client", tmp_path_factory.mktemp("client"))


@pytest.mark.built
def test_the_client_library_is_a_wheel_of_its_own_with_the_contract_and_no_program(client_wheel: Path) -> None:
    with ZipFile(client_wheel) as archive:
        names = set(archive.namelist())
        (metadata_name,) = (name for name in names if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(metadata_name).decode())
    parts = {name.split("/")[1] for name in names if name.startswith("cekalwatch/")}
    assert parts == {"v1", "contract", "wire", "office", "program", "client"}
    assert {"cekalwatch/client/py.typed", "cekalwatch/contract/py.typed", "cekalwatch/v1/alert_pb2.pyi"} <= names
    assert not [name for name in names if name.endswith((".po", ".mo", ".pyc"))]
    assert metadata["Version"] == version_of(ROOT)
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])


@pytest.fixture(scope="module")
def client_alone(client_wheel: Path, versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(client_wheel, versions, tmp_path_factory.mktemp("alone"), "")


@pytest.mark.built
async def test_in_an_environment_of_its_own_it_reads_from_a_real_server(
    client_alone: Installed, tmp_path: Path
) -> None:
    python = client_alone.programs / "python"
    small = {"annotated-types", "cekalwatch-client", "googleapis-common-protos", "grpcio", "grpcio-status"}
    assert client_alone.packages == small | {"protobuf", "structlog", "typing-extensions"}
    office = port_office(tmp_path / "office", {})
    tls_dir = office.site.device(DeviceRole.NOTIFIER, "duty").folder
    example = str(ROOT / "extensions" / "cekalwatch" / "client" / "examples" / "follow_alerts.py")
    async with office.open():
        following = await asyncio.create_subprocess_exec(
            *(python, example, office.address, tls_dir, "duty"), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        assert following.stdout

        async def follows() -> bool:
            return bool(office.trail(Action.SUBSCRIPTION_OPENED))

        await becomes(follows)
        alert_id = await office.raise_alert()
        printed = (await following.stdout.readline()).decode()
        following.terminate()
        await following.wait()
    assert f"RAISED {alert_id} NEW D1" in printed


@pytest.mark.built
def test_every_module_of_the_program_can_be_imported(with_extra: Installed, extra: str) -> None:
    own = {
        "server": ["server", "vision"],
        "camera": ["camera", "vision"],
        "notifier": ["office", "notifier"],
        "console": ["office", "console"],
        "gateway": ["client", "gateway"],
    }[extra]
    # The notifier's windows need the extra `desktop`, which a console does not have, tokens the extra `pkcs11`, brokers
    # `mqtt`; all but the notifier serve metrics.
    # Entry points and migrations do their work when they are imported; what asks Windows is imported there only.
    left_out = [".versions.", "notifier.desktop", "hardware.token", "platform.windows.", "notices.mqtt_broker"]
    left_out += ["program.metrics"] if extra == "notifier" else []
    left_out += [] if extra == "console" else ["documents.pdf"]  # a server's PDF is the extra `papers`
    left_out += [] if extra in {"console", "gateway"} else ["program.web"]
    code = f"""
import importlib, pkgutil
for part in {["v1", "wire", "program", *own]}:
    package = importlib.import_module("cekalwatch." + part)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith((".__main__", ".env")) and not any(
            part in module.name for part in {left_out}
        ):
            importlib.import_module(module.name)
"""
    result = with_extra.run("python", "-W", "ignore", "-c", code)
    assert result.returncode == 0, result.stderr


@pytest.mark.built
def test_smaller_extras_do_not_bring_the_other_programs(with_extra: Installed, extra: str) -> None:
    absent = {
        "server": (),
        "camera": ("server",),
        "notifier": ("server", "camera"),
        "console": ("server", "camera"),
        "gateway": ("server", "camera", "console"),
    }[extra]
    for other in absent:
        assert with_extra.run(f"cekalwatch-{other}", "--help").returncode == Exit.MISSING_EXTRA


@pytest.mark.built
def test_extra_brings_nothing_that_its_machine_need_not_have(with_extra: Installed, extra: str) -> None:
    unwanted = {
        "server": {"matplotlib", "psutil"},
        "camera": {"faiss-cpu", "sqlmodel", "sqlalchemy", "insightface", "alembic", "onnx"},
        "notifier": {"opencv-python", "opencv-python-headless", "onnxruntime", "numpy", "faiss-cpu", "sqlmodel"}
        | {"pyside6-essentials"},
        "console": {"opencv-python", "onnxruntime", "numpy", "faiss-cpu", "sqlmodel", "pyside6-essentials"},
        "gateway": {"opencv-python", "numpy", "sqlmodel", "jinja2", "openpyxl", "fpdf2", "cekalwatch-client"},
    }[extra]
    assert not with_extra.packages & unwanted
