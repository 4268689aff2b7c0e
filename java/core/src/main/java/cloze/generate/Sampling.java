package cloze.generate;

import java.util.List;
import java.util.Locale;

/**
 * Options of text generation.
 *
 * @param tokens maximum number of generated tokens
 * @param temperature divisor of the logits; 0 always takes the most likely token
 * @param topK samples from the k most likely tokens; the lower id wins a tie; 0 for all
 * @param topP samples from the most likely tokens that together reach this probability, including the last one; 1 for
 *     all
 * @param seed of the random numbers: the same seed, prompt and options give the same text
 * @param stop strings that end the text; they are not part of it
 */
public record Sampling(int tokens, double temperature, int topK, double topP, long seed, List<String> stop) {
    /** 200 tokens at temperature 0.8, sampled from all tokens. */
    public static final Sampling DEFAULT = new Sampling(200, 0.8, 0, 1, 1337, List.of());

    public Sampling {
        require(tokens >= 0, "tokens", "0 or more", tokens);
        require(temperature >= 0 && temperature < Double.POSITIVE_INFINITY, "temperature", "0 or more", temperature);
        require(topK >= 0, "topK", "0 or more", topK);
        require(topP > 0 && topP <= 1, "topP", "in (0, 1]", topP);
        stop = List.copyOf(stop);
        require(!stop.contains(""), "stop", "without empty strings", stop);
    }

    private static void require(boolean holds, String what, String expected, Object actual) {
        if (!holds) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s must be %s, but it is %s", what, expected, actual));
        }
    }

    /** Takes the most likely token at every step. */
    public static Sampling greedy(int tokens) {
        return new Sampling(tokens, 0, 0, 1, 0, List.of());
    }

    public Sampling withTokens(int most) {
        return new Sampling(most, temperature, topK, topP, seed, stop);
    }

    public Sampling withTemperature(double value) {
        return new Sampling(tokens, value, topK, topP, seed, stop);
    }

    public Sampling withTopK(int k) {
        return new Sampling(tokens, temperature, k, topP, seed, stop);
    }

    public Sampling withTopP(double p) {
        return new Sampling(tokens, temperature, topK, p, seed, stop);
    }

    public Sampling withSeed(long value) {
        return new Sampling(tokens, temperature, topK, topP, value, stop);
    }

    public Sampling withStop(String... strings) {
        return new Sampling(tokens, temperature, topK, topP, seed, List.of(strings));
    }
}
