"""`/docs` and `/redoc`, with scripts of our own keeping: they work without internet and run nobody else's code."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

ASSETS_PATH = "/docs/assets"
# The package that keeps both pages' files; of its code nothing is used.
_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_documentation(app: FastAPI) -> None:
    """Add both pages and the files that they load."""
    title = app.title

    @app.get("/docs", include_in_schema=False)
    async def swagger_ui(request: Request) -> HTMLResponse:
        base = request.scope.get("root_path", "")
        assets = f"{base}{ASSETS_PATH}"
        return _confined(
            get_swagger_ui_html(
                openapi_url=f"{base}{app.openapi_url}",
                title=title,
                swagger_js_url=f"{assets}/swagger-ui-bundle.js",
                swagger_css_url=f"{assets}/swagger-ui.css",
                swagger_favicon_url=f"{assets}/favicon.png",
            )
        )

    @app.get("/redoc", include_in_schema=False)
    async def redoc(request: Request) -> HTMLResponse:
        base = request.scope.get("root_path", "")
        assets = f"{base}{ASSETS_PATH}"
        return _confined(
            get_redoc_html(
                openapi_url=f"{base}{app.openapi_url}",
                title=title,
                redoc_js_url=f"{assets}/redoc.standalone.js",
                redoc_favicon_url=f"{assets}/favicon.png",
                with_google_fonts=False,
            )
        )

    app.mount(ASSETS_PATH, _Assets(directory=_ASSETS), name="documentation-assets")


class _Assets(StaticFiles):
    """Files that are the same for everybody, until the package is another one."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The file, with leave to keep it for a day."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response


def _confined(page: HTMLResponse) -> HTMLResponse:
    """The page may run the files beside it and the lines within it, ask this service, and be framed by nobody."""
    scripts = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(bytes(page.body).decode())
    ]
    page.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *scripts)),
            "style-src 'self' 'unsafe-inline'",  # both write style sheets while they draw
            "img-src 'self' data:",
            "connect-src 'self'",
            "worker-src blob:",  # ReDoc searches in one
            "frame-ancestors 'none'",
        )
    )
    return page
