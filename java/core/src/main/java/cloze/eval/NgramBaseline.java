package cloze.eval;

import cloze.stat.KneserNey;
import cloze.text.TextData;
import cloze.text.Tokens;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Interpolated Kneser-Ney n-grams of order 1 to 8 on the same held-out text, in bits per byte: a baseline for a small
 * language model. N-grams are of characters where the tokens are characters, of bytes otherwise.
 *
 * @param bitsPerByte of order 1, 2, ...
 */
public record NgramBaseline(List<Double> bitsPerByte) {
    /** The most symbols from which n-grams are counted: tables of order 8 take about 100 bytes for each. */
    private static final int MOST = (int) Math.min(8 << 20, Runtime.getRuntime().maxMemory() / 256);

    public NgramBaseline {
        bitsPerByte = List.copyOf(bitsPerByte);
    }

    public static NgramBaseline of(TextData data) {
        boolean characters = data.tokenizer() instanceof CharTokenizer;
        int[] train = characters ? ids(data.train()) : bytes(data.train(), data.tokenizer());
        int[] heldOut = characters ? ids(data.heldOut()) : bytes(data.heldOut(), data.tokenizer());
        int vocabulary = characters ? data.tokenizer().vocabularySize() : 256;
        double bytesPerSymbol = characters ? data.bytesPerToken() : 1;
        var results = new ArrayList<Double>();
        KneserNey longest = KneserNey.train(train, KneserNey.MAX_ORDER, vocabulary);
        for (int order = 1; order <= KneserNey.MAX_ORDER; order++) {
            double nats = longest.shorter(order).nats(heldOut);
            results.add(nats / Math.log(2) / bytesPerSymbol);
        }
        return new NgramBaseline(results);
    }

    private static int[] ids(Tokens tokens) {
        int count = (int) Math.min(MOST, tokens.count());
        return IntStream.range(0, count).map(tokens::at).toArray();
    }

    private static int[] bytes(Tokens tokens, Tokenizer tokenizer) {
        var bytes = new ByteArrayOutputStream();
        for (long i = 0; i < tokens.count() && bytes.size() < MOST; i++) {
            bytes.writeBytes(tokenizer.bytes(tokens.at(i)));
        }
        byte[] all = bytes.toByteArray();
        return IntStream.range(0, all.length).map(i -> all[i] & 0xFF).toArray();
    }

    /** The highest order that is no better than {@code bits} per byte, 0 if order 1 is better. */
    public int beaten(double bits) {
        int order = 0;
        while (order < bitsPerByte.size() && bits <= bitsPerByte.get(order)) {
            order++;
        }
        return order;
    }

    @Override
    public String toString() {
        return IntStream.rangeClosed(1, bitsPerByte.size())
                .mapToObj(n -> String.format(Locale.ROOT, "%d: %.3f", n, bitsPerByte.get(n - 1)))
                .collect(Collectors.joining("  ", "Kneser-Ney bits per byte by order  ", ""));
    }
}
