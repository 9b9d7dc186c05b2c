"""Builds the application: resources, middleware, problems, routers; nothing else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.middleware.cors import CORSMiddleware

from app.api import health, v1
from app.api.documentation import add_documentation
from app.api.openapi import TAGS, DocumentedAPI
from app.composition import composed
from app.config import MEBIBYTE, Settings
from app.core.background import running
from app.core.deadline import Deadline
from app.core.middleware import RequestContext
from app.core.problems import UnexpectedErrors, install_problem_handlers
from app.core.request_body import BodyLimit
from app.core.response_headers import SecurityHeaders
from app.core.unread_body import UnreadBody
from app.modules.rates.middleware import RateLimit

JSON_BODY_MAX_BYTES = MEBIBYTE
EXPOSED_HEADERS = (
    "ETag", "Location", "Link", "X-Request-ID", "Content-Range", "Content-Disposition", "Accept-Ranges", "Retry-After",
    "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
)  # fmt: skip
DESCRIPTION = """The file service that an application puts between its users and S3.

Every error is an RFC 9457 problem with a stable `code`; `request_id` names it in the log.

Requests are counted for each caller: `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) on every
answer say how it stands, 429 `rate_limited` with `Retry-After` that it was one too many. A head of more than 64 KiB or
100 fields gets 431, an address of more than 32 KiB 414, a body of JSON of more than 1 MiB 413."""


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
            app.state.rate_counter, app.state.upload_slots = parts.rate_counter, parts.upload_slots
            loops = parts.loops()
            app.state.readiness = health.ReadinessProbe(
                parts.database, parts.s3, parts.capabilities, parts.outbox, loops, parts.rate_counter
            )
            app.state.capabilities = parts.capabilities
            app.state.file_services, app.state.upload_services = parts.files, parts.uploads
            app.state.grant_service = parts.grants
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
    app.add_middleware(
        BodyLimit,
        max_bytes=JSON_BODY_MAX_BYTES,
        idle_timeout_seconds=settings.upload.idle_timeout_seconds,
        min_bytes_per_second=settings.upload.min_bytes_per_second,
        streamed_routes=v1.STREAMED_ROUTES,
    )
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(RateLimit, prefix=settings.server.api_v1_prefix)
    # Once more, for what fails while it is found out who calls.
    app.add_middleware(UnexpectedErrors)
    if settings.server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin for origin in settings.server.cors_origins if "*" not in origin],
            allow_origin_regex=_pattern_of(settings.server.cors_origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
    install_problem_handlers(app)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestContext)
    app.add_middleware(UnreadBody)
    add_documentation(app)
    app.include_router(health.router)
    for router in v1.ROUTERS:
        app.include_router(router, prefix=settings.server.api_v1_prefix, responses=v1.EVERYWHERE)
    return app


def _pattern_of(origins: Sequence[str]) -> str | None:
    """A pattern for origins with a star, such as `http://localhost:*`; it stands for letters, digits and dashes."""
    starred = [re.escape(origin).replace(r"\*", "[A-Za-z0-9-]*") for origin in origins if "*" in origin]
    return "|".join(starred) or None
