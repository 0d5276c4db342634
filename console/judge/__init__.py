"""The judgement of the whole: which service is in what state, what caused what, what to do first. Pure."""

from .judgement import essential, judge
from .needs import Needs, needs_of

__all__ = ["Needs", "essential", "judge", "needs_of"]
