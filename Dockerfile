# One stage builds the environment from the hashed lock, the other runs it as nobody in particular.
# The digest says which image, the tag what to read. To renew both:
#   docker buildx imagetools inspect python:3.13-slim-bookworm
FROM python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8 AS build
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/runtime.txt

FROM python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000
COPY --from=build /venv /venv
WORKDIR /srv/holdfast
COPY alembic.ini ./
COPY alembic alembic
COPY app app
# libmagic comes with the lock; an image in which it can't be loaded must not be built.
RUN python -c "from app.modules.files.content import detect; assert detect(b'%PDF-1.7', tail=None, size=8).media_type == 'application/pdf'" \
    && useradd --system --no-create-home holdfast
USER holdfast
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["python", "-m", "app", "serve"]
