# Two images from one file: `web` (API and dashboard, no torch) and `worker`.
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 DILUTION_LAB_HOME=/var/lib/dilution-lab
WORKDIR /lab
RUN useradd --create-home --uid 1000 lab && mkdir -p /var/lib/dilution-lab /models && chown lab /var/lib/dilution-lab /models
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY backend backend
COPY frontend frontend
COPY worker worker
COPY lab lab
COPY models_store/zoo models_store/zoo
COPY models_store/judges models_store/judges

FROM base AS web
RUN pip install --constraint constraints.txt --editable ".[api,dashboard]"
USER lab
CMD ["python", "-m", "lab.web", "all"]

FROM base AS worker
# On a GPU host: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --extra-index-url "$TORCH_INDEX" "torch==2.13.0" \
 && pip install --constraint constraints.txt --editable ".[worker]"
USER lab
CMD ["python", "-m", "worker"]
