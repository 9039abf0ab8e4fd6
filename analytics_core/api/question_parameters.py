"""The parameters of a question in an HTTP request: FastAPI documents them from the rows of PARAMETERS."""

from __future__ import annotations

from inspect import Parameter as Argument
from inspect import Signature
from typing import Annotated, Final

from fastapi import Query, Request

from analytics_core.query.parameters import Place, gathered, known, parameters_of


class Given:
    """What a request gives, as text: parse_query checks it and says what would be right."""

    def __init__(self, pairs: list[tuple[str, str]], names: frozenset[str]) -> None:
        self._pairs = pairs
        self._names = names

    def by_name(self) -> dict[str, str]:
        """The values by name; names that the route does not know are ignored.

        Raises InvalidParameterError for a parameter that is given twice, and for a name that is nearly spelt right.
        """
        return gathered(known(self._pairs, self._names))


class QuestionParameters:
    """A dependency of a route, which gives it `Given`. Whoever may ask is told what is wrong, and nobody else: so it is
    the route that asks for the values.

    FastAPI reads the parameters of a dependency from its signature; this one is made of the rows.
    """

    def __init__(self, place: Place) -> None:
        rows = parameters_of(place)
        self._names = frozenset(one.name for one in rows)
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
        return Given(request.query_params.multi_items(), self._names)


ANSWER: Final = QuestionParameters("answer")
EXPORT: Final = QuestionParameters("export")
