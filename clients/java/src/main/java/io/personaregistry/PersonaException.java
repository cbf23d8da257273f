package io.personaregistry;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Why a call or a read failed. The type says what to do next, the reason says why. */
public abstract sealed class PersonaException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final String DOMAIN = "persona.registry.v1";

  /** Carries the id of a call, both ways. */
  static final Metadata.Key<String> CALL_ID =
      Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);

  private final Failure failure;

  private PersonaException(Failure failure) {
    super(failure.message, failure.cause);
    this.failure = failure;
  }

  /**
   * The status code.
   *
   * @return as gRPC names it
   */
  public Status.Code code() {
    return failure.code;
  }

  /**
   * The reason, such as {@code PERSONA_NOT_FOUND}: one of {@code ErrorReason} without its prefix.
   *
   * @return empty where none was given
   */
  public String reason() {
    return failure.reason;
  }

  /**
   * What the failure is about.
   *
   * @return the metadata of the reason
   */
  public Map<String, String> metadata() {
    return failure.metadata;
  }

  /**
   * The call's {@code x-request-id}: the registry's log has more under it.
   *
   * @return empty where no call was made
   */
  public String callId() {
    return failure.callId;
  }

  /** How long the registry asks to wait. */
  Optional<Duration> delay() {
    return Optional.ofNullable(failure.delay);
  }

  /** What all of them know. */
  private record Failure(
      Status.Code code,
      String reason,
      Map<String, String> metadata,
      String message,
      String callId,
      List<Violation> violations,
      Duration delay,
      Throwable cause)
      implements Serializable {}

  /**
   * A field at fault.
   *
   * @param field where, such as {@code names[3]}
   * @param description what is wrong with it
   */
  public record Violation(String field, String description) implements Serializable {}

  /** The request is wrong: mend it. */
  public static final class InvalidArgument extends PersonaException {
    private static final long serialVersionUID = 1L;

    private InvalidArgument(Failure failure) {
      super(failure);
    }

    /**
     * The fields at fault.
     *
     * @return empty where the registry names none
     */
    public List<Violation> violations() {
      return super.failure.violations;
    }
  }

  /** There is no such persona, version, alias or section. */
  public static final class NotFound extends PersonaException {
    private static final long serialVersionUID = 1L;

    private NotFound(Failure failure) {
      super(failure);
    }
  }

  /** The registry is not as the request expects: read again, redo. */
  public static final class Conflict extends PersonaException {
    private static final long serialVersionUID = 1L;

    private Conflict(Failure failure) {
      super(failure);
    }
  }

  /** The revision asked for is too old or does not exist yet. */
  public static final class OutOfRange extends PersonaException {
    private static final long serialVersionUID = 1L;

    private OutOfRange(Failure failure) {
      super(failure);
    }
  }

  /** The registry does not know who calls, or the token could not be had. */
  public static final class Unauthenticated extends PersonaException {
    private static final long serialVersionUID = 1L;

    private Unauthenticated(Failure failure) {
      super(failure);
    }
  }

  /** The caller may not do that. */
  public static final class PermissionDenied extends PersonaException {
    private static final long serialVersionUID = 1L;

    private PermissionDenied(Failure failure) {
      super(failure);
    }
  }

  /** A limit is reached: wait. */
  public static final class ResourceExhausted extends PersonaException {
    private static final long serialVersionUID = 1L;

    private ResourceExhausted(Failure failure) {
      super(failure);
    }

    /**
     * How long the registry asks to wait.
     *
     * @return empty where it does not say
     */
    public Optional<Duration> retryDelay() {
      return delay();
    }
  }

  /** There was no decision: no connection, no time, or the call was given up. Try again. */
  public static final class Unavailable extends PersonaException {
    private static final long serialVersionUID = 1L;

    private Unavailable(Failure failure) {
      super(failure);
    }
  }

  /** A fault of the registry, or something that this client does not know. */
  public static final class Internal extends PersonaException {
    private static final long serialVersionUID = 1L;

    private Internal(Failure failure) {
      super(failure);
    }
  }

  /** What a status means. The call's own id stands where the answer has none. */
  static PersonaException of(Status status, Metadata trailers, String callId) {
    return of(status, trailers, callId, status.getCause());
  }

  static PersonaException of(StatusRuntimeException error, String callId) {
    return of(error.getStatus(), error.getTrailers(), callId, error);
  }

  private static PersonaException of(
      Status said, Metadata trailers, String callId, Throwable cause) {
    Status status = isNoConnection(said) ? withCode(Status.UNAVAILABLE, said) : said;
    com.google.rpc.Status details = details(status, trailers);
    ErrorInfo info = ErrorInfo.getDefaultInstance();
    BadRequest request = BadRequest.getDefaultInstance();
    Duration delay = null;
    for (Any detail : details.getDetailsList()) {
      info = unpack(detail, info);
      request = unpack(detail, request);
      if (detail.is(RetryInfo.class)) {
        var wait = unpack(detail, RetryInfo.getDefaultInstance()).getRetryDelay();
        delay = Duration.ofSeconds(wait.getSeconds(), wait.getNanos());
      }
    }
    boolean ours = info.getDomain().equals(DOMAIN);
    String answered = trailers == null ? null : trailers.get(CALL_ID);
    return typed(
        new Failure(
            status.getCode(),
            ours ? info.getReason() : "",
            ours ? Map.copyOf(info.getMetadataMap()) : Map.of(),
            message(status),
            answered == null ? callId : answered,
            request.getFieldViolationsList().stream()
                .map(field -> new Violation(field.getField(), field.getDescription()))
                .toList(),
            delay,
            cause));
  }

  /** A failure that this client found by itself. */
  static PersonaException local(Status.Code code, String message, Throwable cause) {
    return of(code.toStatus().withDescription(message).withCause(cause), null, "");
  }

  /** The same, thrown where the caller is. */
  PersonaException again() {
    return typed(
        new Failure(
            failure.code,
            failure.reason,
            failure.metadata,
            failure.message,
            failure.callId,
            failure.violations,
            failure.delay,
            this));
  }

  static PersonaException notFound(String namespace, String name) {
    return typed(
        new Failure(
            Status.Code.NOT_FOUND,
            "PERSONA_NOT_FOUND",
            Map.of("namespace", namespace, "name", name),
            "the namespace `" + namespace + "` has no persona `" + name + "` that is selected",
            "",
            List.of(),
            null,
            null));
  }

  private static PersonaException typed(Failure failure) {
    return switch (failure.code) {
      case INVALID_ARGUMENT -> new InvalidArgument(failure);
      case NOT_FOUND -> new NotFound(failure);
      case ALREADY_EXISTS, ABORTED, FAILED_PRECONDITION -> new Conflict(failure);
      case OUT_OF_RANGE -> new OutOfRange(failure);
      case UNAUTHENTICATED -> new Unauthenticated(failure);
      case PERMISSION_DENIED -> new PermissionDenied(failure);
      case RESOURCE_EXHAUSTED -> new ResourceExhausted(failure);
      case UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED -> new Unavailable(failure);
      default -> new Internal(failure);
    };
  }

  /** Whether who is there speaks no HTTP/2, such as TLS, which gRPC for Java takes for a fault. */
  private static boolean isNoConnection(Status status) {
    String text = status.getDescription();
    return status.getCode() == Status.Code.INTERNAL
        && status.getCause() != null
        && text != null
        && text.startsWith("http2 exception");
  }

  private static Status withCode(Status code, Status status) {
    return code.withDescription(status.getDescription()).withCause(status.getCause());
  }

  /** With what is beneath it: that says which file, address or certificate. */
  private static String message(Status status) {
    String text = status.getDescription() == null ? "" : status.getDescription();
    if (text.isEmpty()) {
      text = status.getCode().name();
    }
    Throwable root = status.getCause();
    if (root == null) {
      return text;
    }
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    String beneath = root.getMessage() == null ? root.toString() : root.getMessage();
    return text.contains(beneath) ? text : text.lines().findFirst().orElse("") + ": " + beneath;
  }

  private static com.google.rpc.Status details(Status status, Metadata trailers) {
    try {
      com.google.rpc.Status details = StatusProto.fromStatusAndTrailers(status, trailers);
      return details == null ? com.google.rpc.Status.getDefaultInstance() : details;
    } catch (IllegalArgumentException damaged) { // details of something in between
      return com.google.rpc.Status.getDefaultInstance();
    }
  }

  private static <T extends Message> T unpack(Any detail, T otherwise) {
    try {
      @SuppressWarnings("unchecked") // it is the class of the instance
      Class<T> type = (Class<T>) otherwise.getClass();
      return detail.is(type) ? detail.unpack(type) : otherwise;
    } catch (InvalidProtocolBufferException damaged) {
      return otherwise;
    }
  }
}
