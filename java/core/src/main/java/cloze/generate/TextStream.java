package cloze.generate;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;

/**
 * Decodes the bytes of tokens to text as they arrive, and ends the text before the stop string that begins first in it.
 * Which one that is depends on the text alone, not on how tokens divide it.
 */
final class TextStream {
    private final List<String> stop;
    private final Consumer<String> sink;
    private final int longestStop;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private ByteBuffer bytes = ByteBuffer.allocate(64);
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    TextStream(List<String> stop, Consumer<String> sink) {
        this.stop = stop;
        this.sink = sink;
        longestStop = stop.stream().mapToInt(String::length).max().orElse(0);
    }

    /**
     * Adds the bytes of one token. A character that spans several tokens is emitted with the last of them.
     *
     * @return true if a stop string has ended the text
     */
    boolean add(byte[] token) {
        decode(token, false);
        int match = firstMatch();
        int open = firstOpen();
        if (match >= 0 && match <= open) {
            cut(match);
            return true;
        }
        flush(open);
        return false;
    }

    /** Where the first whole stop string begins in the held text, -1 if there is none. */
    private int firstMatch() {
        return stop.stream().mapToInt(held::indexOf).filter(at -> at >= 0).min().orElse(-1);
    }

    /** Where the held text may still become a stop string, its length if nowhere. */
    private int firstOpen() {
        int at = Math.max(0, held.length() - Math.max(0, longestStop - 1));
        while (at < held.length() && !opensStop(held.substring(at))) {
            at++;
        }
        return at;
    }

    private boolean opensStop(String end) {
        return stop.stream().anyMatch(s -> s.length() > end.length() && s.startsWith(end));
    }

    private void cut(int at) {
        held.setLength(at);
        flush(at);
        stopped = true;
    }

    /** Emits the text that was held back as the possible start of a stop string. */
    void end() {
        if (!stopped) {
            decode(new byte[0], true);
            int match = firstMatch();
            flush(match < 0 ? held.length() : match);
            stopped = true;
        }
    }

    private void decode(byte[] token, boolean last) {
        if (bytes.remaining() < token.length) {
            ByteBuffer larger = ByteBuffer.allocate(2 * (bytes.position() + token.length));
            larger.put(bytes.flip());
            bytes = larger;
        }
        bytes.put(token).flip();
        CharBuffer chars = CharBuffer.allocate(bytes.remaining() + 2);
        decoder.decode(bytes, chars, last);
        bytes.compact();
        held.append(chars.flip());
    }

    private void flush(int count) {
        if (count > 0) {
            sink.accept(held.substring(0, count));
            held.delete(0, count);
        }
    }
}
