package cloze.text;

import cloze.io.DataException;
import cloze.io.Progress;
import cloze.text.bpe.BpeTokenizer;
import cloze.text.bpe.BpeTrainer;
import cloze.text.token.ByteTokenizer;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import cloze.text.token.Utf8;
import java.io.IOException;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Collectors;

/** Learns tokenizers from sources of any size, a piece of text at a time. */
public final class TokenizerTraining {
    /** Maximum text from which a run learns its merges; more adds little to a vocabulary. */
    static final long ENOUGH = 64 << 20;

    /** Receives the parts of documents, which begin and end at characters. */
    @FunctionalInterface
    private interface Parts {
        void part(byte[] bytes, int from, int to);
    }

    private TokenizerTraining() {}

    /** A token for each character of the texts. */
    public static CharTokenizer characters(List<TextSource> sources) throws IOException {
        var seen = new BitSet();
        read(sources, new ByteTokenizer().ordinary(), Long.MAX_VALUE, (bytes, from, to) -> {
            if (Utf8.firstBroken(bytes, from, to) < 0) {
                Utf8.codePoints(bytes, from, to, seen::set);
            } else {
                byte[] whole = Utf8.repair(bytes, from, to).bytes;
                Utf8.codePoints(whole, 0, whole.length, seen::set);
            }
        });
        return CharTokenizer.of(seen);
    }

    /**
     * A byte-level BPE.
     *
     * @param vocabulary number of tokens
     * @param most bytes of text after which no more is read
     */
    public static BpeTokenizer merges(int vocabulary, List<TextSource> sources, long most) throws IOException {
        var trainer = new BpeTrainer(BpeTrainer.Config.gpt2(vocabulary));
        Tokenizer words =
                new BpeTrainer(BpeTrainer.Config.gpt2(257)).train(Progress.NONE).ordinary();
        read(sources, words, most, trainer::add);
        return trainer.train(Progress.NONE);
    }

    private static void read(List<TextSource> sources, Tokenizer cutter, long most, Parts parts) throws IOException {
        long read = 0;
        for (TextSource source : sources) {
            try (TextPieces pieces = new TextPieces(source, cutter, TextSource.Position.START)) {
                for (TextPieces.Piece piece = pieces.next(); piece != null && read < most; piece = pieces.next()) {
                    for (TextPieces.Part part : piece.parts) {
                        parts.part(piece.bytes, part.from(), part.to());
                        read += part.to() - part.from();
                    }
                }
            }
        }
        if (read == 0) {
            throw none(sources.stream().map(TextSource::name).collect(Collectors.joining(", ")));
        }
    }

    static DataException none(String name) {
        return new DataException(name + ": expected text, found none");
    }
}
