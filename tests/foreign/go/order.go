// Places an order inside a span of the OpenTelemetry SDK for Go, over OTLP/gRPC, and prints the trace id.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

func post(ctx context.Context, url, body, token string) []byte {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	check(err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	response, err := http.DefaultClient.Do(request)
	check(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	check(err)
	if response.StatusCode >= 300 {
		log.Fatalf("POST %s answered %d: %s", url, response.StatusCode, answer)
	}
	return answer
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	ctx := context.Background()
	exporter, err := otlptracegrpc.New(ctx)
	check(err)
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)

	var login struct {
		Token string `json:"access_token"`
	}
	check(json.Unmarshal(post(ctx, os.Getenv("AUTH_URL")+"/oauth/token", os.Getenv("LOGIN"), ""), &login))
	inside, span := otel.Tracer("foreign").Start(ctx, "place order", api.WithSpanKind(api.SpanKindClient))
	post(inside, os.Getenv("ORDERS_URL")+"/orders", os.Getenv("ORDER"), login.Token)
	span.End()
	fmt.Println(span.SpanContext().TraceID())
	check(provider.Shutdown(ctx))
}
