FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PRODUCTION=true VAR_DIR=/var/lib/chapar
WORKDIR /srv/chapar

COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

COPY . .
# Keys of this one command only: collecting reads the settings, and the image holds no secret.
RUN useradd --system --home-dir /var/lib/chapar --create-home chapar \
    && export SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    && export FIELD_ENCRYPTION_KEYS="$(python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')" \
    && python manage.py collectstatic --no-input \
    && mkdir /var/lib/chapar/uploads /var/lib/chapar/spool \
    && chown -R chapar /var/lib/chapar

USER chapar
# Not the folder above: a volume would keep the static files of the version before.
VOLUME ["/var/lib/chapar/uploads", "/var/lib/chapar/spool"]
EXPOSE 8000
CMD ["gunicorn", "project.wsgi", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--bind", "0.0.0.0:8000", "--max-requests", "20000", "--max-requests-jitter", "2000", "--no-control-socket"]
