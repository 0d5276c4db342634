"""What the parts of a stack look like: roles, versions, generations, exit codes. Pure; knows no machine."""

from __future__ import annotations

from .exits import exit_meaning
from .generations import generation
from .images import parts_of
from .roles import role_of
from .services import role_of_container, role_of_declaration, services
from .versions import version_of

__all__ = [
    "exit_meaning", "generation", "parts_of", "role_of", "role_of_container", "role_of_declaration", "services",
    "version_of",
]  # fmt: skip
