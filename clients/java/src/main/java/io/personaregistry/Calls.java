package io.personaregistry;

import com.google.protobuf.ByteString;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.personaregistry.v1.BatchWritePersonasRequest;
import io.personaregistry.v1.BatchWritePersonasResponse;
import io.personaregistry.v1.DeletePersonaAliasRequest;
import io.personaregistry.v1.DeletePersonaAliasResponse;
import io.personaregistry.v1.DeletePersonaRequest;
import io.personaregistry.v1.DeletePersonaResponse;
import io.personaregistry.v1.GetPersonaRequest;
import io.personaregistry.v1.GetPersonaResponse;
import io.personaregistry.v1.ListPersonasRequest;
import io.personaregistry.v1.ListPersonasResponse;
import io.personaregistry.v1.Persona;
import io.personaregistry.v1.PersonaServiceGrpc;
import io.personaregistry.v1.PutPersonaRequest;
import io.personaregistry.v1.PutPersonaResponse;
import io.personaregistry.v1.SetPersonaAliasRequest;
import io.personaregistry.v1.SetPersonaAliasResponse;
import io.personaregistry.v1.ValidatePersonaRequest;
import io.personaregistry.v1.ValidatePersonaResponse;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The calls of a {@link Personas}, in its namespace. Each takes the required fields, and a function
 * that sets further ones of the request.
 *
 * <p>Attempts are made here and not by a service config of gRPC: there a deadline is for all
 * attempts together, and a connection that failed is not tried again in time (see {@link
 * Connection}).
 */
abstract sealed class Calls permits Personas {
  private static final long FIRST_WAIT_MILLIS = 100;
  private static final long LONGEST_WAIT_MILLIS = 1_000;
  private static final double JITTER = 0.2;

  final Options options;
  final Connection connection;

  Calls(Options options, Connection connection) {
    this.options = options;
    this.connection = connection;
  }

  /**
   * The channel that all calls go over, with the token, for stubs of the contract such as {@code
   * PersonaServiceGrpc.newFutureStub(personas.channel())}. These have no deadline and no retries.
   *
   * @return the channel; {@code close} closes it
   */
  public Channel channel() {
    return connection.channel();
  }

  /**
   * Fetches a persona from the registry, at its newest version.
   *
   * @param name the persona
   * @return the registry's answer
   * @throws PersonaException the call failed
   */
  public GetPersonaResponse fetch(String name) {
    return fetch(name, request -> {});
  }

  /**
   * Fetches a persona from the registry.
   *
   * @param name the persona
   * @param further sets further fields, such as {@code request -> request.setVersion(3)}
   * @return the registry's answer
   * @throws PersonaException the call failed
   */
  public GetPersonaResponse fetch(String name, Consumer<GetPersonaRequest.Builder> further) {
    var request = GetPersonaRequest.newBuilder().setNamespace(namespace()).setName(name);
    further.accept(request);
    return read(PersonaServiceGrpc.getGetPersonaMethod(), request.build());
  }

  /**
   * Lists personas, page by page as the stream is read.
   *
   * @param further sets fields, such as {@code request -> request.setFilter("labels.team = a")}
   * @return the personas by name, all of one revision; reading it throws {@link PersonaException}
   */
  public Stream<Persona> list(Consumer<ListPersonasRequest.Builder> further) {
    var request = ListPersonasRequest.newBuilder().setNamespace(namespace());
    further.accept(request);
    return Stream.iterate(page(request), Objects::nonNull, page -> after(request, page))
        .flatMap(page -> page.getPersonasList().stream());
  }

  private ListPersonasResponse after(
      ListPersonasRequest.Builder request, ListPersonasResponse page) {
    String token = page.getNextPageToken();
    return token.isEmpty() ? null : page(request.setPageToken(token));
  }

  private ListPersonasResponse page(ListPersonasRequest.Builder request) {
    return read(PersonaServiceGrpc.getListPersonasMethod(), request.build());
  }

  /**
   * Judges a document without storing it, among the personas of the namespace.
   *
   * @param document Markdown with front matter
   * @param further sets further fields, such as {@code request -> request.setPath(path)}
   * @return the findings
   * @throws PersonaException the call failed; a bad document alone is no failure
   */
  public ValidatePersonaResponse validate(
      byte[] document, Consumer<ValidatePersonaRequest.Builder> further) {
    var content = ByteString.copyFrom(document);
    var request = ValidatePersonaRequest.newBuilder().setNamespace(namespace()).setContent(content);
    further.accept(request);
    return read(PersonaServiceGrpc.getValidatePersonaMethod(), request.build());
  }

  /**
   * Creates a persona or gives it a new version. A request id is made, unless one is set.
   *
   * @param document Markdown with front matter
   * @param further sets further fields, such as {@code request -> request.setMessage("why")}
   * @return the registry's answer
   * @throws PersonaException the call failed
   */
  public PutPersonaResponse put(byte[] document, Consumer<PutPersonaRequest.Builder> further) {
    var request =
        PutPersonaRequest.newBuilder()
            .setNamespace(namespace())
            .setContent(ByteString.copyFrom(document))
            .setRequestId(requestId());
    further.accept(request);
    return write(PersonaServiceGrpc.getPutPersonaMethod(), request.build());
  }

  /**
   * Deletes a persona and its aliases.
   *
   * @param name the persona
   * @param further sets further fields, such as {@code request -> request.setEtag(etag)}
   * @return the registry's answer
   * @throws PersonaException the call failed
   */
  public DeletePersonaResponse delete(String name, Consumer<DeletePersonaRequest.Builder> further) {
    var request =
        DeletePersonaRequest.newBuilder()
            .setNamespace(namespace())
            .setName(name)
            .setRequestId(requestId());
    further.accept(request);
    return write(PersonaServiceGrpc.getDeletePersonaMethod(), request.build());
  }

  /**
   * Points an alias at a version.
   *
   * @param name the persona
   * @param alias such as {@code production}
   * @param version the version that it is to name
   * @param further sets further fields, such as {@code request -> request.setExpectedVersion(2)}
   * @return the registry's answer
   * @throws PersonaException the call failed
   */
  public SetPersonaAliasResponse setAlias(
      String name, String alias, long version, Consumer<SetPersonaAliasRequest.Builder> further) {
    var request =
        SetPersonaAliasRequest.newBuilder()
            .setNamespace(namespace())
            .setName(name)
            .setAlias(alias)
            .setVersion(version)
            .setRequestId(requestId());
    further.accept(request);
    return write(PersonaServiceGrpc.getSetPersonaAliasMethod(), request.build());
  }

  /**
   * Removes an alias.
   *
   * @param name the persona
   * @param alias the alias
   * @param further sets further fields, such as {@code request -> request.setMessage("why")}
   * @return the registry's answer
   * @throws PersonaException the call failed
   */
  public DeletePersonaAliasResponse deleteAlias(
      String name, String alias, Consumer<DeletePersonaAliasRequest.Builder> further) {
    var request =
        DeletePersonaAliasRequest.newBuilder()
            .setNamespace(namespace())
            .setName(name)
            .setAlias(alias)
            .setRequestId(requestId());
    further.accept(request);
    return write(PersonaServiceGrpc.getDeletePersonaAliasMethod(), request.build());
  }

  /**
   * Does several writes at one revision: all of them, or none.
   *
   * @param operations adds them: {@code request -> request.addOperations(…)}
   * @return the registry's answer
   * @throws PersonaException the call failed
   */
  public BatchWritePersonasResponse batchWrite(
      Consumer<BatchWritePersonasRequest.Builder> operations) {
    var request =
        BatchWritePersonasRequest.newBuilder().setNamespace(namespace()).setRequestId(requestId());
    operations.accept(request);
    return write(PersonaServiceGrpc.getBatchWritePersonasMethod(), request.build());
  }

  private String namespace() {
    return options.selection().namespace();
  }

  private static String requestId() {
    return UUID.randomUUID().toString();
  }

  private <Q, A> A read(MethodDescriptor<Q, A> method, Q request) {
    return call(method, request, false);
  }

  private <Q, A> A write(MethodDescriptor<Q, A> method, Q request) {
    return call(method, request, true);
  }

  private <Q, A> A call(MethodDescriptor<Q, A> method, Q request, boolean isWrite) {
    for (int attempt = 0; ; attempt++) {
      connection.renewForCall();
      Metadata headers = new Metadata();
      String id = UUID.randomUUID().toString();
      headers.put(PersonaException.CALL_ID, id);
      Channel channel =
          ClientInterceptors.intercept(
              connection.channel(), MetadataUtils.newAttachHeadersInterceptor(headers));
      CallOptions deadline =
          CallOptions.DEFAULT.withDeadlineAfter(
              options.callTimeout().toNanos(), TimeUnit.NANOSECONDS);
      try {
        return ClientCalls.blockingUnaryCall(channel, method, deadline, request);
      } catch (StatusRuntimeException error) {
        Status.Code code = error.getStatus().getCode();
        boolean isUndecided =
            code == Status.Code.UNAVAILABLE || (isWrite && code == Status.Code.DEADLINE_EXCEEDED);
        boolean isLast = attempt >= options.retries() || connection.isClosed();
        if (!isUndecided || isLast || !pause(attempt)) {
          throw PersonaException.of(error, id);
        }
      }
    }
  }

  /** Whether it slept to its end. */
  private static boolean pause(int attempt) {
    double wait = Math.min(FIRST_WAIT_MILLIS << attempt, LONGEST_WAIT_MILLIS);
    double jitter = ThreadLocalRandom.current().nextDouble(1 - JITTER, 1 + JITTER);
    try {
      Thread.sleep((long) (wait * jitter));
      return true;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
