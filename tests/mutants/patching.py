"""Changes functions of modules that are loaded: what a mutant changes in them takes no new process."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType


def patch(file: Path, old: str, new: str) -> bool:
    """Give the loaded functions of a module the code of its text `new`; return whether that is all that changes.

    It is not where the module's or a class's own statements change, such as a bound. What is not loaded yet is read
    from the file later.
    """
    before, after = (compile(text, str(file), "exec", dont_inherit=True) for text in (old, new))
    changed = _changed(before, after)
    if changed is None:
        return False
    gc.unfreeze()  # frozen objects are not told
    loaded = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
    own = [one for one in loaded if one.__code__.co_filename == str(file)]
    for former, code in changed:
        found = [one for one in own if _is(one.__code__, former)]
        if own and not found:
            return False
        for one in found:
            one.__code__ = code
    return True


def _changed(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """Return the changed functions, the outermost of each; None where other statements change."""
    olds, news = list(_codes(old)), list(_codes(new))
    if _own(old) != _own(new) or [one.co_name for one in olds] != [one.co_name for one in news]:
        return None
    found: list[tuple[CodeType, CodeType]] = []
    for former, code in zip(olds, news, strict=True):
        if _whole(former) == _whole(code):
            continue
        if code.co_flags & inspect.CO_OPTIMIZED:  # a function
            if former.co_freevars != code.co_freevars:
                return None
            found.append((former, code))
        else:
            within = _changed(former, code)
            if within is None:
                return None
            found += within
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    return (one for one in code.co_consts if isinstance(one, CodeType))


def _own(code: CodeType) -> tuple[object, ...]:
    """Return what the statements are, without those of functions and classes in them, and without their lines."""
    consts = tuple(repr(one) for one in code.co_consts if not isinstance(one, CodeType))
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def _whole(code: CodeType) -> tuple[object, ...]:
    return (*_own(code), *map(_whole, _codes(code)))


def _is(code: CodeType, other: CodeType) -> bool:
    return (code.co_qualname, code.co_firstlineno) == (other.co_qualname, other.co_firstlineno)
