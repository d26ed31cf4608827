"""The kinds of machine, and what each of them needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """One kind of machine."""

    package: str
    """Name of its Debian package and of its program."""
    extras: tuple[str, ...]
    """Of the wheel."""
    application: str
    """MODULE:NAME of the program's command line."""
    unneeded: tuple[str, ...] = ()
    """Files that its wheels bring and no part of the program loads; glob patterns within `site-packages`."""
    unneeded_on_windows: tuple[str, ...] = ()
    """The same of the wheels for Windows."""

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"cekalwatch[{','.join(self.extras)}]"


_QT_PARTS = (
    "Concurrent", "Designer", "Help", "Labs", "OpenGLWidgets", "PrintSupport", "Qml", "Quick", "ShaderTools", "Sql",
    "Test", "UiTools",
)  # fmt: skip
_QT_TOOLS = ("assistant", "balsam*", "designer", "linguist", "lrelease", "lupdate", "qml*", "qsb", "svgtoqml")
_QT_FOLDERS = ("doc", "glue", "include", "scripts", "support", "typesystems", "Qt/libexec", "Qt/metatypes", "Qt/qml")
_QT_PLUGINS = (
    "designer", "egldeviceintegrations", "imageformats/libqpdf*", "platforminputcontexts/libqtvirtualkeyboard*",
    "platformthemes/libqgtk3*", "printsupport", "qmllint", "qmltooling", "sqldrivers", "vectorimageformats",
    "wayland-graphics-integration-server",
)  # fmt: skip
_QT = (
    *(f"PySide6/Qt{part}*" for part in _QT_PARTS),
    *(f"PySide6/Qt/lib/libQt6{part}*" for part in _QT_PARTS),
    *(f"PySide6/Qt/lib/libQt6{part}*" for part in ("Lottie", "WaylandCompositor", "WaylandEglCompositor")),
    "PySide6/libpyside6qml*",
    *(f"PySide6/{name}" for name in (*_QT_TOOLS, *_QT_FOLDERS)),
    *(f"PySide6/Qt/plugins/{name}" for name in _QT_PLUGINS),
)
_PYWIN32 = (
    "PyWin32.chm", "adodbapi", "isapi", "pythonwin", "win32/Demos", "win32/include", "win32/libs", "win32/scripts",
    "win32/test", "win32com", "win32comext",
)  # fmt: skip
_OF_A_CAMERA = (
    *("cekalwatch/console", "cekalwatch/notifier", "cekalwatch/server"),
    *("cv2/data", "lap/tests", "numpy/f2py", "numpy/lib/libnpymath*", "pygments/lexers/[a-oq-z]*"),
    # The module has all of the library in it; the rest makes and changes networks.
    *("onnxruntime/capi/onnxruntime.dll", "onnxruntime/capi/onnxruntime.lib"),
    *(f"onnxruntime/{name}" for name in ("backend", "datasets", "quantization", "tools", "transformers")),
    *_PYWIN32,
)
_QT_ON_WINDOWS = (
    *(f"PySide6/Qt{part}*" for part in (*_QT_PARTS, "OpenGL")),
    *(f"PySide6/Qt6{part}*" for part in (*_QT_PARTS, "Lottie", "OpenGL", "Pdf")),
    *(f"PySide6/{name.rstrip('*')}*" for name in (*_QT_TOOLS, "lconvert", "linguist", "pyside6qml", "rcc", "uic")),
    *(f"PySide6/{name}" for name in ("doc", "glue", "include", "metatypes", "qml", "resources", "scripts", "support")),
    "PySide6/opengl32sw.dll", "PySide6/typesystems", "PySide6/translations",
    *(f"PySide6/plugins/{name}" for name in (
        "designer", "imageformats/qpdf*", "platforminputcontexts", "qmllint", "qmltooling", "sqldrivers",
        "vectorimageformats",
    )),
    *_PYWIN32,
)  # fmt: skip

MACHINES = (
    Machine(
        "cekalwatch-server",
        ("server", "papers", "postgres", "pkcs11", "mqtt", "ldap", "otel"),
        "cekalwatch.server.cli.app:app",
    ),
    Machine("cekalwatch-camera", ("camera", "otel"), "cekalwatch.camera.cli.app:app", unneeded_on_windows=_OF_A_CAMERA),
    Machine("cekalwatch-console", ("console",), "cekalwatch.console.cli:app"),
    Machine("cekalwatch-gateway", ("gateway",), "cekalwatch.gateway.cli:app"),
    Machine("cekalwatch-notifier", ("desktop", "otel"), "cekalwatch.notifier.cli.app:app", _QT, _QT_ON_WINDOWS),
)
