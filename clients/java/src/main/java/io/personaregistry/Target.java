package io.personaregistry;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where the registry is. */
record Target(boolean tls, String host, int port) {
  private static final int DEFAULT_PORT = 50051;
  private static final Pattern FORM =
      Pattern.compile(
          "(?:([A-Za-z]+)://)?(\\[[0-9A-Fa-f:.%]+]|[^:/\\[\\]\\s@?#]+)(?::(\\d{1,5}))?/?");
  private static final Pattern LOOPBACK =
      Pattern.compile("localhost|127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}|\\[::1]");

  static Target parse(String text) {
    Matcher parts = FORM.matcher(text);
    if (!parts.matches()) {
      throw new IllegalArgumentException(
          "target: `" + text + "` is not https://host:port or http://host:port");
    }
    String scheme = parts.group(1) == null ? "http" : parts.group(1).toLowerCase(Locale.ROOT);
    if (!scheme.equals("http") && !scheme.equals("https")) {
      throw new IllegalArgumentException(
          "target: `" + text + "` begins with `" + scheme + "`, not with https or http");
    }
    int port = parts.group(3) == null ? DEFAULT_PORT : Integer.parseInt(parts.group(3));
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("target: there is no port " + port);
    }
    return new Target(scheme.equals("https"), parts.group(2), port);
  }

  /** Whether it is this machine, by its name alone. */
  boolean isLoopback() {
    return LOOPBACK.matcher(host.toLowerCase(Locale.ROOT)).matches();
  }

  String authority() {
    return host + ":" + port;
  }

  @Override
  public String toString() {
    return (tls ? "https://" : "http://") + authority();
  }
}
