package cloze.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * UTF-16 or UTF-32 as UTF-8. A part that is broken becomes the byte 0xFF, which is no UTF-8 either, so that it is counted
 * or refused as broken text of any other encoding.
 */
final class Transcoding extends InputStream {
    private static final byte BROKEN = (byte) 0xFF;

    private final InputStream from;
    private final CharsetDecoder decoder;
    private final int unit;
    private final ByteBuffer in = ByteBuffer.allocate(1 << 16).flip();
    private final CharBuffer chars = CharBuffer.allocate(1 << 15);
    private ByteBuffer out = ByteBuffer.allocate(0);
    private boolean ended;
    private boolean flushed;

    Transcoding(InputStream from, Charset charset) {
        this.from = from;
        unit = charset.name().startsWith("UTF-16") ? Short.BYTES : Integer.BYTES;
        decoder = charset.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] bytes, int start, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        while (!out.hasRemaining() && !flushed) {
            fill();
        }
        int count = Math.min(length, out.remaining());
        out.get(bytes, start, count);
        return count == 0 ? -1 : count;
    }

    private void fill() throws IOException {
        if (!ended) {
            in.compact();
            int read = from.read(in.array(), in.position(), in.remaining());
            ended = read < 0;
            in.position(in.position() + Math.max(0, read)).flip();
        }
        CoderResult result = decoder.decode(in, chars, ended);
        if (result.isUnderflow() && ended) {
            decoder.flush(chars);
            flushed = true;
        }
        ByteBuffer utf8 = StandardCharsets.UTF_8.encode(chars.flip());
        chars.clear();
        if (result.isError()) {
            in.position(in.position() + Math.min(result.length(), unit)); // what follows half a pair may be whole
            utf8 = ByteBuffer.allocate(utf8.remaining() + 1)
                    .put(utf8)
                    .put(BROKEN)
                    .flip();
        }
        out = utf8;
    }

    @Override
    public void close() throws IOException {
        from.close();
    }
}
