"""Builds the application: resources, middleware, problems, routers; nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.middleware.cors import CORSMiddleware

from app.api import health, v1
from app.api.documentation import add_documentation
from app.api.openapi import TAGS, DocumentedAPI
from app.composition import composed
from app.config import Settings
from app.core.background import running
from app.core.deadline import Deadline
from app.core.framing_guard import Framing, FramingGuard
from app.core.host_and_origin import AllowedHosts, AllowedOrigins, HostAndOrigin, pattern_of
from app.core.middleware import RequestContext
from app.core.problems import UnexpectedErrors, install_problem_handlers
from app.core.response_headers import SecurityHeaders
from app.core.unread_answers import UnreadAnswers
from app.core.unread_body import UnreadBody
from app.modules.rates.middleware import RateLimit

EXPOSED_HEADERS = (
    "ETag", "Location", "Link", "X-Request-ID", "Content-Range", "Content-Disposition", "Accept-Ranges", "Retry-After",
    "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
)  # fmt: skip
DESCRIPTION = """The file service that an application puts between its users and S3.

Every error is an RFC 9457 problem with a stable `code`; `request_id` names it in the log.

Requests are counted for each caller: `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) on every
answer say how it stands, 429 `rate_limited` with `Retry-After` that it was one too many. Requests for many files count
their ids besides, and few of them run at once: else 429 `rate_limited` or `too_many_batches`; `too_many_uploads` and
`too_many_downloads` say that too many files of that caller are under way. A head of more than 64 KiB or 100 fields gets
431, an address of more than 32 KiB 414, a body of JSON of more than 1 MiB 413, one that is not there after 15 s 408,
one that is nested deeper than 64 levels or holds more than 50,000 values 422.

401, and 403 for a scope that is missing, come before a body is read. An answer lists 20 errors at most; `error_count`
says how many there were. A service that holds as many bodies as it can answers 503 `server_busy` with `Retry-After`.

A client that doesn't read its answer is cut off.

A `Host` that isn't the service's own gets 421 `host_not_allowed`: with `ALLOWED_HOSTS` set, and always without sign-in,
where only loopback names count. Without sign-in, a write by a page of another origin than the service's own and those
in `CORS_ORIGINS` gets 403 `origin_not_allowed`."""


def create_app(settings: Settings, deadline: Deadline | None = None) -> DocumentedAPI:
    """The application. Connections come up in its lifespan, not before.

    Args:
        settings: all of them.
        deadline: how long a stopping process may take; one that its server has begun already, if that does so.
    """

    @asynccontextmanager
    async def lifespan(app: DocumentedAPI) -> AsyncIterator[None]:
        async with composed(settings, deadline) as parts:
            app.state.authenticator, app.state.key_service = parts.auth.authenticator, parts.auth.keys
            app.state.audit_service, app.state.quota_service = parts.audit, parts.quotas
            app.state.rate_counter, app.state.transfers = parts.rate_counter, parts.transfers
            app.state.batch_shares = parts.batch_shares
            loops = parts.loops()
            app.state.readiness = health.ReadinessProbe(
                parts.database,
                parts.s3,
                parts.capabilities,
                parts.outbox,
                loops,
                parts.rate_counter,
                app.state.framing,
            )
            app.state.capabilities = parts.capabilities
            app.state.file_services, app.state.upload_services = parts.files, parts.uploads
            app.state.grant_service, app.state.bodies = parts.grants, parts.bodies
            loops.append(app.state.readiness.write_loop())
            async with running(loops):
                yield

    app = DocumentedAPI(
        title="Holdfast",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        debug=False,
        redirect_slashes=False,
        openapi_tags=TAGS,
        docs_url=None,  # `add_documentation`
        redoc_url=None,
    )
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(RateLimit, prefix=settings.server.api_v1_prefix)
    # Once more, for what fails while it is found out who calls.
    app.add_middleware(UnexpectedErrors)
    if settings.server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin for origin in settings.server.cors_origins if "*" not in origin],
            allow_origin_regex=pattern_of(origin for origin in settings.server.cors_origins if "*" in origin),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
    install_problem_handlers(app)
    app.add_middleware(
        HostAndOrigin,
        # A name in Host proves nothing where callers prove who they are, unless the operator says otherwise.
        hosts=AllowedHosts(settings.hosts) if settings.server.allowed_hosts or not settings.auth.enabled else None,
        origins=None if settings.auth.enabled else AllowedOrigins(settings.server.cors_origins),
    )
    app.state.framing = Framing()
    app.add_middleware(FramingGuard, framing=app.state.framing)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestContext)
    app.add_middleware(UnreadBody)
    app.add_middleware(
        UnreadAnswers,
        idle_timeout_seconds=settings.download.idle_timeout_seconds,
        min_bytes_per_second=settings.download.min_bytes_per_second,
    )
    add_documentation(app)
    app.include_router(health.router)
    for router in v1.ROUTERS:
        app.include_router(router, prefix=settings.server.api_v1_prefix, responses=v1.EVERYWHERE)
    return app
