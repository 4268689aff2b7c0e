package cloze.serve;

import java.util.List;

/**
 * The probability of a text under a model.
 *
 * @param tokens each scored token, in order
 * @param bytes of the scored text in UTF-8
 */
public record Score(List<Token> tokens, long bytes) {
    /**
     * One token.
     *
     * @param text of the token
     * @param logProbability given those before it, in nats
     */
    public record Token(int id, String text, double logProbability) {}

    public Score {
        tokens = List.copyOf(tokens);
    }

    /** The logarithm of the text's probability, in nats: the sum over its tokens. */
    public double logProbability() {
        return tokens.stream().mapToDouble(Token::logProbability).sum();
    }

    /** Mean negative log-probability, in nats per token. */
    public double nats() {
        return -logProbability() / tokens.size();
    }

    /** {@code exp(nats)}. */
    public double perplexity() {
        return Math.exp(nats());
    }

    /** Negative log-probability in bits for each byte of text: comparable between tokenizers. */
    public double bitsPerByte() {
        return -logProbability() / Math.log(2) / bytes;
    }
}
