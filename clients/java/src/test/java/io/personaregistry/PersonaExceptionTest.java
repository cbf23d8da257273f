package io.personaregistry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.personaregistry.PersonaException.InvalidArgument;
import io.personaregistry.PersonaException.ResourceExhausted;
import io.personaregistry.PersonaException.Violation;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class PersonaExceptionTest {
  private static StatusRuntimeException refused(Code code, Any... details) {
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(code.value())
            .setMessage("in words")
            .addAllDetails(List.of(details))
            .build());
  }

  private static Any info(String domain) {
    return Any.pack(
        ErrorInfo.newBuilder()
            .setDomain(domain)
            .setReason("NAME_INVALID")
            .putMetadata("field", "name")
            .build());
  }

  @ParameterizedTest
  @EnumSource(
      value = Code.class,
      names = {"OK"},
      mode = EnumSource.Mode.EXCLUDE)
  void eachCodeHasItsType(Code code) {
    String type =
        switch (code) {
          case INVALID_ARGUMENT -> "InvalidArgument";
          case NOT_FOUND -> "NotFound";
          case ALREADY_EXISTS, ABORTED, FAILED_PRECONDITION -> "Conflict";
          case OUT_OF_RANGE -> "OutOfRange";
          case UNAUTHENTICATED -> "Unauthenticated";
          case PERMISSION_DENIED -> "PermissionDenied";
          case RESOURCE_EXHAUSTED -> "ResourceExhausted";
          case UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED -> "Unavailable";
          case UNKNOWN, INTERNAL, DATA_LOSS, UNIMPLEMENTED, OK -> "Internal";
        };
    PersonaException error = PersonaException.of(refused(code), "id");
    assertEquals(type, error.getClass().getSimpleName());
    assertEquals(code, error.code());
    assertEquals("", error.reason());
    assertEquals("id", error.callId());
    assertEquals("in words", error.getMessage());
  }

  @Test
  void detailsAreTyped() {
    BadRequest request =
        BadRequest.newBuilder()
            .addFieldViolations(
                BadRequest.FieldViolation.newBuilder().setField("name").setDescription("bad"))
            .build();
    StatusRuntimeException refused =
        refused(Code.INVALID_ARGUMENT, info("persona.registry.v1"), Any.pack(request));
    refused.getTrailers().put(PersonaException.CALL_ID, "answered");
    var error = assertInstanceOf(InvalidArgument.class, PersonaException.of(refused, "sent"));
    assertEquals("NAME_INVALID", error.reason());
    assertEquals(Map.of("field", "name"), error.metadata());
    assertEquals(List.of(new Violation("name", "bad")), error.violations());
    assertEquals("answered", error.callId());
    var again = assertInstanceOf(InvalidArgument.class, error.again());
    assertEquals(error.violations(), again.violations());
    assertEquals(error, again.getCause());
  }

  @Test
  void reasonsOfOthersAreNotOurs() {
    var error = PersonaException.of(refused(Code.INTERNAL, info("proxy.example.com")), "");
    assertEquals("", error.reason());
    assertEquals(Map.of(), error.metadata());
  }

  @Test
  void delayIsTold() {
    RetryInfo wait =
        RetryInfo.newBuilder()
            .setRetryDelay(com.google.protobuf.Duration.newBuilder().setNanos(5_000_000))
            .build();
    var error = PersonaException.of(refused(Code.RESOURCE_EXHAUSTED, Any.pack(wait)), "");
    assertEquals(
        Optional.of(Duration.ofMillis(5)),
        assertInstanceOf(ResourceExhausted.class, error).retryDelay());
  }

  @Test
  void messageSaysWhatIsBeneath() {
    Status status =
        Status.UNAVAILABLE
            .withDescription("io exception\nChannel Pipeline: […]")
            .withCause(new IOException("wrapped", new IOException("no such certificate")));
    PersonaException error = PersonaException.of(status, null, "");
    assertEquals("io exception: no such certificate", error.getMessage());
  }

  @Test
  void whoSpeaksAnotherProtocolIsNoConnection() {
    Status status =
        Status.INTERNAL
            .withDescription("http2 exception")
            .withCause(new IOException("First received frame was not SETTINGS"));
    PersonaException error = PersonaException.of(status, null, "");
    assertInstanceOf(PersonaException.Unavailable.class, error);
    assertEquals("http2 exception: First received frame was not SETTINGS", error.getMessage());
  }
}
