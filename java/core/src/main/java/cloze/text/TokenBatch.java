package cloze.text;

import java.lang.foreign.MemorySegment;

/**
 * Windows of tokens side by side.
 *
 * @param ids [B, T] i32
 * @param targets [B, T] i32, the token behind each
 */
public record TokenBatch(MemorySegment ids, MemorySegment targets, int rows, int length) {}
