"""Errors as clients see them: a code to switch over, and nothing of the server's inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.types.execution import PreExecutionError

from db.errors import Code, SheafError, Unavailable

if TYPE_CHECKING:
    from strawberry.types import ExecutionResult

log = structlog.get_logger(__name__)

BAD_USER_INPUT = "BAD_USER_INPUT"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
ROOT_REQUIRED = "ROOT_REQUIRED"
# The code and the message that Apollo's clients wait for, to send the document itself.
UNKNOWN_DOCUMENT = "PERSISTED_QUERY_NOT_FOUND"
UNKNOWN_DOCUMENT_MESSAGE = "PersistedQueryNotFound"
UNTRUSTED_DOCUMENT = "DOCUMENT_NOT_TRUSTED"

# What a client wrote wrongly has one code in GraphQL, whether the schema or the data layer finds it.
_CLIENT_MISTAKES = frozenset({Code.INVALID_VALUE, Code.MALFORMED})


class Ended(PreExecutionError):
    """A subscription that was refused though its document is valid, or that was ended by anything but its client."""


class BadArgument(GraphQLError):
    """An argument, or a part of one (`data.0.path`), that the schema's types allow and its rules don't."""

    def __init__(self, place: str, detail: str) -> None:
        argument, _, _ = place.partition(".")
        super().__init__(f"{place} {detail}", extensions={"code": BAD_USER_INPUT, "argument": argument})


class RootRequired(SheafError):
    """An operation that could mean one of several roots."""

    def __init__(self) -> None:
        detail = "this server has several root scopes: name one with the header reach-tenant-id"
        super().__init__(Code.AMBIGUOUS_ID, detail)


class UnknownDocument(SheafError):
    """A document that is named, and that this server hasn't been sent or has forgotten."""

    def __init__(self) -> None:
        super().__init__(Code.NOT_FOUND, UNKNOWN_DOCUMENT_MESSAGE)


class UntrustedDocument(SheafError):
    """A document that isn't on the closed list of those this server executes."""

    def __init__(self) -> None:
        detail = "this server executes only the documents on its list: name one by documentId"
        super().__init__(Code.FORBIDDEN, detail)


# What the codes of the data layer don't say.
OWN_CODES: dict[type[SheafError], str] = {
    RootRequired: ROOT_REQUIRED,
    UnknownDocument: UNKNOWN_DOCUMENT,
    UntrustedDocument: UNTRUSTED_DOCUMENT,
}


def of_error(error: SheafError) -> GraphQLError:
    """Return what refuses an operation as a whole as its error."""
    return GraphQLError(error.detail, extensions=_extensions(error))


def present(result: ExecutionResult, request_id: str) -> None:
    """Give every error of a result its code; hide what is a fault of ours, and log it once."""
    logged: set[int] = set()
    early = VALIDATION_FAILED if isinstance(result, PreExecutionError) else None
    if isinstance(result, Ended):
        early = BAD_USER_INPUT
    if result.errors:
        result.errors = [_shown(error, request_id, logged, early) for error in result.errors]


def internal(cause: BaseException, request_id: str, **where: object) -> str:
    """Log a fault of ours, and return what its client is told instead."""
    log.error("graphql_error", request_id=request_id, exc_info=cause, **where)
    return f"internal error, request id {request_id}"


def _shown(error: GraphQLError, request_id: str, logged: set[int], early: str | None) -> GraphQLError:
    cause = _cause(error)
    message, extensions = error.message, dict(error.extensions or {})
    if isinstance(cause, SheafError):
        message, extensions = cause.detail, _extensions(cause)
    elif "code" in extensions:
        pass
    elif code := _mistake(error, cause, early):
        extensions["code"] = code
    else:
        if id(cause) not in logged:
            logged.add(id(cause))
            log.error("graphql_error", request_id=request_id, path=error.path, exc_info=cause)
        message = f"internal error, request id {request_id}"
        extensions = {"code": Code.INTERNAL.name, "requestId": request_id}
    return GraphQLError(
        message, error.nodes, error.source, error.positions, error.path, error.original_error, extensions
    )


def _cause(error: GraphQLError) -> Exception:
    """Return the exception that an error was made of."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _extensions(cause: SheafError) -> dict[str, object]:
    if (own_code := OWN_CODES.get(type(cause))) is not None:
        return {"code": own_code}
    if isinstance(cause, Unavailable):
        return {"code": cause.code.name, "retryAfter": cause.retry_after_s}
    return {"code": BAD_USER_INPUT if cause.code in _CLIENT_MISTAKES else cause.code.name}


def _mistake(error: GraphQLError, cause: Exception, early: str | None) -> str | None:
    """Return the code of what is the client's mistake, `None` for what is ours; `early`: of a refused document."""
    if isinstance(cause, GraphQLSyntaxError):
        return PARSE_FAILED
    if early:
        return early if isinstance(cause, GraphQLError) else None
    if error.path is None:
        # Before the first field there are only the variables, whose scalars may raise anything.
        return BAD_USER_INPUT
    # An argument's fault names its place in the document; a value that we can't serialize has none.
    return BAD_USER_INPUT if isinstance(cause, GraphQLError) and cause.nodes else None
