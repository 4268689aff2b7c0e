package cloze.measure;

/**
 * One of the calls that are measured of a subject; it can be repeated.
 *
 * @param name "forward", "backward" or "update"
 */
public record Pass(String name, Cost cost, Runnable call) {}
