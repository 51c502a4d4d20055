"""The observatory: takes traces, logs and metrics over OTLP/HTTP, holds them in bounded memory, answers as Jaeger does."""
