"""The parameters of a question in an HTTP request: FastAPI documents them from the rows of PARAMETERS."""

from __future__ import annotations

from inspect import Parameter as Argument
from inspect import Signature
from typing import Annotated, Final

from fastapi import Query, Request

from analytics_core.errors import InvalidParameterError
from analytics_core.query.parameters import Place, gathered, parameters_of


class Given:
    """What a request gives, as text: parse_query checks it and says what would be right."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def by_name(self) -> dict[str, str]:
        """The values by name. Raises InvalidParameterError for a parameter that is given twice."""
        return gathered(self._pairs)


class QuestionParameters:
    """A dependency of a route, which gives it `Given`.

    Names that the API does not know are ignored, but for those that differ from one it knows in capital letters or
    dashes alone (`groupby`, `utm_source`): without their parameter the answer would be another one.

    FastAPI reads the parameters of a dependency from its signature; this one is made of the rows.
    """

    def __init__(self, place: Place) -> None:
        rows = parameters_of(place)
        self._names = frozenset(one.name for one in rows)
        self._names_by_letters = {_letters(name): name for name in self._names}
        texts = [
            Argument(
                one.name,
                Argument.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[str | None, Query(description=one.meaning, examples=[one.example])],
            )
            for one in rows
        ]
        request = Argument("request", Argument.POSITIONAL_OR_KEYWORD, annotation=Request)
        self.__signature__ = Signature([request, *texts])

    async def __call__(self, request: Request, **_: str | None) -> Given:
        pairs = request.query_params.multi_items()
        for name, _value in pairs:
            if name not in self._names and (meant := self._names_by_letters.get(_letters(name))):
                raise InvalidParameterError(f"There is no parameter {name!r}; did you mean {meant}?")
        return Given([(name, value) for name, value in pairs if name in self._names])


def _letters(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


ANSWER: Final = QuestionParameters("answer")
EXPORT: Final = QuestionParameters("export")
