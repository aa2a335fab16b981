"""The former name of ``tuner.definition.make_search``, for callers that have not moved yet."""

from tuner.definition import make_search as make_plan

__all__ = ["make_plan"]
