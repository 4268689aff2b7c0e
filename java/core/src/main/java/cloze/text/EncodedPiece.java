package cloze.text;

import cloze.io.DataException;
import cloze.text.token.TokenBuffer;
import cloze.text.token.Tokenizer;
import cloze.text.token.UnknownCharacterException;
import cloze.text.token.Utf8;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * The tokens of a {@link TextPieces.Piece}, encoded as bytes of a token file.
 *
 * @param next position in the source after the piece
 */
record EncodedPiece(
        ByteBuffer ids, TextSource.Position next, long consumed, long documents, long textBytes, long replaced) {

    static EncodedPiece of(TextPieces.Piece piece, Tokenizer tokenizer, OptionalInt end, boolean strict, int width)
            throws IOException {
        TokenBuffer out = new TokenBuffer(piece.bytes.length / 3);
        long documents = 0;
        long textBytes = 0;
        long replaced = 0;
        for (TextPieces.Part part : piece.parts) {
            byte[] text = piece.bytes;
            int from = part.from();
            int to = part.to();
            int broken = Utf8.firstBroken(text, from, to);
            if (broken >= 0) {
                Utf8.Repaired whole = repair(text, part, broken, strict);
                replaced += whole.replaced;
                text = whole.bytes;
                from = 0;
                to = text.length;
            }
            encode(tokenizer, text, from, to, part, out);
            textBytes += to - from;
            if (part.endsDocument()) {
                documents++;
                end.ifPresent(out::add);
            }
        }
        return new EncodedPiece(pack(out, width), piece.next, piece.consumed, documents, textBytes, replaced);
    }

    private static Utf8.Repaired repair(byte[] text, TextPieces.Part part, int broken, boolean strict)
            throws DataException {
        if (strict) {
            String place = "byte " + (part.offset() + broken - part.from());
            throw new DataException(
                    part.file(), place, "UTF-8", String.format(Locale.ROOT, "0x%02x", text[broken] & 0xFF));
        }
        return Utf8.repair(text, part.from(), part.to());
    }

    private static void encode(
            Tokenizer tokenizer, byte[] text, int from, int to, TextPieces.Part part, TokenBuffer out)
            throws DataException {
        try {
            tokenizer.encode(text, from, to, out);
        } catch (UnknownCharacterException e) {
            String place = "byte " + (part.offset() + e.offset());
            String found = UnknownCharacterException.describe(e.codePoint());
            throw new DataException(part.file(), place, "a character of the vocabulary", found);
        }
    }

    private static ByteBuffer pack(TokenBuffer tokens, int width) {
        ByteBuffer bytes =
                ByteBuffer.allocate(Math.multiplyExact(tokens.size(), width)).order(ByteOrder.LITTLE_ENDIAN);
        int[] ids = tokens.array();
        for (int i = 0; i < tokens.size(); i++) {
            if (width == Short.BYTES) {
                bytes.putShort(width * i, (short) ids[i]);
            } else {
                bytes.putInt(width * i, ids[i]);
            }
        }
        return bytes;
    }
}
