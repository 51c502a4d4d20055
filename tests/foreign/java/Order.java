import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Places an order inside a span of the autoconfigured OpenTelemetry SDK for Java, and prints the trace id. */
public final class Order {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        OpenTelemetrySdk sdk = AutoConfiguredOpenTelemetrySdk.initialize().getOpenTelemetrySdk();
        String login = post(sdk, System.getenv("AUTH_URL") + "/oauth/token", System.getenv("LOGIN"), "");
        Matcher token = Pattern.compile("\"access_token\":\\s*\"([^\"]+)\"").matcher(login);
        if (!token.find()) {
            throw new IllegalStateException("No token in " + login);
        }
        Span span = sdk.getTracer("foreign").spanBuilder("place order").setSpanKind(SpanKind.CLIENT).startSpan();
        try (Scope scope = span.makeCurrent()) {
            post(sdk, System.getenv("ORDERS_URL") + "/orders", System.getenv("ORDER"), "Bearer " + token.group(1));
        }
        span.end();
        System.out.println(span.getSpanContext().getTraceId());
        sdk.shutdown().join(10, TimeUnit.SECONDS);
    }

    private static String post(OpenTelemetrySdk sdk, String url, String body, String authorization) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body));
        if (!authorization.isEmpty()) {
            request.header("Authorization", authorization);
        }
        sdk.getPropagators().getTextMapPropagator().inject(Context.current(), request, HttpRequest.Builder::header);
        HttpResponse<String> response = HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() >= 300) {
            throw new IllegalStateException("POST " + url + " answered " + response.statusCode() + ": " + response.body());
        }
        return response.body();
    }
}
