"""Every error that Clickledger tells a caller: one class a code, with its HTTP status."""

from __future__ import annotations

from typing import ClassVar, Literal


class ClickledgerError(Exception):
    """Base of all. `code` and `status` are those of the API; `extra` goes into the error body beside the message."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, retry_after: int | None = None, **extra: str) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.extra = extra


class InvalidParameterError(ClickledgerError):
    """A request that cannot be answered as it was put."""

    code = "invalid_parameter"
    status = 400


class InvalidGroupByError(InvalidParameterError):
    code = "invalid_group_by"


class InvalidFormatError(InvalidParameterError):
    code = "invalid_format"


class InvalidDateRangeError(InvalidParameterError):
    code = "invalid_date_range"


class InvalidTimezoneError(InvalidParameterError):
    code = "invalid_timezone"


class InvalidSortError(InvalidParameterError):
    code = "invalid_sort"


class InvalidLimitError(InvalidParameterError):
    code = "invalid_limit"


class InvalidSlugError(InvalidParameterError):
    code = "invalid_slug"


class InvalidAsOfError(InvalidParameterError):
    code = "invalid_as_of"


class InvalidCtxError(ClickledgerError):
    """A ctx that proves no click. `reason` tells what to count it as."""

    code = "invalid_ctx"
    status = 400

    def __init__(self, message: str, *, reason: Literal["malformed", "bad_signature", "not_yet", "expired"]) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidConversionError(ClickledgerError):
    """A field of a posted conversion; the message names it."""

    code = "invalid_conversion"
    status = 400


class InvalidSignalError(ClickledgerError):
    """A field of a posted signal; the message names it."""

    code = "invalid_signal"
    status = 400


class MissingBearerTokenError(ClickledgerError):
    code = "missing_bearer_token"
    status = 401


class InvalidTokenError(ClickledgerError):
    code = "invalid_token"
    status = 401


class TokenExpiredError(ClickledgerError):
    code = "token_expired"
    status = 401


class InsufficientRoleError(ClickledgerError):
    code = "insufficient_role"
    status = 403


class InsufficientScopeError(ClickledgerError):
    """A personal access token whose scopes do not reach so far."""

    code = "insufficient_scope"
    status = 403


class FeatureLockedError(ClickledgerError):
    code = "feature_locked"
    status = 403


class HandleNotFoundError(ClickledgerError):
    """Also for a handle that the caller may not know exists."""

    code = "handle_not_found"
    status = 404


class NotFoundError(ClickledgerError):
    code = "not_found"
    status = 404


class QueryTooLargeError(InvalidParameterError):
    """The answer would have more rows than a query may return: it is refused, never cut short."""

    code = "invalid_limit"


class QueryTimeoutError(ClickledgerError):
    """The query took longer than a query may. The lake is well: the same query later takes as long."""

    code = "query_timeout"
    status = 503


class MethodNotAllowedError(ClickledgerError):
    code = "method_not_allowed"
    status = 405


class LinkExpiredError(ClickledgerError):
    """A short link whose time is over."""

    code = "link_expired"
    status = 410


class RequestTimeoutError(ClickledgerError):
    """The head or the body of the request did not arrive in time."""

    code = "request_timeout"
    status = 408


class PayloadTooLargeError(ClickledgerError):
    code = "payload_too_large"
    status = 413


class RequestHeadTooLargeError(ClickledgerError):
    """The request line and the header fields are longer than a server takes."""

    code = "request_head_too_large"
    status = 431


class RateLimitedError(ClickledgerError):
    """Too many requests; `retry_after` says in how many seconds there is room again."""

    code = "rate_limited"
    status = 429


class StoreUnavailableError(ClickledgerError):
    """The lake or the database does not answer; nothing was lost."""

    code = "store_unavailable"
    status = 503


class LakeFormatError(StoreUnavailableError):
    """The lake is not of a format that this program may write to; nothing was written."""


def lake_unavailable(error: Exception) -> StoreUnavailableError:
    """What a driver's error about the lake means to whoever asked."""
    return StoreUnavailableError(f"The lake does not answer ({type(error).__name__}); nothing was lost.")


class SettingsError(ClickledgerError):
    """A setting is missing or wrong: told at the start, never in the middle of work."""

    code = "invalid_settings"


class ListVersionError(ClickledgerError):
    """A word that names no list version of the lake, or several; the message names those that there are."""

    code = "invalid_list_version"
    status = 400


class AccountsFileError(ClickledgerError):
    """The accounts file has a key or a value that is not allowed; the message names the place."""

    code = "invalid_accounts_file"
    status = 400


class SourceError(ClickledgerError):
    """A log source cannot be read as it is configured."""

    code = "invalid_source"
    status = 400
