package io.personaregistry;

import java.time.Duration;
import java.util.Optional;

/**
 * How a client stands.
 *
 * @param state what it is doing
 * @param source where a read would come from now
 * @param revision the registry's revision that what is held is true of; 0: nothing is held
 * @param age how long ago what is held was known to be current; empty: nothing is held
 * @param personas how many personas are held
 * @param streams how many streams were opened so far: those that the registry answered
 * @param snapshots how many snapshots were received so far
 * @param lastError the last error of a stream; empty: there was none
 */
public record ClientStatus(
    State state,
    Source source,
    long revision,
    Optional<Duration> age,
    int personas,
    long streams,
    long snapshots,
    Optional<PersonaException> lastError) {}
