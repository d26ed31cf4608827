"""The description of an installer from which wixl makes it.

A version lies in a folder of its own, and one version is removed when the next one has proved that it starts: an
upgrade that fails has changed nothing. What names a version (registry, Start menu) belongs to components whose codes
never change, so that removing the older version leaves them to the newer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from deploy.windows.product import CAMERA, NOTIFIER, REGISTRY_KEY, Product

_RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
AGENT = "-I -m cekalwatch.notifier desktop --restart"
INVITATION = "INVITATION"
"""Property of the installation: the file with the invitation of this PC."""
OFFICERS = "OFFICERS"
"""Property of the installation: the account or group that may use the PC's key; by default whoever sits there."""
SOURCE, CAMERA_USER, PASSWORD_FILE = "SOURCE", "CAMERAUSER", "PASSWORDFILE"
"""Properties of a capture host's: the address of its camera, who signs in there, and the file with the password."""
GIVEN = (INVITATION, OFFICERS, SOURCE, CAMERA_USER, PASSWORD_FILE)
"""What an administrator may give."""
BETWEEN = "|"
"""Between the arguments of what an installation runs; no path or account has it, and no property may."""

_DATA = r"[CommonAppDataFolder]cekalwatch"


@dataclass(frozen=True)
class Build:
    """What one installer brings."""

    product: Product
    version: str
    """Three numbers."""
    tree: Path
    contents: str
    """A hash of all that is in it: another build of a version is installed beside the first, and replaces it."""

    @property
    def folder(self) -> str:
        """Name of the program's folder."""
        return f"{self.version}-{self.contents[:8]}"

    def code(self, *parts: str) -> str:
        """Return the GUID of a part of this build, without braces."""
        return self.product.code(self.version, self.contents, *parts)


def write_source(build: Build, command: Path, actions: Path, out: Path) -> None:
    """Write to `out` the description of the installer, with the file `command` and the library `actions`."""
    product, version = build.product, build.version
    wix = Element("Wix", xmlns="http://schemas.microsoft.com/wix/2006/wi")
    top = SubElement(
        wix,
        "Product",
        Id=build.code(),
        Name=product.title,
        Language="1033",
        Version=version,
        Manufacturer="Cekalwatch",
        UpgradeCode=product.code(),
    )
    SubElement(top, "Package", InstallerVersion="500", Compressed="yes", InstallScope="perMachine")
    refusal = "A newer version of [ProductName] is installed. Remove it first."
    SubElement(top, "MajorUpgrade", DowngradeErrorMessage=refusal, AllowSameVersionUpgrades="yes")
    needed = SubElement(top, "Condition", Message="[ProductName] needs Windows 10 or 11, 64 bit.")
    needed.text = "Installed OR (VersionNT64 >= 603)"
    for name in GIVEN:
        allowed = SubElement(top, "Condition", Message=f"{name} may not have the character {BETWEEN}.")
        allowed.text = f'NOT ({name} >< "{BETWEEN}")'
    SubElement(top, "Media", Id="1", Cabinet="files.cab", EmbedCab="yes")
    SubElement(top, "Property", Id="ARPNOMODIFY", Value="1")
    # What waits at a counter is not for an installer to end.
    SubElement(top, "Property", Id="REBOOT", Value="ReallySuppress")
    SubElement(top, "Binary", Id="Actions", SourceFile=str(actions))
    feature = Element("Feature", Id="Main", Level="1")
    root = SubElement(top, "Directory", Id="TARGETDIR", Name="SourceDir")
    folders = SubElement(root, "Directory", Id="ProgramFiles64Folder")
    # With a small letter in their names: nobody can set those on a command line.
    home = SubElement(folders, "Directory", Id="Home", Name="Cekalwatch")
    versions = SubElement(home, "Directory", Id="Program", Name=product.kind)
    folder = SubElement(versions, "Directory", Id="Version", Name=build.folder)
    _Files(build, feature).add_folder(build.tree, folder)
    _add_entry(build, command, home, root, feature)
    _add_actions(product, top)
    top.append(feature)
    indent(wix)
    ElementTree(wix).write(out, encoding="utf-8", xml_declaration=True)


class _Files:
    """Components of the program's files: one for each folder."""

    def __init__(self, build: Build, feature: Element) -> None:
        self._build, self._feature = build, feature
        self._folders = self._count = 0

    def add_folder(self, folder: Path, into: Element) -> None:
        """Add what is in `folder` below the element `into`."""
        inside = sorted(folder.iterdir())
        if files := [path for path in inside if path.is_file()]:
            self._folders += 1
            number = f"Folder{self._folders}"
            code = self._build.code(folder.relative_to(self._build.tree).as_posix())
            component = SubElement(into, "Component", Id=number, Guid=code, Win64="yes")
            SubElement(self._feature, "ComponentRef", Id=number)
            for path in files:
                self._count += 1
                key = "yes" if path == files[0] else "no"
                SubElement(component, "File", Id=f"File{self._count}", Name=path.name, Source=str(path), KeyPath=key)
        for count, path in enumerate((path for path in inside if path.is_dir()), 1):
            self.add_folder(path, SubElement(into, "Directory", Id=f"{into.get('Id')}.{count}", Name=path.name))


def _add_entry(build: Build, command: Path, home: Element, root: Element, feature: Element) -> None:
    """Add what starts the installed version: one component, the same in all versions."""
    product = build.product
    component = SubElement(home, "Component", Id="Entry", Guid=product.code("entry"), Win64="yes")
    SubElement(feature, "ComponentRef", Id="Entry")
    _add_value(component, REGISTRY_KEY, product.kind, "[Version]").set("KeyPath", "yes")
    _add_value(component, REGISTRY_KEY, f"{product.kind} version", build.version)
    SubElement(component, "File", Id="Command", Name=command.name, Source=str(command))
    if product == NOTIFIER:
        _add_value(component, _RUN, product.title, f'"[Version]{product.program}" {AGENT}')
        SubElement(root, "Directory", Id="ProgramMenuFolder")
        SubElement(
            component,
            "Shortcut",
            Id="Menu",
            Directory="ProgramMenuFolder",
            Name=product.title,
            Target=f"[Version]{product.program}",
            Arguments=AGENT,
            WorkingDirectory="Version",
        )


def _add_value(component: Element, key: str, name: str, value: str) -> Element:
    return SubElement(component, "RegistryValue", Root="HKLM", Key=key, Name=name, Type="string", Value=value)


def _add_actions(product: Product, top: Element) -> None:
    """Add what the installation runs of the program itself, and the order; what fails undoes the installation.

    What takes properties runs for a first installation only: anybody may repair a program, and give others then.
    """
    program = ("-m", product.module)
    # In the folders of the whole PC: who installs has folders of their own, and often is the system.
    keys, settings = rf"{_DATA}\tls\{product.kind}", rf"{_DATA}\{product.kind}.toml"
    enrolment: tuple[str, ...] = ("--invitation", f"[{INVITATION}]", "--config", settings, "--tls-dir", keys)
    is_host = product == CAMERA
    if is_host:
        camera = ("--source", f"[{SOURCE}]", "--user", f"[{CAMERA_USER}]", "--password-file", f"[{PASSWORD_FILE}]")
        enrolment = (*enrolment, *camera)
    # Whoever works with the keys of the machine: the service, or whom the administrator names.
    admitted, always = (rf"NT SERVICE\{product.machine.package}", "1") if is_host else (f"[{OFFICERS}]", OFFICERS)
    ours = ("-m", "cekalwatch.program.platform.installation")
    change = (*ours, "service" if is_host else "leave")
    new, goes_on = "NOT Installed AND NOT REMOVE", "NOT REMOVE"
    # Places in the order of Windows Installer: 2600 clears the registry, 4000 installs files, 5000 fills the registry.
    actions = (
        ("Try", (*program, "--version"), goes_on, 4010),
        ("Admit", (*ours, "admit", admitted, keys), f"{new} AND ({INVITATION} OR {always})", 4020),
        ("Enrol", (*program, "init", *enrolment), f"{new} AND {INVITATION}", 4030),
        # What runs of the older version hands over to what is entered now, and leaves; a service is changed.
        ("HandOver", change, goes_on, 5010),
        ("Leave", change, "REMOVE", 2610),
    )
    # Taken back in the opposite order: when what was entered before is entered again. The older version runs then.
    undone = (("HandBack", (*ours, "service-back"), goes_on, 4990),) if is_host else ()
    sequence = Element("InstallExecuteSequence")
    for number, (name, arguments, condition, place) in enumerate((*actions, *undone)):
        command = BETWEEN.join(("[Version]python.exe", "-I", "-X", "utf8", *arguments))
        SubElement(top, "CustomAction", Id=f"Set{name}", Property=name, Value=command)
        SubElement(
            top,
            "CustomAction",
            Id=name,
            BinaryKey="Actions",
            DllEntry="Run",
            Execute="rollback" if name == "HandBack" else "deferred",
            Impersonate="no",
            Return="check",
        )
        SubElement(sequence, "Custom", Action=f"Set{name}", Sequence=str(1400 + number)).text = condition
        SubElement(sequence, "Custom", Action=name, Sequence=str(place)).text = condition
    # In the transaction, and after everything of the newer version.
    SubElement(sequence, "InstallExecute", Before="InstallFinalize")
    SubElement(sequence, "RemoveExistingProducts", After="InstallExecute")
    top.append(sequence)
