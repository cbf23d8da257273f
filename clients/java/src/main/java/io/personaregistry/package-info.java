/**
 * Keeps the personas that a service needs in memory, and follows their changes.
 *
 * <p>{@link io.personaregistry.Personas} is where to begin. The messages of the contract are in
 * {@code io.personaregistry.v1}.
 */
package io.personaregistry;
