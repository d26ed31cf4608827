"""The description of an installer from which wixl makes it.

A version lies in a folder of its own, and one version is removed when the next one has proved that it starts: an
upgrade that fails has changed nothing. What names a version (registry, Start menu) belongs to components whose codes
never change, so that removing the older version leaves them to the newer one.
"""

from __future__ import annotations

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

_DATA = r"[CommonAppDataFolder]cekalwatch"


def write_source(product: Product, version: str, tree: Path, command: Path, out: Path) -> None:
    """Write to `out` the description of the installer that brings `tree` and the file `command`."""
    wix = Element("Wix", xmlns="http://schemas.microsoft.com/wix/2006/wi")
    top = SubElement(
        wix,
        "Product",
        Id=product.code(version),
        Name=product.title,
        Language="1033",
        Version=version,
        Manufacturer="Cekalwatch",
        UpgradeCode=product.code(),
    )
    SubElement(top, "Package", InstallerVersion="500", Compressed="yes", InstallScope="perMachine")
    refusal = "A newer version of [ProductName] is installed. Remove it first."
    SubElement(top, "MajorUpgrade", DowngradeErrorMessage=refusal)
    needed = SubElement(top, "Condition", Message="[ProductName] needs Windows 10 or 11, 64 bit.")
    needed.text = "Installed OR (VersionNT64 >= 603)"
    SubElement(top, "Media", Id="1", Cabinet="files.cab", EmbedCab="yes")
    SubElement(top, "Property", Id="ARPNOMODIFY", Value="1")
    feature = Element("Feature", Id="Main", Level="1")
    root = SubElement(top, "Directory", Id="TARGETDIR", Name="SourceDir")
    folders = SubElement(root, "Directory", Id="ProgramFiles64Folder")
    home = SubElement(folders, "Directory", Id="HOME", Name="Cekalwatch")
    versions = SubElement(home, "Directory", Id="PROGRAM", Name=product.kind)
    folder = SubElement(versions, "Directory", Id="VERSION", Name=version)
    _Files(product, version, feature).add_folder(tree, tree, folder)
    _add_entry(product, command, home, root, feature)
    _add_actions(product, top)
    top.append(feature)
    indent(wix)
    ElementTree(wix).write(out, encoding="utf-8", xml_declaration=True)


class _Files:
    """Components of the program's files: one for each folder."""

    def __init__(self, product: Product, version: str, feature: Element) -> None:
        self._product, self._version, self._feature = product, version, feature
        self._folders = self._count = 0

    def add_folder(self, folder: Path, tree: Path, into: Element) -> None:
        """Add what is in `folder` below the element `into`."""
        inside = sorted(folder.iterdir())
        if files := [path for path in inside if path.is_file()]:
            self._folders += 1
            number = f"Folder{self._folders}"
            code = self._product.code(self._version, folder.relative_to(tree).as_posix())
            component = SubElement(into, "Component", Id=number, Guid=code, Win64="yes")
            SubElement(self._feature, "ComponentRef", Id=number)
            for path in files:
                self._count += 1
                name = path.stem if path.parent == tree and path.suffix == ".exe" else f"File{self._count}"
                key = "yes" if path == files[0] else "no"
                SubElement(component, "File", Id=name, Name=path.name, Source=str(path), KeyPath=key)
        for count, path in enumerate((path for path in inside if path.is_dir()), 1):
            self.add_folder(path, tree, SubElement(into, "Directory", Id=f"{into.get('Id')}.{count}", Name=path.name))


def _add_entry(product: Product, command: Path, home: Element, root: Element, feature: Element) -> None:
    """Add what starts the installed version: one component, the same in all versions."""
    component = SubElement(home, "Component", Id="Entry", Guid=product.code("entry"), Win64="yes")
    SubElement(feature, "ComponentRef", Id="Entry")
    _add_value(component, REGISTRY_KEY, product.kind, "[VERSION]").set("KeyPath", "yes")
    SubElement(component, "File", Id="Command", Name=command.name, Source=str(command))
    if product == NOTIFIER:
        _add_value(component, _RUN, product.title, f'"[VERSION]pythonw.exe" {AGENT}')
        SubElement(root, "Directory", Id="ProgramMenuFolder")
        SubElement(
            component,
            "Shortcut",
            Id="Menu",
            Directory="ProgramMenuFolder",
            Name=product.title,
            Target="[VERSION]pythonw.exe",
            Arguments=AGENT,
            WorkingDirectory="VERSION",
        )


def _add_value(component: Element, key: str, name: str, value: str) -> Element:
    return SubElement(component, "RegistryValue", Root="HKLM", Key=key, Name=name, Type="string", Value=value)


def _add_actions(product: Product, top: Element) -> None:
    """Add what the installation runs of the program itself, and the order; what fails undoes the installation.

    Without a console: an installation has none.
    """
    program = f"-I -m {product.module}"
    # In the folders of the whole PC: who installs has folders of their own, and often is the system.
    keys, settings = rf"{_DATA}\tls\{product.kind}", rf"{_DATA}\{product.kind}.toml"
    enrolment = f'--invitation "[{INVITATION}]" --config "{settings}" --tls-dir "{keys}"'
    is_host = product == CAMERA
    if is_host:
        enrolment += f' --source "[{SOURCE}]" --user "[{CAMERA_USER}]" --password-file "[{PASSWORD_FILE}]"'
    # Whoever works with the keys of the machine: the service, or whom the administrator names.
    admitted, always = (rf"NT SERVICE\{product.machine.package}", "1") if is_host else (f"[{OFFICERS}]", OFFICERS)
    change = "service" if is_host else "leave"
    # Places in the order of Windows Installer: 2600 clears the registry, 4000 installs files, 5000 fills the registry.
    ours = "-I -m cekalwatch.program.platform.installation"
    actions = (
        ("Try", f"{program} --version", "NOT REMOVE", 4010),
        ("Admit", f'{ours} admit "{admitted}" "{keys}"', f"NOT REMOVE AND ({INVITATION} OR {always})", 4020),
        ("Enrol", f"{program} init {enrolment}", f"NOT REMOVE AND {INVITATION}", 4030),
        # What runs of the older version hands over to what is entered now, and leaves; a service is changed.
        ("HandOver", f"{ours} {change}", "NOT REMOVE", 5010),
        ("Leave", f"{ours} {change}", "REMOVE", 2610),
    )
    # Taken back in the opposite order: when what was entered before is entered again. The older version runs then.
    undone = (("HandBack", f"{ours} service-back", "NOT REMOVE", 4990),) if is_host else ()
    sequence = Element("InstallExecuteSequence")
    for name, arguments, condition, place in (*actions, *undone):
        SubElement(
            top,
            "CustomAction",
            Id=name,
            FileKey="pythonw",
            ExeCommand=arguments,
            Execute="rollback" if name == "HandBack" else "deferred",
            Impersonate="no",
            Return="check",
        )
        SubElement(sequence, "Custom", Action=name, Sequence=str(place)).text = condition
    # In the transaction, and after everything of the newer version.
    SubElement(sequence, "InstallExecute", Before="InstallFinalize")
    SubElement(sequence, "RemoveExistingProducts", After="InstallExecute")
    top.append(sequence)
